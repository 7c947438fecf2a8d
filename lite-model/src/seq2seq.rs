//! The encoder-decoder (fairseq `transformer_multibranch_v2.py`, `transformer.py`).

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::LayerNorm;
use burn::tensor::{Bool, Device, Int, Tensor};

use crate::attention::Probabilities;
use crate::config::{Architecture, ModelConfig, ShareEmbeddings, Stack, Task, VocabularySizes};
use crate::decoder::{self, DecoderBlock, DecoderLayer};
use crate::dropout::Dropout;
use crate::embedding::{self, Embedding};
use crate::encoder::{EncoderLayer, layer_norm};
use crate::error::ConfigError;
use crate::evolved::{DecoderCell, EncoderCell};
use crate::kernels::int8::Int8Matrix;
use crate::linear::{self, Linear, quantised};
use crate::long_short::Masks;
use crate::positions::Positions;
use crate::state::{DecoderState, Memory, StepOutput};
use crate::tokens::PAD;

/// A sequence-to-sequence model.
///
/// Fields are named as in the reference, so that weights carry its names.
#[derive(Module, Debug)]
pub struct Seq2Seq {
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
}

#[derive(Module, Debug)]
pub(crate) struct Encoder {
    pub(crate) embed_tokens: Embedding,
    pub(crate) embed_positions: Positions,
    pub(crate) layers: Vec<EncoderLayer>,
    /// In the layers' place in an `evolved` model.
    pub(crate) cells: Vec<EncoderCell>,
    pub(crate) layer_norm: Option<LayerNorm>,
    pub(crate) dropout: Dropout,
}

#[derive(Module, Debug)]
pub(crate) struct Decoder {
    /// Absent where the encoder's table serves both.
    pub(crate) embed_tokens: Option<Embedding>,
    pub(crate) embed_positions: Positions,
    pub(crate) layers: Vec<DecoderLayer>,
    /// In the layers' place in an `evolved` model.
    pub(crate) cells: Vec<DecoderCell>,
    pub(crate) layer_norm: Option<LayerNorm>,
    /// The output projection where no embedding serves as one.
    pub(crate) embed_out: Option<Param<Tensor<2>>>,
    /// The output projection of a model in 8 bits.
    #[module(skip)]
    pub(crate) int8_projection: Option<Arc<Int8Matrix>>,
    pub(crate) dropout: Dropout,
}

impl ModelConfig {
    /// A model with the reference's initialisation, drawn from the device's generator.
    pub fn init(&self, sizes: VocabularySizes, device: &Device) -> Result<Seq2Seq, ConfigError> {
        self.validate(sizes)?;
        self.check_task(Task::Seq2Seq)?;
        let final_norm = |stack: &Self| stack.has_final_norm().then(|| layer_norm(stack.d_model, device));
        let stack = self.stack(Stack::Encoder);
        let d_memory = stack.d_model;
        let n_blocks = 0..self.encoder_layers;
        let (layers, cells) = if self.architecture == Architecture::Evolved {
            (vec![], n_blocks.map(|_| EncoderCell::new(self, device)).collect())
        } else {
            let layers = n_blocks.map(|layer| EncoderLayer::new(&stack, layer, device));
            (layers.collect(), vec![])
        };
        let encoder = Encoder {
            embed_tokens: Embedding::new(sizes.source, d_memory, device),
            embed_positions: Positions::new(stack.positions, d_memory, self.max_source_positions, device),
            layers,
            cells,
            layer_norm: final_norm(&stack),
            dropout: Dropout::new(self.dropout),
        };
        let share = self.share_embeddings;
        let stack = self.stack(Stack::Decoder);
        let d_model = stack.d_model;
        let (layers, cells) = decoder::stack(&stack, d_memory, device);
        let decoder = Decoder {
            embed_tokens: (share != ShareEmbeddings::All).then(|| Embedding::new(sizes.target, d_model, device)),
            embed_positions: Positions::new(stack.positions, d_model, self.max_target_positions, device),
            layers,
            cells,
            layer_norm: final_norm(&stack),
            embed_out: (share == ShareEmbeddings::None).then(|| embedding::table(sizes.target, d_model, false, device)),
            int8_projection: None,
            dropout: Dropout::new(self.dropout),
        };
        Ok(Seq2Seq { encoder, decoder })
    }
}

