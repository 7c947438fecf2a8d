//! The steps of preparation, each reading what the one before has written: text, tokeniser, vocabularies, stores.

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use super::SPLITS;
use super::encode::LineCounter;
use super::inputs::Inputs;
use super::number::{refusal, write_store};
use super::stages::Stages;
use super::stream::{Block, blocks, stream};
use super::survey::{open, survey};
use super::text::{side_path, text_name, write_text};
use crate::config::{DataConfig, TokeniserKind};
use crate::corpus::Pair;
use crate::error::DataError;
use crate::manifest::{Input, Manifest, SplitReport, VERSION};
use crate::progress::Progress;
use crate::sources::{Found, hash_file};
use crate::subword::{LearnConfig, learn};
use crate::tokeniser::{SubwordNmt, Tokeniser, WordCounts, train};
use crate::vocabulary::{PieceCounts, Vocabulary};

/// Prepares everything into `folder`, the manifest last. What an earlier run has finished there is not done again.
pub fn build(
    config: &DataConfig,
    inputs: &Inputs,
    codes: Option<&Found>,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), DataError> {
    let mut stages = Stages::open(folder);
    let mut reports = stages.reports();
    let unpacked = folder.join("unpacked");
    if !stages.has("text") {
        let pairs = inputs.open(&unpacked, progress)?;
        reports = write_text(config, &pairs, folder, progress)?;
        let files = names(
            SPLITS.map(|split| text_name(config, split)),
            ["source.txt", "target.txt"],
        );
        stages.finish("text", &files, &reports)?;
    }
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).map_err(DataError::io(&unpacked))?;
    }
    let path = folder.join("tokeniser.model");
    if !stages.has("tokeniser") {
        let words = survey(config, folder, &mut reports, learns(config, codes), progress)?;
        make_tokeniser(config, &words, codes, &path, progress)?.save(&path)?;
        stages.finish("tokeniser", &["tokeniser.model"], &reports)?;
    }
    let tokeniser = Tokeniser::load(&path)?;
    let mut vocabularies = make_vocabularies(config, &tokeniser, folder, &mut stages, &reports, progress)?;
    for split in 0..SPLITS.len() {
        let report = &mut reports[split];
        let stage = format!("store {}", report.name);
        if stages.has(&stage) {
            continue;
        }
        let [source, target] = [&vocabularies.source, &vocabularies.target];
        let counts = write_store(config, &tokeniser, [source, target], folder, report, progress)?;
        if report.pairs == 0 {
            return Err(DataError::Config {
                message: format!("no pair of the {} split is left of {} lines", report.name, report.lines),
                hint: "look at max_source_tokens, max_target_tokens, min_tokens and max_ratio".into(),
            });
        }
        let mut files = vec![format!("{}.pairs", report.name)];
        if report.as_train {
            files.extend(["source", "target"].map(|side| format!("{}.{side}.txt", report.name)));
        }
        if report.name == "train" && vocabularies.in_model_order {
            vocabularies.add_counts(&counts);
            vocabularies.save(folder)?;
            files.extend(VOCABULARIES.map(str::to_owned));
        }
        stages.finish(&stage, &files, &reports)?;
    }
    write_manifest(config, inputs, codes, folder, reports, &vocabularies, progress)?;
    if config.valid_every.is_some() {
        for side in ["source", "target"] {
            let all = side_path(folder, text_name(config, "valid"), side);
            fs::remove_file(&all).map_err(DataError::io(&all))?;
        }
    }
    stages.remove()
}

const VOCABULARIES: [&str; 2] = ["vocabulary.source.txt", "vocabulary.target.txt"];

fn names<const N: usize>(splits: [&str; 3], ends: [&str; N]) -> Vec<String> {
    let of_split = |split| ends.map(|end| format!("{split}.{end}"));
    splits.into_iter().flat_map(of_split).collect()
}

/// Whether the tokeniser is learnt from the words of train.
fn learns(config: &DataConfig, codes: Option<&Found>) -> bool {
    match config.tokeniser.kind {
        TokeniserKind::Sentencepiece => true,
        TokeniserKind::SubwordNmt => codes.is_none(),
        TokeniserKind::Words | TokeniserKind::None => false,
    }
}

