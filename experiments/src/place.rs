//! Where a value of a definition was written, so that an error can point at it.

use std::fmt;
use std::sync::Arc;

/// Where a key or value of a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file as a whole: for what is missing.
    File(Arc<str>),
    /// A line of a file, counted from 1.
    Line(Arc<str>, usize),
    /// An override of the command line, as it was typed.
    Override(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(file) => write!(f, "`{file}`"),
            Place::Line(file, line) => write!(f, "`{file}` line {line}"),
            Place::Override(text) => write!(f, "override `{text}`"),
        }
    }
}
