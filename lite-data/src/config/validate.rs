//! Values that cannot work.

use super::{Corpus, DataConfig, Files, TokeniserKind};
use crate::corpus::LineRules;
use crate::error::DataError;
use crate::moses::Language;

impl DataConfig {
    /// Refuses values that cannot work.
    pub fn validate(&self) -> Result<(), DataError> {
        let refuse = |message: String, hint: &str| {
            Err(DataError::Config {
                message,
                hint: hint.into(),
            })
        };
        if self.max_source_tokens < 2 || self.max_target_tokens < 2 {
            return refuse(
                format!(
                    "max_source_tokens = {}, max_target_tokens = {}: both count </s> and need at least 2",
                    self.max_source_tokens, self.max_target_tokens
                ),
                "256 suits sentences",
            );
        }
        if let Some(ratio) = self.max_ratio.filter(|ratio| ratio.is_nan() || *ratio < 1.0) {
            return refuse(
                format!("max_ratio = {ratio} would drop every pair"),
                "Moses uses 1.5; leave it out for none",
            );
        }
        if let Some(every @ 0..=1) = self.valid_every {
            return refuse(
                format!("valid_every = {every} leaves nothing to train on"),
                "the paper has 23 and 1333",
            );
        }
        let tokeniser = &self.tokeniser;
        if !(tokeniser.character_coverage > 0.0 && tokeniser.character_coverage <= 1.0) {
            return refuse(
                format!(
                    "tokeniser.character_coverage = {} is not in (0, 1]",
                    tokeniser.character_coverage
                ),
                "1.0 keeps every character",
            );
        }
        if tokeniser.kind == TokeniserKind::Sentencepiece && tokeniser.vocabulary_size < 8 {
            return refuse(
                format!(
                    "tokeniser.vocabulary_size = {} leaves no room for pieces",
                    tokeniser.vocabulary_size
                ),
                "some thousands are usual",
            );
        }
        if tokeniser.max_piece_length == 0 || self.vocabulary.padding_factor == 0 {
            return refuse(
                "tokeniser.max_piece_length and vocabulary.padding_factor need at least 1".into(),
                "leave them out for the defaults",
            );
        }
        if self.is_one_sided() {
            self.validate_one_sided()?;
        }
        self.validate_moses()
    }

    fn validate_one_sided(&self) -> Result<(), DataError> {
        let Files { train, valid, test } = &self.files;
        let has_source = [train, valid, test].iter().any(|sides| sides.source.is_some());
        for (is_there, what) in [
            (has_source, "files with a source"),
            (
                self.corpus == Corpus::Grammar,
                "corpus = \"grammar\", which makes pairs,",
            ),
            (self.max_ratio.is_some(), "max_ratio"),
            (
                self.moses.as_ref().is_some_and(|moses| moses.clean.is_some()),
                "moses.clean",
            ),
        ] {
            if is_there {
                return Err(DataError::Config {
                    message: format!("{what} without a source_language: a corpus of one side has no pairs"),
                    hint: "name the language of the source".into(),
                });
            }
        }
        Ok(())
    }

    fn validate_moses(&self) -> Result<(), DataError> {
        let refuse = |message: String, hint: &str| {
            Err(DataError::Config {
                message,
                hint: hint.into(),
            })
        };
        if let Some(moses) = &self.moses {
            if let Err(error) = LineRules::new(self).and(LineRules::target(self)) {
                return refuse(format!("moses: {error}"), "leave the section out for other languages");
            }
            if let Some(clean) = moses
                .clean
                .filter(|clean| clean.ratio.is_nan() || clean.ratio < 1.0 || clean.min > clean.max)
            {
                return refuse(
                    format!(
                        "moses.clean: ratio = {}, min = {}, max = {} would drop every pair",
                        clean.ratio, clean.min, clean.max
                    ),
                    "the paper has 1.5, 1 and 175",
                );
            }
        }
        if self.tokeniser.detokenise {
            if self.tokeniser.kind != TokeniserKind::SubwordNmt {
                return refuse(
                    "tokeniser.detokenise needs kind = \"subword-nmt\"".into(),
                    "other tokenisers give the text back that they were given",
                );
            }
            if let Err(error) = self.target_language.parse::<Language>() {
                return refuse(
                    format!("tokeniser.detokenise: {error}"),
                    "leave it out for other languages",
                );
            }
        }
        Ok(())
    }
}
