//! What training minimises: the label-smoothed loss of `lite-model`, and from it that of language models.

mod language_model;

pub use language_model::{language_model, language_model_sums};
pub use lite_model::loss::{Loss, label_smoothed, label_smoothed_sums};

/// The id that takes no part in the loss.
const PAD: i32 = lite_data::PAD as i32;
