//! Lines to numbers on all cores, in the order of the lines.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::EOS;
use crate::tokeniser::Tokeniser;
use crate::vocabulary::{PieceCounts, Vocabulary};

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

/// Counts the pieces of lines of one side. Where words are cut one by one, frequent ones are cut once.
pub struct LineCounter<'a> {
    tokeniser: &'a Tokeniser,
    by_words: bool,
    known: FxHashMap<String, Box<[u32]>>,
    /// Numbers of pieces in the order in which they were met.
    numbers: FxHashMap<String, u32>,
    counts: Vec<u64>,
    /// The pieces of the last line.
    line: Vec<u32>,
}

impl<'a> LineCounter<'a> {
    /// A counter that has seen nothing yet.
    pub fn new(tokeniser: &'a Tokeniser) -> Self {
        LineCounter {
            tokeniser,
            by_words: tokeniser.words_are_independent(),
            known: FxHashMap::default(),
            numbers: FxHashMap::default(),
            counts: Vec::new(),
            line: Vec::new(),
        }
    }

    /// How many pieces a line has.
    pub fn read(&mut self, line: &str) -> usize {
        self.line.clear();
        if !self.by_words {
            self.cut(line);
            return self.line.len();
        }
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            if let Some(pieces) = self.known.get(word) {
                self.line.extend(pieces);
                continue;
            }
            let start = self.line.len();
            self.cut(word);
            if self.known.len() < LARGEST_CACHE {
                self.known.insert(word.to_owned(), self.line[start..].into());
            }
        }
        self.line.len()
    }

    fn cut(&mut self, text: &str) {
        for piece in self.tokeniser.encode(text) {
            let next = self.counts.len() as u32;
            let number = *self.numbers.entry(piece).or_insert(next);
            if number == next {
                self.counts.push(0);
            }
            self.line.push(number);
        }
    }

    /// Counts the line that was read last.
    pub fn count(&mut self) {
        for &number in &self.line {
            self.counts[number as usize] += 1;
        }
    }

    /// Adds what was counted.
    pub fn add_to(self, counts: &mut PieceCounts) {
        for (piece, number) in self.numbers {
            let n = self.counts[number as usize];
            if n > 0 {
                *counts.entry(piece).or_default() += n;
            }
        }
    }
}
