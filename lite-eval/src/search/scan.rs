//! The best continuations of one sentence's beams, chosen while logits are computed.
//!
//! Logits come in runs, which are looked at while they are in the cache and then forgotten: one pass finds the constant of
//! the log-softmax and the few greatest. Only candidates are turned into log-probabilities.
//!
//! They may be approximations. Then a scan keeps all that can be among the greatest, and what has a hundredth of the
//! probability or more, which decides about the constant; and [`settle`] asks for those again.

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

    /// What a token is chosen by, given its logit.
    #[inline(always)]
    fn taxed(&self, token: u32, logit: f32) -> f32 {
        if token == UNK { logit - self.unk_penalty } else { logit }
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
    /// Tokens that are allowed: those whose logits, as they were given, are the greatest, and whoever comes so near that it
    /// may be one of them. The greatest first, of equals the lower token.
    best: Vec<Found>,
    /// Tokens, allowed or not, that may be probable, where logits are approximations.
    probable: Vec<Found>,
    /// How far a logit may be off.
    error: f32,
    /// All runs so far in one, where logits are approximations.
    so_far: Run,
}

/// The logarithm of the probability that is called probable here.
const PROBABLE: f32 = -4.6;

/// A token that may be chosen.
#[derive(Debug, Clone, Copy)]
struct Found {
    token: u32,
    /// Its logit, as it was given.
    given: f32,
    /// The same to the last digit, once it is settled.
    logit: f32,
}

/// What a run of logits adds to the softmax's constant.
#[derive(Debug, Clone, Copy)]
struct Run {
    first_token: usize,
    largest: f32,
    /// Of `exp(logit - largest)`.
    sum: f64,
}

impl Run {
    #[inline(always)]
    fn add<A: Arithmetic>(&mut self, other: &Self) {
        if other.largest > self.largest {
            self.sum *= f64::from(exp::<A>(self.largest - other.largest));
            self.sum += other.sum;
            self.largest = other.largest;
        } else {
            self.sum += other.sum * f64::from(exp::<A>(other.largest - self.largest));
        }
    }

    /// What the constant of this and of whatever else there is exceeds: cheaper than a logarithm, and less by one bit at most.
    #[inline(always)]
    fn least_constant(&self) -> f32 {
        let exponent = (self.sum.to_bits() >> 52) as i32 - 1023;
        // What floats round shall be on the safe side too.
        self.largest + exponent as f32 * std::f32::consts::LN_2 - 1e-3
    }
}

impl<'a> Scan<'a> {
    pub(super) fn new(rules: &'a Rules, n_rows: usize) -> Self {
        let row = RowScan {
            runs: Vec::new(),
            best: Vec::with_capacity(rules.n_candidates + 1),
            probable: Vec::new(),
            error: 0.0,
            so_far: Run {
                first_token: 0,
                largest: f32::NEG_INFINITY,
                sum: 0.0,
            },
        };
        Self {
            rules,
            rows: vec![row; n_rows],
            scaled: Vec::new(),
        }
    }
}

impl LogitSink for Scan<'_> {
    fn take(&mut self, row: usize, first_token: usize, logits: &[f32], error: f32) {
        self.rows[row].error = error / self.rules.temperature;
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
            scan.insert(*logit, UNK, self.rules);
        }
        if largest > f32::NEG_INFINITY {
            let run = Run {
                first_token: self.first_token,
                largest,
                sum: exp_sum::<A>(logits, largest),
            };
            scan.runs.push(run);
            if scan.error > 0.0 {
                scan.so_far.add::<A>(&run);
                scan.take_probable(&run, logits);
            }
        }
    }
}

impl RowScan {
    /// What a logit must exceed. NaN exceeds nothing, and neither does -inf.
    #[inline(always)]
    fn threshold(&self, rules: &Rules) -> f32 {
        match self.best.get(rules.n_candidates - 1) {
            Some(last) => rules.taxed(last.token, last.given) - 2.0 * self.error,
            None => f32::NEG_INFINITY,
        }
    }

    fn take_block(&mut self, rules: &Rules, row: usize, first_token: u32, logits: &[f32]) {
        let mut threshold = self.threshold(rules);
        for (token, &logit) in (first_token..).zip(logits) {
            if logit > threshold && token != UNK && rules.allows(row, token) {
                self.insert(logit, token, rules);
                threshold = self.threshold(rules);
            }
        }
    }

    /// Keeps what may be probable of a run.
    #[inline(always)]
    fn take_probable(&mut self, run: &Run, logits: &[f32]) {
        let probable = self.so_far.least_constant() + PROBABLE;
        // Most runs have nothing of the kind.
        if run.largest > probable {
            let found = (run.first_token as u32..)
                .zip(logits)
                .filter(|found| *found.1 > probable);
            self.probable
                .extend(found.map(|(token, logit)| Found::new(token, *logit)));
        }
    }

