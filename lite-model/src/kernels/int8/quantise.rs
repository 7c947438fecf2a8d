//! Floats to integers in -127..=127 and a scale.

/// The greatest magnitude of the integers. -128 is left out, so that a matrix and its negative have the same integers.
const LEVELS: f32 = 127.0;

/// Below this, the reciprocal of a step is not finite; so small a row counts as zero.
const SMALLEST: f32 = 1e-35;

/// Quantises `values` into `quantised`, which may be longer and is filled up with zeros, and returns the scale.
///
/// The scale is not finite if a value is not.
#[inline(always)]
pub(super) fn quantise(values: &[f32], quantised: &mut [i16]) -> f32 {
    // Magnitudes compare as their bits do, and there NaN is the greatest.
    let greatest = values
        .iter()
        .fold(0, |greatest, x| (x.to_bits() & 0x7fff_ffff).max(greatest));
    let greatest = f32::from_bits(greatest);
    if greatest < SMALLEST {
        quantised.fill(0);
        return 0.0;
    }
    let per_step = LEVELS / greatest;
    for (quantised, value) in quantised.iter_mut().zip(values) {
        // Adding 1.5 * 2^23 rounds to the nearest integer, halves to even, and leaves it in the low bits.
        *quantised = (value * per_step + 12_582_912.0).to_bits() as i16;
    }
    quantised[values.len()..].fill(0);
    greatest / LEVELS
}
