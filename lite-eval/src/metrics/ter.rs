//! TER by the crate sacrebleu-rs, which `tests/metrics.rs` holds to the Python package: the edits, shifts of a phrase
//! among them, that turn a hypothesis into its reference, per word of the reference. Less is better.
//!
//! As sacreBLEU by default: case is ignored, tokens are the text's own.

use sacrebleu_rs::Ter;

/// Numbers of a line: edits, and words of the reference.
pub(super) const WIDTH: usize = 2;

pub(super) fn signature() -> String {
    Ter::default().signature(1)
}

/// Words as they are compared.
pub(super) fn n_words(text: &str) -> usize {
    text.split_whitespace().count()
}

pub(super) fn line(hypothesis: &str, reference: &String) -> [f64; WIDTH] {
    let score = Ter::default().sentence_score(hypothesis, std::slice::from_ref(reference));
    [score.num_edits as f64, score.ref_length]
}

/// The score of added rows, of 100; it may be more where a hypothesis is longer than its reference.
pub(super) fn value(sums: &[f64]) -> f64 {
    let (edits, length) = (sums[0], sums[1]);
    if length > 0.0 {
        100.0 * edits / length
    } else if edits > 0.0 {
        100.0
    } else {
        0.0
    }
}
