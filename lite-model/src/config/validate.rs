//! What of a model's description cannot be built, and which key is at fault.

use super::{
    Architecture, BranchConfig, BranchKind, BranchSpec, ModelConfig, PositionKind, ShareEmbeddings, Stack, Task,
    VocabularySizes,
};
use crate::error::ConfigError;
use crate::evolved::{MANY_HEADS, WIDEST_INPUT};
use crate::kernels::int8::MAX_INPUT;
use crate::tokens::PAD;

/// The most numbers of a table of positions, 256 MiB. Sines and cosines are computed, not read, so that nothing else bounds
/// what a description asks for.
const LARGEST_TABLE: usize = 1 << 26;

impl ModelConfig {
    /// Refuses what cannot be built, and says which key is at fault.
    pub fn validate(&self, sizes: VocabularySizes) -> Result<(), ConfigError> {
        let refuse = |key, found: String, expected: String| Err(ConfigError { key, found, expected });
        let has_encoder = self.task == Task::Seq2Seq;
        for (key, value, is_used) in [
            ("d_model", self.d_model, true),
            ("d_ff", self.d_ff, true),
            ("encoder_layers", self.encoder_layers, has_encoder),
            ("decoder_layers", self.decoder_layers, true),
            ("n_heads", self.n_heads, true),
            ("branch_heads", self.branch_heads, true),
            ("max_source_positions", self.max_source_positions, has_encoder),
            ("max_target_positions", self.max_target_positions, true),
        ] {
            if is_used && value == 0 {
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
        if has_encoder {
            encoder.validate_positions("max_source_positions", self.max_source_positions)?;
        }
        decoder.validate_positions("max_target_positions", self.max_target_positions)?;
        let is_evolved = self.architecture == Architecture::Evolved;
        let has_one_stack = is_evolved || !has_encoder;
        let of_stacks = "none in a language model or an evolved one";
        for (key, is_refused, expected) in [
            ("encoder", has_one_stack && !self.encoder.is_default(), of_stacks),
            ("decoder", has_one_stack && !self.decoder.is_default(), of_stacks),
            (
                "branches",
                is_evolved && self.branches.is_some(),
                "none in an evolved model, whose cells have none",
            ),
        ] {
            if is_refused {
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
        if has_encoder {
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

    /// Refuses widths whose products with 8-bit weights cannot be summed: to be asked before
    /// [`Seq2Seq::to_int8`](crate::Seq2Seq::to_int8), which panics there.
    pub fn check_int8(&self) -> Result<(), ConfigError> {
        let expansion = match self.architecture {
            Architecture::Evolved => WIDEST_INPUT,
            _ => 1,
        };
        for stack in [Stack::Encoder, Stack::Decoder].map(|stack| self.stack(stack)) {
            for (key, value, expansion) in [("d_model", stack.d_model, expansion), ("d_ff", stack.d_ff, 1)] {
                let most = MAX_INPUT / expansion;
                if value > most {
                    return Err(ConfigError {
                        key,
                        found: value.to_string(),
                        expected: format!("{most} or less in 8 bits (hint: single precision has no such bound)"),
                    });
                }
            }
        }
        Ok(())
    }

    /// Of the description of one stack, and the key of its longest sequence.
    fn validate_positions(&self, key: &'static str, n_positions: usize) -> Result<(), ConfigError> {
        let n_rows = n_positions.saturating_add(PAD as usize + 1);
        if self.positions == PositionKind::None || n_rows.saturating_mul(self.d_model) <= LARGEST_TABLE {
            return Ok(());
        }
        Err(ConfigError {
            key,
            found: format!("{n_positions} of {} channels", self.d_model),
            expected: format!("a table of at most {LARGEST_TABLE} numbers"),
        })
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
        if self.branches.iter().flatten().any(|branch| branch.channels == 0) {
            // A split drops parts of no width, and the others would go to one another's branches.
            return refuse("branches", "a branch of 0 channels".into(), "1 or more".into());
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
        let channels = self.branches.iter().flatten().map(|branch| branch.channels);
        let total = channels.fold(0, usize::saturating_add);
        if self.branches.is_some() && total != self.d_model {
            let expected = format!("d_model = {} together", self.d_model);
            return refuse("branches", format!("{total} channels"), expected);
        }
        Ok(())
    }
}
