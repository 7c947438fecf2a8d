//! Equal to the authors' code: the same weights and inputs give the same activations, logits, losses and gradients.
//!
//! `tests/fixtures/golden` holds three configurations; where the directory of all of them stands beside the
//! checkout (`../shared/golden`), the others are held to the reference too.

mod language_model;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::de::DeserializeOwned;

use crate::config::{ModelConfig, VocabularySizes};
use crate::decoder::DecoderBlock;
use crate::long_short::{Branch, Masks, TokenMixer};
use crate::seq2seq::{Seq2Seq, causal_mask};
use crate::tokens::PAD;
use crate::weights;

/// The reference's own float32 noise (golden README, point 14).
const ACTIVATION_TOLERANCE: f32 = 2e-5;
const GRADIENT_TOLERANCE: f32 = 3e-5;
/// Three units in the last place: a gradient above 100 has no finer ones.
const ROUNDING: f32 = 3.0 * f32::EPSILON;
const LOSS_TOLERANCE: f32 = 5e-5;

struct Golden {
    name: String,
    folder: PathBuf,
    config: ModelConfig,
    sizes: VocabularySizes,
    io: Tensors,
}

struct Tensors(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Tensors {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let parsed = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = parsed.iter().map(|(name, tensor)| {
            let data = tensor.data();
            let values = match tensor.dtype() {
                Dtype::F32 => data
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                    .collect(),
                Dtype::I64 => data
                    .chunks_exact(8)
                    .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32)
                    .collect(),
                Dtype::U8 => data.iter().map(|b| f32::from(*b)).collect(),
                other => panic!("{name}: {other:?}"),
            };
            (name.to_owned(), (tensor.shape().to_vec(), values))
        });
        Self(tensors.collect())
    }

    fn float<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (shape, values) = self.0.get(name).unwrap_or_else(|| panic!("no tensor {name}"));
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), device)
    }

    fn ints(&self, name: &str, device: &Device) -> Tensor<2, Int> {
        self.float::<2>(name, device).int()
    }

    /// The reference's `[time, batch, channels]` as our `[batch, time, channels]`.
    fn activation(&self, name: &str, device: &Device) -> Tensor<3> {
        self.float::<3>(name, device).swap_dims(0, 1)
    }
}

fn close<const D: usize>(what: &str, found: &Tensor<D>, expected: &Tensor<D>, tolerance: f32) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let difference: f32 = (found.clone() - expected.clone()).abs().max().into_scalar();
    assert!(
        difference <= tolerance,
        "{what}: differs by {difference}, expected {tolerance} at most"
    );
}

/// One entry of `configs.toml`.
#[derive(serde::Deserialize)]
struct Description {
    sizes: VocabularySizes,
    model: ModelConfig,
}

/// The configurations of a list that are at hand, each with its folder: `n_fixtures` always, all of them beside the full
/// directory.
fn at_hand<D: DeserializeOwned>(list: &str, n_fixtures: usize) -> Vec<(String, PathBuf, D)> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = crate_folder.join("tests/fixtures/golden");
    let all = crate_folder.join("../../shared/golden");
    let descriptions: BTreeMap<String, D> = toml::from_str(list).unwrap();
    let found = descriptions.into_iter().filter_map(|(name, description)| {
        let mut folders = [fixtures.join(&name), all.join(&name)].into_iter();
        let folder = folders.find(|folder| folder.exists())?;
        Some((name, folder, description))
    });
    let found: Vec<_> = found.collect();
    assert!(found.len() >= n_fixtures, "the fixtures are gone");
    found
}

fn goldens() -> Vec<Golden> {
    let list = include_str!("../tests/fixtures/golden/configs.toml");
    let golden = |(name, folder, description): (String, PathBuf, Description)| Golden {
        io: Tensors::read(&folder.join("io.safetensors")),
        name,
        folder,
        config: description.model,
        sizes: description.sizes,
    };
    at_hand(list, 3).into_iter().map(golden).collect()
}

impl Golden {
    fn model(&self, device: &Device) -> Seq2Seq {
        let model = self.config.init(self.sizes, device).unwrap();
        weights::load(model, &self.folder.join("model.safetensors")).unwrap()
    }

    fn logits(&self, model: &Seq2Seq, source: &str, target: Tensor<2, Int>) -> Tensor<3> {
        let features = model.features(self.io.ints(source, &target.device()), target.clone());
        let [batch_size, length, d_model] = features.dims();
        model
            .logits(features.reshape([batch_size * length, d_model]))
            .reshape([batch_size, length, self.sizes.target])
    }
}

