//! Why something cannot be imported.

use std::io;
use std::path::{Path, PathBuf};

use experiments::{DefinitionError, RunError};
use lite_data::DataError;
use lite_model::error::{ConfigError, WeightsError};

use super::torch::TorchError;
use crate::decode::DecodeConfigError;

/// What is wrong with a checkpoint or with what comes with it: the place, what was found, what was expected.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The operating system refused to read a file.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no file of `torch.save`, or a damaged one.
    #[error("`{}`: {error}", path.display())]
    Torch {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: TorchError,
    },
    /// The checkpoint holds something else than a model that can be built here.
    #[error("`{}`, {place}: found {found}, expected {expected}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// A setting or a tensor.
        place: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// The settings contradict each other.
    #[error("`{}`, its settings as [arch]: {error}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Which key.
        error: ConfigError,
    },
    /// An exported model's search.
    #[error("`{}`: {error}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Which key.
        error: DecodeConfigError,
    },
    /// No dictionary was given.
    #[error(
        "`{}`: a checkpoint does not hold its dictionaries: found none, expected {expected}", path.display()
    )]
    NoDictionary {
        /// The checkpoint.
        path: PathBuf,
        /// The usual names of the dictionaries, and the rows of their embeddings.
        expected: String,
    },
    /// A dictionary is not the one that the model was trained with.
    #[error(
        "`{}`: found {found} entries with the four special ones, expected {expected} as the embedding has", path.display()
    )]
    Dictionary {
        /// The dictionary.
        path: PathBuf,
        /// Its entries.
        found: usize,
        /// Rows of the embedding.
        expected: usize,
    },
    /// A model with one table for both sides has one dictionary.
    #[error(
        "`{}` and `{}` differ: expected one dictionary, since the model shares all embeddings",
        source_path.display(), target_path.display()
    )]
    NotJoined {
        /// The source's dictionary.
        source_path: PathBuf,
        /// The target's dictionary.
        target_path: PathBuf,
    },
    /// Something stands where the run folder should go.
    #[error("`{}` is there already: expected a path where nothing stands", path.display())]
    Occupied {
        /// The path.
        path: PathBuf,
    },
    /// A table of an exported model's definition.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The run folder cannot be written, or an exported model's definition not read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The weights cannot be written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A dictionary cannot be read, a file cannot be written, or the `[data]` of an exported model is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl ImportError {
    pub(super) fn content(
        path: &Path,
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Content {
            path: path.into(),
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoDictionary { .. } => Some(
                "fairseq's preprocess.py writes dict.LANGUAGE.txt beside the binarised data; give them with \
                 --source-dictionary and --target-dictionary, or a joined one with --dictionary"
                    .into(),
            ),
            Self::Dictionary { found, expected, .. } => {
                let padded = found.next_multiple_of(8);
                (found < expected && padded == *expected).then(|| {
                    format!(
                        "{} entries short of a multiple of 8: the lines `madeupword0000 0` and so on, with which \
                         preprocess.py pads a dictionary, may have been removed",
                        expected - found
                    )
                })
            }
            Self::Occupied { .. } => Some("choose another --out, or remove what is there".into()),
            _ => None,
        }
    }
}
