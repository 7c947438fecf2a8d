//! The settings in a checkpoint, `args`, as the description of a model
//! (fairseq `transformer_multibranch_v2.py`, `transformer.py`).

mod language_model;
mod stacks;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use lite_model::config::{Activation, FeedForwardInit, PaddingMask, PositionKind, ShareEmbeddings, Stack};
use lite_model::{Architecture, ModelConfig};

use super::error::ImportError;
use super::torch::Value;
use crate::decode::SourcePadding;
use stacks::StackArgs;

/// What a checkpoint says of its model.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// `args.arch`
    pub(super) architecture: String,
    pub(super) config: ModelConfig,
    /// Source and target.
    pub(super) languages: [String; 2],
    pub(super) source_padding: SourcePadding,
}

/// `args` of the checkpoint of a file.
#[derive(Clone)]
struct Args<'c, 'a> {
    path: PathBuf,
    value: Value<'c, 'a>,
}

/// Widths, heads and layers beyond these are refused before anything is computed from them.
const MAX_LAYERS: usize = 1000;
const MAX_WIDTH: usize = 1 << 20;
/// fairseq `SinusoidalPositionalEmbedding.max_positions`
const MAX_SINUSOIDAL: usize = 100_000;

impl Settings {
    pub(super) fn read(checkpoint: Value<'_, '_>, path: &Path) -> Result<Self, ImportError> {
        let value = checkpoint.get("args").filter(|args| args.entries().is_some());
        let Some(value) = value else {
            let found = match checkpoint.get("args") {
                Some(args) if args.is_none() => "None, as later versions of fairseq save it".into(),
                Some(args) => args.describe(),
                None => "nothing".into(),
            };
            let expected = "the Namespace of the authors' fairseq (0.8)";
            return Err(ImportError::content(path, "`args`", found, expected));
        };
        let args = Args {
            path: path.into(),
            value,
        };
        let architecture = args.text("arch")?.unwrap_or("transformer").to_owned();
        if architecture.starts_with(language_model::ARCHITECTURE) {
            return Ok(Self {
                config: args.language_model(&architecture)?,
                languages: ["text".into(), "text".into()],
                source_padding: SourcePadding::Left,
                architecture,
            });
        }
        let has_branches = args.has_branches(&architecture)?;
        args.refuse_foreign(has_branches)?;
        Ok(Self {
            config: args.config(&architecture, has_branches)?,
            languages: [
                args.text("source_lang")?.unwrap_or("source").to_owned(),
                args.text("target_lang")?.unwrap_or("target").to_owned(),
            ],
            source_padding: if args.truth("left_pad_source", true)? {
                SourcePadding::Left
            } else {
                SourcePadding::Right
            },
            architecture,
        })
    }

    /// Checkpoints that are averaged must be of one model.
    pub(super) fn check_same(&self, other: &Self, path: &Path) -> Result<(), ImportError> {
        if self.config == other.config {
            return Ok(());
        }
        Err(ImportError::content(
            path,
            "`args`",
            "another model",
            "the one of the first checkpoint",
        ))
    }
}

impl<'c, 'a> Args<'c, 'a> {
    fn get(&self, key: &str) -> Option<Value<'c, 'a>> {
        self.value.get(key).filter(|value| !value.is_none())
    }

    fn wrong(&self, key: &str, found: impl Into<String>, expected: impl Into<String>) -> ImportError {
        ImportError::content(&self.path, format!("`args.{key}`"), found, expected)
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, ImportError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_str() {
            Some(text) => Ok(Some(text)),
            None => Err(self.wrong(key, value.describe(), "text")),
        }
    }

