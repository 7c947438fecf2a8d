//! The vocabulary projection with the loss behind it: rows in chunks, in whose logits their
//! gradient takes their place; the gradients of features and projection are made on the way and wait for the backward
//! pass.

use burn::tensor::Tensor;

use super::array::{Matrix, Rows, compact, dims, layer_product, layer_product_of, tensor, values};
use super::graph::{open, record};
use super::vector::vectorised;
use crate::loss::{HOST_LOGITS, PAD, rows::label_smoothed_rows};

/// A scalar whose backward pass gives the gradients of the summed loss, and the sums of loss and likelihood.
///
/// # Shapes
///
/// - features: `[batch_size, length, d_model]`
/// - projection: `[vocabulary, d_model]`
/// - targets: `batch_size * length`, pads take no part
pub(super) fn loss(
    features: Tensor<3>,
    projection: Tensor<2>,
    targets: &[i32],
    smoothing: f64,
) -> (Tensor<1>, [f64; 2]) {
    let shape = features.dims();
    let ((features, features_node), (projection, projection_node)) = (open(features), open(projection));
    let (features, projection) = (Rows::of(features), compact(projection));
    assert_eq!(features.n_rows, targets.len(), "one target for each position");
    let [vocabulary, d_model] = dims::<2>(&projection);
    let weight = Matrix::new(values(&projection), vocabulary, d_model);
    let kept: Vec<usize> = (0..targets.len()).filter(|&row| targets[row] != PAD).collect();
    let size = (HOST_LOGITS / vocabulary).max(64).min(kept.len().max(1));

    let mut to_features = vec![0.0; features.n_rows * d_model];
    let mut to_projection = vec![0.0; vocabulary * d_model];
    let [mut rows, mut to_rows] = [(); 2].map(|()| vec![0.0; size * d_model]);
    let mut total = [0.0, 0.0];
    for (chunk, kept) in kept.chunks(size).enumerate() {
        let n_rows = kept.len();
        for (row, &from) in rows.chunks_exact_mut(d_model).zip(kept) {
            row.copy_from_slice(features.row(from));
        }
        let rows = Matrix::new(&rows[..n_rows * d_model], n_rows, d_model);
        let mut logits = layer_product_of(rows, weight.transposed());
        let wanted: Vec<i32> = kept.iter().map(|&row| targets[row]).collect();
        let (loss, nll) = label_smoothed_rows(&mut logits, vocabulary, &wanted, smoothing, true);
        total = [total[0] + loss, total[1] + nll];
        let gradient = Matrix::new(&logits, n_rows, vocabulary);
        layer_product(&mut to_rows, d_model, false, gradient, weight);
        for (row, &to) in to_rows.chunks_exact(d_model).zip(kept) {
            to_features[to * d_model..(to + 1) * d_model].copy_from_slice(row);
        }
        layer_product(&mut to_projection, d_model, chunk > 0, gradient.transposed(), rows);
    }
    let surrogate = tensor(vec![total[0] as f32], [1]);
    let surrogate = record([features_node, projection_node], surrogate, move |gradient, _| {
        let factor = values(&compact(gradient))[0];
        if factor != 1.0 {
            multiply(&mut to_features, factor);
            multiply(&mut to_projection, factor);
        }
        [
            Some(tensor(to_features, shape)),
            Some(tensor(to_projection, [vocabulary, d_model])),
        ]
    });
    (surrogate, total)
}

vectorised! {
    fn multiply(values: &mut [f32], factor: f32) {
        for value in values {
            *value *= factor;
        }
    }
}
