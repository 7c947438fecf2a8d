//! IEEE half-precision numbers, as which small tensors and centroids are stored.

/// The nearest half-precision number, ties to even; beyond the largest one, infinity.
pub(super) fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude >= 0x7f80_0000 {
        // Infinity, and a quiet "no number".
        return sign | 0x7c00 | u16::from(magnitude > 0x7f80_0000) << 9;
    }
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    if magnitude >= 0x3880_0000 {
        // Normal: 13 bits of the fraction go. A carry runs into the exponent, as it should.
        let rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
        return sign | ((rounded - 0x3800_0000) >> 13) as u16;
    }
    // Multiples of 2^-24.
    let scaled = f32::from_bits(magnitude) * 2f32.powi(24);
    sign | scaled.round_ties_even() as u16
}

/// The value of a half-precision number.
pub(super) fn from_half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        0 => f32::from_bits((fraction as f32 * 2f32.powi(-24)).to_bits() | sign),
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back() {
        for bits in 0..=u16::MAX {
            let value = from_half(bits);
            if value.is_nan() {
                assert!(from_half(to_half(value)).is_nan());
            } else {
                assert_eq!(to_half(value), bits, "{value}");
            }
        }
    }

    #[test]
    fn the_nearest_is_taken() {
        for (value, nearest) in [
            (1.0 + 2f32.powi(-11), 1.0),
            (1.0 + 3.0 * 2f32.powi(-11), 1.0 + 2f32.powi(-9)),
            (65519.9, 65504.0),
            (65520.0, f32::INFINITY),
            (2f32.powi(-25), 0.0),
            (2f32.powi(-25) * 1.01, 2f32.powi(-24)),
            (-1e-30, -0.0),
        ] {
            assert_eq!(from_half(to_half(value)).to_bits(), nearest.to_bits(), "{value}");
        }
    }
}
