//! The keys of a language model (fairseq `transformer_lm.py`, `adaptive_input.py`, `adaptive_softmax.py`).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Architecture, ModelConfig, ShareEmbeddings};
use crate::error::ConfigError;
use crate::tokens::UNK;

/// What a model predicts.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// The target of a source, with an encoder and a decoder.
    #[default]
    #[serde(rename = "seq2seq")]
    Seq2Seq,
    /// The next token of a text, with the layers of the decoder alone: no cross-attention.
    LanguageModel,
}

/// Word vectors that are narrower the rarer the word (Baevski and Auli 2019): the `[arch.NAME.adaptive_input]` table.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct AdaptiveInputConfig {
    /// The first id of each band after the first, ascending; the vocabulary ends the last band. Required.
    pub cutoffs: Vec<usize>,
    /// How much narrower each band is than the one before. Default: 4
    #[serde(default = "factor")]
    pub factor: f64,
}

/// A softmax over the frequent words and clusters of the others (Grave et al. 2017): the
/// `[arch.NAME.adaptive_softmax]` table.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct AdaptiveSoftmaxConfig {
    /// The first id of each cluster, ascending; the vocabulary ends the last one. Required.
    pub cutoffs: Vec<usize>,
    /// How much narrower each cluster is than the one before. Default: 4
    #[serde(default = "factor")]
    pub factor: f64,
    /// Dropout on the features and inside the clusters. Default: 0
    #[serde(default)]
    pub dropout: f64,
    /// Whether the words' vectors are those of the adaptive input. Default: false
    #[serde(default)]
    pub tie_weights: bool,
    /// Whether the clusters' projections are the adaptive input's too. Default: false
    #[serde(default)]
    pub tie_projections: bool,
}

fn factor() -> f64 {
    4.0
}

impl AdaptiveInputConfig {
    /// Ids of each band.
    pub fn bands(&self, vocabulary_size: usize) -> Vec<Range<usize>> {
        bands(&self.cutoffs, vocabulary_size)
    }

    /// Width of the vectors of band `band`, of which the first has `width`.
    pub fn width(&self, width: usize, band: usize) -> usize {
        narrowed(width, self.factor, band)
    }
}

impl AdaptiveSoftmaxConfig {
    /// Ids of the head's words, then of each cluster.
    pub fn bands(&self, vocabulary_size: usize) -> Vec<Range<usize>> {
        bands(&self.cutoffs, vocabulary_size)
    }

    /// Inner width of cluster `cluster`, from 0.
    pub fn cluster_width(&self, d_model: usize, cluster: usize) -> usize {
        narrowed(d_model, self.factor, cluster + 1)
    }
}

fn bands(cutoffs: &[usize], vocabulary_size: usize) -> Vec<Range<usize>> {
    let inner = cutoffs.iter().copied().filter(|&cutoff| cutoff < vocabulary_size);
    let ends: Vec<usize> = inner.chain([vocabulary_size]).collect();
    let begins = std::iter::once(0).chain(ends.iter().copied());
    begins.zip(&ends).map(|(begin, &end)| begin..end).collect()
}

fn narrowed(width: usize, factor: f64, band: usize) -> usize {
    // fairseq: `int(width // factor ** band)`.
    (width as f64 / factor.powf(band as f64)).floor() as usize
}

impl ModelConfig {
    /// Width of the first band of the adaptive input.
    pub fn decoder_input_dim(&self) -> usize {
        self.decoder_input_dim.unwrap_or(self.d_model)
    }

    /// Refuses to build one task's model for the other.
    pub(crate) fn check_task(&self, task: Task) -> Result<(), ConfigError> {
        let name = |task| match task {
            Task::Seq2Seq => "\"seq2seq\"",
            Task::LanguageModel => "\"language-model\"",
        };
        if self.task == task {
            return Ok(());
        }
        refuse("task", name(self.task), name(task))
    }

