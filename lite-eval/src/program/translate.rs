//! `lite-eval translate`: stdin to stdout, a line for a line.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::ensure;
use lite_eval::decode::DecodeConfig;
use lite_eval::evaluate::cut_message;
use lite_eval::memory::{give_back_freed_pages, keep_freed_pages, stay_small};
use lite_eval::precision::Precision;
use lite_eval::run::Run;
use lite_eval::{Hypothesis, Translator, fit};
use serde::Serialize;

use super::lines::{read_lines, text_line};
use super::search::SearchArguments;
use super::{DeviceArguments, InputFormat, ModelArguments, PrecisionArguments, print_json};

/// Translate lines from stdin to stdout
///
/// Lines are read in groups, decoded in batches sorted by length, and written in their order. An empty line gives an
/// empty line. A model whose convolutions see padding, as an imported one's do, depends on its batches: there all lines
/// are read first, and the batches are those of fairseq's interactive.py, or with --reference of its generate.py. With --json, one object a line:
/// {"line": 0, "hypotheses": [{"text": "..", "tokens": [".."], "score": -4.25, "token_scores": [..]}]}
/// where the last token is </s>.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval translate --run runs/quick/lite < sentences.en > sentences.fr")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    precision: PrecisionArguments,
    /// Whether a line is text or pieces between spaces
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    input_format: InputFormat,
    /// Translations, one a line, by whose lengths generate.py orders sources of equal length
    #[arg(long, alias = "references", value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Write JSON lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    search: SearchArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

#[derive(Serialize)]
struct Line<'a> {
    line: usize,
    hypotheses: Vec<Translation<'a>>,
}

#[derive(Serialize, Default)]
struct Translation<'a> {
    text: String,
    tokens: Vec<&'a str>,
    score: f32,
    token_scores: &'a [f32],
}

/// Batches that are read before the first is decoded, so that sorting by length saves padding.
const BATCHES_READ: usize = 8;

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let device = arguments.device.device.open()?;
    let path = arguments.model.path()?;
    let precision = arguments.precision.of(path, &device)?;
    let is_small = precision == Precision::Int8 && path.is_file();
    if is_small {
        stay_small();
    } else {
        give_back_freed_pages();
    }
    let run = Run::open_in(precision, path, &device)?;
    if !is_small && !Translator::packs(&run.model_config, &device) {
        keep_freed_pages();
    }
    let run = run.map_model(|model, config| Translator::new(model, config, &device));
    let config = arguments.search.config(&run.decode)?;
    let references = arguments.reference.as_deref().map(read_lines).transpose()?;
    let stdin = io::stdin();
    // A person who types wants an answer to every line.
    let group_size = if stdin.is_terminal() && references.is_none() {
        1
    } else if run.model_config.depends_on_padding() || references.is_some() {
        // The batches are part of the result, and they are cut from all lines in the order of their lengths.
        usize::MAX
    } else {
        config.batch_size.saturating_mul(BATCHES_READ)
    };
    let mut input = stdin.lock();
    let mut first = 0;
    loop {
        let lines = read_group(&mut input, first, group_size)?;
        if let Some(references) = &references {
            ensure!(
                references.len() == lines.len(),
                "stdin has {} lines, --reference has {}: expected a line for each line",
                lines.len(),
                references.len()
            );
        }
        if lines.is_empty() {
            return Ok(());
        }
        translate_group(arguments, &run, &config, first, &lines, references.as_deref())?;
        if references.is_some() {
            return Ok(());
        }
        first += lines.len();
    }
}

fn read_group(input: &mut impl BufRead, first: usize, size: usize) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut bytes = Vec::new();
    while lines.len() < size {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        lines.push(text_line(line, "stdin", first + lines.len() + 1)?);
    }
    Ok(lines)
}

fn translate_group(
    arguments: &Arguments,
    run: &Run<Translator>,
    config: &DecodeConfig,
    first: usize,
    lines: &[String],
    references: Option<&[String]>,
) -> anyhow::Result<()> {
    let max_source_tokens = run.max_source_tokens();
    let mut sources = Vec::new();
    let mut target_lengths = Vec::new();
    let mut is_empty = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let mut source = match arguments.input_format {
            InputFormat::Text => run.text.encode(line),
            InputFormat::Tokens => run.text.encode_tokens(line),
        };
        if let Some(length) = fit(&mut source, max_source_tokens) {
            eprintln!(
                "warning: {}",
                cut_message("stdin", first + i + 1, length, max_source_tokens)
            );
        }
        // Nothing but </s>.
        is_empty.push(source.len() <= 1);
        if source.len() > 1 {
            sources.push(source);
            target_lengths.extend(references.map(|references| match arguments.input_format {
                InputFormat::Text => run.text.encode_target(&references[i]).len(),
                InputFormat::Tokens => run.text.encode_target_tokens(&references[i]).len(),
            }));
        }
    }
    let target_lengths = references.map(|_| target_lengths.as_slice());
    let found = run.model.translate(&sources, target_lengths, config, &mut |_| {});
    let mut found = found.iter();
    for (i, is_empty) in is_empty.into_iter().enumerate() {
        let hypotheses = if is_empty {
            vec![Translation::default()]
        } else {
            found
                .next()
                .into_iter()
                .flatten()
                .map(|hypothesis| translation(run, hypothesis))
                .collect()
        };
        write_line(
            arguments,
            config,
            Line {
                line: first + i,
                hypotheses,
            },
        )?;
    }
    Ok(io::stdout().flush()?)
}

fn translation<'a>(run: &'a Run<Translator>, hypothesis: &'a Hypothesis) -> Translation<'a> {
    Translation {
        text: run.text.decode(&hypothesis.tokens),
        tokens: run.text.pieces(&hypothesis.tokens),
        score: hypothesis.score,
        token_scores: &hypothesis.token_scores,
    }
}

fn write_line(arguments: &Arguments, config: &DecodeConfig, line: Line<'_>) -> anyhow::Result<()> {
    if arguments.json {
        return print_json(&line);
    }
    let mut out = io::stdout().lock();
    for Translation { text, score, .. } in &line.hypotheses {
        if config.n_best > 1 {
            writeln!(out, "{}\t{score:.4}\t{text}", line.line)?;
        } else {
            writeln!(out, "{text}")?;
        }
    }
    Ok(())
}
