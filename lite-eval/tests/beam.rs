//! Beam search over the authors' weights gives the authors' hypotheses: tokens exactly, scores to float noise.
//!
//! `fixtures/beam` holds what fairseq's `SequenceGenerator` found (every variant of its options, golden `beam.json`).
//! The weights of three configurations are fixtures of lite-model; those of the others are read where the directory
//! of all of them stands beside the checkout (`../shared/golden`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use lite_eval::decode::DecodeConfig;
use lite_eval::device::DeviceName;
use lite_eval::{Hypothesis, translate};
use lite_model::{ModelConfig, Seq2Seq, VocabularySizes, weights};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    sources: Vec<Vec<u32>>,
    searches: BTreeMap<String, Search>,
}

#[derive(Deserialize)]
struct Search {
    options: Options,
    hypotheses: Vec<Vec<Expected>>,
}

/// The reference's names and defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    beam_size: usize,
    #[serde(default = "one")]
    len_penalty: f32,
    #[serde(default)]
    max_len_a: f64,
    #[serde(default = "two_hundred")]
    max_len_b: usize,
    #[serde(default = "one_token")]
    min_len: usize,
    #[serde(default = "yes")]
    normalize_scores: bool,
    #[serde(default)]
    unk_penalty: f32,
    #[serde(default = "one")]
    temperature: f32,
    #[serde(default)]
    no_repeat_ngram_size: usize,
}

fn one() -> f32 {
    1.0
}

fn two_hundred() -> usize {
    200
}

fn one_token() -> usize {
    1
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Expected {
    tokens: Vec<u32>,
    score: f32,
    positional_scores: Vec<f32>,
    alignment: Vec<usize>,
}

impl From<&Options> for DecodeConfig {
    fn from(options: &Options) -> Self {
        Self {
            beam: options.beam_size,
            n_best: options.beam_size,
            length_penalty: options.len_penalty,
            max_length_a: options.max_len_a,
            max_length_b: options.max_len_b,
            min_length: options.min_len,
            normalise: options.normalize_scores,
            unk_penalty: options.unk_penalty,
            temperature: options.temperature,
            no_repeat_ngram: options.no_repeat_ngram_size,
            ..Self::default()
        }
    }
}

/// One entry of lite-model's `configs.toml`.
#[derive(Deserialize)]
struct Description {
    sizes: VocabularySizes,
    model: ModelConfig,
}

fn description(name: &str) -> Description {
    let all = include_str!("../../lite-model/tests/fixtures/golden/configs.toml");
    let mut all: BTreeMap<String, Description> = toml::from_str(all).unwrap();
    all.remove(name).unwrap_or_else(|| panic!("no configuration {name}"))
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(name: &str) -> Fixture {
    let path = repository()
        .join("lite-eval/tests/fixtures/beam")
        .join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Whose weights are fixtures of lite-model.
const COMMITTED: [&str; 3] = ["mb_dynamic_wmt", "mb_light_iwslt", "transformer_base"];

fn weights_of(name: &str) -> Option<PathBuf> {
    ["lite-model/tests/fixtures/golden", "../shared/golden"]
        .iter()
        .map(|folder| repository().join(folder).join(name).join("model.safetensors"))
        .find(|path| path.exists())
}

fn load(name: &str, device: &Device) -> Option<(Seq2Seq, ModelConfig)> {
    let Description { sizes, model: config } = description(name);
    let model = config.init(sizes, device).unwrap();
    let path = weights_of(name)?;
    Some((weights::load(model, &path).unwrap(), config))
}

/// What the reference itself needs for sums over a sentence, with room for another order of addition.
const TOLERANCE: f32 = 1e-4;

fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= TOLERANCE
}

fn check(name: &str, device: DeviceName) {
    let device = device.open().unwrap();
    let Some((model, model_config)) = load(name, &device) else {
        assert!(!COMMITTED.contains(&name), "{name}: the fixtures are gone");
        eprintln!("{name}: no weights beside this checkout");
        return;
    };
    let fixture = read(name);
    assert_eq!(fixture.searches.len(), 7);
    for (variant, search) in &fixture.searches {
        let config = DecodeConfig::from(&search.options);
        let found = translate(&model, &model_config, &fixture.sources, &config, &device, &mut |_| {});
        for (row, (found, expected)) in found.iter().zip(&search.hypotheses).enumerate() {
            assert_eq!(found.len(), expected.len(), "{name} {variant} sentence {row}");
            for (found, expected) in found.iter().zip(expected) {
                check_hypothesis(&format!("{name} {variant} sentence {row}"), found, expected);
            }
        }
    }
}

fn check_hypothesis(place: &str, found: &Hypothesis, expected: &Expected) {
    assert_eq!(found.tokens, expected.tokens, "{place}");
    assert!(
        close(found.score, expected.score),
        "{place}: score {}, expected {}",
        found.score,
        expected.score
    );
    assert_eq!(found.alignment, expected.alignment, "{place}");
    for (found, expected) in found.token_scores.iter().zip(&expected.positional_scores) {
        assert!(
            close(*found, *expected),
            "{place}: a token scores {found}, expected {expected}"
        );
    }
}

macro_rules! configurations {
    ($($name:ident),* $(,)?) => { $(
        #[test]
        fn $name() {
            check(stringify!($name), DeviceName::Flex);
        }
    )* };
}

configurations!(
    mb_dynamic_wmt,
    mb_light_iwslt,
    transformer_base,
    mb_light_sharedec,
    mb_dynamic_prenorm,
    transformer_prenorm_learned,
    pure_dynamic,
    pure_light,
    pure_dynamic_nolinear,
    pure_light_nolinear,
);

#[test]
fn another_backend_finds_the_same() {
    check("mb_dynamic_wmt", DeviceName::NdArray);
}

#[test]
fn order_is_kept_whatever_the_batches() {
    // Without padding that leaks, a sentence's translation does not depend on its batch.
    let device = DeviceName::Flex.open().unwrap();
    let (model, model_config) = load("transformer_base", &device).unwrap();
    let sources: Vec<Vec<u32>> = (0..9)
        .map(|i| (0..(i * 5) % 9 + 1).map(|j| 4 + i + j).chain([2]).collect())
        .collect();
    let by = |batch_size| {
        let config = DecodeConfig {
            batch_size,
            max_length_b: 20,
            ..DecodeConfig::default()
        };
        let mut done = 0;
        let found = translate(&model, &model_config, &sources, &config, &device, &mut |n| done += n);
        assert_eq!(done, sources.len());
        found
            .into_iter()
            .map(|mut best| best.swap_remove(0).tokens)
            .collect::<Vec<_>>()
    };
    let alone = by(1);
    assert_eq!(by(2), alone);
    assert_eq!(by(4), alone);
    assert_eq!(by(32), alone);
}
