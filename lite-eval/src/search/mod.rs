//! Beam search by the reference's rules (fairseq `sequence_generator.py`), over anything that scores a next token.
//!
//! - [`Stepper`]: what the search asks of a model; [`HostStepper`] asks one on a CPU, [`TensorStepper`] one on any device
//! - [`beam_search`]: a batch of sentences, which leave the batch as they finish
//! - `scan`: the best continuations, chosen while logits are computed
//! - `history`: the tokens behind a beam, shared between beams
//!
//! Two differences from the reference that no score shows: beams of probability zero are dropped rather than carried,
//! and `</s>` is never blocked as a repeated unigram (the reference then has no way to end).

mod history;
mod scan;
mod steppers;

use crate::decode::DecodeConfig;
use history::{History, NodeId};
use scan::{Candidate, Rules, best_candidates};

pub use scan::Scan;
pub use steppers::{HostStepper, Projection, TensorStepper};

pub(crate) const PAD: u32 = 1;
pub(crate) const EOS: u32 = 2;
pub(crate) const UNK: u32 = 3;

/// A finished translation.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Target ids, the final `</s>` included.
    pub tokens: Vec<u32>,
    /// The summed log-probability, divided by the length to the power of the length penalty unless that is turned off.
    pub score: f32,
    /// Log-probability of each token.
    pub token_scores: Vec<f32>,
    /// For each token the source position that cross-attention looked at most, padding not counted.
    pub alignment: Vec<usize>,
}

/// A model with a state for each row of the batch.
pub trait Stepper {
    /// How many scans of the logits a step fills.
    fn n_threads(&self) -> usize {
        1
    }

