//! The best continuations of one sentence's beams, chosen while logits are computed.
//!
//! Logits come in runs, which are looked at while they are in the cache and then forgotten: one pass finds the constant of
//! the log-softmax and the few greatest. Only candidates are turned into log-probabilities.

use lite_model::host::LogitSink;
use lite_model::simd::{Arithmetic, Kernel, LANES, exp, sum_lanes, vectorised};

use super::{EOS, PAD, UNK};
use crate::decode::DecodeConfig;

/// A beam and a token that may follow it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Which of the sentence's beams.
    pub(super) row: usize,
    pub(super) token: u32,
    /// Log-probability of the beam with the token.
    pub(super) score: f32,
}

/// What the rules of the search forbid or tax at one step.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    temperature: f32,
    unk_penalty: f32,
    end: End,
    /// Candidates that are wanted of a sentence.
    n_candidates: usize,
    /// Tokens that must not follow, by row.
    pub(super) banned: Vec<Vec<u32>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Too short yet.
    Forbidden,
    Free,
    /// At the longest length.
    Forced,
}

impl Rules {
    pub(super) fn new(step: usize, max_length: usize, config: &DecodeConfig) -> Self {
        // Where both hold, the reference leaves nothing to choose from; here the longest length wins.
        let end = if step >= max_length {
            End::Forced
        } else if step < config.min_length {
            End::Forbidden
        } else {
            End::Free
        };
        Self {
            temperature: config.temperature,
            unk_penalty: config.unk_penalty,
            end,
            n_candidates: 2 * config.beam,
            banned: Vec::new(),
        }
    }

    fn allows(&self, row: usize, token: u32) -> bool {
        let is_banned = || self.banned.get(row).is_some_and(|banned| banned.contains(&token));
        match token {
            PAD => false,
            EOS => self.end != End::Forbidden,
            _ => self.end != End::Forced && !is_banned(),
        }
    }
}

/// What has been seen of the logits of one step's rows. Several scans may each see some of the tokens.
#[derive(Debug)]
pub struct Scan<'a> {
    rules: &'a Rules,
    rows: Vec<RowScan>,
    scaled: Vec<f32>,
}

#[derive(Debug, Clone)]
struct RowScan {
    runs: Vec<Run>,
    /// The greatest logits of tokens that are allowed, with them; of equals the lower token first.
    best: Vec<(f32, u32)>,
}

/// What a run of logits adds to the softmax's constant.
#[derive(Debug, Clone, Copy)]
struct Run {
    first_token: usize,
    largest: f32,
    /// Of `exp(logit - largest)`.
    sum: f64,
}

impl<'a> Scan<'a> {
    pub(super) fn new(rules: &'a Rules, n_rows: usize) -> Self {
        let row = RowScan {
            runs: Vec::new(),
            best: Vec::with_capacity(rules.n_candidates + 1),
        };
        Self {
            rules,
            rows: vec![row; n_rows],
            scaled: Vec::new(),
        }
    }
}

impl LogitSink for Scan<'_> {
    fn take(&mut self, row: usize, first_token: usize, logits: &[f32]) {
        let logits = if self.rules.temperature == 1.0 {
            logits
        } else {
            self.scaled.clear();
            self.scaled
                .extend(logits.iter().map(|logit| logit / self.rules.temperature));
            &self.scaled
        };
        vectorised(Take {
            rules: self.rules,
            row,
            scan: &mut self.rows[row],
            first_token,
            logits,
        });
    }
}

struct Take<'a> {
    rules: &'a Rules,
    row: usize,
    scan: &'a mut RowScan,
    first_token: usize,
    logits: &'a [f32],
}

impl Kernel for Take<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        const BLOCK: usize = 64;
        let Self { scan, logits, .. } = self;
        let mut largest = f32::NEG_INFINITY;
        for (block, values) in logits.chunks(BLOCK).enumerate() {
            let maximum = maximum(values);
            largest = if maximum > largest { maximum } else { largest };
            // Nearly every block is passed over by its maximum.
            if maximum > scan.threshold(self.rules) {
                let first = self.first_token + block * BLOCK;
                scan.take_block(self.rules, self.row, first as u32, values);
            }
        }
        // A tax on the unknown word may be negative, so that no maximum finds it.
        let unk = (UNK as usize).wrapping_sub(self.first_token);
        if let Some(logit) = logits.get(unk)
            && self.rules.allows(self.row, UNK)
        {
            scan.insert(logit - self.rules.unk_penalty, UNK, self.rules.n_candidates);
        }
        if largest > f32::NEG_INFINITY {
            scan.runs.push(Run {
                first_token: self.first_token,
                largest,
                sum: exp_sum::<A>(logits, largest),
            });
        }
    }
}

