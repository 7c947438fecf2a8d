//! What is wrong with a file, and where.

use std::fmt;

/// A file that is no checkpoint, or a damaged one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorchError {
    /// Where in the file: a byte, or the name of an entry or a storage.
    pub place: String,
    /// What stands there.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl TorchError {
    pub(super) fn new(place: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    pub(super) fn at(byte: usize, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::new(format!("byte {byte}"), found, expected)
    }
}

impl fmt::Display for TorchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, expected {}", self.place, self.found, self.expected)
    }
}

impl std::error::Error for TorchError {}

/// Bytes from a file as a name in a message: cut, and without what a terminal would act on.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
    let mut text: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if bytes.len() > 80 {
        text.push_str("..");
    }
    text
}
