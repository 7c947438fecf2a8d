//! How a model is trained: the `[train]` table of a definition.

use lite_eval::precision::Precision;
use serde::{Deserialize, Serialize};

use crate::schedule::ScheduleConfig;

/// Settings of one training run; what the machine decides (device, micro-batch) is on the command line.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// Optimiser updates. Required.
    pub updates: u64,
    /// Budget of one update in tokens, over all its micro-batches. Required.
    pub tokens_per_update: usize,
    /// Most tokens of a group of sentences of similar length, of which updates are made: fairseq's `--max-tokens`.
    /// Default: 4096
    #[serde(default = "default::tokens_per_group")]
    pub tokens_per_group: usize,
    /// Share of the target's probability that is spread over the vocabulary. Default: 0.1
    #[serde(default = "default::label_smoothing")]
    pub label_smoothing: f64,
    /// BPE-dropout: the share of merges that are left out each time that a sentence pair is read. For tokenisers of byte pairs.
    /// Default: 0
    #[serde(default)]
    pub bpe_dropout: f64,
    /// Largest global norm of the gradient; 0 turns clipping off. Default: 0
    #[serde(default)]
    pub clip_norm: f64,
    /// What linear layers and the vocabulary projection are computed in: f32, or bf16 on Flex and on GPUs that have it. Default: f32
    #[serde(default)]
    pub precision: Precision,
    /// Updates between validations; there is one at the end too. Default: 1000
    #[serde(default = "default::interval")]
    pub validate_every: u64,
    /// Updates between checkpoints; there is one at the end too. Default: 1000
    #[serde(default = "default::interval")]
    pub checkpoint_every: u64,
    /// Newest checkpoints that are kept, beside the best one and those an average needs. Default: 5
    #[serde(default = "default::five")]
    pub keep_checkpoints: usize,
    /// What the trained model is. Default: average
    #[serde(default)]
    pub weights: FinalWeights,
    /// Checkpoints in the average: the last ones at multiples of `checkpoint_every`, and the final one. Default: 5
    #[serde(default = "default::five")]
    pub average: usize,
    /// What makes a checkpoint the best one. Default: loss
    #[serde(default)]
    pub select: Selection,
    /// Updates between log lines. Default: 50
    #[serde(default = "default::log_every")]
    pub log_every: u64,
    /// The optimiser.
    #[serde(default)]
    pub optimiser: OptimiserConfig,
    /// The learning rate over time.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// When to stop before `updates`.
    #[serde(default)]
    pub early_stopping: EarlyStoppingConfig,
    /// What is measured at a validation, beside the loss.
    #[serde(default)]
    pub validation: ValidationConfig,
}

/// Which weights a run ends with.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum FinalWeights {
    /// The mean of the last checkpoints.
    #[default]
    Average,
    /// The checkpoint with the best validation.
    Best,
    /// The last checkpoint.
    Last,
}

/// The validation score that ranks checkpoints.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Lowest label-smoothed loss, as fairseq.
    #[default]
    Loss,
    /// Highest BLEU.
    Bleu,
}

/// Which optimiser, with its constants. Constants that the rule has no use for are ignored.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct OptimiserConfig {
    /// The rule. Default: adam
    #[serde(default)]
    pub kind: OptimiserKind,
    /// Adam: decay of the mean of gradients. Default: 0.9
    #[serde(default = "default::beta1")]
    pub beta1: f64,
    /// Adam: decay of the mean of squared gradients. Default: 0.98
    #[serde(default = "default::beta2")]
    pub beta2: f64,
    /// Adam: added to the root of the mean square. Default: 1e-8
    #[serde(default = "default::epsilon")]
    pub epsilon: f64,
    /// Nag: the share of a step that goes on in the next. Default: 0.99
    #[serde(default = "default::momentum")]
    pub momentum: f64,
    /// Decay of the weights themselves, apart from the gradient. Default: 0
    #[serde(default)]
    pub weight_decay: f64,
}

/// The optimisers there are.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// fairseq's Adam.
    #[default]
    Adam,
    /// fairseq's accelerated gradient, with which it trains language models.
    Nag,
}

/// Early stopping.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct EarlyStoppingConfig {
    /// The score that has to improve. Default: none, which trains to the end
    #[serde(default)]
    pub metric: StoppingMetric,
    /// Validations without a new best after which training stops. Default: 10
    #[serde(default = "default::patience")]
    pub patience: u64,
}

/// What early stopping watches.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum StoppingMetric {
    /// Nothing.
    #[default]
    None,
    /// Validation loss.
    Loss,
    /// Validation BLEU.
    Bleu,
}

/// Translation at validations.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ValidationConfig {
    /// How translations of the validation set are scored. Default: none
    #[serde(default)]
    pub bleu: ValidationBleu,
    /// Sentences that are translated, from the beginning; 0 is all. Default: 0
    #[serde(default)]
    pub sentences: usize,
    /// Beam of these translations. Default: 1, greedy
    #[serde(default = "default::one")]
    pub beam: usize,
}

/// The BLEU that validations follow.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationBleu {
    /// Nothing is translated.
    #[default]
    None,
    /// Tokenised BLEU, as the paper scores.
    Tokenised,
    /// sacreBLEU.
    Sacrebleu,
}

