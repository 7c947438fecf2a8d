//! Pieces and their numbers, in the format of fairseq's `dict.txt`: a line `piece count` for each piece after the four
//! special ones, which every vocabulary begins with.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rustc_hash::FxHashMap;

use crate::config::VocabularyConfig;
use crate::error::DataError;
use crate::whole::write_whole;
use crate::{BOS, EOS, PAD, UNK};

/// The special pieces in the order of their ids.
pub const SPECIALS: [&str; 4] = ["<s>", "<pad>", "</s>", "<unk>"];

/// How often each piece was seen.
pub type PieceCounts = FxHashMap<String, u64>;

/// Pieces and their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    pieces: Vec<String>,
    counts: Vec<u64>,
    ids: FxHashMap<String, u32>,
}

impl Vocabulary {
    /// The vocabulary that fairseq-preprocess makes: the most frequent pieces first, equal ones in the order of their
    /// characters, padded with `madeupword0000`.
    pub fn from_counts(counts: &PieceCounts, config: &VocabularyConfig) -> Self {
        let mut sorted: Vec<(&str, u64)> = counts
            .iter()
            .map(|(piece, &count)| (piece.as_str(), count))
            .filter(|(piece, count)| !SPECIALS.contains(piece) && *count >= config.threshold)
            .collect();
        sorted.sort_unstable_by_key(|&(piece, count)| (std::cmp::Reverse(count), piece));
        if let Some(max_words) = config.max_words {
            sorted.truncate(max_words.saturating_sub(SPECIALS.len()));
        }
        let mut vocabulary = Self::empty();
        for (piece, count) in sorted {
            vocabulary.push(piece.to_owned(), count);
        }
        vocabulary.pad(config.padding_factor);
        vocabulary
    }

    /// The vocabulary whose ids are those of a SentencePiece model with fairseq's special ids. `None` if the model has
    /// other special ids.
    pub fn from_pieces<'a>(pieces: impl Iterator<Item = &'a str>, padding_factor: usize) -> Option<Self> {
        let mut vocabulary = Self::empty();
        for (id, piece) in pieces.enumerate() {
            match SPECIALS.get(id) {
                Some(special) if *special != piece => return None,
                Some(_) => {}
                None if vocabulary.ids.contains_key(piece) => return None,
                None => vocabulary.push(piece.to_owned(), 0),
            }
        }
        vocabulary.pad(padding_factor);
        Some(vocabulary)
    }

    /// Sets how often each id was seen.
    pub(crate) fn set_counts(&mut self, counts: &[u64]) {
        for (count, &seen) in self.counts.iter_mut().zip(counts) {
            *count = seen;
        }
    }

    /// Reads a `dict.txt`.
    pub fn load(path: &Path) -> Result<Self, DataError> {
        Self::from_text(&fs::read_to_string(path).map_err(DataError::io(path))?, path)
    }

    /// The same from its text; `path` is named in errors.
    pub fn from_text(text: &str, path: &Path) -> Result<Self, DataError> {
        let mut vocabulary = Self::empty();
        for (number, line) in text.lines().enumerate() {
            let wrong = |found: String| DataError::Line {
                path: path.to_path_buf(),
                line: number + 1,
                found,
                in_train: false,
            };
            let (piece, count) = line
                .rsplit_once(' ')
                .and_then(|(piece, count)| Some((piece, count.parse().ok()?)))
                .ok_or_else(|| wrong(format!("`{line}`, expected `piece count`")))?;
            if vocabulary.ids.contains_key(piece) {
                return Err(wrong(format!("`{piece}` stands in the vocabulary already")));
            }
            vocabulary.push(piece.to_owned(), count);
        }
        Ok(vocabulary)
    }

    /// Writes a `dict.txt`.
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        write_whole(path, self.to_text().as_bytes())
    }

    /// The contents of the `dict.txt`.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (piece, count) in self.pieces.iter().zip(&self.counts).skip(SPECIALS.len()) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{piece} {count}");
        }
        text
    }

    /// How many pieces there are, the special and the padding ones counted.
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary always has its special pieces")]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The number of a piece, `UNK` if it has none.
    pub fn id(&self, piece: &str) -> u32 {
        self.ids.get(piece).copied().unwrap_or(UNK)
    }

    /// The piece of a number, `<unk>` beyond the last one.
    pub fn piece(&self, id: u32) -> &str {
        self.pieces
            .get(id as usize)
            .map_or(SPECIALS[UNK as usize], String::as_str)
    }

    /// How often the piece was seen in training.
    pub fn count(&self, id: u32) -> u64 {
        self.counts.get(id as usize).copied().unwrap_or(0)
    }

    /// The numbers of a line's pieces, with `EOS` at the end. A piece of the text that is called like a special one is
    /// unknown.
    pub fn encode<S: AsRef<str>>(&self, pieces: &[S]) -> Vec<u32> {
        pieces
            .iter()
            .map(|piece| self.text_id(piece.as_ref()))
            .chain([EOS])
            .collect()
    }

    /// The number of a piece that comes from text: never `BOS`, `PAD` or `EOS`.
    pub(crate) fn text_id(&self, piece: &str) -> u32 {
        match self.id(piece) {
            BOS | PAD | EOS => UNK,
            id => id,
        }
    }

    /// The pieces of numbers, without `BOS`, `PAD` and `EOS`.
    pub fn decode(&self, ids: &[u32]) -> Vec<&str> {
        ids.iter()
            .filter(|id| ![BOS, PAD, EOS].contains(id))
            .map(|&id| self.piece(id))
            .collect()
    }

    fn empty() -> Self {
        let mut vocabulary = Vocabulary {
            pieces: Vec::new(),
            counts: Vec::new(),
            ids: FxHashMap::default(),
        };
        for special in SPECIALS {
            vocabulary.push(special.to_owned(), 0);
        }
        vocabulary
    }

    fn push(&mut self, piece: String, count: u64) {
        self.ids.insert(piece.clone(), self.pieces.len() as u32);
        self.pieces.push(piece);
        self.counts.push(count);
    }

    fn pad(&mut self, padding_factor: usize) {
        let mut n = 0;
        while !self.len().is_multiple_of(padding_factor.max(1)) {
            let word = format!("madeupword{n:04}");
            n += 1;
            if !self.ids.contains_key(&word) {
                self.push(word, 0);
            }
        }
    }
}

/// Adds the pieces of a line.
pub fn count_pieces<S: AsRef<str>>(counts: &mut PieceCounts, pieces: &[S]) {
    for piece in pieces {
        match counts.get_mut(piece.as_ref()) {
            Some(count) => *count += 1,
            None => {
                counts.insert(piece.as_ref().to_owned(), 1);
            }
        }
    }
}
