//! The product of rows with packed weights.

use std::ops::Range;

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::pack::{PANEL, Shape};
use super::quantise::{Step, inputs};
#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{Int8Matrix, Kernel, portable};

/// Bytes of inputs, and of weights, that are multiplied with each other before the next: what the second cache holds.
const BLOCK_BYTES: usize = 128 << 10;

/// Panels of which a row gets its outputs at a time.
const MAX_PANELS: usize = 32;

/// Rows in integers, for the matrices of as many inputs.
#[derive(Debug)]
pub struct Int8Rows {
    values: Vec<u8>,
    steps: Vec<Step>,
    width: usize,
}

impl Int8Matrix {
    /// The product of every row of `input` with every channel, plus `bias`.
    ///
    /// # Shapes
    ///
    /// - input: `[rows, d_input]`
    /// - bias: `[d_output]`
    /// - output: `[rows, d_output]`, which is overwritten
    ///
    /// # Panics
    ///
    /// A length is another.
    pub fn product(&self, input: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        let Shape { d_output, d_input, .. } = self.shape;
        if output.is_empty() {
            return;
        }
        let n_rows = output.len() / d_output;
        assert_eq!((input.len(), output.len()), (n_rows * d_input, n_rows * d_output));
        let step = BLOCK_BYTES / self.shape.padded_input().max(1);
        let step = step.next_multiple_of(4).max(4);
        for first in (0..n_rows).step_by(step) {
            let rows = first..n_rows.min(first + step);
            let inputs = self.quantise(&input[rows.start * d_input..], d_input, rows.len());
            let output = &mut output[rows.start * d_output..];
            self.multiply(&inputs, 0..self.n_panels(), bias, |row, channel, values| {
                output[row * d_output + channel..][..values.len()].copy_from_slice(values);
            });
        }
    }

    /// Quantises `n_rows` rows of `d_input` numbers, of which each begins `stride` behind the one before.
    ///
    /// # Panics
    ///
    /// `input` has not so many.
    pub fn quantise(&self, input: &[f32], stride: usize, n_rows: usize) -> Int8Rows {
        let width = self.shape.padded_input();
        let task = Quantise {
            shape: self.shape,
            input,
            stride,
            n_rows,
        };
        let (values, steps) = match self.kernel {
            // SAFETY: a matrix is only ever packed for a kernel that is available.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni | Kernel::Avx512Vnni => unsafe { task.avx2() },
            _ => task.run(),
        };
        Int8Rows { values, steps, width }
    }

    /// Products of `rows` with the channels of `panels`, plus `bias`, which has one for every channel of the matrix.
    /// `take(row, first_channel, values)` gets them as they are computed, each row's in the order of the channels.
    ///
    /// # Panics
    ///
    /// The rows have other inputs, the bias has not `d_output` numbers, or there is no such panel.
    pub fn multiply(
        &self,
        rows: &Int8Rows,
        panels: Range<usize>,
        bias: Option<&[f32]>,
        take: impl FnMut(usize, usize, &[f32]),
    ) {
        let Shape { d_output, .. } = self.shape;
        assert_eq!(rows.width, self.shape.padded_input());
        assert!(bias.is_none_or(|bias| bias.len() == d_output) && panels.end <= self.n_panels());
        let multiply = Multiply {
            matrix: self,
            steps: &rows.steps,
            panels,
            bias,
        };
        let values = &rows.values[..];
        match self.kernel {
            // SAFETY: a matrix is only ever packed for a kernel that is available.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => unsafe { multiply.avx2(values, take) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => unsafe { multiply.avx_vnni(values, take) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni => unsafe { multiply.avx512_vnni(values, take) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => unsafe { multiply.neon(values, take) },
            _ => multiply.portable(values, take),
        }
    }
}

struct Quantise<'a> {
    shape: Shape,
    input: &'a [f32],
    stride: usize,
    n_rows: usize,
}

impl Quantise<'_> {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn avx2(self) -> (Vec<u8>, Vec<Step>) {
        self.run()
    }

    #[inline(always)]
    fn run(self) -> (Vec<u8>, Vec<Step>) {
        let width = self.shape.padded_input();
        let mut values = vec![0; self.n_rows * width];
        let mut steps = vec![Step { scale: 0.0, zero: 0 }; self.n_rows];
        if width > 0 {
            for (row, (values, step)) in values.chunks_exact_mut(width).zip(&mut steps).enumerate() {
                *step = inputs(&self.input[row * self.stride..][..self.shape.d_input], values);
            }
        }
        (values, steps)
    }
}

struct Multiply<'a> {
    matrix: &'a Int8Matrix,
    steps: &'a [Step],
    panels: Range<usize>,
    bias: Option<&'a [f32]>,
}

