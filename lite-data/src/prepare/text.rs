//! The first step of preparation: the text of each split under the line rules, without what cannot be used.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{Inputs, SPLITS};
use crate::config::{BrokenLines, DataConfig};
use crate::corpus::{Broken, LineRules, read_found};
use crate::error::DataError;
use crate::manifest::SplitReport;
use crate::progress::Progress;
use crate::tokeniser::WordCounts;

/// Pairs to which the line rules are applied at a time, on all cores.
const BLOCK: usize = 1 << 14;

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
    let rules = [LineRules::new(config)?, LineRules::target(config)?];
    let clean = config.moses.as_ref().and_then(|moses| moses.clean);
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
        let mut factored = None;
        progress.begin(&format!("reading {name}"), None);
        let mut each = |line: usize, pair: Result<(String, String), Broken>| -> Result<(), DataError> {
            report.lines = line;
            if line.is_multiple_of(10_000) {
                progress.advance(line as u64);
            }
            let (mut source, mut target) = match pair {
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
            // An empty line of a text is a part of it.
            if !config.is_one_sided() && (source.trim().is_empty() || target.trim().is_empty()) {
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
            if let Some(clean) = clean.filter(|_| in_train) {
                let factored = *factored.get_or_insert_with(|| source.contains('|') || target.contains('|'));
                let Some(pair) = clean.clean(&source, &target, factored) else {
                    report.unclean += 1;
                    if report.unclean == 1 {
                        let n = [&source, &target].map(|side| side.split_whitespace().count());
                        let (min, max, ratio) = (clean.min, clean.max, clean.ratio);
                        report.examples.push(format!(
                            "{name} line {line}: {} source and {} target words, {min} to {max} and at most {ratio} \
                             times as many: left out",
                            n[0], n[1]
                        ));
                    }
                    return Ok(());
                };
                (source, target) = pair;
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
            } else if !config.is_one_sided() {
                // Lines of a text, such as headings, may well be there twice.
                seen.insert(hash, false);
                hashes[split].push(hash);
            }
            writers[0].line(&source)?;
            writers[1].line(&target)
        };
        match inputs {
            Inputs::Files(files) => {
                let mut block = Vec::with_capacity(BLOCK);
                let n = read_found(&files[split], |line, pair| {
                    block.push(pair);
                    if block.len() == BLOCK {
                        apply(&rules, std::mem::take(&mut block), line, &mut each)?;
                    }
                    Ok(())
                })?;
                apply(&rules, block, n, &mut each)?;
            }
            Inputs::Grammar(splits) => {
                let pairs = [&splits.train, &splits.valid, &splits.test][split];
                let pairs: Vec<_> = pairs.iter().cloned().map(Ok).collect();
                let n = pairs.len();
                apply(&rules, pairs, n, &mut each)?;
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

/// The rules of each side on a block of pairs whose last one is pair `end`; then `each`, in order.
fn apply(
    rules: &[LineRules; 2],
    pairs: Vec<Result<(String, String), Broken>>,
    end: usize,
    each: &mut impl FnMut(usize, Result<(String, String), Broken>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let start = end - pairs.len();
    let [source_rules, target_rules] = rules;
    let pairs: Vec<_> = pairs
        .into_par_iter()
        .map(|pair| pair.map(|(source, target)| (source_rules.apply(source), target_rules.apply(target))))
        .collect();
    pairs
        .into_iter()
        .enumerate()
        .try_for_each(|(index, pair)| each(start + index + 1, pair))
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
