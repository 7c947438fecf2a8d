//! Arithmetic of our own, on plain slices.
//!
//! - [`int8`]: products with 8-bit weights

pub mod int8;