/// The product by the function of a kernel, compiled for its instructions.
macro_rules! product_by {
    ($name:ident, $architecture:literal, $features:literal, $rows:expr, $middle:expr, $panel:path) => {
        #[cfg(target_arch = $architecture)]
        #[target_feature(enable = $features)]
        unsafe fn $name(&self, inputs: &[u8], take: impl FnMut(usize, usize, &[f32])) {
            let shape = self.matrix.shape;
            self.run::<{ $rows }, { $middle }>(take, |rows, panel, sums| {
                // SAFETY: the caller's.
                unsafe { $panel(shape, self.rows(inputs, rows), self.panel(panel), sums) }
            });
        }
    };
}

impl Multiply<'_> {
    fn portable(&self, inputs: &[u8], take: impl FnMut(usize, usize, &[f32])) {
        let shape = self.matrix.shape;
        self.run::<4, 0>(take, |rows, panel, sums| {
            portable::panel(shape, self.rows(inputs, rows), self.panel(panel), sums);
        });
    }

    product_by!(avx2, "x86_64", "avx2", x86::ROWS, 0, x86::panel_avx2);
    product_by!(avx_vnni, "x86_64", "avx2,avxvnni", x86::ROWS, 0, x86::panel_avx_vnni);
    product_by!(
        avx512_vnni,
        "x86_64",
        "avx512f,avx512bw,avx512vnni",
        x86::ROWS,
        0,
        x86::panel_avx512_vnni
    );
    product_by!(neon, "aarch64", "neon", neon::ROWS, neon::MIDDLE, neon::panel);

    fn rows<'a>(&self, inputs: &'a [u8], rows: Range<usize>) -> &'a [u8] {
        let width = self.matrix.shape.padded_input();
        &inputs[rows.start * width..rows.end * width]
    }

    fn panel(&self, panel: usize) -> &[i8] {
        let len = self.matrix.shape.panel_len();
        &self.matrix.packed[panel * len..][..len]
    }

    /// Some panels at a time, and with them `ROWS` rows at a time: `sum(rows, panel, sums)` computes the integers, of inputs
    /// that are `MIDDLE` lower, which become floats here. Inlined into each kernel's function, and so compiled for its instructions.
    #[inline(always)]
    fn run<const ROWS: usize, const MIDDLE: i8>(
        &self,
        mut take: impl FnMut(usize, usize, &[f32]),
        sum: impl Fn(Range<usize>, usize, &mut [[i32; PANEL]]),
    ) {
        let Shape { d_output, .. } = self.matrix.shape;
        let n_rows = self.steps.len();
        let n_panels = (BLOCK_BYTES / self.matrix.shape.panel_len().max(1)).clamp(1, MAX_PANELS);
        let mut sums = [[0; PANEL]; ROWS];
        let mut found = [[0.0; MAX_PANELS * PANEL]; ROWS];
        for first_panel in self.panels.clone().step_by(n_panels) {
            let panels = first_panel..self.panels.end.min(first_panel + n_panels);
            let channels = panels.start * PANEL..d_output.min(panels.end * PANEL);
            for first in (0..n_rows).step_by(ROWS) {
                let rows = first..n_rows.min(first + ROWS);
                for panel in panels.clone() {
                    let channels = panel * PANEL..d_output.min((panel + 1) * PANEL);
                    let factors = whole(&self.matrix.scales[channels.clone()]);
                    let bias = self.bias.map_or([0.0; PANEL], |bias| whole(&bias[channels]));
                    let (channel_sums, _) = self.matrix.sums.as_chunks::<PANEL>();
                    let channel_sums = channel_sums[panel];
                    let sums = &mut sums[..rows.len()];
                    sum(rows.clone(), panel, sums);
                    for ((sums, found), step) in sums.iter().zip(&mut found).zip(&self.steps[rows.clone()]) {
                        let zero = i32::from(step.zero) - i32::from(MIDDLE);
                        let (found, _) = found.as_chunks_mut::<PANEL>();
                        // All of them before any is written: so the compiler sees that they are vectors.
                        let scale = step.scale;
                        found[panel - panels.start] = std::array::from_fn(|i| {
                            (sums[i] - zero * channel_sums[i]) as f32 * (scale * factors[i]) + bias[i]
                        });
                    }
                }
                for (row, found) in rows.zip(&found) {
                    take(row, channels.start, &found[..channels.len()]);
                }
            }
        }
    }
}

/// Values of a panel, the last of which may have fewer.
#[inline(always)]
fn whole(values: &[f32]) -> [f32; PANEL] {
    if let Ok(values) = <[f32; PANEL]>::try_from(values) {
        return values;
    }
    let mut found = [0.0; PANEL];
    found[..values.len()].copy_from_slice(values);
    found
}
