//! From a trained model to a number: translates, scores, and writes the tables and figures.
//!
//! - [`decode`] holds the `[decode]` section of a definition; [`search`] is the beam search, over any [`search::Stepper`].
//! - [`translate`]: a set of sources through a model, in batches, the order kept.
//! - [`metrics`]: BLEU as the paper computes it, sacreBLEU, chrF, TER, ROUGE, each with its signature; is one better?
//! - [`baseline`]: summaries that are taken out of the text.
//! - [`perplexity`]: how well a language model foretells a text.
//! - [`run`] opens a run folder, or a model in one file ([`lite_file`]); [`evaluate`] decodes and scores its test set.
//! - [`import`] makes a run folder of a checkpoint of the authors' fairseq; [`forced`] scores given translations.
//! - [`compare`]: whether the architectures of an experiment differ, from their records.
//! - [`compress`]: a run as one small file, step by step.
//! - [`export`]: a model for other programs.
//! - [`tables`] and [`plot`] make what is shown from records alone; [`text_table`] writes a table in three formats.
//! - [`cost`]: parameters and Mult-Adds of definitions, beside the published ones.
//! - [`workers`]: independent pieces of work, a core each, results in order.
//! - [`mod@bench`] measures decoding and training of a definition with random weights; [`device`] opens a device by name, [`precision`] says
//!   what it computes in.
//!
//! It knows no optimiser and no training data; training meets it in a run folder.

pub mod baseline;
mod batches;
pub mod bench;
pub mod compare;
pub mod compress;
pub mod cost;
pub mod decode;
pub mod device;
pub mod evaluate;
pub mod export;
mod figure;
pub mod forced;
pub mod import;
mod limits;
pub mod lite_file;
pub mod memory;
pub mod metrics;
mod numpy;
pub mod perplexity;
pub mod plot;
pub mod precision;
pub mod run;
pub mod search;
pub mod tables;
pub mod text_table;
mod translate;
pub mod workers;

pub use search::Hypothesis;
pub use translate::{Translator, fit, translate, translate_beside};