    /// A truth value, also as the text that the command line took.
    fn truth(&self, key: &str, default: bool) -> Result<bool, ImportError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let as_text = || match value.as_str()?.to_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        let truth = value.as_bool().or_else(as_text);
        truth.ok_or_else(|| self.wrong(key, value.describe(), "True or False"))
    }

    fn count(&self, key: &str, most: usize) -> Result<Option<usize>, ImportError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        self.as_count(key, value, most).map(Some)
    }

    fn as_count(&self, key: &str, value: Value<'_, '_>, most: usize) -> Result<usize, ImportError> {
        let count = value.as_i64().and_then(|value| usize::try_from(value).ok());
        let count = count.filter(|count| (1..=most).contains(count));
        count.ok_or_else(|| self.wrong(key, value.describe(), format!("a number from 1 to {most}")))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, ImportError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, value.describe(), "a number")),
        }
    }

    /// Whether self-attention may consist of branches: the authors' model, or fairseq's own transformer.
    fn has_branches(&self, architecture: &str) -> Result<bool, ImportError> {
        const BRANCHES: &str = "transformer_multibranch_v2";
        if architecture.starts_with(BRANCHES) {
            return Ok(true);
        }
        let known = [
            "",
            "_iwslt_de_en",
            "_wmt_en_de",
            "_vaswani_wmt_en_de_big",
            "_vaswani_wmt_en_fr_big",
        ];
        let known = known.iter().chain(&["_wmt_en_de_big", "_wmt_en_de_big_t2t"]);
        let variant = architecture.strip_prefix("transformer");
        if known.into_iter().any(|known| variant == Some(known)) {
            return Ok(false);
        }
        let expected = format!("`{BRANCHES}`, `transformer` or `transformer_lm`, or a variant of them");
        Err(self.wrong("arch", format!("`{architecture}`"), expected))
    }

    /// Refuses settings that ask for something that no model here has.
    fn refuse_foreign(&self, has_branches: bool) -> Result<(), ImportError> {
        for key in ["adaptive_softmax_cutoff", "adaptive_input", "char_embedder_highway"] {
            let value = self.get(key).filter(|value| value.as_bool() != Some(false));
            if let Some(value) = value {
                return Err(self.wrong(
                    key,
                    value.describe(),
                    "none: models that translate have one softmax here",
                ));
            }
        }
        // The authors' model does not read it.
        let width = self.count("decoder_output_dim", MAX_WIDTH)?;
        if let (false, Some(width)) = (has_branches, width) {
            let expected = self.count("decoder_embed_dim", MAX_WIDTH)?.unwrap_or(width);
            if width != expected {
                return Err(self.wrong(
                    "decoder_output_dim",
                    width.to_string(),
                    format!("{expected}, the decoder's width"),
                ));
            }
        }
        Ok(())
    }

    fn config(&self, architecture: &str, has_branches: bool) -> Result<ModelConfig, ImportError> {
        let encoder = StackArgs::read(self, Stack::Encoder, architecture, has_branches, None)?;
        let decoder = StackArgs::read(self, Stack::Decoder, architecture, has_branches, Some(&encoder))?;
        let mut config = ModelConfig {
            max_source_positions: self.positions(&["max_source_positions", "max_positions"], encoder.positions)?,
            max_target_positions: self.positions(&["max_target_positions", "max_positions"], decoder.positions)?,
            ..self.common(&decoder)?
        };
        stacks::combine(&mut config, encoder, decoder);
        Ok(config)
    }

    /// What does not differ between stacks and tasks.
    fn common(&self, decoder: &StackArgs) -> Result<ModelConfig, ImportError> {
        let base = ModelConfig::new(Architecture::Transformer, decoder.d_model, decoder.d_ff);
        let attention_dropout = self.number("attention_dropout")?.unwrap_or(0.0);
        let activation_dropout = match self.number("activation_dropout")? {
            Some(dropout) if dropout != 0.0 => dropout,
            _ => self.number("relu_dropout")?.unwrap_or(0.0),
        };
        let ffn_init = self.get("ffn_init").and_then(Value::as_class);
        Ok(ModelConfig {
            conv_linear: self.truth("conv_linear", false)?,
            weight_softmax: self.truth("weight_softmax", true)?,
            dropout: self.number("dropout")?.unwrap_or(0.1),
            attention_dropout,
            weight_dropout: self.number("weight_dropout")?.unwrap_or(attention_dropout),
            activation_dropout,
            activation: self.activation()?,
            feed_forward_init: match ffn_init {
                Some((_, b"ratio_xavier_uniform_")) => FeedForwardInit::RatioXavier,
                _ => FeedForwardInit::Xavier,
            },
            share_embeddings: if self.truth("share_all_embeddings", false)? {
                ShareEmbeddings::All
            } else if self.truth("share_decoder_input_output_embed", false)? {
                ShareEmbeddings::Decoder
            } else {
                ShareEmbeddings::None
            },
            padding_mask: PaddingMask::BeforeProjection,
            ..base
        })
    }

    fn activation(&self) -> Result<Activation, ImportError> {
        Ok(match self.text("activation_fn")? {
            None | Some("relu") => Activation::Relu,
            Some("gelu") => Activation::Gelu,
            Some("gelu_accurate" | "gelu_fast") => Activation::GeluTanh,
            Some("tanh") => Activation::Tanh,
            Some("linear") => Activation::Linear,
            Some(other) => {
                let expected = "relu, gelu, gelu_accurate, gelu_fast, tanh or linear";
                return Err(self.wrong("activation_fn", format!("`{other}`"), expected));
            }
        })
    }

    /// The first of `keys` that is there.
    fn positions(&self, keys: &[&str], kind: PositionKind) -> Result<usize, ImportError> {
        let most = match kind {
            PositionKind::Learned => MAX_WIDTH,
            PositionKind::Sinusoidal | PositionKind::None => 1 << 40,
        };
        let key = keys.iter().find(|key| self.get(key).is_some());
        let n_positions = key.map_or(Ok(None), |key| self.count(key, most))?.unwrap_or(1024);
        Ok(n_positions.min(if kind == PositionKind::Learned {
            most
        } else {
            MAX_SINUSOIDAL
        }))
    }
}
