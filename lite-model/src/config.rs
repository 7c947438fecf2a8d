//! What a model is: the `[arch.NAME]` table of a definition.

mod choices;
mod language_model;
mod validate;

pub use choices::{
    Activation, Architecture, BranchKind, BranchSpec, ConvolutionKind, FeedForwardInit, PaddingMask, PositionKind,
    ShareEmbeddings,
};
pub use language_model::{AdaptiveInputConfig, AdaptiveSoftmaxConfig, Task};
use serde::{Deserialize, Serialize};

/// One of the two stacks of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// Reads the source.
    Encoder,
    /// Writes the target.
    Decoder,
}

/// What one stack has in place of the model's common keys. Every key is optional.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(default)]
pub struct StackConfig {
    /// In place of `d_model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub d_model: Option<usize>,
    /// In place of `d_ff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub d_ff: Option<usize>,
    /// In place of `n_heads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_heads: Option<usize>,
    /// In place of `kernel_sizes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_sizes: Option<Vec<usize>>,
    /// In place of `glu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glu: Option<bool>,
    /// In place of `pre_norm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_norm: Option<bool>,
    /// In place of `final_norm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_norm: Option<bool>,
    /// In place of `positions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<PositionKind>,
    /// In place of `branches`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branches: Option<Vec<BranchSpec>>,
}

impl StackConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A sequence-to-sequence model, or a language model of the same layers.
///
/// Keys that an architecture has no use for are ignored by it (`kernel_sizes` in a `transformer`), though no number of heads
/// may be 0; so are `encoder_layers` and `max_source_positions` by a language model. Tables for one stack are refused by a
/// language model and by an `evolved` one.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The kind of layer. Required.
    pub architecture: Architecture,
    /// What is predicted. Default: seq2seq
    #[serde(default)]
    pub task: Task,
    /// Width of the residual stream. Required.
    pub d_model: usize,
    /// Inner width of the feed-forward layer; the paper's flattened block has `d_ff = d_model`. Required.
    pub d_ff: usize,
    /// Layers of the encoder; cells of `evolved`, which has 3 where others have 6. Default: 6
    #[serde(default = "default::layers")]
    pub encoder_layers: usize,
    /// Layers of the decoder; cells of `evolved`, which has 4 where others have 6. Default: 6
    #[serde(default = "default::layers")]
    pub decoder_layers: usize,
    /// Heads of cross-attention, and of self-attention in a `transformer` and in `evolved`, whose decoder cells begin
    /// with one of 16 heads at least. Default: 8
    #[serde(default = "default::n_heads")]
    pub n_heads: usize,
    /// Heads of each branch of `lite`, and of the convolution in `lightconv` and `dynamicconv`. Default: 4
    #[serde(default = "default::branch_heads")]
    pub branch_heads: usize,
    /// Channels of the attention branch of `lite`; the convolution has the rest. Default: half of `d_model`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_channels: Option<usize>,
    /// The convolution of `lite`. Default: dynamic
    #[serde(default = "default::convolution")]
    pub convolution: ConvolutionKind,
    /// Kernel size of each layer, encoder and decoder alike; surplus entries are cut.
    /// Default: 3, 7, 15, 31, 31, 31, 31 (the reference's; the paper's text has 3, 5, 7, 31)
    #[serde(default = "default::kernel_sizes")]
    pub kernel_sizes: Vec<usize>,
    /// Whether a convolution stands between two linear layers. Default: true
    #[serde(default = "default::yes")]
    pub conv_linear: bool,
    /// Whether a gated linear unit follows the first of them (dynamic convolution only, as in the reference). Default: true
    #[serde(default = "default::yes")]
    pub glu: bool,
    /// Whether a filter's taps pass through a softmax. Default: true
    #[serde(default = "default::yes")]
    pub weight_softmax: bool,
    /// Dropout on embeddings and on every sub-layer's output. Default: 0.1
    #[serde(default = "default::dropout")]
    pub dropout: f64,
    /// Dropout on attention probabilities. Default: 0
    #[serde(default)]
    pub attention_dropout: f64,
    /// Dropout on convolution taps. Default: 0
    #[serde(default)]
    pub weight_dropout: f64,
    /// Dropout inside the feed-forward layer. Default: 0
    #[serde(default)]
    pub activation_dropout: f64,
    /// The feed-forward layer's non-linearity. Default: relu
    #[serde(default)]
    pub activation: Activation,
    /// How the feed-forward layer starts. Default: xavier
    #[serde(default)]
    pub feed_forward_init: FeedForwardInit,
    /// Layer norm before each sub-layer and once at the end of a stack, rather than after; a language model has to say
    /// true. Default: false
    #[serde(default)]
    pub pre_norm: bool,
    /// Whether a layer norm ends each stack. Default: as `pre_norm`, true in `evolved`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_norm: Option<bool>,
    /// How positions are encoded. Default: sinusoidal
    #[serde(default)]
    pub positions: PositionKind,
    /// Which embeddings are tied. Default: all
    #[serde(default)]
    pub share_embeddings: ShareEmbeddings,
    /// Where convolutions mask padding. Default: after-projection
    #[serde(default)]
    pub padding_mask: PaddingMask,
    /// Longest source in tokens, the final `</s>` included. Default: 1024
    #[serde(default = "default::max_positions")]
    pub max_source_positions: usize,
    /// Longest target in tokens, the final `</s>` included; of a language model the longest block of text, fairseq's
    /// `tokens_per_sample`. Default: 1024
    #[serde(default = "default::max_positions")]
    pub max_target_positions: usize,
    /// Language model: width of the most frequent words in the adaptive input. Default: `d_model`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder_input_dim: Option<usize>,
    /// Language model: word vectors by bands of frequency. Default: one table of `d_model` channels
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_input: Option<AdaptiveInputConfig>,
    /// Language model: the output by clusters of frequency. Default: one softmax, whose matrix is the input's unless
    /// `share_embeddings` is none
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_softmax: Option<AdaptiveSoftmaxConfig>,
    /// The branches of every layer in the order of their channels. Default: those of the architecture
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Vec<BranchSpec>>,
    /// Where the encoder differs. Default: nowhere
    #[serde(default, skip_serializing_if = "StackConfig::is_default")]
    pub encoder: StackConfig,
    /// Where the decoder differs. Default: nowhere
    #[serde(default, skip_serializing_if = "StackConfig::is_default")]
    pub decoder: StackConfig,
}

