//! The languages whose rules and abbreviations are known here.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::error::DataError;

/// A language that Moses has rules for and the paper translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `en`
    English,
    /// `fr`
    French,
    /// `de`
    German,
}

/// What a full stop after a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    /// It never ends a sentence.
    Always,
    /// It ends one unless a number follows.
    BeforeNumber,
}

pub(super) type Prefixes = FxHashMap<&'static str, Prefix>;

static PREFIXES: LazyLock<[Prefixes; 3]> =
    LazyLock::new(|| [Language::English, Language::French, Language::German].map(read_prefixes));

fn read_prefixes(language: Language) -> Prefixes {
    let head = format!("[{language}]");
    let section = include_str!("prefixes.txt")
        .lines()
        .skip_while(|line| *line != head)
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    section
        .flat_map(|line| match line.strip_prefix("numeric ") {
            Some(words) => words
                .split_whitespace()
                .map(|word| (word, Prefix::BeforeNumber))
                .collect::<Vec<_>>(),
            None => line.split_whitespace().map(|word| (word, Prefix::Always)).collect(),
        })
        .collect()
}

impl Language {
    /// The words after which a full stop does not end a sentence.
    pub(super) fn prefixes(self) -> &'static Prefixes {
        &PREFIXES[self as usize]
    }

    /// Whether a full stop after `stem` is one of an abbreviation, given the first character of the word that follows.
    pub fn is_abbreviation(self, stem: &str, next: Option<char>) -> bool {
        let is_dotted = stem.contains('.') && stem.chars().any(char::is_alphabetic);
        is_dotted
            || match self.prefixes().get(stem) {
                Some(Prefix::Always) => true,
                Some(Prefix::BeforeNumber) => next.is_some_and(|next| next.is_ascii_digit()),
                None => false,
            }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Language::English => "en",
            Language::French => "fr",
            Language::German => "de",
        })
    }
}

impl FromStr for Language {
    type Err = DataError;

    fn from_str(code: &str) -> Result<Self, DataError> {
        match code {
            "en" => Ok(Language::English),
            "fr" => Ok(Language::French),
            "de" => Ok(Language::German),
            _ => Err(DataError::Tokeniser(format!(
                "Moses: no rules for the language `{code}`, expected en, fr or de"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_are_read_by_language() {
        let counts = [Language::English, Language::French, Language::German].map(|language| language.prefixes().len());
        assert_eq!(counts, [105, 144, 298]);
        let english = Language::English.prefixes();
        assert_eq!(english.get("No"), Some(&Prefix::BeforeNumber));
        assert_eq!(english.get("Mr"), Some(&Prefix::Always));
        assert_eq!(english.get("numeric"), None);
        assert_eq!(Language::German.prefixes().get("u.ä"), Some(&Prefix::Always));
        assert!("xx".parse::<Language>().unwrap_err().to_string().contains("`xx`"));
    }
}
