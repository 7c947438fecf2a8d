//! The encoder: mixer, feed-forward layer, each with a residual and a layer norm.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor};

use crate::config::ModelConfig;
use crate::dropout::Dropout;
use crate::feed_forward::FeedForward;
use crate::kernels;
use crate::linear::Linear;
use crate::long_short::{Masks, TokenMixer};

/// One layer of the encoder.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    pub(crate) self_attn: TokenMixer,
    pub(crate) self_attn_layer_norm: LayerNorm,
    pub(crate) feed_forward: FeedForward,
    pub(crate) final_layer_norm: LayerNorm,
    pub(crate) residual: Residual,
}

/// `norm(x + dropout(f(x)))`, or `x + dropout(f(norm(x)))` where the norm comes first.
#[derive(Module, Debug)]
pub(crate) struct Residual {
    dropout: Dropout,
    #[module(skip)]
    pub(crate) pre_norm: bool,
}

impl Residual {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        Self {
            dropout: Dropout::new(config.dropout),
            pre_norm: config.pre_norm,
        }
    }

    pub(crate) fn forward(&self, x: Tensor<3>, norm: &LayerNorm, f: impl FnOnce(Tensor<3>) -> Tensor<3>) -> Tensor<3> {
        if self.pre_norm {
            let output = f(kernels::layer_norm(norm, x.clone()));
            kernels::add(x, output, &self.dropout)
        } else {
            let output = f(x.clone());
            kernels::add_norm(x, output, &self.dropout, norm)
        }
    }
}

/// Layer norm over `d_model` channels, epsilon 1e-5.
pub(crate) fn layer_norm(d_model: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(d_model)
        .with_epsilon(kernels::EPSILON)
        .init(device)
}

impl EncoderLayer {
    /// Layer `layer` of an encoder, which `config` describes.
    pub fn new(config: &ModelConfig, layer: usize, device: &Device) -> Self {
        Self {
            self_attn: TokenMixer::new(config, layer, false, device),
            self_attn_layer_norm: layer_norm(config.d_model, device),
            feed_forward: FeedForward::new(config, device),
            final_layer_norm: layer_norm(config.d_model, device),
            residual: Residual::new(config),
        }
    }

    /// Calls `f` with every linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        self.self_attn.each_linear(f);
        self.feed_forward.each_linear(f);
    }

    /// # Shapes
    ///
    /// - x, output: `[batch_size, length, d_model]`
    pub fn forward(&self, x: Tensor<3>, masks: &Masks) -> Tensor<3> {
        let x = self
            .residual
            .forward(x, &self.self_attn_layer_norm, |x| self.self_attn.forward(x, masks));
        self.residual
            .forward(x, &self.final_layer_norm, |x| self.feed_forward.forward(x))
    }
}
