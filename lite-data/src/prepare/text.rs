//! The first step of preparation: the text of each split under the line rules, without what cannot be used.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::{Inputs, SPLITS};
use crate::config::{BrokenLines, DataConfig};
use crate::corpus::{Broken, LineRules, read_pairs};
use crate::error::DataError;
use crate::manifest::SplitReport;
use crate::progress::Progress;
use crate::tokeniser::WordCounts;

/// Where the text of a split and side stands.
pub fn side_path(folder: &Path, split: &str, side: &str) -> PathBuf {
    folder.join(format!("{split}.{side}.txt"))
}

/// Copies the lines of all splits after the line rules, without what is left out; counts the words of train.
pub fn write_text(
    config: &DataConfig,
    inputs: &Inputs,
    folder: &Path,
    words: &mut WordCounts,
    progress: &dyn Progress,
) -> Result<Vec<SplitReport>, DataError> {
    // Pairs of valid and test, and whether train has them too.
    let mut seen: FxHashMap<u64, bool> = FxHashMap::default();
    let mut hashes: [Vec<u64>; 3] = Default::default();
    let mut reports: Vec<SplitReport> = SPLITS
        .iter()
        .map(|name| SplitReport {
            name: (*name).into(),
            ..SplitReport::default()
        })
        .collect();
    // Train last, so that it can be compared with the others without being kept.
    for split in [2, 1, 0] {
        let name = SPLITS[split];
        let report = &mut reports[split];
        let in_train = split == 0;
        let mut writers = [
            TextWriter::new(folder, name, "source")?,
            TextWriter::new(folder, name, "target")?,
        ];
        progress.begin(&format!("reading {name}"), None);
        let mut each = |line: usize, pair: Result<(String, String), Broken>| -> Result<(), DataError> {
            report.lines = line;
            if line.is_multiple_of(10_000) {
                progress.advance(line as u64);
            }
            let (source, target) = match pair {
                Ok(pair) => pair,
                Err(broken) if in_train && config.broken_lines == BrokenLines::Drop => {
                    report.broken += 1;
                    if report.broken == 1 {
                        report.examples.push(DataError::from(broken).to_string() + ": left out");
                    }
                    return Ok(());
                }
                Err(broken) => return Err(broken.into()),
            };
            if source.trim().is_empty() || target.trim().is_empty() {
                report.empty += 1;
                if report.empty == 1 {
                    let side = if source.trim().is_empty() { "source" } else { "target" };
                    let fate = if in_train { "left out" } else { "kept" };
                    report
                        .examples
                        .push(format!("{name} line {line}: the {side} is empty: {fate}"));
                }
                if in_train {
                    return Ok(());
                }
            }
            let mut hasher = DefaultHasher::new();
            (&source, &target).hash(&mut hasher);
            let hash = hasher.finish();
            if in_train {
                words.add(&source);
                words.add(&target);
                if let Some(seen) = seen.get_mut(&hash) {
                    *seen = true;
                }
            } else {
                seen.insert(hash, false);
                hashes[split].push(hash);
            }
            writers[0].line(&source)?;
            writers[1].line(&target)
        };
        match inputs {
            Inputs::Files(files) => {
                let [source, target] = &files[split];
                read_pairs(&source.path, &target.path, LineRules::new(config), &mut each)?;
            }
            Inputs::Grammar(splits) => {
                let rules = LineRules::new(config);
                let pairs = [&splits.train, &splits.valid, &splits.test][split];
                for (index, (source, target)) in pairs.iter().enumerate() {
                    each(
                        index + 1,
                        Ok((rules.apply(source.clone()), rules.apply(target.clone()))),
                    )?;
                }
            }
        }
        progress.end();
        writers.into_iter().try_for_each(TextWriter::finish)?;
    }
    for (report, hashes) in reports.iter_mut().zip(&hashes) {
        report.pairs_in_train = hashes.iter().filter(|hash| seen.get(hash) == Some(&true)).count();
    }
    Ok(reports)
}

struct TextWriter {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl TextWriter {
    fn new(folder: &Path, split: &str, side: &str) -> Result<Self, DataError> {
        let path = side_path(folder, split, side);
        let file = File::create(&path).map_err(DataError::io(&path))?;
        Ok(TextWriter {
            path,
            writer: BufWriter::with_capacity(1 << 18, file),
        })
    }

    fn line(&mut self, line: &str) -> Result<(), DataError> {
        writeln!(self.writer, "{line}").map_err(DataError::io(&self.path))
    }

    fn finish(mut self) -> Result<(), DataError> {
        self.writer.flush().map_err(DataError::io(&self.path))
    }
}
