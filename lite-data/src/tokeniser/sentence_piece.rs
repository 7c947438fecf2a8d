//! SentencePiece models: read, checked, applied. Segmentation is done by `sentencepiece-rust`, or with the feature
//! `sentencepiece-cpp` by the C++ library.

use std::path::Path;

use prost::Message;
use rustc_hash::FxHashMap;

use super::proto::{self, ModelProto};
use crate::bpe_dropout::{BytePiece, Merge};
use crate::error::DataError;

/// How SentencePiece writes a space.
pub const SPACE: char = '\u{2581}';

/// What `<unk>` becomes in text when the piece does not tell its characters.
const UNKNOWN_SURFACE: &str = " \u{2047} ";

/// A trained model.
pub struct SentencePiece {
    bytes: Vec<u8>,
    proto: ModelProto,
    kinds: FxHashMap<String, i32>,
    words_are_independent: bool,
    unknown_surface: String,
    processor: Processor,
}

#[cfg(not(feature = "sentencepiece-cpp"))]
type Processor = sentencepiece_rust::SentencePieceProcessor;
#[cfg(feature = "sentencepiece-cpp")]
type Processor = sentencepiece::SentencePieceProcessor;

impl std::fmt::Debug for SentencePiece {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "SentencePiece({} pieces)", self.proto.pieces.len())
    }
}

impl SentencePiece {
    /// Reads a model; `path` is named in errors.
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, DataError> {
        let damaged = |message: String| DataError::damaged(path, message);
        let proto = ModelProto::decode(bytes.as_slice())
            .map_err(|error| damaged(format!("this is no SentencePiece model: {error}")))?;
        check(&proto).map_err(damaged)?;
        let processor = processor(&proto).map_err(damaged)?;
        let kinds = proto
            .pieces
            .iter()
            .map(|piece| (piece.piece().to_owned(), kind(piece)))
            .collect();
        let unknown_surface = proto
            .trainer_spec
            .as_ref()
            .and_then(|spec| spec.unk_surface.clone())
            .unwrap_or(UNKNOWN_SURFACE.into());
        let words_are_independent = words_are_independent(&proto);
        Ok(SentencePiece {
            bytes,
            proto,
            kinds,
            words_are_independent,
            unknown_surface,
            processor,
        })
    }

    /// The bytes of the `.model` file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The pieces in the order of their ids.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = &str> {
        self.proto.pieces.iter().map(|piece| piece.piece())
    }

    /// Whether each word between spaces is cut on its own, so that its pieces can be remembered. True for BPE without
    /// normalisation rules and without a piece that reaches over a space. Not for unigram models: there the rounding
    /// of a whole line's score can decide between equal cuts.
    pub fn words_are_independent(&self) -> bool {
        self.words_are_independent
    }

    /// Every way to make a piece of two others, the piece with the highest score first: what BPE merges. None for a
    /// unigram model.
    pub(crate) fn merges(&self) -> Option<Vec<Merge>> {
        let spec = self.proto.trainer_spec.as_ref()?;
        if spec.model_type != Some(proto::BPE) {
            return None;
        }
        let is_normal = |piece: &str| self.kinds.get(piece) == Some(&proto::NORMAL);
        let mut ranked: Vec<&proto::Piece> = self.proto.pieces.iter().collect();
        ranked.sort_by(|a, b| b.score().total_cmp(&a.score()));
        let mut merges = Vec::new();
        for (rank, piece) in ranked.into_iter().map(proto::Piece::piece).enumerate() {
            if !is_normal(piece) {
                continue;
            }
            for (at, _) in piece.char_indices().skip(1) {
                let (left, right) = piece.split_at(at);
                if is_normal(left) && is_normal(right) {
                    merges.push((rank as u32, left.to_owned(), right.to_owned()));
                }
            }
        }
        Some(merges)
    }

    /// What a piece is to the merges.
    pub(crate) fn byte_piece(&self, written: &str) -> Option<BytePiece> {
        (self.kinds.get(written) == Some(&proto::NORMAL)).then(|| BytePiece {
            symbol: written.to_owned(),
            characters: written.chars().map(String::from).collect(),
            begins: written.starts_with(SPACE),
            ends: false,
        })
    }

    /// The pieces of a line. A character without a piece stays itself, and so does a run of them.
    pub fn encode(&self, line: &str) -> Vec<String> {
        encode_pieces(&self.processor, line)
    }

    /// The text of pieces, as SentencePiece decodes them; pieces that the model does not have stand for themselves.
    pub fn decode(&self, pieces: &[&str]) -> String {
        let mut text = String::new();
        let mut bytes = Vec::new();
        for piece in pieces {
            let kind = self.kinds.get(*piece).copied().unwrap_or(proto::NORMAL);
            if kind == proto::BYTE {
                bytes.extend(byte_of(piece));
                continue;
            }
            text.push_str(&String::from_utf8_lossy(&bytes));
            bytes.clear();
            match kind {
                proto::CONTROL => {}
                proto::UNKNOWN => text.push_str(&self.unknown_surface),
                _ if text.is_empty() => text.extend(spaces(piece.strip_prefix(SPACE).unwrap_or(piece))),
                _ => text.extend(spaces(piece)),
            }
        }
        text.push_str(&String::from_utf8_lossy(&bytes));
        text
    }
}

