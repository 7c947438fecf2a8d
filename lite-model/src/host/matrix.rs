//! Products of a few rows with a large matrix, whose columns are packed in panels of 16.
//!
//! A general matrix product packs its operands anew each time, which costs more than the product itself where there are
//! a handful of rows: the beams of a sentence. Here a panel `[d_input, 16]` lies in memory as it is read, and up to six
//! rows are multiplied with it at a time, their sums in registers. Where a model is in 8 bits, so is its matrix, and the
//! product is that of [`kernels::int8`](crate::kernels::int8), with panels as wide.

use std::sync::Arc;

use super::store::{Line, Place, Store, flat};
use crate::config::Activation;
use crate::kernels::int8::{Int8Matrix, Int8Rows};
use crate::simd::{Arithmetic, Kernel, exp, prefetch, vectorised};

/// Rows whose sums fit into the registers of a processor with sixteen.
pub(super) const TILE_ROWS: usize = 6;
/// The most panels of a run.
pub(super) const LONGEST_RUN: usize = 32;
/// What the second cache holds of them.
pub(super) const RUN_BYTES: usize = 1 << 17;
/// Lines that are fetched ahead of the one in use.
const AHEAD: usize = 16;

/// A matrix `[d_input, d_output]`, and a bias.
#[derive(Debug)]
pub(super) struct Matrix {
    weights: Weights,
    /// Filled up to whole panels.
    bias: Vec<f32>,
    pub(super) d_input: usize,
    pub(super) d_output: usize,
}

#[derive(Debug)]
enum Weights {
    Floats(Place),
    Int8(Arc<Int8Matrix>),
}

/// Rows side by side: row `i` begins at `i * stride`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    pub(super) n: usize,
}

/// Rows as a matrix multiplies them.
pub(super) enum Multiplicand<'a> {
    Floats(Rows<'a>),
    Int8(Int8Rows),
}

/// Where several threads write, each its own columns.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    start: *mut f32,
    stride: usize,
    n_rows: usize,
    lifetime: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: `Columns::row` obliges its callers to keep to columns of their own.
unsafe impl Sync for Columns<'_> {}

impl<'a> Columns<'a> {
    /// The columns from `first` on of rows of `stride` numbers.
    pub(super) fn new(values: &'a mut [f32], stride: usize, first: usize) -> Self {
        let n_rows = values.len() / stride;
        let first = first.min(values.len());
        Self {
            start: values[first..].as_mut_ptr(),
            stride,
            n_rows,
            lifetime: std::marker::PhantomData,
        }
    }

    /// `width` columns of a row, from `first` on.
    ///
    /// # Safety
    ///
    /// They lie within the row, and no other thread uses them meanwhile.
    #[inline(always)]
    pub(super) unsafe fn row(&self, row: usize, first: usize, width: usize) -> &'a mut [f32] {
        debug_assert!(row < self.n_rows && width <= self.stride);
        // SAFETY: within the slice that it was made of, by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride + first), width) }
    }
}

/// The sums of `R` rows with one panel, from `start` on. `FETCH` fetches what is not in the cache yet.
#[inline(always)]
pub(super) fn tile<A: Arithmetic, const R: usize, const FETCH: bool>(
    x: &[f32],
    stride: usize,
    panel: &[Line],
    start: &Line,
    out: &mut [Line],
) {
    #[cfg(target_arch = "x86_64")]
    if A::IS_AVX2 {
        // SAFETY: such arithmetic runs on a processor that has both.
        return unsafe { tile_avx2::<A, R, FETCH>(x, stride, panel, start, out) };
    }
    sums::<A, R, FETCH>(x, stride, panel, start, out);
}

/// A function of its own: inlined among other loops, the compiler kept some of the sums in memory, at a tenth of the speed.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_avx2<A: Arithmetic, const R: usize, const FETCH: bool>(
    x: &[f32],
    stride: usize,
    panel: &[Line],
    start: &Line,
    out: &mut [Line],
) {
    sums::<A, R, FETCH>(x, stride, panel, start, out);
}

