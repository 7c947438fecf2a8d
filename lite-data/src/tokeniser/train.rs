//! Learning a SentencePiece model: the pieces by the `tokenizers` crate, the file by us.
//!
//! The normaliser of our models is the identity: text is used as it is, but for a space that is put before the first
//! word and for repeated spaces, which count as one. Special ids are fairseq's.

use prost::Message;
use rustc_hash::FxHashMap;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};

use super::proto::{self, ModelProto, NormalizerSpec, Piece, TrainerSpec};
use super::sentence_piece::SPACE;
use crate::config::{SubwordModel, TokeniserConfig};
use crate::error::DataError;
use crate::vocabulary::SPECIALS;
use crate::{BOS, EOS, PAD, UNK};

/// Counts of the words of a corpus: all that training looks at.
#[derive(Debug, Default, Clone)]
pub struct WordCounts {
    words: FxHashMap<String, u64>,
}

impl WordCounts {
    /// Counts the words of one line.
    pub fn add(&mut self, line: &str) {
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            match self.words.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    self.words.insert(word.to_owned(), 1);
                }
            }
        }
    }

    /// Adds the counts of another table.
    pub fn merge(&mut self, mut other: WordCounts) {
        if other.words.len() > self.words.len() {
            std::mem::swap(self, &mut other);
        }
        for (word, count) in other.words {
            *self.words.entry(word).or_default() += count;
        }
    }

    /// How many different words there are.
    pub fn n_words(&self) -> usize {
        self.words.len()
    }

    /// The words and their counts, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.words.iter().map(|(word, &count)| (word.as_str(), count))
    }
}

/// Trains a model and returns the bytes of its `.model` file. The same counts give the same bytes.
pub fn train(words: &WordCounts, config: &TokeniserConfig) -> Result<Vec<u8>, DataError> {
    let alphabet = alphabet(words, config.character_coverage);
    if alphabet.is_empty() {
        return Err(DataError::Tokeniser("there is no text to learn from".into()));
    }
    let room = config.vocabulary_size.saturating_sub(SPECIALS.len());
    if room < alphabet.len() {
        return Err(DataError::Tokeniser(format!(
            "vocabulary_size = {} is too small: {} special pieces and {} characters need a place",
            config.vocabulary_size,
            SPECIALS.len(),
            alphabet.len()
        )));
    }
    let fragments = fragments(words, &alphabet, config.split_by_script);
    let pieces = match config.model {
        SubwordModel::Bpe => train_bpe(fragments, &alphabet, room, config.max_piece_length)?,
        SubwordModel::Unigram => train_unigram(fragments, &alphabet, room, config.max_piece_length)?,
    };
    Ok(model(pieces, config).encode_to_vec())
}

/// The characters that get a piece, the most frequent first, until they cover the wanted share of the text.
fn alphabet(words: &WordCounts, coverage: f64) -> Vec<char> {
    let mut counts: FxHashMap<char, u64> = FxHashMap::default();
    let mut total = 0;
    for (word, count) in &words.words {
        for character in std::iter::once(SPACE).chain(word.chars()) {
            *counts.entry(character).or_default() += count;
            total += count;
        }
    }
    let mut counts: Vec<(char, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|&(character, count)| (std::cmp::Reverse(count), character));
    let mut covered = 0;
    let mut alphabet = Vec::new();
    for (character, count) in counts {
        if coverage < 1.0 && covered as f64 >= coverage * total as f64 {
            break;
        }
        covered += count;
        alphabet.push(character);
    }
    alphabet
}

/// The words with their space in front, cut where no piece may reach over: at characters outside of the alphabet, and
/// between letters and everything else if pieces keep to one script. Sorted, so that training does not depend on the
/// order of a hash map.
fn fragments(words: &WordCounts, alphabet: &[char], split_by_script: bool) -> Vec<(String, u64)> {
    let known: rustc_hash::FxHashSet<char> = alphabet.iter().copied().collect();
    let mut fragments: FxHashMap<String, u64> = FxHashMap::default();
    for (word, &count) in &words.words {
        let mut fragment = String::new();
        let mut last_is_letter = None;
        let mut close = |fragment: &mut String| {
            if !fragment.is_empty() {
                *fragments.entry(std::mem::take(fragment)).or_default() += count;
            }
        };
        for character in std::iter::once(SPACE).chain(word.chars()) {
            let is_letter = (character != SPACE).then(|| character.is_alphabetic());
            if split_by_script && last_is_letter.is_some() && is_letter.is_some() && last_is_letter != is_letter {
                close(&mut fragment);
            }
            last_is_letter = is_letter;
            if known.contains(&character) {
                fragment.push(character);
            } else {
                close(&mut fragment);
            }
        }
        close(&mut fragment);
    }
    let mut fragments: Vec<(String, u64)> = fragments.into_iter().collect();
    fragments.sort_unstable();
    fragments
}

