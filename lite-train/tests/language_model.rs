//! Language models under the authors' trainer: the adaptive loss, its gradients, and three clipped updates of the
//! accelerated gradient. One configuration is a fixture; the others are held to the reference where the directory of
//! all of them stands beside the checkout.

mod reference;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use lite_model::{LanguageModel, ModelConfig, weights};
use lite_train::clip::global_norm;
use lite_train::config::{OptimiserConfig, OptimiserKind};
use lite_train::loss::{Loss, language_model, language_model_sums};
use lite_train::optimiser::Optimiser;
use lite_train::schedule::{ScheduleConfig, ScheduleKind};
use lite_train::update::{UpdateSettings, step};
use reference::{GRADIENT_TOLERANCE, Replace, check, devices};
use safetensors::SafeTensors;

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
        let (shape, tokens) = reference::ints(&io, "src_tokens");
        let tokens = Tensor::from_data(TensorData::new(tokens, shape), device);
        (tokens, reference::ints(&io, "target").1)
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
