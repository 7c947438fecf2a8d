//! The best continuations of one sentence's beams: log-softmax and selection in a few passes over rows that stay in cache.

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
#[derive(Debug, Clone, Copy)]
pub(super) struct Constraints {
    temperature: f32,
    unk_penalty: f32,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Too short yet.
    Forbidden,
    Free,
    /// At the longest length.
    Forced,
}

impl Constraints {
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
        }
    }

    fn apply(&self, log_probabilities: &mut [f32], banned: &[u32]) {
        log_probabilities[PAD as usize] = f32::NEG_INFINITY;
        log_probabilities[UNK as usize] -= self.unk_penalty;
        for &token in banned {
            log_probabilities[token as usize] = f32::NEG_INFINITY;
        }
        match self.end {
            End::Free => {}
            End::Forbidden => log_probabilities[EOS as usize] = f32::NEG_INFINITY,
            End::Forced => {
                let end = log_probabilities[EOS as usize];
                log_probabilities.fill(f32::NEG_INFINITY);
                log_probabilities[EOS as usize] = end;
            }
        }
    }
}

/// The best `n` continuations, best first; of equals the earlier beam and the lower token. Impossible ones are left out.
///
/// `logits` holds a row for each beam and is overwritten. `beam(row, banned)` says what a beam has scored so far, and adds
/// the tokens that must not follow it.
pub(super) fn best_candidates(
    logits: &mut [f32],
    vocabulary_size: usize,
    n: usize,
    constraints: &Constraints,
    beam: impl Fn(usize, &mut Vec<u32>) -> f32,
) -> Vec<Candidate> {
    let mut best = Best {
        n,
        candidates: Vec::with_capacity(n + 1),
    };
    let mut banned = Vec::new();
    for (row, logits) in logits.chunks_exact_mut(vocabulary_size).enumerate() {
        banned.clear();
        let score = beam(row, &mut banned);
        log_softmax(logits, constraints.temperature);
        constraints.apply(logits, &banned);
        best.take_row(row, logits, score);
    }
    best.candidates
}

/// At most `n` candidates in order. `n` is small, so insertion is the cheapest way to keep them.
struct Best {
    n: usize,
    candidates: Vec<Candidate>,
}

impl Best {
    const BLOCK: usize = 64;

    fn take_row(&mut self, row: usize, log_probabilities: &[f32], score: f32) {
        for (block, values) in log_probabilities.chunks(Self::BLOCK).enumerate() {
            // Nearly every block is passed over by its maximum.
            if maximum(values) + score <= self.threshold() {
                continue;
            }
            for (i, value) in values.iter().enumerate() {
                if value + score > self.threshold() {
                    let token = (block * Self::BLOCK + i) as u32;
                    self.insert(Candidate {
                        row,
                        token,
                        score: value + score,
                    });
                }
            }
        }
    }

    /// What a candidate must exceed. NaN exceeds nothing, and neither does -inf.
    fn threshold(&self) -> f32 {
        if self.candidates.len() == self.n {
            self.candidates[self.n - 1].score
        } else {
            f32::NEG_INFINITY
        }
    }

    fn insert(&mut self, candidate: Candidate) {
        let place = self.candidates.partition_point(|other| other.score >= candidate.score);
        self.candidates.insert(place, candidate);
        self.candidates.truncate(self.n);
    }
}

fn log_softmax(logits: &mut [f32], temperature: f32) {
    if temperature != 1.0 {
        logits.iter_mut().for_each(|logit| *logit /= temperature);
    }
    let maximum = maximum(logits);
    if maximum == f32::NEG_INFINITY {
        return;
    }
    let constant = maximum + (exp_sum(logits, maximum).ln() as f32);
    logits.iter_mut().for_each(|logit| *logit -= constant);
}

const LANES: usize = 16;

