//! BPE-dropout (Provilkov, Emelianenko and Voita 2020, arXiv 1910.13267, algorithm 1): each time that a pair is read it is
//! cut anew, and every merge that could be done next is left out with some probability. So a model sees a word in many
//! cuts, and rare pieces more often.
//!
//! Only training is cut so. A drawn cut is a pure function of (seed, epoch, pair), as batches are. It is drawn from the
//! stored pieces, whose letters give the word again: the store needs no text beside it, and an epoch nothing in memory.
//!
//! A joined vocabulary of SentencePiece has every piece that can be drawn. One that is counted on the text, as
//! subword-nmt's is, lacks those that only other cuts have; a word whose draw needs one of them stays as it is stored.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;

use crate::batches::{BatchConfig, generator};
use crate::error::DataError;
use crate::prepare::Prepared;
use crate::tokeniser::Tokeniser;
use crate::vocabulary::{SPECIALS, Vocabulary};

/// A symbol without an id.
const NONE: u32 = u32::MAX;

/// Two symbols that may become one, with their rank: the lowest are merged first, equal ones from left to right.
pub(crate) type Merge = (u32, String, String);

/// What a piece is to those merges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BytePiece {
    /// The symbol that it is.
    pub symbol: String,
    /// The symbols of its characters.
    pub characters: Vec<String>,
    /// A word begins with it.
    pub begins: bool,
    /// A word ends with it.
    pub ends: bool,
}

/// Cuts pairs anew.
#[derive(Debug)]
pub struct BpeDropout {
    probability: f64,
    /// Rank of a merge, and the symbol that it makes.
    merges: FxHashMap<(u32, u32), (u32, u32)>,
    source: Side,
    target: Side,
    most: (usize, usize),
    seed: u64,
}

/// The vocabulary of a side.
#[derive(Debug, Default)]
struct Side {
    /// Of each id the symbols of its characters; none for one that cannot be cut.
    spelling: Vec<Vec<u32>>,
    begins: Vec<bool>,
    ends: Vec<bool>,
    /// Of each symbol its id, or `NONE`.
    ids: Vec<u32>,
}

/// Symbols and their numbers.
#[derive(Default)]
struct Symbols(FxHashMap<String, u32>);

impl Symbols {
    fn number(&mut self, symbol: &str) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(symbol.to_owned()).or_insert(next)
    }
}

impl BpeDropout {
    /// For the training split of a corpus: each merge is left out with `probability`. No drawn side is longer than
    /// `limits` lets it be; it stays as it is stored then.
    ///
    /// An error if the tokeniser has no merges: unigram models, words, lines of pieces, and codes of version 0.1.
    pub fn new(prepared: &Prepared, probability: f64, limits: &BatchConfig, seed: u64) -> Result<Self, DataError> {
        let Some(merges) = prepared.tokeniser.merges() else {
            return Err(DataError::Config {
                message: format!(
                    "BPE-dropout needs a tokeniser with merges, found {}",
                    found(&prepared.tokeniser)
                ),
                hint: "use `tokeniser.kind = \"sentencepiece\"` with `model = \"bpe\"`, or \"subword-nmt\"".into(),
            });
        };
        let mut symbols = Symbols::default();
        let merges = numbered(merges, &mut symbols);
        let mut side = |vocabulary| Side::new(vocabulary, &prepared.tokeniser, &mut symbols);
        Ok(BpeDropout {
            probability,
            merges,
            source: side(&prepared.source_vocabulary),
            target: side(&prepared.target_vocabulary),
            most: (limits.max_source, limits.max_target),
            seed,
        })
    }

