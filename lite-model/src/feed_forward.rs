//! Position-wise feed-forward layer: `fc2(dropout(act(fc1(x))))`.

use burn::module::Module;
use burn::tensor::activation::{relu, tanh};
use burn::tensor::{Device, Tensor};

use crate::config::{Activation, FeedForwardInit, ModelConfig};
use crate::dropout::Dropout;
use crate::init::{BiasInit, apply_linear, linear, xavier_linear};
use crate::kernels;
use crate::linear::Linear;

/// Two linear layers with a non-linearity between them.
#[derive(Module, Debug)]
pub struct FeedForward {
    pub(crate) fc1: Linear,
    pub(crate) fc2: Linear,
    dropout: Dropout,
    #[module(skip)]
    pub(crate) activation: Activation,
}

impl FeedForward {
    /// A layer of `config.d_model` channels, `config.d_ff` inside.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let layer = |d_input: usize, d_output| match config.feed_forward_init {
            FeedForwardInit::Xavier => xavier_linear(d_input, d_output, 1.0, BiasInit::Zeros, device),
            // fairseq `ratio_xavier_uniform_`: fan_out is taken to be 2 * fan_in.
            FeedForwardInit::RatioXavier => linear(
                d_input,
                d_output,
                (6.0 / (3 * d_input) as f64).sqrt(),
                BiasInit::Zeros,
                device,
            ),
        };
        Self {
            fc1: layer(config.d_model, config.d_ff),
            fc2: layer(config.d_ff, config.d_model),
            dropout: Dropout::new(config.activation_dropout),
            activation: config.activation,
        }
    }

    /// Calls `f` with every linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        f(&mut self.fc1);
        f(&mut self.fc2);
    }

    /// # Shapes
    ///
    /// - input, output: `[batch_size, length, d_model]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        if self.activation == Activation::Relu {
            return apply_linear(&self.fc2, kernels::linear_relu(&self.fc1, input, &self.dropout));
        }
        let hidden = apply_linear(&self.fc1, input);
        let hidden = match self.activation {
            Activation::Relu => relu(hidden),
            // Composed here: the gradient of Burn's own is off by 1e-3.
            Activation::Gelu => hidden.clone() * (hidden.mul_scalar(0.5f64.sqrt()).erf() + 1.0).mul_scalar(0.5),
            // fairseq `gelu_accurate`
            Activation::GeluTanh => {
                let cubic = hidden.clone() + hidden.clone().powi_scalar(3).mul_scalar(0.044715);
                hidden * (tanh(cubic.mul_scalar((2.0 / std::f64::consts::PI).sqrt())) + 1.0).mul_scalar(0.5)
            }
            Activation::Tanh => tanh(hidden),
            Activation::Linear => hidden,
        };
        apply_linear(&self.fc2, self.dropout.forward(hidden))
    }
}
