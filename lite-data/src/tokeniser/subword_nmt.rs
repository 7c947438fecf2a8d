//! Codes of subword-nmt as a tokeniser, with what is done to the words afterwards.
//!
//! Its file is a codes file behind one line, `#subword-nmt`, or `#subword-nmt detokenise=fr` if words become text.

use std::fmt;
use std::path::Path;

use crate::error::DataError;
use crate::moses::{Language, detokenise};
use crate::subword::{Codes, join_pieces};

const HEAD: &str = "#subword-nmt";
const DETOKENISE: &str = " detokenise=";

/// Cuts words by codes and joins them again.
pub struct SubwordNmt {
    bytes: Vec<u8>,
    codes: Codes,
    detokenise: Option<Language>,
}

impl fmt::Debug for SubwordNmt {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter
            .debug_struct("SubwordNmt")
            .field("merges", &self.codes.n_merges())
            .field("detokenise", &self.detokenise)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SubwordNmt {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "subword-nmt, {} merges", self.codes.n_merges())?;
        match self.detokenise {
            Some(language) => write!(formatter, ", detokenised as {language}"),
            None => Ok(()),
        }
    }
}

impl SubwordNmt {
    /// The tokeniser of a codes file; with a language, decoding gives text and not words. `path` is named in errors.
    pub fn new(codes: &[u8], detokenise: Option<Language>, path: &Path) -> Result<Self, DataError> {
        let mut head = HEAD.to_owned();
        if let Some(language) = detokenise {
            head.push_str(&format!("{DETOKENISE}{language}"));
        }
        head.push('\n');
        Self::from_bytes([head.as_bytes(), codes].concat(), path)
    }

    /// Whether bytes are meant for `from_bytes`.
    pub(super) fn recognises(bytes: &[u8]) -> bool {
        bytes.starts_with(HEAD.as_bytes()) || bytes.starts_with(b"#version:")
    }

    /// Reads the file of a tokeniser, or codes alone.
    pub(super) fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, DataError> {
        let mut detokenise = None;
        let mut body = bytes.as_slice();
        if let Some(rest) = bytes.strip_prefix(HEAD.as_bytes()) {
            let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            let options = String::from_utf8_lossy(&rest[..end]);
            detokenise = match options.strip_prefix(DETOKENISE) {
                Some(language) => Some(language.parse()?),
                None if options.is_empty() => None,
                None => return Err(DataError::damaged(path, format!("unknown options `{options}`"))),
            };
            body = rest.get(end + 1..).unwrap_or_default();
        }
        let codes = Codes::from_bytes(body.to_vec(), path)?;
        Ok(SubwordNmt {
            bytes,
            codes,
            detokenise,
        })
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The codes.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The pieces of a line of words.
    pub fn encode(&self, line: &str) -> Vec<String> {
        self.codes.segment(line)
    }

    /// The words of pieces, or their text.
    pub fn decode(&self, pieces: &[&str]) -> String {
        self.finish(join_pieces(pieces))
    }

    /// What decoding does to words.
    pub(super) fn finish(&self, line: String) -> String {
        match self.detokenise {
            Some(language) => detokenise(&line, language),
            None => line,
        }
    }
}
