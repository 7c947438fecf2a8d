//! Laws that hold for every architecture, whatever the weights.

mod host;
mod int8;
mod language_model;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot};

use crate::config::{
    Activation, Architecture, BranchKind, BranchSpec, ConvolutionKind, ModelConfig, PaddingMask, PositionKind,
    ShareEmbeddings, StackConfig, VocabularySizes,
};
use crate::draws::filled;
use crate::seq2seq::Seq2Seq;
use crate::tokens::PAD;
use crate::{cost, layout};

/// Two float32 evaluations of the same sums in another order.
const TOLERANCE: f32 = 1e-5;
const VOCABULARY: usize = 20;

fn configs() -> Vec<ModelConfig> {
    let new = |architecture| ModelConfig {
        encoder_layers: 2,
        decoder_layers: 2,
        n_heads: 2,
        branch_heads: 2,
        kernel_sizes: vec![3, 7],
        ..ModelConfig::new(architecture, 16, 24)
    };
    vec![
        new(Architecture::Lite),
        ModelConfig {
            convolution: ConvolutionKind::Lightweight,
            ..new(Architecture::Lite)
        },
        ModelConfig {
            pre_norm: true,
            ..new(Architecture::Lite)
        },
        new(Architecture::Transformer),
        new(Architecture::LightConv),
        new(Architecture::DynamicConv),
        new(Architecture::Evolved),
        two_stacks(),
        ModelConfig {
            decoder: two_stacks().decoder,
            share_embeddings: ShareEmbeddings::None,
            activation: Activation::GeluTanh,
            ..new(Architecture::Transformer)
        },
    ]
}

/// Two stacks that have next to nothing in common.
fn two_stacks() -> ModelConfig {
    let branch = |kind, channels, n_heads, kernel_size| BranchSpec {
        kind,
        channels,
        n_heads,
        kernel_size,
    };
    ModelConfig {
        encoder_layers: 1,
        decoder_layers: 2,
        share_embeddings: ShareEmbeddings::Decoder,
        encoder: StackConfig {
            d_model: Some(12),
            d_ff: Some(20),
            branches: Some(vec![
                branch(BranchKind::Dynamic, 4, 2, Some(5)),
                branch(BranchKind::Attention, 6, 3, None),
                branch(BranchKind::Lightweight, 2, 1, None),
            ]),
            positions: Some(PositionKind::Learned),
            ..StackConfig::default()
        },
        decoder: StackConfig {
            n_heads: Some(8),
            kernel_sizes: Some(vec![1, 4]),
            glu: Some(false),
            pre_norm: Some(true),
            branches: Some(vec![
                branch(BranchKind::Lightweight, 4, 4, Some(2)),
                branch(BranchKind::Dynamic, 12, 2, None),
            ]),
            ..StackConfig::default()
        },
        ..ModelConfig::new(Architecture::Lite, 16, 24)
    }
}

/// The model of `config`, the same whenever it is asked for.
fn model(config: &ModelConfig, device: &Device) -> Seq2Seq {
    filled(config.init(VocabularySizes::joint(VOCABULARY), device).unwrap(), 7)
}

fn largest(x: Tensor<3>) -> f32 {
    x.abs().max().into_scalar()
}

fn source(device: &Device) -> Tensor<2, Int> {
    Tensor::from_ints([[5, 9, 4, 17, 8, 2], [7, 7, 12, 4, 19, 2]], device)
}

fn target(device: &Device) -> Tensor<2, Int> {
    Tensor::from_ints([[2, 6, 11, 18, 4], [2, 4, 13, 9, 9]], device)
}

#[test]
fn a_later_token_changes_nothing_before_it() {
    let device = Device::flex();
    for config in configs() {
        let model = model(&config, &device);
        let before = model.features(source(&device), target(&device));
        let changed = Tensor::from_ints([[2, 6, 11, 5, 4], [2, 4, 13, 8, 9]], &device);
        let after = model.features(source(&device), changed);
        let difference = before - after;
        assert!(largest(difference.clone().slice([0..2, 0..3])) == 0.0, "{config:?}");
        assert!(
            largest(difference.slice([0..2, 3..5])) > 1e-3,
            "{config:?}: the change has no effect at all"
        );
    }
}

#[test]
fn every_source_token_reaches_the_output() {
    let device = Device::flex();
    for config in configs() {
        let model = model(&config, &device);
        let before = model.features(source(&device), target(&device));
        let changed = Tensor::from_ints([[6, 9, 4, 17, 8, 2], [8, 7, 12, 4, 19, 2]], &device);
        assert!(
            largest(before - model.features(changed, target(&device))) > 1e-3,
            "{config:?}"
        );
    }
}