/// Pieces with scores: merges in the order they were found, then the characters, each one below the one before.
/// SentencePiece merges the adjacent pair whose piece scores best, which is the pair that was found first.
fn train_bpe(
    fragments: Vec<(String, u64)>,
    alphabet: &[char],
    room: usize,
    max_piece_length: usize,
) -> Result<Vec<(String, f32)>, DataError> {
    // The trainer counts pairs in 32 bits.
    let symbols: u64 = fragments
        .iter()
        .map(|(word, count)| count * word.chars().count() as u64)
        .sum();
    let scale = symbols.div_ceil(i32::MAX as u64).max(1);
    let counts = fragments
        .into_iter()
        .map(|(word, count)| (word.into(), count.div_ceil(scale)))
        .collect();
    let trainer = BpeTrainer::builder()
        .vocab_size(room)
        .show_progress(false)
        .max_token_length(Some(max_piece_length))
        .build();
    let mut model = BPE::default();
    trainer
        .do_train(&counts, &mut model)
        .map_err(|error| DataError::Tokeniser(error.to_string()))?;
    let mut merges: Vec<(u32, String)> = model
        .get_vocab()
        .into_iter()
        .map(|(piece, id)| (id, piece))
        .filter(|(_, piece)| !is_character(piece))
        .collect();
    merges.sort_unstable();
    let pieces = merges
        .into_iter()
        .map(|(_, piece)| piece)
        .chain(alphabet.iter().map(char::to_string));
    Ok(pieces
        .enumerate()
        .map(|(rank, piece)| (piece, 0.0 - rank as f32))
        .collect())
}

fn train_unigram(
    fragments: Vec<(String, u64)>,
    alphabet: &[char],
    room: usize,
    max_piece_length: usize,
) -> Result<Vec<(String, f32)>, DataError> {
    // The trainer counts in 32 bits.
    let total: u64 = fragments.iter().map(|(_, count)| count).sum();
    let scale = total.div_ceil(u32::MAX as u64 / 2).max(1);
    let sentences = fragments
        .into_iter()
        .map(|(word, count)| (word, count.div_ceil(scale) as u32))
        .collect();
    let trainer = UnigramTrainer::builder()
        .vocab_size(room as u32)
        .show_progress(false)
        .max_piece_length(max_piece_length)
        .build()
        .map_err(|error| DataError::Tokeniser(error.to_string()))?;
    // One thread: with more, sums of floats are added in an order that changes from run to run.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|error| DataError::Tokeniser(error.to_string()))?;
    let mut model = Unigram::default();
    pool.install(|| trainer.do_train(sentences, &mut model))
        .map_err(|error| DataError::Tokeniser(error.to_string()))?;
    let mut pieces: Vec<(String, f64)> = model.iter().filter(|(piece, _)| piece != "<unk>").cloned().collect();
    order_rare_characters(&mut pieces, alphabet);
    pieces.sort_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| a.cmp(b)));
    Ok(pieces.into_iter().map(|(piece, score)| (piece, score as f32)).collect())
}

/// The trainer gives characters that lost their piece the lowest score plus 0.0001 each, in the random order of a hash
/// set. Here they get the same scores in the order of the alphabet.
fn order_rare_characters(pieces: &mut [(String, f64)], alphabet: &[char]) {
    let lowest = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    let step = 0.0001;
    let mut rare: Vec<usize> = (0..pieces.len())
        .filter(|&i| {
            let steps = (pieces[i].1 - lowest) / step;
            is_character(&pieces[i].0) && (steps - steps.round()).abs() < 1e-6 && steps < pieces.len() as f64
        })
        .collect();
    let mut scores: Vec<f64> = rare.iter().map(|&i| pieces[i].1).collect();
    scores.sort_by(|x, y| y.total_cmp(x));
    let rank = |piece: &str| alphabet.iter().position(|character| piece.starts_with(*character));
    rare.sort_by_cached_key(|&i| rank(&pieces[i].0));
    for (i, score) in rare.into_iter().zip(scores) {
        pieces[i].1 = score;
    }
}

fn is_character(piece: &str) -> bool {
    piece.chars().nth(1).is_none()
}

fn model(pieces: Vec<(String, f32)>, config: &TokeniserConfig) -> ModelProto {
    let special = |id: u32, kind| Piece {
        piece: Some(SPECIALS[id as usize].into()),
        score: Some(0.0),
        kind: Some(kind),
    };
    let mut all = vec![
        special(BOS, proto::CONTROL),
        special(PAD, proto::CONTROL),
        special(EOS, proto::CONTROL),
        special(UNK, proto::UNKNOWN),
    ];
    all.extend(pieces.into_iter().map(|(piece, score)| Piece {
        piece: Some(piece),
        score: Some(score),
        kind: Some(proto::NORMAL),
    }));
    let name = |id: u32| Some(SPECIALS[id as usize].to_owned());
    ModelProto {
        trainer_spec: Some(TrainerSpec {
            model_type: Some(match config.model {
                SubwordModel::Bpe => proto::BPE,
                SubwordModel::Unigram => proto::UNIGRAM,
            }),
            vocab_size: Some(all.len() as i32),
            character_coverage: Some(config.character_coverage as f32),
            max_sentencepiece_length: Some(config.max_piece_length as i32),
            split_by_unicode_script: Some(config.split_by_script),
            split_by_whitespace: Some(true),
            unk_id: Some(UNK as i32),
            bos_id: Some(BOS as i32),
            eos_id: Some(EOS as i32),
            pad_id: Some(PAD as i32),
            unk_piece: name(UNK),
            bos_piece: name(BOS),
            eos_piece: name(EOS),
            pad_piece: name(PAD),
            ..TrainerSpec::default()
        }),
        pieces: all,
        normalizer_spec: Some(NormalizerSpec {
            name: Some("identity".into()),
            precompiled_charsmap: None,
            add_dummy_prefix: Some(true),
            remove_extra_whitespaces: Some(true),
            escape_whitespaces: Some(true),
        }),
    }
}
