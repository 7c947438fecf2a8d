//! The last step: the lines of a split as numbers, within the limits on length.

use std::path::Path;

use super::encode::PairEncoder;
use super::lengths::LengthCounter;
use super::stream::{Block, blocks, stream};
use super::survey::open;
use super::text::{TextWriter, text_name};
use crate::config::{DataConfig, LongSources};
use crate::corpus::Broken;
use crate::error::DataError;
use crate::manifest::SplitReport;
use crate::progress::Progress;
use crate::store::StoreWriter;
use crate::tokeniser::Tokeniser;
use crate::vocabulary::Vocabulary;
use crate::{EOS, UNK};

/// Numbers the lines of a split. Returns how often each id stands in the store.
pub fn write_store(
    config: &DataConfig,
    tokeniser: &Tokeniser,
    vocabularies: [&Vocabulary; 2],
    folder: &Path,
    report: &mut SplitReport,
    progress: &dyn Progress,
) -> Result<Vec<u64>, DataError> {
    let split = report.name.clone();
    // Where valid obeys the rules of train, its text must go with its pairs.
    let mut kept = match report.as_train {
        true => Some([
            TextWriter::new(folder, &split, "source")?,
            TextWriter::new(folder, &split, "target")?,
        ]),
        false => None,
    };
    let keeps_text = kept.is_some();
    let mut encoder = PairEncoder::new(tokeniser, vocabularies);
    let mut writer = StoreWriter::create(&folder.join(format!("{split}.pairs")))?;
    let mut counts = vec![0; vocabularies[0].len().max(vocabularies[1].len())];
    let mut lengths = LengthCounter::default();
    let mut reader = open(folder, text_name(config, &split))?;
    progress.begin(&format!("numbering {split}"), Some(report.lines as u64));
    stream(
        blocks(move || reader.next_pair()),
        |block: Block<_>| {
            let pairs: Result<Vec<(String, String)>, Broken> = block.pairs.into_iter().collect();
            pairs.map(|pairs| {
                let numbers = encoder.encode(&pairs);
                (block.first, numbers, if keeps_text { pairs } else { Vec::new() })
            })
        },
        |block| {
            let (first, numbers, mut texts) = block?;
            let end = first + numbers.len() - 1;
            for (index, pair) in numbers.into_iter().enumerate() {
                let Some((source, target)) = fit(config, pair, first + index, report) else {
                    continue;
                };
                source.iter().chain(&target).for_each(|&id| counts[id as usize] += 1);
                lengths.add(source.len(), target.len());
                writer.push(&source, &target)?;
                if let Some([sources, targets]) = &mut kept {
                    let (source, target) = std::mem::take(&mut texts[index]);
                    sources.line(&source)?;
                    targets.line(&target)?;
                }
            }
            progress.advance(end as u64);
            Ok(())
        },
    )?;
    progress.end();
    kept.into_iter().flatten().try_for_each(TextWriter::finish)?;
    writer.finish()?;
    report.lengths = Some(lengths.finish());
    Ok(counts)
}

/// Why a pair is left out of train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    TooShort,
    TooLong,
    Unbalanced,
}

/// Whether a source of so many pieces, without `</s>`, is above its limit.
fn is_long(config: &DataConfig, source: usize) -> bool {
    source + 1 > config.max_source_tokens
}

/// Whether a side is above its limit, but for sources that are cut in train too.
fn is_too_long(config: &DataConfig, source: usize, target: usize) -> bool {
    is_long(config, source) && config.long_sources == LongSources::Drop || target + 1 > config.max_target_tokens
}

/// Lengths are in pieces, without `</s>`.
pub fn refusal(config: &DataConfig, source: usize, target: usize) -> Option<Refusal> {
    if config.is_one_sided() {
        // Every line of a text is a part of it.
        return None;
    }
    let ratio = source.max(target) as f64 / source.min(target).max(1) as f64;
    if source.min(target) < config.min_tokens {
        Some(Refusal::TooShort)
    } else if is_too_long(config, source, target) {
        Some(Refusal::TooLong)
    } else if config.max_ratio.is_some_and(|max_ratio| ratio > max_ratio) {
        Some(Refusal::Unbalanced)
    } else {
        None
    }
}

/// Holds a pair to the limits on length: outside of train it is cut; in train it is left out, or its source is cut where
/// the section says so. It counts for the first limit that it breaks, and outside of train only for what cuts it.
fn fit(
    config: &DataConfig,
    (mut source, mut target): (Vec<u32>, Vec<u32>),
    line: usize,
    report: &mut SplitReport,
) -> Option<(Vec<u32>, Vec<u32>)> {
    let (most_source, most_target) = (config.max_source_tokens, config.max_target_tokens);
    let obeys_train = report.obeys_train();
    let lengths = [source.len() - 1, target.len() - 1];
    let refusal = match obeys_train {
        true => refusal(config, lengths[0], lengths[1]),
        false => (!config.is_one_sided() && is_too_long(config, lengths[0], lengths[1])).then_some(Refusal::TooLong),
    };
    let (count, rule) = match refusal {
        Some(Refusal::TooShort) => (
            Some(&mut report.too_short),
            format!("at least {} and </s>", config.min_tokens),
        ),
        Some(Refusal::TooLong) => (
            Some(&mut report.too_long),
            format!("at most {most_source} and {most_target}"),
        ),
        Some(Refusal::Unbalanced) => (
            Some(&mut report.unbalanced),
            format!("at most {} times as many", config.max_ratio.unwrap_or_default()),
        ),
        None if is_long(config, lengths[0]) => (Some(&mut report.cut), format!("the source at most {most_source}")),
        None => (None, String::new()),
    };
    let is_left_out = obeys_train && refusal.is_some();
    if let Some(count) = count {
        *count += 1;
        if *count == 1 {
            let place = match report.as_train {
                // The text that its number counts in is not kept.
                true => format!("pair {line} of those that {} takes from train", report.name),
                false => format!("`{}.source.txt` line {line}", report.name),
            };
            let fate = if is_left_out { "left out" } else { "cut" };
            report.examples.push(format!(
                "{place}: {} source and {} target tokens, {rule}: {fate}",
                source.len(),
                target.len()
            ));
        }
    }
    if is_left_out {
        return None;
    }
    if config.is_one_sided() {
        source.clear();
    } else {
        for (side, most) in [(&mut source, most_source), (&mut target, most_target)] {
            if side.len() > most {
                side.truncate(most - 1);
                side.push(EOS);
            }
        }
    }
    let unknown = |side: &[u32]| side.iter().filter(|&&id| id == UNK).count() as u64;
    report.pairs += 1;
    report.source_tokens += source.len() as u64;
    report.target_tokens += target.len() as u64;
    report.source_unknown += unknown(&source);
    report.target_unknown += unknown(&target);
    Some((source, target))
}