#[expect(deprecated, reason = "the second CPU backend is there to be compared with")]
fn devices() -> Vec<Device> {
    vec![
        Device::flex(),
        #[cfg(feature = "ndarray")]
        Device::ndarray(),
    ]
}

#[test]
fn outputs_equal_the_reference() {
    for device in devices() {
        for golden in goldens() {
            let Golden { name, io, .. } = &golden;
            let model = golden.model(&device);
            let target = io.ints("prev_output_tokens", &device);
            for side in ["left", "right"] {
                let memory = model.encode(io.ints(&format!("{side}.src_tokens"), &device));
                let expected = io.activation(&format!("{side}.encoder_out"), &device);
                close(
                    &format!("{name} {side}.encoder_out"),
                    &memory.features,
                    &expected,
                    ACTIVATION_TOLERANCE,
                );
                let (_, attention) = model.decode(target.clone(), &memory);
                let expected = io.float(&format!("{side}.attn"), &device);
                close(
                    &format!("{name} {side}.attn"),
                    &attention,
                    &expected,
                    ACTIVATION_TOLERANCE,
                );
                let logits = golden.logits(&model, &format!("{side}.src_tokens"), target.clone());
                let expected = io.float(&format!("{side}.logits"), &device);
                close(
                    &format!("{name} {side}.logits"),
                    &logits,
                    &expected,
                    ACTIVATION_TOLERANCE,
                );
            }
        }
    }
}

#[test]
fn activations_equal_the_reference() {
    let device = Device::flex();
    for golden in goldens() {
        let io = &golden.io;
        let model = golden.model(&device);
        let check = |what: String, found: &Tensor<3>| {
            let expected = io.activation(&format!("left.act.{what}"), &device);
            close(
                &format!("{} {what}", golden.name),
                found,
                &expected,
                ACTIVATION_TOLERANCE,
            );
        };
        let source = io.ints("left.src_tokens", &device);
        let memory = model.encode(source.clone());
        let mut x = model.encoder.embed_tokens.forward(source.clone()) + model.encoder.embed_positions.forward(&source);
        check("encoder.embed".into(), &x);
        for (i, layer) in model.encoder.layers.iter().enumerate() {
            let input = match golden.config.pre_norm {
                true => layer.self_attn_layer_norm.forward(x.clone()),
                false => x.clone(),
            };
            check_mixer(
                &check,
                &format!("encoder.layers.{i}.self_attn"),
                &layer.self_attn,
                input,
                &memory.masks,
            );
            x = layer.forward(x, &memory.masks);
            check(format!("encoder.layers.{i}"), &x);
        }
        let target = io.ints("prev_output_tokens", &device);
        let [_, length] = target.dims();
        let masks = Masks {
            attention: Some(causal_mask(length, &device)),
            keep: None,
        };
        let table = model
            .decoder
            .embed_tokens
            .as_ref()
            .unwrap_or(&model.encoder.embed_tokens);
        let mut x = table.forward(target.clone()) + model.decoder.embed_positions.forward(&target);
        check("decoder.embed".into(), &x);
        for (i, layer) in model.decoder.layers.iter().enumerate() {
            let input = match golden.config.pre_norm {
                true => layer.self_attn_layer_norm.forward(x.clone()),
                false => x.clone(),
            };
            check_mixer(
                &check,
                &format!("decoder.layers.{i}.self_attn"),
                &layer.self_attn,
                input,
                &masks,
            );
            let memory = layer.cross_memory(memory.features.clone(), memory.masks.attention.clone());
            let (output, attention) = layer.forward(x, &masks, &memory);
            x = output;
            check(format!("decoder.layers.{i}"), &x);
            let expected: Tensor<3> = io.float(&format!("left.act.decoder.layers.{i}.attn"), &device);
            close(
                "cross-attention",
                &attention.unwrap().into_tensor().mean_dim(1).squeeze_dim(1),
                &expected,
                ACTIVATION_TOLERANCE,
            );
        }
    }
}

fn check_mixer(check: &impl Fn(String, &Tensor<3>), at: &str, mixer: &TokenMixer, input: Tensor<3>, masks: &Masks) {
    check(at.to_owned(), &mixer.forward(input.clone(), masks));
    let TokenMixer::MultiBranch(mixer) = mixer else { return };
    for (j, (input, branch)) in mixer.split(input).into_iter().zip(&mixer.branches).enumerate() {
        check(format!("{at}.branches.{j}"), &branch.forward(input.clone(), masks));
        if let Branch::Attention(attention) = branch {
            let memory = attention.keys_values(input.clone());
            let (output, _) = attention.forward(input, &memory, masks.attention.as_ref());
            check(format!("{at}.branches.{j}"), &output);
        }
    }
}

