//! The sums in plain Rust: for processors without a kernel, and what the kernels are held to.

use super::pack::{PANEL, Shape};

/// Sums of `rows` (each of `shape.padded_input()` integers) with the weights of one panel.
#[inline(always)]
pub(super) fn panel(shape: Shape, rows: &[i16], panel: &[i8], sums: &mut [[i32; PANEL]]) {
    let (pairs, _) = panel.as_chunks::<{ 2 * PANEL }>();
    for (row, sums) in rows.chunks_exact(shape.padded_input()).zip(sums) {
        let (inputs, _) = row.as_chunks::<2>();
        let mut totals = [0; PANEL];
        for (&[a, b], weights) in inputs.iter().zip(pairs) {
            for (total, &[w, v]) in totals.iter_mut().zip(weights.as_chunks::<2>().0) {
                *total += i32::from(a) * i32::from(w) + i32::from(b) * i32::from(v);
            }
        }
        *sums = totals;
    }
}