#[inline(always)]
fn sums<A: Arithmetic, const R: usize, const FETCH: bool>(
    x: &[f32],
    stride: usize,
    panel: &[Line],
    start: &Line,
    out: &mut [Line],
) {
    let rows: [&[f32]; R] = std::array::from_fn(|r| &x[r * stride..][..panel.len()]);
    let mut sums = [start.0; R];
    for (k, line) in panel.iter().enumerate() {
        if FETCH {
            prefetch((line as *const Line).wrapping_add(AHEAD));
        }
        for r in 0..R {
            let x = rows[r][k];
            for (sum, weight) in sums[r].iter_mut().zip(&line.0) {
                *sum = A::mul_add(x, *weight, *sum);
            }
        }
    }
    for (out, sums) in out[..R].iter_mut().zip(sums) {
        out.0 = sums;
    }
}

/// Cuts `n` rows into tiles: `$body` is compiled for each number of rows, which it sees as the constant `R`.
macro_rules! each_tile {
    ($n:expr, $row:ident, $R:ident, $body:block) => {{
        let n: usize = $n;
        let mut $row = 0;
        while $row < n {
            match n - $row {
                1 => {
                    const $R: usize = 1;
                    $body
                }
                2 => {
                    const $R: usize = 2;
                    $body
                }
                3 => {
                    const $R: usize = 3;
                    $body
                }
                4 => {
                    const $R: usize = 4;
                    $body
                }
                5 => {
                    const $R: usize = 5;
                    $body
                }
                _ => {
                    const $R: usize = $crate::host::matrix::TILE_ROWS;
                    $body
                }
            }
            $row += $crate::host::matrix::TILE_ROWS;
        }
    }};
}
pub(super) use each_tile;

impl Matrix {
    /// Of values `[d_input, d_output]`, row by row.
    pub(super) fn pack(store: &mut Store, values: &[f32], d_input: usize, bias: Option<&[f32]>) -> Self {
        let d_output = values.len() / d_input;
        let place = store.take(d_output.div_ceil(Line::WIDTH) * d_input);
        let lines = store.lines_mut(&place);
        for (panel, lines) in lines.chunks_exact_mut(d_input).enumerate() {
            let first = panel * Line::WIDTH;
            let width = Line::WIDTH.min(d_output - first);
            for (line, row) in lines.iter_mut().zip(values.chunks_exact(d_output)) {
                line.0[..width].copy_from_slice(&row[first..first + width]);
            }
        }
        Self::new(Weights::Floats(place), d_input, d_output, bias)
    }

    /// Of the transposed matrix's values, `[d_output, d_input]` row by row.
    pub(super) fn pack_transposed(store: &mut Store, values: &[f32], d_input: usize) -> Self {
        let d_output = values.len() / d_input;
        let place = store.take(d_output.div_ceil(Line::WIDTH) * d_input);
        let panels = store.lines_mut(&place).chunks_exact_mut(d_input);
        for (lines, rows) in panels.zip(values.chunks(Line::WIDTH * d_input)) {
            for (column, row) in rows.chunks_exact(d_input).enumerate() {
                for (line, value) in lines.iter_mut().zip(row) {
                    line.0[column] = *value;
                }
            }
        }
        Self::new(Weights::Floats(place), d_input, d_output, None)
    }

    /// A matrix in 8 bits, as it is.
    pub(super) fn int8(weights: Arc<Int8Matrix>, bias: Option<&[f32]>) -> Self {
        let (d_input, d_output) = (weights.d_input(), weights.d_output());
        Self::new(Weights::Int8(weights), d_input, d_output, bias)
    }

    fn new(weights: Weights, d_input: usize, d_output: usize, bias: Option<&[f32]>) -> Self {
        let mut bias = bias.unwrap_or_default().to_vec();
        bias.resize(d_output.next_multiple_of(Line::WIDTH), 0.0);
        Self {
            weights,
            bias,
            d_input,
            d_output,
        }
    }

    pub(super) fn n_panels(&self) -> usize {
        self.bias.len() / Line::WIDTH
    }

