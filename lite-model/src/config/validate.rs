//! What of a model's description cannot be built, and which key is at fault.

use super::{
    Architecture, BranchConfig, BranchKind, BranchSpec, ModelConfig, PositionKind, ShareEmbeddings, Stack, Task,
    VocabularySizes,
};
use crate::error::ConfigError;
use crate::evolved::MANY_HEADS;

impl ModelConfig {
    /// Refuses what cannot be built, and says which key is at fault.
    pub fn validate(&self, sizes: VocabularySizes) -> Result<(), ConfigError> {
        let refuse = |key, found: String, expected: String| Err(ConfigError { key, found, expected });
        for (key, value) in [
            ("d_model", self.d_model),
            ("d_ff", self.d_ff),
            ("encoder_layers", self.encoder_layers),
            ("decoder_layers", self.decoder_layers),
            ("n_heads", self.n_heads),
            ("branch_heads", self.branch_heads),
            ("max_source_positions", self.max_source_positions),
            ("max_target_positions", self.max_target_positions),
        ] {
            if value == 0 {
                return refuse(key, "0".into(), "1 or more".into());
            }
        }
        for (key, value) in [
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
            ("weight_dropout", self.weight_dropout),
            ("activation_dropout", self.activation_dropout),
        ] {
            if !(0.0..1.0).contains(&value) {
                return refuse(key, value.to_string(), "at least 0 and below 1".into());
            }
        }
        let [encoder, decoder] = [Stack::Encoder, Stack::Decoder].map(|stack| self.stack(stack));
        let is_evolved = self.architecture == Architecture::Evolved;
        for (key, is_there) in [
            ("encoder", !self.encoder.is_default()),
            ("decoder", !self.decoder.is_default()),
            ("branches", self.branches.is_some() && is_evolved),
        ] {
            if is_there && (is_evolved || self.task == Task::LanguageModel) {
                let expected = "none in a language model or an evolved one";
                return refuse(key, "a value".into(), expected.into());
            }
        }
        if is_evolved {
            let n_heads = self.n_heads.max(MANY_HEADS);
            if !self.d_model.is_multiple_of(n_heads) {
                let expected = format!("a multiple of the {n_heads} heads that a decoder cell begins with");
                return refuse("d_model", self.d_model.to_string(), expected);
            }
        }
        if self.task == Task::Seq2Seq {
            encoder.validate_stack(Stack::Encoder, self.encoder_layers)?;
        }
        decoder.validate_stack(Stack::Decoder, self.decoder_layers)?;
        if self.share_embeddings == ShareEmbeddings::All && encoder.d_model != decoder.d_model {
            let found = format!("\"all\" with widths {} and {}", encoder.d_model, decoder.d_model);
            return refuse("share_embeddings", found, "\"decoder\", \"none\", or one width".into());
        }
        if self.share_embeddings == ShareEmbeddings::All && sizes.source != sizes.target {
            let found = format!(
                "\"all\" with {} source and {} target entries",
                sizes.source, sizes.target
            );
            return refuse(
                "share_embeddings",
                found,
                "\"decoder\", \"none\", or a joint vocabulary".into(),
            );
        }
        self.validate_task(sizes.target)
    }

    /// Of the description of one stack of `n_layers` layers.
    fn validate_stack(&self, stack: Stack, n_layers: usize) -> Result<(), ConfigError> {
        let refuse = |key, found: String, expected: String| Err(ConfigError { key, found, expected });
        for (key, value) in [
            ("d_model", self.d_model),
            ("d_ff", self.d_ff),
            ("n_heads", self.n_heads),
        ] {
            if value == 0 {
                return refuse(key, "0".into(), "1 or more".into());
            }
        }
        if self.positions == PositionKind::Sinusoidal && self.d_model < 4 {
            return refuse("d_model", self.d_model.to_string(), "4 or more".into());
        }
        // A decoder's are those of cross-attention, all others those of a plain self-attention.
        let attends_source = stack == Stack::Decoder && self.task == Task::Seq2Seq;
        let uses_heads = attends_source || !(self.branches.is_some() || self.has_kernel_sizes());
        if uses_heads && !self.d_model.is_multiple_of(self.n_heads) {
            return refuse(
                "n_heads",
                self.n_heads.to_string(),
                format!("a divisor of d_model = {}", self.d_model),
            );
        }
        if self.branches.is_none() && !self.has_kernel_sizes() {
            return Ok(());
        }
        let is_lite = self.architecture == Architecture::Lite && self.branches.is_none();
        if is_lite && !(1..self.d_model).contains(&self.attention_channels()) {
            let found = self.attention_channels().to_string();
            return refuse(
                "attention_channels",
                found,
                format!("between 1 and d_model - 1 = {}", self.d_model - 1),
            );
        }
        let listed = |branch: &BranchSpec| branch.kind != BranchKind::Attention && branch.kernel_size.is_none();
        let uses_list = self.branches.as_ref().is_none_or(|all| all.iter().any(listed));
        if uses_list && self.kernel_sizes.len() < n_layers {
            let found = format!("{} entries", self.kernel_sizes.len());
            return refuse("kernel_sizes", found, format!("one a layer, {n_layers}"));
        }
        for branch in (0..n_layers).flat_map(|layer| self.branches(layer)) {
            let (channels, n_heads) = (branch.channels(), branch.n_heads());
            if n_heads == 0 || !channels.is_multiple_of(n_heads) {
                let key = if self.branches.is_some() {
                    "branches"
                } else {
                    "branch_heads"
                };
                let expected = format!("a divisor of the branch's {channels} channels");
                return refuse(key, n_heads.to_string(), expected);
            }
            let BranchConfig::Convolution { kernel_size, .. } = branch else {
                continue;
            };
            // Around a position there is an odd number of taps; up to one, any number.
            if kernel_size == 0 || (stack == Stack::Encoder && kernel_size % 2 == 0) {
                let expected = match stack {
                    Stack::Encoder => "odd numbers",
                    Stack::Decoder => "1 or more",
                };
                return refuse("kernel_sizes", kernel_size.to_string(), expected.into());
            }
        }
        let total: usize = self.branches.iter().flatten().map(|branch| branch.channels).sum();
        if self.branches.is_some() && total != self.d_model {
            let expected = format!("d_model = {} together", self.d_model);
            return refuse("branches", format!("{total} channels"), expected);
        }
        Ok(())
    }
}