    /// Scores what follows `tokens`, one a row: gives `scans`, of which there are [`n_threads`](Self::n_threads), the logits
    /// or log-probabilities (they differ by a constant a row) of all tokens, each to one of them, and returns for each row
    /// the source position that was attended to most.
    ///
    /// Row `i` continues row `rows[i]` of the previous call: rows may be reordered, repeated and dropped; those of a
    /// sentence stand together. Before the first call there is one row a sentence.
    fn step(&mut self, tokens: &[u32], rows: &[usize], scans: &mut [Scan<'_>]) -> Vec<usize>;
}

/// An unfinished hypothesis.
#[derive(Debug, Clone, Copy)]
struct Beam {
    node: NodeId,
    score: f32,
}

struct Sentence {
    index: usize,
    history: History,
    beams: Vec<Beam>,
    finished: Vec<Hypothesis>,
}

/// Searches for the best translations of `n_sentences` sentences, each of at most `max_length` tokens and a `</s>`.
///
/// Returns `config.beam` or fewer hypotheses a sentence, best first.
pub fn beam_search(
    stepper: &mut impl Stepper,
    n_sentences: usize,
    max_length: usize,
    config: &DecodeConfig,
) -> Vec<Vec<Hypothesis>> {
    let mut results = vec![Vec::new(); n_sentences];
    let mut active: Vec<Sentence> = (0..n_sentences).map(Sentence::new).collect();
    let mut rows: Vec<usize> = (0..n_sentences).collect();
    for step in 0..=max_length {
        if active.is_empty() {
            break;
        }
        let tokens: Vec<u32> = active.iter().flat_map(Sentence::last_tokens).collect();
        let mut rules = Rules::new(step, max_length, config);
        if config.no_repeat_ngram > 0 {
            rules.banned = active.iter().flat_map(|sentence| sentence.banned(config)).collect();
        }
        let mut scans: Vec<Scan<'_>> = (0..stepper.n_threads())
            .map(|_| Scan::new(&rules, rows.len()))
            .collect();
        let alignment = stepper.step(&tokens, &rows, &mut scans);
        let continued = advance(&mut active, &scans, &alignment, config);
        rows.clear();
        for (sentence, parents) in active.iter_mut().zip(continued) {
            if sentence.is_finished(step, max_length, config.beam) {
                results[sentence.index] = sentence.take_results();
            } else {
                rows.extend(parents);
            }
        }
        active.retain(|sentence| !sentence.beams.is_empty());
    }
    results
}

/// Extends every sentence by one token; for each, the rows that its new beams continue.
fn advance(active: &mut [Sentence], scans: &[Scan<'_>], alignment: &[usize], config: &DecodeConfig) -> Vec<Vec<usize>> {
    let mut first_row = 0;
    let mut continued = Vec::with_capacity(active.len());
    for sentence in active {
        let scores: Vec<f32> = sentence.beams.iter().map(|beam| beam.score).collect();
        let candidates = best_candidates(scans, first_row, &scores);
        sentence.extend(&candidates, &alignment[first_row..], config);
        let parents = sentence.parents(&candidates, config.beam);
        continued.push(parents.map(|row| first_row + row).collect());
        first_row += scores.len();
    }
    continued
}

impl Sentence {
    fn new(index: usize) -> Self {
        // The first step has one beam: the others would be copies of it.
        let beams = vec![Beam {
            node: NodeId::ROOT,
            score: 0.0,
        }];
        Self {
            index,
            history: History::default(),
            beams,
            finished: Vec::new(),
        }
    }

    fn last_tokens(&self) -> impl Iterator<Item = u32> {
        // The reference starts a target with </s>.
        self.beams
            .iter()
            .map(|beam| self.history.last_token(beam.node).unwrap_or(EOS))
    }

    /// Tokens that would repeat a sequence, by beam.
    fn banned(&self, config: &DecodeConfig) -> impl Iterator<Item = Vec<u32>> {
        self.beams.iter().map(|beam| {
            let mut banned = Vec::new();
            self.history
                .repeated_ngrams(beam.node, config.no_repeat_ngram, &mut banned);
            banned
        })
    }

    fn extend(&mut self, candidates: &[Candidate], alignment: &[usize], config: &DecodeConfig) {
        // A </s> counts only among the best `beam` of the `2 * beam` candidates.
        for candidate in candidates
            .iter()
            .take(config.beam)
            .filter(|candidate| candidate.token == EOS)
        {
            if self.finished.len() < config.beam {
                let node = self.push(candidate, alignment);
                self.finished.push(self.history.hypothesis(node, config));
            }
        }
        let open = candidates
            .iter()
            .filter(|candidate| candidate.token != EOS)
            .take(config.beam);
        self.beams = open
            .map(|candidate| Beam {
                node: self.push(candidate, alignment),
                score: candidate.score,
            })
            .collect();
    }

    fn push(&mut self, candidate: &Candidate, alignment: &[usize]) -> NodeId {
        let parent = self.beams[candidate.row].node;
        self.history
            .push(parent, candidate.token, candidate.score, alignment[candidate.row])
    }

    fn parents(&self, candidates: &[Candidate], beam: usize) -> impl Iterator<Item = usize> {
        candidates
            .iter()
            .filter(|candidate| candidate.token != EOS)
            .take(beam)
            .map(|candidate| candidate.row)
    }

    fn is_finished(&self, step: usize, max_length: usize, beam: usize) -> bool {
        self.finished.len() == beam || step == max_length || self.beams.is_empty()
    }

    /// The hypotheses, best first. A model that gives no finite score to any leaves an empty translation of score -inf.
    fn take_results(&mut self) -> Vec<Hypothesis> {
        self.beams.clear();
        if self.finished.is_empty() {
            let (tokens, token_scores, alignment) = (vec![EOS], vec![f32::NEG_INFINITY], vec![0]);
            self.finished.push(Hypothesis {
                tokens,
                score: f32::NEG_INFINITY,
                token_scores,
                alignment,
            });
        }
        let mut finished = std::mem::take(&mut self.finished);
        // Stable, as the reference's sort: of equals the one that was finished first.
        finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        finished
    }
}

#[cfg(test)]
mod tests;
