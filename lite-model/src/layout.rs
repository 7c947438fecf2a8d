//! The names and shapes of a model's weights in a file, from its description alone: what an import is held to before
//! anything is built. A test holds it to the model itself.

use crate::config::{
    Architecture, BranchConfig, ConvolutionKind, ModelConfig, PositionKind, ShareEmbeddings, Stack, Task,
    VocabularySizes,
};

/// Every weight of the model by its name in the reference, with its shape there. `None` for an `evolved` model, which
/// the reference does not have.
pub fn tensors(config: &ModelConfig, sizes: VocabularySizes) -> Option<Vec<(String, Vec<usize>)>> {
    let mut layout = Layout::default();
    match (config.architecture, config.task) {
        (Architecture::Evolved, _) => return None,
        (_, Task::Seq2Seq) => layout.seq2seq(config, sizes),
        (_, Task::LanguageModel) => layout.language_model(config, sizes.target),
    }
    Some(layout.0)
}

#[derive(Default)]
struct Layout(Vec<(String, Vec<usize>)>);

impl Layout {
    fn seq2seq(&mut self, config: &ModelConfig, sizes: VocabularySizes) {
        let [encoder, decoder] = [Stack::Encoder, Stack::Decoder].map(|stack| config.stack(stack));
        let share = config.share_embeddings;
        self.ends("encoder", &encoder, Some(sizes.source), config.max_source_positions);
        let target = (share != ShareEmbeddings::All).then_some(sizes.target);
        self.ends("decoder", &decoder, target, config.max_target_positions);
        if share == ShareEmbeddings::None {
            self.push("decoder.embed_out", &[sizes.target, decoder.d_model]);
        }
        for layer in 0..config.encoder_layers {
            self.layer(&format!("encoder.layers.{layer}"), &encoder, layer);
        }
        for layer in 0..config.decoder_layers {
            let at = format!("decoder.layers.{layer}");
            self.layer(&at, &decoder, layer);
            self.attention(&format!("{at}.encoder_attn"), decoder.d_model, encoder.d_model);
            self.norm(&format!("{at}.encoder_attn_layer_norm"), decoder.d_model);
        }
    }

    /// A band or cluster of words has a table and a projection: from its width, and for the output to it.
    fn language_model(&mut self, config: &ModelConfig, vocabulary_size: usize) {
        let d_model = config.d_model;
        match &config.adaptive_input {
            None => self.push("decoder.embed_tokens.weight", &[vocabulary_size, d_model]),
            Some(input) => {
                for (band, words) in input.bands(vocabulary_size).into_iter().enumerate() {
                    let width = input.width(config.decoder_input_dim(), band);
                    let at = format!("decoder.embed_tokens.embeddings.{band}");
                    self.push(&format!("{at}.0.weight"), &[words.len(), width]);
                    self.push(&format!("{at}.1.weight"), &[d_model, width]);
                }
            }
        }
        self.ends("decoder", config, None, config.max_target_positions);
        for layer in 0..config.decoder_layers {
            self.layer(&format!("decoder.layers.{layer}"), config, layer);
        }
        let Some(softmax) = &config.adaptive_softmax else {
            if config.share_embeddings == ShareEmbeddings::None {
                self.push("decoder.embed_out", &[vocabulary_size, d_model]);
            }
            return;
        };
        let at = "decoder.adaptive_softmax";
        let bands = softmax.bands(vocabulary_size);
        let (words, clusters) = (bands[0].len(), &bands[1..]);
        if !softmax.tie_weights {
            self.push(&format!("{at}.head.weight"), &[words + clusters.len(), d_model]);
        } else if !clusters.is_empty() {
            self.push(&format!("{at}.head.class_proj.weight"), &[clusters.len(), d_model]);
        }
        for (i, words) in clusters.iter().enumerate() {
            let width = softmax.cluster_width(d_model, i);
            if !softmax.tie_projections {
                self.push(&format!("{at}.tail.{i}.0.weight"), &[width, d_model]);
            }
            if !softmax.tie_weights {
                self.push(&format!("{at}.tail.{i}.2.weight"), &[words.len(), width]);
            }
        }
    }

    fn push(&mut self, name: &str, shape: &[usize]) {
        self.0.push((name.to_owned(), shape.to_vec()));
    }

    fn linear(&mut self, at: &str, d_input: usize, d_output: usize) {
        self.push(&format!("{at}.weight"), &[d_output, d_input]);
        self.push(&format!("{at}.bias"), &[d_output]);
    }

    fn norm(&mut self, at: &str, d_model: usize) {
        self.push(&format!("{at}.weight"), &[d_model]);
        self.push(&format!("{at}.bias"), &[d_model]);
    }

    /// What stands before and after the layers of a stack.
    fn ends(&mut self, at: &str, stack: &ModelConfig, vocabulary: Option<usize>, max_positions: usize) {
        if let Some(size) = vocabulary {
            self.push(&format!("{at}.embed_tokens.weight"), &[size, stack.d_model]);
        }
        if stack.positions == PositionKind::Learned {
            // Two rows are never used: positions begin behind that of padding.
            self.push(
                &format!("{at}.embed_positions.weight"),
                &[max_positions + 2, stack.d_model],
            );
        }
        if stack.has_final_norm() {
            self.norm(&format!("{at}.layer_norm"), stack.d_model);
        }
    }

    fn layer(&mut self, at: &str, stack: &ModelConfig, layer: usize) {
        let d_model = stack.d_model;
        let self_attn = format!("{at}.self_attn");
        if stack.is_plain_attention() {
            self.attention(&self_attn, d_model, d_model);
        } else {
            for (i, branch) in stack.branches(layer).iter().enumerate() {
                self.branch(&format!("{self_attn}.branches.{i}"), branch, stack);
            }
        }
        self.norm(&format!("{at}.self_attn_layer_norm"), d_model);
        self.linear(&format!("{at}.fc1"), d_model, stack.d_ff);
        self.linear(&format!("{at}.fc2"), stack.d_ff, d_model);
        self.norm(&format!("{at}.final_layer_norm"), d_model);
    }

    fn attention(&mut self, at: &str, d_model: usize, d_memory: usize) {
        for (name, d_input) in [
            ("k_proj", d_memory),
            ("v_proj", d_memory),
            ("q_proj", d_model),
            ("out_proj", d_model),
        ] {
            self.linear(&format!("{at}.{name}"), d_input, d_model);
        }
    }

    fn branch(&mut self, at: &str, branch: &BranchConfig, stack: &ModelConfig) {
        let (channels, n_heads, kernel_size, kind) = match *branch {
            BranchConfig::Attention { channels, .. } => return self.attention(at, channels, channels),
            BranchConfig::Convolution {
                channels,
                n_heads,
                kernel_size,
                kind,
            } => (channels, n_heads, kernel_size, kind),
        };
        if stack.conv_linear {
            let expansion = if stack.is_gated(kind) { 2 } else { 1 };
            self.linear(&format!("{at}.linear1"), channels, expansion * channels);
            self.linear(&format!("{at}.linear2"), channels, channels);
        }
        match kind {
            ConvolutionKind::Lightweight => self.push(&format!("{at}.weight"), &[n_heads, 1, kernel_size]),
            ConvolutionKind::Dynamic => {
                self.push(
                    &format!("{at}.weight_linear.weight"),
                    &[n_heads * kernel_size, channels],
                );
            }
        }
    }
}
