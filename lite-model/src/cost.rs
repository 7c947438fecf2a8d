//! What a model costs: parameters and Mult-Adds from its description alone, by the rules that reproduce every number
//! of the paper's tables.
//!
//! Counted: the products of all linear layers, of attention's two matrix products (causal attention as the full
//! square), and one a channel for each layer norm. Not counted: embedding look-up, vocabulary projection, softmax,
//! biases, gating, and the convolutions' own sums over taps (the layer that computes a dynamic filter is counted).
//! The paper states a sentence of 30 tokens on either side.

use serde::Serialize;

use crate::config::{BranchConfig, ConvolutionKind, ModelConfig, PositionKind, ShareEmbeddings, VocabularySizes};

/// Source and target length at which the paper counts Mult-Adds of translation.
pub const PAPER_LENGTH: usize = 30;

/// Parameters of a model.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Every trained number, a tied table once.
    pub total: usize,
    /// Of these, tables with a row a vocabulary entry: embeddings and output projection.
    pub embedding: usize,
    /// As the paper counts: without embedding tables, but with an output projection that is no embedding.
    pub counted: usize,
}

/// Weights of a stack of layers and their Mult-Adds.
#[derive(Default, Clone, Copy)]
struct Cost {
    parameters: usize,
    mult_adds: u64,
}

impl Cost {
    fn linear(&mut self, d_input: usize, d_output: usize, bias: bool, n_tokens: usize) {
        self.parameters += d_input * d_output + if bias { d_output } else { 0 };
        self.mult_adds += (d_input * d_output * n_tokens) as u64;
    }

    fn layer_norm(&mut self, d_model: usize, n_tokens: usize) {
        self.parameters += 2 * d_model;
        self.mult_adds += (d_model * n_tokens) as u64;
    }

    fn attention(&mut self, channels: usize, n_queries: usize, n_keys: usize) {
        for n_tokens in [n_queries, n_keys, n_keys, n_queries] {
            self.linear(channels, channels, true, n_tokens);
        }
        self.mult_adds += (2 * n_queries * n_keys * channels) as u64;
    }

    fn branch(&mut self, branch: &BranchConfig, config: &ModelConfig, length: usize) {
        match *branch {
            BranchConfig::Attention { channels, .. } => self.attention(channels, length, length),
            BranchConfig::Convolution {
                channels,
                n_heads,
                kernel_size,
                kind,
            } => {
                if config.conv_linear {
                    let expansion = if config.is_gated(kind) { 2 } else { 1 };
                    self.linear(channels, expansion * channels, true, length);
                    self.linear(channels, channels, true, length);
                }
                match kind {
                    ConvolutionKind::Dynamic => self.linear(channels, n_heads * kernel_size, false, length),
                    ConvolutionKind::Lightweight => self.parameters += n_heads * kernel_size,
                }
            }
        }
    }
}

fn layers(config: &ModelConfig, source_length: usize, target_length: usize) -> Cost {
    let mut cost = Cost::default();
    let d_model = config.d_model;
    let stacks = [
        (config.encoder_layers, source_length, false),
        (config.decoder_layers, target_length, true),
    ];
    for (n_layers, length, is_decoder) in stacks {
        for layer in 0..n_layers {
            for branch in config.branches(layer) {
                cost.branch(&branch, config, length);
            }
            cost.layer_norm(d_model, length);
            if is_decoder {
                cost.attention(d_model, target_length, source_length);
                cost.layer_norm(d_model, length);
            }
            cost.linear(d_model, config.d_ff, true, length);
            cost.linear(config.d_ff, d_model, true, length);
            cost.layer_norm(d_model, length);
        }
        if config.has_final_norm() {
            cost.layer_norm(d_model, length);
        }
    }
    cost
}