    /// Column `column`, times `scale`.
    pub(super) fn column(&self, store: &Store, column: usize, scale: f32, out: &mut [f32]) {
        let place = match &self.weights {
            Weights::Floats(place) => place,
            Weights::Int8(weights) => {
                weights.channel(column, out);
                return out.iter_mut().for_each(|x| *x *= scale);
            }
        };
        let panel = column / Line::WIDTH * self.d_input;
        let lines = &store.lines(place)[panel..panel + self.d_input];
        for (out, line) in out.iter_mut().zip(lines) {
            *out = scale * line.0[column % Line::WIDTH];
        }
    }

    /// Writes the product with `x` to the columns of `panels`, which no other thread may use meanwhile.
    pub(super) fn multiply(
        &self,
        store: &Store,
        x: Rows<'_>,
        panels: std::ops::Range<usize>,
        activation: Activation,
        out: Columns<'_>,
    ) {
        assert!(x.n <= out.n_rows && panels.end <= self.n_panels());
        let place = match &self.weights {
            Weights::Floats(place) => place,
            Weights::Int8(weights) => {
                let rows = weights.quantise(x.values, x.stride, x.n);
                return weights.multiply(&rows, panels, Some(self.own_bias()), |row, first, values| {
                    // SAFETY: the columns of a panel of this thread's.
                    let out = unsafe { out.row(row, first, values.len()) };
                    vectorised(Activate {
                        activation,
                        values,
                        out,
                    });
                });
            }
        };
        vectorised(Multiply {
            matrix: self,
            lines: store.lines(place),
            x,
            panels,
            activation,
            out,
        });
    }

    /// Runs of columns that [`multiply_into`](Self::multiply_into) computes at a time.
    pub(super) fn n_runs(&self) -> usize {
        self.n_panels().div_ceil(self.panels_of_run())
    }

    fn panels_of_run(&self) -> usize {
        let n_bytes = match self.weights {
            Weights::Floats(_) => size_of::<Line>(),
            Weights::Int8(_) => Line::WIDTH,
        };
        (RUN_BYTES / (self.d_input * n_bytes)).clamp(1, LONGEST_RUN)
    }

    /// Makes rows ready for [`multiply_into`](Self::multiply_into), once for all runs.
    pub(super) fn multiplicand<'a>(&self, x: Rows<'a>) -> Multiplicand<'a> {
        match &self.weights {
            Weights::Floats(_) => Multiplicand::Floats(x),
            Weights::Int8(weights) => Multiplicand::Int8(weights.quantise(x.values, x.stride, x.n)),
        }
    }

    /// Gives the product with `x`, of the columns of run `run`, to `take(row, first_column, values)`, a row after the other.
    pub(super) fn multiply_into(
        &self,
        store: &Store,
        x: &Multiplicand<'_>,
        run: usize,
        take: impl FnMut(usize, usize, &[f32]),
    ) {
        let first = run * self.panels_of_run();
        let panels = first..self.n_panels().min(first + self.panels_of_run());
        match (&self.weights, x) {
            (Weights::Floats(place), Multiplicand::Floats(x)) => vectorised(MultiplyInto {
                matrix: self,
                lines: store.lines(place),
                x: *x,
                panels,
                take,
            }),
            (Weights::Int8(weights), Multiplicand::Int8(rows)) => {
                weights.multiply(rows, panels, Some(self.own_bias()), take);
            }
            _ => unreachable!("a multiplicand is its matrix's"),
        }
    }

    fn own_bias(&self) -> &[f32] {
        &self.bias[..self.d_output]
    }

    #[inline(always)]
    fn bias(&self, panel: usize) -> Line {
        let (bias, _) = self.bias.as_chunks();
        Line(bias[panel])
    }
}

struct Multiply<'a> {
    matrix: &'a Matrix,
    lines: &'a [Line],
    x: Rows<'a>,
    panels: std::ops::Range<usize>,
    activation: Activation,
    out: Columns<'a>,
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self { matrix, x, .. } = self;
        for panel in self.panels {
            let lines = &self.lines[panel * matrix.d_input..][..matrix.d_input];
            let bias = matrix.bias(panel);
            let first = panel * Line::WIDTH;
            let width = Line::WIDTH.min(matrix.d_output - first);
            let mut sums = [Line::ZERO; TILE_ROWS];
            each_tile!(x.n, row, R, {
                let values = &x.values[row * x.stride..];
                if row == 0 {
                    tile::<A, R, true>(values, x.stride, lines, &bias, &mut sums);
                } else {
                    tile::<A, R, false>(values, x.stride, lines, &bias, &mut sums);
                }
                for (r, sum) in sums[..R].iter_mut().enumerate() {
                    activate(self.activation, sum);
                    // SAFETY: the columns of a panel of this thread's.
                    let out = unsafe { self.out.row(row + r, first, width) };
                    out.copy_from_slice(&sum.0[..width]);
                }
            });
        }
    }
}

