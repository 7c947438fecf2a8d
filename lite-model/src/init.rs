//! How weights start (PAPER: the reference's `reset_parameters`).

use burn::module::Param;
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

use crate::kernels;
use crate::linear::Linear;

/// How a linear layer's bias starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BiasInit {
    /// No bias.
    Absent,
    /// Zeros.
    Zeros,
    /// `U(-1/√fan_in, 1/√fan_in)`, PyTorch's default, which the reference leaves on the query, key and
    /// value projections.
    FanIn,
}

/// A linear layer with Xavier uniform weights scaled by `gain`.
pub(crate) fn xavier_linear(d_input: usize, d_output: usize, gain: f64, bias: BiasInit, device: &Device) -> Linear {
    linear(
        d_input,
        d_output,
        gain * (6.0 / (d_input + d_output) as f64).sqrt(),
        bias,
        device,
    )
}

/// A linear layer with weights drawn from `U(-bound, bound)`.
pub(crate) fn linear(d_input: usize, d_output: usize, bound: f64, bias: BiasInit, device: &Device) -> Linear {
    let bias = match bias {
        BiasInit::Absent => None,
        BiasInit::Zeros => Some(Initializer::Zeros.init([d_output], device)),
        BiasInit::FanIn => Some(uniform([d_output], (d_input as f64).sqrt().recip(), device)),
    };
    Linear::new(uniform([d_input, d_output], bound, device), bias)
}

/// A parameter drawn from `U(-bound, bound)`.
pub(crate) fn uniform<const D: usize>(shape: [usize; D], bound: f64, device: &Device) -> Param<Tensor<D>> {
    Initializer::Uniform {
        min: -bound,
        max: bound,
    }
    .init(shape, device)
}

/// Applies a linear layer to the last axis of a `[batch, time, channels]` tensor.
pub(crate) fn apply_linear(linear: &Linear, input: Tensor<3>) -> Tensor<3> {
    kernels::linear(linear, input)
}
