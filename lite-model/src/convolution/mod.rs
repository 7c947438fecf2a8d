//! Lightweight and dynamic convolution (Wu et al. 2019; fairseq `lightweight_convolution.py`,
//! `dynamic_convolution.py`), the short-range branch of LSRA.
//!
//! `linear1 -> GLU (dynamic only) -> y`; every head has a filter of `K` taps, learnt or computed from `y`, made to
//! sum to one by a softmax; `out[t] = sum_k taps[t, k] * y[t + k - P]` with zeros outside; `-> linear2`.
//! `P` is `K / 2` in an encoder and `K - 1` in a decoder. Taps that fall outside lose their mass.

pub(crate) mod band;

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor};

use crate::config::{ConvolutionKind, ModelConfig, PaddingMask};
use crate::dropout::Dropout;
use crate::init::{BiasInit, apply_linear, uniform, xavier_linear};
use crate::kernels;
use crate::linear::Linear;

/// A convolution over time whose filters are shared by the channels of a head.
#[derive(Module, Debug)]
pub struct Convolution {
    pub(crate) linear1: Option<Linear>,
    pub(crate) linear2: Option<Linear>,
    /// Taps of a lightweight convolution, `[n_heads, 1, kernel_size]`.
    pub(crate) weight: Option<Param<Tensor<3>>>,
    /// The layer that computes the taps of a dynamic convolution.
    pub(crate) weight_linear: Option<Linear>,
    dropout: Dropout,
    #[module(skip)]
    pub(crate) shape: Shape,
}

#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) n_heads: usize,
    pub(crate) kernel_size: usize,
    is_causal: bool,
    pub(crate) is_gated: bool,
    pub(crate) weight_softmax: bool,
    padding_mask: PaddingMask,
}

/// The last `kernel_size - 1` inputs of the filter, oldest first: `[rows, kernel_size - 1, channels]`.
#[derive(Clone, Debug)]
pub struct Window(Tensor<3>);

impl Window {
    /// Moves on by one input, `[rows, 1, channels]`: the last `kernel_size` inputs, `[rows, kernel_size, channels]`, with
    /// zeros before the first.
    pub(crate) fn slide(window: &mut Option<Self>, input: Tensor<3>, kernel_size: usize) -> Tensor<3> {
        if kernel_size == 1 {
            return input;
        }
        let [rows, _, channels] = input.dims();
        let past = match window.take() {
            Some(Self(past)) => past,
            None => Tensor::zeros([rows, kernel_size - 1, channels], &input.device()),
        };
        let inputs = Tensor::cat(vec![past, input], 1);
        *window = Some(Self(inputs.clone().slice([0..rows, 1..kernel_size])));
        inputs
    }

    /// Keeps the given rows of the batch, in the given order.
    pub fn select(&mut self, rows: &Tensor<1, Int>) {
        self.0 = self.0.clone().select(0, rows.clone());
    }
}

impl Convolution {
    /// A convolution of `channels` channels in `n_heads` heads.
    pub(crate) fn new(
        kind: ConvolutionKind,
        channels: usize,
        n_heads: usize,
        kernel_size: usize,
        is_causal: bool,
        config: &ModelConfig,
        device: &Device,
    ) -> Self {
        let is_gated = config.is_gated(kind);
        let linear = |d_output| xavier_linear(channels, d_output, 1.0, BiasInit::Zeros, device);
        let (weight, weight_linear) = match kind {
            // Xavier over [n_heads, kernel_size]: the GPU layer's, with which the authors trained.
            ConvolutionKind::Lightweight => {
                let bound = (6.0 / (n_heads + kernel_size) as f64).sqrt();
                (Some(uniform([n_heads, 1, kernel_size], bound, device)), None)
            }
            ConvolutionKind::Dynamic => {
                let linear = xavier_linear(channels, n_heads * kernel_size, 1.0, BiasInit::Absent, device);
                (None, Some(linear))
            }
        };
        Self {
            linear1: config
                .conv_linear
                .then(|| linear(if is_gated { 2 * channels } else { channels })),
            linear2: config.conv_linear.then(|| linear(channels)),
            weight,
            weight_linear,
            dropout: Dropout::new(config.weight_dropout),
            shape: Shape {
                n_heads,
                kernel_size,
                is_causal,
                is_gated,
                weight_softmax: config.weight_softmax,
                padding_mask: config.padding_mask,
            },
        }
    }

