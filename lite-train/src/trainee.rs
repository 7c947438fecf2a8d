//! What the loop trains: a translation model or a language model. All else of training is the same for both.

use anyhow::{Context, bail};
use burn::module::Module;
use burn::store::ModuleSnapshot;
use burn::tensor::{Device, Int, Tensor, TensorData};
use experiments::Score;
use lite_data::{Batch, DataConfig, PairStore, Progress, Rows};
use lite_eval::evaluate::{EvaluateError, Evaluation, Split, evaluate, evaluate_language_model};
use lite_model::error::ConfigError;
use lite_model::{LanguageModel, ModelConfig, Seq2Seq, Task, VocabularySizes};

use crate::config::{TrainConfig, ValidationBleu};
use crate::loss::{Loss, label_smoothed, label_smoothed_sums, language_model, language_model_sums};
use crate::run::Run;
use crate::validate;

/// A model that can be trained.
pub trait Trainee: Module + ModuleSnapshot + Sync {
    /// A model with weights drawn from the device's generator.
    fn init(config: &ModelConfig, sizes: VocabularySizes, device: &Device) -> Result<Self, ConfigError>;

    /// What of a split the model learns from.
    fn rows<'a>(store: &'a PairStore, config: &ModelConfig) -> anyhow::Result<Rows<'a>>;

    /// The loss of a batch with what its gradients need.
    fn loss(&self, batch: &Batch, label_smoothing: f64, device: &Device) -> Loss;

    /// Loss and likelihood of a batch alone, `[2]`.
    fn sums(&self, batch: &Batch, label_smoothing: f64, device: &Device) -> Tensor<1>;

    /// BLEU on the validation set, where the definition follows it.
    fn bleu(&self, run: &Run<'_>) -> Result<Option<f64>, EvaluateError>;

    /// What is reported of the trained model.
    fn evaluate(&self, run: &Run<'_>, progress: &dyn Progress) -> Result<Evaluation, EvaluateError>;
}

impl Trainee for Seq2Seq {
    fn init(config: &ModelConfig, sizes: VocabularySizes, device: &Device) -> Result<Self, ConfigError> {
        config.init(sizes, device)
    }

    fn rows<'a>(store: &'a PairStore, _: &ModelConfig) -> anyhow::Result<Rows<'a>> {
        Ok(store.into())
    }

    fn loss(&self, batch: &Batch, label_smoothing: f64, device: &Device) -> Loss {
        let features = pair_features(self, batch, device);
        label_smoothed(features, self.projection(), &batch.target_output, label_smoothing)
    }

    fn sums(&self, batch: &Batch, label_smoothing: f64, device: &Device) -> Tensor<1> {
        let features = pair_features(self, batch, device);
        label_smoothed_sums(features, self.projection(), &batch.target_output, label_smoothing)
    }

    fn bleu(&self, run: &Run<'_>) -> Result<Option<f64>, EvaluateError> {
        validate::bleu(
            self,
            &run.model,
            &run.train.validation,
            &run.decode,
            run.prepared,
            run.device(),
        )
    }

    fn evaluate(&self, run: &Run<'_>, progress: &dyn Progress) -> Result<Evaluation, EvaluateError> {
        evaluate(
            self,
            &run.model,
            run.prepared,
            Split::Test,
            &run.decode,
            run.device(),
            progress,
        )
    }
}

/// Features of a batch's targets, given its sources.
fn pair_features(model: &Seq2Seq, batch: &Batch, device: &Device) -> Tensor<3> {
    let rows = batch.indices.len();
    model.features(
        ids(&batch.source, [rows, batch.source_length], device),
        ids(&batch.target_input, [rows, batch.target_length], device),
    )
}

impl Trainee for LanguageModel {
    fn init(config: &ModelConfig, sizes: VocabularySizes, device: &Device) -> Result<Self, ConfigError> {
        config.init_language_model(sizes.target, device)
    }

    /// Blocks of as many tokens as the model has positions.
    fn rows<'a>(store: &'a PairStore, config: &ModelConfig) -> anyhow::Result<Rows<'a>> {
        Rows::blocks(store, config.max_target_positions).context("a language model learns from a corpus of one side")
    }

    fn loss(&self, batch: &Batch, _: f64, device: &Device) -> Loss {
        language_model(self, block_features(self, batch, device), &batch.target_output)
    }

    fn sums(&self, batch: &Batch, _: f64, device: &Device) -> Tensor<1> {
        language_model_sums(self, block_features(self, batch, device), &batch.target_output)
    }

    fn bleu(&self, _: &Run<'_>) -> Result<Option<f64>, EvaluateError> {
        Ok(None)
    }

    /// Perplexity of test, and as a second score that of valid: the paper's table has both.
    fn evaluate(&self, run: &Run<'_>, progress: &dyn Progress) -> Result<Evaluation, EvaluateError> {
        let of = |split| {
            evaluate_language_model(
                self,
                &run.model,
                run.prepared,
                split,
                &run.decode,
                run.device(),
                progress,
            )
        };
        let mut found = of(Split::Test)?;
        let valid = of(Split::Valid)?.scores.into_iter();
        found.scores.extend(valid.map(|score| Score {
            name: format!("valid {}", score.name),
            ..score
        }));
        Ok(found)
    }
}

fn block_features(model: &LanguageModel, batch: &Batch, device: &Device) -> Tensor<3> {
    let rows = batch.indices.len();
    model.features(ids(&batch.target_input, [rows, batch.target_length], device))
}

fn ids(ids: &[i32], shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(ids.to_vec(), shape), device)
}

/// Refuses a corpus or settings that the model's task has no use for, before anything is prepared.
pub fn check(model: &ModelConfig, train: &TrainConfig, data: &DataConfig) -> anyhow::Result<()> {
    match (model.task, data.is_one_sided()) {
        (Task::Seq2Seq, true) => bail!(
            "`task` is \"seq2seq\", but the corpus has one side\n\
             hint: name `data.source_language` and the files of the source, or train a language model"
        ),
        (Task::LanguageModel, false) => bail!(
            "`task` is \"language-model\", but the corpus has two sides\n\
             hint: leave `data.source_language` out; the text is the target"
        ),
        (Task::Seq2Seq, false) if train.bpe_dropout != 0.0 && !data.tokeniser.has_merges() => bail!(
            "`train.bpe_dropout` is {}, but the corpus's tokeniser has no merges to leave out\n\
             hint: use `data.tokeniser.kind = \"sentencepiece\"` with `model = \"bpe\"`, or \"subword-nmt\"",
            train.bpe_dropout
        ),
        (Task::Seq2Seq, false) => return Ok(()),
        (Task::LanguageModel, true) => {}
    }
    if train.label_smoothing != 0.0 {
        bail!(
            "`train.label_smoothing` is {}, but the loss of a language model is not smoothed\n\
             hint: write `label_smoothing = 0.0`",
            train.label_smoothing
        );
    }
    if train.bpe_dropout != 0.0 {
        bail!(
            "`train.bpe_dropout` is {}, but a language model learns from blocks of text, which are not cut anew\n\
             hint: write `bpe_dropout = 0.0`",
            train.bpe_dropout
        );
    }
    if train.validation.bleu != ValidationBleu::None {
        bail!("`train.validation.bleu` is for translations, and a language model makes none");
    }
    Ok(())
}
