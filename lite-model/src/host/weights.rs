//! The weights of layers, taken out of their tensors and packed.

use std::sync::Arc;

use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use super::matrix::Matrix;
use super::mix::Norm;
use super::store::Store;
use crate::attention::Attention;
use crate::config::Activation;
use crate::convolution::Convolution;
use crate::decoder::DecoderLayer;
use crate::encoder::EncoderLayer;
use crate::linear::{Linear, LinearParts, floats};
use crate::long_short::{Branch, TokenMixer};

/// What a layer of an encoder is, and a decoder's but for its attention to the source.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) branches: Vec<Mixer>,
    pub(super) mixer_norm: Norm,
    pub(super) fc1: Matrix,
    pub(super) fc2: Matrix,
    pub(super) activation: Activation,
    pub(super) final_norm: Norm,
    pub(super) pre_norm: bool,
}

/// One branch, over `channels` channels from `first` on; `part` is what it keeps of the past.
#[derive(Debug)]
pub(super) struct Mixer {
    pub(super) first: usize,
    pub(super) channels: usize,
    pub(super) part: usize,
    pub(super) n_heads: usize,
    pub(super) kind: MixerKind,
}

#[derive(Debug)]
pub(super) enum MixerKind {
    Attention {
        query: Matrix,
        keys_values: Matrix,
        output: Matrix,
    },
    Convolution {
        input: Option<Matrix>,
        is_gated: bool,
        taps: Taps,
        kernel_size: usize,
        output: Option<Matrix>,
    },
}

#[derive(Debug)]
pub(super) enum Taps {
    /// Ready to use, `[n_heads * kernel_size]`.
    Learnt(Vec<f32>),
    Computed {
        matrix: Matrix,
        has_softmax: bool,
    },
}

/// A decoder's attention to the source.
#[derive(Debug)]
pub(super) struct Cross {
    pub(super) query: Matrix,
    pub(super) keys_values: Matrix,
    pub(super) output: Matrix,
    pub(super) n_heads: usize,
    pub(super) norm: Norm,
}

impl Layer {
    /// Of an encoder's layer; `parts` grows by the widths of what its branches keep.
    pub(super) fn encoding(store: &mut Store, layer: EncoderLayer, d_model: usize, parts: &mut Vec<usize>) -> Self {
        let branches = mixers(store, layer.self_attn, d_model, parts);
        Self {
            branches,
            mixer_norm: norm(layer.self_attn_layer_norm),
            activation: layer.feed_forward.activation,
            fc1: matrix(store, layer.feed_forward.fc1),
            fc2: matrix(store, layer.feed_forward.fc2),
            final_norm: norm(layer.final_layer_norm),
            pre_norm: layer.residual.pre_norm,
        }
    }

    /// As [`encoding`](Self::encoding), of a decoder's layer, which has an attention to a source.
    pub(super) fn decoding(
        store: &mut Store,
        layer: DecoderLayer,
        d_model: usize,
        parts: &mut Vec<usize>,
    ) -> Option<(Self, Cross)> {
        let cross = layer.encoder_attn?;
        let n_heads = cross.n_heads;
        let (query, keys_values, output) = attention(store, cross);
        let cross = Cross {
            query,
            keys_values,
            output,
            n_heads,
            norm: norm(layer.encoder_attn_layer_norm?),
        };
        // The rest is what an encoder's layer is.
        let layer = EncoderLayer {
            self_attn: layer.self_attn,
            self_attn_layer_norm: layer.self_attn_layer_norm,
            feed_forward: layer.feed_forward,
            final_layer_norm: layer.final_layer_norm,
            residual: layer.residual,
        };
        let layer = Self::encoding(store, layer, d_model, parts);
        Some((layer, cross))
    }
}