fn make_tokeniser(
    config: &DataConfig,
    words: &WordCounts,
    codes: Option<&Found>,
    path: &Path,
    progress: &dyn Progress,
) -> Result<Tokeniser, DataError> {
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
            let codes = SubwordNmt::new(&codes, language.transpose()?, path)?;
            Tokeniser::SubwordNmt(Box::new(codes))
        }
        TokeniserKind::Sentencepiece => {
            progress.begin("training the tokeniser", None);
            let bytes = train(words, &config.tokeniser)?;
            progress.end();
            let tokeniser = Tokeniser::from_bytes(bytes, path)?;
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

    fn save(&self, folder: &Path) -> Result<(), DataError> {
        self.source.save(&folder.join(VOCABULARIES[0]))?;
        self.target.save(&folder.join(VOCABULARIES[1]))
    }
}

fn make_vocabularies(
    config: &DataConfig,
    tokeniser: &Tokeniser,
    folder: &Path,
    stages: &mut Stages,
    reports: &[SplitReport],
    progress: &dyn Progress,
) -> Result<Vocabularies, DataError> {
    if stages.has("vocabulary") || stages.has("store train") {
        return Ok(Vocabularies {
            source: Vocabulary::load(&folder.join(VOCABULARIES[0]))?,
            target: Vocabulary::load(&folder.join(VOCABULARIES[1]))?,
            in_model_order: false,
        });
    }
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
    let n_counters = rayon::current_num_threads().max(1);
    let mut counters: Vec<_> = (0..n_counters)
        .map(|_| [LineCounter::new(tokeniser), LineCounter::new(tokeniser)])
        .collect();
    let mut reader = open(folder, "train")?;
    progress.begin("counting pieces", reports.first().map(|report| report.lines as u64));
    let mut done = 0;
    stream(
        blocks(move || reader.next_pair()),
        |block: Block<_>| {
            let chunk = block.pairs.len().div_ceil(n_counters).max(1);
            let counted = counters
                .par_iter_mut()
                .zip(block.pairs.par_chunks(chunk))
                .try_for_each(|(sides, pairs)| count(config, sides, pairs));
            (block.pairs.len(), counted)
        },
        |(n, counted)| {
            done += n as u64;
            progress.advance(done);
            counted
        },
    )?;
    progress.end();
    for [source_counter, target_counter] in counters {
        source_counter.add_to(&mut counts[0]);
        target_counter.add_to(&mut counts[target_side]);
    }
    let vocabularies = Vocabularies {
        source: Vocabulary::from_counts(&counts[0], &config.vocabulary),
        target: Vocabulary::from_counts(&counts[target_side], &config.vocabulary),
        in_model_order: false,
    };
    vocabularies.save(folder)?;
    stages.finish("vocabulary", &VOCABULARIES, reports)?;
    Ok(vocabularies)
}

/// Counts the pieces of the pairs that train keeps.
fn count(config: &DataConfig, sides: &mut [LineCounter; 2], pairs: &[Pair]) -> Result<(), DataError> {
    for pair in pairs {
        let (source, target) = pair.as_ref().map_err(|broken| broken.clone())?;
        let lengths = [sides[0].read(source), sides[1].read(target)];
        if refusal(config, lengths[0], lengths[1]).is_none() {
            sides.iter_mut().for_each(LineCounter::count);
        }
    }
    Ok(())
}

fn write_manifest(
    config: &DataConfig,
    inputs: &Inputs,
    codes: Option<&Found>,
    folder: &Path,
    splits: Vec<SplitReport>,
    vocabularies: &Vocabularies,
    progress: &dyn Progress,
) -> Result<(), DataError> {
    let models = ["tokeniser.model", VOCABULARIES[0], VOCABULARIES[1]].map(str::to_owned);
    let texts = names(SPLITS, ["source.txt", "target.txt", "pairs"]);
    let outputs: Vec<String> = models.into_iter().chain(texts).collect();
    progress.begin("hashing the files", None);
    let outputs = outputs.into_par_iter().map(|name| {
        let path = folder.join(&name);
        fs::File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(DataError::io(&path))?;
        let (size, sha256) = hash_file(&path)?;
        Ok(Input { name, size, sha256 })
    });
    let manifest = Manifest {
        version: VERSION,
        config: serde_json::to_value(config).unwrap_or_default(),
        inputs: inputs.found().into_iter().chain(codes.map(Input::from)).collect(),
        splits,
        source_vocabulary: vocabularies.source.len(),
        target_vocabulary: vocabularies.target.len(),
        outputs: outputs.collect::<Result<_, DataError>>()?,
    };
    progress.end();
    manifest.write(folder)
}
