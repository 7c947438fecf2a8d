//! What a model costs: parameters and Mult-Adds from its description alone, by part of the model and by stack.
//!
//! Two conventions. Both are of one sentence without padding, decoded or trained in one pass, so that causal attention is
//! the full square; what only training does (dropout, the loss) is in neither, nor are masks and look-ups, which
//! compute nothing.
//!
//! [`Convention::AsPaper`] reproduces every number of the paper's tables.
//! - Mult-Adds: the products of all linear layers and of attention's two matrix products, and one a channel for each
//!   layer norm. Not the vocabulary projection, softmax, biases, activations, residual sums, and the sums over taps of
//!   lightweight and dynamic convolutions (the layer that computes a dynamic filter is counted); the sums of ordinary
//!   and separable convolutions are. Of adaptive input embeddings, one projection of the first band a token.
//! - Parameters: all but embedding tables, learnt positions, and the projections of adaptive input embeddings; an output
//!   projection that is no embedding counts, which is so in the IWSLT models.
//!
//! [`Convention::Everything`] leaves nothing out. A multiplication with the addition after it is one Mult-Add, and so
//! is each of these that stands alone: sum, product, quotient, comparison, exponential, sigmoid.
//! - linear layer: a bias is one for each output. Attention: scaling is one a channel of the queries.
//! - softmax, 5 for each entry: maximum, difference, exponential, sum, quotient.
//! - layer norm, 5 a channel: mean, difference, sum of squares, quotient, scale with shift. What is done once a token
//!   (division by the width, square root) is not counted. The residual sum before it, 1 a channel, belongs to it.
//! - convolutions: a Mult-Add a tap and channel, also where a tap falls outside of the sentence. Gate 2 a channel.
//! - embedding: the scale and the sum with the position, 2 a channel; adaptive ones as if all words were of the first
//!   band, which is the most they cost.
//! - output projection: the logits of every word for every target token, and their softmax.
//!
//! The paper states a sentence of 30 tokens on either side.

mod language_model;
mod tally;
#[cfg(test)]
mod tests;

use std::iter::Sum;
use std::ops::Add;

use serde::Serialize;

use crate::config::{
    Architecture, BranchConfig, ModelConfig, PositionKind, ShareEmbeddings, Stack, Task, VocabularySizes,
};
use crate::evolved;
use crate::tokens::PAD;
use language_model::language_model;
pub use tally::StackCost;
pub(crate) use tally::{AttentionShape, ConvolutionShape};

/// Source and target length at which the paper counts Mult-Adds of translation.
pub const PAPER_LENGTH: usize = 30;

/// What is counted; see the [module](self).
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Convention {
    /// What the paper's tables count.
    AsPaper,
    /// Every operation and every trained number.
    Everything,
}

/// The parts of a model that costs are split by.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Self-attention, or the attention branch of Long-Short Range Attention.
    Attention,
    /// Attention of the decoder to the encoder.
    CrossAttention,
    /// Convolutions with the linear layers around them.
    Convolution,
    /// Feed-forward layers.
    FeedForward,
    /// Layer norms with the residual sums before them.
    LayerNorm,
    /// Embedding tables and positions.
    Embedding,
    /// From the decoder to words; its parameters only where they are no embedding table.
    OutputProjection,
}

impl Part {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Attention,
        Self::CrossAttention,
        Self::Convolution,
        Self::FeedForward,
        Self::LayerNorm,
        Self::Embedding,
        Self::OutputProjection,
    ];

    /// As tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::CrossAttention => "cross-attention",
            Self::Convolution => "convolution",
            Self::FeedForward => "feed-forward",
            Self::LayerNorm => "layer norm",
            Self::Embedding => "embedding",
            Self::OutputProjection => "output projection",
        }
    }
}

/// Parameters and Mult-Adds of something.
#[derive(Serialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Trained numbers, a tied table once.
    pub parameters: u64,
    /// Multiplications with an addition.
    pub mult_adds: u64,
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parameters: self.parameters.saturating_add(other.parameters),
            mult_adds: self.mult_adds.saturating_add(other.mult_adds),
        }
    }
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// Tokens of the sentence that is counted; a language model reads the target alone.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// Of the source.
    pub source: usize,
    /// Of the target.
    pub target: usize,
}

impl Lengths {
    /// The paper's, for translation.
    pub const PAPER: Self = Self::both(PAPER_LENGTH);

    /// The same on either side.
    pub const fn both(length: usize) -> Self {
        Self {
            source: length,
            target: length,
        }
    }
}

/// What a model costs, by stack. A table that both stacks share is the encoder's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// The encoder with the source embedding.
    pub encoder: StackCost,
    /// The decoder with the target embedding and the output projection.
    pub decoder: StackCost,
}

impl Cost {
    /// The model that `config` describes, on one sentence of these `lengths`.
    pub fn new(config: &ModelConfig, sizes: VocabularySizes, lengths: Lengths) -> Self {
        let mut cost = Self::default();
        match config.task {
            Task::Seq2Seq => cost.seq2seq(config, sizes, lengths),
            Task::LanguageModel => language_model(&mut cost.decoder, config, sizes.target, lengths.target),
        }
        cost
    }