/// A value of `[train]` that cannot be used.
#[derive(thiserror::Error, Debug, Clone, PartialEq)]
#[error("`train.{key}` is {found}, expected {expected}")]
pub struct TrainConfigError {
    /// The key.
    pub key: &'static str,
    /// What the definition has.
    pub found: String,
    /// What would do.
    pub expected: String,
}

impl TrainConfig {
    /// Settings with the default of every optional key.
    pub fn new(updates: u64, tokens_per_update: usize) -> Self {
        Self {
            updates,
            tokens_per_update,
            tokens_per_group: default::tokens_per_group(),
            label_smoothing: default::label_smoothing(),
            bpe_dropout: 0.0,
            clip_norm: 0.0,
            precision: Precision::default(),
            validate_every: default::interval(),
            checkpoint_every: default::interval(),
            keep_checkpoints: default::five(),
            weights: FinalWeights::default(),
            average: default::five(),
            select: Selection::default(),
            log_every: default::log_every(),
            optimiser: OptimiserConfig::default(),
            schedule: ScheduleConfig::default(),
            early_stopping: EarlyStoppingConfig::default(),
            validation: ValidationConfig::default(),
        }
    }

    /// Refuses values that cannot be trained with.
    pub fn validate(&self) -> Result<(), TrainConfigError> {
        let refuse = |key, found: String, expected: &str| {
            Err(TrainConfigError {
                key,
                found,
                expected: expected.into(),
            })
        };
        let optimiser = &self.optimiser;
        for (key, value) in [
            ("updates", self.updates),
            ("tokens_per_update", self.tokens_per_update as u64),
            ("tokens_per_group", self.tokens_per_group as u64),
            ("validate_every", self.validate_every),
            ("checkpoint_every", self.checkpoint_every),
            ("keep_checkpoints", self.keep_checkpoints as u64),
            ("average", self.average as u64),
            ("log_every", self.log_every),
            ("early_stopping.patience", self.early_stopping.patience),
            ("validation.beam", self.validation.beam as u64),
        ] {
            if value == 0 {
                return refuse(key, "0".into(), "1 or more");
            }
        }
        for (key, value) in [
            ("label_smoothing", self.label_smoothing),
            ("bpe_dropout", self.bpe_dropout),
            ("optimiser.beta1", optimiser.beta1),
            ("optimiser.beta2", optimiser.beta2),
            ("optimiser.momentum", optimiser.momentum),
        ] {
            if !(0.0..1.0).contains(&value) {
                return refuse(key, value.to_string(), "at least 0 and below 1");
            }
        }
        for (key, value) in [
            ("clip_norm", self.clip_norm),
            ("optimiser.epsilon", optimiser.epsilon),
            ("optimiser.weight_decay", optimiser.weight_decay),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(key, value.to_string(), "0 or more");
            }
        }
        if self.validation.bleu == ValidationBleu::None {
            let expected = "\"loss\", or a `train.validation.bleu` to go by";
            if self.select == Selection::Bleu {
                return refuse("select", "\"bleu\"".into(), expected);
            }
            if self.early_stopping.metric == StoppingMetric::Bleu {
                return refuse("early_stopping.metric", "\"bleu\"".into(), expected);
            }
        }
        self.schedule.validate()
    }
}

impl Default for OptimiserConfig {
    fn default() -> Self {
        Self {
            kind: OptimiserKind::default(),
            beta1: default::beta1(),
            beta2: default::beta2(),
            epsilon: default::epsilon(),
            momentum: default::momentum(),
            weight_decay: 0.0,
        }
    }
}

impl Default for EarlyStoppingConfig {
    fn default() -> Self {
        Self {
            metric: StoppingMetric::default(),
            patience: default::patience(),
        }
    }
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self {
            bleu: ValidationBleu::default(),
            sentences: 0,
            beam: default::one(),
        }
    }
}

mod default {
    pub fn tokens_per_group() -> usize {
        4096
    }
    pub fn label_smoothing() -> f64 {
        0.1
    }
    pub fn interval() -> u64 {
        1000
    }
    pub fn five() -> usize {
        5
    }
    pub fn one() -> usize {
        1
    }
    pub fn log_every() -> u64 {
        50
    }
    pub fn beta1() -> f64 {
        0.9
    }
    pub fn beta2() -> f64 {
        0.98
    }
    pub fn epsilon() -> f64 {
        1e-8
    }
    pub fn momentum() -> f64 {
        0.99
    }
    pub fn patience() -> u64 {
        10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_are_enough_and_the_rest_is_the_default() {
        let read: TrainConfig = serde_json::from_str(r#"{"updates": 7, "tokens_per_update": 64}"#).unwrap();
        assert_eq!(read, TrainConfig::new(7, 64));
        assert_eq!(read.validate(), Ok(()));
    }

    #[test]
    fn bleu_needs_a_validation_that_measures_it() {
        let mut config = TrainConfig::new(7, 64);
        config.select = Selection::Bleu;
        let error = config.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`train.select` is \"bleu\", expected \"loss\", or a `train.validation.bleu` to go by"
        );
        config.validation.bleu = ValidationBleu::Tokenised;
        assert_eq!(config.validate(), Ok(()));
    }
}
