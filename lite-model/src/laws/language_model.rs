//! Laws of language models, whatever the weights.

use burn::tensor::{Device, Int, Tensor};

use super::{TOLERANCE, VOCABULARY, check_layout, configs, largest};
use crate::config::{AdaptiveInputConfig, AdaptiveSoftmaxConfig, ModelConfig, ShareEmbeddings, Stack, Task};
use crate::draws::filled;
use crate::language_model::LanguageModel;
use crate::tokens::PAD;

/// Every architecture with every kind of input and output.
fn language_models() -> Vec<ModelConfig> {
    let input = AdaptiveInputConfig {
        cutoffs: vec![6, 11],
        factor: 2.0,
    };
    let softmax = |tie_weights, tie_projections| AdaptiveSoftmaxConfig {
        cutoffs: vec![6, 11],
        factor: 2.0,
        dropout: 0.0,
        tie_weights,
        tie_projections,
    };
    // The first band is the whole vocabulary: there is no cluster.
    let one_band = AdaptiveInputConfig {
        cutoffs: vec![VOCABULARY],
        ..input.clone()
    };
    let no_cluster = AdaptiveSoftmaxConfig {
        cutoffs: vec![VOCABULARY],
        ..softmax(true, true)
    };
    let outputs = [
        (None, None),
        (None, Some(softmax(false, false))),
        (Some(input.clone()), None),
        (Some(input.clone()), Some(softmax(false, false))),
        (Some(input.clone()), Some(softmax(true, false))),
        (Some(input), Some(softmax(true, true))),
        (Some(one_band), Some(no_cluster)),
    ];
    let bases = configs().into_iter().filter(|config| !config.pre_norm);
    let bases = bases.map(|config| config.stack(Stack::Decoder));
    bases
        .flat_map(|base| {
            outputs.clone().map(|(adaptive_input, adaptive_softmax)| ModelConfig {
                task: Task::LanguageModel,
                pre_norm: true,
                final_norm: adaptive_softmax.as_ref().map(|softmax| !softmax.tie_projections),
                share_embeddings: match adaptive_input {
                    Some(_) => ShareEmbeddings::None,
                    None => ShareEmbeddings::All,
                },
                adaptive_input,
                adaptive_softmax,
                ..base.clone()
            })
        })
        .collect()
}

fn model(config: &ModelConfig, device: &Device) -> LanguageModel {
    filled(config.init_language_model(VOCABULARY, device).unwrap(), 7)
}

fn tokens(device: &Device) -> Tensor<2, Int> {
    Tensor::from_ints([[2, 6, 11, 18, 4], [2, 7, 13, 9, 12]], device)
}

#[test]
fn a_file_of_weights_is_laid_out_as_the_description_says() {
    let device = Device::flex();
    for config in language_models() {
        check_layout(&config.init_language_model(VOCABULARY, &device).unwrap(), &config);
    }
}

#[test]
fn a_later_token_changes_nothing_before_it() {
    let device = Device::flex();
    for config in language_models() {
        let model = model(&config, &device);
        let changed = Tensor::from_ints([[2, 6, 11, 5, 4], [2, 7, 13, 19, 12]], &device);
        let difference = model.features(tokens(&device)) - model.features(changed);
        assert!(largest(difference.clone().slice([0..2, 0..3])) == 0.0, "{config:?}");
        assert!(largest(difference.slice([0..2, 3..5])) > 1e-3, "{config:?}");
    }
}

#[test]
fn every_earlier_token_reaches_the_output() {
    let device = Device::flex();
    for config in language_models() {
        let model = model(&config, &device);
        let changed = Tensor::from_ints([[2, 8, 11, 18, 4], [2, 3, 13, 9, 12]], &device);
        let difference = model.features(tokens(&device)) - model.features(changed);
        assert!(largest(difference.slice([0..2, 4..5])) > 1e-4, "{config:?}");
    }
}

#[test]
fn steps_equal_the_full_pass_and_survive_reordering() {
    let device = Device::flex();
    for config in language_models() {
        let model = model(&config, &device);
        let full = model.features(tokens(&device));
        let mut state = model.begin();
        let mut order = [0, 1];
        for t in 0..5 {
            if t == 2 || t == 4 {
                order.reverse();
                state.select(Tensor::from_ints([1, 0], &device));
            }
            let rows = Tensor::<1, Int>::from_ints(order, &device);
            let token = tokens(&device).slice([0..2, t..t + 1]).select(0, rows.clone());
            let found = model.step(token, &mut state).unsqueeze_dim::<3>(1);
            let expected = full.clone().slice([0..2, t..t + 1]).select(0, rows);
            assert!(largest(found - expected) < TOLERANCE, "{config:?} step {t}");
        }
        assert_eq!(state.n_steps(), 5);
    }
}

#[test]
fn padding_on_the_right_is_invisible() {
    let device = Device::flex();
    let pad = PAD as i32;
    for config in language_models() {
        let model = model(&config, &device);
        let padded = Tensor::from_ints([[2, 6, 11, pad, pad], [2, 7, 13, 9, 12]], &device);
        let padded = model.features(padded).slice([0..1, 0..3]);
        let alone = model.features(Tensor::from_ints([[2, 6, 11]], &device));
        assert!(largest(padded - alone) < TOLERANCE, "{config:?}");
    }
}

#[test]
fn probabilities_add_up_to_one() {
    let device = Device::flex();
    for config in language_models() {
        let model = model(&config, &device);
        let features = model.features(tokens(&device)).reshape([10, config.d_model]);
        let total = model.log_probabilities(features).exp().sum_dim(1);
        assert_eq!(total.dims(), [10, 1]);
        assert!(largest((total - 1.0).unsqueeze_dim::<3>(0)) < TOLERANCE, "{config:?}");
    }
}

#[test]
fn one_task_is_not_built_for_the_other() {
    let device = Device::flex();
    let language_model = language_models().remove(0);
    let seq2seq = configs().remove(0);
    let sizes = crate::VocabularySizes::joint(VOCABULARY);
    assert_eq!(language_model.init(sizes, &device).unwrap_err().key, "task");
    assert_eq!(
        seq2seq.init_language_model(VOCABULARY, &device).unwrap_err().key,
        "task"
    );
}
