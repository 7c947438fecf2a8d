//! k-means of the weights of one tensor (Han et al. 2016): each becomes the number of a centroid.
//!
//! In one dimension clusters are intervals. With the weights sorted and summed up once, an iteration of Lloyd's algorithm
//! only looks for the ends of the intervals, so it costs next to nothing, and nothing in it is left to chance.

use half::f16;

/// Where k-means begins (Han et al. 2016, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// Evenly between the smallest and the largest weight, so that large ones, which are few, are met well.
    #[default]
    Linear,
    /// At even steps of the weights' cumulative distribution.
    Density,
    /// At weights drawn at random, always the same.
    Forgy,
}

/// Values that weights are replaced by.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    scale: f32,
    halves: Vec<f16>,
    centroids: Vec<f32>,
}

/// Lloyd's algorithm ends when an iteration gains less than this share of the squared error, or after so many.
const LEAST_GAIN: f64 = 1e-5;
const MOST_ITERATIONS: usize = 300;

impl Codebook {
    /// At most `n_centroids` values for `weights`, which must be finite. Fewer where there are fewer different weights, or
    /// where a cluster was left without any.
    pub fn of(weights: &[f32], n_centroids: usize, start: Start) -> Self {
        let mut sorted = weights.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let distinct = distinct(&sorted, n_centroids);
        let means = distinct.unwrap_or_else(|| Sorted::new(&sorted).lloyd(begin(&sorted, n_centroids, start)));
        let mut codebook = Self::new(&means);
        codebook.halves.dedup();
        codebook.centroids.dedup();
        codebook
    }

    /// The values as they are stored: half-precision multiples of the power of two above the largest one.
    pub fn new(values: &[f64]) -> Self {
        let largest = values.iter().fold(0f64, |largest, value| largest.max(value.abs())) as f32;
        let scale = power_above(largest);
        let halves = values
            .iter()
            .map(|value| f16::from_f32((value / f64::from(scale)) as f32));
        Self::stored(scale, halves.collect())
    }

    pub(super) fn stored(scale: f32, halves: Vec<f16>) -> Self {
        let centroids = halves.iter().map(|&half| scale * half.to_f32()).collect();
        Self {
            scale,
            halves,
            centroids,
        }
    }

    pub(super) fn parts(&self) -> (f32, &[f16]) {
        (self.scale, &self.halves)
    }

    /// The values.
    pub fn centroids(&self) -> &[f32] {
        &self.centroids
    }

    /// The nearest centroid of each weight, by its number. Centroids must ascend, as those of [`of`](Self::of) do.
    pub fn codes(&self, weights: &[f32]) -> Vec<u8> {
        let bounds: Vec<f32> = self
            .centroids
            .windows(2)
            .map(|pair| (pair[0] + pair[1]) / 2.0)
            .collect();
        weights
            .iter()
            .map(|&weight| bounds.partition_point(|&bound| bound < weight) as u8)
            .collect()
    }
}

/// The smallest power of two that is larger than a magnitude, as far as floats go.
fn power_above(magnitude: f32) -> f32 {
    const SMALLEST: i32 = -100;
    let exponent = if magnitude > 0.0 {
        magnitude.log2().floor() as i32 + 1
    } else {
        0
    };
    2f32.powi(exponent.clamp(SMALLEST, 127))
}

/// The different values of a sorted list, if there are no more than `most`.
fn distinct(sorted: &[f32], most: usize) -> Option<Vec<f64>> {
    let mut values: Vec<f64> = Vec::new();
    for &value in sorted {
        if values.last() != Some(&f64::from(value)) {
            if values.len() == most {
                return None;
            }
            values.push(value.into());
        }
    }
    if values.is_empty() {
        values.push(0.0);
    }
    Some(values)
}

/// Ascending values to begin with.
fn begin(sorted: &[f32], n_centroids: usize, start: Start) -> Vec<f64> {
    let (n, k) = (sorted.len(), n_centroids);
    let (low, high) = (f64::from(sorted[0]), f64::from(sorted[n - 1]));
    let mut values: Vec<f64> = match start {
        Start::Linear => (0..k)
            .map(|i| low + (high - low) * i as f64 / (k.max(2) - 1) as f64)
            .collect(),
        Start::Density => (0..k).map(|i| sorted[(2 * i + 1) * n / (2 * k)].into()).collect(),
        Start::Forgy => {
            let mut state = 0x2545_f491_4f6c_dd1du64;
            let draw = |_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                f64::from(sorted[(state % n as u64) as usize])
            };
            (0..k).map(draw).collect()
        }
    };
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    values
}

