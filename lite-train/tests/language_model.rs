//! Language models under the authors' trainer: the adaptive loss, its gradients, and three clipped updates of the
//! accelerated gradient. One configuration is a fixture; the others are held to the reference where the directory of
//! all of them stands beside the checkout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use lite_eval::device::DeviceName;
use lite_model::{LanguageModel, ModelConfig, weights};
use lite_train::clip::global_norm;
use lite_train::config::{OptimiserConfig, OptimiserKind};
use lite_train::loss::{Loss, language_model, language_model_sums};
use lite_train::optimiser::Optimiser;
use lite_train::schedule::{ScheduleConfig, ScheduleKind};
use lite_train::update::{UpdateSettings, step};
use safetensors::SafeTensors;

/// The reference's own float32 noise in a gradient.
const GRADIENT_TOLERANCE: f32 = 3e-5;
/// Three units in the last place: a gradient above 100 has no finer ones.
const ROUNDING: f32 = 3.0 * f32::EPSILON;
/// Targets of the batch.
const N_TOKENS: usize = 34;

struct Golden {
    name: &'static str,
    config: ModelConfig,
    vocabulary: usize,
    folder: PathBuf,
    train3: PathBuf,
    /// Loss in bits a token and gradient norm of three updates (`train3` of the reference's info).
    updates: [(f64, f64); 3],
}

/// One entry of lite-model's `language_models.toml`.
#[derive(serde::Deserialize)]
struct Description {
    vocabulary: usize,
    model: ModelConfig,
}

fn goldens() -> Vec<Golden> {
    let all = include_str!("../../lite-model/tests/fixtures/golden/language_models.toml");
    let mut all: BTreeMap<String, Description> = toml::from_str(all).unwrap();
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = crate_folder.join("../lite-model/tests/fixtures/golden");
    let full = crate_folder.join("../../shared/golden");
    let mut golden = |name, updates| {
        let Description { vocabulary, model } = all.remove(name).unwrap();
        let folder = [fixtures.join(name), full.join(name)]
            .into_iter()
            .find(|folder| folder.exists())?;
        let train3 = [
            crate_folder.join(format!("tests/golden/{name}.train3.safetensors")),
            folder.join("train3.safetensors"),
        ];
        Some(Golden {
            name,
            config: model,
            vocabulary,
            folder,
            train3: train3.into_iter().find(|path| path.exists()).unwrap(),
            updates,
        })
    };
    let found: Vec<Golden> = [
        golden(
            "lm_adaptive",
            [
                (11.089964478624573, 13.221359252929688),
                (10.859921779758674, 12.457045555114746),
                (10.481220676673477, 11.29273509979248),
            ],
        ),
        golden(
            "lm_adaptive_tied_noproj",
            [
                (9.919735279189114, 7.127411365509033),
                (9.792737786347187, 7.02758264541626),
                (9.569975821256168, 6.836747646331787),
            ],
        ),
        golden(
            "lm_adaptive_untied",
            [
                (8.30154315231684, 3.9532835483551025),
                (8.231816448743315, 3.818981409072876),
                (8.113010671661263, 3.5785415172576904),
            ],
        ),
        golden(
            "lm_softmax",
            [
                (9.823619233935151, 6.633665561676025),
                (9.708017756670962, 6.2573018074035645),
                (9.517205554928559, 5.645588397979736),
            ],
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(!found.is_empty(), "the fixture is gone");
    found
}

impl Golden {
    fn model(&self, device: &Device) -> LanguageModel {
        let model = self.config.init_language_model(self.vocabulary, device).unwrap();
        weights::load(model, &self.folder.join("model.safetensors")).unwrap()
    }

    /// Tokens and targets of the batch.
    fn batch(&self, device: &Device) -> (Tensor<2, Int>, Vec<i32>) {
        let bytes = std::fs::read(self.folder.join("io.safetensors")).unwrap();
        let io = SafeTensors::deserialize(&bytes).unwrap();
        let ints = |name: &str| -> (Vec<usize>, Vec<i32>) {
            let tensor = io.tensor(name).unwrap();
            let values = tensor.data().chunks_exact(8);
            let values = values.map(|b| i64::from_le_bytes(b.try_into().unwrap()) as i32);
            (tensor.shape().to_vec(), values.collect())
        };
        let (shape, tokens) = ints("src_tokens");
        let tokens = Tensor::from_data(TensorData::new(tokens, shape), device);
        (tokens, ints("target").1)
    }

    fn loss(&self, model: &LanguageModel, device: &Device) -> Loss {
        let (tokens, targets) = self.batch(device);
        let loss = language_model(model, model.features(tokens.clone()), &targets);
        let sums = language_model_sums(model, model.features(tokens), &targets);
        assert_eq!(bits(&sums), bits(&loss.sums), "{}", self.name);
        loss
    }
}

/// Bits a token.
fn bits(sums: &Tensor<1>) -> f64 {
    let sums = sums.clone().into_data();
    let [loss, likelihood] = sums.as_slice::<f32>().unwrap() else {
        panic!("two sums")
    };
    assert_eq!(loss, likelihood);
    f64::from(*loss) / N_TOKENS as f64 / std::f64::consts::LN_2
}

fn devices() -> Vec<Device> {
    let compiled_in = DeviceName::ALL
        .into_iter()
        .filter(|name| ["flex", "ndarray"].contains(&name.name()));
    compiled_in
        .filter_map(|name| name.open().ok())
        .map(Device::autodiff)
        .collect()
}

fn read(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| {
        let values = data.chunks_exact(4);
        values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    file.iter()
        .map(|(name, tensor)| (name.to_owned(), floats(tensor.data())))
        .collect()
}

/// Holds weights under the reference's names to a file of it.
fn check(name: &str, model: &LanguageModel, expected: &Path, tolerance: f32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    weights::save(model, &path).unwrap();
    let (found, expected) = (read(&path), read(expected));
    assert!(found.keys().eq(expected.keys()), "{name}");
    for (parameter, expected) in &expected {
        let found = &found[parameter];
        assert_eq!(found.len(), expected.len(), "{name} {parameter}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= tolerance.max(ROUNDING * expected.abs()),
                "{name} {parameter}: {found}, expected {expected}"
            );
        }
    }
}

/// A model whose weights are gradients.
struct Replace(GradientsParams);

impl ModuleMapper for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.0.remove::<D>(param.id);
        param.map(|value| gradient.unwrap_or_else(|| value.inner().zeros_like()))
    }
}

