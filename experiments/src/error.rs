//! What can be wrong with a definition, a run folder or a record.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::Place;

/// What is wrong with a definition: the place, what was found, what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// No built-in definition has this name.
    #[error("no definition is named `{name}`{}", Suggestion(.nearest))]
    UnknownName {
        /// The name asked for.
        name: String,
        /// The built-in name most like it.
        nearest: Option<String>,
    },
    /// `extends` names a definition that is neither built in nor beside the file.
    #[error("{place}: `extends` names `{name}`, which is no definition{}", Suggestion(.nearest))]
    UnknownParent {
        /// Where `extends` stands.
        place: Place,
        /// The name it gives.
        name: String,
        /// The built-in name most like it.
        nearest: Option<String>,
    },
    /// A definition is its own ancestor.
    #[error("definitions extend each other in a circle: {}", .chain.join(" -> "))]
    Cycle {
        /// The chain of files, the first one again at its end.
        chain: Vec<String>,
    },
    /// The file could not be read.
    #[error("`{}` could not be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text is not TOML.
    #[error("`{file}` line {line}, column {column}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the TOML parser says.
        message: String,
    },
    /// A key that nothing reads.
    #[error("{place}: unknown key `{key}`{}{}", InTable(.table), Suggestion(.nearest))]
    UnknownKey {
        /// Where the key stands.
        place: Place,
        /// The table it stands in, empty at the top.
        table: String,
        /// The key.
        key: String,
        /// The known key most like it.
        nearest: Option<String>,
    },
    /// A key without which the section cannot be read.
    #[error("{place}: the key `{key}` is missing{}", InTable(.table))]
    MissingKey {
        /// The table, or the file when the table is absent.
        place: Place,
        /// The table, empty at the top.
        table: String,
        /// The key that is missing.
        key: String,
    },
    /// A value of a wrong type or out of its range.
    #[error("{place}: {}{message}", KeyColon(.key))]
    Invalid {
        /// Where the value stands.
        place: Place,
        /// Its dotted key, empty for the whole definition.
        key: String,
        /// What was found and what was expected.
        message: String,
    },
    /// The definition compares no architecture of this name.
    #[error(
        "`{definition}` has no architecture `{arch}`{}; it has {}",
        Suggestion(.nearest), Names(.known)
    )]
    UnknownArch {
        /// The definition.
        definition: String,
        /// The architecture asked for.
        arch: String,
        /// The one most like it.
        nearest: Option<String>,
        /// All it has.
        known: Vec<String>,
    },
    /// An override that is not `KEY=VALUE`, or whose key cannot be set.
    #[error("override `{text}`: {message}")]
    Override {
        /// As typed.
        text: String,
        /// What is wrong.
        message: String,
    },
}

/// What is wrong with a file of a run or with a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Reading or writing failed.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder is no run folder.
    #[error("`{}` is no run folder: `{missing}` is missing in it", .path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// The file that should be there.
        missing: String,
    },
    /// The file is there but cannot be understood.
    #[error("`{}` line {line}: {message}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The content does not have the hash written for it: truncated or changed by hand.
    #[error("`{}` was altered: {what} has sha256 {found}, expected {expected}", .path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        what: &'static str,
        /// The hash of what is there.
        found: String,
        /// The hash that was written down.
        expected: String,
    },
    /// The value cannot be kept in a record or run folder.
    #[error("{message}")]
    Unwritable {
        /// What is wrong.
        message: String,
    },
}

impl RunError {
    /// Names the file in an I/O error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> RunError {
        let path = path.to_path_buf();
        move |source| RunError::Io { path, source }
    }
}

/// The candidate most like `word`, if one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .filter(|(likeness, candidate)| *likeness >= 0.6 || candidate.starts_with(word) || word.starts_with(candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

struct Suggestion<'a>(&'a Option<String>);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, " (did you mean `{name}`?)"),
            None => Ok(()),
        }
    }
}

struct InTable<'a>(&'a str);

impl fmt::Display for InTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, " in [{}]", self.0)
        }
    }
}

struct KeyColon<'a>(&'a str);

impl fmt::Display for KeyColon<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, "`{}`: ", self.0)
        }
    }
}

struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "none");
        }
        let quoted: Vec<_> = self.0.iter().map(|name| format!("`{name}`")).collect();
        write!(f, "{}", quoted.join(", "))
    }
}
