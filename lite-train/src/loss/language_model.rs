//! The loss of a language model: cross-entropy of the next words, by head and clusters where the output is adaptive
//! (fairseq `criterions/cross_entropy.py`, `adaptive_loss.py`).

use burn::tensor::Tensor;
use lite_model::LanguageModel;
use lite_model::adaptive::OutputPart;

use super::{Loss, PAD, label_smoothed, label_smoothed_sums};

/// The summed loss of the words after each position; both of its sums are the likelihood.
///
/// As in the reference, every softmax takes its entry 1 for padding, so of the second word of each cluster only the
/// cluster is learnt.
///
/// # Shapes
///
/// - features: `[batch_size, length, d_model]`
/// - targets: `batch_size * length`, pads are 1
pub fn language_model(model: &LanguageModel, features: Tensor<3>, targets: &[i32]) -> Loss {
    let losses = parts(model, features, targets);
    let losses = losses.map(|part| label_smoothed(one_row(part.features), part.weight, &part.targets, 0.0));
    let sum = losses.reduce(|a, b| Loss {
        surrogate: a.surrogate + b.surrogate,
        sums: a.sums + b.sums,
    });
    sum.expect("a batch has a target")
}

/// The sums of [`language_model`] alone, for validation.
pub fn language_model_sums(model: &LanguageModel, features: Tensor<3>, targets: &[i32]) -> Tensor<1> {
    let sums = parts(model, features, targets)
        .map(|part| label_smoothed_sums(one_row(part.features), part.weight, &part.targets, 0.0));
    sums.reduce(|a, b| a + b).expect("a batch has a target")
}

/// The softmaxes that have a target other than their entry 1.
fn parts(model: &LanguageModel, features: Tensor<3>, targets: &[i32]) -> impl Iterator<Item = OutputPart> {
    let [batch_size, length, d_model] = features.dims();
    let features = features.reshape([batch_size * length, d_model]);
    let parts = model.output_parts(features, targets).into_iter();
    parts.filter(|part| part.targets.iter().any(|&target| target != PAD))
}

fn one_row(features: Tensor<2>) -> Tensor<3> {
    features.unsqueeze_dim(0)
}
