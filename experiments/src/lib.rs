//! What is compared with what, and what came out of it.
//!
//! - [`Definition`]: one experiment as people write it (TOML: a corpus, settings, the architectures compared),
//!   with its parents merged and overrides applied. The sections are handed out as tables: the type of `[data]`
//!   or `[arch.lite]` belongs to the crate that acts on it.
//! - [`list`] names the built-in definitions, the files of `experiments/definitions`.
//! - [`RunFolder`] and [`RunDefinition`]: where one run keeps its files, and the part of the definition it trains.
//! - [`Record`]: what a run reports, as JSON, with its hypotheses beside it.
//! - [`CompressionRecord`]: what compressing a run's model reports.
//! - [`ComparisonRecord`]: how two architectures differ on the test set.
//! - [`write_atomically`], [`publish_file`], [`publish_directory`]: nothing half-written under a final name.
//! - [`commit`], [`machine`] and [`now`]: which source, which machine and when.
//!
//! This crate knows no tensor, no text and no other crate of the workspace.

mod error;
mod place;

mod builtin;
mod definition;
mod overrides;
mod paper;
mod parse;
mod read;
mod tree;

mod canonical;

mod atomic;
mod comparison;
mod compression;
mod record;
mod run_definition;
mod run_folder;
mod surroundings;

pub use atomic::{part_path, publish_directory, publish_file, recover_directory, write_atomically, write_directory};
pub use builtin::list;
pub use canonical::{hash_bytes, hash_value};
pub use comparison::{ComparisonRecord, Difference};
pub use compression::{CompressionRecord, CompressionSettings, CompressionStep, ModelSize, Part, ScanPoint};
pub use definition::Definition;
pub use error::{DefinitionError, RunError, nearest};
pub use paper::{PaperNumbers, PublishedCompression, PublishedMultAdds};
pub use place::Place;
pub use record::{CurvePoint, Hypotheses, Interval, ParameterCounts, Record, Score, Status};
pub use run_definition::RunDefinition;
pub use run_folder::RunFolder;
pub use surroundings::{Machine, commit, machine, now};
