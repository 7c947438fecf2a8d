//! The product of rows with packed weights.

use std::ops::Range;

use super::pack::{PANEL, Shape};
use super::quantise::quantise;
use super::{Int8Matrix, Kernel, portable};

/// Bytes of inputs, and of weights, that are multiplied with each other before the next: what the second cache holds.
const BLOCK_BYTES: usize = 128 << 10;

/// Panels of which a row gets its outputs at a time.
const MAX_PANELS: usize = 32;

/// Rows in integers, for the kernel of one matrix.
#[derive(Debug)]
pub struct Int8Rows {
    kernel: Kernel,
    values: Values,
    scales: Vec<f32>,
    width: usize,
}

/// Rows as a kernel reads them.
#[derive(Debug)]
enum Values {
    Wide(Vec<i16>),
    #[cfg(target_arch = "x86_64")]
    Unsigned(Vec<u8>),
    #[cfg(target_arch = "aarch64")]
    Signed(Vec<i8>),
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
        let step = BLOCK_BYTES / (2 * self.shape.padded_input()).max(1);
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
        let (wide, scales) = match self.kernel {
            // SAFETY: a matrix is only ever packed for a kernel that is available.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni | Kernel::Avx512Vnni => unsafe { task.avx2() },
            _ => task.run(),
        };
        let values = match self.kernel {
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni | Kernel::Avx512Vnni => Values::Unsigned(super::vnni::unsigned(&wide)),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => Values::Signed(wide.iter().map(|&x| x as i8).collect()),
            _ => Values::Wide(wide),
        };
        Int8Rows {
            kernel: self.kernel,
            values,
            scales,
            width,
        }
    }

    /// Products of `rows` with the channels of `panels`, plus `bias`, which has one for every channel of the matrix.
    /// `take(row, first_channel, values)` gets them as they are computed, each row's in the order of the channels.
    ///
    /// # Panics
    ///
    /// The rows are another matrix's, the bias has not `d_output` numbers, or there is no such panel.
    pub fn multiply(
        &self,
        rows: &Int8Rows,
        panels: Range<usize>,
        bias: Option<&[f32]>,
        take: impl FnMut(usize, usize, &[f32]),
    ) {
        let Shape { d_output, .. } = self.shape;
        assert!(rows.kernel == self.kernel && rows.width == self.shape.padded_input());
        assert!(bias.is_none_or(|bias| bias.len() == d_output) && panels.end <= self.n_panels());
        let multiply = Multiply {
            matrix: self,
            scales: &rows.scales,
            panels,
            bias,
        };
        match &rows.values {
            Values::Wide(values) => match self.kernel {
                // SAFETY: a matrix is only ever packed for a kernel that is available.
                #[cfg(target_arch = "x86_64")]
                Kernel::Avx2 => unsafe { multiply.avx2(values, take) },
                _ => multiply.portable(values, take),
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Values::Unsigned(values) if self.kernel == Kernel::AvxVnni => unsafe { multiply.avx_vnni(values, take) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Values::Unsigned(values) => unsafe { multiply.avx512_vnni(values, take) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Values::Signed(values) => unsafe { multiply.neon(values, take) },
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
    unsafe fn avx2(self) -> (Vec<i16>, Vec<f32>) {
        self.run()
    }

    #[inline(always)]
    fn run(self) -> (Vec<i16>, Vec<f32>) {
        let width = self.shape.padded_input();
        let mut values = vec![0; self.n_rows * width];
        let mut scales = vec![0.0; self.n_rows];
        if width > 0 {
            for (row, (values, scale)) in values.chunks_exact_mut(width).zip(&mut scales).enumerate() {
                *scale = quantise(&self.input[row * self.stride..][..self.shape.d_input], values);
            }
        }
        (values, scales)
    }
}

struct Multiply<'a> {
    matrix: &'a Int8Matrix,
    scales: &'a [f32],
    panels: Range<usize>,
    bias: Option<&'a [f32]>,
}

impl Multiply<'_> {
    fn portable(&self, inputs: &[i16], take: impl FnMut(usize, usize, &[f32])) {
        let shape = self.matrix.shape;
        self.run::<4>(take, |rows, panel, sums| {
            portable::panel(shape, self.rows(inputs, rows), self.panel(panel), sums);
        });
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn avx2(&self, inputs: &[i16], take: impl FnMut(usize, usize, &[f32])) {
        use super::avx2;
        let shape = self.matrix.shape;
        self.run::<{ avx2::ROWS }>(take, |rows, panel, sums| {
            // SAFETY: the caller's.
            unsafe { avx2::panel(shape, self.rows(inputs, rows), self.panel(panel), sums) }
        });
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,avxvnni")]
    unsafe fn avx_vnni(&self, inputs: &[u8], take: impl FnMut(usize, usize, &[f32])) {
        use super::vnni;
        let shape = self.matrix.shape;
        self.run::<{ vnni::ROWS }>(take, |rows, panel, sums| {
            let channel_sums = &self.matrix.sums[panel * PANEL..][..PANEL];
            // SAFETY: the caller's.
            unsafe { vnni::panel_256(shape, self.rows(inputs, rows), self.panel(panel), channel_sums, sums) }
        });
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn avx512_vnni(&self, inputs: &[u8], take: impl FnMut(usize, usize, &[f32])) {
        use super::vnni;
        let shape = self.matrix.shape;
        self.run::<{ vnni::ROWS }>(take, |rows, panel, sums| {
            let channel_sums = &self.matrix.sums[panel * PANEL..][..PANEL];
            // SAFETY: the caller's.
            unsafe { vnni::panel_512(shape, self.rows(inputs, rows), self.panel(panel), channel_sums, sums) }
        });
    }

    #[cfg(target_arch = "aarch64")]
    #[target_feature(enable = "neon")]
    unsafe fn neon(&self, inputs: &[i8], take: impl FnMut(usize, usize, &[f32])) {
        use super::neon;
        let shape = self.matrix.shape;
        self.run::<{ neon::ROWS }>(take, |rows, panel, sums| {
            // SAFETY: the caller's.
            unsafe { neon::panel(shape, self.rows(inputs, rows), self.panel(panel), sums) }
        });
    }

    fn rows<'a, T>(&self, inputs: &'a [T], rows: Range<usize>) -> &'a [T] {
        let width = self.matrix.shape.padded_input();
        &inputs[rows.start * width..rows.end * width]
    }

    fn panel(&self, panel: usize) -> &[i8] {
        let len = self.matrix.shape.panel_len();
        &self.matrix.packed[panel * len..][..len]
    }

    /// Some panels at a time, and with them `ROWS` rows at a time: `sum(rows, panel, sums)` computes the integers, which
    /// become floats here. Inlined into each kernel's function, and so compiled for its instructions.
    #[inline(always)]
    fn run<const ROWS: usize>(
        &self,
        mut take: impl FnMut(usize, usize, &[f32]),
        sum: impl Fn(Range<usize>, usize, &mut [[i32; PANEL]]),
    ) {
        let Shape { d_output, .. } = self.matrix.shape;
        let n_rows = self.scales.len();
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
                    let sums = &mut sums[..rows.len()];
                    sum(rows.clone(), panel, sums);
                    for ((sums, found), scale) in sums.iter().zip(&mut found).zip(&self.scales[rows.clone()]) {
                        let (found, _) = found.as_chunks_mut::<PANEL>();
                        let found = &mut found[panel - panels.start];
                        for (i, found) in found.iter_mut().enumerate() {
                            *found = sums[i] as f32 * (scale * factors[i]) + bias[i];
                        }
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
