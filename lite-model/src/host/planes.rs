//! Memory for the results of a step's parts, used again by every layer.

use super::matrix::Rows;

/// Results of the parts of a layer, whose memory is used again and again.
#[derive(Debug, Default)]
pub(super) struct Planes {
    pub(super) normed: Vec<f32>,
    pub(super) output: Vec<f32>,
    pub(super) context: Vec<f32>,
    pub(super) hidden: Vec<f32>,
    pub(super) branches: Vec<BranchPlanes>,
    pub(super) scratch: Vec<Scratch>,
}

#[derive(Debug, Default)]
pub(super) struct BranchPlanes {
    pub(super) query: Vec<f32>,
    pub(super) taps: Vec<f32>,
    pub(super) context: Vec<f32>,
}

/// Pieces of what is cut by heads or rows: always as many, so that sums do not depend on the number of threads.
pub(super) const PIECES: usize = 4;
/// Multiplications below which to share a computation takes longer than to do it.
pub(super) const SMALL: usize = 40_000;

/// What a piece has for itself.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) scores: Vec<f32>,
    pub(super) taps: Vec<f32>,
    /// Attention of the last layer to the source, added up over its heads, `[rows, longest source]`.
    pub(super) attention: Vec<f32>,
}

pub(super) fn resize(plane: &mut Vec<f32>, n: usize) -> &mut [f32] {
    plane.resize(n, 0.0);
    plane
}

pub(super) fn rows(values: &[f32], stride: usize, first: usize, n: usize) -> Rows<'_> {
    Rows {
        values: &values[first..],
        stride,
        n,
    }
}
