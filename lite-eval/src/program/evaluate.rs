//! `lite-eval evaluate`: a run's test set, decoded and scored, or its perplexity.

use anyhow::{anyhow, ensure};
use burn::tensor::Device;
use clap::ValueEnum;
use lite_data::progress::Stderr;
use lite_data::{Corpus, DataError, Prepared, Progress};
use lite_eval::decode::DecodeConfig;
use lite_eval::evaluate::{EvaluateError, Evaluation, Split, evaluate, evaluate_language_model};
use lite_eval::precision::Precision;
use lite_eval::run::{Run, task};
use lite_model::{ModelConfig, Task};

use super::errors::usage;
use super::{CorpusArguments, DeviceArguments, ModelArguments, PrecisionArguments, print_json, print_table};

/// Decode a split of a run's corpus and score it
///
/// With --run, hypotheses.txt and scores.json of the test set are written into the run folder; with --model or --split valid
/// nothing is written. A compressed model is computed in 8 bits, as translate does it, unless --precision says otherwise; a
/// language model always in single precision.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval evaluate --run runs/quick/lite")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    precision: PrecisionArguments,
    /// Which split
    #[arg(long, default_value = "test")]
    split: SplitName,
    #[command(flatten)]
    corpus: CorpusArguments,
    /// Print the scores as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

/// A split, as it is named on the command line.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(super) enum SplitName {
    Valid,
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Valid => Self::Valid,
            SplitName::Test => Self::Test,
        }
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let device = arguments.device.device.open()?;
    let path = arguments.model.path()?;
    match task(path)? {
        Task::Seq2Seq => {
            let precision = arguments.precision.of(path, &device)?;
            let run = Run::open_in(precision, path, &device)?;
            evaluate_run(arguments, &run, &device, evaluate)
        }
        Task::LanguageModel => {
            let precision = arguments.precision.precision.unwrap_or_default();
            ensure!(
                precision == Precision::F32,
                usage(anyhow!(
                    "--precision: found {precision}, expected f32, in which language models are computed"
                ))
            );
            let run = Run::open_language_model(path, &device)?;
            evaluate_run(arguments, &run, &device, evaluate_language_model)
        }
    }
}

/// How a model of either task is evaluated.
type Evaluate<M> =
    fn(&M, &ModelConfig, &Prepared, Split, &DecodeConfig, &Device, &dyn Progress) -> Result<Evaluation, EvaluateError>;

fn evaluate_run<M>(arguments: &Arguments, run: &Run<M>, device: &Device, evaluate: Evaluate<M>) -> anyhow::Result<()> {
    if run.data.corpus == Corpus::Files && run.data.files.is_empty() {
        return Err(DataError::Config {
            message: "the run names no corpus, as imported runs do not".into(),
            hint: "its test set can be given to `lite-eval translate`, and the translations to `lite-eval metrics`"
                .into(),
        }
        .into());
    }
    let progress = Stderr::default();
    let prepared = arguments.corpus.prepare_for(run, arguments.model.path()?, &progress)?;
    let split = arguments.split.into();
    let found = evaluate(
        &run.model,
        &run.model_config,
        &prepared,
        split,
        &run.decode,
        device,
        &progress,
    )?;
    // What a run folder keeps is its test set.
    if let Some(folder) = run.folder.as_ref().filter(|_| split == Split::Test) {
        found.write(folder)?;
    }
    if arguments.json {
        return print_json(&found);
    }
    let rows = found
        .scores
        .iter()
        .map(|score| vec![score.name.clone(), format!("{:.2}", score.value)]);
    print_table(&["score", split.name()], &rows.collect::<Vec<_>>())?;
    found
        .scores
        .iter()
        .for_each(|score| eprintln!("{}: {}", score.name, score.signature));
    eprintln!("precision: {}", found.precision);
    Ok(())
}
