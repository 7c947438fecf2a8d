//! The sums in plain Rust: for processors without a kernel, and what the kernels are held to.

use super::pack::{GROUP, PANEL, Shape};

/// Sums of `rows` (each of `shape.padded_input()` integers) with the weights of one panel.
#[inline(always)]
pub(super) fn panel(shape: Shape, rows: &[u8], panel: &[i8], sums: &mut [[i32; PANEL]]) {
    let (groups, _) = panel.as_chunks::<{ GROUP * PANEL }>();
    for (row, sums) in rows.chunks_exact(shape.padded_input()).zip(sums) {
        let (inputs, _) = row.as_chunks::<GROUP>();
        let mut totals = [0; PANEL];
        for (inputs, weights) in inputs.iter().zip(groups) {
            for (total, weights) in totals.iter_mut().zip(weights.as_chunks::<GROUP>().0) {
                for (input, weight) in inputs.iter().zip(weights) {
                    *total += i32::from(*input) * i32::from(*weight);
                }
            }
        }
        *sums = totals;
    }
}
