//! From a line to pieces and back.

mod lines;
mod proto;
mod sentence_piece;
mod subword_nmt;
mod train;

use std::fmt;
use std::fs;
use std::path::Path;

pub use lines::LineTokeniser;
pub use sentence_piece::{SPACE, SentencePiece};
pub use subword_nmt::SubwordNmt;
pub use train::{WordCounts, train};

use crate::bpe_dropout::{BytePiece, Merge};
use crate::error::DataError;
use crate::subword::Codes;
use crate::whole::write_whole;

/// A tokeniser that is ready for use.
#[derive(Debug)]
pub enum Tokeniser {
    /// Subword pieces of a SentencePiece model.
    SentencePiece(Box<SentencePiece>),
    /// Pieces of subword-nmt, `@@` after one that does not end a word.
    SubwordNmt(Box<SubwordNmt>),
    /// Words between white space.
    Words,
    /// Lines that hold pieces already.
    None,
}

// What the file of a tokeniser without a model says.
const WORDS: &[u8] = b"words\n";
const NONE: &[u8] = b"none\n";

impl Tokeniser {
    /// Reads what `save` wrote, any SentencePiece model (unigram or BPE), or codes of subword-nmt with a version.
    pub fn load(path: &Path) -> Result<Self, DataError> {
        Self::from_bytes(fs::read(path).map_err(DataError::io(path))?, path)
    }

    /// The same from bytes; `path` is named in errors.
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, DataError> {
        match bytes.as_slice() {
            WORDS => Ok(Tokeniser::Words),
            NONE => Ok(Tokeniser::None),
            _ if SubwordNmt::recognises(&bytes) => {
                SubwordNmt::from_bytes(bytes, path).map(|codes| Tokeniser::SubwordNmt(Box::new(codes)))
            }
            _ => SentencePiece::from_bytes(bytes, path).map(|model| Tokeniser::SentencePiece(Box::new(model))),
        }
    }

