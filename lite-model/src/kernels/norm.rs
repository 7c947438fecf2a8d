//! Residual, dropout and layer norm in one pass: `norm(x + dropout(y))`, `x + dropout(y)` and `norm(x)`.
//!
//! A graph of single operations keeps the mask, the sum, its centred and its normalised form. Here the backward pass
//! draws the mask anew and needs the normalised form alone, in whose place the gradient of `y` is written.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::array::{BLOCK, Rows, compact, tensor, values};
use super::graph::{open, record};
use super::mask::Mask;
use super::vector::{multiply, sum, vectorised};

/// What a layer norm has learnt.
pub(super) struct Affine {
    pub(super) gamma: Tensor<1>,
    pub(super) beta: Tensor<1>,
    pub(super) epsilon: f32,
}

/// `x + dropout(y)`.
///
/// # Shapes
///
/// - x, y, output: `[batch_size, length, d_model]`
pub(super) fn add(x: Tensor<3>, y: Tensor<3>, mask: Option<Mask>) -> Tensor<3> {
    let shape = x.dims();
    let ((x, x_node), (y, y_node)) = (open(x), open(y));
    let (x, y) = (Rows::of(x), Rows::of(y));
    let output = sums(&x, &y, mask);
    let (n_rows, width) = (x.n_rows, x.width);
    record([x_node, y_node], tensor(output, shape), move |gradient, _| {
        let Some(mask) = mask else {
            return [Some(gradient.clone()), Some(gradient)];
        };
        let rows = Rows::of(gradient.clone());
        let mut y_gradient = vec![0.0; n_rows * width];
        y_gradient
            .par_chunks_mut(BLOCK * width)
            .enumerate()
            .for_each(|(block, output)| {
                mask.fill(block * BLOCK * width, output);
                for (i, output) in output.chunks_exact_mut(width).enumerate() {
                    multiply(output, rows.row(block * BLOCK + i));
                }
            });
        [Some(gradient), Some(tensor(y_gradient, shape))]
    })
}

/// `norm(x + dropout(y))`.
///
/// # Shapes
///
/// - x, y, output: `[batch_size, length, d_model]`
pub(super) fn add_norm(x: Tensor<3>, y: Tensor<3>, mask: Option<Mask>, affine: Affine) -> Tensor<3> {
    let shape = x.dims();
    let ((x, x_node), (y, y_node)) = (open(x), open(y));
    let (x, y) = (Rows::of(x), Rows::of(y));
    let normal = Normal::of(sums(&x, &y, mask), x.width, affine.epsilon);
    let ((gamma, gamma_node), (beta, beta_node)) = (open(affine.gamma), open(affine.beta));
    let gamma = compact(gamma);
    let output = normal.affine(values(&gamma), values(&compact(beta)));
    record(
        [x_node, y_node, gamma_node, beta_node],
        tensor(output, shape),
        move |gradient, _| {
            let found = normal.backward(gradient, values(&gamma), mask);
            let [gamma, beta] = found.affine.map(tensor_of_row);
            let x = tensor(found.input, shape);
            let y = found.masked.map_or_else(|| x.clone(), |y| tensor(y, shape));
            [Some(x), Some(y), Some(gamma), Some(beta)]
        },
    )
}

/// `norm(x)`.
///
/// # Shapes
///
/// - x, output: `[batch_size, length, d_model]`
pub(super) fn norm(x: Tensor<3>, affine: Affine) -> Tensor<3> {
    let shape = x.dims();
    let (x, x_node) = open(x);
    let x = Rows::of(x);
    let sums = (0..x.n_rows).flat_map(|row| x.row(row)).copied().collect();
    let normal = Normal::of(sums, x.width, affine.epsilon);
    let ((gamma, gamma_node), (beta, beta_node)) = (open(affine.gamma), open(affine.beta));
    let gamma = compact(gamma);
    let output = normal.affine(values(&gamma), values(&compact(beta)));
    record(
        [x_node, gamma_node, beta_node],
        tensor(output, shape),
        move |gradient, _| {
            let found = normal.backward(gradient, values(&gamma), None);
            let [gamma, beta] = found.affine.map(tensor_of_row);
            [Some(tensor(found.input, shape)), Some(gamma), Some(beta)]
        },
    )
}

fn tensor_of_row(row: Vec<f32>) -> FlexTensor {
    let width = row.len();
    tensor(row, [width])
}

/// `x + mask * y`.
fn sums(x: &Rows, y: &Rows, mask: Option<Mask>) -> Vec<f32> {
    let width = x.width;
    let mut sums = vec![0.0; x.n_rows * width];
    sums.par_chunks_mut(BLOCK * width)
        .enumerate()
        .for_each(|(block, sums)| {
            match mask {
                Some(mask) => mask.fill(block * BLOCK * width, sums),
                None => sums.fill(1.0),
            }
            for (i, sum) in sums.chunks_exact_mut(width).enumerate() {
                let row = block * BLOCK + i;
                multiply_add(sum, y.row(row), x.row(row));
            }
        });
    sums
}

