//! `lite-data subword-nmt`: the commands of the Python program of that name.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use lite_data::subword::{Codes, LearnConfig, PieceList, learn};
use lite_data::{LineRules, WordCounts, read_lines, write_whole};

use super::output::keep_inputs;
use super::report::Usage;
use super::stream::{each_block, read_blocks};

/// Lines that are cut at a time.
const BLOCK: usize = 1 << 14;

#[derive(Debug, Args)]
pub struct SubwordNmt {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Learn merges from lines of stdin; prints the codes file.
    #[command(after_help = "Example:\n  lite-data subword-nmt learn-bpe --symbols 10000 < train.tok > bpe.codes")]
    LearnBpe(Learn),
    /// Cut the words of stdin into pieces.
    #[command(after_help = "Example:\n  lite-data subword-nmt apply-bpe --codes bpe.codes < test.tok > test.bpe")]
    ApplyBpe(Apply),
    /// Count the words of stdin.
    #[command(after_help = "Example:\n  lite-data subword-nmt get-vocab < train.bpe > vocabulary")]
    GetVocab,
    /// Learn merges from several files together, and count the pieces of each.
    #[command(
        after_help = "Example:\n  lite-data subword-nmt learn-joint-bpe-and-vocab --input train.de train.en \\\n    \
        --symbols 10000 --output bpe.codes \\\n    --write-vocabulary vocabulary.de vocabulary.en"
    )]
    LearnJointBpeAndVocab(LearnJoint),
}

#[derive(Debug, Args)]
struct Learn {
    /// Merges to learn.
    #[arg(short, long, default_value_t = LearnConfig::default().merges, value_name = "N")]
    symbols: usize,
    /// Stop at pairs that are rarer.
    #[arg(long, default_value_t = LearnConfig::default().min_frequency, value_name = "N")]
    min_frequency: i64,
    /// Take the number of characters off the symbols.
    #[arg(short, long)]
    total_symbols: bool,
}

#[derive(Debug, Args)]
struct Apply {
    /// The codes file.
    #[arg(short, long, value_name = "FILE")]
    codes: PathBuf,
    /// Cut pieces that are not in this list into smaller ones.
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
    /// Pieces of the list that are rarer do not count.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "vocabulary")]
    vocabulary_threshold: u64,
}

#[derive(Debug, Args)]
struct LearnJoint {
    #[command(flatten)]
    learn: Learn,
    /// Text files, plain or .gz.
    #[arg(short, long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Where the codes are written.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Where the pieces of each input are written.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    write_vocabulary: Vec<PathBuf>,
}

impl Learn {
    fn config(&self) -> LearnConfig {
        LearnConfig {
            merges: self.symbols,
            min_frequency: self.min_frequency,
            total_symbols: self.total_symbols,
        }
    }
}

/// Runs one command.
pub fn run(arguments: &SubwordNmt) -> Result<()> {
    match &arguments.command {
        Command::LearnBpe(options) => {
            let mut words = WordCounts::default();
            read_blocks(|lines| {
                lines.iter().for_each(|line| words.add(line.trim_matches(['\r', ' '])));
                Ok(())
            })?;
            io::stdout().lock().write_all(&learn(&words, &options.config())?)?;
            Ok(())
        }
        Command::ApplyBpe(options) => {
            let codes = codes(options)?;
            each_block(|lines| codes.apply(lines))
        }
        Command::GetVocab => {
            let mut pieces = PieceList::default();
            read_blocks(|lines| {
                lines.iter().for_each(|line| pieces.add(line.trim_matches(['\r', ' '])));
                Ok(())
            })?;
            io::stdout().lock().write_all(pieces.to_text().as_bytes())?;
            Ok(())
        }
        Command::LearnJointBpeAndVocab(options) => learn_joint(options),
    }
}

fn codes(options: &Apply) -> Result<Codes> {
    let bytes = fs::read(&options.codes).with_context(|| format!("`{}`", options.codes.display()))?;
    let codes = Codes::from_bytes(bytes, &options.codes)?;
    let Some(path) = &options.vocabulary else {
        return Ok(codes);
    };
    let text = fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    Ok(codes.with_vocabulary(&PieceList::from_text(&text, path)?, options.vocabulary_threshold))
}

fn learn_joint(options: &LearnJoint) -> Result<()> {
    if options.input.len() != options.write_vocabulary.len() {
        let message = format!(
            "{} inputs and {} vocabularies: each input needs one",
            options.input.len(),
            options.write_vocabulary.len()
        );
        return Err(Usage(message).into());
    }
    let vocabularies = options.write_vocabulary.iter().map(PathBuf::as_path);
    let outputs: Vec<&Path> = vocabularies.chain([options.output.as_path()]).collect();
    keep_inputs(&options.input, &outputs)?;
    let mut words = WordCounts::default();
    for path in &options.input {
        for line in read_lines(path, LineRules::default())? {
            words.add(&line);
        }
    }
    let bytes = learn(&words, &options.learn.config())?;
    write_whole(&options.output, &bytes)?;
    let codes = Codes::from_bytes(bytes, &options.output)?;
    for (input, output) in options.input.iter().zip(&options.write_vocabulary) {
        let mut pieces = PieceList::default();
        for lines in read_lines(input, LineRules::default())?.chunks(BLOCK) {
            codes.apply(lines).iter().for_each(|line| pieces.add(line));
        }
        write_whole(output, pieces.to_text().as_bytes())?;
    }
    Ok(())
}
