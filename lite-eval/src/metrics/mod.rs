//! Scores of translations and summaries, each with the signature that says how it was computed.
//!
//! - [`tokenised`]: BLEU over white-space tokens as the paper scores (fairseq `score.py`)
//! - [`compound`]: the compound splitting that the paper applies before it scores En-De
//! - [`sacre`], `chrf`, `ter`: sacreBLEU, chrF and TER as the Python package sacrebleu computes them
//! - `rouge`: ROUGE as the Python package rouge-score computes it, and how that relates to files2rouge
//! - [`lines`]: the numbers of each line, from which any choice of lines is scored
//! - [`bootstrap`]: confidence intervals, and whether two systems differ
//! - [`differences`]: the lines in which they differ most

pub mod bootstrap;
mod chrf;
pub mod compound;
pub mod differences;
pub mod lines;
mod rouge;
pub mod sacre;
mod ter;
pub mod tokenised;

pub use experiments::Score;
pub use lines::Lines;
use lines::MOST_CELLS;
use serde::{Deserialize, Deserializer, Serialize};

/// What `evaluate` and `metrics` can compute.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// BLEU over the text's own tokens, as fairseq's `score.py`.
    Bleu,
    /// The same after compound splitting, as the paper scores En-De.
    BleuCompound,
    /// sacreBLEU.
    #[serde(rename = "sacrebleu")]
    SacreBleu,
    /// sacreBLEU's chrF2.
    Chrf,
    /// sacreBLEU's TER: edits, so less is better.
    Ter,
    /// F1 of words.
    Rouge1,
    /// F1 of pairs of words.
    Rouge2,
    /// F1 of the longest common subsequence, a line taken as one sequence.
    #[serde(rename = "rougeL")]
    RougeL,
    /// F1 of the longest common subsequences sentence by sentence: ROUGE-L of ROUGE-1.5.5 and files2rouge.
    #[serde(rename = "rougeLsum")]
    RougeLSum,
}

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Bleu,
        Self::BleuCompound,
        Self::SacreBleu,
        Self::Chrf,
        Self::Ter,
        Self::Rouge1,
        Self::Rouge2,
        Self::RougeL,
        Self::RougeLSum,
    ];

    /// What `rouge` stands for.
    pub const ROUGE: [Self; 4] = [Self::Rouge1, Self::Rouge2, Self::RougeL, Self::RougeLSum];

    /// The keys that [`Metric::named`] knows.
    pub const KEYS: [&'static str; 10] = [
        "bleu",
        "bleu-compound",
        "sacrebleu",
        "chrf",
        "ter",
        "rouge1",
        "rouge2",
        "rougeL",
        "rougeLsum",
        "rouge",
    ];

    /// The key by which a definition or an option names it.
    pub fn key(self) -> &'static str {
        Self::KEYS[self as usize]
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bleu => "BLEU",
            Self::BleuCompound => "BLEU (compounds split)",
            Self::SacreBleu => "sacreBLEU",
            Self::Chrf => "chrF2",
            Self::Ter => "TER",
            Self::Rouge1 => "ROUGE-1",
            Self::Rouge2 => "ROUGE-2",
            Self::RougeL => "ROUGE-L",
            Self::RougeLSum => "ROUGE-Lsum",
        }
    }

    /// The metrics of that key: one, or all kinds of `rouge`.
    pub fn named(key: &str) -> Option<Vec<Self>> {
        if key == "rouge" {
            return Some(Self::ROUGE.into());
        }
        let found = Self::ALL.into_iter().find(|metric| metric.key() == key);
        found.map(|metric| vec![metric])
    }
}

/// Whether less is better of the score that a report has under this name: of edits, and of a perplexity.
pub fn less_is_better(name: &str) -> bool {
    name == Metric::Ter.name() || name.contains("perplexity")
}

/// Reads a list of keys; one that stands for several puts all of them in its place.
pub(crate) fn metrics_of_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Metric>, D::Error> {
    let mut metrics = Vec::new();
    for key in Vec::<String>::deserialize(deserializer)? {
        let named = Metric::named(&key).ok_or_else(|| serde::de::Error::unknown_variant(&key, &Metric::KEYS))?;
        for metric in named {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
    }
    Ok(metrics)
}

/// Settings that more than one metric looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSettings {
    /// How sacreBLEU splits a line into tokens. Default: 13a
    pub tokenize: sacre::Tokenize,
    /// Whether BLEU and chrF ignore case; TER and ROUGE always do. Default: false
    pub lowercase: bool,
    /// Whether ROUGE compares stems. Default: false
    pub stem: bool,
    /// The token that ends a sentence of a summary, for ROUGE-Lsum; empty where a line is one sentence. Default: `.`
    pub sentence_end: String,
}

impl Default for MetricSettings {
    fn default() -> Self {
        Self {
            tokenize: sacre::Tokenize::default(),
            lowercase: false,
            stem: false,
            sentence_end: ".".into(),
        }
    }
}

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The two sides are not parallel.
    #[error("{hypotheses} hypotheses, but {references} references: they must be as many, line by line")]
    Unequal {
        /// Lines of the system.
        hypotheses: usize,
        /// Lines of the reference.
        references: usize,
    },
    /// There is nothing to score.
    #[error("no lines to score")]
    Empty,
    /// A line would take more memory than its score is worth.
    #[error(
        "line {line}: found {hypothesis} words against {reference} of the reference, expected a product of at most \
         {MOST_CELLS} for {metric}"
    )]
    TooLong {
        /// Which line, from 1.
        line: usize,
        /// Words of its hypothesis.
        hypothesis: usize,
        /// Words of its reference.
        reference: usize,
        /// The name of the metric that compares each with each.
        metric: &'static str,
    },
}

impl MetricError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooLong { .. } => Some(
                "name other scores: with --metrics (and --differences-by) of `lite-eval metrics`, elsewhere as \
                 `metrics` in the definition's [decode]"
                    .into(),
            ),
            Self::Unequal { .. } | Self::Empty => None,
        }
    }
}

/// Scores parallel lines.
///
/// ```
/// use lite_eval::metrics::{Metric, MetricSettings, score};
/// let lines = vec!["a small house stands there".to_string()];
/// let bleu = score(Metric::Bleu, &lines, &lines, &MetricSettings::default()).unwrap();
/// assert_eq!(bleu.value, 100.0);
/// ```
pub fn score(
    metric: Metric,
    hypotheses: &[String],
    references: &[String],
    settings: &MetricSettings,
) -> Result<Score, MetricError> {
    Ok(Lines::new(metric, hypotheses, references, settings)?.score())
}
