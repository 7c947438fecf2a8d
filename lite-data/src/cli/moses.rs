//! `lite-data moses`: a command for each script.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use lite_data::moses::{CleanConfig, Language, MosesTokeniser, detokenise, lowercase, normalise, remove_non_printing};
use lite_data::{LineRules, WholeFile, read_pairs};

use super::output::keep_inputs;
use super::report::Usage;
use super::stream::each_line;

#[derive(Debug, Args)]
pub struct Moses {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Write quotes, dashes and spaces as ASCII does (normalize-punctuation.perl).
    #[command(after_help = "Example:\n  lite-data moses normalise --language fr < text.fr > norm.fr")]
    Normalise(WithLanguage),
    /// Put spaces in the place of characters that do not print (remove-non-printing-char.perl).
    #[command(after_help = "Example:\n  lite-data moses remove-non-printing < norm.fr > clean.fr")]
    RemoveNonPrinting,
    /// Cut punctuation off words (tokenizer.perl).
    #[command(after_help = "Example:\n  lite-data moses tokenise --language fr --aggressive < clean.fr > tok.fr")]
    Tokenise(Tokenise),
    /// Turn words back into text (detokenizer.perl).
    #[command(after_help = "Example:\n  lite-data moses detokenise --language fr < tok.fr > text.fr")]
    Detokenise(WithLanguage),
    /// Lower-case lines (lowercase.perl).
    #[command(after_help = "Example:\n  lite-data moses lowercase < tok.fr > lower.fr")]
    Lowercase,
    /// Leave out pairs of lines with lengths that do not fit (clean-corpus-n.perl).
    #[command(after_help = "Example:\n  lite-data moses clean --ratio 1.5 train.tok de en train.clean 1 175")]
    Clean(Clean),
}

#[derive(Debug, Args)]
struct WithLanguage {
    /// Language of the lines: en, fr or de.
    #[arg(short, long, value_name = "CODE", default_value = "en")]
    language: Language,
}

#[derive(Debug, Args)]
struct Tokenise {
    #[command(flatten)]
    language: WithLanguage,
    /// Split words at hyphens too, leaving `@-@`.
    #[arg(short, long)]
    aggressive: bool,
    /// Leave &|<>'"[] as they are.
    #[arg(long)]
    no_escape: bool,
    /// Regular expressions, one a line, whose matches stay whole.
    #[arg(long, value_name = "FILE")]
    protected: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Clean {
    /// Most times that one side may be longer than the other.
    #[arg(long, default_value_t = CleanConfig::default().ratio)]
    ratio: f64,
    /// The files are CORPUS.L1 and CORPUS.L2, plain or .gz.
    corpus: PathBuf,
    /// Language, the ending of the first file.
    l1: String,
    /// Language, the ending of the second file.
    l2: String,
    /// Where they are written, without the ending.
    output: PathBuf,
    /// Fewest words of a line.
    min: usize,
    /// Most words of a line.
    max: usize,
}

/// Runs one step.
pub fn run(arguments: &Moses) -> Result<()> {
    match &arguments.step {
        Step::Normalise(of) => each_line(|line| normalise(line, of.language)),
        Step::RemoveNonPrinting => each_line(remove_non_printing),
        Step::Tokenise(options) => {
            let tokeniser = tokeniser(options)?;
            each_line(|line| tokeniser.tokenise(line))
        }
        Step::Detokenise(of) => each_line(|line| detokenise(line, of.language)),
        Step::Lowercase => each_line(lowercase),
        Step::Clean(options) => clean(options),
    }
}

fn tokeniser(options: &Tokenise) -> Result<MosesTokeniser> {
    let tokeniser = MosesTokeniser::new(options.language.language)
        .with_aggressive(options.aggressive)
        .with_escape(!options.no_escape);
    let Some(path) = &options.protected else {
        return Ok(tokeniser);
    };
    let patterns = fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    let patterns: Vec<&str> = patterns.lines().filter(|line| !line.is_empty()).collect();
    tokeniser
        .with_protected(&patterns)
        .with_context(|| format!("`{}`", path.display()))
}

fn clean(options: &Clean) -> Result<()> {
    let config = CleanConfig {
        ratio: options.ratio,
        min: options.min,
        max: options.max,
    };
    let input = |language: &str| -> Result<PathBuf> {
        let plain = with_ending(&options.corpus, language);
        let gzipped = with_ending(&plain, "gz");
        match (plain.is_file(), gzipped.is_file()) {
            (true, _) => Ok(plain),
            (_, true) => Ok(gzipped),
            _ => bail!("`{}`: no such file, nor with .gz", plain.display()),
        }
    };
    if options.l1 == options.l2 {
        let message = format!("both sides end in `{}`, expected two files", options.l1);
        return Err(Usage(message).into());
    }
    let inputs = [input(&options.l1)?, input(&options.l2)?];
    let outputs = [&options.l1, &options.l2].map(|language| with_ending(&options.output, language));
    keep_inputs(&inputs, &outputs.each_ref().map(PathBuf::as_path))?;
    let [source, target] = inputs;
    let mut writers = [WholeFile::create(&outputs[0])?, WholeFile::create(&outputs[1])?];
    let (mut factored, mut kept) = (None, 0_usize);
    let lines = read_pairs(&source, &target, LineRules::default(), |_, pair| {
        let (source, target) = pair?;
        let factored = *factored.get_or_insert_with(|| source.contains('|') || target.contains('|'));
        if let Some((source, target)) = config.clean(&source, &target, factored) {
            kept += 1;
            for (writer, line) in writers.iter_mut().zip([source, target]) {
                writer.write((line + "\n").as_bytes())?;
            }
        }
        Ok(())
    })?;
    writers.into_iter().try_for_each(WholeFile::finish)?;
    eprintln!("{kept} of {lines} pairs are left");
    Ok(())
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
