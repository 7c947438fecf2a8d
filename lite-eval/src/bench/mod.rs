//! How fast a model of random weights decodes and trains: no corpus, no checkpoint.
//!
//! - [`Workload`]: a model, its vocabulary, and how many sentences of which lengths; [`measure`] times it
//! - `search`, `train`: what one repetition does
//! - [`scale`]: how cost grows with length, vocabulary, width and batch
//! - [`pair`]: the same workload by several programs in turns
//! - [`rate`]: how much of what the processor multiplies at best a training step reaches
//! - [`noise`]: what else kept the machine busy meanwhile
//!
//! Every sentence has the same number of tokens on a side and no padding, so that any two programs that are given the same
//! numbers do the same work.

pub mod noise;
pub mod pair;
pub mod rate;
pub mod scale;
mod search;
mod train;

use std::fs;
use std::time::Instant;

use burn::tensor::Device;
use experiments::{Definition, DefinitionError};
use lite_data::{DataConfig, EOS, TokeniserKind};
use lite_model::error::ConfigError;
use lite_model::{ModelConfig, VocabularySizes, cost};
use serde::{Deserialize, Serialize};

use noise::{Noise, Watch};
use rate::Rate;

use crate::precision::Precision;

/// What is timed.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A forward and a backward pass with dropout, without the optimiser.
    Train,
    /// The search that follows one hypothesis.
    Greedy,
    /// The search that follows `beam` of them.
    Beam,
}

impl Task {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Greedy => "greedy",
            Self::Beam => "beam",
        }
    }
}

/// What one repetition computes.
#[derive(Debug, Clone)]
pub struct Workload {
    /// What is timed.
    pub task: Task,
    /// The model.
    pub model: ModelConfig,
    /// Its vocabularies.
    pub sizes: VocabularySizes,
    /// Sentences.
    pub batch: usize,
    /// Tokens of a source.
    pub source_length: usize,
    /// Tokens of a target. A search bars `</s>` until the last of as many steps and forces it there.
    pub target_length: usize,
    /// Hypotheses of a sentence in a beam search.
    pub beam: usize,
    /// Its length penalty.
    pub length_penalty: f32,
    /// What a search computes in.
    pub precision: Precision,
}

/// How often a workload is computed.
#[derive(Debug, Clone, Copy)]
pub struct Repetitions {
    /// Times that are not counted.
    pub warmup: usize,
    /// Times that are.
    pub steps: usize,
}

/// A time with what follows from it.
#[derive(Serialize, Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Numbers that the model learns, shared ones once.
    pub parameters: usize,
    /// Seconds of each counted repetition.
    pub seconds: Vec<f64>,
    /// Their median.
    pub median_seconds: f64,
    /// The fastest.
    pub min_seconds: f64,
    /// The slowest.
    pub max_seconds: f64,
    /// From the fastest to the slowest, as a share of the median.
    pub spread: f64,
    /// Sentences a second.
    pub sentences_per_second: f64,
    /// Target tokens a second, of the best hypothesis alone.
    pub tokens_per_second: f64,
    /// The most memory that the process has held, in MiB, where the system tells.
    pub peak_rss_mib: Option<f64>,
    /// Of training, how fast it multiplies.
    #[serde(flatten)]
    pub rate: Option<Rate>,
    /// Who else computed meanwhile.
    pub noise: Option<Noise>,
}

/// Why the sizes of vocabularies are not known.
#[derive(Debug, thiserror::Error)]
pub enum SizeError {
    /// The definition cannot be read.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The corpus decides.
    #[error("`{0}`: the size of its vocabulary depends on the corpus; give it with --vocabulary")]
    Unknown(String),
    /// More than there are sides.
    #[error("--vocabulary: found {0} sizes, expected one for both sides, or SOURCE,TARGET")]
    Given(usize),
}

