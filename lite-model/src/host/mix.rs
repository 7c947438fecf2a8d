//! What a step computes between the products with weights: attention to the past and to the source, convolution over the
//! past, layer norm. Each is a share of a few heads, so that threads can divide it.

use std::ops::Range;

use super::matrix::{Columns, Rows, TILE_ROWS, each_tile, tile};
use super::past::Past;
use super::store::{Line, Place, Store};
use crate::simd::{Arithmetic, Kernel, LANES, add_scaled, dot, softmax, sum_lanes};

/// Attention of the present position to itself and all before.
pub(super) struct SelfAttention<'a> {
    /// `[rows, channels]`, not scaled yet.
    pub(super) queries: Rows<'a>,
    /// Its part `part` is `[rows, keys and values]`.
    pub(super) past: &'a Past,
    pub(super) part: usize,
    pub(super) channels: usize,
    pub(super) head_size: usize,
    pub(super) rows: Range<usize>,
    pub(super) heads: Range<usize>,
    pub(super) out: Columns<'a>,
}

/// Rows whose scores are kept at a time: as many as the first cache holds, for most lengths.
const ROWS_AT_ONCE: usize = 16;

impl Kernel for SelfAttention<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let scale = (self.head_size as f32).sqrt().recip();
        let n_steps = self.past.n_steps();
        let channels = self.heads.start * self.head_size..self.heads.end * self.head_size;
        let n_scores = self.heads.len() * n_steps;
        let mut scores = vec![0.0; n_scores * self.rows.len().min(ROWS_AT_ONCE)];
        for first in self.rows.clone().step_by(ROWS_AT_ONCE) {
            let rows = first..self.rows.end.min(first + ROWS_AT_ONCE);
            // Step by step, all rows and heads of each: so memory is read as it lies, and not a cache line here and there.
            for step in 0..n_steps {
                for (row, scores) in rows.clone().zip(scores.chunks_exact_mut(n_scores)) {
                    let keys = &self.past.ancestor(row, self.part, step)[channels.clone()];
                    let query = &self.queries.values[row * self.queries.stride..][channels.clone()];
                    let heads = query
                        .chunks_exact(self.head_size)
                        .zip(keys.chunks_exact(self.head_size));
                    for (head, (query, keys)) in heads.enumerate() {
                        scores[head * n_steps + step] = scale * dot::<A>(query, keys);
                    }
                }
            }
            scores[..rows.len() * n_scores]
                .chunks_exact_mut(n_steps)
                .for_each(softmax::<A>);
            // SAFETY: rows or columns of this thread's.
            let out = |row| unsafe { self.out.row(row, channels.start, channels.len()) };
            rows.clone().for_each(|row| out(row).fill(0.0));
            for step in 0..n_steps {
                for (row, scores) in rows.clone().zip(scores.chunks_exact(n_scores)) {
                    let values = &self.past.ancestor(row, self.part, step)[self.channels..][channels.clone()];
                    let heads = out(row).chunks_exact_mut(self.head_size);
                    for (head, (out, values)) in heads.zip(values.chunks_exact(self.head_size)).enumerate() {
                        add_scaled::<A>(out, scores[head * n_steps + step], values);
                    }
                }
            }
        }
    }
}

/// Keys and values of one source, padding left out, laid out so that the beams of a sentence multiply with both as with
/// packed matrices: for each head keys `[head_size, positions]` and values `[positions, head_size]`.
#[derive(Debug)]
pub(super) struct SourceMemory {
    place: Place,
    pub(super) n_positions: usize,
    head_size: usize,
}

impl SourceMemory {
    /// Of a row of `2 * channels` for each position: keys, then values.
    pub(super) fn new(store: &mut Store, keys_values: &[&[f32]], channels: usize, head_size: usize) -> Self {
        let n_positions = keys_values.len();
        let n_heads = channels / head_size;
        let n_keys = n_positions.div_ceil(Line::WIDTH) * head_size;
        let n_lines = lines_of_head(n_positions, head_size);
        let place = store.take(n_heads * n_lines);
        for (head, lines) in store.lines_mut(&place).chunks_exact_mut(n_lines).enumerate() {
            let (keys, values) = lines.split_at_mut(n_keys);
            for (position, row) in keys_values.iter().enumerate() {
                let (panel, lane) = (position / Line::WIDTH, position % Line::WIDTH);
                for i in 0..head_size {
                    keys[panel * head_size + i].0[lane] = row[head * head_size + i];
                    values[i / Line::WIDTH * n_positions + position].0[i % Line::WIDTH] =
                        row[channels + head * head_size + i];
                }
            }
        }
        Self {
            place,
            n_positions,
            head_size,
        }
    }

    fn position_panels(&self) -> usize {
        self.n_positions.div_ceil(Line::WIDTH)
    }
}

/// Lines of the keys and values of a head.
fn lines_of_head(n_positions: usize, head_size: usize) -> usize {
    n_positions.div_ceil(Line::WIDTH) * head_size + head_size.div_ceil(Line::WIDTH) * n_positions
}

/// Attention of the rows of one sentence to its source.
pub(super) struct CrossAttention<'a> {
    /// `[rows, channels]`, not scaled yet; those of the sentence are `rows`.
    pub(super) queries: Rows<'a>,
    pub(super) rows: Range<usize>,
    /// Where `memory` is.
    pub(super) store: &'a Store,
    pub(super) memory: &'a SourceMemory,
    pub(super) heads: Range<usize>,
    pub(super) out: Columns<'a>,
    /// Probabilities added up over heads, `[rows, stride]`, where they are wanted.
    pub(super) attention: Option<(&'a mut [f32], usize)>,
    pub(super) scores: &'a mut Vec<f32>,
}

