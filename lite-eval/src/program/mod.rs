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

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use lite_data::{DataConfig, PrepareOptions, Prepared, Progress, prepare};
use lite_eval::device::DeviceName;
use lite_eval::metrics::bootstrap::Bootstrap;
use lite_eval::run::Text;

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
        // Whoever read stdout has seen enough.
        Err(error) if errors::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            errors::report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Which device computes.
#[derive(Args, Debug)]
struct DeviceArguments {
    /// flex, ndarray, wgpu or cuda; the last two need `--features`
    #[arg(long, value_name = "DEVICE", default_value = "flex")]
    device: DeviceName,
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
            (Some(folder), _) if folder.is_file() => anyhow::bail!(
                "`{}` is a file; a compressed model is given with --model",
                folder.display()
            ),
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

    /// The corpus of a model, which is held to the model's tokeniser and vocabulary. `path` is named in errors.
    fn prepare_for(
        &self,
        text: &Text,
        config: &DataConfig,
        path: &Path,
        progress: &dyn Progress,
    ) -> anyhow::Result<Prepared> {
        let prepared = self.prepare(config, progress)?;
        anyhow::ensure!(
            prepared.tokeniser.bytes() == text.tokeniser.bytes()
                && prepared.target_vocabulary.to_text() == text.target.to_text(),
            "`{}` was trained with another tokeniser or vocabulary than `{}` holds",
            path.display(),
            prepared.root.display()
        );
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
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut out = io::stdout().lock();
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(i, (cell, &width))| {
                if i == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The lines of a text file. Invalid UTF-8 is an error that names its line.
fn read_lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = std::fs::read(path).with_context(|| format!("`{}`", path.display()))?;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let lines = bytes.split(|&byte| byte == b'\n').enumerate();
    lines
        .map(|(i, line)| text_line(line, &format!("`{}`", path.display()), i + 1))
        .collect()
}

/// One line without its `\r`, or an error that names it.
fn text_line(bytes: &[u8], place: &str, line: usize) -> anyhow::Result<String> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            anyhow::bail!(
                "{place} line {line}: byte {} is {:#04x}, which is no UTF-8",
                at + 1,
                bytes[at]
            )
        }
    }
}
