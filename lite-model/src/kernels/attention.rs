//! Attention between projections: scores, mask, softmax, dropout and context, a sentence at a time, over heads where they
//! stand in their rows: no copy brings them together, and of all that happens only the probabilities are kept.

use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape, Tensor};
use rayon::prelude::*;

use super::array::{Matrix, compact, dims, product, tensor, values};
use super::graph::{constant, open, record};
use super::mask::Mask;
use super::vector::{softmax, sum, vectorised};

/// `dropout(softmax(scale * query * keys + mask)) * values`, and the probabilities before dropout, which are not tracked.
///
/// # Shapes
///
/// - query: `[batch_size, n_heads, n_queries, head_size]`
/// - keys, values: `[batch_size, n_heads, n_keys, head_size]`
/// - mask: broadcasts to `[batch_size, n_heads, n_queries, n_keys]`, its last axis `n_keys` long
/// - output: `[batch_size, n_queries, n_heads * head_size]`, and `[batch_size, n_heads, n_queries, n_keys]`
pub(super) fn attend(
    query: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    mask: Option<&Tensor<4>>,
    scale: f32,
    dropped: Option<Mask>,
) -> (Tensor<3>, Tensor<4>) {
    let ((query, query_node), (keys, keys_node), (values, values_node)) = (open(query), open(keys), open(values));
    let saved = Saved {
        query: Heads::of(query),
        keys: Heads::of(keys),
        values: Heads::of(values),
        scale,
        dropped,
    };
    let mask = mask.map(|mask| Scores::of(open(mask.clone()).0));
    let (output, probabilities) = saved.forward(mask.as_ref());
    let [batch_size, n_heads, n_queries, head_size] = saved.query.shape;
    let n_keys = saved.keys.length();
    let probabilities = tensor(probabilities, [batch_size, n_heads, n_queries, n_keys]);
    let shown = constant(probabilities.clone());
    let output = tensor(output, [batch_size, n_queries, n_heads * head_size]);
    let output = record([query_node, keys_node, values_node], output, move |gradient, _| {
        saved.backward(gradient, &probabilities).map(Some)
    });
    (output, shown)
}

/// Rows of every head of every sentence.
struct Heads {
    tensor: FlexTensor,
    /// `[batch_size, n_heads, length, head_size]`
    shape: [usize; 4],
    strides: [usize; 3],
}

impl Heads {
    fn of(tensor: FlexTensor) -> Self {
        let shape = dims::<4>(&tensor);
        let is_plain = tensor.layout().strides().iter().all(|stride| *stride >= 0);
        let tensor = if is_plain && (tensor.layout().strides()[3] == 1 || shape[3] == 1) {
            tensor
        } else {
            tensor.to_contiguous()
        };
        let strides = std::array::from_fn(|axis| tensor.layout().strides()[axis] as usize);
        Self { tensor, shape, strides }
    }

    fn length(&self) -> usize {
        self.shape[2]
    }

    fn matrix(&self, sentence: usize, head: usize) -> Matrix<'_> {
        let [_, _, length, head_size] = self.shape;
        let begin = self.tensor.layout().start_offset() + sentence * self.strides[0] + head * self.strides[1];
        Matrix {
            values: &self.tensor.storage::<f32>()[begin..],
            n_rows: length,
            n_columns: head_size,
            row_stride: self.strides[2],
            column_stride: 1,
        }
    }

    /// A gradient, computed in the order `[batch_size, length, n_heads, head_size]`.
    fn gradient(&self, values: Vec<f32>) -> FlexTensor {
        let [_, n_heads, length, head_size] = self.shape;
        let width = n_heads * head_size;
        let strides = [length * width, head_size, width, 1].map(|stride| stride as isize);
        let layout = Layout::new(Shape::from(self.shape), strides.to_vec(), 0);
        FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
    }
}

/// What is added to scores, with the axes that it is broadcast over.
struct Scores {
    tensor: FlexTensor,
    strides: [usize; 3],
}

impl Scores {
    fn of(tensor: FlexTensor) -> Self {
        let tensor = compact(tensor);
        let [batch_size, n_heads, n_queries, n_keys] = dims::<4>(&tensor);
        let over = |n: usize, stride: usize| if n == 1 { 0 } else { stride };
        let strides = [
            over(batch_size, n_heads * n_queries * n_keys),
            over(n_heads, n_queries * n_keys),
            over(n_queries, n_keys),
        ];
        Self { tensor, strides }
    }

    fn row(&self, sentence: usize, head: usize, query: usize, n_keys: usize) -> &[f32] {
        let begin = sentence * self.strides[0] + head * self.strides[1] + query * self.strides[2];
        &values(&self.tensor)[begin..begin + n_keys]
    }
}

/// What both passes work on.
struct Saved {
    query: Heads,
    keys: Heads,
    values: Heads,
    scale: f32,
    dropped: Option<Mask>,
}

