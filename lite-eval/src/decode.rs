//! How a model decodes: the `[decode]` table of a definition.

use experiments::{Definition, DefinitionError};
use serde::{Deserialize, Serialize};

use crate::metrics::sacre::Tokenize;
use crate::metrics::{Metric, MetricSettings, metrics_of_keys};
use crate::perplexity::PerplexitySettings;

/// More hypotheses than anybody follows: a search keeps room for as many.
const MOST_HYPOTHESES: usize = 1 << 10;
/// More sentences than are decoded together anywhere.
const MOST_SENTENCES: usize = 1 << 20;

/// Settings of the search and of the scores that follow it. Every key has a default.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeConfig {
    /// Hypotheses that are followed at a time; 1 is greedy. Default: 4
    pub beam: usize,
    /// Exponent of the length, `</s>` included, that divides a hypothesis's log-probability. Default: 0.6
    pub length_penalty: f32,
    /// The longest output is `max_length_a` times the longest source of the batch, plus `max_length_b`. Default: 0
    pub max_length_a: f64,
    /// See `max_length_a`. Default: 200
    pub max_length_b: usize,
    /// The fewest tokens before `</s>`. Default: 1
    pub min_length: usize,
    /// Whether hypotheses are compared by the penalised score rather than the plain sum. Default: true
    pub normalise: bool,
    /// What `<unk>` costs in log-probability. Default: 0
    pub unk_penalty: f32,
    /// Divides the logits. Default: 1
    pub temperature: f32,
    /// No sequence of this many tokens occurs twice in an output; 0 turns it off. Default: 0
    pub no_repeat_ngram: usize,
    /// Hypotheses that are returned for each sentence. Default: 1
    pub n_best: usize,
    /// Sentences that are decoded together. Default: 32
    pub batch_size: usize,
    /// Where shorter sources of a batch are padded. It matters only to a model that masks padding before the projection
    /// of its convolutions. Default: left, the reference's
    pub source_padding: SourcePadding,
    /// The scores of a report; the first is the one that is compared. `rouge` stands for its four kinds.
    /// Default: sacrebleu, chrf, bleu
    #[serde(deserialize_with = "metrics_of_keys")]
    pub metrics: Vec<Metric>,
    /// How sacreBLEU splits a line into tokens. Default: 13a
    pub sacrebleu_tokenize: Tokenize,
    /// Whether scores ignore case. Default: false
    pub lowercase: bool,
    /// Whether ROUGE compares stems. Default: false
    pub rouge_stem: bool,
    /// How the perplexity of a language model is measured; it searches nothing, and the other keys are not for it.
    #[serde(skip_serializing_if = "is_default")]
    pub perplexity: PerplexitySettings,
    /// The token that ends a sentence of a summary, for ROUGE-Lsum; empty where a line is one sentence. Default: `.`
    pub rouge_sentence_end: String,
}

fn is_default(settings: &PerplexitySettings) -> bool {
    *settings == PerplexitySettings::default()
}

/// The side on which sources are padded.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum SourcePadding {
    /// Before the first token.
    #[default]
    Left,
    /// Behind `</s>`.
    Right,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            beam: 4,
            length_penalty: 0.6,
            max_length_a: 0.0,
            max_length_b: 200,
            min_length: 1,
            normalise: true,
            unk_penalty: 0.0,
            temperature: 1.0,
            no_repeat_ngram: 0,
            n_best: 1,
            batch_size: 32,
            source_padding: SourcePadding::default(),
            metrics: vec![Metric::SacreBleu, Metric::Chrf, Metric::Bleu],
            sacrebleu_tokenize: Tokenize::default(),
            lowercase: false,
            rouge_stem: false,
            perplexity: PerplexitySettings::default(),
            rouge_sentence_end: MetricSettings::default().sentence_end,
        }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("decode.{key}: found {found}, expected {expected}")]
