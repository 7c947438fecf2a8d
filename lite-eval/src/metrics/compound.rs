//! The splitting of hyphenated compounds that the paper's En-De script applies to system and reference before it scores.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// `perl -ple 's{(\S)-(\S)}{$1 ##AT##-##AT## $2}g'`. Perl reads bytes there, and so does this: beside a hyphen one byte
/// of a letter is taken, which decides whether the next hyphen still finds something on its left.
static HYPHEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)([^\t\n\x0B\x0C\r ])-([^\t\n\x0B\x0C\r ])").expect("a valid pattern"));

/// Puts the hyphens of compounds apart: `a-b` becomes `a ##AT##-##AT## b`.
pub fn split(line: &str) -> String {
    let replaced = HYPHEN.replace_all(line.as_bytes(), &b"$1 ##AT##-##AT## $2"[..]);
    match replaced {
        Cow::Borrowed(_) => line.into(),
        // Text goes in beside an ASCII hyphen only, never inside a letter.
        Cow::Owned(bytes) => String::from_utf8(bytes).expect("still UTF-8"),
    }
}

pub(super) fn split_all(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| split(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_in_one_pass_from_the_left() {
        // Each expectation is what perl prints.
        for (line, expected) in [
            ("Nord-Süd", "Nord ##AT##-##AT## Süd"),
            ("a-b-c", "a ##AT##-##AT## b-c"),
            ("ab-cd-ef", "ab ##AT##-##AT## cd ##AT##-##AT## ef"),
            ("é-è-ü", "é ##AT##-##AT## è ##AT##-##AT## ü"),
            ("a - b", "a - b"),
            ("-a b-", "-a b-"),
            ("a--b", "a ##AT##-##AT## -b"),
        ] {
            assert_eq!(split(line), expected, "{line}");
        }
    }
}
