//! The encoder's cell.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::convolution::{SeparableConvolution, StandardConvolution};
use super::dense::{DenseLayers, GatedLinearUnit};
use super::fill_up;
use crate::attention::Attention;
use crate::config::ModelConfig;
use crate::dropout::Dropout;
use crate::encoder::layer_norm;
use crate::init::{BiasInit, apply_linear, xavier_linear};
use crate::linear::Linear;
use crate::long_short::Masks;

/// One cell of the encoder.
#[derive(Module, Debug)]
pub struct EncoderCell {
    gated_linear_unit: GatedLinearUnit,
    conv_branches: ConvolutionBranches,
    self_attn_layer_norm: LayerNorm,
    self_attn: Attention,
    dense_layers: DenseLayers,
    dropout: Dropout,
}

#[derive(Module, Debug)]
struct ConvolutionBranches {
    layer_norm: LayerNorm,
    dense: Linear,
    standard_conv_3x1: StandardConvolution,
    inner_layer_norm: LayerNorm,
    separable_conv_9x1: SeparableConvolution,
    dropout: Dropout,
}

impl EncoderCell {
    /// A cell of `config.d_model` channels.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let d_model = config.d_model;
        Self {
            gated_linear_unit: GatedLinearUnit::new(d_model, device),
            conv_branches: ConvolutionBranches::new(config, device),
            self_attn_layer_norm: layer_norm(d_model, device),
            self_attn: Attention::without_bias(d_model, config.n_heads, config.attention_dropout, device),
            dense_layers: DenseLayers::encoder(config, device),
            dropout: Dropout::new(config.dropout),
        }
    }

    /// Calls `f` with every linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        self.gated_linear_unit.each_linear(f);
        f(&mut self.conv_branches.dense);
        f(self.conv_branches.standard_conv_3x1.linear());
        f(self.conv_branches.separable_conv_9x1.linear());
        self.self_attn.each_linear(f);
        self.dense_layers.each_linear(f);
    }

    /// # Shapes
    ///
    /// - x, output: `[batch_size, length, d_model]`
    pub fn forward(&self, x: Tensor<3>, masks: &Masks) -> Tensor<3> {
        let x = x.clone() + self.dropout.forward(self.gated_linear_unit.forward(x));
        let x = x.clone() + self.dropout.forward(self.conv_branches.forward(x, masks.keep.as_ref()));
        let normed = self.self_attn_layer_norm.forward(x.clone());
        let memory = self.self_attn.keys_values(normed.clone());
        let (output, _) = self.self_attn.forward(normed, &memory, masks.attention.as_ref());
        let x = x + self.dropout.forward(output);
        x.clone() + self.dropout.forward(self.dense_layers.forward(x))
    }
}

impl ConvolutionBranches {
    fn new(config: &ModelConfig, device: &Device) -> Self {
        let d_model = config.d_model;
        let (wide, narrow) = (4 * d_model, d_model / 2);
        Self {
            layer_norm: layer_norm(d_model, device),
            dense: xavier_linear(d_model, wide, 1.0, BiasInit::Zeros, device),
            standard_conv_3x1: StandardConvolution::new(d_model, narrow, 3, device),
            inner_layer_norm: layer_norm(wide, device),
            separable_conv_9x1: SeparableConvolution::new(wide, narrow, 9, false, device),
            dropout: Dropout::new(config.dropout),
        }
    }

    /// `keep` is 1 at tokens and 0 at padding, which no convolution sees.
    fn forward(&self, input: Tensor<3>, keep: Option<&Tensor<3>>) -> Tensor<3> {
        let [_, _, d_model] = input.dims();
        let masked = |x: Tensor<3>| match keep {
            Some(keep) => x * keep.clone(),
            None => x,
        };
        let x = masked(self.layer_norm.forward(input));
        let left = self.dropout.forward(relu(apply_linear(&self.dense, x.clone())));
        let right = self.dropout.forward(relu(self.standard_conv_3x1.forward(x)));
        let x = left + fill_up(right, 4 * d_model);
        let x = masked(self.inner_layer_norm.forward(x));
        fill_up(self.separable_conv_9x1.forward(x), d_model)
    }
}
