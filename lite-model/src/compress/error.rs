//! What is wrong with packed weights, and where.

use std::fmt;

/// Bytes that are no packed weights, or damaged ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedError {
    /// Where: a tensor's name, or a byte of the section.
    pub place: String,
    /// What stands there.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl PackedError {
    pub(super) fn new(place: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl fmt::Display for PackedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, expected {}", self.place, self.found, self.expected)
    }
}

impl std::error::Error for PackedError {}

/// A place within something whose name the caller knows.
pub(super) fn wrong<T>(found: impl Into<String>, expected: impl Into<String>) -> Result<T, PackedError> {
    Err(PackedError::new("", found, expected))
}

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