/// Values of a row through a non-linearity.
struct Activate<'a> {
    activation: Activation,
    values: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let (values, rest) = self.values.as_chunks::<{ Line::WIDTH }>();
        let (out, out_rest) = self.out.as_chunks_mut::<{ Line::WIDTH }>();
        for (values, out) in values.iter().zip(out) {
            let mut line = Line(*values);
            activate(self.activation, &mut line);
            *out = line.0;
        }
        let mut line = Line::ZERO;
        line.0[..rest.len()].copy_from_slice(rest);
        activate(self.activation, &mut line);
        out_rest.copy_from_slice(&line.0[..rest.len()]);
    }
}

#[inline(always)]
fn activate(activation: Activation, x: &mut Line) {
    match activation {
        Activation::Linear => {}
        Activation::Relu => x.0 = x.0.map(|x| if x > 0.0 { x } else { 0.0 }),
        Activation::Tanh => x.0 = x.0.map(f32::tanh),
        Activation::GeluTanh => {
            let scale = (2.0 / std::f32::consts::PI).sqrt();
            x.0 =
                x.0.map(|x| 0.5 * x * (1.0 + (scale * (x + 0.044715 * x * x * x)).tanh()));
        }
        // `HostModel::computes` leaves such models to the tensors.
        Activation::Gelu => unreachable!("the error function is not here"),
    }
}

struct MultiplyInto<'a, F> {
    matrix: &'a Matrix,
    lines: &'a [Line],
    x: Rows<'a>,
    panels: std::ops::Range<usize>,
    take: F,
}

impl<F: FnMut(usize, usize, &[f32])> Kernel for MultiplyInto<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) {
        let (matrix, x) = (self.matrix, self.x);
        let mut found = [Line::ZERO; LONGEST_RUN * TILE_ROWS];
        let mut row_of_found = [Line::ZERO; LONGEST_RUN];
        let first = self.panels.start * Line::WIDTH;
        let width = (self.panels.len() * Line::WIDTH).min(matrix.d_output - first);
        each_tile!(x.n, row, R, {
            for (place, panel) in self.panels.clone().enumerate() {
                let lines = &self.lines[panel * matrix.d_input..][..matrix.d_input];
                let bias = matrix.bias(panel);
                let values = &x.values[row * x.stride..];
                let found = &mut found[place * TILE_ROWS..];
                if row == 0 {
                    tile::<A, R, true>(values, x.stride, lines, &bias, found);
                } else {
                    tile::<A, R, false>(values, x.stride, lines, &bias, found);
                }
            }
            for r in 0..R {
                for (place, line) in row_of_found[..self.panels.len()].iter_mut().enumerate() {
                    *line = found[place * TILE_ROWS + r];
                }
                (self.take)(row + r, first, &flat(&row_of_found)[..width]);
            }
        });
    }
}

/// `value * sigmoid(gate)` of rows `[value, gate]`, columns `range` of the halves.
pub(super) struct Gate<'a> {
    pub(super) x: Rows<'a>,
    pub(super) channels: usize,
    pub(super) range: std::ops::Range<usize>,
    pub(super) out: Columns<'a>,
}

impl Kernel for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for row in 0..self.x.n {
            let x = &self.x.values[row * self.x.stride..];
            let values = &x[self.range.clone()];
            let gates = &x[self.channels..][self.range.clone()];
            // SAFETY: the columns of this thread's range.
            let out = unsafe { self.out.row(row, self.range.start, self.range.len()) };
            for (out, (value, gate)) in out.iter_mut().zip(values.iter().zip(gates)) {
                *out = value / (1.0 + exp::<A>(-gate));
            }
        }
    }
}

#[cfg(test)]
mod tests;
