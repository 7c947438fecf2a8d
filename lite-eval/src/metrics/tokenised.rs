//! BLEU over white-space tokens, as fairseq's `score.py` computes it: the paper's BLEU.
//!
//! No smoothing, one reference, `<unk>` in the reference matches nothing.

use std::fmt;
use std::ops::AddAssign;

use rustc_hash::FxHashMap;

/// The longest n-gram that is counted.
pub const MAX_ORDER: usize = 4;

/// What BLEU is computed from; sums over sentences give the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// N-grams of the hypothesis that the reference has too, for n = 1 to 4.
    pub matches: [u64; MAX_ORDER],
    /// N-grams of the hypothesis.
    pub totals: [u64; MAX_ORDER],
    /// Tokens of the hypothesis.
    pub hypothesis_length: u64,
    /// Tokens of the reference.
    pub reference_length: u64,
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        for n in 0..MAX_ORDER {
            self.matches[n] += other.matches[n];
            self.totals[n] += other.totals[n];
        }
        self.hypothesis_length += other.hypothesis_length;
        self.reference_length += other.reference_length;
    }
}

/// Numbers of a line in [`Statistics::numbers`].
pub(super) const WIDTH: usize = 2 * MAX_ORDER + 2;

impl Statistics {
    /// Matches, totals and the two lengths in a row.
    pub(super) fn numbers(&self) -> [f64; WIDTH] {
        let lengths = [self.hypothesis_length, self.reference_length];
        let mut numbers = self.matches.into_iter().chain(self.totals).chain(lengths);
        std::array::from_fn(|_| numbers.next().unwrap_or_default() as f64)
    }

    /// The same from sums of such rows.
    pub(super) fn from_numbers(numbers: &[f64]) -> Self {
        Self {
            matches: std::array::from_fn(|n| numbers[n] as u64),
            totals: std::array::from_fn(|n| numbers[MAX_ORDER + n] as u64),
            hypothesis_length: numbers[2 * MAX_ORDER] as u64,
            reference_length: numbers[2 * MAX_ORDER + 1] as u64,
        }
    }
}

/// BLEU with the parts that it is made of. Its `Display` is `score.py`'s line.
#[derive(Debug, Clone, PartialEq)]
pub struct Bleu {
    /// The score, of 100.
    pub value: f64,
    /// Precision of each order up to the one asked for, of 1.
    pub precisions: Vec<f64>,
    /// The brevity penalty.
    pub brevity: f64,
    /// Tokens of the hypotheses.
    pub hypothesis_length: u64,
    /// Tokens of the references.
    pub reference_length: u64,
}

impl fmt::Display for Bleu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precisions: Vec<String> = self.precisions.iter().map(|p| format!("{:.1}", p * 100.0)).collect();
        write!(
            f,
            "BLEU{} = {:.2}, {} (BP={:.3}, ratio={:.3}, syslen={}, reflen={})",
            self.precisions.len(),
            self.value,
            precisions.join("/"),
            self.brevity,
            self.hypothesis_length as f64 / self.reference_length as f64,
            self.hypothesis_length,
            self.reference_length,
        )
    }
}

impl Statistics {
    /// The score over n-grams up to `order` (1 to 4).
    pub fn bleu(&self, order: usize) -> Bleu {
        assert!(
            (1..=MAX_ORDER).contains(&order),
            "order {order}, but 1 to {MAX_ORDER} are counted"
        );
        let ratio = |a: u64, b: u64| if b > 0 { a as f64 / b as f64 } else { 0.0 };
        let precisions: Vec<f64> = (0..order).map(|n| ratio(self.matches[n], self.totals[n])).collect();
        // A precision of 0 has the logarithm -inf and makes the score 0: no smoothing.
        let log_sum: f64 = precisions.iter().map(|p| p.ln()).sum();
        let brevity = (1.0 - self.reference_length as f64 / self.hypothesis_length as f64)
            .exp()
            .min(1.0);
        Bleu {
            value: brevity * (log_sum / order as f64).exp() * 100.0,
            precisions,
            brevity,
            hypothesis_length: self.hypothesis_length,
            reference_length: self.reference_length,
        }
    }

    /// The score of one sentence, every order above 1 counted as if it had one match more, as `score.py --sentence-bleu`.
    pub fn sentence_bleu(&self, order: usize) -> Bleu {
        let mut smoothed = *self;
        for n in 1..MAX_ORDER {
            smoothed.matches[n] += 1;
            smoothed.totals[n] += 1;
        }
        smoothed.bleu(order)
    }
}

