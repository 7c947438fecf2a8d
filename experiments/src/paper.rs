//! What the publication reports for an architecture. No code that trains reads it.

use serde::{Deserialize, Serialize};

/// Published numbers of one architecture, `[paper.NAME]`. Counts are plain numbers: `90e6`, not `"90M"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaperNumbers {
    /// Multiply-adds at the publication's usual length (30 tokens on each side).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mult_adds: Option<f64>,
    /// Multiply-adds at 100 tokens (of the source, where `target_length` is given).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mult_adds_100: Option<f64>,
    /// Multiply-adds at 1000 tokens (of the source, where `target_length` is given).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mult_adds_1000: Option<f64>,
    /// Target tokens at which multiply-adds are counted. Default: as many as source tokens
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_length: Option<usize>,
    /// Source and target vocabulary of the publication, where its parameters depend on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<[usize; 2]>,
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
    /// Steps of compressing the model, `[[paper.NAME.compression]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compression: Vec<PublishedCompression>,
    /// Where the numbers come from, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// One step of a published compression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedCompression {
    /// What was done, after the steps before.
    pub step: String,
    /// The size, in 10^6 bytes, counted as the publication counts.
    pub megabytes: f64,
    /// BLEU on the test set.
    pub bleu: f64,
}

/// Multiply-adds at one pair of lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublishedMultAdds {
    /// Source tokens; of a language model, the text's.
    pub source_length: usize,
    /// Target tokens; of a language model, the text's.
    pub target_length: usize,
    /// The published number.
    pub mult_adds: f64,
}

impl PaperNumbers {
    /// Every number of multiply-adds with its lengths, the shortest first.
    pub fn mult_adds_by_length(&self) -> Vec<PublishedMultAdds> {
        let published = [
            (30, self.mult_adds),
            (100, self.mult_adds_100),
            (1000, self.mult_adds_1000),
        ];
        let with_lengths = published.into_iter().filter_map(|(source_length, mult_adds)| {
            Some(PublishedMultAdds {
                source_length,
                target_length: self.target_length.unwrap_or(source_length),
                mult_adds: mult_adds?,
            })
        });
        with_lengths.collect()
    }
}
