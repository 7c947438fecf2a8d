//! The steps of preparation, each reading what the one before has written: text, tokeniser, vocabularies, stores.

use std::path::Path;

use super::encode::{LineCounter, PairEncoder};
use super::text::{side_path, write_text};
use super::{Inputs, SPLITS};
use crate::config::{DataConfig, LongSources, TokeniserKind};
use crate::corpus::{LineRules, read_pairs};
use crate::error::DataError;
use crate::manifest::{Input, Manifest, SplitReport, VERSION};
use crate::progress::Progress;
use crate::sources::{Found, hash_file};
use crate::store::StoreWriter;
use crate::subword::{LearnConfig, learn};
use crate::tokeniser::{SubwordNmt, Tokeniser, WordCounts, train};
use crate::vocabulary::{PieceCounts, Vocabulary};
use crate::{EOS, UNK};

/// Pairs that are in memory at a time.
const BLOCK: usize = 1 << 14;

/// Prepares everything into `folder`, the manifest last.
pub fn build(
    config: &DataConfig,
    inputs: &Inputs,
    codes: Option<&Found>,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), DataError> {
    let mut words = WordCounts::default();
    let mut reports = write_text(config, inputs, folder, &mut words, progress)?;

    let tokeniser = make_tokeniser(config, &words, codes, folder, progress)?;
    drop(words);
    let mut vocabularies = make_vocabularies(config, &tokeniser, folder)?;
    for report in &mut reports {
        let counts = write_store(config, &tokeniser, &vocabularies, folder, report, progress)?;
        if report.pairs == 0 {
            return Err(DataError::Config {
                message: format!("no pair of the {} split is left of {} lines", report.name, report.lines),
                hint: "look at max_source_tokens, max_target_tokens, min_tokens and max_ratio".into(),
            });
        }
        if report.name == "train" {
            vocabularies.add_counts(&counts);
        }
    }
    vocabularies.source.save(&folder.join("vocabulary.source.txt"))?;
    vocabularies.target.save(&folder.join("vocabulary.target.txt"))?;
    write_manifest(config, inputs, codes, folder, reports, &vocabularies)
}

fn make_tokeniser(
    config: &DataConfig,
    words: &WordCounts,
    codes: Option<&Found>,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Tokeniser, DataError> {
    let path = folder.join("tokeniser.model");
    let tokeniser = match config.tokeniser.kind {
        TokeniserKind::Words => Tokeniser::Words,
        TokeniserKind::None => Tokeniser::None,
        TokeniserKind::SubwordNmt => {
            let codes = match codes {
                Some(codes) => std::fs::read(&codes.path).map_err(DataError::io(&codes.path))?,
                None => {
                    progress.begin("learning merges", None);
                    let codes = learn(
                        words,
                        &LearnConfig {
                            merges: config.tokeniser.merges,
                            ..LearnConfig::default()
                        },
                    )?;
                    progress.end();
                    codes
                }
            };
            let language = config.tokeniser.detokenise.then(|| config.target_language.parse());
            let codes = SubwordNmt::new(&codes, language.transpose()?, &path)?;
            Tokeniser::SubwordNmt(Box::new(codes))
        }
        TokeniserKind::Sentencepiece => {
            progress.begin("training the tokeniser", None);
            let bytes = train(words, &config.tokeniser)?;
            progress.end();
            let tokeniser = Tokeniser::from_bytes(bytes, &path)?;
            if let Tokeniser::SentencePiece(model) = &tokeniser
                && model.pieces().len() < config.tokeniser.vocabulary_size
            {
                progress.message(&format!(
                    "the text has only {} pieces, fewer than vocabulary_size = {}",
                    model.pieces().len(),
                    config.tokeniser.vocabulary_size
                ));
            }
            tokeniser
        }
    };
    tokeniser.save(&path)?;
    Ok(tokeniser)
}

struct Vocabularies {
    source: Vocabulary,
    target: Vocabulary,
    /// The vocabulary has the order of the model, and its counts are still to come.
    in_model_order: bool,
}

impl Vocabularies {
    /// How often each id was seen in train, on either side.
    fn add_counts(&mut self, counts: &[u64]) {
        if self.in_model_order {
            self.source.set_counts(counts);
            self.target.set_counts(counts);
        }
    }
}

fn make_vocabularies(config: &DataConfig, tokeniser: &Tokeniser, folder: &Path) -> Result<Vocabularies, DataError> {
    if config.vocabulary.joined
        && let Tokeniser::SentencePiece(model) = tokeniser
        && let Some(source) = Vocabulary::from_pieces(model.pieces(), config.vocabulary.padding_factor)
    {
        return Ok(Vocabularies {
            target: source.clone(),
            source,
            in_model_order: true,
        });
    }
    let mut counts = [PieceCounts::default(), PieceCounts::default()];
    let target_side = usize::from(!config.vocabulary.joined);
    let (source, target) = (
        side_path(folder, "train", "source"),
        side_path(folder, "train", "target"),
    );
    let mut counters = [LineCounter::new(tokeniser), LineCounter::new(tokeniser)];
    read_pairs(&source, &target, LineRules::default(), |_, pair| {
        let (source, target) = pair?;
        let lengths = [counters[0].read(&source), counters[1].read(&target)];
        if refusal(config, lengths[0], lengths[1]).is_none() {
            counters.iter_mut().for_each(LineCounter::count);
        }
        Ok(())
    })?;
    let [source_counter, target_counter] = counters;
    source_counter.add_to(&mut counts[0]);
    target_counter.add_to(&mut counts[target_side]);
    Ok(Vocabularies {
        source: Vocabulary::from_counts(&counts[0], &config.vocabulary),
        target: Vocabulary::from_counts(&counts[target_side], &config.vocabulary),
        in_model_order: false,
    })
}

/// Why a pair is left out of train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    TooShort,
    TooLong,
    Unbalanced,
}

