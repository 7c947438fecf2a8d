//! How long the pairs of a split are, from histograms: nothing is kept of a single pair.

use std::collections::BTreeMap;

use crate::manifest::{Lengths, Spread};

/// Ratios are counted in steps of this size.
const RATIO_STEP: f64 = 0.01;

/// Counts lengths and ratios of pairs.
#[derive(Default)]
pub struct LengthCounter {
    source: BTreeMap<u64, u64>,
    target: BTreeMap<u64, u64>,
    /// Target by source, in steps.
    ratio: BTreeMap<u64, u64>,
}

impl LengthCounter {
    /// Adds a pair of `source` and `target` tokens, each with its `</s>`, which does not count.
    pub fn add(&mut self, source: usize, target: usize) {
        let (source, target) = (source.saturating_sub(1) as u64, target.saturating_sub(1) as u64);
        *self.source.entry(source).or_default() += 1;
        *self.target.entry(target).or_default() += 1;
        let ratio = (target as f64 / source.max(1) as f64 / RATIO_STEP).round() as u64;
        *self.ratio.entry(ratio).or_default() += 1;
    }

    /// The figures.
    pub fn finish(&self) -> Lengths {
        Lengths {
            source: spread(&self.source, 1.0),
            target: spread(&self.target, 1.0),
            ratio: spread(&self.ratio, RATIO_STEP),
        }
    }
}

fn spread(histogram: &BTreeMap<u64, u64>, step: f64) -> Spread {
    let n: u64 = histogram.values().sum();
    let sum: f64 = histogram
        .iter()
        .map(|(&value, &count)| value as f64 * count as f64)
        .sum();
    let at = |share: f64| {
        let rank = (share * n as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let found = histogram.iter().find(|&(_, count)| {
            below += count;
            below >= rank
        });
        round(found.map_or(0.0, |(&value, _)| value as f64) * step)
    };
    Spread {
        mean: round(sum * step / n.max(1) as f64),
        least: round(histogram.keys().next().map_or(0.0, |&value| value as f64) * step),
        median: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        most: round(histogram.keys().next_back().map_or(0.0, |&value| value as f64) * step),
    }
}

/// To two digits: the manifest is read by people.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_sorted_pairs() {
        let mut counter = LengthCounter::default();
        // Sources of 1 to 100 tokens, targets of twice as many.
        (1..=100).for_each(|n| counter.add(n + 1, 2 * n + 1));
        let lengths = counter.finish();
        let expected = |scale: f64| Spread {
            mean: 50.5 * scale,
            least: scale,
            median: 50.0 * scale,
            p95: 95.0 * scale,
            p99: 99.0 * scale,
            most: 100.0 * scale,
        };
        assert_eq!((lengths.source, lengths.target), (expected(1.0), expected(2.0)));
        assert_eq!(
            (lengths.ratio.least, lengths.ratio.mean, lengths.ratio.most),
            (2.0, 2.0, 2.0)
        );
        assert_eq!(LengthCounter::default().finish().source.most, 0.0);
    }
}
