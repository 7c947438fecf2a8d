//! Dropout's masks from a counter: an entry depends on the seed and its index alone, so that a backward pass draws the
//! mask anew where a tensor would have kept it.

use super::vector::vectorised;
use crate::dropout::split_mix;

/// Entries that are drawn together.
const GROUP: usize = 16;

/// What is dropped of a tensor, and what the rest is multiplied by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mask {
    /// Of 2^16: the probability is rounded to a multiple of 2^-16.
    threshold: u32,
    kept: f32,
    key: [u32; 2],
}

impl Mask {
    pub(crate) fn new(probability: f64, seed: u64) -> Self {
        let threshold = (probability * 65536.0).round() as u32;
        // Seeds that are close must not make keys that are.
        let seed = split_mix(seed);
        Self {
            threshold,
            kept: (1.0 - f64::from(threshold) / 65536.0).recip() as f32,
            key: [seed as u32, (seed >> 32) as u32],
        }
    }

    /// What a kept entry is multiplied by.
    pub(crate) fn kept(&self) -> f32 {
        self.kept
    }

    /// Writes the mask of the entries from index `first` on: 0 where one is dropped, else [`kept`](Self::kept).
    pub(crate) fn fill(&self, first: usize, mask: &mut [f32]) {
        let before = first % GROUP;
        if before == 0 {
            fill(mask, (first / GROUP) as u32, self.threshold, self.kept, self.key);
        } else {
            let mut aligned = vec![0.0; before + mask.len()];
            self.fill(first - before, &mut aligned);
            mask.copy_from_slice(&aligned[before..]);
        }
    }
}

vectorised! {
    fn fill(mask: &mut [f32], first_group: u32, threshold: u32, kept: f32, key: [u32; 2]) {
        let (groups, rest) = mask.as_chunks_mut::<GROUP>();
        let mut group = first_group;
        for entries in groups {
            draw(entries, group, threshold, kept, key);
            group = group.wrapping_add(1);
        }
        if !rest.is_empty() {
            let mut entries = [0.0; GROUP];
            draw(&mut entries, group, threshold, kept, key);
            rest.copy_from_slice(&entries[..rest.len()]);
        }
    }
}

/// Two entries from 32 bits.
#[inline(always)]
fn draw(entries: &mut [f32; GROUP], group: u32, threshold: u32, kept: f32, key: [u32; 2]) {
    const HALF: usize = GROUP / 2;
    for lane in 0..HALF {
        let bits = mix(group.wrapping_mul(HALF as u32).wrapping_add(lane as u32), key);
        entries[lane] = if bits & 0xffff < threshold { 0.0 } else { kept };
        entries[lane + HALF] = if bits >> 16 < threshold { 0.0 } else { kept };
    }
}

/// The finaliser `lowbias32` (Ellis 2018), keyed before each of its multiplications: two seeds give two functions, not
/// two places in one sequence.
#[inline(always)]
fn mix(counter: u32, key: [u32; 2]) -> u32 {
    let x = counter ^ key[0];
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d) ^ key[1];
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(probability: f64, seed: u64, n_entries: usize) -> Vec<f32> {
        let mut mask = vec![f32::NAN; n_entries];
        Mask::new(probability, seed).fill(0, &mut mask);
        mask
    }

    #[test]
    fn a_mask_drops_its_share_and_keeps_the_mean() {
        for (probability, seed) in [(0.04, 3), (0.3, 0), (0.5, 1 << 32), (0.9, u64::MAX)] {
            let n_entries = 400_000;
            let mask = drawn(probability, seed, n_entries);
            let dropped = mask.iter().filter(|x| **x == 0.0).count() as f64 / n_entries as f64;
            // Five standard deviations of a binomial share.
            let tolerance = 5.0 * (probability * (1.0 - probability) / n_entries as f64).sqrt();
            assert!((dropped - probability).abs() < tolerance, "{probability}: {dropped}");
            let mean = mask.iter().map(|x| f64::from(*x)).sum::<f64>() / n_entries as f64;
            assert!(
                (mean - 1.0).abs() < tolerance / (1.0 - probability) + 1e-4,
                "{probability}: {mean}"
            );
            // No lag of a row's length or less repeats more often than chance has it.
            for lag in [1, 2, 3, 4, 8, 16, 128, 496] {
                let both = mask.windows(lag + 1).filter(|w| w[0] == 0.0 && w[lag] == 0.0).count() as f64;
                let share = both / n_entries as f64;
                assert!(
                    (share - probability * probability).abs() < 6e-3,
                    "{probability} lag {lag}: {share}"
                );
            }
        }
    }

    #[test]
    fn masks_of_neighbouring_seeds_are_unrelated() {
        let n_entries = 100_000;
        for other in [8, 7 + (1 << 32), 6] {
            let (a, b) = (drawn(0.5, 7, n_entries), drawn(0.5, other, n_entries));
            for shift in [0, 1, 8, 16] {
                let equal = a[shift..].iter().zip(&b).filter(|(a, b)| a == b).count() as f64 / n_entries as f64;
                assert!((equal - 0.5).abs() < 0.01, "{other} {shift}: {equal}");
            }
        }
    }

    #[test]
    fn a_part_is_what_it_is_in_the_whole() {
        let whole = drawn(0.3, 5, 300);
        for (first, length) in [(0, 300), (16, 5), (3, 4), (31, 200), (299, 1), (40, 0)] {
            let mut part = vec![f32::NAN; length];
            Mask::new(0.3, 5).fill(first, &mut part);
            assert_eq!(part, whole[first..first + length]);
        }
    }
}