vectorised! {
    fn multiply_add(output: &mut [f32], factor: &[f32], summand: &[f32]) {
        for ((output, factor), summand) in output.iter_mut().zip(factor).zip(summand) {
            *output = *output * factor + summand;
        }
    }
}

/// Rows of mean 0 and variance 1, and what their deviations were divided by.
struct Normal {
    rows: Vec<f32>,
    scales: Vec<f32>,
    width: usize,
}

/// Gradients of a norm.
struct Gradients {
    input: Vec<f32>,
    /// That of the input times the mask, where there is one.
    masked: Option<Vec<f32>>,
    /// Of gamma and beta.
    affine: [Vec<f32>; 2],
}

impl Normal {
    fn of(mut rows: Vec<f32>, width: usize, epsilon: f32) -> Self {
        let mut scales = vec![0.0; rows.len() / width];
        rows.par_chunks_mut(BLOCK * width)
            .zip(scales.par_chunks_mut(BLOCK))
            .for_each(|(rows, scales)| normalise(rows, scales, width, epsilon));
        Self { rows, scales, width }
    }

    fn affine(&self, gamma: &[f32], beta: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; self.rows.len()];
        output
            .par_chunks_mut(BLOCK * self.width)
            .zip(self.rows.par_chunks(BLOCK * self.width))
            .for_each(|(output, rows)| scale_and_shift(output, rows, gamma, beta));
        output
    }

    fn backward(self, gradient: FlexTensor, gamma: &[f32], mask: Option<Mask>) -> Gradients {
        let Self {
            mut rows,
            scales,
            width,
        } = self;
        let gradient = Rows::of(gradient);
        let mut input = vec![0.0; rows.len()];
        let partial: Vec<Vec<f32>> = input
            .par_chunks_mut(BLOCK * width)
            .zip(rows.par_chunks_mut(BLOCK * width))
            .zip(scales.par_chunks(BLOCK))
            .enumerate()
            .map(|(block, ((input, rows), scales))| {
                let mut affine = vec![0.0; 2 * width];
                for (i, (input, row)) in input.chunks_exact_mut(width).zip(rows.chunks_exact(width)).enumerate() {
                    let gradient = gradient.row(block * BLOCK + i);
                    normalise_backward(input, &mut affine, row, gradient, gamma, scales[i]);
                }
                if let Some(mask) = mask {
                    mask.fill(block * BLOCK * width, rows);
                    multiply(rows, input);
                }
                affine
            })
            .collect();
        let [mut gamma, mut beta] = [vec![0.0; width], vec![0.0; width]];
        for part in partial {
            for (i, sums) in part.chunks_exact(width).enumerate() {
                let total = if i == 0 { &mut gamma } else { &mut beta };
                total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            }
        }
        Gradients {
            input,
            masked: mask.map(|_| rows),
            affine: [gamma, beta],
        }
    }
}

vectorised! {
    fn normalise(rows: &mut [f32], scales: &mut [f32], width: usize, epsilon: f32) {
        let share = 1.0 / width as f32;
        for (row, scale) in rows.chunks_exact_mut(width).zip(scales) {
            let mean = sum(width, |i| row[i]) * share;
            for value in row.iter_mut() {
                *value -= mean;
            }
            let variance = sum(width, |i| row[i] * row[i]) * share;
            *scale = 1.0 / (variance + epsilon).sqrt();
            for value in row.iter_mut() {
                *value *= *scale;
            }
        }
    }
}

vectorised! {
    fn scale_and_shift(output: &mut [f32], rows: &[f32], gamma: &[f32], beta: &[f32]) {
        let width = gamma.len();
        for (output, row) in output.chunks_exact_mut(width).zip(rows.chunks_exact(width)) {
            for (((output, value), gamma), beta) in output.iter_mut().zip(row).zip(gamma).zip(beta) {
                *output = value * gamma + beta;
            }
        }
    }
}

vectorised! {
    fn normalise_backward(
        input: &mut [f32],
        affine: &mut [f32],
        row: &[f32],
        gradient: &[f32],
        gamma: &[f32],
        scale: f32,
    ) {
        let width = row.len();
        let (input, gradient, gamma) = (&mut input[..width], &gradient[..width], &gamma[..width]);
        let (gamma_sum, beta_sum) = affine.split_at_mut(width);
        let beta_sum = &mut beta_sum[..width];
        for i in 0..width {
            gamma_sum[i] += gradient[i] * row[i];
            beta_sum[i] += gradient[i];
            input[i] = gradient[i] * gamma[i];
        }
        let share = 1.0 / width as f32;
        let mean = sum(width, |i| input[i]) * share;
        let along = sum(width, |i| input[i] * row[i]) * share;
        for i in 0..width {
            input[i] = (input[i] - mean - row[i] * along) * scale;
        }
    }
}
