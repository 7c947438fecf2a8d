//! chrF2: n-grams of characters, the statistics of each line kept apart so that lines can be resampled.
//!
//! sacrebleu-rs adds the lines up before it lets go of them; `tests/metrics.rs` holds this to the Python package.

use rustc_hash::FxHashMap;
use sacrebleu_rs::Chrf;

use super::tokenised::split_as_python;

/// The longest n-gram.
const ORDER: usize = 6;
/// How much more recall counts than precision, squared.
const BETA_SQUARED: f64 = 4.0;
/// Numbers of a line: hypothesis, reference and matching n-grams of each order.
pub(super) const WIDTH: usize = 3 * ORDER;

pub(super) fn signature(lowercase: bool) -> String {
    let metric = Chrf {
        lowercase,
        ..Chrf::default()
    };
    metric.signature(1)
}

pub(super) fn line(hypothesis: &str, reference: &str, lowercase: bool) -> [f64; WIDTH] {
    let (hypothesis, reference) = (characters(hypothesis, lowercase), characters(reference, lowercase));
    let mut row = [0.0; WIDTH];
    for (n, numbers) in (1..=ORDER).zip(row.chunks_exact_mut(3)) {
        let (left, right) = (hypothesis.windows(n), reference.windows(n));
        // sacreBLEU: an order that the reference has no n-gram of is left out.
        numbers[0] = if right.len() == 0 { 0.0 } else { left.len() as f64 };
        numbers[1] = right.len() as f64;
        let mut counts: FxHashMap<&[char], u32> = FxHashMap::default();
        for gram in right {
            *counts.entry(gram).or_default() += 1;
        }
        for gram in left {
            if let Some(count) = counts.get_mut(gram).filter(|count| **count > 0) {
                *count -= 1;
                numbers[2] += 1.0;
            }
        }
    }
    row
}

fn characters(line: &str, lowercase: bool) -> Vec<char> {
    if lowercase {
        split_as_python(&line.to_lowercase()).flat_map(str::chars).collect()
    } else {
        split_as_python(line).flat_map(str::chars).collect()
    }
}

/// The score of added rows: precision and recall are averaged over the orders that both sides have.
pub(super) fn value(sums: &[f64]) -> f64 {
    let (mut precision, mut recall, mut n_orders) = (0.0, 0.0, 0.0);
    for numbers in sums.chunks_exact(3).filter(|n| n[0] > 0.0 && n[1] > 0.0) {
        precision += numbers[2] / numbers[0];
        recall += numbers[2] / numbers[1];
        n_orders += 1.0;
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (precision / n_orders, recall / n_orders);
    100.0 * (1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
}
