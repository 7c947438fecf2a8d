//! Arithmetic of our own, on plain arrays.
//!
//! - [`int8`]: products with 8-bit weights.
//! - The functions here: operations of a training step that are worth a kernel of their own, each beside the composition
//!   of tensor operations that it equals, in [`plain`]. On Flex they are computed by `norm`, `linear`, `attention`, `gate`,
//!   `convolution`, `projection` and `dropped`: one node in the graph, one pass over memory, and a backward pass that keeps
//!   the least and draws masks anew. Without autodiff there is the forward pass alone, and linear layers are the tensors'
//!   own. Everywhere else (ndarray, accelerators) the composition runs. Tests hold both equal, masks included.
//! - `bf16`: products of rounded entries, for [`round_products`]; [`plain::rounded`] beside it.
//! - `mask`: dropout from a counter. `graph`: a node with a backward pass of its own. `array`, `vector`: what loops over
//!   plain arrays need.

#[cfg(feature = "flex")]
mod array;
#[cfg(feature = "flex")]
mod attention;
#[cfg(feature = "flex")]
mod bf16;
#[cfg(feature = "flex")]
mod convolution;
#[cfg(feature = "flex")]
mod dropped;
#[cfg(feature = "flex")]
mod gate;
#[cfg(feature = "flex")]
mod graph;
pub mod int8;
#[cfg(feature = "flex")]
mod linear;
pub(crate) mod mask;
#[cfg(feature = "flex")]
mod norm;
pub mod plain;
#[cfg(feature = "flex")]
mod projection;
#[cfg(all(test, feature = "flex"))]
mod tests;
pub(crate) mod vector;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use crate::device::is_flex;
use crate::dropout::Dropout;
use crate::linear::Linear;

/// Epsilon of every layer norm.
pub(crate) const EPSILON: f64 = 1e-5;

static IS_ROUNDED: AtomicBool = AtomicBool::new(false);

/// Whether training rounds what linear layers and the vocabulary projection multiply, forwards and backwards, to bfloat16:
/// for the whole process, from here on. Weights and all between the products stay in single precision; on Flex so do the
/// products themselves, other devices round them too.
pub fn round_products(is_rounded: bool) {
    IS_ROUNDED.store(is_rounded, Ordering::Relaxed);
}

fn is_rounded() -> bool {
    IS_ROUNDED.load(Ordering::Relaxed)
}

/// Whether a layer of a step that learns multiplies `input` by [`plain::rounded`]: on Flex a kernel does.
pub(crate) fn rounds<const D: usize>(input: &Tensor<D>) -> bool {
    let device = input.device();
    is_rounded() && device.is_autodiff() && !is_flex(&device)
}

/// `left * right` of a step that learns, outside of the graph.
pub(crate) fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    if is_rounded() {
        return plain::rounded(left, right);
    }
    left.matmul(right)
}

/// `x * weight` of `[rows, d_input]` by `[d_input, d_output]` where products are rounded: what [`linear`] is to a layer without
/// bias whose weights may stand elsewhere. `None` in single precision.
pub(crate) fn rounded_product(x: &Tensor<2>, weight: Tensor<2>) -> Option<Tensor<2>> {
    #[cfg(feature = "flex")]
    if is_rounded() && graph::is_tracked(x) {
        let product = linear::linear(x.clone().unsqueeze_dim(0), weight, None, linear::After::Nothing);
        return Some(product.squeeze_dim(0));
    }
    rounds(x).then(|| plain::rounded(x.clone(), weight))
}

/// `x + dropout(y)`, of `[batch_size, length, channels]`.
pub fn add(x: Tensor<3>, y: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_ours(&x) {
        let mask = dropout.draw(&x.device());
        return norm::add(x, y, mask);
    }
    plain::add(x, y, dropout)
}

/// `norm(x + dropout(y))`, of `[batch_size, length, channels]`.
pub fn add_norm(x: Tensor<3>, y: Tensor<3>, dropout: &Dropout, norm: &LayerNorm) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_ours(&x)
        && let Some(affine) = affine(norm)
    {
        let mask = dropout.draw(&x.device());
        return norm::add_norm(x, y, mask, affine);
    }
    plain::add_norm(x, y, dropout, norm)
}

/// A layer norm with [`EPSILON`], of `[batch_size, length, channels]`.
pub fn layer_norm(norm: &LayerNorm, x: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_ours(&x)
        && let Some(affine) = affine(norm)
    {
        return norm::norm(x, affine);
    }
    norm.forward(x)
}

