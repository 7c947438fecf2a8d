//! Lightweight and dynamic convolution with its softmax and dropout, vectorised over channels (and over taps, where the
//! gradient of taps is computed).
//!
//! A sentence's head is laid out with zeros around its ends, so that no tap asks whether it falls outside, and with its
//! channels filled up to whole vectors, so that heads of 25 or 62 channels have no rest.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::array::{BLOCK, compact, tensor, values};
use super::graph::{open, record};
use super::mask::Mask;
use super::vector::{exp, multiply, vectorised};

/// Channels or taps are filled up to a multiple of this.
const VECTOR: usize = 8;
/// Channels or taps that are accumulated at a time, in registers.
const WIDE: usize = 32;

/// Taps of a convolution.
pub(super) enum Taps {
    /// Of every position, `[batch_size, length, n_heads * kernel_size]`; a softmax over those of a head, where wanted,
    /// and dropout are still to come.
    Dynamic {
        taps: Tensor<3>,
        has_softmax: bool,
        dropped: Option<Mask>,
    },
    /// The same everywhere and as they are used, `[n_heads, kernel_size]`.
    Shared(Tensor<2>),
}

/// `output[t] = sum over k of taps[t, k] * input[t + k - left]`, zeros outside, taps shared by the channels of a head.
///
/// # Shapes
///
/// - input, output: `[batch_size, length, channels]`
pub(super) fn convolve(input: Tensor<3>, taps: Taps, n_heads: usize, kernel_size: usize, left: usize) -> Tensor<3> {
    let [batch_size, length, channels] = input.dims();
    let shape = Shape {
        length,
        channels,
        n_heads,
        kernel_size,
        left,
    };
    let (input, input_node) = open(input);
    let input = compact(input);
    let (taps, taps_node, dropped, has_softmax, is_shared) = match taps {
        Taps::Dynamic {
            taps,
            has_softmax,
            dropped,
        } => {
            let (taps, node) = open(taps);
            (taps, node, dropped, has_softmax, false)
        }
        Taps::Shared(taps) => {
            let (taps, node) = open(taps);
            (taps, node, None, false, true)
        }
    };
    let mut taps = compact(taps);
    if has_softmax {
        let mut normal = values(&taps).to_vec();
        normal
            .par_chunks_mut(BLOCK * n_heads * kernel_size)
            .for_each(|taps| softmax_rows(taps, kernel_size));
        taps = tensor(normal, [batch_size, length, n_heads * kernel_size]);
    }
    let saved = Saved {
        input,
        taps,
        shape,
        dropped,
        has_softmax,
        is_shared,
    };
    let output = tensor(saved.forward(), [batch_size, length, channels]);
    record([input_node, taps_node], output, move |gradient, _| {
        let (input, taps) = saved.backward(gradient);
        let taps = if is_shared {
            tensor(taps, [n_heads, kernel_size])
        } else {
            tensor(taps, [batch_size, length, n_heads * kernel_size])
        };
        [Some(tensor(input, [batch_size, length, channels])), Some(taps)]
    })
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    length: usize,
    channels: usize,
    n_heads: usize,
    kernel_size: usize,
    left: usize,
}

impl Shape {
    fn head_size(&self) -> usize {
        self.channels / self.n_heads
    }

    /// Channels of a head, filled up.
    fn head_width(&self) -> usize {
        self.head_size().next_multiple_of(VECTOR)
    }

    /// Rows of a head with the zeros around it.
    fn n_padded(&self) -> usize {
        self.length + self.kernel_size - 1
    }

    /// Taps of all heads at one position.
    fn n_taps(&self) -> usize {
        self.n_heads * self.kernel_size
    }
}

/// What both passes work on.
struct Saved {
    input: FlexTensor,
    /// After the softmax, before dropout.
    taps: FlexTensor,
    shape: Shape,
    dropped: Option<Mask>,
    has_softmax: bool,
    is_shared: bool,
}

