//! Lines to numbers on all cores, in the order of the lines.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::EOS;
use crate::tokeniser::Tokeniser;
use crate::vocabulary::{PieceCounts, Vocabulary, count_pieces};

/// Words that a thread remembers at most.
const LARGEST_CACHE: usize = 1 << 19;

/// Encodes pairs; each thread keeps what it learnt about words.
pub struct PairEncoder<'a> {
    workers: Vec<[LineEncoder<'a>; 2]>,
}

impl<'a> PairEncoder<'a> {
    /// An encoder with as many workers as rayon has threads.
    pub fn new(tokeniser: &'a Tokeniser, vocabularies: [&'a Vocabulary; 2]) -> Self {
        let worker = || vocabularies.map(|vocabulary| LineEncoder::new(tokeniser, vocabulary));
        PairEncoder {
            workers: (0..rayon::current_num_threads()).map(|_| worker()).collect(),
        }
    }

    /// The numbers of each pair, each side with its final `</s>`.
    pub fn encode(&mut self, pairs: &[(String, String)]) -> Vec<(Vec<u32>, Vec<u32>)> {
        let chunk = pairs.len().div_ceil(self.workers.len()).max(1);
        let parts: Vec<Vec<_>> = self
            .workers
            .par_iter_mut()
            .zip(pairs.par_chunks(chunk))
            .map(|([sources, targets], pairs)| {
                pairs
                    .iter()
                    .map(|(source, target)| (sources.encode(source), targets.encode(target)))
                    .collect()
            })
            .collect();
        parts.into_iter().flatten().collect()
    }
}

/// Encodes lines of one side.
pub struct LineEncoder<'a> {
    tokeniser: &'a Tokeniser,
    vocabulary: &'a Vocabulary,
    by_words: bool,
    known: FxHashMap<String, Vec<u32>>,
}

impl<'a> LineEncoder<'a> {
    /// An encoder that has seen nothing yet.
    pub fn new(tokeniser: &'a Tokeniser, vocabulary: &'a Vocabulary) -> Self {
        let looks_up = matches!(tokeniser, Tokeniser::Words | Tokeniser::None);
        let by_words = tokeniser.words_are_independent() && !looks_up;
        LineEncoder {
            tokeniser,
            vocabulary,
            by_words,
            known: FxHashMap::default(),
        }
    }

    /// The numbers of a line, with the final `</s>`.
    pub fn encode(&mut self, line: &str) -> Vec<u32> {
        if !self.by_words {
            return self.vocabulary.encode(&self.tokeniser.encode(line));
        }
        let mut ids = Vec::new();
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            if let Some(word_ids) = self.known.get(word) {
                ids.extend(word_ids);
                continue;
            }
            let pieces = self.tokeniser.encode(word);
            let start = ids.len();
            ids.extend(pieces.iter().map(|piece| self.vocabulary.text_id(piece)));
            if self.known.len() < LARGEST_CACHE {
                self.known.insert(word.to_owned(), ids[start..].to_vec());
            }
        }
        ids.push(EOS);
        ids
    }
}

/// Counts the pieces of lines of one side. Where words are cut one by one, each is cut once, however often it is seen.
pub struct LineCounter<'a> {
    tokeniser: &'a Tokeniser,
    by_words: bool,
    known: FxHashMap<String, usize>,
    /// The pieces of each known word, and how often they are to count.
    cut: Vec<(Vec<String>, u64)>,
    /// The words of the last line.
    line: Vec<usize>,
    /// The pieces of the last line, if its words are not cut one by one.
    pieces: Vec<String>,
    counts: PieceCounts,
}

impl<'a> LineCounter<'a> {
    /// A counter that has seen nothing yet.
    pub fn new(tokeniser: &'a Tokeniser) -> Self {
        LineCounter {
            tokeniser,
            by_words: tokeniser.words_are_independent(),
            known: FxHashMap::default(),
            cut: Vec::new(),
            line: Vec::new(),
            pieces: Vec::new(),
            counts: PieceCounts::default(),
        }
    }

    /// How many pieces a line has.
    pub fn read(&mut self, line: &str) -> usize {
        if !self.by_words {
            self.pieces = self.tokeniser.encode(line);
            return self.pieces.len();
        }
        self.line.clear();
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            let index = self.known.get(word).copied().unwrap_or_else(|| {
                self.cut.push((self.tokeniser.encode(word), 0));
                self.known.insert(word.to_owned(), self.cut.len() - 1);
                self.cut.len() - 1
            });
            self.line.push(index);
        }
        self.line.iter().map(|&word| self.cut[word].0.len()).sum()
    }

    /// Counts the line that was read last.
    pub fn count(&mut self) {
        count_pieces(&mut self.counts, &self.pieces);
        for &word in &self.line {
            self.cut[word].1 += 1;
        }
    }

    /// Adds what was counted.
    pub fn add_to(self, counts: &mut PieceCounts) {
        for (piece, n) in self.counts {
            *counts.entry(piece).or_default() += n;
        }
        for (pieces, n) in self.cut.into_iter().filter(|(_, n)| *n > 0) {
            for piece in pieces {
                *counts.entry(piece).or_default() += n;
            }
        }
    }
}