impl Seq2Seq {
    /// Encodes sources, padded on either side.
    ///
    /// # Shapes
    ///
    /// - source: `[batch_size, source_length]`, each row ending in `</s>`
    pub fn encode(&self, source: Tensor<2, Int>) -> Memory {
        let encoder = &self.encoder;
        let masks = padding_masks(&source);
        let x = encoder.embed_tokens.forward(source.clone()) + encoder.embed_positions.forward(&source);
        let x = encoder.dropout.forward(x);
        let x = encoder.layers.iter().fold(x, |x, layer| layer.forward(x, &masks));
        let x = encoder.cells.iter().fold(x, |x, cell| cell.forward(x, &masks));
        Memory {
            features: normalise(&encoder.layer_norm, x),
            masks,
        }
    }

    /// Decodes given targets, all positions at once.
    ///
    /// # Shapes
    ///
    /// - target_input: `[batch_size, target_length]`, each row beginning with `</s>`, padded on the right
    /// - output: `[batch_size, target_length, d_model]`, and the last layer's attention to the source, mean over
    ///   heads, `[batch_size, target_length, source_length]`
    pub fn decode(&self, target_input: Tensor<2, Int>, memory: &Memory) -> (Tensor<3>, Tensor<3>) {
        let (features, attention) = self.decode_all(target_input, memory);
        (features, attention.into_tensor().mean_dim(1).squeeze_dim(1))
    }

    fn decode_all(&self, target_input: Tensor<2, Int>, memory: &Memory) -> (Tensor<3>, Probabilities) {
        let decoder = &self.decoder;
        let [_, length] = target_input.dims();
        let masks = Masks {
            attention: Some(causal_mask(length, &target_input.device())),
            keep: None,
        };
        let x = self.target_table().forward(target_input.clone()) + decoder.embed_positions.forward(&target_input);
        let mut x = decoder.dropout.forward(x);
        let mut attention = None;
        for layer in decoder.blocks() {
            let memory = layer.cross_memory(memory.features.clone(), memory.masks.attention.clone());
            (x, attention) = layer.forward(x, &masks, &memory);
        }
        let attention = attention.expect("a validated model has a layer");
        (normalise(&decoder.layer_norm, x), attention)
    }

    /// Features of every target position before the vocabulary projection: what a loss starts from.
    ///
    /// # Shapes
    ///
    /// - source: `[batch_size, source_length]`
    /// - target_input: `[batch_size, target_length]`
    /// - output: `[batch_size, target_length, d_model]`
    pub fn features(&self, source: Tensor<2, Int>, target_input: Tensor<2, Int>) -> Tensor<3> {
        self.decode_all(target_input, &self.encode(source)).0
    }

    /// The model with weights of 8 bits, for a CPU: it translates faster and no longer learns.
    ///
    /// Linear layers and tables have a scale for each output channel or vector, and inputs of linear layers one for each row
    /// (see [`kernels::int8`](crate::kernels::int8)). The rest stays in floats: norms, biases, filters of convolutions and
    /// attention between positions.
    ///
    /// # Panics
    ///
    /// A layer has more inputs than 8 bits can sum, which [`ModelConfig::check_int8`] says beforehand.
    pub fn to_int8(mut self) -> Self {
        // The largest first, while there is nothing in 8 bits beside its floats.
        self.tables().into_iter().for_each(Embedding::quantise);
        self.each_linear(&mut Linear::quantise);
        if let Some(weight) = self.decoder.embed_out.take() {
            self.decoder.int8_projection = Some(Arc::new(quantised(weight.into_value())));
        }
        if self.decoder.int8_projection.is_none() {
            self.decoder.int8_projection = self.target_table().int8().cloned();
        }
        self
    }

