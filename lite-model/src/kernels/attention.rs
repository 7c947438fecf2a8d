//! Attention between projections: scores, mask, softmax, dropout and context, a sentence at a time, over heads where they
//! stand in their rows: no copy brings them together. Scores are there for a block of queries at a time, and the backward pass
//! computes them again (Dao et al. 2022, arXiv 2205.14135, without their blocks of keys): memory grows with
//! the length of a sentence, not with its square.

use std::ops::Range;

use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape, Tensor};
use rayon::prelude::*;

use super::array::{BLOCK, Matrix, compact, dims, product, tensor, values};
use super::graph::{open, record};
use super::mask::Mask;
use super::vector::{exp, exponentials, largest, multiply, sum, vectorised};

/// `dropout(softmax(scale * query * keys + mask)) * values`.
///
/// # Shapes
///
/// - query: `[batch_size, n_heads, n_queries, head_size]`
/// - keys, values: `[batch_size, n_heads, n_keys, head_size]`
/// - mask: broadcasts to `[batch_size, n_heads, n_queries, n_keys]`, its last axis `n_keys` long
/// - output: `[batch_size, n_queries, n_heads * head_size]`
pub(super) fn attend(
    query: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    mask: Option<&Tensor<4>>,
    scale: f32,
    dropped: Option<Mask>,
) -> Tensor<3> {
    let ((query, query_node), (keys, keys_node), (values, values_node)) = (open(query), open(keys), open(values));
    let saved = Saved {
        query: Heads::of(query),
        keys: Heads::of(keys),
        values: Heads::of(values),
        mask: mask.map(|mask| Scores::of(open(mask.clone()).0)),
        scale,
        dropped,
    };
    let [batch_size, n_heads, n_queries, head_size] = saved.query.shape;
    let (output, partitions) = saved.forward();
    let output = tensor(output, [batch_size, n_queries, n_heads * head_size]);
    record([query_node, keys_node, values_node], output, move |gradient, _| {
        saved.backward(gradient, &partitions).map(Some)
    })
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

    /// Heads that it tells apart.
    fn n_heads(&self, n_heads: usize) -> usize {
        if self.strides[1] == 0 { 1 } else { n_heads }
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
    mask: Option<Scores>,
    scale: f32,
    dropped: Option<Mask>,
}

impl Saved {
    /// Blocks of queries: the first, how many, and the keys that any of them may look at.
    fn blocks(&self, sentence: usize) -> impl Iterator<Item = (usize, usize, Range<usize>)> {
        let [_, n_heads, n_queries, _] = self.query.shape;
        let n_keys = self.keys.length();
        (0..n_queries).step_by(BLOCK).map(move |first| {
            let n_rows = BLOCK.min(n_queries - first);
            let seen = self.mask.as_ref().and_then(|mask| {
                let rows =
                    (0..mask.n_heads(n_heads)).flat_map(|head| (first..first + n_rows).map(move |row| (head, row)));
                let seen = rows.filter_map(|(head, row)| visible(mask.row(sentence, head, row, n_keys)));
                seen.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
            });
            (first, n_rows, seen.unwrap_or(0..n_keys))
        })
    }

    /// The scores of a block, without the mask, in the columns `seen` of rows of all keys.
    fn scores(&self, [sentence, head]: [usize; 2], first: usize, seen: &Range<usize>, rows: &mut [f32]) {
        let n_keys = self.keys.length();
        let keys = self.keys.matrix(sentence, head).rows(seen).transposed();
        let query = self
            .query
            .matrix(sentence, head)
            .rows(&(first..first + rows.len() / n_keys));
        product(&mut rows[seen.start..], n_keys, false, query, keys, self.scale);
    }

    /// What is added to the scores of a query.
    fn mask(&self, [sentence, head]: [usize; 2], query: usize, seen: &Range<usize>) -> Option<&[f32]> {
        let mask = self.mask.as_ref()?;
        Some(&mask.row(sentence, head, query, self.keys.length())[seen.clone()])
    }

    /// The index of a query's first probability among all, which dropout counts.
    fn index(&self, [sentence, head]: [usize; 2], query: usize) -> usize {
        let [_, n_heads, n_queries, _] = self.query.shape;
        ((sentence * n_heads + head) * n_queries + query) * self.keys.length()
    }

    /// The output, and of every query of every head the logarithm of the sum of its scores' exponentials.
    fn forward(&self) -> (Vec<f32>, Vec<f32>) {
        let [batch_size, n_heads, n_queries, head_size] = self.query.shape;
        let (n_keys, width) = (self.keys.length(), n_heads * head_size);
        let size = n_queries.min(BLOCK) * n_keys;
        let mut output = vec![0.0; batch_size * n_queries * width];
        let mut partitions = vec![0.0; batch_size * n_heads * n_queries];
        output
            .par_chunks_mut(n_queries * width)
            .zip(partitions.par_chunks_mut(n_heads * n_queries))
            .enumerate()
            .for_each(|(sentence, (output, partitions))| {
                let mut rows = vec![0.0; size];
                let mut room = vec![0.0; if self.dropped.is_some() { size } else { 0 }];
                for (first, n_rows, seen) in self.blocks(sentence) {
                    let rows = &mut rows[..n_rows * n_keys];
                    for head in 0..n_heads {
                        self.scores([sentence, head], first, &seen, rows);
                        let mut sums = [0.0; BLOCK];
                        for (i, row) in rows.chunks_exact_mut(n_keys).enumerate() {
                            let mask = self.mask([sentence, head], first + i, &seen);
                            let (largest, sum) = masked_exponentials(&mut row[seen.clone()], mask);
                            partitions[head * n_queries + first + i] = largest + sum.ln();
                            sums[i] = sum;
                        }
                        if let Some(dropped) = self.dropped {
                            let room = &mut room[..n_rows * n_keys];
                            dropped.fill(self.index([sentence, head], first), room);
                            for (row, factors) in rows.chunks_exact_mut(n_keys).zip(room.chunks_exact(n_keys)) {
                                multiply(&mut row[seen.clone()], &factors[seen.clone()]);
                            }
                        }
                        let rows = Matrix::new(rows, n_rows, n_keys).columns(&seen);
                        let values = self.values.matrix(sentence, head).rows(&seen);
                        let output = &mut output[first * width + head * head_size..];
                        product(output, width, false, rows, values, 1.0);
                        // Fewer numbers than there are probabilities.
                        for (i, sum) in sums[..n_rows].iter().enumerate() {
                            let scale = sum.recip();
                            output[i * width..][..head_size].iter_mut().for_each(|x| *x *= scale);
                        }
                    }
                }
            });
        (output, partitions)
    }

    /// Gradients of query, keys and values.
    fn backward(self, gradient: FlexTensor, partitions: &[f32]) -> [FlexTensor; 3] {
        let [batch_size, n_heads, n_queries, head_size] = self.query.shape;
        let (n_keys, width) = (self.keys.length(), n_heads * head_size);
        let size = n_queries.min(BLOCK) * n_keys;
        let gradient = compact(gradient);
        let gradient = Matrix::new(values(&gradient), batch_size * n_queries, width);
        let mut query = vec![0.0; batch_size * n_queries * width];
        let [mut keys, mut values] = [(); 2].map(|()| vec![0.0; batch_size * n_keys * width]);
        query
            .par_chunks_mut(n_queries * width)
            .zip(keys.par_chunks_mut(n_keys * width))
            .zip(values.par_chunks_mut(n_keys * width))
            .enumerate()
            .for_each(|(sentence, ((query, keys), values))| {
                let [mut rows, mut dropped, mut scores] = [(); 3].map(|()| vec![0.0; size]);
                for (first, n_rows, seen) in self.blocks(sentence) {
                    let [rows, dropped, scores] =
                        [&mut rows, &mut dropped, &mut scores].map(|room| &mut room[..n_rows * n_keys]);
                    let block = first..first + n_rows;
                    for head in 0..n_heads {
                        let column = head * head_size;
                        self.scores([sentence, head], first, &seen, rows);
                        for (i, row) in rows.chunks_exact_mut(n_keys).enumerate() {
                            let mask = self.mask([sentence, head], first + i, &seen);
                            let partition = partitions[(sentence * n_heads + head) * n_queries + first + i];
                            probabilities(&mut row[seen.clone()], mask, partition);
                        }
                        match self.dropped {
                            Some(mask) => mask.fill(self.index([sentence, head], first), dropped),
                            None => dropped.fill(1.0),
                        }
                        let begin = sentence * n_queries + first;
                        let output = gradient.rows(&(begin..begin + n_rows));
                        let output = output.columns(&(column..column + head_size));
                        let right = self.values.matrix(sentence, head).rows(&seen).transposed();
                        product(&mut scores[seen.start..], n_keys, false, output, right, 1.0);
                        let rows_of = scores.chunks_exact_mut(n_keys).zip(dropped.chunks_exact_mut(n_keys));
                        for ((scores, dropped), row) in rows_of.zip(rows.chunks_exact(n_keys)) {
                            let seen = || seen.clone();
                            softmax_backward(&mut scores[seen()], &mut dropped[seen()], &row[seen()]);
                        }
                        // By now the scores' gradient, and the dropped probabilities.
                        let scores = Matrix::new(scores, n_rows, n_keys).columns(&seen);
                        let dropped = Matrix::new(dropped, n_rows, n_keys).columns(&seen).transposed();
                        let of_keys = seen.start * width + column;
                        product(&mut values[of_keys..], width, true, dropped, output, 1.0);
                        let right = self.keys.matrix(sentence, head).rows(&seen);
                        let to_query = &mut query[first * width + column..];
                        product(to_query, width, false, scores, right, self.scale);
                        let right = self.query.matrix(sentence, head).rows(&block);
                        let to_keys = &mut keys[of_keys..];
                        product(to_keys, width, true, scores.transposed(), right, self.scale);
                    }
                }
            });
        [
            self.query.gradient(query),
            self.keys.gradient(keys),
            self.values.gradient(values),
        ]
    }
}

/// From the first to the last entry of a row of the mask that hides nothing for good; none where all do.
fn visible(mask: &[f32]) -> Option<Range<usize>> {
    let is_visible = |mask: &f32| *mask != f32::NEG_INFINITY;
    let first = mask.iter().position(is_visible)?;
    let last = mask.iter().rposition(is_visible)?;
    Some(first..last + 1)
}

vectorised! {
    /// Replaces scores by the exponentials of their distances from the largest; the largest and the sum.
    fn masked_exponentials(row: &mut [f32], mask: Option<&[f32]>) -> (f32, f32) {
        if let Some(mask) = mask {
            for (value, mask) in row.iter_mut().zip(mask) {
                *value += mask;
            }
        }
        let largest = largest(row);
        (largest, exponentials(row, largest))
    }
}

vectorised! {
    /// Replaces scores by probabilities, of which the logarithm of the exponentials' sum is known.
    fn probabilities(row: &mut [f32], mask: Option<&[f32]>, partition: f32) {
        match mask {
            Some(mask) => {
                for (value, mask) in row.iter_mut().zip(mask) {
                    *value = exp(*value + mask - partition);
                }
            }
            None => {
                for value in row {
                    *value = exp(*value - partition);
                }
            }
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
