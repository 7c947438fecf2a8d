//! What a run reports: one JSON file under `results/`, its translations gzipped beside it.
//!
//! Tables and figures are made from these files alone, so a file that was changed by hand is refused.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::definition::hash_of;
use crate::run_definition::section_of;
use crate::{DefinitionError, Machine, RunError, canonical, write_atomically};

/// Everything a run has to say for itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the architecture.
    pub arch: String,
    /// When it was finished, UTC: `2026-01-31T12:00:00Z` ([`crate::now`]).
    pub date: String,
    /// The source it was made with ([`crate::commit`]).
    pub commit: String,
    /// Version of the program.
    pub version: String,
    /// Whether training came to its end.
    pub status: Status,
    /// The resolved definition with this architecture alone.
    pub definition: Json,
    /// sha256 of what in `definition` changes a result.
    pub definition_hash: String,
    /// The overrides that are in `definition`.
    pub overrides: Vec<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// Backend and device.
    pub device: String,
    /// The machine.
    pub machine: Machine,
    /// Tokens of a batch in memory, where it was trained: what dropout draws depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_batch: Option<u64>,
    /// Updates of the optimiser.
    pub updates: u64,
    /// Target tokens trained on, padding not counted.
    pub target_tokens: u64,
    /// Seconds spent training, over all restarts.
    pub train_seconds: f64,
    /// Parameters.
    pub parameters: ParameterCounts,
    /// Multiply-adds of one pass over 30 source and 30 target tokens, as the paper counts.
    pub mult_adds: u64,
    /// Hash of the prepared data.
    pub data_hash: String,
    /// The learning curve.
    pub curve: Vec<CurvePoint>,
    /// The scores of the test set, the main one first.
    pub scores: Vec<Score>,
    /// The translations of the test set.
    pub hypotheses: Hypotheses,
}

/// How many parameters a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ParameterCounts {
    /// Every trained number, shared ones once.
    pub total: u64,
    /// Those in tables of embeddings.
    pub embedding: u64,
    /// What the paper would print.
    pub counted_as_paper: u64,
}

/// One validation. Losses that are no number (a run that diverged) are written as null.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Updates done.
    pub update: u64,
    /// Target tokens trained on.
    pub tokens: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Mean training loss a token since the previous point.
    #[serde(deserialize_with = "null_is_nan")]
    pub train_loss: f64,
    /// Validation loss a token, label-smoothed.
    #[serde(deserialize_with = "null_is_nan")]
    pub valid_loss: f64,
    /// Validation perplexity, without label smoothing.
    #[serde(deserialize_with = "null_is_nan")]
    pub valid_perplexity: f64,
    /// Validation BLEU, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_bleu: Option<f64>,
}

/// A score of the test set with the signature that says how it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Name of the metric.
    pub name: String,
    /// Its value.
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
    /// How it was computed, in the metric's own notation.
    pub signature: String,
    /// Confidence interval, where one was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Interval>,
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability that it covers, such as 0.95.
    pub level: f64,
}

/// The file of translations that belongs to a record. [`Record::write`] fills it in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hypotheses {
    /// Its name, beside the record.
    pub file: String,
    /// sha256 of the text in it, before compression.
    pub sha256: String,
}

/// Whether a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// All updates, or stopped early by the rule of its definition.
    #[serde(rename = "finished")]
    Finished,
    /// The time given on the command line ran out first.
    #[serde(rename = "time budget")]
    TimeBudget,
}

/// The file: the record and the hash over it.
#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    record: Json,
    sha256: String,
}

impl Record {
    /// Writes `results/<experiment>/<arch>/<date>-<commit>.json` and the translations, `.hyp.gz`, beside it; `-2` and
    /// so on where a record of that day and commit is there. Returns the path of the JSON file.
    pub fn write(&mut self, results_root: &Path, hypotheses: &[String]) -> Result<PathBuf, RunError> {
        let folder = results_root.join(&self.experiment).join(&self.arch);
        let files = Files::new(folder, &self.date, &self.commit, hypotheses)?;
        self.hypotheses = files.hypotheses();
        files.write(self)
    }

    /// Reads one record and verifies it: its own hash, its definition's, and that of its translations.
    pub fn read(path: &Path) -> Result<Record, RunError> {
        let record: Record = read_sealed(path)?;
        verify(
            path,
            "the definition",
            hash_of(&record.definition),
            &record.definition_hash,
        )?;
        record.hypotheses.check(path)?;
        Ok(record)
    }

