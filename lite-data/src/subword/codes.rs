//! `apply_bpe.py`: words to pieces by a codes file.

use std::fmt;
use std::path::Path;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::pieces::PieceList;
use super::{END, SEPARATOR};
use crate::bpe_dropout::{BytePiece, Merge};
use crate::error::DataError;

/// Words that a thread remembers at most.
const LARGEST_CACHE: usize = 1 << 19;

/// A symbol that no merge names.
const UNKNOWN: u32 = u32::MAX;

/// How the end of a word is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// By a symbol of its own.
    V0_1,
    /// On the last character.
    V0_2,
}

/// A codes file, ready for use.
pub struct Codes {
    version: Version,
    bytes: Vec<u8>,
    numbers: FxHashMap<String, u32>,
    /// Rank of a merge, and the symbol that it makes.
    merges: FxHashMap<(u32, u32), (u32, u32)>,
    /// From what a symbol was made; used to undo merges.
    parts: FxHashMap<String, (String, String)>,
    vocabulary: Option<FxHashSet<String>>,
}

/// A part of a word: where it stands, and its number.
#[derive(Clone, Copy)]
struct Part {
    symbol: u32,
    start: usize,
    end: usize,
}

impl fmt::Debug for Codes {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter
            .debug_struct("Codes")
            .field("version", &self.version)
            .field("merges", &self.n_merges())
            .finish_non_exhaustive()
    }
}

