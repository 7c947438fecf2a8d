//! Scores of a translation, each with the signature that says how it was computed.
//!
//! - [`tokenised`]: BLEU over white-space tokens as the paper scores (fairseq `score.py`)
//! - [`compound`]: the compound splitting that the paper applies before it scores En-De
//! - [`sacre`]: sacreBLEU and chrF

pub mod compound;
pub mod sacre;
pub mod tokenised;

pub use experiments::Score;
use serde::{Deserialize, Serialize};

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
}

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Bleu, Self::BleuCompound, Self::SacreBleu, Self::Chrf];

    /// The key by which a definition or an option names it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Bleu => "bleu",
            Self::BleuCompound => "bleu-compound",
            Self::SacreBleu => "sacrebleu",
            Self::Chrf => "chrf",
        }
    }

    /// The metric of that key.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.key() == key)
    }
}

/// Settings that more than one metric looks at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricSettings {
    /// How sacreBLEU splits a line into tokens.
    pub tokenize: sacre::Tokenize,
    /// Whether case is ignored.
    pub lowercase: bool,
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
    check_parallel(hypotheses, references)?;
    Ok(match metric {
        Metric::Bleu => tokenised::score(hypotheses, references, settings.lowercase),
        Metric::BleuCompound => compound::score(hypotheses, references, settings.lowercase),
        Metric::SacreBleu => sacre::bleu(hypotheses, references, settings.tokenize, settings.lowercase),
        Metric::Chrf => sacre::chrf(hypotheses, references, settings.lowercase),
    })
}

fn check_parallel(hypotheses: &[String], references: &[String]) -> Result<(), MetricError> {
    if hypotheses.len() != references.len() {
        return Err(MetricError::Unequal {
            hypotheses: hypotheses.len(),
            references: references.len(),
        });
    }
    if hypotheses.is_empty() {
        Err(MetricError::Empty)
    } else {
        Ok(())
    }
}
