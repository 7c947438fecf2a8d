//! Summaries that are taken out of the text: what a summarisation model has to beat.
//!
//! The units are turns of a dialogue or sentences of an article, by the rules of [`Units`]. Lead-n is the first n of them in
//! their order; longest-n the n with the most words, the longest first, of equal ones the earlier (Gliwa et al. 2019,
//! arXiv 1911.12237, from memory). The text is the whole one, not what a model's positions or a definition's limit leave.

use std::fmt;
use std::str::FromStr;

use experiments::{Definition, Hypotheses, Machine, ParameterCounts, Record, RunDefinition, Status};
use lite_data::{Prepared, Units};
use serde_json::json;

use crate::decode::DecodeConfig;
use crate::evaluate::{EvaluateError, Split, scores};
use crate::metrics::Score;

/// Which units of the text are its summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// The first ones.
    Lead(usize),
    /// The longest ones.
    Longest(usize),
}

/// A baseline over a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Extracted {
    /// Which.
    pub baseline: Baseline,
    /// The scores, the main one first.
    pub scores: Vec<Score>,
    /// The summary of each line.
    pub hypotheses: Vec<String>,
}

impl Baseline {
    /// The summary of a text.
    pub fn summarise(self, text: &str, units: &Units) -> String {
        let mut found = units.cut(text);
        match self {
            Self::Lead(n) => found.truncate(n),
            Self::Longest(n) => {
                // A stable sort: of equal ones the earlier stays first.
                found.sort_by_key(|unit| std::cmp::Reverse(unit.split_whitespace().count()));
                found.truncate(n);
            }
        }
        found.join(" ")
    }

    /// Summarises a split of a prepared corpus and scores it by `decode.metrics`.
    pub fn evaluate(
        self,
        prepared: &Prepared,
        units: &Units,
        split: Split,
        decode: &DecodeConfig,
    ) -> Result<Extracted, EvaluateError> {
        // As hypotheses of a model and references do, it ends with what the tokeniser gives back.
        let decoded = |text: String| {
            let pieces = prepared.tokeniser.encode(&text);
            prepared
                .tokeniser
                .decode(&pieces.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let hypotheses: Vec<String> = prepared
            .sources(split.name())?
            .iter()
            .map(|text| decoded(self.summarise(text, units)))
            .collect();
        let references = prepared.references(split.name())?;
        let scores = scores(decode, &hypotheses, &references)?;
        Ok(Extracted {
            baseline: self,
            scores,
            hypotheses,
        })
    }
}

impl Extracted {
    /// The record of it: one of nothing trained.
    pub fn record(&self, definition: &Definition, units: &Units, prepared: &Prepared, machine: Machine) -> Record {
        let mut resolved = definition.resolved();
        if let Some(table) = resolved.as_object_mut() {
            for section in ["arch", "paper", "train"] {
                table.shift_remove(section);
            }
            let baseline = json!({ "kind": self.baseline.to_string(), "unit": units.name() });
            table.insert("baseline".into(), baseline);
        }
        let run = RunDefinition::resolved(&definition.name, &self.baseline.to_string(), resolved);
        Record {
            experiment: run.experiment,
            arch: run.arch,
            date: experiments::now(),
            commit: experiments::commit(),
            version: env!("CARGO_PKG_VERSION").into(),
            status: Status::Finished,
            definition: run.definition,
            definition_hash: run.definition_hash,
            overrides: definition.overrides().to_vec(),
            seed: 0,
            device: "no device".into(),
            machine,
            tokens_per_batch: None,
            updates: 0,
            target_tokens: 0,
            train_seconds: 0.0,
            parameters: ParameterCounts::default(),
            mult_adds: 0,
            data_hash: prepared.hash.clone(),
            curve: Vec::new(),
            scores: self.scores.clone(),
            hypotheses: Hypotheses::default(),
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Lead(n) => write!(formatter, "lead-{n}"),
            Self::Longest(n) => write!(formatter, "longest-{n}"),
        }
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is none; write lead-3 or longest-3, with any number above 0");
        let (kind, n) = text.split_once('-').ok_or_else(refuse)?;
        let n = n.parse().ok().filter(|n| *n > 0).ok_or_else(refuse)?;
        match kind {
            "lead" => Ok(Self::Lead(n)),
            "longest" => Ok(Self::Longest(n)),
            _ => Err(refuse()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_taken_by_the_stated_rules() {
        let turns = Units::Turns("|".into());
        let text = "Ann: hi | Bob: how are you | Ann: I am so well | Bob: see you";
        let check = |baseline: &str, expected: &str| {
            let baseline: Baseline = baseline.parse().unwrap();
            assert_eq!(baseline.summarise(text, &turns), expected, "{baseline}");
        };
        check("lead-2", "Ann: hi Bob: how are you");
        check("lead-9", "Ann: hi Bob: how are you Ann: I am so well Bob: see you");
        check("longest-1", "Ann: I am so well");
        check("longest-3", "Ann: I am so well Bob: how are you Bob: see you");
        assert_eq!(Baseline::Lead(3).summarise("", &turns), "");
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["lead-3", "longest-3", "lead-12"] {
            assert_eq!(name.parse::<Baseline>().unwrap().to_string(), name);
        }
        for name in ["lead", "lead-0", "first-3", "lead-x", ""] {
            assert!(name.parse::<Baseline>().is_err(), "{name}");
        }
    }
}
