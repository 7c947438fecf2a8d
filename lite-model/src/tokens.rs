//! The ids that every model knows, fairseq's.

/// Beginning of a sentence; unused by the models, kept so that ids agree with the reference.
pub const BOS: u32 = 0;
/// Padding.
pub const PAD: u32 = 1;
/// End of a sentence; also the first input of a decoder.
pub const EOS: u32 = 2;
/// A piece outside the vocabulary.
pub const UNK: u32 = 3;
