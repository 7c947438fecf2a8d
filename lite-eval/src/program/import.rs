//! `lite-eval import`: what the authors' fairseq wrote, as files of this suite.

use std::path::{Path, PathBuf};

use lite_data::Vocabulary;
use lite_eval::import::binarised::Binarised;
use lite_eval::import::{Import, Imported, import, import_safetensors};
use lite_model::{Task, cost};

/// Turn a checkpoint of the authors' fairseq or an exported model into a run folder, or binarised data into lines of tokens
///
/// A checkpoint may be of either container of torch.save; nothing in it is run. The weights of several are averaged in the
/// order given, in single precision, as average_checkpoints.py does. A checkpoint does not hold its dictionaries:
/// preprocess.py wrote them as dict.LANGUAGE.txt.
///
/// A folder of safetensors is what `lite-eval export` writes.
///
/// Binarised data (PREFIX.bin and PREFIX.idx, of --dataset-impl mmap, cached or lazy) are written as one line of tokens a
/// sentence, for --input-format tokens of translate and score.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    lite-eval import --fairseq checkpoint_best.pt --dictionary dict.en.txt \\\n    \
    --out runs/released/lite\n  \
    lite-eval import --fairseq-data data-bin/test.en-fr.en \\\n    \
    --dictionary dict.en.txt --out test.en\n  \
    lite-eval translate --run runs/released/lite --input-format tokens < test.en")]
pub struct Arguments {
    /// Checkpoints
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present_any = ["fairseq_data", "safetensors"])]
    fairseq: Vec<PathBuf>,
    /// Binarised data, by their prefix or either file
    #[arg(long, value_name = "PREFIX", conflicts_with = "fairseq", requires = "dictionary")]
    fairseq_data: Option<PathBuf>,
    /// Folder of safetensors with its dictionaries and settings
    #[arg(long, value_name = "DIR", conflicts_with_all = ["fairseq", "fairseq_data", "source_dictionary",
        "target_dictionary", "dictionary"])]
    safetensors: Option<PathBuf>,
    /// Dictionary of the source
    #[arg(long, value_name = "FILE", conflicts_with = "dictionary")]
    source_dictionary: Option<PathBuf>,
    /// Dictionary of the target
    #[arg(long, value_name = "FILE", conflicts_with = "dictionary")]
    target_dictionary: Option<PathBuf>,
    /// Joined dictionary of both sides, or the one of the binarised data
    #[arg(long, value_name = "FILE")]
    dictionary: Option<PathBuf>,
    /// Run folder, which must not be there yet, or the file for the lines
    #[arg(long, alias = "output", value_name = "PATH")]
    out: PathBuf,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments {
        fairseq,
        fairseq_data,
        safetensors,
        source_dictionary,
        target_dictionary,
        dictionary,
        out,
    } = arguments;
    if let (Some(data), Some(dictionary)) = (fairseq_data, dictionary) {
        return import_data(data, dictionary, out);
    }
    if let Some(input) = safetensors {
        return report(&import_safetensors(input, out)?, out);
    }
    let imported = import(&Import {
        checkpoints: fairseq.clone(),
        source_dictionary: source_dictionary.as_ref().or(dictionary.as_ref()).cloned(),
        target_dictionary: target_dictionary.as_ref().or(dictionary.as_ref()).cloned(),
        output: out.clone(),
    })?;
    report(&imported, out)
}

fn report(imported: &Imported, out: &Path) -> anyhow::Result<()> {
    let parameters = cost::parameters(&imported.config, imported.sizes).total;
    let layers = match imported.config.task {
        Task::Seq2Seq => format!(
            "{} + {}",
            imported.config.encoder_layers, imported.config.decoder_layers
        ),
        Task::LanguageModel => imported.config.decoder_layers.to_string(),
    };
    eprintln!(
        "{}: {layers} layers, {parameters} parameters, {} and {} entries, in `{}`",
        imported.architecture,
        imported.sizes.source,
        imported.sizes.target,
        out.display()
    );
    Ok(())
}

fn import_data(data: &Path, dictionary: &Path, out: &Path) -> anyhow::Result<()> {
    let vocabulary = Vocabulary::load(dictionary)?;
    let written = Binarised::open(data)?.write_lines(&vocabulary, out)?;
    eprintln!("{} lines in `{}`", written.n_lines, out.display());
    if written.n_open > 0 {
        eprintln!(
            "warning: {} sentences do not end in </s>; read as tokens, they will",
            written.n_open
        );
    }
    if written.n_special > 0 {
        eprintln!(
            "warning: {} tokens are <s>, <pad> or </s>; read as tokens, they will be <unk>",
            written.n_special
        );
    }
    Ok(())
}
