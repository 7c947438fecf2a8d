//! The sub-layers that look at one position: gated linear unit and dense layers.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};

use crate::config::ModelConfig;
use crate::dropout::Dropout;
use crate::encoder::layer_norm;
use crate::init::{BiasInit, apply_linear, xavier_linear};
use crate::linear::Linear;

/// `W x * sigmoid(V x)` of the normalised input.
#[derive(Module, Debug)]
pub struct GatedLinearUnit {
    layer_norm: LayerNorm,
    values: Linear,
    gates: Linear,
}

/// Two linear layers of the normalised input with a non-linearity between them.
#[derive(Module, Debug)]
pub struct DenseLayers {
    layer_norm: LayerNorm,
    expansion: Linear,
    /// Before the second layer, in a decoder cell.
    inner_layer_norm: Option<LayerNorm>,
    contraction: Linear,
    dropout: Dropout,
}

impl GatedLinearUnit {
    /// A unit of `d_model` channels.
    pub fn new(d_model: usize, device: &Device) -> Self {
        let linear = || xavier_linear(d_model, d_model, 1.0, BiasInit::Zeros, device);
        Self {
            layer_norm: layer_norm(d_model, device),
            values: linear(),
            gates: linear(),
        }
    }

    /// Calls `f` with every linear layer.
    pub(super) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        f(&mut self.values);
        f(&mut self.gates);
    }

    /// # Shapes
    ///
    /// - input, output: `[batch_size, length, d_model]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let x = self.layer_norm.forward(input);
        apply_linear(&self.values, x.clone()) * sigmoid(apply_linear(&self.gates, x))
    }
}

impl DenseLayers {
    /// The encoder's, rectified.
    pub fn encoder(config: &ModelConfig, device: &Device) -> Self {
        Self::new(config, None, device)
    }

    /// The decoder's, with swish and a layer norm of the inner channels.
    pub fn decoder(config: &ModelConfig, device: &Device) -> Self {
        Self::new(config, Some(layer_norm(config.d_ff, device)), device)
    }

    fn new(config: &ModelConfig, inner_layer_norm: Option<LayerNorm>, device: &Device) -> Self {
        let linear = |d_input, d_output| xavier_linear(d_input, d_output, 1.0, BiasInit::Zeros, device);
        Self {
            layer_norm: layer_norm(config.d_model, device),
            expansion: linear(config.d_model, config.d_ff),
            inner_layer_norm,
            contraction: linear(config.d_ff, config.d_model),
            dropout: Dropout::new(config.dropout),
        }
    }

    /// Calls `f` with every linear layer.
    pub(super) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        f(&mut self.expansion);
        f(&mut self.contraction);
    }

    /// # Shapes
    ///
    /// - input, output: `[batch_size, length, d_model]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let hidden = apply_linear(&self.expansion, self.layer_norm.forward(input));
        let hidden = match &self.inner_layer_norm {
            None => self.dropout.forward(relu(hidden)),
            Some(norm) => norm.forward(self.dropout.forward(hidden.clone() * sigmoid(hidden))),
        };
        apply_linear(&self.contraction, hidden)
    }
}
