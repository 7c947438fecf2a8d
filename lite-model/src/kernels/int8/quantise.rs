//! Floats to integers.
//!
//! AVX2 adds two products of an unsigned and a signed byte to 16 bits, and saturates there. So inputs have at most
//! [`INPUT_STEPS`] and weights at most [`WEIGHT_STEPS`], whose products in pairs just stay within: `2 * 182 * 90` is 32,760 of
//! 32,767. Half a bit of each is lost that way, and a third to two fifths of the instructions saved (against weights that are
//! made 16 bits wide first). Others could have all 8 bits, but a product shall have the same bits on every machine.

/// The greatest magnitude of a weight's integer.
pub(super) const WEIGHT_STEPS: i8 = 90;

/// Steps from the smallest to the greatest input of a row; where both ends are rounded away from each other, there is one more.
pub(super) const INPUT_STEPS: u8 = 181;

const _: () = assert!(2 * (INPUT_STEPS as i32 + 1) * WEIGHT_STEPS as i32 <= i16::MAX as i32);

/// Below this, the reciprocal of a step is not finite; so small a row counts as zero.
const SMALLEST: f32 = 1e-35;

/// Adding 1.5 * 2^23 rounds to the nearest integer, halves to even, and leaves it in the low bits.
const ROUND: f32 = 12_582_912.0;

/// A row of inputs is `scale * (q - zero)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub scale: f32,
    pub zero: u8,
}

/// Quantises the weights of a channel, `scale * q` with `q` in `-WEIGHT_STEPS..=WEIGHT_STEPS`, and returns the scale: NaN if
/// a weight is not finite.
pub(super) fn weights(values: &[f32], quantised: &mut [i8]) -> f32 {
    let Ok([low, high]) = extent(values) else {
        quantised.fill(0);
        return f32::NAN;
    };
    let greatest = high.max(-low);
    if greatest < SMALLEST {
        quantised.fill(0);
        return 0.0;
    }
    let per_step = f32::from(WEIGHT_STEPS) / greatest;
    for (quantised, value) in quantised.iter_mut().zip(values) {
        *quantised = (value * per_step + ROUND).to_bits() as i8;
    }
    greatest / f32::from(WEIGHT_STEPS)
}

/// Quantises the inputs of a row into `quantised`, which may be longer and is filled up with zeros. The scale is NaN if an
/// input is not finite.
#[inline(always)]
pub(super) fn inputs(values: &[f32], quantised: &mut [u8]) -> Step {
    let Ok([low, high]) = extent(values) else {
        quantised.fill(0);
        return Step {
            scale: f32::NAN,
            zero: 0,
        };
    };
    // Each by itself: their difference may be infinite.
    let scale = high / f32::from(INPUT_STEPS) - low / f32::from(INPUT_STEPS);
    if high - low < SMALLEST {
        quantised.fill(0);
        return Step { scale: 0.0, zero: 0 };
    }
    let per_step = scale.recip();
    let zero = (-low * per_step + ROUND).to_bits() as u8;
    for (quantised, value) in quantised.iter_mut().zip(values) {
        *quantised = ((value * per_step + ROUND).to_bits() as u8).wrapping_add(zero);
    }
    quantised[values.len()..].fill(0);
    Step { scale, zero }
}

/// The smallest and the greatest of the values and 0, if all are finite.
#[inline(always)]
fn extent(values: &[f32]) -> Result<[f32; 2], NotFinite> {
    // Floats compare as these integers do, which a compiler turns into vectors; NaN stands at either end.
    let key = |bits: i32| bits ^ (i32::MAX & (bits >> 31));
    let (low, high) = values.iter().fold((0, 0), |(low, high), value| {
        let key = key(value.to_bits() as i32);
        (key.min(low), key.max(high))
    });
    let [low, high] = [low, high].map(|found| f32::from_bits(key(found) as u32));
    match low.is_finite() && high.is_finite() {
        true => Ok([low, high]),
        false => Err(NotFinite),
    }
}

/// A value is infinite or NaN.
struct NotFinite;
