//! Loops that are compiled for the widest vectors of the machine, and functions that become vectors in them.

/// Defines a function whose body is compiled three times, for AVX-512, for AVX2 and for the target's baseline, and
/// which runs the widest that the processor has. No operation is fused, so all give the same bits.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn plain($($argument: $kind),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn with_avx512($($argument: $kind),*) $(-> $result)? {
                    plain($($argument),*)
                }
                #[target_feature(enable = "avx2")]
                fn with_avx2($($argument: $kind),*) $(-> $result)? {
                    plain($($argument),*)
                }
                if is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the processor has it.
                    return unsafe { with_avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has it.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            plain($($argument),*)
        }
    };
}
pub(crate) use vectorised;

/// Accumulators side by side, so that sums come out the same whatever the width of the vectors.
pub(crate) const LANES: usize = 16;

/// `e^x` for `x <= 0`, within two units in the last place; below -87 it is 0. NaN stays NaN.
///
/// The polynomial of Cephes `expf`: `e^x = 2^n e^r` with `|r| <= ln 2 / 2`. Only operations that compilers turn
/// into vectors, and no fused ones, so that every machine computes the same.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_2e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    p = p * r * r + r + 1.0;
    // The low bits of `shifted` are n.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x < -87.0 { 0.0 } else { p * power }
}

/// The logistic function.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    let small = exp(-x.abs());
    let share = 1.0 / (1.0 + small);
    if x < 0.0 { small * share } else { share }
}

vectorised! {
    /// Each value times its factor.
    #[inline]
    pub(super) fn multiply(output: &mut [f32], factor: &[f32]) {
        for (output, factor) in output.iter_mut().zip(factor) {
            *output *= factor;
        }
    }
}

/// The sum of `f(i)` for `i < n`, in [`LANES`] partial sums.
#[inline(always)]
pub(super) fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut total = [0f32; LANES];
    let whole = n - n % LANES;
    for begin in (0..whole).step_by(LANES) {
        for (lane, total) in total.iter_mut().enumerate() {
            *total += f(begin + lane);
        }
    }
    for i in whole..n {
        total[i - whole] += f(i);
    }
    // Halves onto halves: a fixed order.
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            total[lane] += total[lane + width];
        }
        width /= 2;
    }
    total[0]
}

/// The largest value; `-inf` of none.
#[inline(always)]
pub(super) fn largest(row: &[f32]) -> f32 {
    let mut largest = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            // A comparison, not `max`: it is one instruction.
            largest[lane] = if chunk[lane] > largest[lane] {
                chunk[lane]
            } else {
                largest[lane]
            };
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        largest[lane] = largest[lane].max(*value);
    }
    largest.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Replaces each value by `exp(value - largest)` and returns their sum.
#[inline(always)]
pub(crate) fn exponentials(row: &mut [f32], largest: f32) -> f32 {
    let mut total = [0f32; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - largest);
            total[lane] += chunk[lane];
        }
    }
    for (lane, value) in rest.iter_mut().enumerate() {
        *value = exp(*value - largest);
        total[lane] += *value;
    }
    total.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate_where_softmax_needs_it() {
        let worst = (0..=870_000).map(|i| -(i as f32) * 1e-4).fold(0f64, |worst, x| {
            let exact = f64::from(x).exp();
            worst.max((f64::from(exp(x)) - exact).abs() / exact)
        });
        assert!(worst < 2.4e-7, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_is_accurate_on_both_sides() {
        for i in -200..=200 {
            let x = i as f32 * 0.4;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(sigmoid(x)) - exact).abs() <= 3e-7 * exact.max(1e-30), "{x}");
        }
    }
}