#[test]
fn sentences_alone_equal_the_reference() {
    let device = Device::flex();
    for golden in goldens() {
        let model = golden.model(&device);
        let sources = golden.io.ints("right.src_tokens", &device);
        let targets = golden.io.ints("prev_output_tokens", &device);
        for i in 0..3 {
            let alone = |tokens: &Tensor<2, Int>| {
                let row = tokens.clone().narrow(0, i, 1);
                let length: i32 = row.clone().not_equal_elem(PAD).int().sum().into_scalar();
                row.slice([0..1, 0..length as usize])
            };
            let features = model.features(alone(&sources), alone(&targets));
            let [_, length, d_model] = features.dims();
            let logits = model.logits(features.reshape([length, d_model])).unsqueeze_dim::<3>(0);
            let expected = golden.io.float(&format!("single{i}.logits"), &device);
            close(
                &format!("{} single{i}", golden.name),
                &logits,
                &expected,
                ACTIVATION_TOLERANCE,
            );
        }
    }
}

#[test]
fn steps_equal_the_reference() {
    let device = Device::flex();
    for golden in goldens() {
        let model = golden.model(&device);
        let target = golden.io.ints("prev_output_tokens", &device);
        let expected: Tensor<3> = golden.io.float("left.incremental_logits", &device);
        let mut state = model.begin(&model.encode(golden.io.ints("left.src_tokens", &device)));
        let [batch_size, length] = target.dims();
        for t in 0..length {
            let tokens = target.clone().slice([0..batch_size, t..t + 1]);
            let logits = model.logits(model.step(tokens.clone(), &mut state).features);
            // Past the end of a sentence the reference's own two passes differ.
            let is_token = tokens.not_equal_elem(PAD).float();
            let expected = expected.clone().slice([0..batch_size, t..t + 1]).squeeze_dim::<2>(1);
            close(
                &format!("{} step {t}", golden.name),
                &(logits * is_token.clone()),
                &(expected * is_token),
                ACTIVATION_TOLERANCE,
            );
        }
    }
}

struct ByGradient {
    gradients: GradientsParams,
    device: Device,
}

impl ModuleMapper for ByGradient {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.gradients.remove::<D>(param.id);
        let gradient = gradient.unwrap_or_else(|| Tensor::zeros(param.val().dims(), &self.device));
        Param::initialized(param.id, gradient)
    }
}

#[test]
fn loss_and_gradients_equal_the_reference() {
    for device in devices() {
        for golden in goldens() {
            let autodiff = device.clone().autodiff();
            let model = golden.model(&autodiff);
            let logits = golden.logits(
                &model,
                "left.src_tokens",
                golden.io.ints("prev_output_tokens", &autodiff),
            );
            let [batch_size, length, size] = logits.dims();
            let n_rows = batch_size * length;
            let log_probabilities = log_softmax(logits.reshape([n_rows, size]), 1);
            let targets = golden.io.ints("target", &autodiff).reshape([n_rows, 1]);
            let keep = targets.clone().not_equal_elem(PAD).float();
            // fairseq `label_smoothed_cross_entropy.py`, epsilon 0.1, summed.
            let nll = -log_probabilities.clone().gather(1, targets);
            let smooth = -log_probabilities.sum_dim(1);
            let loss = ((nll * 0.9 + smooth * (0.1 / size as f64)) * keep).sum();
            let expected: f32 = golden.io.float::<1>("left.loss", &device).into_scalar();
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

/// Holds gradients to `grads.safetensors`; both have a tied matrix once.
fn check_gradients<M: Module + ModuleSnapshot>(
    name: &str,
    folder: &Path,
    model: M,
    gradients: GradientsParams,
    device: &Device,
) {
    let gradients = model.map(&mut ByGradient {
        gradients,
        device: device.clone(),
    });
    let found = gradients.collect(None, Some(Box::new(BurnToPyTorchAdapter)), true);
    let expected = Tensors::read(&folder.join("grads.safetensors"));
    assert_eq!(found.len(), expected.0.len(), "{name}");
    for tensor in found {
        let parameter = tensor.name.replace(".feed_forward.", ".");
        let (shape, values) = &expected.0[&parameter];
        assert_eq!(&tensor.shape.to_vec(), shape, "{name} {parameter}");
        let bytes = tensor.to_bytes().unwrap();
        for (found, expected) in bytes.chunks_exact(4).zip(values) {
            let found = f32::from_le_bytes(found.try_into().unwrap());
            let difference = (found - expected).abs();
            assert!(
                difference <= GRADIENT_TOLERANCE.max(ROUNDING * expected.abs()),
                "{name} {parameter}: {found}, expected {expected}"
            );
        }
    }
}
