//! The second step: one pass over the text of train for what has to be known of all of it, its words and which sentences of
//! the other splits it holds.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::stream::{Block, blocks, stream};
use super::text::{side_path, text_name};
use crate::config::DataConfig;
use crate::corpus::{PairReader, TextFile};
use crate::error::DataError;
use crate::manifest::SplitReport;
use crate::progress::Progress;
use crate::tokeniser::WordCounts;

/// Threads that count words, each in a table of its own: memory grows with their number and with the different words.
const MOST_COUNTERS: usize = 8;

/// A pair, or one side of it, of valid or test. Hashes of 64 bits stand for the text.
type Seen = FxHashMap<u64, AtomicBool>;

/// Counts the words of train, if they are wanted, and sets in the reports of the other splits how much of them train has.
pub fn survey(
    config: &DataConfig,
    folder: &Path,
    reports: &mut [SplitReport],
    count_words: bool,
    progress: &dyn Progress,
) -> Result<WordCounts, DataError> {
    let mut seen = Seen::default();
    let mut lines: Vec<Vec<[Option<u64>; 3]>> = Vec::new();
    // Lines of a text, such as headings, may well be there twice.
    for report in reports.iter().skip(1).filter(|_| !config.is_one_sided()) {
        let mut reader = open(folder, text_name(config, &report.name))?;
        let mut hashes = Vec::new();
        while let Some(pair) = reader.next_pair()? {
            let (source, target) = pair?;
            let line = hash_pair(&source, &target);
            line.iter().flatten().for_each(|&hash| {
                seen.entry(hash).or_default();
            });
            hashes.push(line);
        }
        lines.push(hashes);
    }
    let n_counters = rayon::current_num_threads().clamp(1, MOST_COUNTERS);
    let mut counters: Vec<WordCounts> = (0..n_counters).map(|_| WordCounts::default()).collect();
    let mut reader = open(folder, "train")?;
    progress.begin("counting words", reports.first().map(|report| report.lines as u64));
    let mut done = 0;
    let seen_ref = &seen;
    stream(
        blocks(move || reader.next_pair()),
        |block: Block<_>| {
            let chunk = block.pairs.len().div_ceil(n_counters).max(1);
            let counted: Result<(), DataError> = counters
                .par_iter_mut()
                .zip(block.pairs.par_chunks(chunk))
                .try_for_each(|(words, pairs)| {
                    for pair in pairs {
                        let (source, target) = pair.as_ref().map_err(|broken| broken.clone())?;
                        if count_words {
                            words.add(source);
                            words.add(target);
                        }
                        for hash in hash_pair(source, target).into_iter().flatten() {
                            if let Some(flag) = seen_ref.get(&hash) {
                                flag.store(true, Ordering::Relaxed);
                            }
                        }
                    }
                    Ok(())
                });
            (block.pairs.len(), counted)
        },
        |(n, counted)| {
            done += n as u64;
            progress.advance(done);
            counted
        },
    )?;
    progress.end();
    for (report, lines) in reports.iter_mut().skip(1).zip(&lines) {
        let in_train = |which: usize| {
            let has = |hash: u64| seen.get(&hash).is_some_and(|flag| flag.load(Ordering::Relaxed));
            lines.iter().filter(|line| line[which].is_some_and(has)).count()
        };
        report.pairs_in_train = in_train(0);
        report.sides_in_train = Some([in_train(1), in_train(2)]);
    }
    let mut words = WordCounts::default();
    counters.into_iter().for_each(|counter| words.merge(counter));
    Ok(words)
}

/// The text of that name as the step before has written it.
pub fn open(folder: &Path, name: &str) -> Result<PairReader, DataError> {
    let file = |side: &str| TextFile::plain(&side_path(folder, name, side));
    PairReader::open(Some(file("source")), file("target"))
}

/// Of the pair, its source and its target; an empty side is no sentence.
fn hash_pair(source: &str, target: &str) -> [Option<u64>; 3] {
    let hash = |kind: u8, text: (&str, &str)| {
        let mut hasher = DefaultHasher::new();
        (kind, text).hash(&mut hasher);
        hasher.finish()
    };
    let side = |kind: u8, text: &str| (!text.trim().is_empty()).then(|| hash(kind, (text, "")));
    [Some(hash(0, (source, target))), side(1, source), side(2, target)]
}
