//! Products of a batch of float rows with a matrix of 8-bit weights.
//!
//! Weights are quantised symmetrically, a scale for every output channel: `w = scale * q` with `q` in -127..=127.
//! So are the inputs, a scale for every row, when they arrive. Products are summed exactly, in 32-bit integers, and only
//! the sum becomes a float again: `y[n] = (x_scale * scale[n]) * sum_k(qx[k] * q[n][k]) + bias[n]`.
//!
//! - [`Int8Matrix`]: packed weights, and the product
//! - [`Kernel`]: which instructions compute it, found at run time; all of them give the same bits
//! - `quantise`: floats to integers and their scale
//! - `pack`: the order of weights in memory
//! - `portable`, `avx2`, `vnni`, `neon`: the sums
//!
//! Neither saturates. AVX2's product of bytes (`vpmaddubsw`) saturates pairs at 16 bits, so weights are widened to 16 bits
//! on their way into registers and multiplied there (`vpmaddwd`). For 32 products either way takes two multiplications,
//! which is what bounds them: they measure the same. VNNI multiplies unsigned by signed bytes: inputs are moved up by 128 there, and
//! `128 * sum_k(q[n][k])` is taken off the sum.
//!
//! The error against floats: a rounded input is off by at most half its step `x_max / 127`, a weight by half of
//! `w_max[n] / 127`, so that an output of `d_input` terms is off by at most
//! `x_max * sum|w[n]| / 254 + w_max[n] * sum|x| / 254 + d_input * x_max * w_max[n] / 254^2`, and float noise.

mod avx2;
mod matrix;
mod neon;
mod pack;
mod portable;
mod product;
mod quantise;
#[cfg(test)]
mod tests;
mod vnni;

pub use matrix::{Int8Builder, Int8Matrix};
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

    /// Inputs that are multiplied side by side: weights of one channel stand together in groups of so many.
    fn group(self) -> usize {
        match self {
            Self::Portable | Self::Avx2 => 2,
            Self::AvxVnni | Self::Avx512Vnni | Self::Neon => 4,
        }
    }
}