impl Kernel for CrossAttention<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) {
        let memory = self.memory;
        let (head_size, n_positions) = (memory.head_size, memory.n_positions);
        let scale = (head_size as f32).sqrt().recip();
        let stride = memory.position_panels() * Line::WIDTH;
        self.scores.resize(stride * TILE_ROWS, 0.0);
        let (rows, queries) = (self.rows.clone(), self.queries);
        let mut found = [Line::ZERO; TILE_ROWS];
        let (all, n_lines) = (self.store.lines(&memory.place), lines_of_head(n_positions, head_size));
        for head in self.heads.clone() {
            let lines = &all[head * n_lines..][..n_lines];
            let (keys, values) = lines.split_at(memory.position_panels() * head_size);
            each_tile!(rows.len(), row, R, {
                let first_row = rows.start + row;
                let x = &queries.values[first_row * queries.stride + head * head_size..];
                for (panel, keys) in keys.chunks_exact(head_size).enumerate() {
                    tile::<A, R, false>(x, queries.stride, keys, &Line::ZERO, &mut found);
                    for (r, found) in found[..R].iter().enumerate() {
                        let scores = &mut self.scores[r * stride + panel * Line::WIDTH..][..Line::WIDTH];
                        for (score, found) in scores.iter_mut().zip(&found.0) {
                            *score = scale * found;
                        }
                    }
                }
                for r in 0..R {
                    let scores = &mut self.scores[r * stride..][..n_positions];
                    softmax::<A>(scores);
                    if let Some((attention, stride)) = &mut self.attention {
                        add_scaled::<A>(&mut attention[(first_row + r) * *stride..][..n_positions], 1.0, scores);
                    }
                }
                for (panel, values) in values.chunks_exact(n_positions).enumerate() {
                    tile::<A, R, false>(self.scores, stride, values, &Line::ZERO, &mut found);
                    let first = panel * Line::WIDTH;
                    let width = Line::WIDTH.min(head_size - first);
                    for (r, found) in found[..R].iter().enumerate() {
                        // SAFETY: the columns of a head of this thread's.
                        let out = unsafe { self.out.row(first_row + r, head * head_size + first, width) };
                        out.copy_from_slice(&found.0[..width]);
                    }
                }
            });
        }
    }
}

/// A convolution at the present position, or at every position of a few sentences.
pub(super) struct Convolve<'t, 'a, W> {
    /// Taps of every row, `[rows, n_heads * kernel_size]`, or of all of them.
    pub(super) taps: &'t mut [f32],
    pub(super) is_computed: bool,
    pub(super) has_softmax: bool,
    pub(super) kernel_size: usize,
    /// Lists what a row's taps weigh, and says which tap is the first that weighs something.
    pub(super) window: W,
    pub(super) rows: Range<usize>,
    pub(super) head_size: usize,
    pub(super) n_heads: usize,
    pub(super) out: Columns<'a>,
}

impl<'a, W: Fn(usize, &mut Vec<&'a [f32]>) -> usize> Kernel for Convolve<'_, 'a, W> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let mut line = Vec::with_capacity(self.kernel_size);
        let width = self.n_heads * self.kernel_size;
        for (i, row) in self.rows.enumerate() {
            let first = (self.window)(row, &mut line);
            let place = if self.is_computed { i * width } else { 0 };
            let taps = &mut self.taps[place..place + width];
            for (head, taps) in taps.chunks_exact_mut(self.kernel_size).enumerate() {
                if self.is_computed && self.has_softmax {
                    softmax::<A>(taps);
                }
                let channels = head * self.head_size..(head + 1) * self.head_size;
                // SAFETY: a row of this thread's.
                let out = unsafe { self.out.row(row, channels.start, self.head_size) };
                out.fill(0.0);
                for (tap, values) in taps[first..].iter().zip(&line) {
                    add_scaled::<A>(out, *tap, &values[channels.clone()]);
                }
            }
        }
    }
}

/// A layer norm's weights.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

/// `x + y`, `norm(x)`, or `norm(x + y)`, row by row in place.
pub(super) struct AddNorm<'a> {
    pub(super) x: &'a mut [f32],
    pub(super) y: Option<&'a [f32]>,
    pub(super) norm: Option<&'a Norm>,
    pub(super) width: usize,
}

impl Kernel for AddNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        if let Some(y) = self.y {
            for (x, y) in self.x.iter_mut().zip(y) {
                *x += y;
            }
        }
        let Some(norm) = self.norm else { return };
        for x in self.x.chunks_exact_mut(self.width) {
            let mean = sum(x, |x| x) / self.width as f32;
            let variance = sum(x, |x| (x - mean) * (x - mean)) / self.width as f32;
            let factor = (variance + 1e-5).sqrt().recip();
            for (x, (scale, shift)) in x.iter_mut().zip(norm.scale.iter().zip(&norm.shift)) {
                *x = A::mul_add((*x - mean) * factor, *scale, *shift);
            }
        }
    }
}

#[inline(always)]
fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f(*x);
        }
    }
    sum_lanes(lanes) + rest.iter().map(|x| f(*x)).sum::<f32>()
}
