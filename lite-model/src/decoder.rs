//! The decoder: causal mixer, cross-attention, feed-forward layer, each with a residual and a layer norm. A language
//! model's layers do without the cross-attention.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::{Device, Tensor};

use crate::attention::{Attention, KeysValues};
use crate::config::{ModelConfig, Task};
use crate::encoder::{Residual, layer_norm};
use crate::feed_forward::FeedForward;
use crate::long_short::{Masks, MixerState, TokenMixer};

/// One layer of the decoder.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    pub(crate) self_attn: TokenMixer,
    pub(crate) self_attn_layer_norm: LayerNorm,
    pub(crate) encoder_attn: Option<Attention>,
    pub(crate) encoder_attn_layer_norm: Option<LayerNorm>,
    pub(crate) feed_forward: FeedForward,
    pub(crate) final_layer_norm: LayerNorm,
    pub(crate) residual: Residual,
}

/// The encoder's output as one decoder layer sees it.
#[derive(Clone, Debug)]
pub(crate) struct CrossMemory {
    pub(crate) keys_values: KeysValues,
    /// Added to the scores, `[batch_size, 1, 1, source_length]`.
    pub(crate) mask: Option<Tensor<4>>,
}

impl DecoderLayer {
    /// Layer `layer` of the decoder.
    pub fn new(config: &ModelConfig, layer: usize, device: &Device) -> Self {
        let has_source = config.task == Task::Seq2Seq;
        Self {
            self_attn: TokenMixer::new(config, layer, true, device),
            self_attn_layer_norm: layer_norm(config.d_model, device),
            encoder_attn: has_source
                .then(|| Attention::new(config.d_model, config.n_heads, config.attention_dropout, device)),
            encoder_attn_layer_norm: has_source.then(|| layer_norm(config.d_model, device)),
            feed_forward: FeedForward::new(config, device),
            final_layer_norm: layer_norm(config.d_model, device),
            residual: Residual::new(config),
        }
    }

    /// Keys and values of the encoder's output, `[batch_size, source_length, d_model]`; none in a language model.
    pub(crate) fn cross_memory(&self, encoded: Tensor<3>, mask: Option<Tensor<4>>) -> Option<CrossMemory> {
        let attention = self.encoder_attn.as_ref()?;
        Some(CrossMemory {
            keys_values: attention.keys_values(encoded),
            mask,
        })
    }

    pub(crate) fn begin(&self) -> MixerState {
        self.self_attn.begin()
    }

    /// `x` and the output are `[batch_size, length, d_model]`; the probabilities of cross-attention, if there is a
    /// memory, `[batch_size, n_heads, length, source_length]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        masks: &Masks,
        memory: Option<&CrossMemory>,
    ) -> (Tensor<3>, Option<Tensor<4>>) {
        self.layer(x, memory, |x| self.self_attn.forward(x, masks))
    }

    /// As `forward` for one more position of `[rows, 1, d_model]`.
    pub(crate) fn step(
        &self,
        x: Tensor<3>,
        state: &mut MixerState,
        memory: Option<&CrossMemory>,
    ) -> (Tensor<3>, Option<Tensor<4>>) {
        self.layer(x, memory, |x| self.self_attn.step(x, state))
    }

    fn layer(
        &self,
        x: Tensor<3>,
        memory: Option<&CrossMemory>,
        mix: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> (Tensor<3>, Option<Tensor<4>>) {
        let mut x = self.residual.forward(x, &self.self_attn_layer_norm, mix);
        let mut probabilities = None;
        if let (Some(attention), Some(norm), Some(memory)) = (&self.encoder_attn, &self.encoder_attn_layer_norm, memory)
        {
            x = self.residual.forward(x, norm, |x| {
                let (output, found) = attention.forward(x, &memory.keys_values, memory.mask.as_ref());
                probabilities = Some(found);
                output
            });
        }
        let x = self
            .residual
            .forward(x, &self.final_layer_norm, |x| self.feed_forward.forward(x));
        (x, probabilities)
    }
}
