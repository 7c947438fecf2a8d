//! Hand-checked translations, and laws over many generated ones.

mod agreement;
mod build;
mod laws;
mod sentences;
