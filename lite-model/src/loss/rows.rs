//! The loss of rows of logits where they are plain arrays: three passes over each row while it is in the cache.

use rayon::prelude::*;

use crate::kernels::vector::{LANES, exponentials, vectorised};

/// Summed loss and summed negative log-likelihood of rows of `vocabulary` logits. With `with_gradient` the logits
/// are overwritten by the gradient of the summed loss, otherwise by no matter what.
pub(crate) fn label_smoothed_rows(
    logits: &mut [f32],
    vocabulary: usize,
    targets: &[i32],
    smoothing: f64,
    with_gradient: bool,
) -> (f64, f64) {
    let losses: Vec<(f64, f64)> = logits
        .par_chunks_mut(vocabulary)
        .zip(targets)
        .with_min_len(4)
        .map(|(row, &target)| best_row(row, target as usize, smoothing, with_gradient))
        .collect();
    // In order, so that the sum does not depend on the threads.
    losses
        .iter()
        .fold((0.0, 0.0), |(loss, nll), row| (loss + row.0, nll + row.1))
}

vectorised! {
    /// One row with the widest vectors that the machine has; all give the same bits.
    fn best_row(row: &mut [f32], target: usize, smoothing: f64, with_gradient: bool) -> (f64, f64) {
        label_smoothed_row(row, target, smoothing, with_gradient)
    }
}

#[inline(always)]
fn label_smoothed_row(row: &mut [f32], target: usize, smoothing: f64, with_gradient: bool) -> (f64, f64) {
    let n = row.len() as f64;
    let at_target = f64::from(row[target]);
    let (largest, total) = max_and_sum(row);
    let partition = exponentials(row, largest);
    let log_partition = f64::from(partition).ln() + f64::from(largest);
    let nll = log_partition - at_target;
    let smooth = n * log_partition - f64::from(total);
    let uniform = smoothing / n;
    if with_gradient {
        let (scale, uniform) = (partition.recip(), uniform as f32);
        for value in row.iter_mut() {
            *value = *value * scale - uniform;
        }
        row[target] -= (1.0 - smoothing) as f32;
    }
    ((1.0 - smoothing) * nll + uniform * smooth, nll)
}

#[inline(always)]
fn max_and_sum(row: &[f32]) -> (f32, f32) {
    let mut largest = [f32::NEG_INFINITY; LANES];
    let mut total = [0f32; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            // A comparison, not `max`: it is one instruction. A NaN reaches the sum.
            largest[lane] = if chunk[lane] > largest[lane] {
                chunk[lane]
            } else {
                largest[lane]
            };
            total[lane] += chunk[lane];
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        largest[lane] = largest[lane].max(*value);
        total[lane] += value;
    }
    (
        largest.into_iter().fold(f32::NEG_INFINITY, f32::max),
        total.iter().sum(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_gives_the_same_bits() {
        let row: Vec<f32> = (0..1003).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 50.0).collect();
        let (mut wide, mut narrow) = (row.clone(), row);
        let wide_loss = best_row(&mut wide, 17, 0.1, true);
        let narrow_loss = label_smoothed_row(&mut narrow, 17, 0.1, true);
        assert_eq!(wide_loss, narrow_loss);
        assert_eq!(wide, narrow);
    }
}
