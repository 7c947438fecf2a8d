//! Packed weights.

use super::Kernel;
use super::pack::{GROUP, PANEL, Shape};
use super::quantise::{self, INPUT_STEPS, WEIGHT_STEPS};

/// A matrix of `[d_output, d_input]` in 8 bits, a scale for each output channel.
#[derive(Clone, PartialEq)]
pub struct Int8Matrix {
    pub(super) shape: Shape,
    pub(super) kernel: Kernel,
    pub(super) packed: Vec<i8>,
    pub(super) scales: Vec<f32>,
    /// The sum of each channel's weights, whole panels.
    pub(super) sums: Vec<i32>,
}

/// An [`Int8Matrix`] that gets its channels one after another, so that no more than one of them is ever in floats.
#[derive(Debug)]
pub struct Int8Builder {
    matrix: Int8Matrix,
    /// The integers of a channel.
    channel: Vec<i8>,
}

/// The most inputs whose products can be summed in 32 bits.
pub const MAX_INPUT: usize = i32::MAX as usize / ((INPUT_STEPS as usize + 1) * WEIGHT_STEPS as usize);

impl Int8Builder {
    /// For `d_output` channels of `d_input` weights.
    ///
    /// # Panics
    ///
    /// There are more inputs than [`MAX_INPUT`], so that their sum may overflow, or `kernel` is not available here.
    pub fn new(d_output: usize, d_input: usize, kernel: Kernel) -> Self {
        assert!(
            d_input <= MAX_INPUT,
            "{d_input} inputs, at most {MAX_INPUT} can be summed"
        );
        assert!(kernel.is_available(), "{kernel:?} is not of this machine");
        let shape = Shape { d_output, d_input };
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
        scales.push(quantise::weights(weights, &mut self.channel));
        for (input, &weight) in self.channel.iter().enumerate() {
            packed[shape.index(channel, input)] = weight;
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

    /// The matrix with the channels of this one and then those of `other`.
    ///
    /// # Panics
    ///
    /// They have not the same inputs, or were packed for different kernels.
    pub fn beside(&self, other: &Self) -> Self {
        assert_eq!((self.shape.d_input, self.kernel), (other.shape.d_input, other.kernel));
        let mut both = Int8Builder::new(self.d_output() + other.d_output(), self.d_input(), self.kernel).matrix;
        for matrix in [self, other] {
            for channel in 0..matrix.d_output() {
                let place = both.scales.len();
                both.scales.push(matrix.scales[channel]);
                both.sums[place] = matrix.sums[channel];
                for input in 0..matrix.d_input() {
                    both.packed[both.shape.index(place, input)] = matrix.packed[matrix.shape.index(channel, input)];
                }
            }
        }
        both
    }

    /// The weights of a channel, `scale * q`, as floats.
    ///
    /// # Panics
    ///
    /// There is no such channel, or `weights` is not `d_input` long.
    pub fn channel(&self, channel: usize, weights: &mut [f32]) {
        assert_eq!(weights.len(), self.shape.d_input);
        let scale = self.scales[channel];
        let first = self.shape.index(channel, 0).min(self.packed.len());
        let groups = self.packed[first..].chunks(GROUP).step_by(PANEL);
        for (weights, quantised) in weights.chunks_mut(GROUP).zip(groups) {
            for (weight, &quantised) in weights.iter_mut().zip(quantised) {
                *weight = scale * f32::from(quantised);
            }
        }
    }

    /// Channels are computed in panels of 16.
    pub fn n_panels(&self) -> usize {
        self.shape.n_panels()
    }
}

impl std::fmt::Debug for Int8Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shape { d_output, d_input, .. } = self.shape;
        write!(f, "Int8Matrix([{d_output}, {d_input}], {:?})", self.kernel)
    }
}