#[test]
fn steps_equal_the_full_pass_and_survive_reordering() {
    let device = Device::flex();
    for config in configs() {
        let model = model(&config, &device);
        let memory = model.encode(source(&device));
        let (full, _) = model.decode(target(&device), &memory);
        let mut state = model.begin(&memory);
        let mut order = [0, 1];
        for t in 0..5 {
            if t == 2 || t == 4 {
                order.reverse();
                state.select(Tensor::from_ints([1, 0], &device));
            }
            if t == 3 {
                // Back and forth leaves every row with its source.
                state.reorder(Tensor::from_ints([1, 0], &device));
                state.reorder(Tensor::from_ints([1, 0], &device));
            }
            let rows = Tensor::<1, Int>::from_ints([order[0], order[1]], &device);
            let tokens = target(&device).slice([0..2, t..t + 1]).select(0, rows.clone());
            let found = model.step(tokens, &mut state).features.unsqueeze_dim::<3>(1);
            let expected = full.clone().slice([0..2, t..t + 1]).select(0, rows);
            assert!(largest(found - expected) < TOLERANCE, "{config:?} step {t}");
        }
    }
}

/// It is computed when asked for, also of a model that learns, whose layers are other kernels.
#[test]
fn attention_to_the_source_is_the_same_in_training() {
    for config in configs() {
        let config = ModelConfig { dropout: 0.0, ..config };
        let device = Device::flex();
        let model = model(&config, &device);
        let (_, expected) = model.decode(target(&device), &model.encode(source(&device)));
        let (model, device) = (model.train(), device.autodiff());
        let (_, found) = model.decode(target(&device), &model.encode(source(&device)));
        assert!(largest(found.inner() - expected) < TOLERANCE, "{config:?}");
    }
}

#[test]
fn dropping_and_repeating_rows_keeps_the_others() {
    let device = Device::flex();
    for config in configs() {
        let model = model(&config, &device);
        let memory = model.encode(source(&device));
        let (full, _) = model.decode(target(&device), &memory);
        let mut state = model.begin(&memory);
        model.step(target(&device).slice([0..2, 0..1]), &mut state);
        state.select(Tensor::from_ints([1, 1, 1], &device));
        let token = target(&device).slice([1..2, 1..2]).repeat_dim(0, 3);
        let found = model.step(token, &mut state).features.unsqueeze_dim::<3>(1);
        let expected = full.slice([1..2, 1..2]).repeat_dim(0, 3);
        assert!(largest(found - expected) < TOLERANCE, "{config:?}");
    }
}

/// How far the features of the second sentence move when it is padded, by side.
fn padding_effect(config: &ModelConfig, left: bool) -> f32 {
    let device = Device::flex();
    let model = model(config, &device);
    let pad = PAD as i32;
    let padded = if left {
        [[5, 9, 4, 17, 8, 2], [pad, pad, pad, 12, 4, 2]]
    } else {
        [[5, 9, 4, 17, 8, 2], [12, 4, 2, pad, pad, pad]]
    };
    let padded = model.features(Tensor::from_ints(padded, &device), target(&device));
    let alone = model.features(
        Tensor::from_ints([[12, 4, 2]], &device),
        target(&device).narrow(0, 1, 1),
    );
    largest(padded.narrow(0, 1, 1) - alone)
}

#[test]
fn padding_is_invisible_when_masked_after_the_projection() {
    for config in configs() {
        for left in [true, false] {
            let effect = padding_effect(&config, left);
            assert!(effect < TOLERANCE, "{config:?}, left {left}: {effect}");
        }
    }
}

#[test]
fn padding_leaks_through_the_bias_when_masked_before_as_in_the_reference() {
    for config in configs() {
        assert!(!config.depends_on_padding());
        let config = ModelConfig {
            padding_mask: PaddingMask::BeforeProjection,
            ..config
        };
        // The convolutions of `evolved` mask their own input.
        let depends = !matches!(config.architecture, Architecture::Transformer | Architecture::Evolved);
        assert_eq!(config.depends_on_padding(), depends, "{config:?}");
        assert_eq!(padding_effect(&config, true) > 1e-3, depends, "{config:?}");
    }
}