pub(super) fn signature(ignore_case: bool, split_compounds: bool) -> String {
    let case = if ignore_case { "lc" } else { "mixed" };
    let compounds = if split_compounds { "split" } else { "whole" };
    format!("nrefs:1|case:{case}|eff:no|tok:none|smooth:none|compounds:{compounds}|like:fairseq-score.py-0.8")
}

/// The statistics of parallel lines. The caller has made sure that there are as many references as hypotheses.
pub fn corpus(hypotheses: &[String], references: &[String], ignore_case: bool) -> Statistics {
    let mut sum = Statistics::default();
    for statistics in sentences(hypotheses, references, ignore_case) {
        sum += statistics;
    }
    sum
}

/// The statistics of each pair of lines.
pub fn sentences(hypotheses: &[String], references: &[String], ignore_case: bool) -> Vec<Statistics> {
    assert_eq!(
        hypotheses.len(),
        references.len(),
        "hypotheses and references are parallel"
    );
    let mut words = Words::default();
    let pairs = hypotheses.iter().zip(references);
    pairs
        .map(|(hypothesis, reference)| sentence(&mut words, hypothesis, reference, ignore_case))
        .collect()
}

fn sentence(words: &mut Words, hypothesis: &str, reference: &str, ignore_case: bool) -> Statistics {
    let hypothesis = words.encode(hypothesis, ignore_case);
    let reference = words.encode(reference, ignore_case);
    let mut statistics = Statistics {
        hypothesis_length: hypothesis.len() as u64,
        reference_length: reference.len() as u64,
        ..Statistics::default()
    };
    for n in 1..=MAX_ORDER {
        let mut left: FxHashMap<&[u32], u64> = FxHashMap::default();
        for gram in reference.windows(n).filter(|gram| !gram.contains(&UNKNOWN)) {
            *left.entry(gram).or_default() += 1;
        }
        for gram in hypothesis.windows(n) {
            statistics.totals[n - 1] += 1;
            if let Some(count) = left.get_mut(gram).filter(|count| **count > 0) {
                *count -= 1;
                statistics.matches[n - 1] += 1;
            }
        }
    }
    statistics
}

const PAD: u32 = 1;
const END: u32 = 2;
const UNKNOWN: u32 = 3;

/// Numbers for words. `score.py` encodes with a dictionary of its own, in which these four are no ordinary words.
struct Words(FxHashMap<String, u32>);

impl Default for Words {
    fn default() -> Self {
        let special = ["<s>", "<pad>", "</s>", "<unk>"];
        Self(special.into_iter().map(String::from).zip(0..).collect())
    }
}

impl Words {
    fn encode(&mut self, line: &str, ignore_case: bool) -> Vec<u32> {
        let lowered;
        let line = if ignore_case {
            lowered = line.to_lowercase();
            &lowered
        } else {
            line
        };
        let mut ids: Vec<u32> = split_as_python(line).map(|word| self.id(word)).collect();
        ids.push(END);
        // libbleu.cpp trims what pads and ends a line, but leaves one token of an empty line.
        let start = ids.iter().position(|&id| id != PAD).unwrap_or(ids.len());
        ids.drain(..start);
        while ids.len() > 1 && matches!(ids.last(), Some(&(END | PAD))) {
            ids.pop();
        }
        ids
    }

    fn id(&mut self, word: &str) -> u32 {
        if let Some(&id) = self.0.get(word) {
            return id;
        }
        let id = self.0.len() as u32;
        self.0.insert(word.into(), id);
        id
    }
}

/// The words of a line by Python's idea of white space, which has four control characters more than Unicode's property.
pub(super) fn split_as_python(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(hypothesis: &str, reference: &str) -> Statistics {
        corpus(&[hypothesis.into()], &[reference.into()], false)
    }

    #[test]
    fn an_unknown_word_in_the_reference_matches_nothing() {
        assert_eq!(one("a <unk> b", "a <unk> b").matches, [2, 0, 0, 0]);
    }

    #[test]
    fn an_empty_line_counts_one_token() {
        let statistics = one("", "a b");
        assert_eq!((statistics.hypothesis_length, statistics.reference_length), (1, 2));
        assert_eq!(one("", "").bleu(1).value, 100.0);
    }

    #[test]
    fn a_repeated_word_is_clipped() {
        assert_eq!(one("the the the", "the cat").matches[0], 1);
    }

    #[test]
    fn nothing_in_common_is_zero() {
        assert_eq!(one("a b c d", "e f g h").bleu(4).value, 0.0);
    }
}
