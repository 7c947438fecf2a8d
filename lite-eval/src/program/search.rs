//! The settings of a search on the command line, in place of a run's own.

use clap::Args;
use lite_eval::decode::{DecodeConfig, SourcePadding};

use super::errors::usage;

/// Settings of the search; without an argument the run's `[decode]` counts.
#[derive(Args, Debug)]
pub struct SearchArguments {
    /// Hypotheses followed at a time [default: the definition's]
    #[arg(long, value_name = "N")]
    beam: Option<usize>,
    /// Exponent of the length that divides a score [default: the definition's]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    length_penalty: Option<f32>,
    /// Sentences decoded together [default: the definition's]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Hypotheses written for each line; above 1 as LINE, SCORE and TEXT between tabs
    #[arg(long, value_name = "N")]
    n_best: Option<usize>,
    /// Longest output: this many times the longest source of the batch, plus --max-length-b [default: the definition's]
    #[arg(long, value_name = "X")]
    max_length_a: Option<f64>,
    /// Tokens that are added to the longest output [default: the definition's]
    #[arg(long, value_name = "N")]
    max_length_b: Option<usize>,
    /// Fewest tokens before </s> [default: the definition's]
    #[arg(long, value_name = "N")]
    min_length: Option<usize>,
    /// No sequence of this many tokens twice in an output; 0 turns it off [default: the definition's]
    #[arg(long, value_name = "N")]
    no_repeat_ngram: Option<usize>,
    /// What <unk> costs [default: the definition's]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    unk_penalty: Option<f32>,
    /// Divides the logits [default: the definition's]
    #[arg(long, value_name = "X")]
    temperature: Option<f32>,
    /// Compare hypotheses by plain sums of log-probabilities, whatever their length
    #[arg(long)]
    unnormalised: bool,
    /// Where shorter sources of a batch are padded [default: the definition's]
    #[arg(long, value_name = "SIDE")]
    source_padding: Option<Side>,
}

/// A side of a batch.
#[derive(clap::ValueEnum, Debug, Clone, Copy)]
pub enum Side {
    /// As the reference does
    Left,
    /// Behind the end of a sentence
    Right,
}

impl From<Side> for SourcePadding {
    fn from(side: Side) -> Self {
        match side {
            Side::Left => Self::Left,
            Side::Right => Self::Right,
        }
    }
}

impl SearchArguments {
    /// The settings of a run with those of the command line in their place.
    pub fn config(&self, defaults: &DecodeConfig) -> anyhow::Result<DecodeConfig> {
        let beam = self.beam.unwrap_or(defaults.beam);
        let config = DecodeConfig {
            beam,
            length_penalty: self.length_penalty.unwrap_or(defaults.length_penalty),
            batch_size: self.batch_size.unwrap_or(defaults.batch_size),
            n_best: self.n_best.unwrap_or(defaults.n_best.min(beam.max(1))),
            max_length_a: self.max_length_a.unwrap_or(defaults.max_length_a),
            max_length_b: self.max_length_b.unwrap_or(defaults.max_length_b),
            min_length: self.min_length.unwrap_or(defaults.min_length),
            no_repeat_ngram: self.no_repeat_ngram.unwrap_or(defaults.no_repeat_ngram),
            unk_penalty: self.unk_penalty.unwrap_or(defaults.unk_penalty),
            temperature: self.temperature.unwrap_or(defaults.temperature),
            normalise: defaults.normalise && !self.unnormalised,
            source_padding: self.source_padding.map_or(defaults.source_padding, Into::into),
            ..defaults.clone()
        };
        // A run's own settings are checked as it is opened.
        config.validate().map_err(usage)?;
        Ok(config)
    }
}
