//! What the layers of a stack cost, added up part by part. An architecture says which layers it has; how a layer is
//! counted under either convention stands here and nowhere else.

use super::{Convention, Count, Part};
use crate::config::ConvolutionKind;

/// Operations of a softmax for each entry: maximum, difference, exponential, sum, quotient.
const SOFTMAX: u64 = 5;
/// Operations of a layer norm for each channel: mean, difference, sum of squares, quotient, scale with shift.
const LAYER_NORM: u64 = 5;

/// Costs of one stack, split by [`Part`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackCost {
    parts: [Both; Part::ALL.len()],
}

/// One part under both conventions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Both {
    as_paper: Count,
    everything: Count,
}

impl StackCost {
    /// What a part costs.
    pub fn count(&self, part: Part, convention: Convention) -> Count {
        let both = &self.parts[part as usize];
        match convention {
            Convention::AsPaper => both.as_paper,
            Convention::Everything => both.everything,
        }
    }

    /// The whole stack.
    pub fn total(&self, convention: Convention) -> Count {
        Part::ALL.into_iter().map(|part| self.count(part, convention)).sum()
    }

    /// `x W + b`, or without `b`, for `n_tokens` tokens.
    pub(crate) fn linear(&mut self, part: Part, d_input: usize, d_output: usize, bias: bool, n_tokens: usize) {
        self.parameters(part, product(&[d_input, d_output]));
        self.operations(part, product(&[d_input, d_output, n_tokens]));
        if bias {
            self.parameters(part, d_output as u64);
            self.uncounted_operations(part, product(&[d_output, n_tokens]));
        }
    }

    /// Projections of queries, keys, values and output, the two products between them, and the softmax; `bias` is of
    /// the projections.
    pub(crate) fn attention(&mut self, part: Part, shape: AttentionShape, n_queries: usize, n_keys: usize) {
        self.attention_over(part, shape, shape.channels, n_queries, n_keys);
    }

    /// The same over keys and values of `d_memory` channels.
    pub(crate) fn attention_over(
        &mut self,
        part: Part,
        shape: AttentionShape,
        d_memory: usize,
        n_queries: usize,
        n_keys: usize,
    ) {
        let AttentionShape {
            channels,
            n_heads,
            bias,
        } = shape;
        for _ in ["query", "output"] {
            self.linear(part, channels, channels, bias, n_queries);
        }
        for _ in ["key", "value"] {
            self.linear(part, d_memory, channels, bias, n_keys);
        }
        self.operations(part, product(&[2, n_queries, n_keys, channels]));
        // Queries are scaled.
        self.elementwise(part, channels, n_queries);
        self.softmax(part, n_keys, n_heads * n_queries);
    }

    /// A lightweight or dynamic convolution between its linear layers, if it has them; `gated` doubles the first and
    /// multiplies its halves.
    pub(crate) fn convolution(&mut self, shape: ConvolutionShape, n_tokens: usize) {
        let part = Part::Convolution;
        let ConvolutionShape {
            channels,
            n_heads,
            kernel_size,
            kind,
            linear,
            gated,
            softmax,
        } = shape;
        if linear {
            self.linear(part, channels, if gated { 2 } else { 1 } * channels, true, n_tokens);
            self.linear(part, channels, channels, true, n_tokens);
        }
        if gated {
            // Sigmoid and product.
            self.elementwise(part, 2 * channels, n_tokens);
        }
        let n_filters = match kind {
            ConvolutionKind::Dynamic => {
                self.linear(part, channels, n_heads * kernel_size, false, n_tokens);
                n_heads * n_tokens
            }
            ConvolutionKind::Lightweight => {
                self.parameters(part, product(&[n_heads, kernel_size]));
                // Learnt filters are normalised once a sentence.
                n_heads * n_tokens.min(1)
            }
        };
        if softmax {
            self.softmax(part, kernel_size, n_filters);
        }
        // A convolution of the authors' own, which their counter did not see.
        self.uncounted_operations(part, product(&[kernel_size, channels, n_tokens]));
    }

    /// Two linear layers and what stands between them.
    pub(crate) fn feed_forward(&mut self, d_model: usize, d_ff: usize, n_tokens: usize) {
        let part = Part::FeedForward;
        self.linear(part, d_model, d_ff, true, n_tokens);
        self.elementwise(part, d_ff, n_tokens);
        self.linear(part, d_ff, d_model, true, n_tokens);
    }

