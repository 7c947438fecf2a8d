//! How fast a definition's architecture decodes and trains, with random weights: no corpus, no checkpoint.
//!
//! Every sentence has 32 tokens on either side and no padding. Decoding bars `</s>` until the last of 32 steps and forces
//! it there; training is a forward and a backward pass with dropout over 128 sentences, without the optimiser.

use std::fs;
use std::time::Instant;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use experiments::{Definition, DefinitionError};
use lite_data::{DataConfig, EOS, TokeniserKind};
use lite_model::error::ConfigError;
use lite_model::{ModelConfig, VocabularySizes};
use serde::Serialize;

use crate::decode::DecodeConfig;
use crate::translate::translate;

/// Tokens of a sentence on each side.
pub const LENGTH: usize = 32;
/// Sentences of a training step.
pub const TRAIN_BATCH: usize = 128;

/// What is timed.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Beam search, greedy with a beam of 1.
    Decode {
        /// Hypotheses of a sentence.
        beam: usize,
        /// Sentences at a time.
        batch_size: usize,
    },
    /// A training step without the optimiser.
    Train,
}

impl Task {
    /// What `lite-eval bench` measures.
    pub const ALL: [Self; 5] = [
        Self::Decode { beam: 4, batch_size: 1 },
        Self::Decode {
            beam: 4,
            batch_size: 32,
        },
        Self::Decode { beam: 1, batch_size: 1 },
        Self::Decode {
            beam: 1,
            batch_size: 32,
        },
        Self::Train,
    ];

    /// A short name.
    pub fn name(self) -> String {
        match self {
            Self::Decode { beam: 1, batch_size } => format!("greedy-batch{batch_size}"),
            Self::Decode { beam, batch_size } => format!("beam{beam}-batch{batch_size}"),
            Self::Train => format!("train-batch{TRAIN_BATCH}"),
        }
    }

    /// Sentences that are done in one repetition.
    pub fn n_sentences(self) -> usize {
        match self {
            Self::Decode { batch_size, .. } => batch_size,
            Self::Train => TRAIN_BATCH,
        }
    }
}

