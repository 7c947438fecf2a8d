//! A set of weights on a split of a run's corpus.

use std::path::Path;

use burn::tensor::Device;
use experiments::Score;
use lite_data::{Prepared, Progress};
use lite_model::weights::{Source, load_from};
use lite_model::{LanguageModel, Task};

use crate::evaluate::{EvaluateError, Split, decode_split, evaluate_language_model, perplexity_of};
use crate::metrics::bootstrap::Bootstrap;
use crate::metrics::{Lines, Metric, less_is_better};
use crate::precision::Precision;
use crate::run::{OpenError, Run};

/// What errors name.
const PLACE: &str = "compressed weights";

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
    /// Whether the file is computed in 8 bits where it is used: translation models on a processor are.
    pub fn is_computed_in_8_bits(&self) -> bool {
        self.run.model_config.task == Task::Seq2Seq && Precision::Int8.check_search(self.device).is_ok()
    }

    /// The name of the score that decides, and whether less of it is better.
    pub fn main_score(&self) -> (&'static str, bool) {
        let name = match self.run.model_config.task {
            Task::Seq2Seq => self.main_metric().name(),
            Task::LanguageModel => "perplexity",
        };
        (name, less_is_better(name))
    }

    fn main_metric(&self) -> Metric {
        self.run.decode.metrics[0]
    }

    /// The main score of the first `n` validation sentences, or lines.
    pub fn validation(&self, weights: Vec<Source>, n: usize) -> Result<f64, JudgeError> {
        let Run {
            model_config, decode, ..
        } = self.run;
        if model_config.task == Task::LanguageModel {
            let model = self.language_model(weights)?;
            let (found, _) = perplexity_of(
                &model,
                model_config,
                self.prepared,
                Split::Valid,
                n,
                &decode.perplexity,
                self.device,
                self.progress,
            )?;
            return Ok(found.perplexity);
        }
        let hypotheses = self.translate(weights, Precision::F32, Split::Valid, n)?;
        let mut references = self.references(Split::Valid)?;
        references.truncate(n);
        let lines = self.lines(self.main_metric(), &hypotheses, &references)?;
        Ok(lines.score().value)
    }

    /// Every score of the test set with its confidence interval, and the translations; of a language model its perplexity
    /// and what each line costs, always in single precision.
    pub fn test(&self, weights: Vec<Source>, precision: Precision) -> Result<(Vec<Score>, Vec<String>), JudgeError> {
        if self.run.model_config.task == Task::LanguageModel {
            let found = evaluate_language_model(
                &self.language_model(weights)?,
                &self.run.model_config,
                self.prepared,
                Split::Test,
                &self.run.decode,
                self.device,
                self.progress,
            )?;
            return Ok((found.scores, found.hypotheses));
        }
        let hypotheses = self.translate(weights, precision, Split::Test, usize::MAX)?;
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

    fn language_model(&self, weights: Vec<Source>) -> Result<LanguageModel, JudgeError> {
        let model = self
            .run
            .model_config
            .init_language_model(self.run.text.sizes().target, self.device)
            .map_err(OpenError::from)?;
        Ok(load_from(model, weights, Path::new(PLACE)).map_err(OpenError::Packed)?)
    }

    fn translate(
        &self,
        weights: Vec<Source>,
        precision: Precision,
        split: Split,
        n: usize,
    ) -> Result<Vec<String>, JudgeError> {
        let Run {
            model_config, decode, ..
        } = self.run;
        let model = model_config
            .init(self.run.text.sizes(), self.device)
            .map_err(OpenError::from)?;
        let model = load_from(model, weights, Path::new(PLACE)).map_err(OpenError::Packed)?;
        Ok(decode_split(
            &precision.of(model, model_config).map_err(OpenError::from)?,
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