/// Entries of the source and of the target vocabulary, special tokens included.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub struct VocabularySizes {
    /// Source entries.
    pub source: usize,
    /// Target entries.
    pub target: usize,
}

impl VocabularySizes {
    /// One vocabulary for both sides.
    pub fn joint(size: usize) -> Self {
        Self {
            source: size,
            target: size,
        }
    }
}

/// One branch of a self-attention layer, with its share of the channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BranchConfig {
    Attention {
        channels: usize,
        n_heads: usize,
    },
    Convolution {
        channels: usize,
        n_heads: usize,
        kernel_size: usize,
        kind: ConvolutionKind,
    },
}

impl BranchConfig {
    pub(crate) fn channels(&self) -> usize {
        match self {
            Self::Attention { channels, .. } | Self::Convolution { channels, .. } => *channels,
        }
    }

    fn n_heads(&self) -> usize {
        match self {
            Self::Attention { n_heads, .. } | Self::Convolution { n_heads, .. } => *n_heads,
        }
    }
}

impl ModelConfig {
    /// A model with the defaults of its keys.
    pub fn new(architecture: Architecture, d_model: usize, d_ff: usize) -> Self {
        Self {
            architecture,
            task: Task::default(),
            d_model,
            d_ff,
            encoder_layers: default::layers(),
            decoder_layers: default::layers(),
            n_heads: default::n_heads(),
            branch_heads: default::branch_heads(),
            attention_channels: None,
            convolution: default::convolution(),
            kernel_sizes: default::kernel_sizes(),
            conv_linear: true,
            glu: true,
            weight_softmax: true,
            dropout: default::dropout(),
            attention_dropout: 0.0,
            weight_dropout: 0.0,
            activation_dropout: 0.0,
            activation: Activation::default(),
            feed_forward_init: FeedForwardInit::default(),
            pre_norm: false,
            final_norm: None,
            positions: PositionKind::default(),
            share_embeddings: ShareEmbeddings::default(),
            padding_mask: PaddingMask::default(),
            max_source_positions: default::max_positions(),
            max_target_positions: default::max_positions(),
            decoder_input_dim: None,
            adaptive_input: None,
            adaptive_softmax: None,
            branches: None,
            encoder: StackConfig::default(),
            decoder: StackConfig::default(),
        }
    }

