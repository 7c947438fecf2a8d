//! An error as one line of text.

/// The messages of an error and of its causes, one behind the other.
///
/// Many a message ends with that of its cause; a cause is left out where the text ends with it already.
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

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::{Error, anyhow};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("`a.txt` could not be read: {source}")]
    struct Unreadable {
        source: io::Error,
    }

    #[test]
    fn a_cause_is_said_once() {
        let unreadable = || Unreadable {
            source: io::Error::other("no such file"),
        };
        for (error, expected) in [
            (anyhow!("wrong"), "wrong"),
            (anyhow!("wrong").context("the corpus"), "the corpus: wrong"),
            (anyhow!("wrong").context("wrong"), "wrong"),
            (Error::from(unreadable()), "`a.txt` could not be read: no such file"),
            (
                Error::from(unreadable()).context("the corpus"),
                "the corpus: `a.txt` could not be read: no such file",
            ),
        ] {
            assert_eq!(chain_text(&error), expected);
        }
    }
}
