//! The steps in a row, for one side of a corpus.

use serde::{Deserialize, Serialize};

use super::{CleanConfig, Language, MosesTokeniser, lowercase, normalise, remove_non_printing};
use crate::error::DataError;

/// The `[data.moses]` section: what is done to a line, in this order. Every step is off unless it is named.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MosesConfig {
    /// Normalise punctuation by the rules of the language. Default: false.
    pub normalise: bool,
    /// Put spaces in the place of characters that do not print. Default: false.
    pub remove_non_printing: bool,
    /// Cut punctuation off words. Default: false.
    pub tokenise: bool,
    /// Split words at hyphens too (`-a`), leaving `@-@`. This and the next two are for `tokenise` alone. Default: false.
    pub aggressive: bool,
    /// Leave `&|<>'"[]` as they are (`-no-escape`). Default: false, they become `&amp;` and so on.
    pub no_escape: bool,
    /// Regular expressions whose matches the tokeniser leaves whole (`-protected`). Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    /// Lower-case what the tokeniser gives. Default: false.
    pub lowercase: bool,
    /// Neither normalise the test split nor remove characters of it, as the script of WMT'14 has it. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub plain_test: bool,
    /// Leave out pairs of train by their lengths in words, before they are cut into pieces. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean: Option<CleanConfig>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The steps for lines of one language.
#[derive(Debug, Clone)]
pub struct Steps {
    language: Language,
    config: MosesConfig,
    tokeniser: MosesTokeniser,
}

impl Steps {
    /// The configured steps for a language (`en`, `fr` or `de`).
    pub fn new(config: &MosesConfig, language: &str) -> Result<Self, DataError> {
        let language = language.parse()?;
        let tokeniser = MosesTokeniser::new(language)
            .with_aggressive(config.aggressive)
            .with_escape(!config.no_escape)
            .with_protected(&config.protected)?;
        Ok(Steps {
            language,
            config: config.clone(),
            tokeniser,
        })
    }

    /// The steps for lines of the test split.
    pub fn for_test(&self) -> Self {
        let mut steps = self.clone();
        if self.config.plain_test {
            steps.config.normalise = false;
            steps.config.remove_non_printing = false;
        }
        steps
    }

    /// The line after the steps.
    pub fn apply(&self, mut line: String) -> String {
        if self.config.normalise {
            line = normalise(&line, self.language);
        }
        if self.config.remove_non_printing {
            line = remove_non_printing(&line);
        }
        if self.config.tokenise {
            line = self.tokeniser.tokenise(&line);
        }
        if self.config.lowercase {
            line = lowercase(&line);
        }
        line
    }
}
