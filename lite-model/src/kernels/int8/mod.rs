//! Products of a batch of float rows with a matrix of 8-bit weights.
//!
//! Weights are quantised symmetrically, a scale for every output channel: `w = scale * q` with `q` in -90..=90. Inputs are
//! when they arrive, from the smallest to the greatest of each row: `x = x_scale * (qx - zero)` with `qx` in 0..=182.
//! Products are summed exactly, in 32-bit integers, and only the sum becomes a float again:
//! `y[n] = (x_scale * scale[n]) * (sum_k(qx[k] * q[n][k]) - zero * sum_k(q[n][k])) + bias[n]`.
//!
//! - [`Int8Matrix`]: packed weights, and the product
//! - [`Kernel`]: which instructions compute it, found at run time; all of them give the same bits
//! - `quantise`: floats to integers and their scale, and why there are not 256 of them
//! - `pack`: the order of weights in memory
//! - `portable`, `x86`, `neon`: the sums
//!
//! The error against floats: a rounded input is off by at most half its step `(x_max - x_min) / 181`, both taken with 0, a
//! weight by half of `w_max[n] / 90`. With `dx` and `dw` for these halves, an output of `d_input` terms is off by at most
//! `dx * sum|w[n]| + dw * sum|x| + d_input * dx * dw`, and float noise.

mod matrix;
mod neon;
mod pack;
mod portable;
mod product;
mod quantise;
#[cfg(test)]
mod tests;
mod x86;

pub use matrix::{Int8Builder, Int8Matrix, MAX_INPUT};
pub use product::Int8Rows;

/// The instructions that a product is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Anywhere.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX2 and AVX-VNNI.
    AvxVnni,
    /// x86-64 with AVX-512 and its vector neural network instructions.
    Avx512Vnni,
    /// AArch64.
    Neon,
}

impl Kernel {
    /// Every kernel, the fastest last.
    pub const ALL: [Self; 5] = [Self::Portable, Self::Neon, Self::Avx2, Self::AvxVnni, Self::Avx512Vnni];

    /// The fastest of this machine.
    pub fn detect() -> Self {
        let available = Self::ALL.into_iter().rev().find(|kernel| kernel.is_available());
        available.unwrap_or(Self::Portable)
    }

    /// Whether this machine has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[allow(unreachable_patterns, reason = "the kernels of other processors")]
            _ => false,
        }
    }
}
