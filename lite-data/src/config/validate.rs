//! Values that cannot work.

use super::{Archive, Corpus, DataConfig, File, Files, Remote, TokeniserKind};
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
        if tokeniser.kind != TokeniserKind::SubwordNmt && tokeniser.codes.is_some() {
            return refuse(
                "tokeniser.codes needs kind = \"subword-nmt\"".into(),
                "other tokenisers have no codes; leave it out",
            );
        }
        if tokeniser.kind == TokeniserKind::SubwordNmt && tokeniser.merges == 0 && tokeniser.codes.is_none() {
            return refuse(
                "tokeniser.merges = 0 leaves nothing to learn".into(),
                "10,000 is usual; kind = \"words\" needs none",
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
        self.validate_paths()?;
        self.validate_stand_in()?;
        self.validate_moses()
    }

    /// What has been downloaded to a path is taken for the file of that path, so that two files there would get each
    /// other's bytes.
    fn validate_paths(&self) -> Result<(), DataError> {
        let files = self.files.named().chain(&self.tokeniser.codes);
        let files = files.chain(self.stand_in.iter().flat_map(|stand_in| stand_in.named()));
        let files = files.filter_map(File::remote).cloned();
        let remotes: Vec<Remote> = files.chain(self.archives.iter().map(Archive::remote)).collect();
        for (place, one) in remotes.iter().enumerate() {
            let has_its_hash = |other: &Remote| other.sha256.is_some() && other.sha256 == one.sha256;
            let other = remotes[..place]
                .iter()
                .find(|other| other.path == one.path && other.url != one.url && !has_its_hash(other));
            if let Some(other) = other {
                return Err(DataError::Config {
                    message: format!("`{}` and `{}` have one path, `{}`", other.url, one.url, one.path),
                    hint: "set `path` to another for one of them".into(),
                });
            }
        }
        Ok(())
    }

    /// What is taken in the place of the archives is the whole corpus.
    fn validate_stand_in(&self) -> Result<(), DataError> {
        let Some(stand_in) = &self.stand_in else {
            return Ok(());
        };
        let refuse = |message: String, hint: &str| {
            Err(DataError::Config {
                message: format!("stand_in{message}"),
                hint: hint.into(),
            })
        };
        if self.corpus != Corpus::Archives {
            return refuse(
                " without corpus = \"archives\": there is nothing in whose place it could be taken".into(),
                "name its files in data.files, or leave it out",
            );
        }
        if stand_in.codes.is_some() && self.tokeniser.kind != TokeniserKind::SubwordNmt {
            return refuse(
                ".codes needs tokeniser.kind = \"subword-nmt\"".into(),
                "other tokenisers have no codes; leave it out",
            );
        }
        let Files { train, valid, test } = &stand_in.files;
        for (split, sides) in [("train", train), ("valid", valid), ("test", test)] {
            let needed = [
                ("source", &sides.source, !self.is_one_sided()),
                ("target", &sides.target, true),
            ];
            if let Some((side, ..)) = needed
                .into_iter()
                .find(|(_, file, is_needed)| *is_needed && file.is_none())
            {
                return refuse(
                    format!(".files.{split}.{side} is missing"),
                    "it needs a file for each side of train, valid and test",
                );
            }
        }
        Ok(())
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
            let of_tokeniser = [
                (moses.aggressive, "aggressive"),
                (moses.no_escape, "no_escape"),
                (!moses.protected.is_empty(), "protected"),
            ];
            let unused = of_tokeniser.into_iter().find(|(is_set, _)| *is_set && !moses.tokenise);
            if let Some((_, what)) = unused {
                return refuse(
                    format!("moses.{what} without moses.tokenise: nothing else looks at it"),
                    "set tokenise = true, or leave it out",
                );
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

#[cfg(test)]
mod tests {
    use super::*;

    fn message(section: &str) -> Option<String> {
        let languages = "source_language = \"en\"\ntarget_language = \"fr\"\n";
        let config: DataConfig = toml::from_str(&(languages.to_owned() + section)).unwrap();
        config.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn options_that_nothing_would_read_are_refused() {
        let check = |section: &str, expected: Option<&str>| {
            let message = message(section);
            assert_eq!(message.as_deref().map(|it| it.split(':').nth(1).unwrap()), expected);
        };
        let codes = "tokeniser.codes = \"bpe.codes\"\n";
        check(codes, Some(" tokeniser.codes needs kind = \"subword-nmt\""));
        check(&format!("{codes}tokeniser.kind = \"subword-nmt\""), None);
        check(
            "tokeniser = { kind = \"subword-nmt\", merges = 0 }",
            Some(" tokeniser.merges = 0 leaves nothing to learn"),
        );
        for option in ["aggressive = true", "no_escape = true", "protected = [\"x\"]"] {
            let name = option.split(' ').next().unwrap();
            let expected = format!(" moses.{name} without moses.tokenise");
            check(&format!("moses = {{ {option} }}"), Some(expected.as_str()));
            check(&format!("moses = {{ tokenise = true, {option} }}"), None);
        }
    }

    #[test]
    fn what_stands_in_is_a_whole_corpus() {
        let check = |section: &str, expected: Option<&str>| {
            let message = message(section);
            assert_eq!(message.as_deref().map(|it| it.split(": ").nth(1).unwrap()), expected);
        };
        let both = "{ source = \"a\", target = \"b\" }";
        let head = "corpus = \"archives\"\ntokeniser.kind = \"subword-nmt\"\n[stand_in]\ncodes = \"c\"\n";
        let files = format!("files = {{ train = {both}, valid = {both}, test = {both} }}\n");
        check(&(head.to_owned() + &files), None);
        check(
            &(head.replace("archives", "files") + &files),
            Some("stand_in without corpus = \"archives\""),
        );
        check(
            &(head.replace("subword-nmt", "words") + &files),
            Some("stand_in.codes needs tokeniser.kind = \"subword-nmt\""),
        );
        check(
            &format!("{head}files = {{ train = {both}, valid = {both}, test.source = \"a\" }}\n"),
            Some("stand_in.files.test.target is missing"),
        );
    }

    #[test]
    fn a_path_has_one_address() {
        let check = |first: &str, second: &str, is_good: bool| {
            let archive = |keys: &str| format!("[[archives]]\nfiles = \"a\"\nsplit = \"train\"\n{keys}\n");
            let message = message(&(archive(first) + &archive(second)));
            assert_eq!(message.is_none(), is_good, "{message:?}");
            if let Some(message) = message {
                assert!(message.ends_with("have one path, `all.tgz`"), "{message}");
            }
        };
        let (one, two) = ("url = \"http://x/all.tgz\"", "url = \"http://y/all.tgz\"");
        check(one, two, false);
        check(one, one, true);
        check(one, &format!("{two}\npath = \"y/all.tgz\""), true);
        // Two addresses of the same bytes.
        let with_hash = |keys: &str, hash: &str| format!("{keys}\nsha256 = \"{hash}\"");
        check(&with_hash(one, "00"), &with_hash(two, "00"), true);
        check(&with_hash(one, "00"), &with_hash(two, "01"), false);
    }
}
