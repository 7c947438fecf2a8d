//! What can go wrong, each error naming the place, what was found and what was expected.

use std::io;
use std::path::{Path, PathBuf};

use crate::manifest;

/// Why data could not be prepared or read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system refused to read or write a file.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The `[data]` section contradicts itself or lacks something.
    #[error("[data]: {message}")]
    Config {
        /// What is wrong with which key.
        message: String,
        /// How to put it right.
        hint: String,
    },
    /// A file could not be fetched.
    #[error("`{url}`: {message}")]
    Download {
        /// The address.
        url: String,
        /// The last failure.
        message: String,
        /// What to try.
        hint: String,
    },
    /// A file that no address serves is not there.
    #[error("`{}` is neither downloaded nor found: there is no {places}", path.display())]
    NotGiven {
        /// Its path in the definition.
        path: PathBuf,
        /// Where it was looked for.
        places: String,
        /// Where it comes from.
        hint: String,
    },
    /// Files that are taken in the place of archives are not there.
    #[error("[data.stand_in]: its files are taken in the place of the archives, and not found: {}", names(.files))]
    NoStandIn {
        /// Their paths in the definition.
        files: Vec<PathBuf>,
        /// Where they come from.
        hint: String,
    },
    /// A source file is not the one that the definition names.
    #[error("`{}`: {what} is {found}, expected {expected}", path.display())]
    WrongFile {
        /// The file.
        path: PathBuf,
        /// `size` or `sha256`.
        what: &'static str,
        /// What the file has.
        found: String,
        /// What the definition says, or the hash of the first download.
        expected: String,
        /// Where that hash is kept, if it is the one of the first download.
        first: Option<PathBuf>,
    },
    /// An archive is hostile, damaged or not the one that it should be.
    #[error("`{}`: {message}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What was found in it.
        message: String,
    },
    /// A line of a corpus cannot be used.
    #[error("`{}` line {line}: {found}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// What stands there.
        found: String,
        /// It is a line of the training split, which can be left out.
        in_train: bool,
    },
    /// The two sides of a corpus have different lengths.
    #[error(
        "`{}` has {source_lines} lines, `{}` has {target_lines}: a corpus needs one target line for each source line",
        source_path.display(),
        target_path.display()
    )]
    UnequalLines {
        /// The source side.
        source_path: PathBuf,
        /// Its lines.
        source_lines: usize,
        /// The target side.
        target_path: PathBuf,
        /// Its lines.
        target_lines: usize,
    },
    /// A folder is not one that was prepared.
    #[error("`{}` is no prepared folder: there is no {} in it", path.display(), manifest::NAME)]
    NotPrepared {
        /// The folder.
        path: PathBuf,
    },
    /// A prepared file (store, tokeniser, vocabulary, manifest) is truncated, altered or not of this program.
    #[error("`{}`: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        message: String,
    },
    /// A tokeniser could not be trained or used.
    #[error("tokeniser: {0}")]
    Tokeniser(String),
}

impl DataError {
    /// An input or output error at `path`.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> DataError + '_ {
        move |source| DataError::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    /// A damaged file at `path`.
    pub fn damaged(path: &Path, message: impl Into<String>) -> DataError {
        DataError::Damaged {
            path: path.to_path_buf(),
            message: message.into(),
        }
    }

    /// What a person can do about it, where there is something general to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            DataError::Config { hint, .. }
            | DataError::Download { hint, .. }
            | DataError::NotGiven { hint, .. }
            | DataError::NoStandIn { hint, .. } => Some(hint.clone()),
            DataError::WrongFile { first: Some(first), .. } => Some(format!(
                "the hash of its first download is kept in `{}`: remove that, and `{}` if it is there, to take what its \
                 address gives now",
                first.display(),
                first.with_extension("").display()
            )),
            DataError::WrongFile { first: None, .. } => Some(
                "the file was altered or replaced at its source, or its address serves it in another form; name the \
                 folder that holds the right one with --mirror, or give your own with data.files.SPLIT.SIDE=\"path\""
                    .into(),
            ),
            DataError::Archive { .. } => Some(
                "remove it and fetch it again, or unpack it yourself and give its text with \
                 data.files.SPLIT.SIDE=\"path\""
                    .into(),
            ),
            DataError::Line { in_train: true, .. } => Some(
                "repair the line, or set data.broken_lines=\"drop\" to leave such pairs out of the training split"
                    .into(),
            ),
            DataError::Line { in_train: false, .. } => Some("repair the line, or make the file anew".into()),
            DataError::UnequalLines { .. } => {
                Some("line N of one file translates line N of the other; look for a lost or doubled line".into())
            }
            DataError::NotPrepared { .. } => {
                Some("`lite-data list` names the prepared folders, `lite-data prepare` makes one".into())
            }
            // A file of the user's own is not ours to remove.
            DataError::Damaged { path, .. } => path
                .with_file_name(manifest::NAME)
                .is_file()
                .then(|| "remove the folder that holds it and prepare again".into()),
            DataError::Io { .. } | DataError::Tokeniser(_) => None,
        }
    }
}

/// An error as a program shows it, on one line: its message and those of its causes. Many a message ends with that of its
/// cause, and what the line ends with already is left out.
pub fn chain_text(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text += ": ";
            text += &cause;
        }
    }
    text
}

/// Whether the reader of stdout has gone, as in `lite-data .. | head`, which is no failure of the program.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = match cause.downcast_ref::<serde_json::Error>() {
            Some(error) => error.io_error_kind(),
            None => cause.downcast_ref::<io::Error>().map(io::Error::kind),
        };
        kind == Some(io::ErrorKind::BrokenPipe)
    })
}

/// Paths, one after the other.
fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let lost = || io::Error::new(io::ErrorKind::NotFound, "it is gone");
        let of_file = anyhow::Error::from(DataError::io(Path::new("a"))(lost()));
        assert_eq!(chain_text(&of_file), "`a`: it is gone");
        assert_eq!(chain_text(&of_file.context("b")), "b: `a`: it is gone");
        let plain = anyhow::Error::from(lost()).context("`c`").context("d");
        assert_eq!(chain_text(&plain), "d: `c`: it is gone");
        assert_eq!(chain_text(&anyhow!("x").context("x y")), "x y: x");
    }

    #[test]
    fn a_reader_that_has_gone_is_told_from_a_broken_disk() {
        let error = |kind: io::ErrorKind| anyhow::Error::from(io::Error::from(kind));
        assert!(is_broken_pipe(&error(io::ErrorKind::BrokenPipe).context("stdout")));
        assert!(!is_broken_pipe(&error(io::ErrorKind::StorageFull).context("stdout")));
        let json = serde_json::to_writer(Gone, &1).unwrap_err();
        assert!(is_broken_pipe(&anyhow::Error::from(json)));
        let json = serde_json::from_str::<u8>("x").unwrap_err();
        assert!(!is_broken_pipe(&anyhow::Error::from(json)));
    }

    struct Gone;

    impl io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_what_was_prepared_is_to_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokeniser.model");
        let hint = || DataError::damaged(&path, "no model").hint();
        assert_eq!(hint(), None);
        std::fs::write(folder.path().join(manifest::NAME), "").unwrap();
        assert!(hint().unwrap().ends_with("prepare again"));
    }
}
