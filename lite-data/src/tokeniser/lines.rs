//! Many lines to pieces, on all cores; words that were cut are remembered.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::Tokeniser;

/// Words that a thread remembers at most.
const LARGEST_CACHE: usize = 1 << 19;

/// Cuts lines, a block at a time.
pub struct LineTokeniser<'a> {
    tokeniser: &'a Tokeniser,
    /// For each thread, what it knows.
    workers: Vec<FxHashMap<String, String>>,
}

impl<'a> LineTokeniser<'a> {
    /// One that has seen nothing yet, for as many threads as rayon has.
    pub fn new(tokeniser: &'a Tokeniser) -> Self {
        LineTokeniser {
            tokeniser,
            workers: vec![FxHashMap::default(); rayon::current_num_threads().max(1)],
        }
    }

    /// The pieces of each line, separated by spaces, in the order of the lines.
    pub fn tokenise<S: AsRef<str> + Sync>(&mut self, lines: &[S]) -> Vec<String> {
        let chunk = lines.len().div_ceil(self.workers.len()).max(1);
        let tokeniser = self.tokeniser;
        let parts = self.workers.par_iter_mut().zip(lines.par_chunks(chunk));
        let parts = parts.map(|(known, lines)| {
            let cut = |line: &S| tokenise(tokeniser, known, line.as_ref());
            lines.iter().map(cut).collect::<Vec<_>>()
        });
        parts.collect::<Vec<_>>().into_iter().flatten().collect()
    }
}

fn tokenise(tokeniser: &Tokeniser, known: &mut FxHashMap<String, String>, line: &str) -> String {
    if !tokeniser.words_are_independent() {
        return tokeniser.encode(line).join(" ");
    }
    let mut output = String::with_capacity(line.len() * 2);
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        if !output.is_empty() {
            output.push(' ');
        }
        if let Some(pieces) = known.get(word) {
            output.push_str(pieces);
            continue;
        }
        let pieces = tokeniser.encode(word).join(" ");
        output.push_str(&pieces);
        if known.len() < LARGEST_CACHE {
            known.insert(word.to_owned(), pieces);
        }
    }
    output
}
