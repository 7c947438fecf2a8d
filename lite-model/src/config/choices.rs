//! What a key of an architecture may be, where it is no number.

use serde::{Deserialize, Serialize};

/// The architectures that one pipeline trains, decodes, scores and counts.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Long-Short Range Attention: half of the channels attend, half are convolved (paper, section 4).
    Lite,
    /// The encoder-decoder of *Attention Is All You Need*.
    Transformer,
    /// Lightweight convolution in place of self-attention (Wu et al. 2019).
    #[serde(rename = "lightconv")]
    LightConv,
    /// Dynamic convolution in place of self-attention (Wu et al. 2019).
    #[serde(rename = "dynamicconv")]
    DynamicConv,
    /// The Evolved Transformer (So et al. 2019); its layers are cells, normalised before each sub-layer.
    Evolved,
}

/// Where the taps of a convolution come from.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ConvolutionKind {
    /// One learnt filter a head, the same at every position.
    Lightweight,
    /// A filter a head computed from the present position.
    Dynamic,
}

/// Which embedding matrices are one.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum ShareEmbeddings {
    /// Source, target and output projection are one matrix; needs a joint vocabulary.
    #[default]
    All,
    /// The target embedding is the output projection; the source has its own.
    Decoder,
    /// Three matrices, as the reference trains IWSLT.
    None,
}

/// Where padded positions are zeroed in a convolution branch.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum PaddingMask {
    /// Before the input projection, as the reference does. The projection's bias then stands at
    /// padded positions and leaks into their neighbours, so a sentence's output depends on its padding.
    BeforeProjection,
    /// After the projection: the output of a sentence does not depend on its padding.
    #[default]
    AfterProjection,
}

/// The non-linearity of the feed-forward layer.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(0, x)`, the paper's.
    #[default]
    Relu,
    /// `x Φ(x)`, by the error function.
    Gelu,
    /// The same by the hyperbolic tangent, fairseq's `gelu_accurate`.
    GeluTanh,
    /// The hyperbolic tangent.
    Tanh,
    /// None at all, fairseq's `linear`.
    Linear,
}

/// How a position becomes a vector.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum PositionKind {
    /// Sines and cosines in two halves.
    #[default]
    Sinusoidal,
    /// A learnt table.
    Learned,
    /// Not at all.
    None,
}

/// How the feed-forward layer's weights start.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum FeedForwardInit {
    /// Xavier uniform.
    #[default]
    Xavier,
    /// Xavier uniform as if the layer still expanded by two: the reference's `ratio_xavier` for IWSLT.
    RatioXavier,
}

/// What a branch of a self-attention layer does.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum BranchKind {
    /// Attends.
    Attention,
    /// Convolves with a learnt filter.
    Lightweight,
    /// Convolves with a computed filter.
    Dynamic,
}

/// A branch written out, where an architecture's own are not meant.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct BranchSpec {
    /// What it does. Required.
    pub kind: BranchKind,
    /// Its share of the channels. Required.
    pub channels: usize,
    /// Its heads. Required.
    pub n_heads: usize,
    /// The kernel size of a convolution in every layer. Default: the layer's entry of `kernel_sizes`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_size: Option<usize>,
}
