//! Language models: activations, log-probabilities, losses and gradients of the reference's `language-model` branch.

use std::path::PathBuf;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};

use super::{LOSS_TOLERANCE, Tensors, at_hand, check_gradients, check_mixer, close, devices};
use crate::config::ModelConfig;
use crate::decoder::DecoderBlock;
use crate::language_model::LanguageModel;
use crate::long_short::Masks;
use crate::seq2seq::causal_mask;
use crate::tokens::PAD;
use crate::weights;

/// The reference's own float32 noise: activations without a final norm grow from layer to layer (golden README,
/// point 14).
const ACTIVATION_TOLERANCE: f32 = 3e-5;
/// Sums of logits up to 40.
const LOG_PROBABILITY_TOLERANCE: f32 = 3e-5;

struct Golden {
    name: String,
    folder: PathBuf,
    config: ModelConfig,
    vocabulary: usize,
    io: Tensors,
}

/// One entry of `language_models.toml`.
#[derive(serde::Deserialize)]
struct Description {
    vocabulary: usize,
    model: ModelConfig,
}

fn goldens() -> Vec<Golden> {
    let list = include_str!("../../tests/fixtures/golden/language_models.toml");
    let golden = |(name, folder, description): (String, PathBuf, Description)| Golden {
        io: Tensors::read(&folder.join("io.safetensors")),
        name,
        folder,
        config: description.model,
        vocabulary: description.vocabulary,
    };
    at_hand(list, 1).into_iter().map(golden).collect()
}

impl Golden {
    fn model(&self, device: &Device) -> LanguageModel {
        let model = self.config.init_language_model(self.vocabulary, device).unwrap();
        weights::load(model, &self.folder.join("model.safetensors")).unwrap()
    }

    fn log_probabilities(&self, model: &LanguageModel, tokens: Tensor<2, Int>) -> Tensor<3> {
        let [batch_size, length] = tokens.dims();
        let features = model.features(tokens);
        model
            .log_probabilities(features.reshape([batch_size * length, self.config.d_model]))
            .reshape([batch_size, length, self.vocabulary])
    }
}

fn flat(features: Tensor<3>) -> Tensor<2> {
    let [batch_size, length, d_model] = features.dims();
    features.reshape([batch_size * length, d_model])
}

#[test]
fn outputs_equal_the_reference() {
    for device in devices() {
        for golden in goldens() {
            let Golden { name, io, .. } = &golden;
            let model = golden.model(&device);
            let tokens = io.ints("src_tokens", &device);
            let features = model.features(tokens.clone());
            // Features of an adaptive output, logits of a plain one.
            if golden.config.adaptive_softmax.is_some() {
                let expected = io.float("features", &device);
                close(&format!("{name} features"), &features, &expected, ACTIVATION_TOLERANCE);
            } else {
                let [batch_size, length, _] = features.dims();
                let part = model.output_parts(flat(features.clone()), &[]).remove(0);
                let logits = part.features.matmul(part.weight.transpose());
                let logits = logits.reshape([batch_size, length, golden.vocabulary]);
                let expected = io.float("logits", &device);
                close(&format!("{name} logits"), &logits, &expected, ACTIVATION_TOLERANCE);
            }
            let found = golden.log_probabilities(&model, tokens);
            let expected: Tensor<3> = io.float("lprobs", &device);
            close(&format!("{name} lprobs"), &found, &expected, LOG_PROBABILITY_TOLERANCE);
        }
    }
}

#[test]
fn activations_equal_the_reference() {
    let device = Device::flex();
    for golden in goldens() {
        let io = &golden.io;
        let decoder = golden.model(&device).decoder;
        let check = |what: String, found: &Tensor<3>| {
            let expected = io.activation(&format!("act.{what}"), &device);
            let what = format!("{} {what}", golden.name);
            close(&what, found, &expected, ACTIVATION_TOLERANCE);
        };
        let tokens = io.ints("src_tokens", &device);
        let [_, length] = tokens.dims();
        let masks = Masks {
            attention: Some(causal_mask(length, &device)),
            keep: None,
        };
        let mut x = decoder.embed_tokens.forward(tokens.clone()) + decoder.embed_positions.forward(&tokens);
        check("decoder.embed".into(), &x);
        for (i, layer) in decoder.layers.iter().enumerate() {
            let input = layer.self_attn_layer_norm.forward(x.clone());
            check(format!("decoder.layers.{i}.self_attn_layer_norm"), &input);
            let at = format!("decoder.layers.{i}.self_attn");
            check_mixer(&check, &at, &layer.self_attn, input, &masks);
            let (output, attention) = layer.forward(x, &masks, &[]);
            assert!(attention.is_none());
            x = output;
            check(format!("decoder.layers.{i}"), &x);
        }
        if let Some(norm) = &decoder.layer_norm {
            check("decoder.layer_norm".into(), &norm.forward(x));
        }
    }
}