impl Codes {
    /// Reads a codes file of version 0.1 (without a head) or 0.2; `path` is named in errors.
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, DataError> {
        let wrong = |line: usize, found: String| DataError::Line {
            path: path.to_path_buf(),
            line,
            found,
            in_train: false,
        };
        let text =
            std::str::from_utf8(&bytes).map_err(|error| DataError::damaged(path, format!("no codes file: {error}")))?;
        let (version, body, first_line) = match text.strip_prefix("#version:") {
            None => (Version::V0_1, text, 1),
            Some(rest) => {
                let (number, body) = rest.split_once('\n').unwrap_or((rest, ""));
                let version = match number.trim() {
                    "0.1" => Version::V0_1,
                    "0.2" => Version::V0_2,
                    other => return Err(wrong(1, format!("codes of version {other}, expected 0.1 or 0.2"))),
                };
                (version, body, 2)
            }
        };
        let mut pairs = Vec::new();
        for (index, line) in body.trim_end_matches('\n').split('\n').enumerate() {
            let mut parts = line.trim_matches([' ', '\r']).split(' ');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(first), Some(second), None) if !first.is_empty() => pairs.push((first, second)),
                _ => {
                    return Err(wrong(
                        first_line + index,
                        format!("`{line}`, expected two symbols and a space"),
                    ));
                }
            }
        }
        let mut codes = Codes {
            version,
            bytes: Vec::new(),
            numbers: FxHashMap::default(),
            merges: FxHashMap::default(),
            parts: FxHashMap::default(),
            vocabulary: None,
        };
        codes.add_merges(&pairs);
        codes.bytes = bytes;
        Ok(codes)
    }

    fn add_merges(&mut self, pairs: &[(&str, &str)]) {
        let mut by_last_place: Vec<(&str, &str)> = Vec::new();
        let mut seen: FxHashSet<(&str, &str)> = FxHashSet::default();
        by_last_place.extend(pairs.iter().rev().filter(|pair| seen.insert(**pair)));
        // Of two ways to make a symbol, the earlier is undone.
        for (first, second) in by_last_place {
            let joined = format!("{first}{second}");
            self.parts.insert(joined, (first.to_owned(), second.to_owned()));
        }
        for (rank, (first, second)) in pairs.iter().enumerate() {
            let pair = (self.number(first), self.number(second));
            let joined = self.number(&format!("{first}{second}"));
            // The first of equal merges counts.
            self.merges.entry(pair).or_insert((rank as u32, joined));
        }
    }

    fn number(&mut self, symbol: &str) -> u32 {
        if let Some(&number) = self.numbers.get(symbol) {
            return number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(symbol.to_owned(), number);
        number
    }

    /// Cuts pieces that are not in the list into smaller ones, where that is possible (`--vocabulary`).
    pub fn with_vocabulary(mut self, pieces: &PieceList, threshold: u64) -> Self {
        self.vocabulary = Some(pieces.at_least(threshold));
        self
    }

    /// How many merges there are.
    pub fn n_merges(&self) -> usize {
        self.merges.len()
    }

    /// The file, byte for byte as it was read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The merges. None for version 0.1, where a mark may be merged that stands for no character.
    pub(crate) fn merges(&self) -> Option<Vec<Merge>> {
        if self.version == Version::V0_1 {
            return None;
        }
        let names: FxHashMap<u32, &String> = self.numbers.iter().map(|(name, &number)| (number, name)).collect();
        let merge = |(&(left, right), &(rank, _)): (&(u32, u32), &(u32, u32))| {
            (rank, names[&left].clone(), names[&right].clone())
        };
        Some(self.merges.iter().map(merge).collect())
    }

    /// What a piece with its mark is to the merges of version 0.2.
    pub(crate) fn byte_piece(written: &str) -> Option<BytePiece> {
        let stem = written.strip_suffix(SEPARATOR);
        let ends = stem.is_none();
        let end = if ends { END } else { "" };
        let stem = stem.unwrap_or(written);
        let mut characters: Vec<String> = stem.chars().map(String::from).collect();
        characters.last_mut()?.push_str(end);
        Some(BytePiece {
            symbol: format!("{stem}{end}"),
            characters,
            begins: false,
            ends,
        })
    }

    /// The pieces of a word, without marks.
    fn split(&self, word: &str) -> Vec<String> {
        if word.chars().nth(1).is_none() {
            return vec![word.to_owned()];
        }
        let mut parts = self.characters(word);
        while let Some((best, joined)) = self.best(&parts) {
            merge(&mut parts, best, joined);
        }
        // In version 0.1, the mark may have stayed alone.
        let mut pieces: Vec<String> = parts.iter().map(|part| word[part.start..part.end].to_owned()).collect();
        if pieces.last().is_some_and(String::is_empty) {
            pieces.pop();
        }
        match &self.vocabulary {
            Some(vocabulary) => self.within(vocabulary, pieces),
            None => pieces,
        }
    }

    /// The characters of a word, the end marked.
    fn characters(&self, word: &str) -> Vec<Part> {
        let known = |symbol: &str| self.numbers.get(symbol).copied().unwrap_or(UNKNOWN);
        let mut parts: Vec<Part> = word
            .char_indices()
            .map(|(start, character)| Part {
                symbol: known(character.encode_utf8(&mut [0; 4])),
                start,
                end: start + character.len_utf8(),
            })
            .collect();
        match (self.version, parts.last_mut()) {
            (Version::V0_2, Some(last)) => {
                last.symbol = known(&format!("{}{END}", &word[last.start..]));
            }
            _ => parts.push(Part {
                symbol: known(END),
                start: word.len(),
                end: word.len(),
            }),
        }
        parts
    }

    /// The pair that was learnt first, and what it becomes.
    fn best(&self, parts: &[Part]) -> Option<((u32, u32), u32)> {
        let pairs = parts.windows(2).map(|pair| (pair[0].symbol, pair[1].symbol));
        let ranked = pairs.filter_map(|pair| self.merges.get(&pair).map(|&(rank, joined)| (rank, pair, joined)));
        ranked.min().map(|(_, pair, joined)| (pair, joined))
    }

    /// Undoes merges until each piece is in the vocabulary or a character.
    fn within(&self, vocabulary: &FxHashSet<String>, pieces: Vec<String>) -> Vec<String> {
        let mut output = Vec::new();
        let n = pieces.len();
        for (index, piece) in pieces.into_iter().enumerate() {
            let mut waiting = vec![(piece, index + 1 == n)];
            while let Some((piece, is_last)) = waiting.pop() {
                let (in_list, whole) = if is_last {
                    (vocabulary.contains(&piece), self.parts.get(&format!("{piece}{END}")))
                } else {
                    (
                        vocabulary.contains(&format!("{piece}{SEPARATOR}")),
                        self.parts.get(&piece),
                    )
                };
                match whole {
                    Some((left, right)) if !in_list => {
                        // The right part of a last piece ends with the mark, or is the mark.
                        let right = if is_last { without_end(right) } else { right };
                        waiting.push((right.to_owned(), is_last));
                        waiting.push((left.clone(), false));
                    }
                    _ => output.push(piece),
                }
            }
        }
        output
    }

    /// The pieces of a line: words between spaces, a piece that does not end one marked with `@@`.
    pub fn segment(&self, line: &str) -> Vec<String> {
        let words = line.split(' ').filter(|word| !word.is_empty());
        words.flat_map(|word| marked(self.split(word))).collect()
    }

    /// The lines with their words cut, on all cores, in order. Spaces at the ends of a line stay.
    pub fn apply<S: AsRef<str> + Sync>(&self, lines: &[S]) -> Vec<String> {
        let chunk = lines.len().div_ceil(rayon::current_num_threads()).max(1);
        let parts = lines.par_chunks(chunk).map(|lines| {
            let mut known = FxHashMap::default();
            let cut = |line: &S| self.apply_line(line.as_ref(), &mut known);
            lines.iter().map(cut).collect::<Vec<_>>()
        });
        parts.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn apply_line(&self, line: &str, known: &mut FxHashMap<String, String>) -> String {
        const ENDS: [char; 2] = [' ', '\r'];
        let body = line.trim_start_matches(ENDS);
        let mut output = String::with_capacity(line.len() + line.len() / 2);
        output.push_str(&line[..line.len() - body.len()]);
        let text = body.trim_end_matches(ENDS);
        for (index, word) in text.split(' ').filter(|word| !word.is_empty()).enumerate() {
            if index > 0 {
                output.push(' ');
            }
            if let Some(pieces) = known.get(word) {
                output.push_str(pieces);
                continue;
            }
            let pieces = marked(self.split(word)).join(" ");
            output.push_str(&pieces);
            if known.len() < LARGEST_CACHE {
                known.insert(word.to_owned(), pieces);
            }
        }
        output.push_str(&body[text.len()..]);
        output
    }
}

fn merge(parts: &mut Vec<Part>, pair: (u32, u32), joined: u32) {
    let mut kept = 0;
    let mut at = 0;
    while at < parts.len() {
        let mut part = parts[at];
        at += 1;
        if part.symbol == pair.0
            && let Some(next) = parts.get(at).filter(|next| next.symbol == pair.1)
        {
            part = Part {
                symbol: joined,
                start: part.start,
                end: next.end,
            };
            at += 1;
        }
        parts[kept] = part;
        kept += 1;
    }
    parts.truncate(kept);
}

/// Without its last four characters.
fn without_end(symbol: &str) -> &str {
    let end = symbol.char_indices().rev().nth(END.len() - 1);
    end.map_or("", |(end, _)| &symbol[..end])
}

fn marked(mut pieces: Vec<String>) -> Vec<String> {
    if let Some((_, rest)) = pieces.split_last_mut() {
        rest.iter_mut().for_each(|piece| piece.push_str(SEPARATOR));
    }
    pieces
}