    /// The description of one stack: what it differs in is put in place of the common keys.
    pub fn stack(&self, stack: Stack) -> Self {
        let own = match stack {
            Stack::Encoder => &self.encoder,
            Stack::Decoder => &self.decoder,
        };
        Self {
            d_model: own.d_model.unwrap_or(self.d_model),
            d_ff: own.d_ff.unwrap_or(self.d_ff),
            n_heads: own.n_heads.unwrap_or(self.n_heads),
            kernel_sizes: own.kernel_sizes.as_ref().unwrap_or(&self.kernel_sizes).clone(),
            glu: own.glu.unwrap_or(self.glu),
            pre_norm: own.pre_norm.unwrap_or(self.pre_norm),
            final_norm: own.final_norm.or(self.final_norm),
            positions: own.positions.unwrap_or(self.positions),
            branches: own.branches.as_ref().or(self.branches.as_ref()).cloned(),
            encoder: StackConfig::default(),
            decoder: StackConfig::default(),
            ..self.clone()
        }
    }

    /// Whether a layer norm ends a stack.
    pub fn has_final_norm(&self) -> bool {
        let norms_come_first = self.pre_norm || self.architecture == Architecture::Evolved;
        self.final_norm.unwrap_or(norms_come_first)
    }

    /// Whether self-attention is a plain one and no list of branches.
    pub(crate) fn is_plain_attention(&self) -> bool {
        self.architecture == Architecture::Transformer && self.branches.is_none()
    }

    /// Whether a sentence's output depends on how far it is padded (see [`PaddingMask`]).
    pub fn depends_on_padding(&self) -> bool {
        let encoder = self.stack(Stack::Encoder);
        let convolves = |branch: &BranchConfig| matches!(branch, BranchConfig::Convolution { .. });
        self.padding_mask == PaddingMask::BeforeProjection
            && self.conv_linear
            && (0..encoder.encoder_layers).any(|layer| encoder.branches(layer).iter().any(convolves))
    }

    /// The branches of layer `layer`, in the order of their channels.
    pub(crate) fn branches(&self, layer: usize) -> Vec<BranchConfig> {
        if let Some(branches) = &self.branches {
            return branches.iter().map(|branch| self.written_out(branch, layer)).collect();
        }
        let convolution = |channels, kind| BranchConfig::Convolution {
            channels,
            n_heads: self.branch_heads,
            kernel_size: self.kernel_sizes[layer],
            kind,
        };
        match self.architecture {
            Architecture::Transformer => {
                vec![BranchConfig::Attention {
                    channels: self.d_model,
                    n_heads: self.n_heads,
                }]
            }
            Architecture::LightConv => vec![convolution(self.d_model, ConvolutionKind::Lightweight)],
            Architecture::DynamicConv => vec![convolution(self.d_model, ConvolutionKind::Dynamic)],
            Architecture::Lite => {
                let channels = self.attention_channels();
                vec![
                    BranchConfig::Attention {
                        channels,
                        n_heads: self.branch_heads,
                    },
                    convolution(self.d_model - channels, self.convolution),
                ]
            }
            // Cells have no such layer.
            Architecture::Evolved => vec![],
        }
    }

    fn written_out(&self, branch: &BranchSpec, layer: usize) -> BranchConfig {
        let BranchSpec {
            kind,
            channels,
            n_heads,
            kernel_size,
        } = *branch;
        let kind = match kind {
            BranchKind::Attention => return BranchConfig::Attention { channels, n_heads },
            BranchKind::Lightweight => ConvolutionKind::Lightweight,
            BranchKind::Dynamic => ConvolutionKind::Dynamic,
        };
        BranchConfig::Convolution {
            channels,
            n_heads,
            kernel_size: kernel_size.unwrap_or_else(|| self.kernel_sizes[layer]),
            kind,
        }
    }

    /// Whether a convolution of this kind is gated: the reference's lightweight convolution ignores the flag.
    pub(crate) fn is_gated(&self, kind: ConvolutionKind) -> bool {
        self.conv_linear && self.glu && kind == ConvolutionKind::Dynamic
    }

    /// Whether layers have lightweight or dynamic convolutions by their architecture.
    fn has_kernel_sizes(&self) -> bool {
        !matches!(self.architecture, Architecture::Transformer | Architecture::Evolved)
    }

    fn attention_channels(&self) -> usize {
        self.attention_channels.unwrap_or(self.d_model / 2)
    }
}

mod default {
    use super::ConvolutionKind;

    pub fn layers() -> usize {
        6
    }
    pub fn n_heads() -> usize {
        8
    }
    pub fn branch_heads() -> usize {
        4
    }
    pub fn convolution() -> ConvolutionKind {
        ConvolutionKind::Dynamic
    }
    pub fn kernel_sizes() -> Vec<usize> {
        vec![3, 7, 15, 31, 31, 31, 31]
    }
    pub fn yes() -> bool {
        true
    }
    pub fn dropout() -> f64 {
        0.1
    }
    pub fn max_positions() -> usize {
        1024
    }
}