    /// The draws of an epoch.
    pub fn epoch(&self, epoch: u64) -> EpochDropout<'_> {
        EpochDropout {
            dropout: self,
            random: generator(b"lite-data bpe dropout", self.seed, epoch),
        }
    }

    fn draw(&self, side: &Side, ids: &[u32], most: usize, random: &mut ChaCha8Rng) -> Vec<u32> {
        let mut drawn = Vec::with_capacity(ids.len() + ids.len() / 2);
        let mut word = Vec::new();
        for ids in ids.chunk_by(|&a, &b| !side.ends[a as usize] && !side.begins[b as usize]) {
            word.clear();
            let can_be_cut = ids.iter().all(|&id| {
                let spelling = &side.spelling[id as usize];
                word.extend(spelling);
                !spelling.is_empty()
            });
            if can_be_cut {
                self.merge(&mut word, random);
            }
            if can_be_cut && word.iter().all(|&symbol| side.ids[symbol as usize] != NONE) {
                drawn.extend(word.iter().map(|&symbol| side.ids[symbol as usize]));
            } else {
                drawn.extend(ids);
            }
        }
        if drawn.len() > most {
            return ids.to_vec();
        }
        drawn
    }

    /// Merges what can be merged and is not left out, the first merge first, until nothing is.
    fn merge(&self, word: &mut Vec<u32>, random: &mut ChaCha8Rng) {
        loop {
            let mut first: Option<(u32, usize, u32)> = None;
            for (place, pair) in word.windows(2).enumerate() {
                let Some(&(rank, made)) = self.merges.get(&(pair[0], pair[1])) else {
                    continue;
                };
                if random.random_bool(self.probability) {
                    continue;
                }
                if first.is_none_or(|(best, ..)| rank < best) {
                    first = Some((rank, place, made));
                }
            }
            let Some((_, place, made)) = first else { return };
            word[place] = made;
            word.remove(place + 1);
        }
    }
}

/// The draws of one epoch: see [`BpeDropout`].
#[derive(Debug, Clone)]
pub struct EpochDropout<'a> {
    dropout: &'a BpeDropout,
    random: ChaCha8Rng,
}

impl EpochDropout<'_> {
    /// The pair in pieces that are drawn, by its number in the store.
    pub fn pair(&self, index: u32, (source, target): (&[u32], &[u32])) -> (Vec<u32>, Vec<u32>) {
        let dropout = self.dropout;
        let mut random = self.random.clone();
        random.set_stream(index.into());
        let source = dropout.draw(&dropout.source, source, dropout.most.0, &mut random);
        let target = dropout.draw(&dropout.target, target, dropout.most.1, &mut random);
        (source, target)
    }
}

impl Side {
    fn new(vocabulary: &Vocabulary, tokeniser: &Tokeniser, symbols: &mut Symbols) -> Self {
        // A special one is a word by itself, and is not cut.
        let n = vocabulary.len();
        let mut side = Side {
            spelling: vec![Vec::new(); n],
            begins: vec![true; n],
            ends: vec![true; n],
            ids: Vec::new(),
        };
        for id in SPECIALS.len()..n {
            let Some(piece) = tokeniser.byte_piece(vocabulary.piece(id as u32)) else {
                continue;
            };
            let symbol = symbols.number(&piece.symbol) as usize;
            side.ids.resize(side.ids.len().max(symbol + 1), NONE);
            side.ids[symbol] = id as u32;
            let characters = piece.characters.iter();
            side.spelling[id] = characters.map(|character| symbols.number(character)).collect();
            side.begins[id] = piece.begins;
            side.ends[id] = piece.ends;
        }
        side.ids.resize(symbols.0.len(), NONE);
        side
    }
}

fn numbered(merges: Vec<Merge>, symbols: &mut Symbols) -> FxHashMap<(u32, u32), (u32, u32)> {
    let mut by_pair = FxHashMap::default();
    for (rank, left, right) in merges {
        let made = symbols.number(&format!("{left}{right}"));
        let pair = (symbols.number(&left), symbols.number(&right));
        // The first of equal merges counts.
        by_pair.entry(pair).or_insert((rank, made));
    }
    by_pair
}

fn found(tokeniser: &Tokeniser) -> &'static str {
    match tokeniser {
        Tokeniser::SentencePiece(_) => "a unigram model",
        Tokeniser::SubwordNmt(_) => "codes of version 0.1",
        Tokeniser::Words => "words",
        Tokeniser::None => "lines that hold pieces already",
    }
}