fn spaces(piece: &str) -> impl Iterator<Item = char> {
    piece
        .chars()
        .map(|character| if character == SPACE { ' ' } else { character })
}

fn kind(piece: &proto::Piece) -> i32 {
    piece.kind.unwrap_or(proto::NORMAL)
}

/// `<0x3A>` -> 0x3A.
fn byte_of(piece: &str) -> Option<u8> {
    u8::from_str_radix(piece.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// Refuses what the pure Rust reader does not do as SentencePiece does it.
fn check(model: &ModelProto) -> Result<(), String> {
    let spec = model.trainer_spec.clone().unwrap_or_default();
    let model_type = spec.model_type.unwrap_or(proto::UNIGRAM);
    if ![proto::UNIGRAM, proto::BPE].contains(&model_type) {
        return Err(format!(
            "its model type is {model_type}; unigram (1) and BPE (2) can be read"
        ));
    }
    let unknown = spec.unk_id.unwrap_or(0);
    let is_unknown = |id: i32| {
        model
            .pieces
            .get(id as usize)
            .is_some_and(|piece| kind(piece) == proto::UNKNOWN)
    };
    if unknown < 0 || !is_unknown(unknown) {
        return Err(format!("its piece {unknown} should be the unknown one, and is not"));
    }
    for (id, piece) in model.pieces.iter().enumerate() {
        if piece.piece().is_empty() {
            return Err(format!("its piece {id} is empty"));
        }
        if [proto::USER_DEFINED, proto::UNUSED].contains(&kind(piece)) {
            return Err(format!(
                "its piece {id} `{}` is user-defined or unused; such models need the C++ library",
                piece.piece()
            ));
        }
        if !piece.score().is_finite() {
            return Err(format!(
                "the score of its piece {id} `{}` is {}",
                piece.piece(),
                piece.score()
            ));
        }
    }
    if spec.treat_whitespace_as_suffix() {
        return Err("it treats the space as a suffix; such models cannot be read".into());
    }
    if model
        .normalizer_spec
        .as_ref()
        .is_some_and(|spec| spec.escape_whitespaces == Some(false))
    {
        return Err("it does not escape spaces; such models cannot be read".into());
    }
    Ok(())
}

fn words_are_independent(model: &ModelProto) -> bool {
    let normalizer = model.normalizer_spec.clone().unwrap_or_default();
    let identity = normalizer
        .precompiled_charsmap
        .as_deref()
        .unwrap_or_default()
        .is_empty();
    let default_spaces =
        normalizer.add_dummy_prefix.unwrap_or(true) && normalizer.remove_extra_whitespaces.unwrap_or(true);
    let is_bpe = model
        .trainer_spec
        .as_ref()
        .is_some_and(|spec| spec.model_type == Some(proto::BPE));
    let space = SPACE.to_string();
    let space_is_known = model.pieces.iter().any(|piece| piece.piece() == space);
    let within_words = model
        .pieces
        .iter()
        .all(|piece| !piece.piece().chars().skip(1).any(|c| c == SPACE));
    identity && default_spaces && is_bpe && space_is_known && within_words
}

#[cfg(not(feature = "sentencepiece-cpp"))]
fn processor(model: &ModelProto) -> Result<Processor, String> {
    // sentencepiece-rust 0.1 lets BPE merge text into control pieces, so that `<s>` in a line would become the id that
    // begins a sentence. With a space in their names, which a normalised line never has, they match nothing.
    let mut model = model.clone();
    for piece in &mut model.pieces {
        if [proto::CONTROL, proto::UNKNOWN].contains(&kind(piece)) {
            piece.piece = Some(format!("{} ", piece.piece()));
        }
    }
    Processor::from_bytes(&model.encode_to_vec()).map_err(|error| error.to_string())
}

#[cfg(not(feature = "sentencepiece-cpp"))]
fn encode_pieces(processor: &Processor, line: &str) -> Vec<String> {
    // The only error is a model type that `check` refused.
    processor.encode_pieces(line).unwrap_or_default()
}

#[cfg(feature = "sentencepiece-cpp")]
fn processor(model: &ModelProto) -> Result<Processor, String> {
    Processor::from_serialized_proto(&model.encode_to_vec()).map_err(|error| error.to_string())
}

#[cfg(feature = "sentencepiece-cpp")]
fn encode_pieces(processor: &Processor, line: &str) -> Vec<String> {
    processor
        .encode(line)
        .unwrap_or_default()
        .into_iter()
        .map(|piece| piece.piece)
        .collect()
}
