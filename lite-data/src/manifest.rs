//! What was prepared: from which inputs, with what result, and the hashes of both. It is written last, so that a folder
//! without it is not a prepared one.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::sources::{Checked, Found, hexadecimal};
use crate::whole::write_whole;

/// Raised whenever the same input gives other output.
pub const VERSION: u32 = 1;

/// The name of its file.
pub const NAME: &str = "manifest.json";

/// What was prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the preparation.
    pub version: u32,
    /// The `[data]` section.
    pub config: serde_json::Value,
    /// The files that were read; none for a generated corpus.
    pub inputs: Vec<Input>,
    /// What happened to the lines of each split.
    pub splits: Vec<SplitReport>,
    /// Pieces in the source vocabulary, all counted.
    pub source_vocabulary: usize,
    /// Pieces in the target vocabulary, all counted.
    pub target_vocabulary: usize,
    /// The files that were written.
    pub outputs: Vec<Input>,
}

/// A file and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Hash of the bytes.
    pub sha256: String,
}

/// What happened to the lines of a split.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SplitReport {
    /// `train`, `valid` or `test`.
    pub name: String,
    /// Lines read.
    pub lines: usize,
    /// Pairs kept.
    pub pairs: usize,
    /// Tokens of the kept sources, `</s>` counted.
    pub source_tokens: u64,
    /// Tokens of the kept targets, `</s>` counted.
    pub target_tokens: u64,
    /// Unknown tokens in the kept sources.
    pub source_unknown: u64,
    /// Unknown tokens in the kept targets.
    pub target_unknown: u64,
    /// Pairs with invalid UTF-8 or a NUL: left out.
    pub broken: usize,
    /// Pairs with an empty side: left out of train, kept elsewhere.
    pub empty: usize,
    /// Pairs that `moses.clean` refuses: left out of train.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unclean: usize,
    /// Pairs below `min_tokens`: left out of train.
    pub too_short: usize,
    /// Pairs with a side above its maximum: left out of train, cut elsewhere.
    pub too_long: usize,
    /// Pairs whose source was above its maximum and was cut, by `long_sources = "cut"`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: usize,
    /// Pairs above `max_ratio`: left out of train.
    pub unbalanced: usize,
    /// Pairs of this split that stand in train as well.
    pub pairs_in_train: usize,
    /// Lines of this split whose source is a source of train, and those whose target is a target of train. Nothing for
    /// train itself.
    #[serde(default)]
    pub sides_in_train: Option<[usize; 2]>,
    /// How long the kept pairs are.
    #[serde(default)]
    pub lengths: Option<Lengths>,
    /// Valid that was taken from train, by `valid_every`: it obeys the rules of train.
    #[serde(default, skip_serializing_if = "is_false")]
    pub as_train: bool,
    /// The first line of each rule above that applied, with what was found.
    pub examples: Vec<String>,
}

/// Lengths of kept pairs in tokens, `</s>` not counted.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Lengths {
    /// Of the sources.
    pub source: Spread,
    /// Of the targets.
    pub target: Spread,
    /// Target by source.
    pub ratio: Spread,
}

