//! `lite-eval perplexity`: how well a language model foretells a text.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use lite_data::progress::Stderr;
use lite_eval::perplexity::{BreakMode, PerplexitySettings, perplexity};
use lite_eval::run::Run;

use super::{DeviceArguments, InputFormat, ModelArguments, print_json, read_lines};

/// Measure the perplexity of a text under a language model
///
/// The text is cut into blocks of the length that the model was trained on, less the context window. Each block is
/// computed after the end of the text before it, as far as the window and the model's positions reach; only its own
/// tokens are counted, </s> of each line among them. With --json:
/// {"loss": 3.1030, "perplexity": 22.27, "tokens": 217}
/// where the loss is in nats a token.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lite-eval perplexity --run runs/wikitext103-1150M/lite --text wiki.test.tokens \\\n    \
    --break-mode complete --context-window 2560"
)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The text, one line after another
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// Whether a line is text or pieces between spaces
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    input_format: InputFormat,
    /// Where the text is cut into blocks
    #[arg(long, value_name = "MODE", default_value = "none")]
    break_mode: Break,
    /// Tokens of context before a block
    #[arg(long, value_name = "N", default_value_t = 0)]
    context_window: usize,
    /// Tokens computed together; changes no result
    #[arg(long, value_name = "N", default_value_t = 4096)]
    max_tokens: usize,
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

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let device = arguments.device.device.open()?;
    let run = Run::open_language_model(arguments.model.path()?, &device)?;
    let lines = read_lines(&arguments.text)?;
    let encode = |line: &String| match arguments.input_format {
        InputFormat::Text => run.text.encode(line),
        InputFormat::Tokens => run.text.encode_tokens(line),
    };
    let lines: Vec<Vec<u32>> = lines.iter().map(encode).collect();
    let settings = PerplexitySettings {
        break_mode: arguments.break_mode.into(),
        context_window: arguments.context_window,
        max_tokens: arguments.max_tokens,
    };
    let progress = Stderr::default();
    let found = perplexity(&run.model, &run.model_config, &lines, &settings, &device, &progress)
        .with_context(|| format!("`{}`", arguments.text.display()))?;
    if arguments.json {
        return print_json(&found);
    }
    writeln!(
        io::stdout(),
        "loss {:.4} nats  perplexity {:.2}  tokens {}",
        found.loss,
        found.perplexity,
        found.tokens
    )?;
    Ok(())
}
