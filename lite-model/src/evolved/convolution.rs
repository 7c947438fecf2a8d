//! Convolutions over time that mix channels: separable ones (a filter a channel, then a linear layer) and one whose
//! filter spans all channels.

use burn::module::{Module, Param};
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor};

use crate::init::{BiasInit, apply_linear, linear, uniform, xavier_linear};
use crate::linear::Linear;

/// A depthwise convolution and the linear layer that mixes its channels.
#[derive(Module, Debug)]
pub struct SeparableConvolution {
    /// A filter a channel, oldest tap first, `[kernel_size, d_input]`.
    depthwise: Param<Tensor<2>>,
    pointwise: Linear,
    #[module(skip)]
    is_causal: bool,
}

/// A convolution with a filter for every pair of channels, centred.
#[derive(Module, Debug)]
pub struct StandardConvolution {
    /// `[kernel_size * d_input, d_output]`: the first position's channels first.
    filter: Linear,
    #[module(skip)]
    kernel_size: usize,
}

impl SeparableConvolution {
    /// A convolution from `d_input` to `d_output` channels; a causal one sees no later position.
    pub fn new(d_input: usize, d_output: usize, kernel_size: usize, is_causal: bool, device: &Device) -> Self {
        // tensor2tensor: fan_in is kernel_size * d_input and fan_out kernel_size.
        let bound = (6.0 / (kernel_size * (d_input + 1)) as f64).sqrt();
        Self {
            depthwise: uniform([kernel_size, d_input], bound, device),
            pointwise: xavier_linear(d_input, d_output, 1.0, BiasInit::Zeros, device),
            is_causal,
        }
    }

    /// The linear layer behind the filters.
    pub(super) fn linear(&mut self) -> &mut Linear {
        &mut self.pointwise
    }

    pub(super) fn kernel_size(&self) -> usize {
        let [kernel_size, _] = self.depthwise.lazy_shape().dims();
        kernel_size
    }

    /// Beyond either end, the input is zero.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, length, d_input]`
    /// - output: `[batch_size, length, d_output]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let kernel_size = self.kernel_size();
        let left = if self.is_causal {
            kernel_size - 1
        } else {
            kernel_size / 2
        };
        apply_linear(&self.pointwise, depthwise(input, self.depthwise.val(), left))
    }

    /// The output at the last of the positions `[rows, length, d_input]`, of which there are `kernel_size` or more, for
    /// a causal convolution: `[rows, 1, d_output]`.
    pub fn step(&self, inputs: Tensor<3>) -> Tensor<3> {
        let [_, length, _] = inputs.dims();
        let kernel_size = self.kernel_size();
        let inputs = inputs.narrow(1, length - kernel_size, kernel_size);
        let sum = (inputs * self.depthwise.val().unsqueeze_dim(0)).sum_dim(1);
        apply_linear(&self.pointwise, sum)
    }
}

impl StandardConvolution {
    /// A convolution from `d_input` to `d_output` channels, of an odd `kernel_size`.
    pub fn new(d_input: usize, d_output: usize, kernel_size: usize, device: &Device) -> Self {
        let bound = (6.0 / (kernel_size * (d_input + d_output)) as f64).sqrt();
        Self {
            filter: linear(kernel_size * d_input, d_output, bound, BiasInit::Zeros, device),
            kernel_size,
        }
    }

    /// The filter as the linear layer that it is over the positions side by side.
    pub(super) fn linear(&mut self) -> &mut Linear {
        &mut self.filter
    }

    /// Beyond either end, the input is zero.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, length, d_input]`
    /// - output: `[batch_size, length, d_output]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let [_, length, _] = input.dims();
        let side = self.kernel_size / 2;
        let padded = pad(input, side, side);
        let shifted = (0..self.kernel_size).map(|k| padded.clone().narrow(1, k, length));
        apply_linear(&self.filter, Tensor::cat(shifted.collect(), 2))
    }
}

/// Zeros before and after the positions.
fn pad(x: Tensor<3>, before: usize, after: usize) -> Tensor<3> {
    x.pad([(before, after), (0, 0)], PadMode::Constant(0.0))
}

/// Convolves every channel with its own filter: `output[t] = sum_k taps[k] * x[t + k - left]`.
///
/// A tap at a time. A product with a band matrix a channel is a third faster at 30 positions, no faster at 128, and several
/// times as long to read; Burn's grouped convolution computes the filters' gradients one channel at a time on a CPU.
///
/// # Shapes
///
/// - x, output: `[batch_size, length, channels]`
/// - taps: `[kernel_size, channels]`
fn depthwise(x: Tensor<3>, taps: Tensor<2>, left: usize) -> Tensor<3> {
    let [_, length, _] = x.dims();
    let [kernel_size, _] = taps.dims();
    let padded = pad(x, left, kernel_size - 1 - left);
    let taps = taps.unsqueeze_dim::<3>(0);
    (0..kernel_size)
        .map(|k| padded.clone().narrow(1, k, length) * taps.clone().narrow(1, k, 1))
        .reduce(|sum, product| sum + product)
        .expect("a filter has a tap")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Draws;

    /// The definition, tap by tap.
    fn by_definition(x: &Tensor<3>, taps: &Tensor<2>, left: usize) -> Vec<f32> {
        let [batch_size, length, channels] = x.dims();
        let [kernel_size, _] = taps.dims();
        let values: Vec<f32> = x.to_data().try_to_vec().unwrap();
        let taps: Vec<f32> = taps.to_data().try_to_vec().unwrap();
        let mut output = vec![0.0; batch_size * length * channels];
        for (i, output) in output.iter_mut().enumerate() {
            let (row, t, c) = (i / channels / length, i / channels % length, i % channels);
            for k in 0..kernel_size {
                if let Some(s) = (t + k).checked_sub(left).filter(|s| *s < length) {
                    *output += taps[k * channels + c] * values[(row * length + s) * channels + c];
                }
            }
        }
        output
    }

    #[test]
    fn depthwise_equals_the_definition() {
        let device = Device::flex();
        let mut draws = Draws::new(2);
        for (length, kernel_size) in [(1, 7), (5, 9), (12, 3), (40, 11)] {
            for left in [kernel_size / 2, kernel_size - 1] {
                let x = draws.tensor([2, length, 5], &device);
                let taps = draws.tensor([kernel_size, 5], &device);
                let found: Vec<f32> = depthwise(x.clone(), taps.clone(), left)
                    .into_data()
                    .try_to_vec()
                    .unwrap();
                let expected = by_definition(&x, &taps, left);
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    // Sums of eleven products of order one.
                    assert!(
                        (found - expected).abs() < 1e-5,
                        "length {length}, kernel {kernel_size}, left {left}: {found}, expected {expected}"
                    );
                }
            }
        }
    }
}