fn mixers(store: &mut Store, mixer: TokenMixer, d_model: usize, parts: &mut Vec<usize>) -> Vec<Mixer> {
    let branches = match mixer {
        TokenMixer::Attention(attention) => vec![(d_model, Branch::Attention(attention))],
        TokenMixer::MultiBranch(mixer) => mixer.channels.into_iter().zip(mixer.branches).collect(),
    };
    let mut first = 0;
    let mut mixers = Vec::with_capacity(branches.len());
    for (channels, branch) in branches {
        mixers.push(Mixer::take(store, branch, first, channels, parts));
        first += channels;
    }
    mixers
}

impl Mixer {
    fn take(store: &mut Store, branch: Branch, first: usize, channels: usize, parts: &mut Vec<usize>) -> Self {
        let part = parts.len();
        let (n_heads, kind) = match branch {
            Branch::Attention(branch) => {
                parts.push(2 * channels);
                let n_heads = branch.n_heads;
                let (query, keys_values, output) = attention(store, branch);
                let kind = MixerKind::Attention {
                    query,
                    keys_values,
                    output,
                };
                (n_heads, kind)
            }
            Branch::Convolution(branch) => {
                parts.push(channels);
                (branch.shape.n_heads, convolution(store, branch))
            }
        };
        Self {
            first,
            channels,
            part,
            n_heads,
            kind,
        }
    }
}

fn convolution(store: &mut Store, branch: Convolution) -> MixerKind {
    let taps = match (&branch.weight, branch.weight_linear.clone()) {
        (Some(weight), _) => Taps::Learnt(floats(branch.normalise(weight.val()))),
        (None, Some(linear)) => Taps::Computed {
            matrix: matrix(store, linear),
            has_softmax: branch.shape.weight_softmax,
        },
        (None, None) => unreachable!("a convolution without learnt taps computes them"),
    };
    MixerKind::Convolution {
        is_gated: branch.shape.is_gated,
        kernel_size: branch.shape.kernel_size,
        taps,
        input: branch.linear1.map(|linear| matrix(store, linear)),
        output: branch.linear2.map(|linear| matrix(store, linear)),
    }
}

/// Query; keys beside values; output.
fn attention(store: &mut Store, attention: Attention) -> (Matrix, Matrix, Matrix) {
    (
        matrix(store, attention.q_proj),
        side_by_side(store, attention.k_proj, attention.v_proj),
        matrix(store, attention.out_proj),
    )
}

fn matrix(store: &mut Store, linear: Linear) -> Matrix {
    match linear.into_parts() {
        LinearParts::Floats(weight, bias) => {
            let [d_input, _] = weight.dims();
            let bias = bias.map(floats);
            Matrix::pack(store, &floats(weight), d_input, bias.as_deref())
        }
        LinearParts::Int8(linear) => Matrix::int8(linear.weight.clone(), linear.bias.as_deref()),
    }
}

fn side_by_side(store: &mut Store, left: Linear, right: Linear) -> Matrix {
    let both = |left: Option<Vec<f32>>, right: Option<Vec<f32>>| Some([left?, right?].concat());
    match (left.into_parts(), right.into_parts()) {
        (LinearParts::Floats(left, left_bias), LinearParts::Floats(right, right_bias)) => {
            let [d_input, _] = left.dims();
            let bias = both(left_bias.map(floats), right_bias.map(floats));
            let weight = Tensor::cat(vec![left, right], 1);
            Matrix::pack(store, &floats(weight), d_input, bias.as_deref())
        }
        (LinearParts::Int8(left), LinearParts::Int8(right)) => {
            let bias = both(left.bias.clone(), right.bias.clone());
            Matrix::int8(Arc::new(left.weight.beside(&right.weight)), bias.as_deref())
        }
        _ => unreachable!("a model is in 8 bits or it is not"),
    }
}

pub(super) fn norm(norm: LayerNorm) -> Norm {
    let scale = floats(norm.gamma.val());
    let shift = norm
        .beta
        .map_or_else(|| vec![0.0; scale.len()], |beta| floats(beta.val()));
    Norm { scale, shift }
}
