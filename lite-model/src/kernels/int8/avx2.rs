//! The sums with AVX2: weights become 16 bits wide on loading, and pairs of products are added exactly in 32 bits.
#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_madd_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::pack::{PANEL, Shape};

/// Rows that share a pass over a panel: with two registers of sums a row, they leave room for the weights.
pub(super) const ROWS: usize = 4;

/// As `portable::panel` for at most [`ROWS`] rows.
///
/// # Safety
///
/// The processor has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn panel(shape: Shape, rows: &[i16], panel: &[i8], sums: &mut [[i32; PANEL]]) {
    match sums {
        [a, b, c, d] => block(shape, rows, panel, [a, b, c, d]),
        [a, b, c] => block(shape, rows, panel, [a, b, c]),
        [a, b] => block(shape, rows, panel, [a, b]),
        [a] => block(shape, rows, panel, [a]),
        _ => unreachable!("one to four rows"),
    }
}

#[target_feature(enable = "avx2")]
fn block<const N: usize>(shape: Shape, rows: &[i16], panel: &[i8], sums: [&mut [i32; PANEL]; N]) {
    let width = shape.padded_input();
    let n_pairs = width / 2;
    assert!(shape.group == 2 && rows.len() == N * width && panel.len() == width * PANEL);
    let mut totals = [[_mm256_setzero_si256(); 2]; N];
    let (inputs, weights) = (rows.as_ptr(), panel.as_ptr());
    for pair in 0..n_pairs {
        // SAFETY: a pair has 32 weights, and the panel `n_pairs` pairs, as asserted.
        let (low, high) = unsafe {
            let weights = weights.add(pair * 2 * PANEL).cast::<__m128i>();
            (_mm_loadu_si128(weights), _mm_loadu_si128(weights.add(1)))
        };
        let weights = [_mm256_cvtepi8_epi16(low), _mm256_cvtepi8_epi16(high)];
        for (row, totals) in totals.iter_mut().enumerate() {
            // SAFETY: each of the `N` rows has `n_pairs` pairs, as asserted.
            let inputs = unsafe { inputs.add(row * width + pair * 2).cast::<i32>().read_unaligned() };
            let inputs = _mm256_set1_epi32(inputs);
            for (total, weights) in totals.iter_mut().zip(weights) {
                *total = _mm256_add_epi32(*total, _mm256_madd_epi16(inputs, weights));
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
