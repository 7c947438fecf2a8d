//! sacreBLEU and chrF by the crate sacrebleu-rs, which `tests/metrics.rs` holds to the Python package.

use sacrebleu_rs::{Bleu, Chrf};
use serde::{Deserialize, Serialize};

use super::Score;

/// How sacreBLEU splits a line into tokens.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Tokenize {
    /// WMT's `mteval-v13a`, for text that is not tokenised.
    #[default]
    #[serde(rename = "13a")]
    V13a,
    /// `mteval-v14`: Unicode punctuation and symbols.
    Intl,
    /// Every character.
    Char,
    /// The text's own tokens.
    None,
}

impl Tokenize {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::V13a, Self::Intl, Self::Char, Self::None];

    /// sacreBLEU's name.
    pub fn key(self) -> &'static str {
        match self {
            Self::V13a => "13a",
            Self::Intl => "intl",
            Self::Char => "char",
            Self::None => "none",
        }
    }
}

pub(super) fn bleu(hypotheses: &[String], references: &[String], tokenize: Tokenize, lowercase: bool) -> Score {
    let metric = Bleu {
        lowercase,
        tokenize: tokenize.key().into(),
        ..Bleu::default()
    };
    let value = metric.corpus_score(hypotheses, &[references.to_vec()]).score;
    Score {
        name: "sacreBLEU".into(),
        value,
        signature: metric.signature(1),
        confidence: None,
    }
}

pub(super) fn chrf(hypotheses: &[String], references: &[String], lowercase: bool) -> Score {
    let metric = Chrf {
        lowercase,
        ..Chrf::default()
    };
    let value = metric.corpus_score(hypotheses, &[references.to_vec()]).score;
    Score {
        name: "chrF2".into(),
        value,
        signature: metric.signature(1),
        confidence: None,
    }
}