    fn insert(&mut self, given: f32, token: u32, rules: &Rules) {
        let rank = rules.taxed(token, given);
        // There are few, so insertion is the cheapest way to keep them.
        if rank > f32::NEG_INFINITY {
            let is_before = |other: &Found| {
                let other_rank = rules.taxed(other.token, other.given);
                other_rank > rank || (other_rank == rank && other.token < token)
            };
            let place = self.best.partition_point(is_before);
            self.best.insert(place, Found::new(token, given));
            let threshold = self.threshold(rules);
            let is_above = |found: &Found| rules.taxed(found.token, found.given) > threshold;
            let n_above = self.best.partition_point(is_above);
            self.best.truncate(n_above.max(rules.n_candidates));
        }
    }
}

impl Found {
    fn new(token: u32, given: f32) -> Self {
        Self {
            token,
            given,
            logit: given,
        }
    }
}

/// What all scans have seen of a row, in the order of the tokens, whoever has seen them, so that sums are the same for any
/// number of threads.
fn runs_of(scans: &[Scan<'_>], row: usize, runs: &mut Vec<Run>) {
    runs.clear();
    runs.extend(scans.iter().flat_map(|scan| &scan.rows[row].runs));
    runs.sort_unstable_by_key(|run| run.first_token);
}

/// The greatest logit, and the sum of `exp(logit - largest)`.
fn largest_and_sum(runs: &[Run]) -> (f32, f64) {
    let largest = runs.iter().map(|run| run.largest).fold(f32::NEG_INFINITY, f32::max);
    let power = |logit: f32| f64::from(logit - largest).exp();
    (largest, runs.iter().map(|run| run.sum * power(run.largest)).sum())
}

/// Replaces logits that are approximations, where they may be among the greatest of a row or are probable, by those that
/// `logit(row, token)` gives.
pub(super) fn settle(scans: &mut [Scan<'_>], logit: impl Fn(usize, u32) -> f32) {
    let Some(Scan { rules, rows, .. }) = scans.first() else {
        return;
    };
    let (rules, n_rows) = (*rules, rows.len());
    let (mut ranks, mut runs): (Vec<f32>, Vec<Run>) = (Vec::new(), Vec::new());
    for row in 0..n_rows {
        // A scan that has seen nothing of a row knows nothing of its error.
        let error = scans.iter().map(|scan| scan.rows[row].error).fold(0.0, f32::max);
        if error == 0.0 {
            continue;
        }
        ranks.clear();
        let found = scans.iter().flat_map(|scan| &scan.rows[row].best);
        ranks.extend(found.map(|found| rules.taxed(found.token, found.given)));
        ranks.sort_unstable_by(|a, b| b.total_cmp(a));
        let last = ranks.get(rules.n_candidates - 1);
        let threshold = last.map_or(f32::NEG_INFINITY, |last| last - 2.0 * error);
        runs_of(scans, row, &mut runs);
        let (largest, sum) = largest_and_sum(&runs);
        let constant = largest + sum.ln() as f32;
        for scan in &mut *scans {
            let RowScan { best, probable, .. } = &mut scan.rows[row];
            best.retain(|found| rules.taxed(found.token, found.given) > threshold);
            for found in best.iter_mut() {
                found.logit = logit(row, found.token) / rules.temperature;
            }
            probable.retain(|found| found.given > constant + PROBABLE);
            for found in probable {
                let known = best.iter().find(|known| known.token == found.token);
                found.logit = known.map_or_else(|| logit(row, found.token) / rules.temperature, |known| known.logit);
            }
        }
    }
}

/// The best continuations of the beams that stand in `rows` and have scored `scores` so far, best first; of equals the
/// earlier beam and the lower token. Impossible ones are left out.
pub(super) fn best_candidates(scans: &[Scan<'_>], first_row: usize, scores: &[f32]) -> Vec<Candidate> {
    let Some(rules) = scans.first().map(|scan| scan.rules) else {
        return Vec::new();
    };
    let n = rules.n_candidates;
    let mut best: Vec<Candidate> = Vec::with_capacity(n + 1);
    let (mut runs, mut settled): (Vec<Run>, Vec<Found>) = (Vec::new(), Vec::new());
    for (row, &before) in scores.iter().enumerate() {
        let parts = || scans.iter().map(|scan| &scan.rows[first_row + row]);
        runs_of(scans, first_row + row, &mut runs);
        let (largest, mut sum) = largest_and_sum(&runs);
        let power = |logit: f32| f64::from(logit - largest).exp();
        // Where most of the probability is, there the sum is of what was settled.
        settled.clear();
        settled.extend(parts().flat_map(|part| &part.probable));
        settled.sort_unstable_by_key(|found| found.token);
        let changes = settled.iter().map(|found| power(found.logit) - power(found.given));
        sum += changes.sum::<f64>();
        let constant = largest + sum.ln() as f32;
        for &Found { token, logit, .. } in parts().flat_map(|part| &part.best) {
            let score = rules.taxed(token, logit) - constant + before;
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
mod tests;
