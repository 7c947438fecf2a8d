//! Models and data of the authors' fairseq fork: a checkpoint becomes a run folder that every command takes.
//!
//! - [`import`]: checkpoints and dictionaries to a run folder
//! - [`torch`]: files of `torch.save`, without running anything in them
//! - `args`: the settings in a checkpoint, as a [`ModelConfig`]
//! - `state`: its tensors, under the names and in the shapes of today
//! - [`import_safetensors`]: a folder of safetensors, as `lite-eval export` writes it
//! - [`binarised`]: fairseq's `.bin` and `.idx`, as lines of tokens

mod args;
pub mod binarised;
mod error;
mod safetensors;
mod state;
pub mod torch;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use experiments::{RunDefinition, RunFolder, write_directory};
use lite_data::{Tokeniser, TokeniserKind, Vocabulary};
use lite_model::config::ShareEmbeddings;
use lite_model::{ModelConfig, Task, VocabularySizes, layout, weights};
use memmap2::Mmap;
use serde_json::json;

use crate::run::seal_weights;
use args::Settings;
use state::State;

pub use error::ImportError;
pub use safetensors::import_safetensors;

/// What is imported, and where it goes.
#[derive(Debug, Clone)]
pub struct Import {
    /// Checkpoints; the weights of several are averaged in this order.
    pub checkpoints: Vec<PathBuf>,
    /// fairseq's `dict.txt` of the source.
    pub source_dictionary: Option<PathBuf>,
    /// fairseq's `dict.txt` of the target.
    pub target_dictionary: Option<PathBuf>,
    /// The run folder, which must not be there yet.
    pub output: PathBuf,
}

/// What an import found.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The name of the architecture in the checkpoint.
    pub architecture: String,
    /// What it is here.
    pub config: ModelConfig,
    /// Entries of the dictionaries.
    pub sizes: VocabularySizes,
}

type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

/// Makes a run folder of checkpoints. If anything is wrong with them, nothing is left behind.
pub fn import(import: &Import) -> Result<Imported, ImportError> {
    refuse_existing(&import.output)?;
    let (path, others) = import.checkpoints.split_first().expect("one checkpoint or more");
    let (settings, sizes, mut tensors) = read(path)?;
    for other in others {
        let (settings_there, _, more) = read(other)?;
        settings.check_same(&settings_there, other)?;
        add(&mut tensors, &more, other)?;
    }
    if !others.is_empty() {
        // fairseq `average_checkpoints.py`: summed in single precision, then divided.
        let n = import.checkpoints.len() as f32;
        tensors
            .iter_mut()
            .flat_map(|(_, _, values)| values)
            .for_each(|x| *x /= n);
    }
    let vocabularies = dictionaries(import, path, &settings, sizes)?;
    write_directory(&import.output, |part| {
        write(part, path, &settings, &vocabularies, &tensors)
    })?;
    Ok(Imported {
        architecture: settings.architecture,
        config: settings.config,
        sizes,
    })
}

/// A folder is replaced by a rename, so that what stands there would be lost.
fn refuse_existing(output: &Path) -> Result<(), ImportError> {
    let is_free = !output.exists() || fs::read_dir(output).is_ok_and(|mut folder| folder.next().is_none());
    if is_free {
        return Ok(());
    }
    Err(ImportError::Occupied {
        path: output.to_path_buf(),
    })
}

