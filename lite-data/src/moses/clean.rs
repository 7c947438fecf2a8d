//! `clean-corpus-n.perl`: pairs whose lengths make sense.

use serde::{Deserialize, Serialize};

use super::classes::is_space;

/// Longest word, in characters; the script has it from the aligner.
const LONGEST_WORD: usize = 1000;

/// Which pairs stay. Lengths are in words.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CleanConfig {
    /// Most times that one side may be longer than the other. Default: 9, as the script has it; the paper uses 1.5.
    pub ratio: f64,
    /// Fewest words of a side. Default: 1.
    pub min: usize,
    /// Most words of a side. Default: 80.
    pub max: usize,
}

impl Default for CleanConfig {
    fn default() -> Self {
        CleanConfig {
            ratio: 9.0,
            min: 1,
            max: 80,
        }
    }
}

impl CleanConfig {
    /// The two lines with single spaces and without `|`, or nothing if the pair is to go. `factored`: the first line of
    /// the corpus has a `|` on either side, so that it separates factors of words and stays.
    pub fn clean(&self, source: &str, target: &str, factored: bool) -> Option<(String, String)> {
        let (source, n_source) = words(source, factored);
        let (target, n_target) = words(target, factored);
        let fits = |n: usize| n > 0 && n >= self.min && n <= self.max;
        if !fits(n_source) || !fits(n_target) {
            return None;
        }
        let ratio = n_source.max(n_target) as f64 / n_source.min(n_target) as f64;
        let word_fits = |line: &str| {
            line.split([' ', '|'])
                .all(|word| word.len() <= LONGEST_WORD || word.chars().count() <= LONGEST_WORD)
        };
        (ratio <= self.ratio && word_fits(&source) && word_fits(&target)).then_some((source, target))
    }
}

fn words(line: &str, factored: bool) -> (String, usize) {
    let mut output = String::with_capacity(line.len());
    let mut n = 0;
    let without_bars;
    let line = if !factored && line.contains('|') {
        without_bars = line.replace('|', "");
        &without_bars
    } else {
        line
    };
    for word in line.split(is_space).filter(|word| !word.is_empty()) {
        if n > 0 {
            output.push(' ');
        }
        output.push_str(word);
        n += 1;
    }
    (output, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_stay_by_length_and_ratio() {
        let config = CleanConfig {
            ratio: 1.5,
            min: 1,
            max: 6,
        };
        let kept = |source: &str, target: &str| config.clean(source, target, false).is_some();
        assert!(kept("a b", "a b c") && kept("a b c", "a b") && kept("a b c d e f", "a b c d"));
        assert!(!kept("a b", "a b c d") && !kept("", "a") && !kept("a", " \u{a0} "));
        assert!(!kept("a b c d e f g", "a b c d e f g"));
        let word = |n: usize| "é".repeat(n);
        assert!(kept(&word(1000), "a") && !kept("a", &word(1001)));
        assert_eq!(
            config.clean(" a|b \t c", "d | e", false),
            Some(("ab c".into(), "d e".into()))
        );
        assert_eq!(config.clean("a|b", "c", true), Some(("a|b".into(), "c".into())));
    }
}
