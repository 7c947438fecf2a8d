//! The sums with NEON, which every AArch64 processor has: products of bytes are 16 bits wide, and are added in pairs to
//! sums of 32 bits. Both bytes are signed there, so that inputs are moved down by [`MIDDLE`].
#![cfg(target_arch = "aarch64")]

use std::arch::aarch64::{
    int32x4_t, vdup_n_s8, vdup_n_s32, vdupq_n_s32, vget_high_s8, vget_low_s8, vld1q_s8, vmull_s8, vpadalq_s16,
    vpaddq_s32, vreinterpret_s8_s32, vst1q_s32, vsub_s8,
};

use super::pack::{GROUP, PANEL, Shape};

/// Rows that share a pass over a panel: each has eight registers of sums.
pub(super) const ROWS: usize = 2;

/// What is taken from every input.
pub(super) const MIDDLE: i8 = 91;

/// As `portable::panel` for at most [`ROWS`] rows, inputs [`MIDDLE`] lower.
///
/// # Safety
///
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn panel(shape: Shape, rows: &[u8], panel: &[i8], sums: &mut [[i32; PANEL]]) {
    match sums {
        [a, b] => block(shape, rows, panel, [a, b]),
        [a] => block(shape, rows, panel, [a]),
        _ => unreachable!("one or two rows"),
    }
}

#[target_feature(enable = "neon")]
fn block<const N: usize>(shape: Shape, rows: &[u8], panel: &[i8], sums: [&mut [i32; PANEL]; N]) {
    let width = shape.padded_input();
    let n_groups = width / GROUP;
    assert!(rows.len() == N * width && panel.len() == width * PANEL);
    // Of each group a channel has two sums, of its first two inputs and of its last two; a register holds two channels.
    let mut totals: [[int32x4_t; PANEL / 2]; N] = [[vdupq_n_s32(0); PANEL / 2]; N];
    let (inputs, weights) = (rows.as_ptr(), panel.as_ptr());
    for group in 0..n_groups {
        let mut halves = [vreinterpret_s8_s32(vdup_n_s32(0)); PANEL / 2];
        for four in 0..PANEL / 4 {
            // SAFETY: a group has 64 weights, and the panel `n_groups` groups, as asserted.
            let weights = unsafe { vld1q_s8(weights.add(group * GROUP * PANEL + four * 16)) };
            halves[2 * four] = vget_low_s8(weights);
            halves[2 * four + 1] = vget_high_s8(weights);
        }
        for (row, totals) in totals.iter_mut().enumerate() {
            // SAFETY: each of the `N` rows has `n_groups` groups, as asserted.
            let inputs = unsafe { inputs.add(row * width + group * GROUP).cast::<i32>().read_unaligned() };
            let inputs = vsub_s8(vreinterpret_s8_s32(vdup_n_s32(inputs)), vdup_n_s8(MIDDLE));
            for (total, weights) in totals.iter_mut().zip(halves) {
                *total = vpadalq_s16(*total, vmull_s8(inputs, weights));
            }
        }
    }
    for (sums, totals) in sums.into_iter().zip(totals) {
        for (sums, pair) in sums.chunks_exact_mut(4).zip(totals.chunks_exact(2)) {
            // SAFETY: a chunk has four integers.
            unsafe { vst1q_s32(sums.as_mut_ptr(), vpaddq_s32(pair[0], pair[1])) };
        }
    }
}
