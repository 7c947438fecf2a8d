//! What the publication reports for an architecture. No code that trains reads it.

use serde::{Deserialize, Serialize};

/// Published numbers of one architecture, `[paper.NAME]`. Counts are plain numbers: `90e6`, not `"90M"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaperNumbers {
    /// Multiply-adds at the publication's usual length (30 tokens on each side).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mult_adds: Option<f64>,
    /// Multiply-adds at 100 tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mult_adds_100: Option<f64>,
    /// Multiply-adds at 1000 tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mult_adds_1000: Option<f64>,
    /// Parameters, counted as the publication counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<f64>,
    /// BLEU on the test set, as the publication scores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bleu: Option<f64>,
    /// ROUGE-1 F1 on the test set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rouge_1: Option<f64>,
    /// ROUGE-2 F1 on the test set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rouge_2: Option<f64>,
    /// ROUGE-L F1 on the test set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rouge_l: Option<f64>,
    /// Perplexity on the test set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<f64>,
    /// Perplexity on the validation set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_perplexity: Option<f64>,
    /// Tokens a second that it reads or writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
    /// Where the numbers come from, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