/// The sizes of a definition's vocabularies; `given` (one for both sides, or source and target) overrides them.
pub fn vocabulary_sizes(definition: &Definition, given: &[usize]) -> Result<VocabularySizes, SizeError> {
    match *given {
        [both] => return Ok(VocabularySizes::joint(both)),
        [source, target] => return Ok(VocabularySizes { source, target }),
        [] => {}
        _ => return Err(SizeError::Given(given.len())),
    }
    let data: DataConfig = definition.section("data")?;
    let size = match data.tokeniser.kind {
        TokeniserKind::Sentencepiece => Some(data.tokeniser.vocabulary_size),
        // About as many pieces as merges.
        TokeniserKind::SubwordNmt => data.vocabulary.max_words.or(Some(data.tokeniser.merges)),
        TokeniserKind::Words | TokeniserKind::None => data.vocabulary.max_words,
    };
    let size = size.ok_or_else(|| SizeError::Unknown(definition.name.clone()))?;
    Ok(VocabularySizes::joint(
        size.next_multiple_of(data.vocabulary.padding_factor.max(1)),
    ))
}

/// Measures a workload on random weights and tokens, both drawn from `seed`.
pub fn measure(
    workload: &Workload,
    repetitions: Repetitions,
    seed: u64,
    device: &Device,
) -> Result<Measurement, ConfigError> {
    device.seed(seed);
    let mut once = match workload.task {
        Task::Train => train::prepare(workload, Tokens(seed), device)?,
        Task::Greedy | Task::Beam => search::prepare(workload, Tokens(seed), device)?,
    };
    (0..repetitions.warmup).for_each(|_| once());
    let watch = Watch::start();
    let seconds: Vec<f64> = (0..repetitions.steps.max(1))
        .map(|_| {
            let start = Instant::now();
            once();
            start.elapsed().as_secs_f64()
        })
        .collect();
    let noise = watch.and_then(Watch::stop);
    let median = median(&seconds);
    let fold = |f: fn(f64, f64) -> f64| seconds.iter().copied().fold(seconds[0], f);
    let (min, max) = (fold(f64::min), fold(f64::max));
    let n_sentences = workload.batch as f64;
    let rate = (workload.task == Task::Train).then(|| Rate::of_training(workload, median, device));
    Ok(Measurement {
        parameters: cost::parameters(&workload.model, workload.sizes).total,
        median_seconds: median,
        min_seconds: min,
        max_seconds: max,
        spread: (max - min) / median,
        sentences_per_second: n_sentences / median,
        tokens_per_second: n_sentences * workload.target_length as f64 / median,
        peak_rss_mib: peak_memory().map(|bytes| bytes as f64 / f64::from(1 << 20)),
        seconds,
        rate,
        noise,
    })
}

/// The version of Burn, which the workspace pins.
pub const BURN: &str = "0.22.1";

/// The widest instructions that this processor has and matrix products may use.
pub fn simd() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return "avx2";
        }
    }
    std::env::consts::ARCH
}

/// A small generator of ids, the same on every machine.
struct Tokens(u64);

impl Tokens {
    fn id(&mut self, size: usize) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The four special ones are left out.
        4 + ((self.0 >> 33) % (size as u64 - 4)) as u32
    }

    /// A sentence of `length` tokens, the last of them `</s>`.
    fn sentence(&mut self, size: usize, length: usize) -> Vec<u32> {
        (1..length).map(|_| self.id(size)).chain([EOS]).collect()
    }
}

/// Of no values no number.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

/// The high-water mark of this process's resident memory, in bytes.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kibibytes.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use lite_model::Architecture;

    use super::*;
    use crate::device::DeviceName;

    #[test]
    fn every_task_runs() {
        let device = DeviceName::Flex.open().unwrap();
        let mut model = ModelConfig::new(Architecture::Lite, 16, 16);
        (model.encoder_layers, model.decoder_layers) = (1, 1);
        for task in [Task::Train, Task::Greedy, Task::Beam] {
            let workload = Workload {
                task,
                model: model.clone(),
                sizes: VocabularySizes::joint(24),
                batch: 3,
                source_length: 5,
                target_length: 7,
                beam: 2,
                length_penalty: 0.6,
                precision: Precision::F32,
            };
            let repetitions = Repetitions { warmup: 1, steps: 3 };
            let found = measure(&workload, repetitions, 1, &device).unwrap();
            assert_eq!(found.seconds.len(), 3);
            assert!(found.min_seconds <= found.median_seconds && found.median_seconds <= found.max_seconds);
            let tokens = 3.0 * 7.0 / found.median_seconds;
            assert!((found.tokens_per_second / tokens - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_version_of_burn_is_the_pinned_one() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN}\"")));
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }
}
