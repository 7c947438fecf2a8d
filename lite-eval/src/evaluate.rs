//! The test set through a model: hypotheses and their scores, or the perplexity of its text.

use std::io::Write;

use burn::tensor::Device;
use experiments::{RunError, RunFolder, Score, write_atomically};
use lite_data::{DataError, PairStore, Prepared, Progress};
use lite_model::{LanguageModel, ModelConfig, Seq2Seq};
use serde::Serialize;

use crate::decode::DecodeConfig;
use crate::metrics::{MetricError, score};
use crate::perplexity::{LineLoss, Measure, Perplexity, PerplexityError, PerplexitySettings, line_losses};
use crate::precision::Precision;
use crate::search::Hypothesis;
use crate::translate::{fit, translate_beside};

/// What came out of a split.
#[derive(Serialize, Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Which split.
    pub split: Split,
    /// What the model computed in.
    pub precision: Precision,
    /// How it was decoded and scored.
    pub decode: DecodeConfig,
    /// The scores, the main one first.
    pub scores: Vec<Score>,
    /// The best translation of each line. Of a language model, what each line costs: its negative log-likelihood in nats
    /// and its tokens, from which the perplexity of all or of some of them follows.
    #[serde(skip)]
    pub hypotheses: Vec<String>,
}

/// A split that is scored.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Watched during training.
    Valid,
    /// Reported.
    Test,
}

impl Split {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }

    /// Its pairs.
    pub fn store(self, prepared: &Prepared) -> &PairStore {
        match self {
            Self::Valid => &prepared.valid,
            Self::Test => &prepared.test,
        }
    }
}

/// Why a split has no scores.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The prepared corpus.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The scores.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The perplexity.
    #[error(transparent)]
    Perplexity(#[from] PerplexityError),
}

impl EvaluateError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Data(error) => error.hint(),
            Self::Metric(error) => error.hint(),
            Self::Perplexity(_) => None,
        }
    }
}

/// Translates a split of a prepared corpus and scores it by `decode.metrics`.
pub fn evaluate(
    model: &Seq2Seq,
    model_config: &ModelConfig,
    prepared: &Prepared,
    split: Split,
    decode: &DecodeConfig,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Evaluation, EvaluateError> {
    let n = split.store(prepared).len();
    let hypotheses = decode_split(model, model_config, prepared, split, n, decode, device, progress);
    let references = prepared.references(split.name())?;
    let scores = scores(decode, &hypotheses, &references)?;
    Ok(Evaluation {
        split,
        precision: Precision::of_model(model),
        decode: decode.clone(),
        scores,
        hypotheses,
    })
}

/// The scores that `decode.metrics` asks for, in their order.
pub(crate) fn scores(
    decode: &DecodeConfig,
    hypotheses: &[String],
    references: &[String],
) -> Result<Vec<Score>, MetricError> {
    let settings = decode.metric_settings();
    let scores = decode
        .metrics
        .iter()
        .map(|&metric| score(metric, hypotheses, references, &settings));
    scores.collect()
}

/// Measures the perplexity of a split's targets by `decode.perplexity`.
pub fn evaluate_language_model(
    model: &LanguageModel,
    model_config: &ModelConfig,
    prepared: &Prepared,
    split: Split,
    decode: &DecodeConfig,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Evaluation, EvaluateError> {
    let n = split.store(prepared).len();
    let settings = &decode.perplexity;
    let (found, losses) = perplexity_of(model, model_config, prepared, split, n, settings, device, progress)?;
    let measure = Measure::new(
        &decode.perplexity,
        &prepared.tokeniser,
        model_config.max_target_positions,
    );
    Ok(Evaluation {
        split,
        precision: Precision::F32,
        decode: decode.clone(),
        scores: vec![Score {
            name: "perplexity".into(),
            value: found.perplexity,
            signature: format!("{measure}|tokens:{}", found.tokens),
            confidence: None,
        }],
        hypotheses: losses
            .iter()
            .map(|line| format!("{:.4} {}", line.nats, line.tokens))
            .collect(),
    })
}

/// The perplexity of the first `n` lines of a split, and what each costs.
#[expect(
    clippy::too_many_arguments,
    reason = "a model comes with its config and device; the rest says what to do"
)]
pub(crate) fn perplexity_of(
    model: &LanguageModel,
    model_config: &ModelConfig,
    prepared: &Prepared,
    split: Split,
    n: usize,
    settings: &PerplexitySettings,
    device: &Device,
    progress: &dyn Progress,
) -> Result<(Perplexity, Vec<LineLoss>), EvaluateError> {
    let store = split.store(prepared);
    let n = n.min(store.len());
    let lines: Vec<Vec<u32>> = (0..n).map(|i| store.pair(i).1.to_vec()).collect();
    let losses = line_losses(model, model_config, &lines, settings, device, progress)?;
    Ok((Perplexity::of(&losses)?, losses))
}

/// The best translations of the first `n` lines of a split, as text.
#[expect(
    clippy::too_many_arguments,
    reason = "a model comes with its config and device; the rest says what to do"
)]
pub fn decode_split(
    model: &Seq2Seq,
    model_config: &ModelConfig,
    prepared: &Prepared,
    split: Split,
    n: usize,
    decode: &DecodeConfig,
    device: &Device,
    progress: &dyn Progress,
) -> Vec<String> {
    let store = split.store(prepared);
    let n = n.min(store.len());
    let sources: Vec<Vec<u32>> = (0..n)
        .map(|i| {
            let mut source = store.pair(i).0.to_vec();
            if let Some(length) = fit(&mut source, model_config.max_source_positions) {
                progress.message(&cut_message(
                    split.name(),
                    i + 1,
                    length,
                    model_config.max_source_positions,
                ));
            }
            source
        })
        .collect();
    let config = DecodeConfig {
        n_best: 1,
        ..decode.clone()
    };
    progress.begin(&format!("translating {}", split.name()), Some(n as u64));
    let mut n_done = 0;
    let lengths: Vec<usize> = (0..n).map(|i| store.lengths(i).1).collect();
    let mut advance = |n| {
        n_done += n as u64;
        progress.advance(n_done);
    };
    let found = translate_beside(
        model,
        model_config,
        &sources,
        Some(&lengths),
        &config,
        device,
        &mut advance,
    );
    progress.end();
    let text = |best: &Hypothesis| {
        prepared
            .tokeniser
            .decode(&prepared.target_vocabulary.decode(&best.tokens))
    };
    found
        .iter()
        .map(|hypotheses| hypotheses.first().map(text).unwrap_or_default())
        .collect()
}

/// What is said of a line that is longer than a source may be.
pub fn cut_message(place: &str, line: usize, length: usize, max_source_tokens: usize) -> String {
    format!("{place} line {line}: {length} tokens, at most {max_source_tokens}: cut")
}

impl Evaluation {
    /// Writes `hypotheses.txt` and `scores.json` of a run folder.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RunError> {
        let hypotheses = folder.hypotheses();
        write_atomically(&hypotheses, |file| {
            self.hypotheses
                .iter()
                .try_for_each(|line| writeln!(file, "{}", line.replace('\n', " ")))
        })
        .map_err(|source| RunError::Io {
            path: hypotheses.clone(),
            source,
        })?;
        let scores = folder.scores();
        write_atomically(&scores, |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            writeln!(file)
        })
        .map_err(|source| RunError::Io {
            path: scores.clone(),
            source,
        })
    }
}
