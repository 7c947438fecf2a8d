//! The commands of `lite-eval`. Data go to stdout, talk to stderr; 0 is done, 1 failed, 2 a wrong command line.

mod baseline;
mod bench;
mod compare;
mod compress;
mod cost;
mod errors;
mod evaluate;
mod export;
mod import;
mod lines;
mod metrics;
mod perplexity;
mod plot;
mod score;
mod search;
mod tables;
mod translate;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use burn::tensor::Device;
use clap::{Args, Parser, Subcommand, ValueEnum};
use lite_data::{DataConfig, PrepareOptions, Prepared, Progress, is_broken_pipe, prepare};
use lite_eval::device::LocalDevice;
use lite_eval::metrics::bootstrap::Bootstrap;
use lite_eval::precision::{Precision, PrecisionError};
use lite_eval::run::Run;
use lite_eval::text_table::{Format, TextTable};
use lite_model::Task;
use lite_model::device::is_host;

use errors::usage;

/// Translates, scores and compares what lite-train trained.
#[derive(Parser, Debug)]
#[command(name = "lite-eval", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Translate(translate::Arguments),
    Score(score::Arguments),
    Evaluate(evaluate::Arguments),
    Baseline(baseline::Arguments),
    Metrics(metrics::Arguments),
    Compare(compare::Arguments),
    Perplexity(perplexity::Arguments),
    Cost(cost::Arguments),
    Tables(tables::Arguments),
    Plot(plot::Arguments),
    Bench(Box<bench::Arguments>),
    Import(import::Arguments),
    Compress(compress::Arguments),
    Export(export::Arguments),
}

/// Does what the command line says.
pub fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Translate(arguments) => translate::run(&arguments),
        Command::Score(arguments) => score::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Baseline(arguments) => baseline::run(&arguments),
        Command::Metrics(arguments) => metrics::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Perplexity(arguments) => perplexity::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments),
        Command::Tables(arguments) => tables::run(&arguments),
        Command::Plot(arguments) => plot::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Compress(arguments) => compress::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            errors::report(&error);
            ExitCode::from(if errors::is_usage(&error) { 2 } else { 1 })
        }
    }
}

/// Which device computes.
#[derive(Args, Debug)]
struct DeviceArguments {
    /// flex, ndarray, wgpu or cuda (cuda:1 is its second); the last two need `--features`
    #[arg(long, value_name = "DEVICE", default_value = "flex")]
    device: LocalDevice,
}

/// What a model that translates computes in.
#[derive(Args, Debug)]
struct PrecisionArguments {
    /// f32, or int8: weights and inputs of 8 bits, faster on a CPU [default: f32 of a run, int8 of a compressed model]
    #[arg(long, value_name = "PRECISION")]
    precision: Option<Precision>,
}

impl PrecisionArguments {
    /// That of the model at `path` on `device`.
    fn of(&self, path: &Path, device: &Device) -> Result<Precision, PrecisionError> {
        let precision = match self.precision {
            Some(precision) => precision,
            None if path.is_file() && is_host(device) => Precision::Int8,
            None => Precision::F32,
        };
        precision.check_search(device)?;
        Ok(precision)
    }
}

/// Which trained model is used.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct ModelArguments {
    /// Run folder
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Compressed model, as `lite-eval compress` writes it
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

impl ModelArguments {
    /// The folder or the file, one of which clap makes sure of.
    fn path(&self) -> anyhow::Result<&Path> {
        match (&self.run, &self.model) {
            (Some(folder), _) if folder.is_file() => Err(usage(anyhow!(
                "`{}` is a file; a compressed model is given with --model",
                folder.display()
            ))),
            (Some(path), _) | (None, Some(path)) => Ok(path),
            (None, None) => anyhow::bail!("neither --run nor --model"),
        }
    }
}

/// Where a corpus comes from.
#[derive(Args, Debug)]
struct CorpusArguments {
    /// Where prepared corpora are kept
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Folder with the corpus's files, asked before the network
    #[arg(long, value_name = "DIR")]
    mirror: Option<PathBuf>,
    /// Never use the network
    #[arg(long)]
    offline: bool,
}

impl CorpusArguments {
    fn prepare(&self, config: &DataConfig, progress: &dyn Progress) -> anyhow::Result<Prepared> {
        let options = PrepareOptions {
            data_root: self.data.clone(),
            mirror: self.mirror.clone(),
            offline: self.offline,
        };
        Ok(prepare(config, &options, progress)?)
    }

    /// The corpus of a run, which is held to the run's tokeniser and vocabularies. `path` is named in errors.
    fn prepare_for<M>(&self, run: &Run<M>, path: &Path, progress: &dyn Progress) -> anyhow::Result<Prepared> {
        let prepared = self.prepare(&run.data, progress)?;
        let text = &run.text;
        // A language model reads targets alone.
        let has_source = run.model_config.task == Task::Seq2Seq;
        for (what, is_the_same) in [
            ("tokeniser", prepared.tokeniser.bytes() == text.tokeniser.bytes()),
            (
                "source vocabulary",
                !has_source || prepared.source_vocabulary.to_text() == text.source.to_text(),
            ),
            (
                "target vocabulary",
                prepared.target_vocabulary.to_text() == text.target.to_text(),
            ),
        ] {
            anyhow::ensure!(
                is_the_same,
                "`{}` was trained with another {what} than `{}` holds",
                path.display(),
                prepared.root.display()
            );
        }
        Ok(prepared)
    }
}

/// How lines are read.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq)]
enum InputFormat {
    /// Text, which the run's tokeniser cuts into pieces
    Text,
    /// Pieces of the run's vocabulary
    Tokens,
}

/// Where records are.
#[derive(Args, Debug)]
struct ResultsArguments {
    /// Folder of records
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
}

/// How lines are drawn.
#[derive(Args, Debug)]
struct BootstrapArguments {
    /// How many times lines are drawn anew for intervals and p
    #[arg(long, value_name = "N", default_value_t = Bootstrap::default().n_resamples as u32,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    resamples: u32,
    /// Seed of these draws
    #[arg(long, value_name = "N", default_value_t = Bootstrap::default().seed)]
    seed: u64,
}

impl From<&BootstrapArguments> for Bootstrap {
    fn from(arguments: &BootstrapArguments) -> Self {
        Self {
            n_resamples: arguments.resamples as usize,
            seed: arguments.seed,
        }
    }
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    Ok(writeln!(out)?)
}

/// Prints a table whose first column is text and whose others are numbers.
fn print_table(header: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let mut table = TextTable::new(header, 1);
    rows.iter().for_each(|row| table.push(row.clone()));
    Ok(write!(io::stdout().lock(), "{}", table.render(Format::Text))?)
}
