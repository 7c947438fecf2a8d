//! Packed weights and the product with them.

use std::ops::Range;

use super::Kernel;
use super::pack::{PANEL, Shape};
use super::portable;
use super::quantise::quantise;

/// A matrix of `[d_output, d_input]` in 8 bits, a scale for each output channel.
#[derive(Clone, PartialEq)]
pub struct Int8Matrix {
    shape: Shape,
    kernel: Kernel,
    packed: Vec<i8>,
    scales: Vec<f32>,
    /// The sum of each channel's weights, whole panels.
    sums: Vec<i32>,
}

/// An [`Int8Matrix`] that gets its channels one after another, so that no more than one of them is ever in floats.
#[derive(Debug)]
pub struct Int8Builder {
    matrix: Int8Matrix,
    /// The integers of a channel.
    channel: Vec<i16>,
}

/// The most inputs whose products can be summed in 32 bits.
const MAX_INPUT: usize = i32::MAX as usize / (127 * 127);

/// Bytes of inputs that are multiplied with all weights before the next: they stay in the second cache.
const ROWS_BYTES: usize = 128 << 10;

impl Int8Builder {
    /// For `d_output` channels of `d_input` weights.
    ///
    /// # Panics
    ///
    /// There are so many inputs that their sum may overflow (above 133,000), or `kernel` is not available here.
    pub fn new(d_output: usize, d_input: usize, kernel: Kernel) -> Self {
        assert!(
            d_input <= MAX_INPUT,
            "{d_input} inputs, at most {MAX_INPUT} can be summed"
        );
        assert!(kernel.is_available(), "{kernel:?} is not of this machine");
        let shape = Shape {
            d_output,
            d_input,
            group: kernel.group(),
        };
        Self {
            matrix: Int8Matrix {
                shape,
                kernel,
                packed: vec![0; shape.n_panels() * shape.panel_len()],
                scales: Vec::with_capacity(d_output),
                sums: vec![0; shape.n_panels() * PANEL],
            },
            channel: vec![0; d_input],
        }
    }

    /// Adds the weights of the next channel.
    ///
    /// # Panics
    ///
    /// There are not `d_input` of them, or all channels are there.
    pub fn push(&mut self, weights: &[f32]) {
        let Int8Matrix {
            shape,
            packed,
            scales,
            sums,
            ..
        } = &mut self.matrix;
        let channel = scales.len();
        assert!(weights.len() == shape.d_input && channel < shape.d_output);
        scales.push(quantise(weights, &mut self.channel));
        for (input, &weight) in self.channel.iter().enumerate() {
            packed[shape.index(channel, input)] = weight as i8;
            sums[channel] += i32::from(weight);
        }
    }

    /// The matrix.
    ///
    /// # Panics
    ///
    /// A channel is missing.
    pub fn finish(self) -> Int8Matrix {
        assert_eq!(self.matrix.scales.len(), self.matrix.shape.d_output, "channels");
        self.matrix
    }
}

impl Int8Matrix {
    /// Output channels.
    pub fn d_output(&self) -> usize {
        self.shape.d_output
    }

    /// Inputs.
    pub fn d_input(&self) -> usize {
        self.shape.d_input
    }

    /// Bytes of memory.
    pub fn n_bytes(&self) -> usize {
        self.packed.len() + 4 * (self.scales.len() + self.sums.len())
    }

    /// The weights of a channel, `scale * q`, as floats.
    ///
    /// # Panics
    ///
    /// There is no such channel, or `weights` is not `d_input` long.
    pub fn channel(&self, channel: usize, weights: &mut [f32]) {
        assert_eq!(weights.len(), self.shape.d_input);
        let (scale, group) = (self.scales[channel], self.shape.group);
        let first = self.shape.index(channel, 0).min(self.packed.len());
        let groups = self.packed[first..].chunks(group).step_by(PANEL);
        for (weights, quantised) in weights.chunks_mut(group).zip(groups) {
            for (weight, &quantised) in weights.iter_mut().zip(quantised) {
                *weight = scale * f32::from(quantised);
            }
        }
    }

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
        if d_output == 0 || output.is_empty() {
            return;
        }
        let n_rows = output.len() / d_output;
        assert_eq!((input.len(), output.len()), (n_rows * d_input, n_rows * d_output));
        assert!(bias.is_none_or(|bias| bias.len() == d_output));
        let step = (ROWS_BYTES / (2 * self.shape.padded_input()).max(1))
            .next_multiple_of(4)
            .max(4);
        for first in (0..n_rows).step_by(step) {
            let rows = first..n_rows.min(first + step);
            let input = &input[rows.start * d_input..rows.end * d_input];
            let output = &mut output[rows.start * d_output..rows.end * d_output];
            self.product_of_rows(rows.len(), input, bias, output);
        }
    }

    fn product_of_rows(&self, n_rows: usize, input: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        let task = Task {
            matrix: self,
            n_rows,
            input,
            bias,
        };
        match self.kernel {
            Kernel::Portable => task.portable(output),
            // SAFETY: a matrix is only ever packed for a kernel that is available.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => unsafe { task.avx2(output) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni => unsafe { task.avx512_vnni(output) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => unsafe { task.neon(output) },
            #[allow(unreachable_patterns, reason = "the kernels of other processors")]
            _ => unreachable!("not packed here"),
        }
    }
}

