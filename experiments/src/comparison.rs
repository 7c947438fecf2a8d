//! How an architecture differs from its baseline on the test set: one JSON file,
//! `results/<experiment>/<arch>/comparison/<baseline>.json`, made of the translations in their records. It is made anew
//! whenever one of them is trained again, so there is one, and it says of which translations it is.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::record::{entries, read_sealed, sealed, subfolders};
use crate::{Interval, Record, RunError, write_atomically};

/// The folder beside an architecture's own records.
const FOLDER: &str = "comparison";

/// A paired bootstrap of two architectures; where they were trained from several seeds, of their mean scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRecord {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the architecture.
    pub arch: String,
    /// What it is held against.
    pub baseline: String,
    /// When it was made, UTC.
    pub date: String,
    /// The source it was made with.
    pub commit: String,
    /// Version of the program.
    pub version: String,
    /// Hash of the prepared data, whose references were scored with.
    pub data_hash: String,
    /// sha256 of the translations of the architecture, a seed each, sorted.
    pub hypotheses: Vec<String>,
    /// The same of the baseline.
    pub baseline_hypotheses: Vec<String>,
    /// How many corpora were drawn.
    pub n_resamples: u64,
    /// Seed of the draws.
    pub seed: u64,
    /// What lies between the two, metric by metric, the main one first.
    pub differences: Vec<Difference>,
}

/// Two systems by one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Name of the metric.
    pub name: String,
    /// The system's score less the baseline's.
    pub difference: f64,
    /// Where the difference lies.
    pub confidence: Interval,
    /// How probable so large a difference would be if the systems were equally good.
    pub p_value: f64,
}

impl ComparisonRecord {
    /// The translations of records, as [`hypotheses`](Self::hypotheses) names them.
    pub fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<String> {
        let mut hashes: Vec<String> = records.map(|record| record.hypotheses.sha256.clone()).collect();
        hashes.sort_unstable();
        hashes
    }

    /// Writes the record in place of an earlier one, unless that says the same. Returns its path.
    pub fn write(&self, results_root: &Path) -> Result<PathBuf, RunError> {
        let folder = results_root.join(&self.experiment).join(&self.arch).join(FOLDER);
        let path = folder.join(format!("{}.json", self.baseline));
        if Self::read(&path).is_ok_and(|earlier| earlier.says_the_same(self)) {
            return Ok(path);
        }
        let text = sealed(self)?;
        write_atomically(&path, |file| file.write_all(text.as_bytes())).map_err(RunError::io(&path))?;
        Ok(path)
    }

    /// Whether two were made of the same translations with the same outcome, whenever.
    fn says_the_same(&self, other: &Self) -> bool {
        let other = Self {
            date: self.date.clone(),
            commit: self.commit.clone(),
            version: self.version.clone(),
            ..other.clone()
        };
        *self == other
    }

    /// Reads one record and verifies its hash.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        read_sealed(path)
    }

    /// Reads all under `results_root`, in the order of their paths. No folder is no record.
    pub fn read_all(results_root: &Path) -> Result<Vec<Self>, RunError> {
        let mut paths = Vec::new();
        for experiment in subfolders(results_root)? {
            for arch in subfolders(&experiment)? {
                paths.extend(entries(&arch.join(FOLDER))?);
            }
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_one_is_read_and_an_altered_one_is_refused() {
        let results = tempfile::tempdir().unwrap();
        assert_eq!(ComparisonRecord::read_all(results.path()).unwrap(), []);
        let mut record = ComparisonRecord {
            experiment: "quick".into(),
            arch: "lite".into(),
            baseline: "transformer".into(),
            date: "2026-01-01T00:00:00Z".into(),
            commit: "0123456789".into(),
            version: "0.1.0".into(),
            data_hash: "ab".into(),
            hypotheses: vec!["cd".into()],
            baseline_hypotheses: vec!["ef".into()],
            n_resamples: 1000,
            seed: 12345,
            differences: vec![Difference {
                name: "BLEU".into(),
                difference: 0.3,
                confidence: Interval {
                    low: -0.1,
                    high: 0.7,
                    level: 0.95,
                },
                p_value: 0.125,
            }],
        };
        record.write(results.path()).unwrap();
        record.differences[0].difference = 2.5;
        let path = record.write(results.path()).unwrap();
        assert!(path.ends_with("quick/lite/comparison/transformer.json"));
        assert_eq!(ComparisonRecord::read_all(results.path()).unwrap(), [record.clone()]);
        let later = ComparisonRecord {
            date: "2026-01-02T00:00:00Z".into(),
            ..record.clone()
        };
        later.write(results.path()).unwrap();
        assert_eq!(ComparisonRecord::read(&path).unwrap(), record, "it says the same");
        let altered = fs::read_to_string(&path).unwrap().replace("2.5", "3.5");
        fs::write(&path, altered).unwrap();
        let error = ComparisonRecord::read_all(results.path()).unwrap_err();
        assert!(matches!(error, RunError::Altered { .. }), "{error}");
    }
}