impl Saved {
    /// Taps of a sentence as they are used, from one position to the next `stride` apart.
    fn used_taps<'a>(&'a self, sentence: usize, room: &'a mut Vec<f32>) -> (&'a [f32], usize) {
        let all = values(&self.taps);
        if self.is_shared {
            return (all, 0);
        }
        let size = self.shape.length * self.shape.n_taps();
        let taps = &all[sentence * size..(sentence + 1) * size];
        let Some(mask) = self.dropped else {
            return (taps, self.shape.n_taps());
        };
        room.resize(size, 0.0);
        mask.fill(sentence * size, room);
        multiply(room, taps);
        (room, self.shape.n_taps())
    }

    fn forward(&self) -> Vec<f32> {
        let shape = self.shape;
        let size = shape.length * shape.channels;
        let mut output = vec![0.0; values(&self.input).len()];
        output.par_chunks_mut(size).enumerate().for_each(|(sentence, output)| {
            let mut room = Vec::new();
            let (taps, stride) = self.used_taps(sentence, &mut room);
            let input = &values(&self.input)[sentence * size..(sentence + 1) * size];
            let mut rows = vec![0.0; shape.n_padded() * shape.head_width()];
            for head in 0..shape.n_heads {
                lay_out(&mut rows, input, &shape, head, shape.left);
                convolve_head(output, &rows, taps, stride, &shape, head);
            }
        });
        output
    }

    /// Gradients of input and taps.
    fn backward(self, gradient: FlexTensor) -> (Vec<f32>, Vec<f32>) {
        let shape = self.shape;
        let (size, n_taps) = (shape.length * shape.channels, shape.length * shape.n_taps());
        let gradient = compact(gradient);
        let gradient = values(&gradient);
        let batch_size = gradient.len() / size;
        let mut input = vec![0.0; gradient.len()];
        // Of shared taps a sentence has its own sums, added up in order.
        let taps_size = if self.is_shared { shape.n_taps() } else { n_taps };
        let mut taps = vec![0.0; batch_size * taps_size];
        input
            .par_chunks_mut(size)
            .zip(taps.par_chunks_mut(taps_size))
            .enumerate()
            .for_each(|(sentence, (to_input, to_taps))| {
                let mut room = Vec::new();
                let (used, stride) = self.used_taps(sentence, &mut room);
                let here = sentence * size..(sentence + 1) * size;
                let (input, gradient) = (&values(&self.input)[here.clone()], &gradient[here]);
                let mut rows = vec![0.0; shape.n_padded() * shape.head_width()];
                let n_columns = (shape.length + shape.kernel_size).next_multiple_of(VECTOR) + WIDE;
                let mut columns = vec![0.0; shape.head_size() * n_columns];
                for head in 0..shape.n_heads {
                    // With the taps reversed the gradient of the input is a convolution too; a reversed diagonal walks
                    // through the taps of neighbouring positions.
                    lay_out(&mut rows, gradient, &shape, head, shape.kernel_size - 1 - shape.left);
                    correlate_head(to_input, &rows, used, stride, &shape, head);
                    lay_out_columns(&mut columns, input, &shape, head, n_columns);
                    taps_of_head(to_taps, &columns, gradient, stride, &shape, head, n_columns);
                }
                if let Some(mask) = self.dropped {
                    room.resize(n_taps, 0.0);
                    mask.fill(sentence * n_taps, &mut room);
                    multiply(to_taps, &room);
                }
                if self.has_softmax {
                    let normal = &values(&self.taps)[sentence * n_taps..(sentence + 1) * n_taps];
                    softmax_rows_backward(to_taps, normal, shape.kernel_size);
                }
            });
        if self.is_shared {
            let mut total = vec![0.0; taps_size];
            for part in taps.chunks_exact(taps_size) {
                total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            }
            taps = total;
        }
        (input, taps)
    }
}

/// The channels of a head with `before` rows of zeros in front.
fn lay_out(rows: &mut [f32], values: &[f32], shape: &Shape, head: usize, before: usize) {
    let (size, width) = (shape.head_size(), shape.head_width());
    let begin = head * size;
    for (row, values) in rows
        .chunks_exact_mut(width)
        .skip(before)
        .zip(values.chunks_exact(shape.channels))
    {
        row[..size].copy_from_slice(&values[begin..begin + size]);
    }
}

/// The same with a channel a row.
fn lay_out_columns(columns: &mut [f32], values: &[f32], shape: &Shape, head: usize, n_columns: usize) {
    let begin = head * shape.head_size();
    for (t, values) in values.chunks_exact(shape.channels).enumerate() {
        let values = &values[begin..begin + shape.head_size()];
        for (row, value) in columns.chunks_exact_mut(n_columns).zip(values) {
            row[shape.left + t] = *value;
        }
    }
}

vectorised! {
    fn convolve_head(output: &mut [f32], rows: &[f32], taps: &[f32], stride: usize, shape: &Shape, head: usize) {
        let width = shape.head_width();
        for t in 0..shape.length {
            let taps = &taps[t * stride + head * shape.kernel_size..][..shape.kernel_size];
            let output = &mut output[t * shape.channels + head * shape.head_size()..][..shape.head_size()];
            combine(output, &rows[t * width..], width, |k| taps[k], shape.kernel_size);
        }
    }
}