impl RowScan {
    /// What a logit must exceed. NaN exceeds nothing, and neither does -inf.
    #[inline(always)]
    fn threshold(&self, rules: &Rules) -> f32 {
        match self.best.get(rules.n_candidates - 1) {
            Some((logit, _)) => *logit,
            None => f32::NEG_INFINITY,
        }
    }

    fn take_block(&mut self, rules: &Rules, row: usize, first_token: u32, logits: &[f32]) {
        for (token, &logit) in (first_token..).zip(logits) {
            if logit > self.threshold(rules) && token != UNK && rules.allows(row, token) {
                self.insert(logit, token, rules.n_candidates);
            }
        }
    }

    fn insert(&mut self, logit: f32, token: u32, n: usize) {
        // There are few, so insertion is the cheapest way to keep them.
        if logit > f32::NEG_INFINITY {
            let is_before = |other: &(f32, u32)| other.0 > logit || (other.0 == logit && other.1 < token);
            self.best.insert(self.best.partition_point(is_before), (logit, token));
            self.best.truncate(n);
        }
    }
}

/// The best continuations of the beams that stand in `rows` and have scored `scores` so far, best first; of equals the
/// earlier beam and the lower token. Impossible ones are left out.
pub(super) fn best_candidates(scans: &[Scan<'_>], first_row: usize, scores: &[f32]) -> Vec<Candidate> {
    let Some(n) = scans.first().map(|scan| scan.rules.n_candidates) else {
        return Vec::new();
    };
    let mut best: Vec<Candidate> = Vec::with_capacity(n + 1);
    let mut runs: Vec<Run> = Vec::new();
    for (row, &before) in scores.iter().enumerate() {
        let parts = || scans.iter().map(|scan| &scan.rows[first_row + row]);
        // In the order of their tokens, whoever has seen them, so that the sum is the same for any number of threads.
        runs.clear();
        runs.extend(parts().flat_map(|part| &part.runs));
        runs.sort_unstable_by_key(|run| run.first_token);
        let largest = runs.iter().map(|run| run.largest).fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = runs
            .iter()
            .map(|run| run.sum * f64::from(run.largest - largest).exp())
            .sum();
        let constant = largest + sum.ln() as f32;
        for &(logit, token) in parts().flat_map(|part| &part.best) {
            let score = logit - constant + before;
            if score > f32::NEG_INFINITY {
                let is_before = |other: &Candidate| {
                    other.score > score || (other.score == score && (other.row, other.token) < (row, token))
                };
                best.insert(best.partition_point(is_before), Candidate { row, token, score });
                best.truncate(n);
            }
        }
    }
    best
}

/// The greatest value; NaNs are passed over.
#[inline(always)]
fn maximum(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 2 * LANES];
    let (chunks, rest) = values.as_chunks::<{ 2 * LANES }>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    lanes
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

/// The sum of `exp(value - maximum)`.
#[inline(always)]
fn exp_sum<A: Arithmetic>(values: &[f32], maximum: f32) -> f64 {
    // Short runs in f32 lanes, then f64, so that a large vocabulary costs no precision.
    let mut sum = 0.0;
    let mut powers = [0f32; 8 * LANES];
    for run in values.chunks(64 * LANES) {
        let (mut lanes, mut last) = ([0f32; LANES], 0.0);
        for values in run.chunks(powers.len()) {
            // A loop by itself: together with the sums, the compiler computes two at a time and not eight.
            for (power, &value) in powers.iter_mut().zip(values) {
                *power = exp::<A>(value - maximum);
            }
            let (chunks, rest) = powers[..values.len()].as_chunks::<LANES>();
            for chunk in chunks {
                for (lane, power) in lanes.iter_mut().zip(chunk) {
                    *lane += power;
                }
            }
            last += rest.iter().sum::<f32>();
        }
        sum += f64::from(sum_lanes(lanes) + last);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(step: usize, config: &DecodeConfig) -> Rules {
        Rules::new(step, 10, config)
    }

    /// Scans rows of logits, cut into runs and among scans as they may come.
    fn scanned<'a>(rules: &'a Rules, rows: &[Vec<f32>], cut: usize) -> Vec<Scan<'a>> {
        let mut scans = vec![Scan::new(rules, rows.len()), Scan::new(rules, rows.len())];
        for (row, logits) in rows.iter().enumerate() {
            let cut = cut.min(logits.len());
            scans[0].take(row, 0, &logits[..cut / 2]);
            scans[0].take(row, cut / 2, &logits[cut / 2..cut]);
            scans[1].take(row, cut, &logits[cut..]);
        }
        scans
    }

    /// In double precision, and by a full sort.
    fn by_definition(rows: &[Vec<f32>], scores: &[f32], temperature: f32, n: usize) -> Vec<(usize, u32, f64)> {
        let mut all = Vec::new();
        for (row, logits) in rows.iter().enumerate() {
            let logits: Vec<f64> = logits.iter().map(|&x| f64::from(x / temperature)).collect();
            let maximum = logits.iter().copied().fold(f64::MIN, f64::max);
            let normaliser = maximum + logits.iter().map(|x| (x - maximum).exp()).sum::<f64>().ln();
            let allowed = (0u32..).zip(&logits).filter(|(token, _)| *token != PAD);
            all.extend(allowed.map(|(token, x)| (row, token, x - normaliser + f64::from(scores[row]))));
        }
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        all.truncate(n);
        all
    }

    proptest! {
        #[test]
        fn candidates_are_those_of_a_full_sort(
            logits in prop::collection::vec(-30f32..30.0, 3 * 150),
            scores in prop::collection::vec(-4f32..0.0, 3),
            beam in 1usize..10,
            temperature in 0.5f32..2.0,
            cut in 0usize..150,
        ) {
            let config = DecodeConfig { beam, temperature, ..DecodeConfig::default() };
            let rows: Vec<Vec<f32>> = logits.chunks(150).map(<[f32]>::to_vec).collect();
            let rules = rules(3, &config);
            let found = best_candidates(&scanned(&rules, &rows, cut), 0, &scores);
            let expected = by_definition(&rows, &scores, temperature, 2 * beam);
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                // Float noise of numbers up to 60; of near ties either may come first.
                prop_assert!((f64::from(found.score) - expected.2).abs() < 2e-5, "{:?} {:?}", found, expected);
            }
        }

        #[test]
        fn the_constant_is_that_of_a_softmax(
            logits in prop::collection::vec(-50f32..50.0, 5..4000),
            cut in 0usize..4000,
        ) {
            let config = DecodeConfig { beam: 1, ..DecodeConfig::default() };
            let rules = rules(3, &config);
            let expected = by_definition(std::slice::from_ref(&logits), &[0.0], 1.0, 1);
            let found = best_candidates(&scanned(&rules, &[logits], cut), 0, &[0.0]);
            prop_assert!((f64::from(found[0].score) - expected[0].2).abs() < 2e-5);
        }
    }

    #[test]
    fn rules_forbid_and_force() {
        let best = |step, config: DecodeConfig| {
            let mut rules = rules(step, &DecodeConfig { beam: 2, ..config });
            rules.banned = vec![vec![5]];
            let logits = vec![0.0, 9.0, 5.0, 4.0, 1.0, 2.0];
            let found = best_candidates(&scanned(&rules, &[logits], 3), 0, &[0.0]);
            found.iter().map(|candidate| candidate.token).collect::<Vec<_>>()
        };
        let config = DecodeConfig::default();
        assert_eq!(
            best(1, config.clone()),
            [EOS, UNK, 4, 0],
            "padding and a banned token are never chosen"
        );
        assert_eq!(best(0, config.clone()), [UNK, 4, 0], "no end before the least length");
        assert_eq!(
            best(10, config.clone()),
            [EOS],
            "nothing but the end at the greatest length"
        );
        let taxed = |unk_penalty| DecodeConfig {
            unk_penalty,
            ..config.clone()
        };
        assert_eq!(best(1, taxed(10.0)), [EOS, 4, 0, UNK], "a taxed unknown word");
        assert_eq!(best(1, taxed(-10.0)), [UNK, EOS, 4, 0], "a subsidised one");
    }

    #[test]
    fn what_is_no_number_is_never_chosen() {
        let config = DecodeConfig::default();
        let rules = rules(1, &config);
        for nothing in [f32::NAN, f32::NEG_INFINITY] {
            let found = best_candidates(&scanned(&rules, &[vec![nothing; 80]], 40), 0, &[0.0]);
            assert_eq!(found, []);
        }
    }

    #[test]
    fn of_equals_the_earlier_beam_and_the_lower_token_come_first() {
        let config = DecodeConfig {
            beam: 3,
            ..DecodeConfig::default()
        };
        let rules = rules(1, &config);
        let rows = vec![vec![0.0; 100]; 2];
        let found = best_candidates(&scanned(&rules, &rows, 50), 0, &[0.0, 0.0]);
        let found: Vec<(usize, u32)> = found.iter().map(|found| (found.row, found.token)).collect();
        assert_eq!(found, [(0, 0), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6)]);
    }
}
