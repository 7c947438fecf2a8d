//! Pieces with counts, as `learn_joint_bpe_and_vocab.py --write-vocabulary` and `get_vocab.py` write them.

use std::cmp::Reverse;
use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::DataError;

/// Pieces and how often each was seen, in the order in which they were first seen or read.
#[derive(Debug, Clone, Default)]
pub struct PieceList {
    pieces: Vec<(String, u64)>,
    places: FxHashMap<String, usize>,
}

impl PieceList {
    /// Counts the pieces of a line that is cut already.
    pub fn add(&mut self, line: &str) {
        for piece in line.split(' ').filter(|piece| !piece.is_empty()) {
            self.count(piece, 1);
        }
    }

    fn count(&mut self, piece: &str, n: u64) {
        if let Some(&place) = self.places.get(piece) {
            self.pieces[place].1 += n;
        } else {
            self.places.insert(piece.to_owned(), self.pieces.len());
            self.pieces.push((piece.to_owned(), n));
        }
    }

    /// Reads lines `piece count`; `path` is named in errors.
    pub fn from_text(text: &str, path: &Path) -> Result<Self, DataError> {
        let mut list = PieceList::default();
        for (index, line) in text.lines().enumerate() {
            let (piece, count) = line
                .trim_matches([' ', '\r'])
                .split_once(' ')
                .and_then(|(piece, count)| Some((piece, count.parse().ok()?)))
                .ok_or_else(|| DataError::Line {
                    path: path.to_path_buf(),
                    line: index + 1,
                    found: format!("`{line}`, expected `piece count`"),
                    in_train: false,
                })?;
            list.count(piece, count);
        }
        Ok(list)
    }

    /// Lines `piece count`, the most frequent first.
    pub fn to_text(&self) -> String {
        let mut pieces: Vec<&(String, u64)> = self.pieces.iter().collect();
        pieces.sort_by_key(|(_, count)| Reverse(*count));
        pieces
            .iter()
            .map(|(piece, count)| format!("{piece} {count}\n"))
            .collect()
    }

    /// The pieces that were seen this often or more.
    pub(super) fn at_least(&self, threshold: u64) -> FxHashSet<String> {
        let frequent = self.pieces.iter().filter(|(_, count)| *count >= threshold);
        frequent.map(|(piece, _)| piece.clone()).collect()
    }
}