    /// `keep` is 1 at tokens and 0 at padding.
    ///
    /// # Shapes
    ///
    /// - input, output: `[batch_size, length, channels]`
    /// - keep: `[batch_size, length, 1]`
    pub fn forward(&self, input: Tensor<3>, keep: Option<&Tensor<3>>) -> Tensor<3> {
        let keep_at = |at| keep.filter(|_| self.shape.padding_mask == at);
        let input = match keep_at(PaddingMask::BeforeProjection) {
            Some(keep) => input * keep.clone(),
            None => input,
        };
        let y = self.project(input, keep_at(PaddingMask::AfterProjection));
        let Shape {
            n_heads, kernel_size, ..
        } = self.shape;
        let left = if self.shape.is_causal {
            kernel_size - 1
        } else {
            kernel_size / 2
        };
        let output = match &self.weight {
            Some(weight) => {
                let taps = self.dropout.forward(self.normalise(weight.val()));
                kernels::lightweight(y, taps.squeeze_dim(1), left)
            }
            None => {
                let taps = apply_linear(self.tap_layer(), y.clone());
                let has_softmax = self.shape.weight_softmax;
                kernels::dynamic(y, taps, [n_heads, kernel_size], left, has_softmax, &self.dropout)
            }
        };
        self.output(output)
    }

    /// The convolution at one more position, of `[rows, 1, channels]`, for a causal layer.
    pub fn step(&self, input: Tensor<3>, window: &mut Option<Window>) -> Tensor<3> {
        let y = self.project(input, None);
        let [rows, _, channels] = y.dims();
        let Shape {
            n_heads, kernel_size, ..
        } = self.shape;
        let inputs = Window::slide(window, y.clone(), kernel_size);
        // [rows, n_heads, 1, kernel_size] by [rows, n_heads, kernel_size, head_size]
        let taps = match &self.weight {
            Some(weight) => self.normalise(weight.val()).unsqueeze_dim(0),
            None => self.taps(&y).swap_dims(1, 2),
        };
        let inputs = inputs
            .reshape([rows, kernel_size, n_heads, channels / n_heads])
            .swap_dims(1, 2);
        self.output(taps.matmul(inputs).reshape([rows, 1, channels]))
    }

    /// Calls `f` with every linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        let linears = [&mut self.linear1, &mut self.linear2, &mut self.weight_linear];
        linears.into_iter().flatten().for_each(f);
    }

    /// What is convolved, times `keep`.
    fn project(&self, input: Tensor<3>, keep: Option<&Tensor<3>>) -> Tensor<3> {
        let hidden = match &self.linear1 {
            Some(linear1) if self.shape.is_gated => return kernels::gate(apply_linear(linear1, input), keep),
            Some(linear1) => apply_linear(linear1, input),
            None => input,
        };
        match keep {
            Some(keep) => hidden * keep.clone(),
            None => hidden,
        }
    }

    fn output(&self, x: Tensor<3>) -> Tensor<3> {
        match &self.linear2 {
            Some(linear2) => apply_linear(linear2, x),
            None => x,
        }
    }

    /// Taps from the present input: `[batch_size, length, n_heads, kernel_size]`.
    fn taps(&self, y: &Tensor<3>) -> Tensor<4> {
        let [batch_size, length, _] = y.dims();
        let taps = apply_linear(self.tap_layer(), y.clone());
        self.normalise(taps.reshape([batch_size, length, self.shape.n_heads, self.shape.kernel_size]))
    }

    fn tap_layer(&self) -> &Linear {
        self.weight_linear
            .as_ref()
            .expect("a convolution without learnt taps computes them")
    }

    pub(crate) fn normalise<const D: usize>(&self, taps: Tensor<D>) -> Tensor<D> {
        if self.shape.weight_softmax {
            softmax(taps, D - 1)
        } else {
            taps
        }
    }
}
