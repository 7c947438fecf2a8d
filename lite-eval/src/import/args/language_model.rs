//! The settings of a language model (fairseq `transformer_lm_multibranch_v2.py`).

use lite_model::ModelConfig;
use lite_model::config::{AdaptiveInputConfig, AdaptiveSoftmaxConfig, Stack, Task};

use super::stacks::{self, StackArgs};
use super::{Args, MAX_WIDTH, PositionKind};
use crate::import::error::ImportError;

/// What the names of all architectures of language models begin with.
pub(super) const ARCHITECTURE: &str = "transformer_lm";

impl Args<'_, '_> {
    pub(super) fn language_model(&self, architecture: &str) -> Result<ModelConfig, ImportError> {
        for key in ["character_embeddings", "use_all_embedding"] {
            if self.truth(key, false)? {
                return Err(self.wrong(key, "True", "False: no language model here has it"));
            }
        }
        let has_branches = architecture.starts_with("transformer_lm_multibranch_v2");
        let decoder = StackArgs::read(self, Stack::Decoder, architecture, has_branches, None)?;
        let d_model = decoder.d_model;
        let d_input = self.count("decoder_input_dim", MAX_WIDTH)?.unwrap_or(d_model);
        let d_output = self.count("decoder_output_dim", MAX_WIDTH)?.unwrap_or(d_model);
        if d_output != d_model {
            let expected = format!("{d_model}, the model's width");
            return Err(self.wrong("decoder_output_dim", d_output.to_string(), expected));
        }
        let positions: &[&str] = match decoder.positions {
            PositionKind::Learned => &["max_target_positions", "tokens_per_sample"],
            PositionKind::Sinusoidal | PositionKind::None => &["tokens_per_sample", "max_target_positions"],
        };
        let mut config = ModelConfig {
            task: Task::LanguageModel,
            max_target_positions: self.positions(positions, decoder.positions)?,
            decoder_input_dim: (d_input != d_model).then_some(d_input),
            adaptive_input: self.adaptive_input()?,
            adaptive_softmax: self.adaptive_softmax()?,
            ..self.common(&decoder)?
        };
        stacks::only(&mut config, decoder);
        // The reference sets it, whatever was asked for.
        config.pre_norm = true;
        config.final_norm = (!self.has_final_norm()?).then_some(false);
        Ok(config)
    }

    fn has_final_norm(&self) -> Result<bool, ImportError> {
        if self.get("decoder_final_norm").is_some() {
            return self.truth("decoder_final_norm", true);
        }
        // Old models are known by a setting that only they have.
        let is_old = self.get("no_tie_adaptive_proj").is_some();
        Ok(!is_old && !self.truth("no_decoder_final_norm", false)?)
    }

    fn adaptive_input(&self) -> Result<Option<AdaptiveInputConfig>, ImportError> {
        if !self.truth("adaptive_input", false)? {
            return Ok(None);
        }
        let key = "adaptive_input_cutoff";
        let Some(cutoffs) = self.cutoffs(key)? else {
            return Err(self.wrong(key, "None", "the bands of an adaptive input"));
        };
        let factor = self.number("adaptive_input_factor")?.unwrap_or(4.0);
        Ok(Some(AdaptiveInputConfig { cutoffs, factor }))
    }

    fn adaptive_softmax(&self) -> Result<Option<AdaptiveSoftmaxConfig>, ImportError> {
        let Some(cutoffs) = self.cutoffs("adaptive_softmax_cutoff")? else {
            return Ok(None);
        };
        let ties = self.get("no_tie_adaptive_proj").and_then(|value| value.as_bool()) == Some(false);
        let tie_weights = self.truth("tie_adaptive_weights", false)?;
        Ok(Some(AdaptiveSoftmaxConfig {
            cutoffs,
            factor: self.number("adaptive_softmax_factor")?.unwrap_or(4.0),
            dropout: self.number("adaptive_softmax_dropout")?.unwrap_or(0.0),
            tie_weights,
            // Without tied weights there is nothing to tie, and the reference ignores it.
            tie_projections: tie_weights && (ties || self.truth("tie_adaptive_proj", false)?),
        }))
    }

    /// A list of numbers, or the text of one: `20000,60000`.
    fn cutoffs(&self, key: &str) -> Result<Option<Vec<usize>>, ImportError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let wrong = || self.wrong(key, value.describe(), "numbers such as 20000,60000");
        let cutoffs: Option<Vec<usize>> = match (value.as_str(), value.items()) {
            (Some(text), _) => {
                let text = text.trim_matches(['[', ']', '(', ')']);
                text.split(',').map(|word| word.trim().parse().ok()).collect()
            }
            (None, Some(items)) => items
                .take(64)
                .map(|item| usize::try_from(item.as_i64()?).ok())
                .collect(),
            (None, None) => None,
        };
        cutoffs.map(Some).ok_or_else(wrong)
    }
}