    /// Refuses the keys of a language model in another task.
    pub(super) fn validate_task(&self, vocabulary_size: usize) -> Result<(), ConfigError> {
        if self.task == Task::LanguageModel {
            return self.validate_language_model(vocabulary_size);
        }
        for (key, is_there) in [
            ("adaptive_input", self.adaptive_input.is_some()),
            ("adaptive_softmax", self.adaptive_softmax.is_some()),
            ("decoder_input_dim", self.decoder_input_dim.is_some()),
        ] {
            if is_there {
                return refuse(key, "a value", "none, or `task = \"language-model\"`");
            }
        }
        Ok(())
    }

    fn validate_language_model(&self, vocabulary_size: usize) -> Result<(), ConfigError> {
        // The cells of `evolved` normalise first whatever the key says.
        if !self.pre_norm && self.architecture != Architecture::Evolved {
            return refuse("pre_norm", "false", "true in a language model");
        }
        if let Some(input) = &self.adaptive_input {
            let input_dim = self.decoder_input_dim();
            check_cutoffs("adaptive_input.cutoffs", &input.cutoffs, vocabulary_size)?;
            let last = input.bands(vocabulary_size).len() - 1;
            let narrowest = |factor| narrowed(input_dim, factor, last);
            check_factor("adaptive_input.factor", input.factor, narrowest)?;
            if self.adaptive_softmax.is_none() && self.share_embeddings != ShareEmbeddings::None {
                let expected = "\"none\" with an adaptive input and a plain softmax";
                return refuse("share_embeddings", "another", expected);
            }
        } else if self.decoder_input_dim.is_some() {
            return refuse("decoder_input_dim", "a value", "none without `adaptive_input`");
        }
        match &self.adaptive_softmax {
            Some(softmax) => self.validate_adaptive_softmax(softmax, vocabulary_size),
            None => Ok(()),
        }
    }

    fn validate_adaptive_softmax(
        &self,
        softmax: &AdaptiveSoftmaxConfig,
        vocabulary_size: usize,
    ) -> Result<(), ConfigError> {
        check_cutoffs("adaptive_softmax.cutoffs", &softmax.cutoffs, vocabulary_size)?;
        let last = softmax.bands(vocabulary_size).len() - 1;
        let narrowest = |factor| narrowed(self.d_model, factor, last);
        check_factor("adaptive_softmax.factor", softmax.factor, narrowest)?;
        if !(0.0..1.0).contains(&softmax.dropout) {
            let found = softmax.dropout.to_string();
            return refuse("adaptive_softmax.dropout", &found, "at least 0 and below 1");
        }
        if softmax.tie_projections && !softmax.tie_weights {
            let expected = "false without `tie_weights`";
            return refuse("adaptive_softmax.tie_projections", "true", expected);
        }
        if !softmax.tie_weights {
            return Ok(());
        }
        let fits = self.adaptive_input.as_ref().is_some_and(|input| {
            input.bands(vocabulary_size) == softmax.bands(vocabulary_size) && input.factor == softmax.factor
        });
        if !fits || self.decoder_input_dim() != self.d_model {
            let expected = "false without an `adaptive_input` of the same cutoffs, factor and width `d_model`";
            return refuse("adaptive_softmax.tie_weights", "true", expected);
        }
        Ok(())
    }
}

fn check_cutoffs(key: &'static str, cutoffs: &[usize], vocabulary_size: usize) -> Result<(), ConfigError> {
    let found = format!("{cutoffs:?}");
    if cutoffs.is_empty() || !cutoffs.is_sorted_by(|a, b| a < b) {
        return refuse(key, &found, "ascending numbers");
    }
    // The special tokens stand in the first band.
    if cutoffs[0] <= UNK as usize {
        return refuse(key, &found, "4 or more for the first");
    }
    if cutoffs.iter().any(|&cutoff| cutoff > vocabulary_size) {
        let expected = format!("at most the {vocabulary_size} entries of the vocabulary");
        return refuse(key, &found, &expected);
    }
    Ok(())
}

fn check_factor(key: &'static str, factor: f64, narrowest: impl Fn(f64) -> usize) -> Result<(), ConfigError> {
    if factor >= 1.0 && narrowest(factor) > 0 {
        return Ok(());
    }
    let expected = "1 or more, and so small that the last band has a channel";
    refuse(key, &factor.to_string(), expected)
}