#[test]
fn dropout_acts_in_training_only() {
    let device = Device::flex();
    for config in configs() {
        let config = ModelConfig {
            dropout: 0.5,
            attention_dropout: 0.5,
            weight_dropout: 0.5,
            ..config
        };
        let evaluated = model(&config, &device);
        let twice = [0; 2].map(|_| evaluated.features(source(&device), target(&device)));
        assert_eq!(largest(twice[0].clone() - twice[1].clone()), 0.0, "{config:?}");
        let trained = model(&config, &device.clone().autodiff());
        let autodiff = device.clone().autodiff();
        let twice = [0; 2].map(|_| trained.features(source(&autodiff), target(&autodiff)).inner());
        assert!(largest(twice[0].clone() - twice[1].clone()) > 1e-3, "{config:?}");
    }
}

#[test]
fn a_file_of_weights_is_laid_out_as_the_description_says() {
    let device = Device::flex();
    let sizes = VocabularySizes::joint(VOCABULARY);
    for config in configs() {
        check_layout(&config.init(sizes, &device).unwrap(), &config);
    }
}

fn check_layout(model: &impl ModuleSnapshot, config: &ModelConfig) {
    let sizes = VocabularySizes::joint(VOCABULARY);
    let Some(mut expected) = layout::tensors(config, sizes) else {
        assert_eq!(config.architecture, Architecture::Evolved);
        return;
    };
    let mut found: Vec<(String, Vec<usize>)> = model
        .collect(None, Some(Box::new(BurnToPyTorchAdapter)), true)
        .iter()
        .map(|tensor| (tensor.name.replace(".feed_forward.", "."), tensor.shape.to_vec()))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{config:?}");
    let n_parameters: usize = expected.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert_eq!(cost::parameters(config, sizes).total, n_parameters, "{config:?}");
}

/// A branch beside one of the rest of 16 channels.
fn with_branch(channels: usize, n_heads: usize) -> Option<Vec<BranchSpec>> {
    let branch = |channels, n_heads| BranchSpec {
        kind: BranchKind::Attention,
        channels,
        n_heads,
        kernel_size: None,
    };
    Some(vec![
        branch(channels, n_heads),
        branch(16usize.wrapping_sub(channels), 2),
    ])
}

#[test]
fn what_cannot_be_built_is_refused_with_its_key() {
    type Change = fn(&mut ModelConfig);
    let sizes = VocabularySizes::joint(VOCABULARY);
    let base = configs().remove(0);
    let cases: &[(Change, &str)] = &[
        (|config| config.n_heads = 3, "n_heads"),
        (|config| config.branch_heads = 3, "branch_heads"),
        (|config| config.kernel_sizes = vec![3], "kernel_sizes"),
        (|config| config.kernel_sizes = vec![3, 4], "kernel_sizes"),
        (|config| config.dropout = 1.0, "dropout"),
        (|config| config.d_ff = 0, "d_ff"),
        (|config| config.encoder_layers = 0, "encoder_layers"),
        (
            |config| (config.architecture, config.d_model) = (Architecture::Evolved, 24),
            "d_model",
        ),
        (|config| config.attention_channels = Some(16), "attention_channels"),
        (|config| config.decoder.n_heads = Some(3), "n_heads"),
        (|config| config.branches = two_stacks().encoder.branches, "branches"),
        (|config| config.branches = with_branch(0, 2), "branches"),
        (|config| config.branches = with_branch(2, 0), "branches"),
        // 16 together, were their sum to go around.
        (|config| config.branches = with_branch(usize::MAX - 1, 2), "branches"),
        (|config| config.max_source_positions = 1 << 23, "max_source_positions"),
        (
            |config| config.max_target_positions = usize::MAX,
            "max_target_positions",
        ),
        (
            |config| {
                *config = ModelConfig {
                    share_embeddings: ShareEmbeddings::All,
                    ..two_stacks()
                }
            },
            "share_embeddings",
        ),
    ];
    for (change, key) in cases {
        let mut config = base.clone();
        change(&mut config);
        assert_eq!(config.validate(sizes).unwrap_err().key, *key, "{config:?}");
    }
    let evolved = ModelConfig {
        architecture: Architecture::Evolved,
        branches: with_branch(8, 2),
        ..base.clone()
    };
    assert_eq!(
        evolved.validate(sizes).unwrap_err().to_string(),
        "`branches`: found a value, expected none in an evolved model, whose cells have none"
    );
    let separate = VocabularySizes { source: 9, target: 10 };
    assert_eq!(base.validate(separate).unwrap_err().key, "share_embeddings");
}