pub struct DecodeConfigError {
    /// The key at fault.
    pub key: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

impl DecodeConfig {
    /// That of a definition; a setting that cannot be is refused at its line.
    pub fn of(definition: &Definition) -> Result<Self, DefinitionError> {
        let config: Self = definition.section("decode")?;
        match config.validate() {
            Ok(()) => Ok(config),
            Err(error) => Err(definition.refuse("decode", error.key, &error.found, error.expected)),
        }
    }

    /// Refuses what no search can do, or none needs: definitions come from elsewhere too.
    pub fn validate(&self) -> Result<(), DecodeConfigError> {
        let refuse = |key, found: String, expected| Err(DecodeConfigError { key, found, expected });
        for (key, value) in [
            ("beam", self.beam),
            ("n_best", self.n_best),
            ("batch_size", self.batch_size),
            ("perplexity.max_tokens", self.perplexity.max_tokens),
        ] {
            if value == 0 {
                return refuse(key, "0".into(), "1 or more");
            }
        }
        for (key, value, most, expected) in [
            ("beam", self.beam, MOST_HYPOTHESES, "1024 or less"),
            ("n_best", self.n_best, MOST_HYPOTHESES, "1024 or less"),
            ("batch_size", self.batch_size, MOST_SENTENCES, "1048576 or less"),
        ] {
            if value > most {
                return refuse(key, value.to_string(), expected);
            }
        }
        if self.n_best > self.beam {
            return refuse("n_best", self.n_best.to_string(), "at most as many as `beam`");
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return refuse("temperature", self.temperature.to_string(), "a number above 0");
        }
        if !self.length_penalty.is_finite() {
            return refuse("length_penalty", self.length_penalty.to_string(), "a number");
        }
        if !self.unk_penalty.is_finite() {
            return refuse("unk_penalty", self.unk_penalty.to_string(), "a number");
        }
        if !(self.max_length_a >= 0.0 && self.max_length_a.is_finite()) {
            return refuse("max_length_a", self.max_length_a.to_string(), "0 or more");
        }
        if self.metrics.is_empty() {
            return refuse("metrics", "none".into(), "one or more");
        }
        Ok(())
    }

    /// The most tokens before `</s>` for a batch whose longest source has `source_length` tokens, `</s>` included.
    pub fn max_length(&self, source_length: usize, max_target_positions: usize) -> usize {
        let length = (self.max_length_a * source_length as f64) as usize + self.max_length_b;
        length.min(max_target_positions.saturating_sub(1))
    }

    /// What the metrics look at.
    pub fn metric_settings(&self) -> MetricSettings {
        MetricSettings {
            tokenize: self.sacrebleu_tokenize,
            lowercase: self.lowercase,
            stem: self.rouge_stem,
            sentence_end: self.rouge_sentence_end.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_named() {
        let default = DecodeConfig::default;
        assert_eq!(default().validate(), Ok(()));
        for (config, message) in [
            (
                DecodeConfig { beam: 0, ..default() },
                "decode.beam: found 0, expected 1 or more",
            ),
            (
                DecodeConfig { n_best: 9, ..default() },
                "decode.n_best: found 9, expected at most as many as `beam`",
            ),
            (
                DecodeConfig {
                    beam: 1 << 40,
                    ..default()
                },
                "decode.beam: found 1099511627776, expected 1024 or less",
            ),
            (
                DecodeConfig {
                    batch_size: 1 << 61,
                    ..default()
                },
                "decode.batch_size: found 2305843009213693952, expected 1048576 or less",
            ),
            (
                DecodeConfig {
                    temperature: 0.0,
                    ..default()
                },
                "decode.temperature: found 0, expected a number above 0",
            ),
        ] {
            assert_eq!(config.validate().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_longest_output_is_bounded_by_the_model() {
        let config = DecodeConfig {
            max_length_a: 1.5,
            max_length_b: 10,
            ..DecodeConfig::default()
        };
        assert_eq!(config.max_length(7, 1024), 20);
        assert_eq!(config.max_length(7, 16), 15);
    }
}