fn refuse(key: &'static str, found: &str, expected: &str) -> Result<(), ConfigError> {
    Err(ConfigError {
        key,
        found: found.into(),
        expected: expected.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Architecture, VocabularySizes};

    #[test]
    fn bands_end_with_the_vocabulary_and_narrow_by_the_factor() {
        let input = AdaptiveInputConfig {
            cutoffs: vec![20_000, 60_000],
            factor: 4.0,
        };
        assert_eq!(input.bands(267_744), [0..20_000, 20_000..60_000, 60_000..267_744]);
        assert_eq!(input.bands(60_000), [0..20_000, 20_000..60_000]);
        assert_eq!([0, 1, 2].map(|band| input.width(896, band)), [896, 224, 56]);
    }

    #[test]
    fn what_cannot_be_built_is_refused_with_its_key() {
        let input = AdaptiveInputConfig {
            cutoffs: vec![20, 50],
            factor: 4.0,
        };
        let softmax = AdaptiveSoftmaxConfig {
            cutoffs: vec![20, 50],
            factor: 4.0,
            dropout: 0.0,
            tie_weights: true,
            tie_projections: true,
        };
        let good = ModelConfig {
            task: Task::LanguageModel,
            pre_norm: true,
            adaptive_input: Some(input.clone()),
            adaptive_softmax: Some(softmax.clone()),
            ..ModelConfig::new(Architecture::Lite, 32, 32)
        };
        let sizes = VocabularySizes::joint(97);
        assert_eq!(good.validate(sizes), Ok(()));
        let without_encoder = ModelConfig {
            encoder_layers: 0,
            max_source_positions: 0,
            ..good.clone()
        };
        assert_eq!(without_encoder.validate(sizes), Ok(()));
        let with_input = |cutoffs: &[usize], factor| ModelConfig {
            adaptive_input: Some(AdaptiveInputConfig {
                cutoffs: cutoffs.to_vec(),
                factor,
            }),
            ..good.clone()
        };
        let with_softmax = |softmax| ModelConfig {
            adaptive_softmax: Some(softmax),
            ..good.clone()
        };
        for (config, key) in [
            (
                ModelConfig {
                    pre_norm: false,
                    ..good.clone()
                },
                "pre_norm",
            ),
            (
                ModelConfig {
                    task: Task::Seq2Seq,
                    ..good.clone()
                },
                "adaptive_input",
            ),
            (with_input(&[50, 20], 4.0), "adaptive_input.cutoffs"),
            (with_input(&[3, 50], 4.0), "adaptive_input.cutoffs"),
            (with_input(&[20, 98], 4.0), "adaptive_input.cutoffs"),
            (with_input(&[20, 50], 0.5), "adaptive_input.factor"),
            (with_input(&[20, 50], 6.0), "adaptive_input.factor"),
            (with_input(&[20, 51], 4.0), "adaptive_softmax.tie_weights"),
            (
                with_softmax(AdaptiveSoftmaxConfig {
                    tie_weights: false,
                    ..softmax.clone()
                }),
                "adaptive_softmax.tie_projections",
            ),
            (
                with_softmax(AdaptiveSoftmaxConfig {
                    dropout: 1.0,
                    ..softmax.clone()
                }),
                "adaptive_softmax.dropout",
            ),
            (
                ModelConfig {
                    decoder_input_dim: Some(24),
                    ..good.clone()
                },
                "adaptive_softmax.tie_weights",
            ),
            (
                ModelConfig {
                    adaptive_softmax: None,
                    ..good.clone()
                },
                "share_embeddings",
            ),
            (
                ModelConfig {
                    adaptive_input: None,
                    adaptive_softmax: None,
                    decoder_input_dim: Some(32),
                    ..good.clone()
                },
                "decoder_input_dim",
            ),
        ] {
            assert_eq!(config.validate(sizes).unwrap_err().key, key, "{config:?}");
        }
    }
}
