//! The sums with AVX-512 VNNI: four products of bytes a channel and instruction.
#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::pack::{PANEL, Shape};

/// Rows that share a pass over a panel.
pub(super) const ROWS: usize = 4;

/// What inputs are moved up by to be unsigned.
const OFFSET: i16 = 128;

/// The inputs of rows as unsigned bytes, and `OFFSET` times the sum of every channel, which comes off again.
pub(super) fn unsigned(rows: &[i16]) -> Vec<u8> {
    rows.iter().map(|&x| (x + OFFSET) as u8).collect()
}

/// As `portable::panel` for at most [`ROWS`] rows of [`unsigned`] inputs; `channel_sums` are those of the panel's weights.
///
/// # Safety
///
/// The processor has AVX-512 F, BW and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn panel(shape: Shape, rows: &[u8], panel: &[i8], channel_sums: &[i32], sums: &mut [[i32; PANEL]]) {
    match sums {
        [a, b, c, d] => block(shape, rows, panel, [a, b, c, d]),
        [a, b, c] => block(shape, rows, panel, [a, b, c]),
        [a, b] => block(shape, rows, panel, [a, b]),
        [a] => block(shape, rows, panel, [a]),
        _ => unreachable!("one to four rows"),
    }
    for sums in sums {
        for (sum, channel_sum) in sums.iter_mut().zip(channel_sums) {
            *sum -= i32::from(OFFSET) * channel_sum;
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn block<const N: usize>(shape: Shape, rows: &[u8], panel: &[i8], sums: [&mut [i32; PANEL]; N]) {
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
