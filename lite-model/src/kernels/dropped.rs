//! Dropout alone, without a tensor of its mask.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::array::writable;
use super::graph::{open, record};
use super::mask::Mask;
use super::vector::multiply;

/// `input` times `mask`.
pub(super) fn drop<const D: usize>(input: Tensor<D>, mask: Mask) -> Tensor<D> {
    let (input, node) = open(input);
    record([node], masked(input, mask), move |gradient, _| {
        [Some(masked(gradient, mask))]
    })
}

/// In place, where nobody else holds the tensor.
fn masked(tensor: FlexTensor, mask: Mask) -> FlexTensor {
    const PIECE: usize = 1 << 12;
    let mut tensor = writable(tensor);
    let values: &mut [f32] = tensor.storage_mut();
    values.par_chunks_mut(PIECE).enumerate().for_each(|(piece, values)| {
        let mut factors = [0.0; PIECE];
        let factors = &mut factors[..values.len()];
        mask.fill(piece * PIECE, factors);
        multiply(values, factors);
    });
    tensor
}
