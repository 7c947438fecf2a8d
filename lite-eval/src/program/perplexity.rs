//! `lite-eval perplexity`: how well a language model foretells a text.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use lite_data::progress::Stderr;
use lite_eval::perplexity::{BreakMode, Measure, Perplexity, PerplexityError, PerplexitySettings, perplexity};
use lite_eval::run::Run;
use serde::Serialize;

use super::errors::usage_if;
use super::lines::read_lines;
use super::{DeviceArguments, InputFormat, ModelArguments, print_json};

/// Measure the perplexity of a text under a language model
///
/// The text is cut into blocks of the length that the model was trained on, less the context window. Each block is
/// computed after the end of the text before it, as far as the window and the model's positions reach; only its own
/// tokens are counted, </s> of each line among them. With --json:
/// {"loss": 3.1030, "perplexity": 22.27, "tokens": 217, "unit": "word", "break_mode": "none", "context_window": 0,
/// "stride": 3072}
/// where the loss is in nats a token, and the stride the length of a block: perplexities of other units, contexts or
/// strides cannot be compared.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    lite-eval perplexity --run runs/wikitext103-1150M/lite \\\n    \
    --text wiki.test.tokens --break-mode complete --context-window 2560")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The text, one line after another
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// Whether a line is text or pieces between spaces
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    input_format: InputFormat,
    /// Where the text is cut into blocks [default: as the run's definition says, else none]
    #[arg(long, value_name = "MODE")]
    break_mode: Option<Break>,
    /// Tokens of context before a block [default: as the run's definition says, else 0]
    #[arg(long, value_name = "N")]
    context_window: Option<usize>,
    /// Tokens computed together; changes no result [default: as the run's definition says, else 4096]
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum Break {
    /// Anywhere: every block but the last is full
    None,
    /// At ends of lines: as many whole lines as a block holds
    Complete,
    /// At every end of a line
    Eos,
}

impl From<Break> for BreakMode {
    fn from(mode: Break) -> Self {
        match mode {
            Break::None => Self::None,
            Break::Complete => Self::Complete,
            Break::Eos => Self::Eos,
        }
    }
}

#[derive(Serialize)]
struct Output {
    #[serde(flatten)]
    found: Perplexity,
    #[serde(flatten)]
    measure: Measure,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let device = arguments.device.device.open()?;
    let run = Run::open_language_model(arguments.model.path()?, &device)?;
    let lines = read_lines(&arguments.text)?;
    let encode = |line: &String| match arguments.input_format {
        InputFormat::Text => run.text.encode(line),
        InputFormat::Tokens => run.text.encode_tokens(line),
    };
    let lines: Vec<Vec<u32>> = lines.iter().map(encode).collect();
    let defined = &run.decode.perplexity;
    let settings = PerplexitySettings {
        break_mode: arguments.break_mode.map_or(defined.break_mode, BreakMode::from),
        context_window: arguments.context_window.unwrap_or(defined.context_window),
        max_tokens: arguments.max_tokens.unwrap_or(defined.max_tokens),
    };
    let positions = run.model_config.max_target_positions;
    let measure = Measure::new(&settings, &run.text.tokeniser, positions);
    let progress = Stderr::default();
    let of_option = |error: &PerplexityError| {
        arguments.context_window.is_some() && matches!(error, PerplexityError::ContextWindow { .. })
    };
    let found = perplexity(&run.model, &run.model_config, &lines, &settings, &device, &progress)
        .map_err(|error| usage_if(of_option(&error))(error))
        .with_context(|| format!("`{}`", arguments.text.display()))?;
    if arguments.json {
        return print_json(&Output { found, measure });
    }
    writeln!(
        io::stdout(),
        "loss {:.4} nats  perplexity {:.2}  tokens {}  {measure}",
        found.loss,
        found.perplexity,
        found.tokens
    )?;
    Ok(())
}
