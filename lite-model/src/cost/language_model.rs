//! What a language model costs: the decoder's layers without cross-attention, between adaptive embeddings.

use super::{Lengths, Part, StackCost, branches, positions};
use crate::config::{AdaptiveInputConfig, AdaptiveSoftmaxConfig, Architecture, ModelConfig, ShareEmbeddings};
use crate::evolved;

/// Adds all of a language model over `vocabulary_size` words, on a text of `length` tokens.
pub(super) fn language_model(cost: &mut StackCost, config: &ModelConfig, vocabulary_size: usize, length: usize) {
    match &config.adaptive_input {
        Some(input) => adaptive_input(cost, config, input, vocabulary_size, length),
        None => cost.table(Part::Embedding, vocabulary_size, config.d_model),
    }
    positions(cost, config, config.max_target_positions, length);
    for layer in 0..config.decoder_layers {
        if config.architecture == Architecture::Evolved {
            evolved::cost::decoder_cell(cost, config, Lengths::both(length));
            continue;
        }
        branches(cost, config, layer, length);
        cost.residual_norm(config.d_model, length);
        cost.feed_forward(config.d_model, config.d_ff, length);
        cost.residual_norm(config.d_model, length);
    }
    if config.has_final_norm() {
        cost.layer_norm(config.d_model, length);
    }
    match &config.adaptive_softmax {
        Some(softmax) => adaptive_softmax(cost, config, softmax, vocabulary_size, length),
        None => {
            if config.share_embeddings == ShareEmbeddings::None {
                cost.counted_table(Part::OutputProjection, vocabulary_size, config.d_model);
            }
            cost.logits(config.d_model, vocabulary_size, length);
        }
    }
}

/// Tables and projections, which are no parameters of the paper's; its Mult-Adds have one projection of the widest
/// band for each token.
fn adaptive_input(
    cost: &mut StackCost,
    config: &ModelConfig,
    input: &AdaptiveInputConfig,
    vocabulary_size: usize,
    length: usize,
) {
    let d_input = config.decoder_input_dim();
    for (band, words) in input.bands(vocabulary_size).into_iter().enumerate() {
        let width = input.width(d_input, band);
        cost.table(Part::Embedding, words.len(), width);
        cost.table(Part::Embedding, width, config.d_model);
    }
    cost.product_with_table(Part::Embedding, d_input, config.d_model, length);
}

/// The distribution over all words: the head with one entry a cluster, and every cluster.
fn adaptive_softmax(
    cost: &mut StackCost,
    config: &ModelConfig,
    softmax: &AdaptiveSoftmaxConfig,
    vocabulary_size: usize,
    length: usize,
) {
    let (part, d_model) = (Part::OutputProjection, config.d_model);
    let bands = softmax.bands(vocabulary_size);
    let (words, clusters) = (bands[0].len(), &bands[1..]);
    let own_words = if softmax.tie_weights { 0 } else { words };
    cost.counted_table(part, own_words + clusters.len(), d_model);
    cost.logits(d_model, words + clusters.len(), length);
    for (cluster, words) in clusters.iter().enumerate() {
        let width = softmax.cluster_width(d_model, cluster);
        if !softmax.tie_projections {
            cost.counted_table(part, d_model, width);
        }
        if !softmax.tie_weights {
            cost.counted_table(part, words.len(), width);
        }
        cost.uncounted_product(part, d_model, width, length);
        cost.logits(width, words.len(), length);
        // The cluster's own probability comes on top of each word's.
        cost.elementwise(part, words.len(), length);
    }
}