vectorised! {
    /// `output[s] = sum over k of taps[s + left - k, k] * gradient[s + left - k]`, rows laid out so that the row of `k`
    /// counted from the last is `s + kernel_size - 1 - k`.
    fn correlate_head(output: &mut [f32], rows: &[f32], taps: &[f32], stride: usize, shape: &Shape, head: usize) {
        let width = shape.head_width();
        let last = shape.kernel_size - 1;
        for s in 0..shape.length {
            let output = &mut output[s * shape.channels + head * shape.head_size()..][..shape.head_size()];
            let tap = |j: usize| {
                // Outside the sentence the row is zero, whatever the tap.
                let k = last - j;
                let t = (s + shape.left).saturating_sub(k).min(shape.length - 1);
                taps[t * stride + head * shape.kernel_size + k]
            };
            combine(output, &rows[s * width..], width, tap, shape.kernel_size);
        }
    }
}

/// The sum of the first `n` rows, each times its factor.
#[inline(always)]
fn combine(output: &mut [f32], rows: &[f32], width: usize, factor: impl Fn(usize) -> f32, n: usize) {
    let mut done = 0;
    while done < output.len() {
        let left = output.len() - done;
        if left > WIDE - VECTOR {
            combine_block::<WIDE>(&mut output[done..], &rows[done..], width, &factor, n);
            done += WIDE;
        } else if left > VECTOR {
            combine_block::<{ 2 * VECTOR }>(&mut output[done..], &rows[done..], width, &factor, n);
            done += 2 * VECTOR;
        } else {
            combine_block::<VECTOR>(&mut output[done..], &rows[done..], width, &factor, n);
            done += VECTOR;
        }
    }
}

#[inline(always)]
fn combine_block<const N: usize>(
    output: &mut [f32],
    rows: &[f32],
    width: usize,
    factor: &impl Fn(usize) -> f32,
    n: usize,
) {
    let mut total = [0f32; N];
    for k in 0..n {
        let (factor, row) = (factor(k), &rows[k * width..][..N]);
        for lane in 0..N {
            total[lane] += factor * row[lane];
        }
    }
    let n_output = output.len().min(N);
    output[..n_output].copy_from_slice(&total[..n_output]);
}

vectorised! {
    /// `taps[t, k] += sum over c of gradient[t, c] * columns[c, t + k]`
    fn taps_of_head(
        taps: &mut [f32],
        columns: &[f32],
        gradient: &[f32],
        stride: usize,
        shape: &Shape,
        head: usize,
        n_columns: usize,
    ) {
        let size = shape.head_size();
        for t in 0..shape.length {
            let gradient = &gradient[t * shape.channels + head * size..][..size];
            let taps = &mut taps[t * stride + head * shape.kernel_size..][..shape.kernel_size];
            let mut done = 0;
            while done < taps.len() {
                let (taps, columns) = (&mut taps[done..], &columns[t + done..]);
                if taps.len() > 2 * VECTOR {
                    taps_block::<WIDE>(taps, columns, gradient, n_columns);
                    done += WIDE;
                } else if taps.len() > VECTOR {
                    taps_block::<{ 2 * VECTOR }>(taps, columns, gradient, n_columns);
                    done += 2 * VECTOR;
                } else {
                    taps_block::<VECTOR>(taps, columns, gradient, n_columns);
                    done += VECTOR;
                }
            }
        }
    }
}

#[inline(always)]
fn taps_block<const N: usize>(taps: &mut [f32], columns: &[f32], gradient: &[f32], n_columns: usize) {
    let mut total = [0f32; N];
    for (c, gradient) in gradient.iter().enumerate() {
        let row = &columns[c * n_columns..][..N];
        for lane in 0..N {
            total[lane] += gradient * row[lane];
        }
    }
    for (tap, total) in taps.iter_mut().zip(total) {
        *tap += total;
    }
}

vectorised! {
    /// Softmax of rows that may be shorter than a vector: the exponentials are those of all rows at once.
    fn softmax_rows(rows: &mut [f32], width: usize) {
        for row in rows.chunks_exact_mut(width) {
            let mut largest = f32::NEG_INFINITY;
            for value in row.iter() {
                largest = if *value > largest { *value } else { largest };
            }
            for value in row.iter_mut() {
                *value -= largest;
            }
        }
        for value in rows.iter_mut() {
            *value = exp(*value);
        }
        for row in rows.chunks_exact_mut(width) {
            let scale = 1.0 / row.iter().sum::<f32>();
            for value in row.iter_mut() {
                *value *= scale;
            }
        }
    }
}

vectorised! {
    fn softmax_rows_backward(gradient: &mut [f32], normal: &[f32], width: usize) {
        for (gradient, row) in gradient.chunks_exact_mut(width).zip(normal.chunks_exact(width)) {
            let mut along = 0.0;
            for (gradient, value) in gradient.iter().zip(row) {
                along += gradient * value;
            }
            for (gradient, value) in gradient.iter_mut().zip(row) {
                *gradient = value * (*gradient - along);
            }
        }
    }
}