    /// Calls `f` with each linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        let (encoder, decoder) = (&mut self.encoder, &mut self.decoder);
        encoder.layers.iter_mut().for_each(|layer| layer.each_linear(f));
        encoder.cells.iter_mut().for_each(|cell| cell.each_linear(f));
        decoder.layers.iter_mut().for_each(|layer| layer.each_linear(f));
        decoder.cells.iter_mut().for_each(|cell| cell.each_linear(f));
    }

    /// The tables of embeddings.
    pub(crate) fn tables(&mut self) -> Vec<&mut Embedding> {
        let source = &mut self.encoder.embed_tokens;
        [source].into_iter().chain(&mut self.decoder.embed_tokens).collect()
    }

    /// The output projection of a model in 8 bits, `[target_vocabulary, d_model]`.
    pub fn int8_projection(&self) -> Option<&Arc<Int8Matrix>> {
        self.decoder.int8_projection.as_ref()
    }

    /// The output projection of a model of floats, `[target_vocabulary, d_model]`; it has no bias.
    pub fn projection(&self) -> Tensor<2> {
        match &self.decoder.embed_out {
            Some(weight) => weight.val(),
            None => self.target_table().weight(),
        }
    }

    /// Logits of `features`: `[rows, d_model]` to `[rows, target_vocabulary]`.
    pub fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        match self.int8_projection() {
            Some(projection) => linear::product(projection, None, features),
            None => features.matmul(self.projection().transpose()),
        }
    }

    /// The state before the first token, a row a source; keys and values of the source are computed here, once.
    pub fn begin(&self, memory: &Memory) -> DecoderState {
        let blocks = || self.decoder.blocks();
        DecoderState {
            layers: blocks().map(DecoderBlock::begin).collect(),
            memory: blocks()
                .map(|layer| layer.cross_memory(memory.features.clone(), memory.masks.attention.clone()))
                .collect(),
            n_steps: 0,
        }
    }

    /// Decodes one more token of every row.
    ///
    /// # Shapes
    ///
    /// - tokens: `[rows, 1]`, the last token of each hypothesis, `</s>` at the start
    pub fn step(&self, tokens: Tensor<2, Int>, state: &mut DecoderState) -> StepOutput {
        let decoder = &self.decoder;
        let [rows, _] = tokens.dims();
        let position = decoder.embed_positions.step(state.n_steps, &tokens.device());
        let mut x = self.target_table().forward(tokens) + position;
        let mut attention = None;
        for ((layer, past), memory) in decoder.blocks().zip(&mut state.layers).zip(&state.memory) {
            (x, attention) = layer.step(x, past, memory);
        }
        state.n_steps += 1;
        let [_, _, d_model] = x.dims();
        let attention = attention.expect("a validated model has a layer").into_tensor();
        let [_, _, _, source_length] = attention.dims();
        StepOutput {
            features: normalise(&decoder.layer_norm, x).reshape([rows, d_model]),
            attention: attention.mean_dim(1).reshape([rows, source_length]),
        }
    }

    fn target_table(&self) -> &Embedding {
        self.decoder.embed_tokens.as_ref().unwrap_or(&self.encoder.embed_tokens)
    }
}

impl Decoder {
    fn blocks(&self) -> impl Iterator<Item = &dyn DecoderBlock> {
        decoder::blocks(&self.layers, &self.cells)
    }
}

pub(crate) fn normalise(norm: &Option<LayerNorm>, x: Tensor<3>) -> Tensor<3> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x,
    }
}

pub(crate) fn padding_masks(tokens: &Tensor<2, Int>) -> Masks {
    let [batch_size, length] = tokens.dims();
    let is_padding: Tensor<2, Bool> = tokens.clone().equal_elem(PAD);
    let scores = Tensor::<2>::zeros([batch_size, length], &tokens.device());
    Masks {
        attention: Some(
            scores
                .mask_fill(is_padding.clone(), f32::NEG_INFINITY)
                .reshape([batch_size, 1, 1, length]),
        ),
        keep: Some(is_padding.bool_not().float().reshape([batch_size, length, 1])),
    }
}

pub(crate) fn causal_mask(length: usize, device: &Device) -> Tensor<4> {
    let later = Tensor::<2, Bool>::tril_mask([length, length], 0, device);
    Tensor::<2>::zeros([length, length], device)
        .mask_fill(later, f32::NEG_INFINITY)
        .reshape([1, 1, length, length])
}
