//! Plain loops compiled twice: for the widest instructions that this processor has, and for any.
//!
//! A [`Kernel`] is written once, over [`Arithmetic`]; [`vectorised`] runs the copy that fits. The loops hold no intrinsics:
//! with fused multiply-adds and eight lanes to a register the compiler finds the same instructions as one would by hand
//! (measured: a tile of 6 by 16 runs at nine tenths of the processor's peak).

/// How a product is added up.
pub trait Arithmetic: Copy + 'static {
    /// Whether it is that of a processor with AVX2 and FMA.
    const IS_AVX2: bool = false;

    /// `a * b + c`, rounded once or twice.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// With one rounding, by an instruction of its own. Private: only [`vectorised`] knows whether there is one.
#[derive(Clone, Copy)]
struct Fused;

/// A product and a sum.
#[derive(Clone, Copy)]
struct Plain;

impl Arithmetic for Fused {
    const IS_AVX2: bool = cfg!(target_arch = "x86_64");

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Arithmetic for Plain {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// Loops to be compiled for different processors.
pub trait Kernel {
    /// What they find.
    type Output;

    /// The loops. To be compiled into [`vectorised`], this and all that it calls must be `#[inline(always)]`.
    fn run<A: Arithmetic>(self) -> Self::Output;
}

/// Runs a kernel with the widest instructions there are.
#[inline]
pub fn vectorised<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has both.
            return unsafe { with_avx2(kernel) };
        }
    }
    portable(kernel)
}

/// Runs a kernel with what every processor of this architecture has.
pub fn portable<K: Kernel>(kernel: K) -> K::Output {
    if cfg!(target_arch = "aarch64") {
        kernel.run::<Fused>()
    } else {
        kernel.run::<Plain>()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}

/// Fetches the cache line at `at`, or does nothing where `at` is no memory of ours.
#[inline(always)]
pub fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, for any address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    let _ = at;
}

/// `exp(x)` to two units in the last place, within `exp(-87)` and `exp(88)`; without a branch, so that a loop of it is
/// vectorised.
#[inline(always)]
pub fn exp<A: Arithmetic>(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let x = if x < 88.0 { x } else { 88.0 };
    let shifted = A::mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, so that n * ln 2 is exact enough.
    let r = A::mul_add(n, 2.121_944_4e-4, A::mul_add(n, -0.693_359_4, x));
    let series = A::mul_add(1.0 / 720.0, r, 1.0 / 120.0);
    let series = A::mul_add(series, r, 1.0 / 24.0);
    let series = A::mul_add(series, r, 1.0 / 6.0);
    let series = A::mul_add(series, r, 0.5);
    let series = A::mul_add(A::mul_add(series, r, 1.0), r, 1.0);
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// Numbers that a loop treats alike at a time.
pub const LANES: usize = 8;

/// The sum of the lanes, in pairs.
#[inline(always)]
pub fn sum_lanes(x: [f32; LANES]) -> f32 {
    let half: [f32; 4] = std::array::from_fn(|i| x[i] + x[i + 4]);
    (half[0] + half[2]) + (half[1] + half[3])
}

/// The inner product of two slices of one length.
#[inline(always)]
pub fn dot<A: Arithmetic>(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane = A::mul_add(*a, *b, *lane);
        }
    }
    let rest = a_rest
        .iter()
        .zip(b_rest)
        .fold(0.0, |sum, (a, b)| A::mul_add(*a, *b, sum));
    sum_lanes(lanes) + rest
}

/// [`dot`] by itself.
pub struct Dot<'a>(pub &'a [f32], pub &'a [f32]);

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f32 {
        dot::<A>(self.0, self.1)
    }
}

/// `y += a x`.
#[inline(always)]
pub fn add_scaled<A: Arithmetic>(y: &mut [f32], a: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = A::mul_add(a, *x, *y);
    }
}

/// Softmax in place.
#[inline(always)]
pub fn softmax<A: Arithmetic>(x: &mut [f32]) {
    let largest = x.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    for x in x.iter_mut() {
        *x = exp::<A>(*x - largest);
    }
    let scale = x.iter().sum::<f32>().recip();
    for x in x.iter_mut() {
        *x *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Exp(f32);

    impl Kernel for Exp {
        type Output = f32;

        #[inline(always)]
        fn run<A: Arithmetic>(self) -> f32 {
            exp::<A>(self.0)
        }
    }

    #[test]
    fn exp_is_exact_enough_on_any_processor() {
        for i in -80_000..80_000 {
            let x = i as f32 * 1.05e-3;
            let exact = f64::from(x).exp();
            for found in [vectorised(Exp(x)), portable(Exp(x))] {
                let error = (f64::from(found) - exact).abs() / exact;
                assert!(error < 3e-7, "exp({x}): relative error {error}");
            }
        }
        assert!(vectorised(Exp(f32::NEG_INFINITY)) < 1e-37);
        assert!(vectorised(Exp(1e9)).is_finite());
    }

    struct Softmax<'a>(&'a mut [f32]);

    impl Kernel for Softmax<'_> {
        type Output = ();

        #[inline(always)]
        fn run<A: Arithmetic>(self) {
            softmax::<A>(self.0);
        }
    }

    #[test]
    fn softmax_and_inner_products_equal_their_definitions() {
        for n in [1, 3, 8, 25, 64, 77] {
            let a: Vec<f32> = (0..n).map(|i| (i * 37 % 19) as f32 * 0.3 - 2.0).collect();
            let b: Vec<f32> = (0..n).map(|i| (i * 29 % 23) as f32 * 0.1 - 1.0).collect();
            let expected: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            for found in [vectorised(Dot(&a, &b)), portable(Dot(&a, &b))] {
                assert!((f64::from(found) - expected).abs() < 1e-4, "{n}: {found} {expected}");
            }
            let normaliser: f64 = a.iter().map(|a| f64::from(*a).exp()).sum();
            let mut found = a.clone();
            vectorised(Softmax(&mut found));
            for (found, a) in found.iter().zip(&a) {
                assert!(
                    (f64::from(*found) - f64::from(*a).exp() / normaliser).abs() < 1e-6,
                    "{n}"
                );
            }
        }
    }
}