/// Whether a source of so many pieces, without `</s>`, is above its limit.
fn is_long(config: &DataConfig, source: usize) -> bool {
    source + 1 > config.max_source_tokens
}

/// Lengths are in pieces, without `</s>`.
fn refusal(config: &DataConfig, source: usize, target: usize) -> Option<Refusal> {
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

/// Numbers the lines of a split. Returns how often each id stands in the store.
fn write_store(
    config: &DataConfig,
    tokeniser: &Tokeniser,
    vocabularies: &Vocabularies,
    folder: &Path,
    report: &mut SplitReport,
    progress: &dyn Progress,
) -> Result<Vec<u64>, DataError> {
    let split = report.name.clone();
    let mut encoder = PairEncoder::new(tokeniser, [&vocabularies.source, &vocabularies.target]);
    let mut writer = StoreWriter::create(&folder.join(format!("{split}.pairs")))?;
    let mut counts = vec![0; vocabularies.source.len().max(vocabularies.target.len())];
    let mut block = Vec::with_capacity(BLOCK);
    progress.begin(&format!("numbering {split}"), Some(report.lines as u64));
    let mut flush = |block: &mut Vec<(String, String)>, end: usize| -> Result<(), DataError> {
        let start = end - block.len();
        for (index, pair) in encoder.encode(block).into_iter().enumerate() {
            if let Some((source, target)) = fit(config, pair, start + index + 1, report) {
                source.iter().chain(&target).for_each(|&id| counts[id as usize] += 1);
                writer.push(&source, &target)?;
            }
        }
        block.clear();
        progress.advance(end as u64);
        Ok(())
    };
    let (source, target) = (side_path(folder, &split, "source"), side_path(folder, &split, "target"));
    let lines = read_pairs(&source, &target, LineRules::default(), |line, pair| {
        block.push(pair?);
        if block.len() == BLOCK {
            flush(&mut block, line)?;
        }
        Ok(())
    })?;
    flush(&mut block, lines)?;
    progress.end();
    writer.finish()?;
    Ok(counts)
}

/// Holds a pair to the limits on length: outside of train it is cut; in train it is left out, or its source is cut where
/// the section says so. All is counted.
fn fit(
    config: &DataConfig,
    (mut source, mut target): (Vec<u32>, Vec<u32>),
    line: usize,
    report: &mut SplitReport,
) -> Option<(Vec<u32>, Vec<u32>)> {
    let in_train = report.name == "train";
    let lengths = format!("{} source and {} target tokens", source.len(), target.len());
    let refusal = refusal(config, source.len() - 1, target.len() - 1);
    let (count, rule, fate) = match refusal {
        Some(Refusal::TooLong) => {
            let fate = if in_train { "left out" } else { "cut" };
            let most = format!("at most {} and {}", config.max_source_tokens, config.max_target_tokens);
            (Some(&mut report.too_long), most, fate)
        }
        Some(Refusal::TooShort) if in_train => (
            Some(&mut report.too_short),
            format!("at least {} and </s>", config.min_tokens),
            "left out",
        ),
        Some(Refusal::Unbalanced) if in_train => {
            let ratio = config.max_ratio.unwrap_or_default();
            (
                Some(&mut report.unbalanced),
                format!("at most {ratio} times as many"),
                "left out",
            )
        }
        _ => (None, String::new(), ""),
    };
    if let Some(count) = count {
        *count += 1;
        if *count == 1 {
            let name = &report.name;
            report
                .examples
                .push(format!("`{name}.source.txt` line {line}: {lengths}, {rule}: {fate}"));
        }
        if in_train {
            return None;
        }
    }
    if refusal.is_none() && is_long(config, source.len() - 1) {
        report.cut += 1;
        if report.cut == 1 {
            let (name, most) = (&report.name, config.max_source_tokens);
            report.examples.push(format!(
                "`{name}.source.txt` line {line}: {lengths}, the source at most {most}: cut"
            ));
        }
    }
    if config.is_one_sided() {
        source.clear();
    } else {
        for (side, most) in [
            (&mut source, config.max_source_tokens),
            (&mut target, config.max_target_tokens),
        ] {
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

fn write_manifest(
    config: &DataConfig,
    inputs: &Inputs,
    codes: Option<&Found>,
    folder: &Path,
    splits: Vec<SplitReport>,
    vocabularies: &Vocabularies,
) -> Result<(), DataError> {
    let texts = SPLITS
        .iter()
        .flat_map(|split| ["source.txt", "target.txt", "pairs"].map(|end| format!("{split}.{end}")));
    let models = ["tokeniser.model", "vocabulary.source.txt", "vocabulary.target.txt"].map(str::to_owned);
    let outputs = models.into_iter().chain(texts).map(|name| {
        let path = folder.join(&name);
        std::fs::File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(DataError::io(&path))?;
        let (size, sha256) = hash_file(&path)?;
        Ok(Input { name, size, sha256 })
    });
    let of_found = |file: &Found| Input {
        name: file.name.clone(),
        size: file.size,
        sha256: file.sha256.clone(),
    };
    let manifest = Manifest {
        version: VERSION,
        config: serde_json::to_value(config).unwrap_or_default(),
        inputs: match inputs {
            Inputs::Files(files) => files.iter().flatten().chain(codes).map(of_found).collect(),
            Inputs::Grammar(_) => codes.into_iter().map(of_found).collect(),
        },
        splits,
        source_vocabulary: vocabularies.source.len(),
        target_vocabulary: vocabularies.target.len(),
        outputs: outputs.collect::<Result<_, DataError>>()?,
    };
    manifest.write(folder)
}
