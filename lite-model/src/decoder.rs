//! The decoder: causal mixer, cross-attention, feed-forward layer, each with a residual and a layer norm. A language
//! model's layers do without the cross-attention.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::{Device, Tensor};

use crate::attention::{Attention, KeysValues, Probabilities};
use crate::config::{Architecture, ModelConfig, Task};
use crate::encoder::{Residual, layer_norm};
use crate::evolved::DecoderCell;
use crate::feed_forward::FeedForward;
use crate::linear::Linear;
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

/// What a decoder is a stack of.
pub(crate) trait DecoderBlock {
    /// What the block's attentions to the source need of its encoding, `[batch_size, source_length, d_model]`; nothing
    /// in a language model.
    fn cross_memory(&self, encoded: Tensor<3>, mask: Option<Tensor<4>>) -> Vec<CrossMemory>;

    /// The state before the first position.
    fn begin(&self) -> MixerState;

    /// `x` and the output are `[batch_size, length, d_model]`; the probabilities of the last attention to the source,
    /// if there is a memory.
    fn forward(&self, x: Tensor<3>, masks: &Masks, memory: &[CrossMemory]) -> (Tensor<3>, Option<Probabilities>);

    /// As `forward` for one more position of `[rows, 1, d_model]`.
    fn step(&self, x: Tensor<3>, state: &mut MixerState, memory: &[CrossMemory]) -> (Tensor<3>, Option<Probabilities>);
}

/// The layers of a decoder, which `config` describes, or the cells of an `evolved` one, over an encoder's output of
/// `d_memory` channels.
pub(crate) fn stack(config: &ModelConfig, d_memory: usize, device: &Device) -> (Vec<DecoderLayer>, Vec<DecoderCell>) {
    let n_blocks = 0..config.decoder_layers;
    if config.architecture == Architecture::Evolved {
        (vec![], n_blocks.map(|_| DecoderCell::new(config, device)).collect())
    } else {
        let layers = n_blocks.map(|layer| DecoderLayer::new(config, d_memory, layer, device));
        (layers.collect(), vec![])
    }
}

/// Layers or cells, from the input on.
pub(crate) fn blocks<'a>(
    layers: &'a [DecoderLayer],
    cells: &'a [DecoderCell],
) -> impl Iterator<Item = &'a dyn DecoderBlock> {
    let layers = layers.iter().map(|layer| layer as &dyn DecoderBlock);
    layers.chain(cells.iter().map(|cell| cell as &dyn DecoderBlock))
}

impl DecoderLayer {
    /// Layer `layer` of a decoder, which `config` describes, over an encoder's output of `d_memory` channels.
    pub fn new(config: &ModelConfig, d_memory: usize, layer: usize, device: &Device) -> Self {
        let has_source = config.task == Task::Seq2Seq;
        let (d_model, n_heads, dropout) = (config.d_model, config.n_heads, config.attention_dropout);
        Self {
            self_attn: TokenMixer::new(config, layer, true, device),
            self_attn_layer_norm: layer_norm(d_model, device),
            encoder_attn: has_source.then(|| Attention::over(d_memory, d_model, n_heads, dropout, device)),
            encoder_attn_layer_norm: has_source.then(|| layer_norm(d_model, device)),
            feed_forward: FeedForward::new(config, device),
            final_layer_norm: layer_norm(config.d_model, device),
            residual: Residual::new(config),
        }
    }

    /// Calls `f` with every linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        self.self_attn.each_linear(f);
        if let Some(attention) = &mut self.encoder_attn {
            attention.each_linear(f);
        }
        self.feed_forward.each_linear(f);
    }

    fn layer(
        &self,
        x: Tensor<3>,
        memory: &[CrossMemory],
        mix: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> (Tensor<3>, Option<Probabilities>) {
        let mut x = self.residual.forward(x, &self.self_attn_layer_norm, mix);
        let mut probabilities = None;
        if let (Some(attention), Some(norm), [memory]) = (&self.encoder_attn, &self.encoder_attn_layer_norm, memory) {
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

impl DecoderBlock for DecoderLayer {
    fn cross_memory(&self, encoded: Tensor<3>, mask: Option<Tensor<4>>) -> Vec<CrossMemory> {
        let attentions = self.encoder_attn.iter();
        attentions
            .map(|attention| CrossMemory {
                keys_values: attention.keys_values(encoded.clone()),
                mask: mask.clone(),
            })
            .collect()
    }

    fn begin(&self) -> MixerState {
        self.self_attn.begin()
    }

    fn forward(&self, x: Tensor<3>, masks: &Masks, memory: &[CrossMemory]) -> (Tensor<3>, Option<Probabilities>) {
        self.layer(x, memory, |x| self.self_attn.forward(x, masks))
    }

    fn step(&self, x: Tensor<3>, state: &mut MixerState, memory: &[CrossMemory]) -> (Tensor<3>, Option<Probabilities>) {
        self.layer(x, memory, |x| self.self_attn.step(x, state))
    }
}