/// The greatest value; NaNs are passed over.
fn maximum(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
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
fn exp_sum(values: &[f32], maximum: f32) -> f64 {
    // Short runs in f32 lanes, then f64, so that a large vocabulary costs no precision.
    values
        .chunks(64 * LANES)
        .map(|run| {
            let mut lanes = [0f32; LANES];
            let (chunks, rest) = run.as_chunks::<LANES>();
            for chunk in chunks {
                for (lane, &value) in lanes.iter_mut().zip(chunk) {
                    *lane += exp_of_negative(value - maximum);
                }
            }
            let rest: f32 = rest.iter().map(|&value| exp_of_negative(value - maximum)).sum();
            f64::from(lanes.iter().sum::<f32>() + rest)
        })
        .sum()
}

/// `exp(x)` for `x <= 0`, to two units in the last place, without a branch so that the compiler vectorises it.
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, so that n * ln 2 is exact enough.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let series = 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = (series * r + 1.0) * r + 1.0;
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn constraints(step: usize, config: DecodeConfig) -> Constraints {
        Constraints::new(step, 10, &config)
    }

    #[test]
    fn exp_is_exact_enough() {
        for i in 0..200_000 {
            let x = -(i as f32) * 4e-4;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp_of_negative(x)) - exact).abs() / exact;
            assert!(error < 3e-7, "exp({x}): relative error {error}");
        }
        assert!(exp_of_negative(f32::NEG_INFINITY) < 1e-37);
    }

    proptest! {
        #[test]
        fn candidates_are_those_of_a_full_sort(
            logits in prop::collection::vec(-8f32..8.0, 3 * 150),
            scores in prop::collection::vec(-4f32..0.0, 3),
            n in 1usize..20,
        ) {
            let mut rows = logits.clone();
            let ours = best_candidates(&mut rows, 150, n, &constraints(3, DecodeConfig::default()), |row, _| scores[row]);
            let mut all: Vec<Candidate> = rows
                .iter()
                .enumerate()
                .map(|(i, value)| Candidate { row: i / 150, token: (i % 150) as u32, score: value + scores[i / 150] })
                .collect();
            all.sort_by(|a, b| b.score.total_cmp(&a.score));
            all.truncate(n);
            prop_assert_eq!(ours, all);
        }

        #[test]
        fn log_softmax_sums_to_one(mut logits in prop::collection::vec(-50f32..50.0, 1..4000), temperature in 0.5f32..2.0) {
            let exact: Vec<f64> = logits.iter().map(|&x| f64::from(x / temperature)).collect();
            let maximum = exact.iter().copied().fold(f64::MIN, f64::max);
            let normaliser = maximum + exact.iter().map(|x| (x - maximum).exp()).sum::<f64>().ln();
            log_softmax(&mut logits, temperature);
            for (ours, exact) in logits.iter().zip(exact) {
                // Float noise of numbers up to 100.
                prop_assert!((f64::from(*ours) - (exact - normaliser)).abs() < 2e-5);
            }
        }
    }

    #[test]
    fn rules_forbid_and_force() {
        let best = |step, config: DecodeConfig| {
            let mut logits = vec![0.0, 9.0, 5.0, 4.0, 1.0, 2.0];
            let found = best_candidates(&mut logits, 6, 3, &constraints(step, config), |_, banned| {
                banned.push(5);
                0.0
            });
            found.iter().map(|candidate| candidate.token).collect::<Vec<_>>()
        };
        let config = DecodeConfig::default();
        assert_eq!(
            best(1, config.clone()),
            [EOS, UNK, 4],
            "padding and a banned token are never chosen"
        );
        assert_eq!(best(0, config.clone()), [UNK, 4, 0], "no end before the least length");
        assert_eq!(
            best(10, config.clone()),
            [EOS],
            "nothing but the end at the greatest length"
        );
        assert_eq!(
            best(
                1,
                DecodeConfig {
                    unk_penalty: 10.0,
                    ..config
                }
            ),
            [EOS, 4, 0],
            "a taxed unknown word"
        );
    }

    #[test]
    fn what_is_no_number_is_never_chosen() {
        let mut logits = vec![f32::NAN; 80];
        let found = best_candidates(&mut logits, 80, 4, &constraints(1, DecodeConfig::default()), |_, _| 0.0);
        assert_eq!(found, []);
    }
}