/// One product of a few rows.
struct Task<'a> {
    matrix: &'a Int8Matrix,
    n_rows: usize,
    input: &'a [f32],
    bias: Option<&'a [f32]>,
}

impl Task<'_> {
    fn portable(&self, output: &mut [f32]) {
        let (inputs, scales) = self.quantised();
        let shape = self.matrix.shape;
        self.run::<4>(&scales, output, |rows, panel, sums| {
            portable::panel(shape, self.rows(&inputs, rows), self.panel(panel), sums);
        });
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn avx2(&self, output: &mut [f32]) {
        use super::avx2;
        let (inputs, scales) = self.quantised();
        let shape = self.matrix.shape;
        self.run::<{ avx2::ROWS }>(&scales, output, |rows, panel, sums| {
            // SAFETY: the caller's.
            unsafe { avx2::panel(shape, self.rows(&inputs, rows), self.panel(panel), sums) }
        });
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn avx512_vnni(&self, output: &mut [f32]) {
        use super::vnni;
        let (inputs, scales) = self.quantised();
        let inputs = vnni::unsigned(&inputs);
        let shape = self.matrix.shape;
        self.run::<{ vnni::ROWS }>(&scales, output, |rows, panel, sums| {
            let channel_sums = &self.matrix.sums[panel * PANEL..][..PANEL];
            // SAFETY: the caller's.
            unsafe { vnni::panel(shape, self.rows(&inputs, rows), self.panel(panel), channel_sums, sums) }
        });
    }

    #[cfg(target_arch = "aarch64")]
    #[target_feature(enable = "neon")]
    unsafe fn neon(&self, output: &mut [f32]) {
        use super::neon;
        let (inputs, scales) = self.quantised();
        let inputs: Vec<i8> = inputs.iter().map(|&x| x as i8).collect();
        let shape = self.matrix.shape;
        self.run::<{ neon::ROWS }>(&scales, output, |rows, panel, sums| {
            // SAFETY: the caller's.
            unsafe { neon::panel(shape, self.rows(&inputs, rows), self.panel(panel), sums) }
        });
    }

    /// The integers and the scale of every row.
    #[inline(always)]
    fn quantised(&self) -> (Vec<i16>, Vec<f32>) {
        let shape = self.matrix.shape;
        let mut inputs = vec![0; self.n_rows * shape.padded_input()];
        if shape.d_input == 0 {
            return (inputs, vec![0.0; self.n_rows]);
        }
        let rows = self.input.chunks_exact(shape.d_input);
        let quantised = inputs.chunks_exact_mut(shape.padded_input());
        let scales = rows.zip(quantised).map(|(row, quantised)| quantise(row, quantised));
        let scales = scales.collect();
        (inputs, scales)
    }

    fn rows<'a, T>(&self, inputs: &'a [T], rows: Range<usize>) -> &'a [T] {
        let width = self.matrix.shape.padded_input();
        &inputs[rows.start * width..rows.end * width]
    }

    fn panel(&self, panel: usize) -> &[i8] {
        let len = self.matrix.shape.panel_len();
        &self.matrix.packed[panel * len..][..len]
    }

    /// Panel by panel, and within it `ROWS` rows at a time: `sum(rows, panel, sums)` computes the integers, which become
    /// floats here. Inlined into each kernel's function, and so compiled for its instructions.
    #[inline(always)]
    fn run<const ROWS: usize>(
        &self,
        scales: &[f32],
        output: &mut [f32],
        sum: impl Fn(Range<usize>, usize, &mut [[i32; PANEL]]),
    ) {
        let d_output = self.matrix.shape.d_output;
        let mut sums = [[0; PANEL]; ROWS];
        for panel in 0..self.matrix.shape.n_panels() {
            let channels = panel * PANEL..d_output.min((panel + 1) * PANEL);
            let mut factors = [0.0; PANEL];
            factors[..channels.len()].copy_from_slice(&self.matrix.scales[channels.clone()]);
            let mut bias = [0.0; PANEL];
            if let Some(all) = self.bias {
                bias[..channels.len()].copy_from_slice(&all[channels.clone()]);
            }
            for first in (0..self.n_rows).step_by(ROWS) {
                let rows = first..self.n_rows.min(first + ROWS);
                let sums = &mut sums[..rows.len()];
                sum(rows.clone(), panel, sums);
                for (row, sums) in rows.zip(sums) {
                    let scale = scales[row];
                    let mut values = [0.0; PANEL];
                    for (i, value) in values.iter_mut().enumerate() {
                        *value = sums[i] as f32 * (scale * factors[i]) + bias[i];
                    }
                    let output = &mut output[row * d_output..][channels.clone()];
                    if let Ok(output) = <&mut [f32; PANEL]>::try_from(&mut *output) {
                        *output = values;
                    } else {
                        output.copy_from_slice(&values[..output.len()]);
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Int8Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shape { d_output, d_input, .. } = self.shape;
        write!(f, "Int8Matrix([{d_output}, {d_input}], {:?})", self.kernel)
    }
}