/// The settings of a checkpoint, the sizes of its embeddings and the weights that the settings ask for.
fn read(path: &Path) -> Result<(Settings, VocabularySizes, Tensors), ImportError> {
    let io = |source| ImportError::Io {
        path: path.into(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() == 0 {
        return Err(ImportError::content(
            path,
            "byte 0",
            "an empty file",
            "a file of torch.save",
        ));
    }
    // SAFETY: as for any map, nobody may cut the file meanwhile; what it says is checked wherever it is read.
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    let torch = |error| ImportError::Torch {
        path: path.into(),
        error,
    };
    let checkpoint = torch::Checkpoint::parse(&map).map_err(torch)?;
    let state = State::read(checkpoint.root(), path)?;
    let mut settings = Settings::read(checkpoint.root(), path)?;
    state.apply_versions(&mut settings.config);
    let sizes = state.sizes(&settings.config)?;
    settings.config.validate(sizes).map_err(|error| ImportError::Model {
        path: path.into(),
        error,
    })?;
    let layout = layout::tensors(&settings.config, sizes).expect("the reference has this architecture");
    let tensors = state.tensors(&settings.config, layout, map.len())?;
    Ok((settings, sizes, tensors))
}

fn add(sums: &mut Tensors, more: &Tensors, path: &Path) -> Result<(), ImportError> {
    for ((name, shape, sum), (_, other, values)) in sums.iter_mut().zip(more) {
        if shape != other {
            let expected = format!("shape {shape:?} as in the first checkpoint");
            let place = format!("tensor `{name}`");
            return Err(ImportError::content(path, place, format!("shape {other:?}"), expected));
        }
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    Ok(())
}

/// Source and target vocabulary, held to the embeddings.
fn dictionaries(
    import: &Import,
    checkpoint: &Path,
    settings: &Settings,
    sizes: VocabularySizes,
) -> Result<[Vocabulary; 2], ImportError> {
    let is_shared = is_joined(&settings.config);
    let shared = |other: &Option<PathBuf>| other.clone().filter(|_| is_shared);
    let source = import
        .source_dictionary
        .clone()
        .or_else(|| shared(&import.target_dictionary));
    let target = import
        .target_dictionary
        .clone()
        .or_else(|| shared(&import.source_dictionary));
    let (Some(source), Some(target)) = (source, target) else {
        let [source, target] = &settings.languages;
        let expected = if settings.config.task == Task::LanguageModel {
            format!("dict.txt ({} entries)", sizes.target)
        } else {
            format!(
                "dict.{source}.txt ({} entries) and dict.{target}.txt ({} entries)",
                sizes.source, sizes.target
            )
        };
        return Err(ImportError::NoDictionary {
            path: checkpoint.into(),
            expected,
        });
    };
    let load = |path: &Path, entries: usize| {
        let vocabulary = Vocabulary::load(path)?;
        if vocabulary.len() == entries {
            return Ok(vocabulary);
        }
        Err(ImportError::Dictionary {
            path: path.into(),
            found: vocabulary.len(),
            expected: entries,
        })
    };
    let vocabularies = [load(&source, sizes.source)?, load(&target, sizes.target)?];
    if is_shared && vocabularies[0].to_text() != vocabularies[1].to_text() {
        return Err(ImportError::NotJoined {
            source_path: source,
            target_path: target,
        });
    }
    Ok(vocabularies)
}

fn write(
    part: &Path,
    checkpoint: &Path,
    settings: &Settings,
    [source, target]: &[Vocabulary; 2],
    tensors: &Tensors,
) -> Result<(), ImportError> {
    let definition = definition(checkpoint, settings)?;
    definition.write(&part.join("definition.json"))?;
    let folder = RunFolder::open(part)?;
    Tokeniser::None.save(&folder.tokeniser())?;
    source.save(&folder.source_vocabulary())?;
    target.save(&folder.target_vocabulary())?;
    weights::write(tensors, &folder.model())?;
    seal_weights(&folder.model())?;
    Ok(())
}

/// Whether one dictionary numbers both sides.
fn is_joined(config: &ModelConfig) -> bool {
    config.task == Task::LanguageModel || config.share_embeddings == ShareEmbeddings::All
}

fn definition(checkpoint: &Path, settings: &Settings) -> Result<RunDefinition, ImportError> {
    let [source, target] = &settings.languages;
    let name = checkpoint.file_name().unwrap_or_default().to_string_lossy();
    let resolved = json!({
        "title": format!("{} from {name}", settings.architecture),
        "data": {
            "source_language": source,
            "target_language": target,
            "tokeniser": { "kind": TokeniserKind::None },
            "vocabulary": { "joined": is_joined(&settings.config) },
        },
        // As the authors' scripts decode.
        "decode": { "batch_size": 128, "source_padding": settings.source_padding },
        "arch": settings.config,
    });
    Ok(RunDefinition::resolved("fairseq", &settings.architecture, resolved))
}
