//! `lite-eval score`: how probable given translations are.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{anyhow, bail, ensure};
use lite_eval::evaluate::cut_message;
use lite_eval::fit;
use lite_eval::forced::score_pairs;
use lite_eval::run::Run;
use serde::Serialize;

use super::errors::usage;
use super::lines::read_lines;
use super::search::Side;
use super::{DeviceArguments, InputFormat, ModelArguments, PrecisionArguments, print_json};

/// Score given translations: the log-probability of every token
///
/// Line N of the target is taken as the translation of line N of the source. Written is one number a line, the sum of the
/// natural logarithms of the probabilities of its tokens, </s> included. With --json, one object a line:
/// {"line": 0, "log_probability": -12.3, "tokens": [".."], "token_log_probabilities": [..]}
/// where the last token is </s>.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval score --run runs/quick/lite --source test.en --target test.fr")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    precision: PrecisionArguments,
    /// Sources, one a line
    #[arg(long, value_name = "FILE")]
    source: PathBuf,
    /// Their translations, one a line
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    /// Whether a line is text or pieces between spaces
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    input_format: InputFormat,
    /// Sentences computed together [default: the definition's]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Where shorter sources of a batch are padded [default: the definition's]
    #[arg(long, value_name = "SIDE")]
    source_padding: Option<Side>,
    /// Write JSON lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

#[derive(Serialize)]
struct Line<'a> {
    line: usize,
    log_probability: f64,
    tokens: Vec<&'a str>,
    token_log_probabilities: &'a [f32],
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let device = arguments.device.device.open()?;
    let path = arguments.model.path()?;
    let run = Run::open_in(arguments.precision.of(path, &device)?, path, &device)?;
    let batch_size = arguments.batch_size.unwrap_or(run.decode.batch_size);
    ensure!(
        batch_size > 0,
        usage(anyhow!("--batch-size: found 0, expected 1 or more"))
    );
    let pairs = read_pairs(arguments, &run)?;
    let side = arguments.source_padding.map_or(run.decode.source_padding, Into::into);
    let found = score_pairs(&run.model, &pairs, batch_size, side, &device, &mut |_| {});
    let mut out = io::stdout().lock();
    for (line, (scores, (_, target))) in found.iter().zip(&pairs).enumerate() {
        let log_probability = scores.iter().map(|score| f64::from(*score)).sum();
        if arguments.json {
            print_json(&Line {
                line,
                log_probability,
                tokens: run.text.pieces(target),
                token_log_probabilities: scores,
            })?;
        } else {
            writeln!(out, "{log_probability:.4}")?;
        }
    }
    Ok(out.flush()?)
}

/// The ids of every pair. A source that is too long is cut, as for a translation; a target must be scored as a whole.
fn read_pairs(arguments: &Arguments, run: &Run) -> anyhow::Result<Vec<(Vec<u32>, Vec<u32>)>> {
    let (sources, targets) = (read_lines(&arguments.source)?, read_lines(&arguments.target)?);
    ensure!(
        sources.len() == targets.len(),
        "`{}` has {} lines, `{}` has {}: expected a target line for each source line",
        arguments.source.display(),
        sources.len(),
        arguments.target.display(),
        targets.len()
    );
    let config = &run.model_config;
    let max_source_tokens = run.max_source_tokens();
    let mut pairs = Vec::with_capacity(sources.len());
    for (i, (source, target)) in sources.iter().zip(&targets).enumerate() {
        let (mut source, target) = match arguments.input_format {
            InputFormat::Text => (run.text.encode(source), run.text.encode_target(target)),
            InputFormat::Tokens => (run.text.encode_tokens(source), run.text.encode_target_tokens(target)),
        };
        if let Some(length) = fit(&mut source, max_source_tokens) {
            let place = format!("`{}`", arguments.source.display());
            eprintln!("warning: {}", cut_message(&place, i + 1, length, max_source_tokens));
        }
        if target.len() > config.max_target_positions {
            bail!(
                "`{}` line {}: found {} tokens, expected {} at most, the positions of the model",
                arguments.target.display(),
                i + 1,
                target.len(),
                config.max_target_positions
            );
        }
        pairs.push((source, target));
    }
    Ok(pairs)
}