    /// Writes the tokeniser to a file. A SentencePiece model is written byte for byte as it was read.
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        write_whole(path, self.bytes())
    }

    /// What `save` writes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Tokeniser::SentencePiece(model) => model.bytes(),
            Tokeniser::SubwordNmt(codes) => codes.bytes(),
            Tokeniser::Words => WORDS,
            Tokeniser::None => NONE,
        }
    }

    /// The pieces of a line.
    pub fn encode(&self, line: &str) -> Vec<String> {
        match self {
            Tokeniser::SentencePiece(model) => model.encode(line),
            Tokeniser::SubwordNmt(codes) => codes.encode(line),
            Tokeniser::Words | Tokeniser::None => line.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The text of pieces. For `None`, a piece that ends in `@@` is joined with the next one, as `--remove-bpe` does.
    pub fn decode(&self, pieces: &[&str]) -> String {
        match self {
            Tokeniser::SentencePiece(model) => model.decode(pieces),
            Tokeniser::SubwordNmt(codes) => codes.decode(pieces),
            Tokeniser::Words => pieces.join(" "),
            Tokeniser::None => {
                let line = format!("{} ", pieces.join(" ")).replace("@@ ", "");
                line.trim_end().to_owned()
            }
        }
    }

    /// A line of words in the form that `decode` gives: the same, or detokenised if that is configured.
    pub(crate) fn finish(&self, line: String) -> String {
        match self {
            Tokeniser::SubwordNmt(codes) => codes.finish(line),
            _ => line,
        }
    }

    /// The merges of byte-pair encoding, none if it does not cut so.
    pub(crate) fn merges(&self) -> Option<Vec<Merge>> {
        match self {
            Tokeniser::SentencePiece(model) => model.merges(),
            Tokeniser::SubwordNmt(codes) => codes.codes().merges(),
            Tokeniser::Words | Tokeniser::None => None,
        }
    }

    /// What a piece is to the merges; none for one that they do not make.
    pub(crate) fn byte_piece(&self, written: &str) -> Option<BytePiece> {
        match self {
            Tokeniser::SentencePiece(model) => model.byte_piece(written),
            Tokeniser::SubwordNmt(_) => Codes::byte_piece(written),
            Tokeniser::Words | Tokeniser::None => None,
        }
    }

    /// Whether each word between spaces is cut on its own, so that its pieces can be remembered.
    pub(crate) fn words_are_independent(&self) -> bool {
        match self {
            Tokeniser::SentencePiece(model) => model.words_are_independent(),
            Tokeniser::SubwordNmt(_) | Tokeniser::Words | Tokeniser::None => true,
        }
    }
}

/// What it is and how many pieces or merges it knows.
impl fmt::Display for Tokeniser {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Tokeniser::SentencePiece(model) => write!(formatter, "SentencePiece, {} pieces", model.pieces().len()),
            Tokeniser::SubwordNmt(codes) => write!(formatter, "{codes}"),
            Tokeniser::Words => formatter.write_str("words between spaces"),
            Tokeniser::None => formatter.write_str("none, the lines hold pieces already"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SubwordModel, TokeniserConfig};

    fn trained(model: SubwordModel, lines: &[&str]) -> Tokeniser {
        let mut words = WordCounts::default();
        lines.iter().for_each(|line| words.add(line));
        let config = TokeniserConfig {
            model,
            vocabulary_size: 60,
            ..TokeniserConfig::default()
        };
        let bytes = train(&words, &config).unwrap();
        assert_eq!(bytes, train(&words, &config).unwrap(), "training is not deterministic");
        Tokeniser::from_bytes(bytes, Path::new("tokeniser.model")).unwrap()
    }

    const LINES: [&str; 4] = [
        "the old man sees the old dog",
        "the dog sees the man , and the man sees 17 dogs !",
        "an old song is sung by the older man",
        "l'été , l'homme et l'enfant chantent .",
    ];

    #[test]
    fn decoding_gives_the_line_back() {
        for model in [SubwordModel::Bpe, SubwordModel::Unigram] {
            let tokeniser = trained(model, &LINES);
            for line in LINES {
                let pieces = tokeniser.encode(line);
                assert_eq!(
                    tokeniser.decode(&pieces.iter().map(String::as_str).collect::<Vec<_>>()),
                    line
                );
            }
        }
    }

    #[test]
    fn special_names_and_unknown_characters_in_text_stay_text() {
        let tokeniser = trained(
            SubwordModel::Bpe,
            &[LINES[0], "<s> </s> <pad> <unk>", "<s> </s> <pad> <unk>"],
        );
        for line in ["<s> the </s> <pad> <unk>", "the ☃☃ man"] {
            let pieces = tokeniser.encode(line);
            assert!(
                pieces.iter().all(|piece| piece != "<s>" && piece != "</s>"),
                "{pieces:?}"
            );
            assert_eq!(
                tokeniser.decode(&pieces.iter().map(String::as_str).collect::<Vec<_>>()),
                line
            );
        }
    }

    #[test]
    fn broken_models_are_named_and_never_panic() {
        let Tokeniser::SentencePiece(model) = trained(SubwordModel::Bpe, &LINES) else {
            unreachable!()
        };
        let bytes = model.bytes().to_vec();
        for length in 0..bytes.len() {
            // Some prefixes are valid models with fewer pieces; the manifest's hash finds those.
            let _ = Tokeniser::from_bytes(bytes[..length].to_vec(), Path::new("m"));
        }
        let error = Tokeniser::from_bytes(b"no model".to_vec(), Path::new("m.model")).unwrap_err();
        assert!(error.to_string().starts_with("`m.model`: "), "{error}");
    }

    #[test]
    fn each_kind_has_words_for_people() {
        let check = |tokeniser: Tokeniser, expected: &str| assert_eq!(tokeniser.to_string(), expected);
        check(trained(SubwordModel::Bpe, &LINES), "SentencePiece, 60 pieces");
        let codes = |head: &str| {
            let bytes = format!("{head}#version: 0.2\nl o\nlo w</w>\n").into_bytes();
            Tokeniser::from_bytes(bytes, Path::new("codes")).unwrap()
        };
        check(codes(""), "subword-nmt, 2 merges");
        check(
            codes("#subword-nmt detokenise=fr\n"),
            "subword-nmt, 2 merges, detokenised as fr",
        );
        check(Tokeniser::Words, "words between spaces");
        check(Tokeniser::None, "none, the lines hold pieces already");
    }

    #[test]
    fn words_and_pieces_between_spaces() {
        let pieces = ["ge@@", "ht", "weg@@"];
        assert_eq!(Tokeniser::None.decode(&pieces), "geht weg");
        assert_eq!(Tokeniser::Words.decode(&["a", "b@@", "c"]), "a b@@ c");
        assert_eq!(Tokeniser::Words.encode(" a  b\t"), ["a", "b"]);
    }
}