impl Saved {
    fn forward(&self, mask: Option<&Scores>) -> (Vec<f32>, Vec<f32>) {
        let [batch_size, n_heads, n_queries, head_size] = self.query.shape;
        let (n_keys, width) = (self.keys.length(), n_heads * head_size);
        let size = n_queries * n_keys;
        let mut output = vec![0.0; batch_size * n_queries * width];
        let mut probabilities = vec![0.0; batch_size * n_heads * size];
        output
            .par_chunks_mut(n_queries * width)
            .zip(probabilities.par_chunks_mut(n_heads * size))
            .enumerate()
            .for_each(|(sentence, (output, probabilities))| {
                let mut room = vec![0.0; if self.dropped.is_some() { size } else { 0 }];
                for (head, rows) in probabilities.chunks_exact_mut(size).enumerate() {
                    let keys = self.keys.matrix(sentence, head).transposed();
                    let query = self.query.matrix(sentence, head);
                    product(rows, n_keys, false, query, keys, self.scale);
                    for (i, row) in rows.chunks_exact_mut(n_keys).enumerate() {
                        match mask {
                            Some(mask) => masked_softmax(row, mask.row(sentence, head, i, n_keys)),
                            None => plain_softmax(row),
                        }
                    }
                    let rows = match self.dropped {
                        Some(dropped) => {
                            dropped.fill((sentence * n_heads + head) * size, &mut room);
                            multiply(&mut room, rows);
                            &room
                        }
                        None => &*rows,
                    };
                    let rows = Matrix::new(rows, n_queries, n_keys);
                    let values = self.values.matrix(sentence, head);
                    product(&mut output[head * head_size..], width, false, rows, values, 1.0);
                }
            });
        (output, probabilities)
    }

    /// Gradients of query, keys and values.
    fn backward(self, gradient: FlexTensor, probabilities: &FlexTensor) -> [FlexTensor; 3] {
        let [batch_size, n_heads, n_queries, head_size] = self.query.shape;
        let (n_keys, width) = (self.keys.length(), n_heads * head_size);
        let size = n_queries * n_keys;
        let gradient = compact(gradient);
        let (gradient, probabilities) = (values(&gradient), values(probabilities));
        let mut query = vec![0.0; batch_size * n_queries * width];
        let [mut keys, mut values] = [(); 2].map(|()| vec![0.0; batch_size * n_keys * width]);
        query
            .par_chunks_mut(n_queries * width)
            .zip(keys.par_chunks_mut(n_keys * width))
            .zip(values.par_chunks_mut(n_keys * width))
            .enumerate()
            .for_each(|(sentence, ((query, keys), values))| {
                let [mut dropped, mut scores] = [(); 2].map(|()| vec![0.0; size]);
                for head in 0..n_heads {
                    let first = (sentence * n_heads + head) * size;
                    let rows = &probabilities[first..first + size];
                    match self.dropped {
                        Some(mask) => mask.fill(first, &mut dropped),
                        None => dropped.fill(1.0),
                    }
                    let begin = sentence * n_queries * width + head * head_size;
                    let output = Matrix {
                        values: &gradient[begin..],
                        n_rows: n_queries,
                        n_columns: head_size,
                        row_stride: width,
                        column_stride: 1,
                    };
                    let right = self.values.matrix(sentence, head).transposed();
                    product(&mut scores, n_keys, false, output, right, 1.0);
                    let rows_of = scores.chunks_exact_mut(n_keys).zip(dropped.chunks_exact_mut(n_keys));
                    for ((scores, dropped), row) in rows_of.zip(rows.chunks_exact(n_keys)) {
                        softmax_backward(scores, dropped, row);
                    }
                    // By now the scores' gradient, and the dropped probabilities.
                    let scores = Matrix::new(&scores, n_queries, n_keys);
                    let dropped = Matrix::new(&dropped, n_queries, n_keys).transposed();
                    product(&mut values[head * head_size..], width, false, dropped, output, 1.0);
                    let right = self.keys.matrix(sentence, head);
                    product(&mut query[head * head_size..], width, false, scores, right, self.scale);
                    let right = self.query.matrix(sentence, head);
                    product(
                        &mut keys[head * head_size..],
                        width,
                        false,
                        scores.transposed(),
                        right,
                        self.scale,
                    );
                }
            });
        [
            self.query.gradient(query),
            self.keys.gradient(keys),
            self.values.gradient(values),
        ]
    }
}

vectorised! {
    fn masked_softmax(row: &mut [f32], mask: &[f32]) {
        for (value, mask) in row.iter_mut().zip(mask) {
            *value += mask;
        }
        softmax(row);
    }
}

vectorised! {
    fn plain_softmax(row: &mut [f32]) {
        softmax(row);
    }
}

vectorised! {
    fn multiply(output: &mut [f32], factor: &[f32]) {
        for (output, factor) in output.iter_mut().zip(factor) {
            *output *= factor;
        }
    }
}

vectorised! {
    /// From the gradient of dropped probabilities, the mask and the probabilities, to the gradient of scores and, in the
    /// mask's place, the dropped probabilities.
    fn softmax_backward(gradient: &mut [f32], mask: &mut [f32], probabilities: &[f32]) {
        let n = probabilities.len();
        let (gradient, mask) = (&mut gradient[..n], &mut mask[..n]);
        for i in 0..n {
            gradient[i] *= mask[i];
            mask[i] *= probabilities[i];
        }
        let along = sum(n, |i| gradient[i] * probabilities[i]);
        for i in 0..n {
            gradient[i] = probabilities[i] * (gradient[i] - along);
        }
    }
}
