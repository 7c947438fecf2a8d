//! The gate before a convolution: value and sigmoid in one pass over the projection that holds both.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::array::{BLOCK, Rows, compact, tensor, values};
use super::graph::{open, record};
use super::vector::{sigmoid, vectorised};

/// `value * sigmoid(gate)` of the two halves of `hidden`, times `keep` where it is given.
///
/// # Shapes
///
/// - hidden: `[batch_size, length, 2 * channels]`
/// - keep: `[batch_size, length, 1]`
/// - output: `[batch_size, length, channels]`
pub(super) fn gate(hidden: Tensor<3>, keep: Option<&Tensor<3>>) -> Tensor<3> {
    let [batch_size, length, width] = hidden.dims();
    let channels = width / 2;
    let (hidden, node) = open(hidden);
    let hidden = Rows::of(hidden);
    let keep = keep.map(|keep| compact(open(keep.clone()).0));
    let kept = move |row: usize| keep.as_ref().map_or(1.0, |keep| values(keep)[row]);
    let mut output = vec![0.0; hidden.n_rows * channels];
    output
        .par_chunks_mut(BLOCK * channels)
        .enumerate()
        .for_each(|(block, output)| {
            for (i, output) in output.chunks_exact_mut(channels).enumerate() {
                let row = block * BLOCK + i;
                gate_row(output, hidden.row(row), kept(row));
            }
        });
    let output = tensor(output, [batch_size, length, channels]);
    record([node], output, move |gradient, _| {
        let gradient = Rows::of(gradient);
        let mut output = vec![0.0; hidden.n_rows * width];
        output
            .par_chunks_mut(BLOCK * width)
            .enumerate()
            .for_each(|(block, output)| {
                for (i, output) in output.chunks_exact_mut(width).enumerate() {
                    let row = block * BLOCK + i;
                    gate_backward(output, hidden.row(row), gradient.row(row), kept(row));
                }
            });
        [Some(tensor(output, [batch_size, length, width]))]
    })
}

vectorised! {
    fn gate_row(output: &mut [f32], hidden: &[f32], keep: f32) {
        let (value, gate) = hidden.split_at(output.len());
        for ((output, value), gate) in output.iter_mut().zip(value).zip(gate) {
            *output = value * sigmoid(*gate) * keep;
        }
    }
}

vectorised! {
    fn gate_backward(output: &mut [f32], hidden: &[f32], gradient: &[f32], keep: f32) {
        let n = gradient.len();
        let ((value, gate), (to_value, to_gate)) = (hidden.split_at(n), output.split_at_mut(n));
        let (gate, to_gate) = (&gate[..n], &mut to_gate[..n]);
        for i in 0..n {
            let (share, gradient) = (sigmoid(gate[i]), gradient[i] * keep);
            to_value[i] = gradient * share;
            to_gate[i] = gradient * value[i] * share * (1.0 - share);
        }
    }
}
