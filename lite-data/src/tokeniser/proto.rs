//! The parts of `sentencepiece_model.proto` that this crate writes and reads, declared by hand so that no protobuf
//! compiler is needed. Field numbers are SentencePiece's own.

/// Type of a piece: an ordinary one.
pub const NORMAL: i32 = 1;
/// Type of a piece: stands for everything that has no piece.
pub const UNKNOWN: i32 = 2;
/// Type of a piece: never matches text (`<s>`, `</s>`, `<pad>`).
pub const CONTROL: i32 = 3;
/// Type of a piece: always cut out of text first.
pub const USER_DEFINED: i32 = 4;
/// Type of a piece: one byte of a character that has no piece.
pub const BYTE: i32 = 6;
/// Type of a piece: not used.
pub const UNUSED: i32 = 5;

/// Model type of `TrainerSpec`.
pub const UNIGRAM: i32 = 1;
/// Model type of `TrainerSpec`.
pub const BPE: i32 = 2;

/// A whole `.model` file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ModelProto {
    /// The pieces in the order of their ids.
    #[prost(message, repeated, tag = "1")]
    pub pieces: Vec<Piece>,
    /// How the model was trained, and the special ids.
    #[prost(message, optional, tag = "2")]
    pub trainer_spec: Option<TrainerSpec>,
    /// What happens to text first.
    #[prost(message, optional, tag = "3")]
    pub normalizer_spec: Option<NormalizerSpec>,
}

/// One piece.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Piece {
    /// Its text, with U+2581 for a space.
    #[prost(string, optional, tag = "1")]
    pub piece: Option<String>,
    /// Log probability (unigram) or minus its rank (BPE).
    #[prost(float, optional, tag = "2")]
    pub score: Option<f32>,
    /// One of the types above.
    #[prost(int32, optional, tag = "3")]
    pub kind: Option<i32>,
}

/// How the model was trained, and the special ids.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TrainerSpec {
    /// `UNIGRAM` or `BPE`.
    #[prost(int32, optional, tag = "3")]
    pub model_type: Option<i32>,
    /// Pieces in all.
    #[prost(int32, optional, tag = "4")]
    pub vocab_size: Option<i32>,
    /// Share of characters with a piece of their own.
    #[prost(float, optional, tag = "10")]
    pub character_coverage: Option<f32>,
    /// Longest piece in characters.
    #[prost(int32, optional, tag = "20")]
    pub max_sentencepiece_length: Option<i32>,
    /// Whether pieces keep to one script.
    #[prost(bool, optional, tag = "21")]
    pub split_by_unicode_script: Option<bool>,
    /// Whether pieces end at spaces.
    #[prost(bool, optional, tag = "22")]
    pub split_by_whitespace: Option<bool>,
    /// Whether pieces end at digits.
    #[prost(bool, optional, tag = "23")]
    pub split_by_number: Option<bool>,
    /// Whether the space belongs to the piece before it.
    #[prost(bool, optional, tag = "24")]
    pub treat_whitespace_as_suffix: Option<bool>,
    /// Whether unknown characters fall apart into bytes.
    #[prost(bool, optional, tag = "35")]
    pub byte_fallback: Option<bool>,
    /// Id of `<unk>`.
    #[prost(int32, optional, tag = "40")]
    pub unk_id: Option<i32>,
    /// Id of `<s>`.
    #[prost(int32, optional, tag = "41")]
    pub bos_id: Option<i32>,
    /// Id of `</s>`.
    #[prost(int32, optional, tag = "42")]
    pub eos_id: Option<i32>,
    /// Id of `<pad>`.
    #[prost(int32, optional, tag = "43")]
    pub pad_id: Option<i32>,
    /// What `<unk>` becomes in text.
    #[prost(string, optional, tag = "44")]
    pub unk_surface: Option<String>,
    /// Name of the unknown piece.
    #[prost(string, optional, tag = "45")]
    pub unk_piece: Option<String>,
    /// Name of the piece that begins a sentence.
    #[prost(string, optional, tag = "46")]
    pub bos_piece: Option<String>,
    /// Name of the piece that ends a sentence.
    #[prost(string, optional, tag = "47")]
    pub eos_piece: Option<String>,
    /// Name of the padding piece.
    #[prost(string, optional, tag = "48")]
    pub pad_piece: Option<String>,
}

/// What happens to text before it is cut.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NormalizerSpec {
    /// Name of the rule set.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// The compiled rules; empty for none.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub precompiled_charsmap: Option<Vec<u8>>,
    /// Whether a space is put before the first word.
    #[prost(bool, optional, tag = "3")]
    pub add_dummy_prefix: Option<bool>,
    /// Whether spaces are collapsed and trimmed.
    #[prost(bool, optional, tag = "4")]
    pub remove_extra_whitespaces: Option<bool>,
    /// Whether spaces are written as U+2581.
    #[prost(bool, optional, tag = "5")]
    pub escape_whitespaces: Option<bool>,
}
