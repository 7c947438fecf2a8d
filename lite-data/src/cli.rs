//! Commands of the program: thin wrappers around the library.

mod inspect;
mod moses;
mod output;
mod ranges;
mod report;
mod stream;
mod subword;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lite_data::progress::Stderr;
use lite_data::{
    LineTokeniser, Manifest, PrepareOptions, SplitReport, SubwordModel, Tokeniser, TokeniserConfig, WordCounts,
    is_broken_pipe, prepare, train_sentencepiece,
};

use crate::definition;

/// Prepare corpora and look at what was prepared.
#[derive(Debug, Parser)]
#[command(name = "lite-data", version, arg_required_else_help = true)]
#[command(after_help = "Example:\n  lite-data prepare --definition my.toml --mirror ~/corpora")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the corpora that are prepared.
    #[command(after_help = "Example:\n  lite-data list --data data --json")]
    List(List),
    /// Prepare the corpus of a definition, or find it prepared; prints its folder.
    #[command(
        after_help = "Examples:\n  lite-data prepare --definition experiments/definitions/multi30k-enfr.toml\n  \
        lite-data prepare --definition my.toml --mirror ~/corpora --offline"
    )]
    Prepare(Prepare),
    /// Train a SentencePiece model on text files.
    #[command(
        after_help = "Example:\n  lite-data train-tokeniser --vocabulary-size 8000 --output my.model \\\n    \
        train.en train.fr.gz"
    )]
    TrainTokeniser(TrainTokeniser),
    /// Cut lines of stdin into pieces, separated by spaces.
    #[command(after_help = "Example:\n  lite-data tokenise --tokeniser my.model < text.en > text.pieces")]
    Tokenise(WithTokeniser),
    /// Join pieces of stdin, separated by spaces, into lines.
    #[command(after_help = "Example:\n  lite-data detokenise --tokeniser my.model < text.pieces")]
    Detokenise(WithTokeniser),
    /// The preparation scripts of Moses, as filters of lines.
    #[command(
        after_help = "Example:\n  lite-data moses normalise --language fr < text.fr | \\\n    \
        lite-data moses tokenise --language fr --aggressive > text.tok.fr"
    )]
    Moses(moses::Moses),
    /// The commands of subword-nmt, with the same files.
    #[command(
        after_help = "Example:\n  lite-data subword-nmt learn-bpe --symbols 10000 < train.tok > bpe.codes\n  \
        lite-data subword-nmt apply-bpe --codes bpe.codes < test.tok > test.bpe"
    )]
    SubwordNmt(subword::SubwordNmt),
    /// Check a prepared folder and show what is in it.
    #[command(
        after_help = "Examples:\n  lite-data inspect data/prepared/en-fr-0123456789abcdef \\\n    \
        --split valid --pair 0\n  lite-data inspect data/prepared/en-fr-0123456789abcdef \\\n    \
        --batches 2 --tokens-per-batch 512"
    )]
    Inspect(inspect::Inspect),
}

#[derive(Debug, Args)]
struct List {
    /// Folder of downloads and prepared corpora.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Prepare {
    /// TOML file with a [data] section, its parents in files beside it. For the name of a built-in experiment, or a file
    /// that extends one, there is `lite-train --exp NAME --prepare-only`.
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// Folder of downloads and prepared corpora.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Folder that holds the files of the corpus, as their paths say or side by side; asked before the network.
    #[arg(long, visible_alias = "from", value_name = "DIR")]
    mirror: Option<PathBuf>,
    /// Never use the network.
    #[arg(long)]
    offline: bool,
    /// Print the manifest as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct TrainTokeniser {
    /// Text files, plain or .gz, a sentence a line.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the model is written.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// What is learnt.
    #[arg(long, value_enum, default_value = "bpe")]
    model: Model,
    /// Pieces, the four special ones counted.
    #[arg(long, default_value_t = 8000, value_name = "N")]
    vocabulary_size: usize,
    /// Share of the characters that get a piece of their own.
    #[arg(long, default_value_t = 1.0, value_name = "SHARE", value_parser = ranges::share)]
    character_coverage: f64,
    /// Let pieces mix letters and other characters.
    #[arg(long)]
    mix_scripts: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Model {
    Bpe,
    Unigram,
}

#[derive(Debug, Args)]
struct WithTokeniser {
    /// A SentencePiece model, codes of subword-nmt, or the tokeniser.model of a prepared folder.
    #[arg(long, value_name = "FILE")]
    tokeniser: PathBuf,
}

/// Runs the program: 0 done, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::List(arguments) => list(&arguments),
        Command::Prepare(arguments) => run_prepare(&arguments),
        Command::TrainTokeniser(arguments) => train_tokeniser(&arguments),
        Command::Tokenise(arguments) => tokenise(&arguments),
        Command::Detokenise(arguments) => detokenise(&arguments),
        Command::Moses(arguments) => moses::run(&arguments),
        Command::SubwordNmt(arguments) => subword::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => report::report(&error),
    }
}

