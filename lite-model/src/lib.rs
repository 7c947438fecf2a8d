//! Architectures of the Lite Transformer suite, on Burn.
//!
//! - [`config`]: what a model is; [`ModelConfig::init`](config::ModelConfig::init) builds it.
//! - [`seq2seq`]: the encoder-decoder, whole sequences or one token at a time; [`state`] is what a step remembers.
//! - [`language_model`]: the decoder's layers alone, with [`adaptive`] input and output.
//! - [`long_short`]: Long-Short Range Attention, over [`attention`] and [`convolution`].
//! - [`evolved`]: the cells of the Evolved Transformer.
//! - [`host`]: the same step on a CPU without tensors; [`simd`]: loops for the widest instructions that there are.
//! - [`encoder`], [`decoder`], [`feed_forward`], [`linear`], [`embedding`], [`positions`], [`dropout`]: the layers.
//! - [`loss`]: label-smoothed cross-entropy that never keeps a graph over the vocabulary.
//! - [`kernels`]: arithmetic of our own: a training step in few passes with backward passes of its own, 8-bit products.
//! - [`cost`]: parameters and Mult-Adds by part, as the paper counts them and in full, from a config alone.
//! - [`compress`]: pruning, codebooks and entropy coding of weights.
//! - [`weights`]: files of weights, under the reference's names; [`layout`]: which there are, from a config alone;
//!   [`load_int8`]: a model in 8 bits from a packed file, without its floats.
//!
//! It knows tensors: no text, no corpus, no optimiser, no command line.

pub mod adaptive;
pub mod attention;
pub mod compress;
pub mod config;
pub mod convolution;
pub mod cost;
pub mod decoder;
pub mod device;
#[cfg(test)]
mod draws;
pub mod dropout;
pub mod embedding;
pub mod encoder;
pub mod error;
pub mod evolved;
pub mod feed_forward;
#[cfg(test)]
mod golden;
pub mod host;
mod init;
pub mod kernels;
pub mod language_model;
#[cfg(test)]
mod laws;
pub mod layout;
pub mod linear;
mod load_int8;
pub mod long_short;
pub mod loss;
pub mod positions;
pub mod seq2seq;
pub mod simd;
pub mod state;
pub mod tokens;
pub mod weights;

pub use config::{Architecture, ModelConfig, Task, VocabularySizes};
pub use language_model::LanguageModel;
pub use load_int8::load_int8;
pub use seq2seq::Seq2Seq;
pub use state::{DecoderState, Memory, StepOutput};
