//! `lite-eval export`: a model for other programs.

use std::path::PathBuf;

use clap::ValueEnum;
use lite_eval::export::Exported;

use super::ModelArguments;

/// Write a model in the format of another program
///
/// safetensors is a folder with the weights under fairseq's names, its dictionaries, the tokeniser and the settings, of any
/// architecture; `lite-eval import --safetensors` makes a run folder of it again. ctranslate2 is a model folder of CTranslate2,
/// for the vanilla transformer; CTranslate2 takes pieces, which the tokeniser in the folder makes.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    lite-eval export --run runs/quick/lite --format safetensors --out quick-lite\n  \
    lite-eval export --run runs/quick/transformer --format ctranslate2 \\\n    --out quick-ct2")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The format
    #[arg(long, value_name = "FORMAT")]
    format: Format,
    /// The folder, which must not be there yet
    #[arg(long, alias = "output", value_name = "DIR")]
    out: PathBuf,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum Format {
    /// Weights under fairseq's names
    Safetensors,
    /// A model of CTranslate2
    Ctranslate2,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let model = Exported::open(arguments.model.path()?)?;
    match arguments.format {
        Format::Safetensors => model.write_safetensors(&arguments.out)?,
        Format::Ctranslate2 => model.write_ctranslate2(&arguments.out)?,
    }
    eprintln!("{} tensors in `{}`", model.tensors.len(), arguments.out.display());
    Ok(())
}
