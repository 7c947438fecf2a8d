//! The compositions of tensor operations that the kernels stand for: what runs on every other device, and what tests and
//! benchmarks hold the kernels to.

use burn::nn::LayerNorm;
use burn::tensor::activation::{relu, sigmoid, softmax};
use burn::tensor::{FloatDType, Tensor};

use crate::convolution::band;
use crate::dropout::Dropout;
use crate::linear::Linear;

/// As [`super::add`].
pub fn add(x: Tensor<3>, y: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
    x + dropout.forward(y)
}

/// As [`super::add_norm`].
pub fn add_norm(x: Tensor<3>, y: Tensor<3>, dropout: &Dropout, norm: &LayerNorm) -> Tensor<3> {
    norm.forward(x + dropout.forward(y))
}

/// As [`super::linear`].
pub fn linear(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    // Flattened to two axes: with three, the gradient of the weight is one product a sentence, summed afterwards,
    // which takes several times as long.
    let [batch_size, length, d_input] = x.dims();
    let output = layer.forward(x.reshape([batch_size * length, d_input]));
    let [_, d_output] = output.dims();
    output.reshape([batch_size, length, d_output])
}

/// `left * right`, both rounded to bfloat16, and what comes out as well: what PyTorch's autocast computes. The gradients are
/// rounded likewise.
pub fn rounded(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    let [left, right] = [left, right].map(|matrix| matrix.cast(FloatDType::BF16));
    left.matmul(right).cast(FloatDType::F32)
}

/// As [`super::linear_relu`].
pub fn linear_relu(layer: &Linear, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
    dropout.forward(relu(linear(layer, x)))
}

/// As [`super::attend`].
pub fn attend(
    query: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    mask: Option<&Tensor<4>>,
    scale: f64,
    dropout: &Dropout,
) -> Tensor<3> {
    let [batch_size, n_heads, n_queries, head_size] = query.dims();
    let context = dropout.forward(probabilities(query, keys, mask, scale)).matmul(values);
    context
        .swap_dims(1, 2)
        .reshape([batch_size, n_queries, n_heads * head_size])
}

/// `softmax(scale * query * keys + mask)`, of the shapes of [`super::attend`]: `[batch_size, n_heads, n_queries, n_keys]`.
pub fn probabilities(query: Tensor<4>, keys: Tensor<4>, mask: Option<&Tensor<4>>, scale: f64) -> Tensor<4> {
    let scores = query.mul_scalar(scale).matmul(keys.swap_dims(2, 3));
    let scores = match mask {
        Some(mask) => scores + mask.clone(),
        None => scores,
    };
    softmax(scores, 3)
}

/// As [`super::gate`].
pub fn gate(hidden: Tensor<3>, keep: Option<&Tensor<3>>) -> Tensor<3> {
    let mut halves = hidden.chunk(2, 2).into_iter();
    let (Some(value), Some(gate)) = (halves.next(), halves.next()) else {
        unreachable!("two halves")
    };
    let output = value * sigmoid(gate);
    match keep {
        Some(keep) => output * keep.clone(),
        None => output,
    }
}

/// As [`super::dynamic`].
pub fn dynamic(
    y: Tensor<3>,
    taps: Tensor<3>,
    [n_heads, kernel_size]: [usize; 2],
    left: usize,
    has_softmax: bool,
    dropout: &Dropout,
) -> Tensor<3> {
    let [batch_size, length, _] = y.dims();
    let taps = taps.reshape([batch_size, length, n_heads, kernel_size]);
    let taps = if has_softmax { softmax(taps, 3) } else { taps };
    band::dynamic(y, dropout.forward(taps), left)
}

/// As [`super::lightweight`].
pub fn lightweight(y: Tensor<3>, taps: Tensor<2>, left: usize) -> Tensor<3> {
    band::lightweight(y, taps, left)
}