#[cfg(feature = "flex")]
fn affine(norm: &LayerNorm) -> Option<norm::Affine> {
    Some(norm::Affine {
        gamma: norm.gamma.val(),
        beta: norm.beta.as_ref()?.val(),
        epsilon: EPSILON as f32,
    })
}

/// A linear layer, of `[batch_size, length, d_input]` to `[batch_size, length, d_output]`.
pub fn linear(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_tracked(&x) {
        return linear::linear(x, layer.weight(), layer.bias(), linear::After::Nothing);
    }
    plain::linear(layer, x)
}

/// `dropout(relu(layer(x)))`.
pub fn linear_relu(layer: &Linear, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_tracked(&x) {
        let after = linear::After::Relu(dropout.draw(&x.device()));
        return linear::linear(x, layer.weight(), layer.bias(), after);
    }
    plain::linear_relu(layer, x, dropout)
}

/// `dropout(softmax(scale * query * keys + mask)) * values`.
///
/// # Shapes
///
/// - query: `[batch_size, n_heads, n_queries, head_size]`
/// - keys, values: `[batch_size, n_heads, n_keys, head_size]`
/// - mask: broadcasts to `[batch_size, n_heads, n_queries, n_keys]`, its last axis `n_keys` long
/// - output: `[batch_size, n_queries, n_heads * head_size]`
pub fn attend(
    query: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    mask: Option<&Tensor<4>>,
    scale: f64,
    dropout: &Dropout,
) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_ours(&query) {
        let dropped = dropout.draw(&query.device());
        return attention::attend(query, keys, values, mask, scale as f32, dropped);
    }
    plain::attend(query, keys, values, mask, scale, dropout)
}

/// `value * sigmoid(gate)` of the halves of `hidden`, `[batch_size, length, 2 * channels]`, times `keep`,
/// `[batch_size, length, 1]`.
pub fn gate(hidden: Tensor<3>, keep: Option<&Tensor<3>>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_ours(&hidden) {
        return gate::gate(hidden, keep);
    }
    plain::gate(hidden, keep)
}

/// Convolves with taps of every position, which `dropout` acts upon after a softmax over those of a head, where wanted.
///
/// # Shapes
///
/// - y, output: `[batch_size, length, channels]`
/// - taps: `[batch_size, length, n_heads * kernel_size]`
pub fn dynamic(
    y: Tensor<3>,
    taps: Tensor<3>,
    [n_heads, kernel_size]: [usize; 2],
    left: usize,
    has_softmax: bool,
    dropout: &Dropout,
) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_ours(&y) {
        let dropped = dropout.draw(&y.device());
        let taps = convolution::Taps::Dynamic {
            taps,
            has_softmax,
            dropped,
        };
        return convolution::convolve(y, taps, n_heads, kernel_size, left);
    }
    plain::dynamic(y, taps, [n_heads, kernel_size], left, has_softmax, dropout)
}

/// Convolves with the same taps at every position.
///
/// # Shapes
///
/// - y, output: `[batch_size, length, channels]`
/// - taps: `[n_heads, kernel_size]`
pub fn lightweight(y: Tensor<3>, taps: Tensor<2>, left: usize) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if graph::is_ours(&y) {
        let [n_heads, kernel_size] = taps.dims();
        return convolution::convolve(y, convolution::Taps::Shared(taps), n_heads, kernel_size, left);
    }
    plain::lightweight(y, taps, left)
}

/// `input` times a mask.
#[cfg(feature = "flex")]
pub(crate) fn drop_tracked<const D: usize>(input: &Tensor<D>, mask: mask::Mask) -> Option<Tensor<D>> {
    graph::is_tracked(input).then(|| dropped::drop(input.clone(), mask))
}

/// The loss of [`crate::loss`] in one node, where it is computed here: a scalar whose gradients are those of the summed
/// loss, and the sums of loss and likelihood.
pub(crate) fn label_smoothed(
    features: &Tensor<3>,
    projection: &Tensor<2>,
    targets: &[i32],
    smoothing: f64,
) -> Option<(Tensor<1>, [f64; 2])> {
    #[cfg(feature = "flex")]
    if graph::is_tracked(features) {
        return Some(projection::loss(
            features.clone(),
            projection.clone(),
            targets,
            smoothing,
        ));
    }
    let _ = (features, projection, targets, smoothing);
    None
}
