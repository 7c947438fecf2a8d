//! The Evolved Transformer (So, Liang and Le 2019; tensor2tensor `evolved_transformer.py`): the cells that an
//! architecture search found, three of the encoder's and four of the decoder's where a transformer has six layers.
//!
//! With `d = d_model`; every sub-layer is `x + dropout(f(norm(x)))`, and a norm ends each stack.
//!
//! Encoder cell
//! 1. gated linear unit: `W x * sigmoid(V x)`
//! 2. convolution branches: a dense layer to 4d beside a convolution of width 3 to d/2, both rectified, the narrow one
//!    filled up with zeros and added; layer norm; a separable convolution of width 9 to d/2, filled up with zeros to d
//! 3. self-attention
//! 4. dense layers: `d_ff` channels (4d as published), rectified
//!
//! Decoder cell
//! 1. self-attention of at least 16 heads beside attention to the source, of one normalised input, added
//! 2. convolution branches: separable convolutions of width 11 to 2d, rectified, and of width 7 to d/2, filled up and
//!    added; layer norm; a separable convolution of width 7 to d; each sees no later position
//! 3. self-attention
//! 4. attention to the source
//! 5. dense layers: `d_ff` channels, swish, layer norm
//!
//! As in tensor2tensor, projections of attention have no bias, `dropout` also acts inside the convolution branches and
//! the dense layers, and weights start from Xavier's uniform bound over tensor2tensor's fans: those of a depthwise
//! filter count its channels as inputs, so separable convolutions start small. Other than there, embeddings and
//! positions are those of the other architectures here, and layer norm's epsilon is 1e-5, not 1e-6.

mod convolution;
pub(crate) mod cost;
mod decoder;
mod dense;
mod encoder;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use convolution::{SeparableConvolution, StandardConvolution};
pub use decoder::DecoderCell;
pub use dense::{DenseLayers, GatedLinearUnit};
pub use encoder::EncoderCell;

use burn::tensor::Tensor;
use burn::tensor::ops::PadMode;

/// The least number of heads of a decoder cell's first self-attention.
pub(crate) const MANY_HEADS: usize = 16;

/// The widest input of a cell's linear layers beside `d_ff`, in `d_model`: that of the encoder's separable convolution.
pub(crate) const WIDEST_INPUT: usize = 4;

/// Fills up the channels of `[batch_size, length, channels]` with zeros.
fn fill_up(x: Tensor<3>, channels: usize) -> Tensor<3> {
    let [_, _, narrow] = x.dims();
    x.pad([(0, channels - narrow)], PadMode::Constant(0.0))
}
