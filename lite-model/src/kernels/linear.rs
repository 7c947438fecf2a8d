//! Linear layers: the bias is what the product starts from, and its gradient the sum of columns; no pass of its own adds
//! it. A ReLU and the dropout behind it work in place.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::array::{BLOCK, Matrix, Rows, compact, layer_product, layer_product_of, tensor, values, writable};
use super::graph::{open, record};
use super::mask::Mask;
use super::vector::vectorised;

/// What happens to the output of a linear layer.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    Nothing,
    Relu(Option<Mask>),
}

/// `x * weight + bias`, and what comes after.
///
/// # Shapes
///
/// - x: `[batch_size, length, d_input]`
/// - weight: `[d_input, d_output]`
/// - bias: `[d_output]`
/// - output: `[batch_size, length, d_output]`
pub(super) fn linear(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>, after: After) -> Tensor<3> {
    let [batch_size, length, d_input] = x.dims();
    let [_, d_output] = weight.dims();
    let ((x, x_node), (weight, weight_node)) = (open(x), open(weight));
    let (x, weight) = (Rows::of(x), compact(weight));
    let bias = bias.map(open);
    let right = Matrix::new(values(&weight), d_input, d_output);
    let mut output = match &bias {
        Some((bias, _)) => {
            let mut output = values(&compact(bias.clone())).repeat(x.n_rows);
            layer_product(&mut output, d_output, true, x.matrix(), right);
            output
        }
        None => layer_product_of(x.matrix(), right),
    };
    if let After::Relu(mask) = after {
        rectify(&mut output, mask);
    }
    let output = tensor(output, [batch_size, length, d_output]);
    let kept = matches!(after, After::Relu(_)).then(|| output.clone());
    let saved = Saved {
        x,
        weight,
        kept,
        after,
        shape: [batch_size, length, d_input],
    };
    match bias {
        Some((_, bias_node)) => record([x_node, weight_node, bias_node], output, move |gradient, _| {
            let [x, weight, bias] = saved.backward(gradient, true);
            [x, weight, bias]
        }),
        None => record([x_node, weight_node], output, move |gradient, _| {
            let [x, weight, _] = saved.backward(gradient, false);
            [x, weight]
        }),
    }
}

/// What the backward pass needs.
struct Saved {
    x: Rows,
    weight: FlexTensor,
    /// The output, where something came after the product.
    kept: Option<FlexTensor>,
    after: After,
    shape: [usize; 3],
}

impl Saved {
    fn backward(self, gradient: FlexTensor, has_bias: bool) -> [Option<FlexTensor>; 3] {
        let [_, _, d_input] = self.shape;
        let gradient = match (&self.kept, self.after) {
            (Some(output), After::Relu(mask)) => {
                let mut gradient = writable(gradient);
                let factor = mask.map_or(1.0, |mask| mask.kept());
                // An entry that was dropped is zero too.
                where_positive(gradient.storage_mut(), values(output), factor);
                gradient
            }
            _ => gradient,
        };
        let gradient = Rows::of(gradient);
        let d_output = gradient.width;
        let right = Matrix::new(values(&self.weight), d_input, d_output).transposed();
        let x = layer_product_of(gradient.matrix(), right);
        let weight = layer_product_of(self.x.matrix().transposed(), gradient.matrix());
        let bias = has_bias.then(|| tensor(column_sums(&gradient), [d_output]));
        [
            Some(tensor(x, self.shape)),
            Some(tensor(weight, [d_input, d_output])),
            bias,
        ]
    }
}

/// Sums over rows, block by block.
pub(super) fn column_sums(rows: &Rows) -> Vec<f32> {
    let n_blocks = rows.n_rows.div_ceil(BLOCK);
    let partial: Vec<Vec<f32>> = (0..n_blocks)
        .into_par_iter()
        .map(|block| {
            let mut sums = vec![0.0; rows.width];
            for row in block * BLOCK..rows.n_rows.min((block + 1) * BLOCK) {
                accumulate(&mut sums, rows.row(row));
            }
            sums
        })
        .collect();
    let mut sums = vec![0.0; rows.width];
    partial.iter().for_each(|part| accumulate(&mut sums, part));
    sums
}

fn rectify(output: &mut [f32], mask: Option<Mask>) {
    const PIECE: usize = 1 << 12;
    output.par_chunks_mut(PIECE).enumerate().for_each(|(piece, output)| {
        let mut factors = [1.0; PIECE];
        let factors = &mut factors[..output.len()];
        if let Some(mask) = mask {
            mask.fill(piece * PIECE, factors);
        }
        positive_part(output, factors);
    });
}

vectorised! {
    fn accumulate(sums: &mut [f32], row: &[f32]) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

vectorised! {
    fn positive_part(output: &mut [f32], factors: &[f32]) {
        for (value, factor) in output.iter_mut().zip(factors) {
            // A NaN stays one.
            *value = if *value <= 0.0 { 0.0 } else { *value * factor };
        }
    }
}

vectorised! {
    fn where_positive(gradient: &mut [f32], output: &[f32], factor: f32) {
        for (gradient, output) in gradient.iter_mut().zip(output) {
            *gradient = if *output > 0.0 { *gradient * factor } else { 0.0 };
        }
    }
}