#[test]
fn sentences_alone_equal_the_reference() {
    let device = Device::flex();
    for golden in goldens() {
        let model = golden.model(&device);
        let tokens = golden.io.ints("src_tokens", &device);
        for i in 0..3 {
            let row = tokens.clone().narrow(0, i, 1);
            let length: i32 = row.clone().not_equal_elem(PAD).int().sum().into_scalar();
            let found = golden.log_probabilities(&model, row.slice([0..1, 0..length as usize]));
            let expected: Tensor<3> = golden.io.float(&format!("single{i}.lprobs"), &device);
            let what = format!("{} single{i}", golden.name);
            close(&what, &found, &expected, LOG_PROBABILITY_TOLERANCE);
        }
    }
}

#[test]
fn steps_equal_the_reference() {
    let device = Device::flex();
    for golden in goldens() {
        let model = golden.model(&device);
        let tokens = golden.io.ints("src_tokens", &device);
        let expected: Tensor<3> = golden.io.float("incremental_lprobs", &device);
        let mut state = model.begin();
        let [batch_size, length] = tokens.dims();
        for t in 0..length {
            let token = tokens.clone().slice([0..batch_size, t..t + 1]);
            let found = model.log_probabilities(model.step(token.clone(), &mut state));
            // Past the end of a sentence the reference's own two passes differ.
            let is_token = token.not_equal_elem(PAD).float();
            let expected = expected.clone().slice([0..batch_size, t..t + 1]).squeeze_dim::<2>(1);
            close(
                &format!("{} step {t}", golden.name),
                &(found * is_token.clone()),
                &(expected * is_token),
                LOG_PROBABILITY_TOLERANCE,
            );
        }
    }
}

/// The loss as the reference trains it: cross-entropy, or `adaptive_loss`, which takes entry 1 of every cluster for
/// padding.
fn loss(model: &LanguageModel, tokens: Tensor<2, Int>, targets: &[i32]) -> Tensor<1> {
    let features = flat(model.features(tokens));
    let device = features.device();
    let parts = model.output_parts(features, targets).into_iter().map(|part| {
        let keep: Vec<f32> = part
            .targets
            .iter()
            .map(|&t| f32::from(u8::from(t != PAD as i32)))
            .collect();
        (part.log_probabilities() * Tensor::from_floats(keep.as_slice(), &device)).sum()
    });
    -parts.reduce(|a, b| a + b).unwrap()
}

#[test]
fn loss_and_gradients_equal_the_reference() {
    for device in devices() {
        for golden in goldens() {
            let autodiff = device.clone().autodiff();
            let model = golden.model(&autodiff);
            let targets = golden.io.ints("target", &device).into_data();
            let targets: Vec<i32> = targets.iter::<i32>().collect();
            let loss = loss(&model, golden.io.ints("src_tokens", &autodiff), &targets);
            let expected: f32 = golden.io.float::<1>("loss", &device).into_scalar();
            let found: f32 = loss.clone().inner().into_scalar();
            assert!(
                (found - expected).abs() <= LOSS_TOLERANCE,
                "{}: loss {found}, expected {expected}",
                golden.name
            );
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            check_gradients(&golden.name, &golden.folder, model, gradients, &device);
        }
    }
}

#[test]
fn parts_add_up_to_the_log_probabilities_of_the_targets() {
    let device = Device::flex();
    for golden in goldens() {
        let model = golden.model(&device);
        let tokens = golden.io.ints("src_tokens", &device);
        let targets: Vec<i32> = golden.io.ints("target", &device).into_data().iter::<i32>().collect();
        let features = flat(model.features(tokens));
        let all = model.log_probabilities(features.clone()).into_data();
        let all = all.as_slice::<f32>().unwrap();
        let mut found = vec![0f32; targets.len()];
        for part in model.output_parts(features, &targets) {
            let values = part.log_probabilities().into_data();
            for (&row, value) in part.rows.iter().zip(values.iter::<f32>()) {
                found[row as usize] += value;
            }
        }
        for (row, (&target, found)) in targets.iter().zip(found).enumerate() {
            let expected = all[row * golden.vocabulary + target as usize];
            assert!((found - expected).abs() < 1e-5, "{} row {row}", golden.name);
        }
    }
}

#[test]
fn weights_written_and_read_are_the_same() {
    let device = Device::flex();
    for golden in goldens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let model = golden.model(&device);
        weights::save(&model, &path).unwrap();
        let written = Tensors::read(&path);
        let reference = Tensors::read(&golden.folder.join("model.safetensors"));
        for (name, values) in &written.0 {
            assert_eq!(Some(values), reference.0.get(name), "{} {name}", golden.name);
        }
        let gradients = Tensors::read(&golden.folder.join("grads.safetensors"));
        assert!(written.0.keys().eq(gradients.0.keys()), "{}", golden.name);
    }
}
