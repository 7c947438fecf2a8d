//! A model for other programs: a folder of safetensors under fairseq's names, or a model of CTranslate2.
//!
//! - [`safetensors`]: any architecture; `lite-eval import --safetensors` takes it back
//! - [`ctranslate2`]: the vanilla transformer

pub mod ctranslate2;
pub mod safetensors;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use experiments::{RunDefinition, RunError, write_atomically, write_directory};
use lite_data::DataError;
use lite_model::ModelConfig;
use lite_model::error::WeightsError;
use lite_model::weights::{self, NamedTensor};

use crate::lite_file::{LiteFile, LiteFileError};
use crate::run::{OpenError, Run, Text};

/// A model with all that a folder for others needs of it.
#[derive(Debug)]
pub struct Exported {
    /// The run that it comes from.
    pub definition: RunDefinition,
    /// Its architecture.
    pub model: ModelConfig,
    /// Its tokeniser and vocabularies.
    pub text: Text,
    /// Its weights in the order of their names.
    pub tensors: Vec<NamedTensor>,
}

/// Why a model was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The run or the file.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// What is exported or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A folder or a file.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The tokeniser or a vocabulary.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The folder is there already.
    #[error("`{}` is there already", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The other program has no such model.
    #[error("`{key}`: found {found}, which {format} does not have; expected {expected}")]
    Unsupported {
        /// The key in `[arch]`.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
        /// The other program.
        format: &'static str,
    },
}

impl From<OpenError> for ExportError {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl Exported {
    /// Reads a run folder or a .lite file, whose weights are unpacked.
    pub fn open(path: &Path) -> Result<Self, ExportError> {
        if path.is_file() {
            return Self::open_file(path);
        }
        let run = Run::describe(path)?;
        let folder = experiments::RunFolder::open(path)?;
        let (mut tensors, _) = weights::read_all(&folder.model())?;
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self {
            definition: run.definition,
            model: run.model_config,
            text: run.text,
            tensors,
        })
    }

    fn open_file(path: &Path) -> Result<Self, ExportError> {
        let file = LiteFile::open(path).map_err(OpenError::from)?;
        let tensors = file.tensors().iter().map(|tensor| {
            let values = tensor.values().map_err(|error| {
                let path = path.to_path_buf();
                OpenError::from(LiteFileError::Weights { path, error })
            })?;
            Ok((tensor.name.clone(), tensor.shape.clone(), values.into_floats()))
        });
        Ok(Self {
            tensors: tensors.collect::<Result<_, ExportError>>()?,
            definition: file.definition,
            model: file.model,
            text: file.text,
        })
    }
}

/// Makes a folder that is whole or not there.
fn folder(output: &Path, fill: impl FnOnce(&Path) -> Result<(), ExportError>) -> Result<(), ExportError> {
    let is_free = !output.exists() || fs::read_dir(output).is_ok_and(|mut entries| entries.next().is_none());
    if !is_free {
        let path = output.to_path_buf();
        return Err(ExportError::Occupied { path });
    }
    write_directory(output, fill)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let written = write_atomically(path, |file| file.write_all(bytes));
    Ok(written.map_err(|source| RunError::Io {
        path: path.into(),
        source,
    })?)
}
