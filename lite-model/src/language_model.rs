//! A language model: the decoder's layers without a source (fairseq `transformer_lm.py`).

use burn::module::{Module, Param};
use burn::nn::LayerNorm;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor};

use crate::adaptive::{AdaptiveInput, AdaptiveSoftmax, OutputPart};
use crate::config::{ModelConfig, ShareEmbeddings, Task, VocabularySizes};
use crate::decoder::{self, DecoderBlock, DecoderLayer};
use crate::dropout::Dropout;
use crate::embedding::{self, Embedding};
use crate::encoder::layer_norm;
use crate::error::ConfigError;
use crate::evolved::DecoderCell;
use crate::long_short::Masks;
use crate::positions::Positions;
use crate::seq2seq::{causal_mask, normalise};
use crate::state::DecoderState;

/// A language model.
///
/// Fields are named as in the reference, so that weights carry its names.
#[derive(Module, Debug)]
pub struct LanguageModel {
    pub(crate) decoder: Decoder,
}

#[derive(Module, Debug)]
pub(crate) struct Decoder {
    pub(crate) embed_tokens: WordVectors,
    pub(crate) embed_positions: Positions,
    pub(crate) layers: Vec<DecoderLayer>,
    /// In the layers' place in an `evolved` model.
    pub(crate) cells: Vec<DecoderCell>,
    pub(crate) layer_norm: Option<LayerNorm>,
    /// The output where it is plain and no table serves as one, `[vocabulary_size, d_model]`.
    pub(crate) embed_out: Option<Param<Tensor<2>>>,
    pub(crate) adaptive_softmax: Option<AdaptiveSoftmax>,
    pub(crate) dropout: Dropout,
}

/// How tokens become vectors.
#[derive(Module, Debug)]
pub(crate) enum WordVectors {
    Plain(Embedding),
    Adaptive(AdaptiveInput),
}

impl WordVectors {
    pub(crate) fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        match self {
            Self::Plain(embedding) => embedding.forward(tokens),
            Self::Adaptive(input) => input.forward(tokens),
        }
    }

    fn adaptive(&self) -> Option<&AdaptiveInput> {
        match self {
            Self::Plain(_) => None,
            Self::Adaptive(input) => Some(input),
        }
    }
}

impl ModelConfig {
    /// A language model with the reference's initialisation, drawn from the device's generator.
    pub fn init_language_model(&self, vocabulary_size: usize, device: &Device) -> Result<LanguageModel, ConfigError> {
        self.validate(VocabularySizes::joint(vocabulary_size))?;
        self.check_task(Task::LanguageModel)?;
        let d_model = self.d_model;
        let embed_tokens = match &self.adaptive_input {
            Some(config) => {
                let d_input = self.decoder_input_dim();
                WordVectors::Adaptive(AdaptiveInput::new(config, vocabulary_size, d_input, d_model, device))
            }
            None => WordVectors::Plain(Embedding::new(vocabulary_size, d_model, device)),
        };
        let has_own_output = self.adaptive_softmax.is_none() && self.share_embeddings == ShareEmbeddings::None;
        let adaptive_softmax = self.adaptive_softmax.as_ref();
        let (layers, cells) = decoder::stack(self, d_model, device);
        let decoder = Decoder {
            embed_tokens,
            embed_positions: Positions::new(self.positions, d_model, self.max_target_positions, device),
            layers,
            cells,
            layer_norm: self.has_final_norm().then(|| layer_norm(d_model, device)),
            embed_out: has_own_output.then(|| embedding::table(vocabulary_size, d_model, false, device)),
            adaptive_softmax: adaptive_softmax
                .map(|config| AdaptiveSoftmax::new(config, vocabulary_size, d_model, device)),
            dropout: Dropout::new(self.dropout),
        };
        Ok(LanguageModel { decoder })
    }
}

impl Decoder {
    fn blocks(&self) -> impl Iterator<Item = &dyn DecoderBlock> {
        decoder::blocks(&self.layers, &self.cells)
    }
}

impl LanguageModel {
    /// Features of every position before the output.
    ///
    /// # Shapes
    ///
    /// - tokens: `[batch_size, length]`, each row beginning with the token before its first target (`</s>` at the
    ///   start of a text), padded on the right
    /// - output: `[batch_size, length, d_model]`
    pub fn features(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let decoder = &self.decoder;
        let [_, length] = tokens.dims();
        let masks = Masks {
            attention: Some(causal_mask(length, &tokens.device())),
            keep: None,
        };
        let positions = decoder.embed_positions.forward(&tokens);
        let x = decoder
            .dropout
            .forward(decoder.embed_tokens.forward(tokens) + positions);
        let x = decoder.blocks().fold(x, |x, layer| layer.forward(x, &masks, &[]).0);
        normalise(&decoder.layer_norm, x)
    }

    /// Log-probabilities of all words after each of `features`: `[rows, d_model]` to `[rows, vocabulary_size]`.
    pub fn log_probabilities(&self, features: Tensor<2>) -> Tensor<2> {
        match &self.decoder.adaptive_softmax {
            Some(softmax) => softmax
                .output(self.decoder.embed_tokens.adaptive())
                .log_probabilities(features),
            None => log_softmax(features.matmul(self.projection().transpose()), 1),
        }
    }

    /// What the output is asked where the word after each of `features` is known, one target a row: the softmaxes
    /// whose log-probabilities add up to those of the targets.
    pub fn output_parts(&self, features: Tensor<2>, targets: &[i32]) -> Vec<OutputPart> {
        match &self.decoder.adaptive_softmax {
            Some(softmax) => softmax
                .output(self.decoder.embed_tokens.adaptive())
                .parts(features, targets),
            None => vec![OutputPart {
                features,
                weight: self.projection(),
                targets: targets.to_vec(),
                rows: (0..targets.len() as i32).collect(),
            }],
        }
    }

    /// The state before the first token of a text; it takes the number of rows of the first step.
    pub fn begin(&self) -> DecoderState {
        DecoderState {
            layers: self.decoder.blocks().map(DecoderBlock::begin).collect(),
            memory: vec![],
            n_steps: 0,
        }
    }

    /// Features after one more token of every row.
    ///
    /// # Shapes
    ///
    /// - tokens: `[rows, 1]`, `</s>` at the start
    /// - output: `[rows, d_model]`
    pub fn step(&self, tokens: Tensor<2, Int>, state: &mut DecoderState) -> Tensor<2> {
        let decoder = &self.decoder;
        let [rows, _] = tokens.dims();
        let position = decoder.embed_positions.step(state.n_steps, &tokens.device());
        let x = decoder.embed_tokens.forward(tokens) + position;
        let layers = decoder.blocks().zip(&mut state.layers);
        let x = layers.fold(x, |x, (layer, past)| layer.step(x, past, &[]).0);
        state.n_steps += 1;
        let [_, _, d_model] = x.dims();
        normalise(&decoder.layer_norm, x).reshape([rows, d_model])
    }

    /// The matrix of a plain output, `[vocabulary_size, d_model]`.
    fn projection(&self) -> Tensor<2> {
        match (&self.decoder.embed_out, &self.decoder.embed_tokens) {
            (Some(weight), _) => weight.val(),
            (None, WordVectors::Plain(embedding)) => embedding.weight(),
            (None, WordVectors::Adaptive(_)) => unreachable!("refused with the configuration"),
        }
    }
}
