//! The sums with vector neural network instructions, of AVX-512 or of AVX: four products of bytes a channel and instruction.
#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::pack::{PANEL, Shape};

/// Rows that share a pass over a panel.
pub(super) const ROWS: usize = 4;

/// What inputs are moved up by to be unsigned.
const OFFSET: i16 = 128;

/// The inputs of rows as unsigned bytes.
pub(super) fn unsigned(rows: &[i16]) -> Vec<u8> {
    rows.iter().map(|&x| (x + OFFSET) as u8).collect()
}

/// As `portable::panel` for at most [`ROWS`] rows of [`unsigned`] inputs; `channel_sums` are those of the panel's weights.
///
/// # Safety
///
/// The processor has AVX-512 F, BW and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn panel_512(
    shape: Shape,
    rows: &[u8],
    panel: &[i8],
    channel_sums: &[i32],
    sums: &mut [[i32; PANEL]],
) {
    match sums {
        [a, b, c, d] => block_512(shape, rows, panel, [a, b, c, d]),
        [a, b, c] => block_512(shape, rows, panel, [a, b, c]),
        [a, b] => block_512(shape, rows, panel, [a, b]),
        [a] => block_512(shape, rows, panel, [a]),
        _ => unreachable!("one to four rows"),
    }
    take_off(channel_sums, sums);
}

/// As [`panel_512`], with two registers for the channels of a panel.
///
/// # Safety
///
/// The processor has AVX2 and AVX-VNNI.
#[target_feature(enable = "avx2,avxvnni")]
pub(super) unsafe fn panel_256(
    shape: Shape,
    rows: &[u8],
    panel: &[i8],
    channel_sums: &[i32],
    sums: &mut [[i32; PANEL]],
) {
    match sums {
        [a, b, c, d] => block_256(shape, rows, panel, [a, b, c, d]),
        [a, b, c] => block_256(shape, rows, panel, [a, b, c]),
        [a, b] => block_256(shape, rows, panel, [a, b]),
        [a] => block_256(shape, rows, panel, [a]),
        _ => unreachable!("one to four rows"),
    }
    take_off(channel_sums, sums);
}

fn take_off(channel_sums: &[i32], sums: &mut [[i32; PANEL]]) {
    for sums in sums {
        for (sum, channel_sum) in sums.iter_mut().zip(channel_sums) {
            *sum -= i32::from(OFFSET) * channel_sum;
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn block_512<const N: usize>(shape: Shape, rows: &[u8], panel: &[i8], sums: [&mut [i32; PANEL]; N]) {
    let width = shape.padded_input();
    let n_groups = width / 4;
    assert!(shape.group == 4 && rows.len() == N * width && panel.len() == width * PANEL);
    // Even and odd groups are summed apart: an instruction waits for the one before on the same sum.
    let mut totals = [[_mm512_setzero_si512(); 2]; N];
    let (inputs, weights) = (rows.as_ptr(), panel.as_ptr());
    for group in 0..n_groups {
        // SAFETY: a group has 64 weights, and the panel `n_groups` groups, as asserted.
        let weights = unsafe { _mm512_loadu_si512(weights.add(group * 4 * PANEL).cast::<__m512i>()) };
        for (row, totals) in totals.iter_mut().enumerate() {
            // SAFETY: each of the `N` rows has `n_groups` groups, as asserted.
            let inputs = unsafe { inputs.add(row * width + group * 4).cast::<i32>().read_unaligned() };
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

#[target_feature(enable = "avx2,avxvnni")]
fn block_256<const N: usize>(shape: Shape, rows: &[u8], panel: &[i8], sums: [&mut [i32; PANEL]; N]) {
    let width = shape.padded_input();
    let n_groups = width / 4;
    assert!(shape.group == 4 && rows.len() == N * width && panel.len() == width * PANEL);
    let mut totals = [[_mm256_setzero_si256(); 2]; N];
    let (inputs, weights) = (rows.as_ptr(), panel.as_ptr());
    for group in 0..n_groups {
        // SAFETY: a group has 64 weights, and the panel `n_groups` groups, as asserted.
        let weights = unsafe {
            let weights = weights.add(group * 4 * PANEL).cast::<__m256i>();
            [_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1))]
        };
        for (row, totals) in totals.iter_mut().enumerate() {
            // SAFETY: each of the `N` rows has `n_groups` groups, as asserted.
            let inputs = unsafe { inputs.add(row * width + group * 4).cast::<i32>().read_unaligned() };
            let inputs = _mm256_set1_epi32(inputs);
            for (total, weights) in totals.iter_mut().zip(weights) {
                *total = _mm256_dpbusd_avx_epi32(*total, inputs, weights);
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
