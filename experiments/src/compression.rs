//! What compressing a model reports: one JSON file under `results/<experiment>/<arch>/compression/`, with the
//! translations of the compressed model gzipped beside it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::definition::hash_of;
use crate::record::{Files, entries, read_sealed, subfolders, verify};
use crate::{Hypotheses, Machine, ParameterCounts, RunError, Score};

/// The folder beside an architecture's own records.
const FOLDER: &str = "compression";

/// How one model was compressed, what each step made of it, and how it scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompressionRecord {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the architecture.
    pub arch: String,
    /// When it was done, UTC.
    pub date: String,
    /// The source it was made with.
    pub commit: String,
    /// Version of the program.
    pub version: String,
    /// The resolved definition of the run.
    pub definition: Json,
    /// sha256 of what in `definition` changes a result.
    pub definition_hash: String,
    /// The seed that the model was trained with.
    pub seed: u64,
    /// Backend and device.
    pub device: String,
    /// The machine.
    pub machine: Machine,
    /// sha256 of the weights that were compressed, as a file of safetensors.
    pub weights_sha256: String,
    /// Parameters of the model.
    pub parameters: ParameterCounts,
    /// What was asked for.
    pub settings: CompressionSettings,
    /// What the scan of sensitivities found, if there was one.
    pub scan: Vec<ScanPoint>,
    /// The transformer that the paper compares with, over the same vocabulary and in single precision; a language model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<ModelSize>,
    /// The steps, each of which goes on from the one before.
    pub steps: Vec<CompressionStep>,
    /// Scores of the last step as its file is computed by default, with weights and inputs in 8 bits; none where it is not, and in
    /// older records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub int8_scores: Vec<Score>,
    /// sha256 of the file that the last step wrote.
    pub file_sha256: String,
    /// The translations of the test set by the compressed model.
    pub hypotheses: Hypotheses,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompressionSettings {
    /// Bits of a weight's code.
    pub bits: u32,
    /// Bits of the codes of embeddings.
    pub embedding_bits: u32,
    /// Weights below this many standard deviations of their tensor are zero.
    pub sensitivity: f64,
    /// Where k-means began.
    pub start: String,
    /// Updates of training after pruning.
    pub fine_tune: u64,
    /// The first learning rate of that training, as a share of the highest of the run; none where nothing was trained, and in
    /// older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_tune_rate: Option<f64>,
}

/// A sensitivity that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScanPoint {
    /// In standard deviations.
    pub sensitivity: f64,
    /// Share of zeros in the matrices that are pruned.
    pub sparsity: f64,
    /// The main score on validation sentences, with codes and without training.
    pub score: f64,
}

/// The size of a model in both countings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModelSize {
    /// As the paper counts: weights alone, without embeddings, codebooks, and what says which weights were kept.
    pub counted_bytes: u64,
    /// A file with everything in it.
    pub file_bytes: u64,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompressionStep {
    /// Its name in tables.
    pub name: String,
    /// What the model takes after it.
    pub size: ModelSize,
    /// The bytes of the file by what they are for; together they are all of it.
    pub parts: Vec<Part>,
    /// Share of zeros in the matrices that are pruned.
    pub sparsity: f64,
    /// Scores of the test set, the main one first; none where it has none.
    pub scores: Vec<Score>,
}

/// Bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What they are for.
    pub name: String,
    /// How many there are.
    pub bytes: u64,
}

impl CompressionRecord {
    /// Writes the record and the translations beside it. Returns the path of the JSON file.
    pub fn write(&mut self, results_root: &Path, hypotheses: &[String]) -> Result<PathBuf, RunError> {
        let folder = results_root.join(&self.experiment).join(&self.arch).join(FOLDER);
        let files = Files::new(folder, &self.date, &self.commit, hypotheses)?;
        self.hypotheses = files.hypotheses();
        files.write(self)
    }

    /// Reads one record and verifies it: its own hash, its definition's, and that of its translations.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let record: Self = read_sealed(path)?;
        let found = hash_of(&record.definition);
        verify(path, "the definition", found, &record.definition_hash)?;
        record.hypotheses.read(path)?;
        Ok(record)
    }

    /// Reads all under `results_root`, ordered by experiment, architecture and date. No folder is no record.
    pub fn read_all(results_root: &Path) -> Result<Vec<(PathBuf, Self)>, RunError> {
        let mut records = Vec::new();
        for experiment in subfolders(results_root)? {
            for arch in subfolders(&experiment)? {
                for path in entries(&arch.join(FOLDER))? {
                    if path.extension().is_some_and(|extension| extension == "json") {
                        let record = Self::read(&path)?;
                        records.push((path, record));
                    }
                }
            }
        }
        records.sort_by(|(a_path, a), (b_path, b)| {
            (&a.experiment, &a.arch, &a.date, a_path).cmp(&(&b.experiment, &b.arch, &b.date, b_path))
        });
        Ok(records)
    }
}