/// Sorted weights with the sums of all before each, and of their squares.
struct Sorted<'a> {
    weights: &'a [f32],
    sums: Vec<[f64; 2]>,
}

impl<'a> Sorted<'a> {
    fn new(weights: &'a [f32]) -> Self {
        let mut sums = Vec::with_capacity(weights.len() + 1);
        let mut sum = [0.0, 0.0];
        sums.push(sum);
        for &weight in weights {
            let weight = f64::from(weight);
            sum = [sum[0] + weight, sum[1] + weight * weight];
            sums.push(sum);
        }
        Self { weights, sums }
    }

    /// Moves each value to the mean of the weights that are nearest to it, until that gains little.
    fn lloyd(&self, mut means: Vec<f64>) -> Vec<f64> {
        let mut error = f64::INFINITY;
        for _ in 0..MOST_ITERATIONS {
            let mut moved = Vec::with_capacity(means.len());
            let mut new_error = 0.0;
            let mut from = 0;
            for (i, mean) in means.iter().enumerate() {
                let to = match means.get(i + 1) {
                    Some(next) => {
                        let bound = (mean + next) / 2.0;
                        from + self.weights[from..].partition_point(|&weight| f64::from(weight) <= bound)
                    }
                    None => self.weights.len(),
                };
                // A value that is nearest to none is dropped.
                if to > from {
                    let n = (to - from) as f64;
                    let [sum, squares] = [0, 1].map(|j| self.sums[to][j] - self.sums[from][j]);
                    moved.push(sum / n);
                    new_error += squares - sum * sum / n;
                }
                from = to;
            }
            means = moved;
            if error - new_error <= LEAST_GAIN * error.min(f64::MAX) {
                break;
            }
            error = new_error;
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Draws;

    fn weights(n: usize) -> Vec<f32> {
        Draws::new(1).normal(n).into_iter().map(|x| 0.035 * x).collect()
    }

    fn error(weights: &[f32], codebook: &Codebook) -> f64 {
        let codes = codebook.codes(weights);
        let squares = weights.iter().zip(codes).map(|(weight, code)| {
            let nearest = codebook
                .centroids()
                .iter()
                .map(|c| (c - weight).abs())
                .fold(f32::MAX, f32::min);
            let distance = (codebook.centroids()[usize::from(code)] - weight).abs();
            assert!(distance <= nearest * 1.001 + 1e-9, "not the nearest");
            f64::from(distance).powi(2)
        });
        (squares.sum::<f64>() / weights.len() as f64).sqrt()
    }

    #[test]
    fn more_centroids_err_less_and_starts_agree() {
        let weights = weights(20_000);
        let spread = error(&weights, &Codebook::new(&[0.0]));
        for start in [Start::Linear, Start::Density, Start::Forgy] {
            let mut before = spread;
            for bits in [1, 2, 3, 4, 6, 8] {
                let codebook = Codebook::of(&weights, 1 << bits, start);
                assert!(codebook.centroids().is_sorted());
                let error = error(&weights, &codebook);
                // The best that many levels can do for a normal distribution is 1.65 (Panter and Dite 1951). With 8 bits the
                // linear start gets to 1.9; the others, which leave the tails to few levels, to 3.0 and 3.6.
                let ratio = error * f64::from(1 << bits) / spread;
                assert!(error < before && ratio < 4.0, "{start:?} {bits}: {ratio:.2}");
                before = error;
            }
        }
    }

    #[test]
    fn few_values_are_kept_exactly() {
        let weights = [0.5, -0.25, 0.5, 1.0, -0.25];
        let codebook = Codebook::of(&weights, 4, Start::Linear);
        assert_eq!(codebook.centroids(), [-0.25, 0.5, 1.0]);
        assert_eq!(codebook.codes(&weights), [1, 0, 1, 2, 0]);
        assert_eq!(Codebook::of(&[], 4, Start::Linear).centroids(), [0.0]);
        assert_eq!(Codebook::of(&[1e-42, 0.0], 4, Start::Linear).centroids(), [0.0]);
    }
}
