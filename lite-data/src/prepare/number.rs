//! The last step: the lines of a split as numbers, within the limits on length.

use std::path::Path;

use super::encode::PairEncoder;
use super::lengths::LengthCounter;
use super::stream::{Block, blocks, stream};
use super::survey::open;
use super::text::TextWriter;
use crate::config::{DataConfig, LongSources};
use crate::corpus::Broken;
use crate::error::DataError;
use crate::manifest::SplitReport;
use crate::progress::Progress;
use crate::store::StoreWriter;
use crate::tokeniser::Tokeniser;
use crate::vocabulary::Vocabulary;
use crate::{EOS, UNK};

/// The name under which the text of kept pairs waits where it takes the place of all text.
pub const KEPT: &str = "valid-kept";

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
    // A split that is taken from train obeys its rules, and its text must go with its pairs.
    let as_train = split == "train" || (split == "valid" && config.valid_every.is_some());
    let mut kept = match as_train && split != "train" {
        true => Some([
            TextWriter::new(folder, KEPT, "source")?,
            TextWriter::new(folder, KEPT, "target")?,
        ]),
        false => None,
    };
    let keeps_text = kept.is_some();
    let mut encoder = PairEncoder::new(tokeniser, vocabularies);
    let mut writer = StoreWriter::create(&folder.join(format!("{split}.pairs")))?;
    let mut counts = vec![0; vocabularies[0].len().max(vocabularies[1].len())];
    let mut lengths = LengthCounter::default();
    let mut reader = open(folder, &split)?;
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
                let Some((source, target)) = fit(config, pair, first + index, as_train, report) else {
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

/// Lengths are in pieces, without `</s>`.
pub fn refusal(config: &DataConfig, source: usize, target: usize) -> Option<Refusal> {
    if config.is_one_sided() {
        // Every line of a text is a part of it.
        return None;
    }
    let ratio = source.max(target) as f64 / source.min(target).max(1) as f64;
    if source.min(target) < config.min_tokens {
        Some(Refusal::TooShort)
    } else if is_long(config, source) && config.long_sources == LongSources::Drop
        || target + 1 > config.max_target_tokens
    {
        Some(Refusal::TooLong)
    } else if config.max_ratio.is_some_and(|max_ratio| ratio > max_ratio) {
        Some(Refusal::Unbalanced)
    } else {
        None
    }
}

/// Holds a pair to the limits on length: outside of train it is cut; in train it is left out, or its source is cut where
/// the section says so. All is counted.
fn fit(
    config: &DataConfig,
    (mut source, mut target): (Vec<u32>, Vec<u32>),
    line: usize,
    as_train: bool,
    report: &mut SplitReport,
) -> Option<(Vec<u32>, Vec<u32>)> {
    let (most_source, most_target) = (config.max_source_tokens, config.max_target_tokens);
    let refusal = refusal(config, source.len() - 1, target.len() - 1);
    let refused = match refusal {
        Some(Refusal::TooLong) => Some(&mut report.too_long),
        Some(Refusal::TooShort) if as_train => Some(&mut report.too_short),
        Some(Refusal::Unbalanced) if as_train => Some(&mut report.unbalanced),
        _ => None,
    };
    if let Some(count) = refused {
        *count += 1;
        if *count == 1 {
            let rule = match refusal {
                Some(Refusal::TooShort) => format!("at least {} and </s>", config.min_tokens),
                Some(Refusal::Unbalanced) => {
                    format!("at most {} times as many", config.max_ratio.unwrap_or_default())
                }
                _ => format!("at most {most_source} and {most_target}"),
            };
            let fate = if as_train { "left out" } else { "cut" };
            report.examples.push(format!(
                "`{}.source.txt` line {line}: {} source and {} target tokens, {rule}: {fate}",
                report.name,
                source.len(),
                target.len()
            ));
        }
        if as_train {
            return None;
        }
    }
    if refusal.is_none() && is_long(config, source.len() - 1) {
        report.cut += 1;
        if report.cut == 1 {
            report.examples.push(format!(
                "`{}.source.txt` line {line}: {} source and {} target tokens, the source at most {most_source}: cut",
                report.name,
                source.len(),
                target.len()
            ));
        }
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