/// Parameters of the model that `config` describes.
pub fn parameters(config: &ModelConfig, sizes: VocabularySizes) -> Parameters {
    let d_model = config.d_model;
    let separate_projection = match config.share_embeddings {
        ShareEmbeddings::None => sizes.target * d_model,
        ShareEmbeddings::All | ShareEmbeddings::Decoder => 0,
    };
    let tables = match config.share_embeddings {
        ShareEmbeddings::All => sizes.source,
        ShareEmbeddings::Decoder | ShareEmbeddings::None => sizes.source + sizes.target,
    };
    let positions = match config.positions {
        PositionKind::Sinusoidal => 0,
        PositionKind::Learned => (config.max_source_positions + config.max_target_positions + 4) * d_model,
    };
    let layers = layers(config, 0, 0).parameters;
    let embedding = tables * d_model + separate_projection;
    Parameters {
        total: layers + positions + embedding,
        embedding,
        counted: layers + separate_projection,
    }
}

/// Mult-Adds of one sentence of `source_length` and `target_length` tokens.
pub fn mult_adds(config: &ModelConfig, source_length: usize, target_length: usize) -> u64 {
    layers(config, source_length, target_length).mult_adds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Architecture;

    fn lite(d_model: usize) -> ModelConfig {
        ModelConfig::new(Architecture::Lite, d_model, d_model)
    }

    /// Parameters in millions and Mult-Adds in millions of a row of the paper; the digits it prints, to half a unit
    /// of the last one, or 0.5 %, whichever is wider.
    fn check(config: &ModelConfig, vocabulary: VocabularySizes, params: f64, macs: f64) {
        let near = |found: f64, printed: f64, unit: f64| (found - printed).abs() <= (0.5 * unit).max(0.005 * printed);
        let found = parameters(config, vocabulary).counted as f64 / 1e6;
        assert!(
            near(found, params, 0.1),
            "{config:?}: {found} M parameters, the paper has {params}"
        );
        let found = mult_adds(config, PAPER_LENGTH, PAPER_LENGTH) as f64 / 1e6;
        assert!(
            near(found, macs, 1.0),
            "{config:?}: {found} M Mult-Adds, the paper has {macs}"
        );
    }

    #[test]
    fn wmt_rows_of_the_paper() {
        let joint = VocabularySizes::joint(32768);
        for (d_model, params, macs) in [(200, 2.9, 90.0), (408, 11.7, 360.0), (496, 17.3, 527.0)] {
            check(&lite(d_model), joint, params, macs);
        }
        for (d_model, params, macs) in [
            (128, 2.8, 87.0),
            (256, 11.1, 338.0),
            (320, 17.3, 527.0),
            (512, 44.1, 1338.0),
        ] {
            check(
                &ModelConfig::new(Architecture::Transformer, d_model, 4 * d_model),
                joint,
                params,
                macs,
            );
        }
    }

    #[test]
    fn iwslt_rows_of_the_paper() {
        let sizes = VocabularySizes {
            source: 8848,
            target: 6632,
        };
        for (d_model, params, macs) in [(160, 2.8, 54.0), (240, 5.4, 119.0), (320, 8.9, 209.0)] {
            let config = ModelConfig {
                convolution: ConvolutionKind::Lightweight,
                share_embeddings: ShareEmbeddings::None,
                n_heads: 4,
                ..lite(d_model)
            };
            check(&config, sizes, params, macs);
        }
        for (d_model, params, macs) in [(128, 2.8, 63.0), (192, 5.7, 139.0), (240, 8.5, 215.0)] {
            let config = ModelConfig {
                share_embeddings: ShareEmbeddings::None,
                n_heads: 4,
                ..ModelConfig::new(Architecture::Transformer, d_model, 2 * d_model)
            };
            check(&config, sizes, params, macs);
        }
        for (d_model, params, macs) in [(128, 2.5, 52.0), (192, 5.1, 115.0), (256, 8.4, 204.0)] {
            let config = ModelConfig {
                encoder_layers: 7,
                share_embeddings: ShareEmbeddings::None,
                n_heads: 4,
                ..ModelConfig::new(Architecture::LightConv, d_model, 2 * d_model)
            };
            check(&config, sizes, params, macs);
        }
    }
}