#[test]
fn losses_and_gradients_are_the_references() {
    for golden in goldens() {
        for device in devices() {
            let model = golden.model(&device);
            let loss = golden.loss(&model, &device);
            let (expected, norm) = golden.updates[0];
            let found = bits(&loss.sums);
            assert!((found - expected).abs() < 2e-6, "{}: {found}", golden.name);
            let gradients = GradientsParams::from_grads(loss.surrogate.backward(), &model);
            let found = global_norm(&model, &gradients) / N_TOKENS as f64;
            assert!((found / norm - 1.0).abs() < 1e-5, "{}: {found}", golden.name);
            let gradients = model.map(&mut Replace(gradients));
            let expected = golden.folder.join("grads.safetensors");
            check(golden.name, &gradients, &expected, GRADIENT_TOLERANCE);
        }
    }
}

#[test]
fn three_updates_give_the_references_weights() {
    // The settings of the reference's `config.yml`.
    let schedule = ScheduleConfig {
        kind: ScheduleKind::Cosine,
        peak: 0.5,
        initial: 1e-7,
        warmup: 40,
        minimum: 1e-4,
        period: Some(300),
        t_mult: 2.0,
        shrink: 0.75,
    };
    for golden in goldens() {
        for device in devices() {
            let mut model = golden.model(&device);
            let mut optimiser = Optimiser::new(OptimiserConfig {
                kind: OptimiserKind::Nag,
                momentum: 0.99,
                ..OptimiserConfig::default()
            });
            for (update, (expected, _)) in (5..).zip(golden.updates) {
                let loss = golden.loss(&model, &device);
                let found = bits(&loss.sums);
                assert!((found - expected).abs() < 2e-6, "{}: {found}", golden.name);
                let gradients = GradientsParams::from_grads(loss.surrogate.backward(), &model);
                let settings = UpdateSettings {
                    rate: schedule.rate(update, 400),
                    label_smoothing: 0.0,
                    clip_norm: 0.1,
                    seed: 1,
                };
                model = step(model, &mut optimiser, gradients, N_TOKENS, settings);
            }
            // Three steps of a clipped gradient, whose noise is divided by its norm.
            check(golden.name, &model, &golden.train3, 1e-6);
        }
    }
}
