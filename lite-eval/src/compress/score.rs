//! A set of weights on a split of a run's corpus.

use std::path::Path;

use burn::tensor::Device;
use experiments::Score;
use lite_data::{Prepared, Progress};
use lite_model::weights::{Source, load_from};

use crate::evaluate::{EvaluateError, Split, decode_split};
use crate::metrics::bootstrap::Bootstrap;
use crate::metrics::{Lines, Metric};
use crate::run::{OpenError, Run};

/// Everything that a score takes beside the weights.
pub struct Judge<'a> {
    /// The run.
    pub run: &'a Run<()>,
    /// Its corpus.
    pub prepared: &'a Prepared,
    /// Where it is computed.
    pub device: &'a Device,
    /// Who is told how far it is.
    pub progress: &'a dyn Progress,
}

/// Why there is no score.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The model could not be built.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// The test set.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

impl From<OpenError> for JudgeError {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl Judge<'_> {
    /// The metric that decides, and whether less of it is better.
    pub fn main_metric(&self) -> (Metric, bool) {
        let metric = self.run.decode.metrics[0];
        (metric, metric == Metric::Ter)
    }

    /// The main score of the first `n` validation sentences.
    pub fn validation(&self, weights: Vec<Source>, n: usize) -> Result<f64, JudgeError> {
        let hypotheses = self.translate(weights, Split::Valid, n)?;
        let mut references = self.references(Split::Valid)?;
        references.truncate(n);
        let (metric, _) = self.main_metric();
        let lines = self.lines(metric, &hypotheses, &references)?;
        Ok(lines.score().value)
    }

    /// Every score of the test set with its confidence interval, and the translations.
    pub fn test(&self, weights: Vec<Source>) -> Result<(Vec<Score>, Vec<String>), JudgeError> {
        let hypotheses = self.translate(weights, Split::Test, usize::MAX)?;
        let references = self.references(Split::Test)?;
        let metrics = self.run.decode.metrics.iter();
        let lines: Result<Vec<Lines>, JudgeError> = metrics
            .map(|&metric| self.lines(metric, &hypotheses, &references))
            .collect();
        Ok((Bootstrap::default().confidence(&lines?), hypotheses))
    }

    fn lines(&self, metric: Metric, hypotheses: &[String], references: &[String]) -> Result<Lines, JudgeError> {
        let settings = self.run.decode.metric_settings();
        Ok(Lines::new(metric, hypotheses, references, &settings).map_err(EvaluateError::from)?)
    }

    fn references(&self, split: Split) -> Result<Vec<String>, JudgeError> {
        Ok(self.prepared.references(split.name()).map_err(EvaluateError::from)?)
    }

    fn translate(&self, weights: Vec<Source>, split: Split, n: usize) -> Result<Vec<String>, JudgeError> {
        let Run {
            model_config, decode, ..
        } = self.run;
        let model = model_config
            .init(self.run.text.sizes(), self.device)
            .map_err(OpenError::from)?;
        let model = load_from(model, weights, Path::new("compressed weights")).map_err(OpenError::Packed)?;
        Ok(decode_split(
            &model,
            model_config,
            self.prepared,
            split,
            n,
            decode,
            self.device,
            self.progress,
        ))
    }
}
