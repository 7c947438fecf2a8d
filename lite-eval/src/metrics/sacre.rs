//! sacreBLEU by the crate sacrebleu-rs, which `tests/metrics.rs` holds to the Python package.

use sacrebleu_rs::{Bleu, compute_bleu};
use serde::{Deserialize, Serialize};

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

const ORDER: usize = 4;
/// Numbers of a line: tokens of both sides, then matches and n-grams of each order.
pub(super) const WIDTH: usize = 2 + 2 * ORDER;

pub(super) fn metric(tokenize: Tokenize, lowercase: bool) -> Bleu {
    Bleu {
        lowercase,
        tokenize: tokenize.key().into(),
        ..Bleu::default()
    }
}

pub(super) fn line(metric: &Bleu, hypothesis: &str, reference: &String) -> [f64; WIDTH] {
    let score = metric.sentence_score(hypothesis, std::slice::from_ref(reference));
    let mut row = [0.0; WIDTH];
    let numbers = [score.sys_len, score.ref_len].into_iter();
    for (cell, number) in row.iter_mut().zip(numbers.chain(score.counts).chain(score.totals)) {
        *cell = number as f64;
    }
    row
}

/// The score of added rows. A single line is scored up to the longest n-gram that it has, as `sentence_bleu` does.
pub(super) fn value(sums: &[f64], is_line: bool) -> f64 {
    let whole: Vec<i64> = sums.iter().map(|&sum| sum as i64).collect();
    let (counts, totals) = whole[2..].split_at(ORDER);
    compute_bleu(
        counts.into(),
        totals.into(),
        whole[0],
        whole[1],
        "exp",
        None,
        is_line,
        ORDER,
    )
    .score
}