/// A time with what follows from it.
#[derive(Serialize, Debug, Clone, PartialEq)]
pub struct Measurement {
    /// What was timed.
    pub task: String,
    /// Seconds of each repetition, the warm-up not counted.
    pub seconds: Vec<f64>,
    /// Their median.
    pub median_seconds: f64,
    /// Sentences a second.
    pub sentences_per_second: f64,
    /// Target tokens a second, of the best hypothesis alone.
    pub tokens_per_second: f64,
    /// The most memory that the process has held, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// A vocabulary whose size a definition does not fix.
#[derive(Debug, thiserror::Error)]
pub enum SizeError {
    /// The definition cannot be read.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The corpus decides.
    #[error("`{0}`: the size of its vocabulary depends on the corpus; give it with --vocabulary")]
    Unknown(String),
}

/// The sizes of a definition's vocabularies; `given` (one for both sides, or source and target) overrides them.
pub fn vocabulary_sizes(definition: &Definition, given: &[usize]) -> Result<VocabularySizes, SizeError> {
    match *given {
        [both] => return Ok(VocabularySizes::joint(both)),
        [source, target] => return Ok(VocabularySizes { source, target }),
        _ => {}
    }
    let data: DataConfig = definition.section("data")?;
    let size = match data.tokeniser.kind {
        TokeniserKind::Sentencepiece => Some(data.tokeniser.vocabulary_size),
        TokeniserKind::SubwordNmt | TokeniserKind::Words | TokeniserKind::None => data.vocabulary.max_words,
    };
    let size = size.ok_or_else(|| SizeError::Unknown(definition.name.clone()))?;
    Ok(VocabularySizes::joint(
        size.next_multiple_of(data.vocabulary.padding_factor.max(1)),
    ))
}

/// Measures one task, `n_repetitions` times after a warm-up.
pub fn measure(
    task: Task,
    config: &ModelConfig,
    sizes: VocabularySizes,
    n_repetitions: usize,
    device: &Device,
) -> Result<Measurement, ConfigError> {
    device.seed(1);
    let mut once: Box<dyn FnMut()> = match task {
        Task::Decode { beam, batch_size } => {
            let model = config.init(sizes, device)?;
            let decode = DecodeConfig {
                beam,
                batch_size,
                min_length: LENGTH - 1,
                max_length_b: LENGTH - 1,
                ..DecodeConfig::default()
            };
            let mut sources = Tokens(1);
            Box::new(move || {
                let sources: Vec<_> = (0..batch_size).map(|_| sources.sentence(sizes.source)).collect();
                let found = translate(&model, config, &sources, &decode, device, &mut |_| {});
                assert!(found.iter().all(|hypotheses| hypotheses[0].tokens.len() == LENGTH));
            })
        }
        Task::Train => {
            let device = device.clone().autodiff();
            let model = config.init(sizes, &device)?;
            let mut tokens = Tokens(1);
            Box::new(move || train_step(&model, &mut tokens, sizes, &device))
        }
    };
    once();
    let seconds: Vec<f64> = (0..n_repetitions.max(1))
        .map(|_| {
            let start = Instant::now();
            once();
            start.elapsed().as_secs_f64()
        })
        .collect();
    let median = median(&seconds);
    let n_sentences = task.n_sentences() as f64;
    Ok(Measurement {
        task: task.name(),
        seconds,
        median_seconds: median,
        sentences_per_second: n_sentences / median,
        tokens_per_second: n_sentences * LENGTH as f64 / median,
        peak_memory_bytes: peak_memory(),
    })
}

fn train_step(model: &lite_model::Seq2Seq, tokens: &mut Tokens, sizes: VocabularySizes, device: &Device) {
    let source = tokens.batch(sizes.source, device);
    let input = tokens.batch(sizes.target, device);
    let target = tokens.batch(sizes.target, device).reshape([TRAIN_BATCH * LENGTH, 1]);
    let features = model.features(source, input);
    let [_, _, d_model] = features.dims();
    let logits = model.logits(features.reshape([TRAIN_BATCH * LENGTH, d_model]));
    // Label smoothing as in training, over all rows at once.
    let log_probabilities = log_softmax(logits, 1);
    let smooth = 0.1 / sizes.target as f64;
    let likelihood = log_probabilities.clone().gather(1, target).sum().mul_scalar(0.9);
    let loss = (likelihood + log_probabilities.sum().mul_scalar(smooth)).neg();
    let gradients = loss.backward();
    // A device that works behind our back has finished only when its result is here.
    let loss: f32 = loss.into_scalar();
    assert!(loss.is_finite() && model.projection().grad(&gradients).is_some());
    device.sync().expect("the device finishes its work");
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

    fn sentence(&mut self, size: usize) -> Vec<u32> {
        (1..LENGTH).map(|_| self.id(size)).chain([EOS]).collect()
    }

    fn batch(&mut self, size: usize, device: &Device) -> Tensor<2, Int> {
        let ids: Vec<i32> = (0..TRAIN_BATCH * LENGTH).map(|_| self.id(size) as i32).collect();
        Tensor::from_data(TensorData::new(ids, [TRAIN_BATCH, LENGTH]), device)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

/// The high-water mark of this process's resident memory.
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
        let mut config = ModelConfig::new(Architecture::Lite, 16, 16);
        (config.encoder_layers, config.decoder_layers) = (1, 1);
        for task in [Task::Decode { beam: 2, batch_size: 3 }, Task::Train] {
            let found = measure(task, &config, VocabularySizes::joint(24), 2, &device).unwrap();
            assert_eq!(found.seconds.len(), 2);
            assert!(found.tokens_per_second > 0.0);
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }
}