fn list(arguments: &List) -> Result<()> {
    let parent = arguments.data.join("prepared");
    let mut found = Vec::new();
    if parent.is_dir() {
        for entry in fs::read_dir(&parent).with_context(|| format!("`{}`", parent.display()))? {
            let folder = entry?.path();
            if let Ok(manifest) = Manifest::read(&folder) {
                found.push((folder, manifest));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out = io::stdout().lock();
    if arguments.json {
        let entries: Vec<_> = found
            .iter()
            .map(|(folder, manifest)| {
                serde_json::json!({ "folder": folder, "hash": manifest.hash(), "manifest": manifest })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&entries)?)?;
    } else {
        if found.is_empty() {
            eprintln!("nothing is prepared in `{}`", parent.display());
            eprintln!("hint: lite-data prepare --definition FILE");
        }
        for (folder, manifest) in &found {
            let pairs: Vec<String> = manifest
                .splits
                .iter()
                .map(|split| format!("{} {}", split.name, split.pairs))
                .collect();
            writeln!(out, "{}\t{}", folder.display(), pairs.join(", "))?;
        }
    }
    Ok(())
}

fn run_prepare(arguments: &Prepare) -> Result<()> {
    let config = definition::read(&arguments.definition)?;
    let options = PrepareOptions {
        data_root: arguments.data.clone(),
        mirror: arguments.mirror.clone(),
        offline: arguments.offline,
    };
    let prepared = prepare(&config, &options, &Stderr::new())?;
    for overlap in prepared.manifest.splits.iter().filter_map(SplitReport::overlap) {
        eprintln!("{overlap}");
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&prepared.manifest)?)?;
    } else {
        writeln!(out, "{}", prepared.root.display())?;
    }
    Ok(())
}

fn train_tokeniser(arguments: &TrainTokeniser) -> Result<()> {
    output::keep_inputs(&arguments.files, &[arguments.output.as_path()])?;
    let mut words = WordCounts::default();
    for file in &arguments.files {
        lite_data::each_line(file, |line| words.add(&line))?;
    }
    let config = TokeniserConfig {
        model: match arguments.model {
            Model::Bpe => SubwordModel::Bpe,
            Model::Unigram => SubwordModel::Unigram,
        },
        vocabulary_size: arguments.vocabulary_size,
        character_coverage: arguments.character_coverage,
        split_by_script: !arguments.mix_scripts,
        ..TokeniserConfig::default()
    };
    let tokeniser = Tokeniser::from_bytes(train_sentencepiece(&words, &config)?, &arguments.output)?;
    tokeniser.save(&arguments.output)?;
    eprintln!("wrote `{}`: {tokeniser}", arguments.output.display());
    if let Tokeniser::SentencePiece(model) = &tokeniser
        && model.pieces().len() < arguments.vocabulary_size
    {
        eprintln!(
            "the text has no more pieces than these, {} were asked for",
            arguments.vocabulary_size
        );
    }
    Ok(())
}

fn tokenise(arguments: &WithTokeniser) -> Result<()> {
    let tokeniser = Tokeniser::load(&arguments.tokeniser)?;
    let mut lines = LineTokeniser::new(&tokeniser);
    stream::each_block(|block| {
        let block: Vec<&str> = block.iter().map(|line| line.trim_end_matches('\r')).collect();
        lines.tokenise(&block)
    })
}

fn detokenise(arguments: &WithTokeniser) -> Result<()> {
    let tokeniser = Tokeniser::load(&arguments.tokeniser)?;
    stream::each_line(|line| {
        let pieces = line.trim_end_matches('\r').split(' ');
        tokeniser.decode(&pieces.filter(|piece| !piece.is_empty()).collect::<Vec<_>>())
    })
}
