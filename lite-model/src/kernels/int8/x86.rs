//! The sums on x86-64: of bytes, four products a channel and instruction with the vector neural network instructions, two
//! without.
#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi32, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
    _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::pack::{GROUP, PANEL, Shape};

/// Rows that share a pass over a panel: with two registers of sums a row, they leave room for the weights.
pub(super) const ROWS: usize = 4;

/// A function of the name `$panel`, as `portable::panel` for at most [`ROWS`] rows, with registers of eight sums.
/// `$add(total, inputs, weights)` adds four products to each.
macro_rules! panel_of_256_bits {
    ($(#[$meta:meta])* $panel:ident, $block:ident, $features:literal, $add:expr) => {
        $(#[$meta])*
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $panel(shape: Shape, rows: &[u8], panel: &[i8], sums: &mut [[i32; PANEL]]) {
            match sums {
                [a, b, c, d] => $block(shape, rows, panel, [a, b, c, d]),
                [a, b, c] => $block(shape, rows, panel, [a, b, c]),
                [a, b] => $block(shape, rows, panel, [a, b]),
                [a] => $block(shape, rows, panel, [a]),
                _ => unreachable!("one to four rows"),
            }
        }

        #[target_feature(enable = $features)]
        fn $block<const N: usize>(shape: Shape, rows: &[u8], panel: &[i8], sums: [&mut [i32; PANEL]; N]) {
            let width = shape.padded_input();
            assert!(rows.len() == N * width && panel.len() == width * PANEL);
            let mut totals = [[_mm256_setzero_si256(); 2]; N];
            let (inputs, weights) = (rows.as_ptr(), panel.as_ptr());
            for group in 0..width / GROUP {
                // SAFETY: a group has 64 weights, and the panel as many groups, as asserted.
                let weights = unsafe {
                    let weights = weights.add(group * GROUP * PANEL).cast::<__m256i>();
                    [_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1))]
                };
                for (row, totals) in totals.iter_mut().enumerate() {
                    // SAFETY: each of the `N` rows has as many groups, as asserted.
                    let inputs = unsafe { inputs.add(row * width + group * GROUP).cast::<i32>().read_unaligned() };
                    let inputs = _mm256_set1_epi32(inputs);
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total = $add(*total, inputs, weights);
                    }
                }
            }
            for (sums, totals) in sums.into_iter().zip(totals) {
                let (low, high) = sums.split_at_mut(8);
                // SAFETY: either half has eight integers.
                unsafe {
                    _mm256_storeu_si256(low.as_mut_ptr().cast::<__m256i>(), totals[0]);
                    _mm256_storeu_si256(high.as_mut_ptr().cast::<__m256i>(), totals[1]);
                }
            }
        }
    };
}

panel_of_256_bits!(
    /// # Safety
    ///
    /// The processor has AVX2.
    panel_avx2,
    block_avx2,
    "avx2",
    |total: __m256i, inputs: __m256i, weights: __m256i| {
        // Two products to 16 bits, which they do not leave (see `quantise`), and two such sums to 32.
        let pairs = _mm256_maddubs_epi16(inputs, weights);
        _mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
);

panel_of_256_bits!(
    /// # Safety
    ///
    /// The processor has AVX2 and AVX-VNNI.
    panel_avx_vnni,
    block_avx_vnni,
    "avx2,avxvnni",
    |total: __m256i, inputs: __m256i, weights: __m256i| _mm256_dpbusd_avx_epi32(total, inputs, weights)
);

/// As `portable::panel` for at most [`ROWS`] rows.
///
/// # Safety
///
/// The processor has AVX-512 F, BW and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn panel_avx512_vnni(shape: Shape, rows: &[u8], panel: &[i8], sums: &mut [[i32; PANEL]]) {
    match sums {
        [a, b, c, d] => block_avx512_vnni(shape, rows, panel, [a, b, c, d]),
        [a, b, c] => block_avx512_vnni(shape, rows, panel, [a, b, c]),
        [a, b] => block_avx512_vnni(shape, rows, panel, [a, b]),
        [a] => block_avx512_vnni(shape, rows, panel, [a]),
        _ => unreachable!("one to four rows"),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn block_avx512_vnni<const N: usize>(shape: Shape, rows: &[u8], panel: &[i8], sums: [&mut [i32; PANEL]; N]) {
    let width = shape.padded_input();
    assert!(rows.len() == N * width && panel.len() == width * PANEL);
    // Even and odd groups are summed apart: an instruction waits for the one before on the same sum.
    let mut totals = [[_mm512_setzero_si512(); 2]; N];
    let (inputs, weights) = (rows.as_ptr(), panel.as_ptr());
    for group in 0..width / GROUP {
        // SAFETY: a group has 64 weights, and the panel as many groups, as asserted.
        let weights = unsafe { _mm512_loadu_si512(weights.add(group * GROUP * PANEL).cast::<__m512i>()) };
        for (row, totals) in totals.iter_mut().enumerate() {
            // SAFETY: each of the `N` rows has as many groups, as asserted.
            let inputs = unsafe { inputs.add(row * width + group * GROUP).cast::<i32>().read_unaligned() };
            let total = &mut totals[group % 2];
            *total = _mm512_dpbusd_epi32(*total, _mm512_set1_epi32(inputs), weights);
        }
    }
    for (sums, [even, odd]) in sums.into_iter().zip(totals) {
        let mut halves = [[0i32; PANEL]; 2];
        // SAFETY: either has sixteen integers.
        unsafe {
            _mm512_storeu_si512(halves[0].as_mut_ptr().cast::<__m512i>(), even);
            _mm512_storeu_si512(halves[1].as_mut_ptr().cast::<__m512i>(), odd);
        }
        for (sum, (even, odd)) in sums.iter_mut().zip(halves[0].iter().zip(halves[1])) {
            *sum = even + odd;
        }
    }
}