    /// A layer norm, counted as one a channel by the paper.
    pub(crate) fn layer_norm(&mut self, channels: usize, n_tokens: usize) {
        self.parameters(Part::LayerNorm, product(&[2, channels]));
        let one_a_channel = product(&[channels, n_tokens]);
        self.operations(Part::LayerNorm, one_a_channel);
        self.uncounted_operations(Part::LayerNorm, one_a_channel.saturating_mul(LAYER_NORM - 1));
    }

    /// The sum of a sub-layer's input and output, and a layer norm before the one or after the other.
    pub(crate) fn residual_norm(&mut self, channels: usize, n_tokens: usize) {
        self.elementwise(Part::LayerNorm, channels, n_tokens);
        self.layer_norm(channels, n_tokens);
    }

    /// A table with a row an entry of a vocabulary or a position, which the paper leaves out.
    pub(crate) fn table(&mut self, part: Part, n_rows: usize, width: usize) {
        self.uncounted_parameters(part, product(&[n_rows, width]));
    }

    /// A table that the paper counts, though not what is done with it: an output projection that is no embedding.
    pub(crate) fn counted_table(&mut self, part: Part, n_rows: usize, width: usize) {
        self.parameters(part, product(&[n_rows, width]));
    }

    /// One operation a channel and token that the paper leaves out: an activation, a gate, a sum.
    pub(crate) fn elementwise(&mut self, part: Part, channels: usize, n_tokens: usize) {
        self.uncounted_operations(part, product(&[channels, n_tokens]));
    }

    /// `n_rows` softmaxes over `n_entries` each.
    pub(crate) fn softmax(&mut self, part: Part, n_entries: usize, n_rows: usize) {
        self.uncounted_operations(part, product(&[n_entries, n_rows]).saturating_mul(SOFTMAX));
    }

    /// The logits of `n_words` words and their softmax, left out by the paper; the matrix is a table.
    pub(crate) fn logits(&mut self, d_input: usize, n_words: usize, n_tokens: usize) {
        self.uncounted_product(Part::OutputProjection, d_input, n_words, n_tokens);
        self.softmax(Part::OutputProjection, n_words, n_tokens);
    }

    /// Products that the paper leaves out with a matrix that is counted elsewhere.
    pub(crate) fn uncounted_product(&mut self, part: Part, d_input: usize, d_output: usize, n_tokens: usize) {
        self.uncounted_operations(part, product(&[d_input, d_output, n_tokens]));
    }

    /// Products that the paper counts with a [`Self::table`], which it does not.
    pub(crate) fn product_with_table(&mut self, part: Part, d_input: usize, d_output: usize, n_tokens: usize) {
        self.operations(part, product(&[d_input, d_output, n_tokens]));
    }

    /// Parameters under both conventions.
    fn parameters(&mut self, part: Part, n: u64) {
        let count = &mut self.parts[part as usize].as_paper.parameters;
        *count = count.saturating_add(n);
        self.uncounted_parameters(part, n);
    }

    /// Mult-Adds under both conventions.
    fn operations(&mut self, part: Part, n: u64) {
        let count = &mut self.parts[part as usize].as_paper.mult_adds;
        *count = count.saturating_add(n);
        self.uncounted_operations(part, n);
    }

    fn uncounted_parameters(&mut self, part: Part, n: u64) {
        let count = &mut self.parts[part as usize].everything.parameters;
        *count = count.saturating_add(n);
    }

    fn uncounted_operations(&mut self, part: Part, n: u64) {
        let count = &mut self.parts[part as usize].everything.mult_adds;
        *count = count.saturating_add(n);
    }
}

/// Sizes of an attention layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttentionShape {
    pub(crate) channels: usize,
    pub(crate) n_heads: usize,
    /// Whether the projections have biases.
    pub(crate) bias: bool,
}

/// Sizes of a lightweight or dynamic convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvolutionShape {
    pub(crate) channels: usize,
    pub(crate) n_heads: usize,
    pub(crate) kernel_size: usize,
    pub(crate) kind: ConvolutionKind,
    /// Whether it stands between two linear layers.
    pub(crate) linear: bool,
    /// Whether a gated linear unit follows the first of them.
    pub(crate) gated: bool,
    /// Whether taps pass through a softmax.
    pub(crate) softmax: bool,
}

/// The product, or the largest number there is: sizes come from files.
fn product(factors: &[usize]) -> u64 {
    factors
        .iter()
        .fold(1, |product, &factor| product.saturating_mul(factor as u64))
}
