//! Where one sentence of a line ends, for summaries that are taken out of the text.
//!
//! Two rules. Where a definition puts a word in the place of line breaks (`line_break`), what stands between two of these
//! words is a unit: a turn of a dialogue, with the name of its speaker. Elsewhere a sentence ends after a word that ends
//! with `.`, `!`, `?` or `…`, quotes and brackets behind it not counted; a full stop behind an abbreviation that Moses
//! knows in the language does not end one.

use crate::config::{DataConfig, File};
use crate::moses::Language;

/// How lines are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Units {
    /// Between two of these words.
    Turns(String),
    /// At the ends of sentences; abbreviations are known in some languages.
    Sentences(Option<Language>),
}

impl Units {
    /// The rule for the sources of a `[data]` section.
    pub fn of_sources(config: &DataConfig) -> Self {
        match &config.files.test.source {
            Some(File::Field(field)) if !field.json.line_break.is_empty() => {
                Units::Turns(field.json.line_break.clone())
            }
            _ => Units::Sentences(config.source_language.parse().ok()),
        }
    }

    /// What a unit is called.
    pub fn name(&self) -> &'static str {
        match self {
            Units::Turns(_) => "turn",
            Units::Sentences(_) => "sentence",
        }
    }

    /// The units of a line, in their order; none is empty.
    pub fn cut(&self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut units: Vec<Vec<&str>> = vec![Vec::new()];
        for (i, &word) in words.iter().enumerate() {
            let ends = match self {
                Units::Turns(mark) => word == mark,
                Units::Sentences(language) => ends_sentence(word, words.get(i + 1).copied(), *language),
            };
            let is_mark = ends && matches!(self, Units::Turns(_));
            if let Some(unit) = units.last_mut().filter(|_| !is_mark) {
                unit.push(word);
            }
            if ends {
                units.push(Vec::new());
            }
        }
        let full = units.into_iter().filter(|unit| !unit.is_empty());
        full.map(|unit| unit.join(" ")).collect()
    }
}

fn ends_sentence(word: &str, next: Option<&str>, language: Option<Language>) -> bool {
    let word = word.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']']);
    if word.ends_with(['!', '?', '…']) {
        return true;
    }
    let Some(stem) = word.strip_suffix('.') else {
        return false;
    };
    let stem = stem.trim_start_matches(['"', '\'', '“', '‘', '«', '(', '[']);
    let next = next.and_then(|next| next.chars().next());
    !language.is_some_and(|language| language.is_abbreviation(stem, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_stand_between_the_marks() {
        let turns = Units::Turns("|".into());
        assert_eq!(
            turns.cut("| Ann: hi! How are you? | | Bob:  fine |"),
            ["Ann: hi! How are you?", "Bob: fine"]
        );
        assert_eq!(turns.cut("| |"), [""; 0]);
    }

    #[test]
    fn sentences_end_at_their_signs() {
        let check = |language, line: &str, expected: &[&str]| {
            assert_eq!(Units::Sentences(language).cut(line), expected);
        };
        let english = Some(Language::English);
        check(
            english,
            "Mr. Smith (of No. 7) met J. Doe at 5.30 p.m. on Monday. \"Really?\" he said… He left .",
            &[
                "Mr. Smith (of No. 7) met J. Doe at 5.30 p.m. on Monday.",
                "\"Really?\"",
                "he said…",
                "He left .",
            ],
        );
        check(None, "Mr. Smith. left", &["Mr.", "Smith.", "left"]);
        check(english, "no end", &["no end"]);
        check(english, "  ", &[]);
    }
}
