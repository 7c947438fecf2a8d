//! The steps of Moses that prepare text: own ports of its Perl scripts, equal to them line for line.
//!
//! - [`normalise`]: `normalize-punctuation.perl`; [`remove_non_printing`]: `remove-non-printing-char.perl`.
//! - [`MosesTokeniser`]: `tokenizer.perl`, with `-a`, `-no-escape` and `-protected`; [`detokenise`]: `detokenizer.perl`.
//! - [`lowercase`]: `lowercase.perl`; [`CleanConfig`]: `clean-corpus-n.perl`.
//! - [`Steps`] chains them for one side of a corpus, as the paper's preparation scripts do.
//!
//! The reference is the Perl of mosesdecoder's master. sacremoses, its port to Python, gives other lines where
//! - a line ends with an abbreviation: Perl takes the full stop off the last word, whatever it is;
//! - a character came to Unicode, or to the list of letters, after its tables: Han letters above all, which it separates;
//! - `\x1c` to `\x1f` stand in a line: white space in Python, control characters in Perl;
//! - a line ends with `.'`: Perl leaves a space after it;
//! - punctuation is normalised: see `normalise`;
//! - an English `'s` is detokenised after a mark: Perl sticks it to letters and digits only.
//!
//! `tests/golden/corpora.json` counts these lines where they were counted.

mod classes;
mod clean;
mod detokenise;
mod edit;
mod language;
mod normalise;
mod steps;
mod tokenise;

pub use clean::CleanConfig;
pub use detokenise::detokenise;
pub use language::Language;
pub use normalise::normalise;
pub use steps::{MosesConfig, Steps};
pub use tokenise::MosesTokeniser;

/// Puts a space in the place of each control, format, private or unassigned character (`s/\p{C}/ /g`).
pub fn remove_non_printing(line: &str) -> String {
    line.chars()
        .map(|character| if classes::is_other(character) { ' ' } else { character })
        .collect()
}

/// Lower-cases each character by itself, as Perl's `lc` does: no final sigma.
pub fn lowercase(line: &str) -> String {
    if line.is_ascii() {
        line.to_ascii_lowercase()
    } else {
        line.chars().flat_map(char::to_lowercase).collect()
    }
}