    fn seq2seq(&mut self, config: &ModelConfig, sizes: VocabularySizes, lengths: Lengths) {
        let Self { encoder, decoder } = self;
        let share = config.share_embeddings;
        let [source, target] = [Stack::Encoder, Stack::Decoder].map(|stack| config.stack(stack));
        encoder.table(Part::Embedding, sizes.source, source.d_model);
        if share != ShareEmbeddings::All {
            decoder.table(Part::Embedding, sizes.target, target.d_model);
        }
        positions(encoder, &source, config.max_source_positions, lengths.source);
        positions(decoder, &target, config.max_target_positions, lengths.target);
        for layer in 0..config.encoder_layers {
            encoder_layer(encoder, &source, layer, lengths);
        }
        for layer in 0..config.decoder_layers {
            decoder_layer(decoder, &target, source.d_model, layer, lengths);
        }
        if source.has_final_norm() {
            encoder.layer_norm(source.d_model, lengths.source);
        }
        if target.has_final_norm() {
            decoder.layer_norm(target.d_model, lengths.target);
        }
        if share == ShareEmbeddings::None {
            decoder.counted_table(Part::OutputProjection, sizes.target, target.d_model);
        }
        decoder.logits(target.d_model, sizes.target, lengths.target);
    }

    /// The whole model.
    pub fn total(&self, convention: Convention) -> Count {
        self.encoder.total(convention) + self.decoder.total(convention)
    }

    /// One part, of both stacks.
    pub fn part(&self, part: Part, convention: Convention) -> Count {
        self.encoder.count(part, convention) + self.decoder.count(part, convention)
    }
}

fn encoder_layer(cost: &mut StackCost, config: &ModelConfig, layer: usize, lengths: Lengths) {
    if config.architecture == Architecture::Evolved {
        return evolved::cost::encoder_cell(cost, config, lengths);
    }
    branches(cost, config, layer, lengths.source);
    cost.residual_norm(config.d_model, lengths.source);
    cost.feed_forward(config.d_model, config.d_ff, lengths.source);
    cost.residual_norm(config.d_model, lengths.source);
}

fn decoder_layer(cost: &mut StackCost, config: &ModelConfig, d_memory: usize, layer: usize, lengths: Lengths) {
    if config.architecture == Architecture::Evolved {
        return evolved::cost::decoder_cell(cost, config, lengths);
    }
    let d_model = config.d_model;
    branches(cost, config, layer, lengths.target);
    cost.residual_norm(d_model, lengths.target);
    let attention = AttentionShape {
        channels: d_model,
        n_heads: config.n_heads,
        bias: true,
    };
    cost.attention_over(
        Part::CrossAttention,
        attention,
        d_memory,
        lengths.target,
        lengths.source,
    );
    cost.residual_norm(d_model, lengths.target);
    cost.feed_forward(d_model, config.d_ff, lengths.target);
    cost.residual_norm(d_model, lengths.target);
}

/// The scale of embeddings and their sum with positions, of which `n_positions` may be learnt.
fn positions(cost: &mut StackCost, config: &ModelConfig, n_positions: usize, length: usize) {
    if config.positions == PositionKind::None {
        cost.elementwise(Part::Embedding, config.d_model, length);
        return;
    }
    if config.positions == PositionKind::Learned {
        // Tokens stand behind the row of padding.
        cost.table(Part::Embedding, n_positions + PAD as usize + 1, config.d_model);
    }
    cost.elementwise(Part::Embedding, 2 * config.d_model, length);
}

/// What stands in place of a transformer's self-attention.
fn branches(cost: &mut StackCost, config: &ModelConfig, layer: usize, length: usize) {
    for branch in config.branches(layer) {
        match branch {
            BranchConfig::Attention { channels, n_heads } => {
                let shape = AttentionShape {
                    channels,
                    n_heads,
                    bias: true,
                };
                cost.attention(Part::Attention, shape, length, length);
            }
            BranchConfig::Convolution {
                channels,
                n_heads,
                kernel_size,
                kind,
            } => cost.convolution(
                ConvolutionShape {
                    channels,
                    n_heads,
                    kernel_size,
                    kind,
                    linear: config.conv_linear,
                    gated: config.is_gated(kind),
                    softmax: config.weight_softmax,
                },
                length,
            ),
        }
    }
}

/// Parameters of a model.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Every trained number, a tied table once.
    pub total: usize,
    /// Of these, embeddings of words and positions, and the output projection.
    pub embedding: usize,
    /// [As the paper counts](Convention::AsPaper).
    pub counted: usize,
}

/// Parameters of the model that `config` describes.
pub fn parameters(config: &ModelConfig, sizes: VocabularySizes) -> Parameters {
    let cost = Cost::new(config, sizes, Lengths::both(0));
    let number = |count: Count| count.parameters as usize;
    let words = [Part::Embedding, Part::OutputProjection].map(|part| cost.part(part, Convention::Everything));
    Parameters {
        total: number(cost.total(Convention::Everything)),
        embedding: number(words.into_iter().sum()),
        counted: number(cost.total(Convention::AsPaper)),
    }
}

/// Mult-Adds of one sentence of `source_length` and `target_length` tokens, [as the paper counts](Convention::AsPaper).
pub fn mult_adds(config: &ModelConfig, source_length: usize, target_length: usize) -> u64 {
    let lengths = Lengths {
        source: source_length,
        target: target_length,
    };
    // The vocabulary adds nothing in this convention.
    Cost::new(config, VocabularySizes::joint(0), lengths)
        .total(Convention::AsPaper)
        .mult_adds
}