    /// Reads all records under `results_root`, ordered by experiment, architecture and date. One that cannot be read
    /// or was altered is an error. No folder is no record.
    pub fn read_all(results_root: &Path) -> Result<Vec<(PathBuf, Record)>, RunError> {
        let mut records = Vec::new();
        for experiment in subfolders(results_root)? {
            for arch in subfolders(&experiment)? {
                for path in entries(&arch)? {
                    if path.extension().is_some_and(|extension| extension == "json") {
                        let record = Record::read(&path)?;
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

    /// The translations of the record that was read from `path`, verified.
    pub fn read_hypotheses(&self, path: &Path) -> Result<Vec<String>, RunError> {
        self.hypotheses.read(path)
    }

    /// Reads a section of the definition: `arch`, `data`, `decode` or `train`.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, DefinitionError> {
        section_of(&self.definition, name)
    }

    /// The score of that name.
    pub fn score(&self, name: &str) -> Option<&Score> {
        self.scores.iter().find(|score| score.name == name)
    }
}

impl Hypotheses {
    /// Verifies the translations of the record that was read from `path`, without keeping them: before that they may be
    /// anything of any size.
    pub(crate) fn check(&self, path: &Path) -> Result<(), RunError> {
        let path = path.with_file_name(&self.file);
        let hash = open(&path).and_then(canonical::hash_stream);
        verify(
            &path,
            "the text in it",
            hash.map_err(RunError::io(&path))?,
            &self.sha256,
        )
    }

    /// The translations of the record that was read from `path`, verified.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<String>, RunError> {
        self.check(path)?;
        let path = path.with_file_name(&self.file);
        let mut text = Vec::new();
        let mut stream = open(&path).map_err(RunError::io(&path))?;
        stream.read_to_end(&mut text).map_err(RunError::io(&path))?;
        let text = String::from_utf8_lossy(&text);
        // Not `lines`, which would take a carriage return for part of the line break.
        Ok(text.split_terminator('\n').map(str::to_owned).collect())
    }
}

fn open(path: &Path) -> io::Result<GzDecoder<fs::File>> {
    Ok(GzDecoder::new(fs::File::open(path)?))
}

/// A record's two files that are about to be written.
pub(crate) struct Files {
    folder: PathBuf,
    stem: String,
    text: String,
    /// Holds the folder until both are written: two seeds may end at the same moment, and must not find one name free.
    _lock: Option<fs::File>,
}

impl Files {
    /// `<date>-<commit>` in `folder`, or the first name after it that is free.
    pub(crate) fn new(folder: PathBuf, date: &str, commit: &str, hypotheses: &[String]) -> Result<Self, RunError> {
        if let Some(line) = hypotheses.iter().position(|line| line.contains('\n')) {
            return Err(RunError::Unwritable {
                message: format!("hypothesis {} holds a line break", line + 1),
            });
        }
        let lock = lock(&folder);
        let stem = format!("{}-{commit}", date.split('T').next().unwrap_or_default());
        Ok(Self {
            stem: free_stem(&folder, &stem),
            folder,
            text: hypotheses.iter().flat_map(|line| [line, "\n"]).collect(),
            _lock: lock,
        })
    }

    /// What the record says of the translations.
    pub(crate) fn hypotheses(&self) -> Hypotheses {
        Hypotheses {
            file: format!("{}.hyp.gz", self.stem),
            sha256: canonical::hash_bytes(self.text.as_bytes()),
        }
    }

    /// Writes both. Returns the path of the record.
    pub(crate) fn write(&self, record: &impl Serialize) -> Result<PathBuf, RunError> {
        let json = sealed(record)?;
        let path = self.folder.join(format!("{}.json", self.stem));
        // The record comes last: where it stands, its translations do too.
        let hypotheses_path = self.folder.join(self.hypotheses().file);
        write_atomically(&hypotheses_path, |file| compress(self.text.as_bytes(), file))
            .map_err(RunError::io(&hypotheses_path))?;
        write_atomically(&path, |file| file.write_all(json.as_bytes())).map_err(RunError::io(&path))?;
        Ok(path)
    }
}

/// A record's text with the hash over it.
pub(crate) fn sealed(record: &impl Serialize) -> Result<String, RunError> {
    let no_json = |error| RunError::Unwritable {
        message: format!("the record is no JSON: {error}"),
    };
    let record = serde_json::to_value(record).map_err(no_json)?;
    let sha256 = canonical::hash_value(&record);
    let text = serde_json::to_string_pretty(&Sealed { record, sha256 }).map_err(no_json)?;
    Ok(text + "\n")
}

/// Reads a file that has its own hash.
pub(crate) fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let text = fs::read_to_string(path).map_err(RunError::io(path))?;
    let unreadable = |error: serde_json::Error| RunError::Unreadable {
        path: path.to_path_buf(),
        line: error.line(),
        message: error.to_string(),
    };
    let sealed: Sealed = serde_json::from_str(&text).map_err(unreadable)?;
    let found = canonical::hash_value(&sealed.record);
    verify(path, "the record", found, &sealed.sha256)?;
    serde_json::from_value(sealed.record).map_err(unreadable)
}

/// Waits for whoever writes into a folder. Where folders cannot be opened or locked there is no lock.
fn lock(folder: &Path) -> Option<fs::File> {
    fs::create_dir_all(folder).ok()?;
    let folder = fs::File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

/// The same bytes for the same text: no name, no time.
fn compress(text: &[u8], file: &mut impl Write) -> io::Result<()> {
    let mut encoder = GzBuilder::new().mtime(0).write(file, Compression::best());
    encoder.write_all(text)?;
    encoder.finish().map(drop)
}

pub(crate) fn verify(path: &Path, what: &'static str, found: String, expected: &str) -> Result<(), RunError> {
    if found == expected {
        return Ok(());
    }
    Err(RunError::Altered {
        path: path.to_path_buf(),
        what,
        found,
        expected: expected.to_owned(),
    })
}

/// `stem`, or the first of `stem-2`, `stem-3` .. of which there is no record.
fn free_stem(folder: &Path, stem: &str) -> String {
    let mut free = stem.to_owned();
    let mut number = 2;
    while folder.join(format!("{free}.json")).exists() {
        free = format!("{stem}-{number}");
        number += 1;
    }
    free
}

pub(crate) fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(RunError::io(folder))?,
    };
    listing
        .map(|entry| Ok(entry.map_err(RunError::io(folder))?.path()))
        .collect()
}

fn null_is_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
