//! Text and integers for the Lite Transformer: this crate knows no tensor and no device.
//!
//! - [`DataConfig`] is the `[data]` section of a definition; [`prepare`] makes of it what training reads.
//! - `sources` finds or downloads the files and checks their hashes; `corpus` reads their lines by stated rules.
//! - [`moses`] and [`subword`] are the steps of Moses and of subword-nmt, equal to the originals.
//! - [`Tokeniser`] cuts lines into pieces (SentencePiece models are trained here), [`Vocabulary`] numbers them.
//! - [`PairStore`] holds a split, memory-mapped; [`Manifest`] says what was prepared, with hashes.
//! - [`updates`] cuts the [`Rows`] of a store, pairs or blocks of text, into updates and batches: a pure function of
//!   (seed, epoch). [`BpeDropout`] cuts their words anew each time.
//! - [`grammar`] generates a small English-French corpus for first steps without files.

mod batches;
mod bpe_dropout;
mod config;
mod corpus;
mod error;
mod forms;
pub mod grammar;
mod manifest;
pub mod moses;
mod prepare;
pub mod progress;
mod rows;
mod sentences;
mod sources;
mod store;
pub mod subword;
mod tokeniser;
mod vocabulary;
mod whole;

pub use batches::{
    Batch, BatchConfig, Update, UpdatePlan, collate_right, collate_sources, sequential_batches, updates,
};
pub use bpe_dropout::{BpeDropout, EpochDropout};
pub use config::{
    Archive, BrokenLines, Corpus, DataConfig, Field, File, Files, Form, Given, JsonField, LongSources, Remote, Sides,
    Split, SubwordModel, TableFile, TokeniserConfig, TokeniserKind, Unicode, VocabularyConfig,
};
pub use corpus::{Broken, LONGEST_LINE, LineRules, Pair, PairReader, TextFile, each_line, read_lines, read_pairs};
pub use error::{DataError, chain_text, is_broken_pipe};
pub use manifest::{Input, Lengths, Manifest, SplitReport, Spread};
pub use prepare::{PrepareOptions, Prepared, prepare};
pub use progress::Progress;
pub use rows::Rows;
pub use sentences::Units;
pub use sources::{Found, Retry, SourceOptions, fetch, hash_file, open_text};
pub use store::{PairStore, StoreWriter};
pub use tokeniser::{
    LineTokeniser, SPACE, SentencePiece, SubwordNmt, Tokeniser, WordCounts, train as train_sentencepiece,
};
pub use vocabulary::{PieceCounts, SPECIALS, Vocabulary, count_pieces};
pub use whole::{WholeFile, write_whole};

/// Id of `<s>`. The special ids are fairseq's.
pub const BOS: u32 = 0;
/// Id of `<pad>`.
pub const PAD: u32 = 1;
/// Id of `</s>`; it also begins the decoder's input.
pub const EOS: u32 = 2;
/// Id of `<unk>`.
pub const UNK: u32 = 3;
