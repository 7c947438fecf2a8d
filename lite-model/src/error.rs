//! What can be wrong with a model's description or with its file.

use std::path::PathBuf;

/// A key of a model's configuration that cannot be built.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("`{key}`: found {found}, expected {expected}")]
pub struct ConfigError {
    /// The key in `[arch.NAME]`.
    pub key: &'static str,
    /// Its value.
    pub found: String,
    /// What could be built.
    pub expected: String,
}

/// A file of weights that cannot be written, read or used.
#[derive(thiserror::Error, Debug)]
pub enum WeightsError {
    /// The file cannot be read or written.
    #[error("weights `{path}`: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system or the format's reader says.
        reason: String,
    },
    /// A tensor that the model has is not in the file.
    #[error("weights `{path}`: found no tensor `{name}` ({n_missing} missing), expected every weight of the model")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The first of them, by its name in the reference.
        name: String,
        /// How many are missing.
        n_missing: usize,
    },
    /// A tensor has another shape than the model's.
    #[error("weights `{path}`, tensor `{name}`: found {found}, expected shape {expected:?} of f32")]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor, by its name in the reference.
        name: String,
        /// Shape and type in the file.
        found: String,
        /// Its shape in the model.
        expected: Vec<usize>,
    },
}