/// How values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// The smallest.
    pub least: f64,
    /// Half of them are not above it.
    pub median: f64,
    /// 95 % of them are not above it.
    pub p95: f64,
    /// 99 % of them are not above it.
    pub p99: f64,
    /// The largest.
    pub most: f64,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Manifest {
    /// Reads the manifest of a prepared folder.
    pub fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(NAME);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => DataError::NotPrepared {
                path: folder.to_path_buf(),
            },
            _ => DataError::io(&path)(error),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| DataError::damaged(&path, format!("no manifest: {error}")))
    }

    /// Writes it into the folder.
    pub fn write(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(NAME);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| DataError::damaged(&path, format!("cannot be written: {error}")))?;
        write_whole(&path, (text + "\n").as_bytes())
    }

    /// Holds the files of the folder to their hashes. Files that have not changed since they were checked are not read
    /// again; returns whether any had to be.
    pub(crate) fn check(&self, folder: &Path, checked: &Checked) -> Result<bool, DataError> {
        let check = |output: &Input| {
            let path = folder.join(&output.name);
            let (size, sha256, was_read) = checked.hash(&path)?;
            if (size, &sha256) != (output.size, &output.sha256) {
                return Err(DataError::damaged(
                    &path,
                    format!(
                        "truncated or altered: {size} bytes with sha256 {sha256}, its manifest says {} bytes with {}",
                        output.size, output.sha256
                    ),
                ));
            }
            Ok(was_read)
        };
        let outcomes: Vec<Result<bool, DataError>> = self.outputs.par_iter().map(check).collect();
        let mut any = false;
        for outcome in outcomes {
            any |= outcome?;
        }
        Ok(any)
    }

    /// Identity of the prepared data: equal files, equal hash, whatever machine or path they came from.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("lite-data {}\n", self.version));
        for output in &self.outputs {
            hash.update(format!("{} {}\n", output.name, output.sha256));
        }
        hexadecimal(&hash.finalize())
    }

    /// The report of a split.
    pub fn split(&self, name: &str) -> Option<&SplitReport> {
        self.splits.iter().find(|split| split.name == name)
    }
}

impl From<&Found> for Input {
    fn from(file: &Found) -> Self {
        Input {
            name: file.name.clone(),
            size: file.size,
            sha256: file.sha256.clone(),
        }
    }
}

impl Spread {
    fn summary(&self) -> String {
        format!(
            "mean {}, {} to {}, median {}, 95 % up to {}, 99 % up to {}",
            self.mean, self.least, self.most, self.median, self.p95, self.p99
        )
    }
}

impl SplitReport {
    /// A report of nothing yet.
    pub fn new(name: &str) -> Self {
        SplitReport {
            name: name.into(),
            ..SplitReport::default()
        }
    }

    /// Whether pairs that break a rule are left out of it.
    pub(crate) fn obeys_train(&self) -> bool {
        self.as_train || self.name == "train"
    }

    /// Lengths and ratios, for people.
    pub fn length_summary(&self) -> Vec<String> {
        let Some(Lengths { source, target, ratio }) = &self.lengths else {
            return Vec::new();
        };
        vec![
            format!("source tokens: {}", source.summary()),
            format!("target tokens: {}", target.summary()),
            format!("target by source: {}", ratio.summary()),
        ]
    }

    /// How many sentences of this split stand in train, one line for people.
    pub fn overlap(&self) -> Option<String> {
        let [sources, targets] = self.sides_in_train?;
        if (sources, targets, self.pairs_in_train) == (0, 0, 0) {
            return Some(format!("{}: no sentence of it stands in train", self.name));
        }
        Some(format!(
            "{}: of its {} lines, {sources} sources, {targets} targets and {} pairs stand in train",
            self.name, self.lines, self.pairs_in_train
        ))
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let mut text = if self.source_tokens == 0 {
            // Each side of a pair has an `</s>`: this is a corpus of one side.
            format!(
                "{}: {} of {} lines, {} tokens",
                self.name, self.pairs, self.lines, self.target_tokens
            )
        } else {
            format!(
                "{}: {} of {} pairs, {} source and {} target tokens",
                self.name, self.pairs, self.lines, self.source_tokens, self.target_tokens
            )
        };
        let obeys_train = self.obeys_train();
        let fate = |train: &'static str, elsewhere: &'static str| if obeys_train { train } else { elsewhere };
        for (n, what, fate) in [
            (self.source_unknown as usize, "unknown tokens in the source", ""),
            (
                self.target_unknown as usize,
                if self.source_tokens == 0 {
                    "unknown tokens"
                } else {
                    "unknown tokens in the target"
                },
                "",
            ),
            (self.broken, "broken lines", " left out"),
            (self.empty, "with an empty side", fate(" left out", " kept")),
            (self.unclean, "unclean", " left out"),
            (self.too_short, "too short", " left out"),
            (self.too_long, "too long", fate(" left out", " cut")),
            (self.cut, "long sources", " cut"),
            (self.unbalanced, "unbalanced", " left out"),
            (self.pairs_in_train, "pairs also in train", ""),
        ] {
            if n > 0 {
                text += &format!(", {n} {what}{fate}");
            }
        }
        text
    }
}
