//! What a row of a table stands for: an architecture, trained once or from several seeds.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use experiments::{Record, Status};

use super::{BASELINE, is_model};

/// An architecture of an experiment.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The record whose curve, updates and time are shown.
    pub shown: &'a Record,
    /// The newest that finished of every other seed, by the same definition on the same data.
    others: Vec<&'a Record>,
}

/// A score over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mean {
    pub(super) value: f64,
    /// The standard deviation of a sample, where there are several.
    pub(super) deviation: Option<f64>,
}

impl<'a> Row<'a> {
    /// Of one record.
    pub fn one(record: &'a Record) -> Self {
        Self {
            shown: record,
            others: Vec::new(),
        }
    }

    /// Of all `records` of an architecture: shown is the newest that finished, or the newest.
    fn of(records: &[&'a Record]) -> Option<Self> {
        let rank = |record: &&&Record| (record.status == Status::Finished, record.date.clone());
        let shown = *records.iter().max_by_key(rank)?;
        let mut of_seed: BTreeMap<u64, &Record> = BTreeMap::new();
        let is_another = |record: &&&'a Record| {
            let same = [&record.definition_hash, &record.data_hash] == [&shown.definition_hash, &shown.data_hash];
            same && record.status == Status::Finished && record.seed != shown.seed
        };
        if shown.status == Status::Finished {
            let mut others: Vec<&Record> = records.iter().filter(is_another).copied().collect();
            others.sort_by_key(|record| &record.date);
            of_seed.extend(others.into_iter().map(|record| (record.seed, record)));
        }
        Some(Self {
            shown,
            others: of_seed.into_values().collect(),
        })
    }

    /// All of its records, the one shown first.
    pub fn records(&self) -> impl Iterator<Item = &'a Record> {
        std::iter::once(self.shown).chain(self.others.iter().copied())
    }

    /// The score of that name over its seeds.
    pub(super) fn score(&self, name: &str) -> Option<Mean> {
        let values = self.records().map(|record| Some(record.score(name)?.value));
        let values: Vec<f64> = values.collect::<Option<_>>()?;
        let n = values.len() as f64;
        let value = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|x| (x - value) * (x - value)).sum();
        Some(Mean {
            value,
            deviation: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
        })
    }

    /// The seeds, where there are several: `1, 2, 3`.
    pub(super) fn seeds(&self) -> Option<String> {
        let mut seeds: Vec<u64> = self.records().map(|record| record.seed).collect();
        seeds.sort_unstable();
        let names: Vec<String> = seeds.iter().map(u64::to_string).collect();
        (names.len() > 1).then(|| names.join(", "))
    }
}

/// The rows that are shown: of each experiment, one an architecture, the baseline last.
pub fn rows(records: &[(PathBuf, Record)]) -> BTreeMap<&str, Vec<Row<'_>>> {
    let mut by_arch: BTreeMap<(&str, &str), Vec<&Record>> = BTreeMap::new();
    for (_, record) in records {
        by_arch
            .entry((&record.experiment, &record.arch))
            .or_default()
            .push(record);
    }
    let mut experiments: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
    for ((experiment, _), records) in by_arch {
        experiments.entry(experiment).or_default().extend(Row::of(&records));
    }
    for rows in experiments.values_mut() {
        rows.sort_by_key(|row| (Reverse(is_model(row.shown)), row.shown.arch == BASELINE));
    }
    experiments
}
