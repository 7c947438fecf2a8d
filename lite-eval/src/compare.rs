//! Whether an architecture differs from its baseline on the test set: a paired bootstrap over the translations in their
//! records. Several seeds of an architecture count as one system, whose score is their mean; what is drawn is lines, so the
//! interval says what another test set would, and not what other seeds would.

use std::path::Path;

use experiments::{ComparisonRecord, DefinitionError, Record, RunError};

use crate::decode::DecodeConfig;
use crate::metrics::bootstrap::Bootstrap;
use crate::metrics::{Lines, MetricError};
use crate::tables::{BASELINE, Row, is_translated, rows};

/// Why translations cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A record, or its translations.
    #[error(transparent)]
    Record(#[from] RunError),
    /// The definition in a record.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The translations and the references do not go together.
    #[error("{experiment} {arch}: {source}")]
    Metric {
        /// The experiment.
        experiment: String,
        /// The architecture.
        arch: String,
        /// Why.
        source: MetricError,
    },
    /// The record was scored with other references.
    #[error(
        "{experiment} {arch}, seed {seed}: {metric} is {found} by these references, {expected} in the record\n\
         hint: the corpus is not the one that the record was scored with"
    )]
    OtherReferences {
        /// The experiment.
        experiment: String,
        /// The architecture.
        arch: String,
        /// The seed.
        seed: u64,
        /// The metric.
        metric: String,
        /// Its value now.
        found: f64,
        /// Its value in the record.
        expected: f64,
    },
}

/// Compares every architecture of an experiment with the baseline, by the records that its table shows; see [`compare_rows`].
pub fn compare_all(
    results: &Path,
    experiment: &str,
    data_hash: &str,
    references: &[String],
    bootstrap: Bootstrap,
) -> Result<Vec<ComparisonRecord>, CompareError> {
    let records = Record::read_all(results)?;
    let shown = rows(&records).remove(experiment).unwrap_or_default();
    compare_rows(results, &shown, data_hash, references, bootstrap)
}

/// Compares every row with the baseline's. None where there is no baseline, or no translations.
///
/// - results: where the translations of the records are
/// - data_hash, references: those of the prepared corpus; records of another corpus are left out
pub fn compare_rows(
    results: &Path,
    rows: &[Row<'_>],
    data_hash: &str,
    references: &[String],
    bootstrap: Bootstrap,
) -> Result<Vec<ComparisonRecord>, CompareError> {
    let shown = rows
        .iter()
        .filter(|row| is_translated(row.shown) && row.shown.data_hash == data_hash);
    let Some(baseline) = shown.clone().find(|row| row.shown.arch == BASELINE) else {
        return Ok(Vec::new());
    };
    shown
        .filter(|row| row.shown.arch != BASELINE)
        .map(|row| compare(results, row, baseline, references, bootstrap))
        .collect()
}

fn compare(
    results: &Path,
    row: &Row<'_>,
    baseline: &Row<'_>,
    references: &[String],
    bootstrap: Bootstrap,
) -> Result<ComparisonRecord, CompareError> {
    let decode: DecodeConfig = row.shown.section("decode")?;
    let lines = |row: &Row<'_>| -> Result<Vec<Vec<Lines>>, CompareError> {
        row.records()
            .map(|record| lines_of(results, record, &decode, references))
            .collect()
    };
    let differences = bootstrap.between(&lines(row)?, &lines(baseline)?);
    Ok(ComparisonRecord {
        experiment: row.shown.experiment.clone(),
        arch: row.shown.arch.clone(),
        baseline: baseline.shown.arch.clone(),
        date: experiments::now(),
        commit: experiments::commit(),
        version: env!("CARGO_PKG_VERSION").into(),
        data_hash: row.shown.data_hash.clone(),
        hypotheses: ComparisonRecord::of(row.records()),
        baseline_hypotheses: ComparisonRecord::of(baseline.records()),
        n_resamples: bootstrap.n_resamples as u64,
        seed: bootstrap.seed,
        differences,
    })
}

/// What each metric counts of a record's translations; the scores that come of it are held to the record's.
fn lines_of(
    results: &Path,
    record: &Record,
    decode: &DecodeConfig,
    references: &[String],
) -> Result<Vec<Lines>, CompareError> {
    /// Sums of the same numbers in another order.
    const TOLERANCE: f64 = 1e-6;
    let folder = results.join(&record.experiment).join(&record.arch);
    let hypotheses = record.read_hypotheses(&folder.join(&record.hypotheses.file))?;
    let settings = decode.metric_settings();
    let lines = decode.metrics.iter().map(|&metric| {
        let lines = Lines::new(metric, &hypotheses, references, &settings).map_err(|source| CompareError::Metric {
            experiment: record.experiment.clone(),
            arch: record.arch.clone(),
            source,
        })?;
        let found = lines.score();
        match record.score(&found.name) {
            Some(expected) if (found.value - expected.value).abs() > TOLERANCE => Err(CompareError::OtherReferences {
                experiment: record.experiment.clone(),
                arch: record.arch.clone(),
                seed: record.seed,
                metric: found.name,
                found: found.value,
                expected: expected.value,
            }),
            _ => Ok(lines),
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use experiments::{RunDefinition, Status};
    use serde_json::json;

    use super::*;
    use crate::tables::tests::record;

    const REFERENCES: [&str; 3] = ["a b c d e f", "g h i j k l", "m n o p q r"];
    const WORSE: [&str; 3] = ["a b c d x x", "g h i j k l", "x x x x x x"];

    fn lines(lines: [&str; 3]) -> Vec<String> {
        lines.map(str::to_owned).into()
    }

    /// Writes a record with translations; its score is theirs.
    fn write(results: &Path, arch: &str, seed: u64, hypotheses: [&str; 3]) {
        let (_, mut record) = record(arch, "2026-01-01T00:00:00Z", 0.0, Status::Finished);
        let arch_section = json!({ "architecture": arch, "d_model": 8, "d_ff": 8 });
        let definition = json!({ "arch": arch_section, "decode": { "metrics": ["bleu"] } });
        let run = RunDefinition::resolved(&record.experiment, arch, definition);
        (record.definition, record.definition_hash) = (run.definition, run.definition_hash);
        record.seed = seed;
        let decode: DecodeConfig = record.section("decode").unwrap();
        record.scores = crate::evaluate::scores(&decode, &lines(hypotheses), &lines(REFERENCES)).unwrap();
        record.write(results, &lines(hypotheses)).unwrap();
    }

    fn compare(results: &Path, references: [&str; 3]) -> Result<Vec<ComparisonRecord>, CompareError> {
        compare_all(results, "multi30k-enfr", "ab", &lines(references), Bootstrap::default())
    }

    #[test]
    fn architectures_are_compared_over_all_their_seeds() {
        let results = tempfile::tempdir().unwrap();
        let results = results.path();
        write(results, "lite", 1, REFERENCES);
        assert_eq!(compare(results, REFERENCES).unwrap(), [], "there is no baseline");
        write(results, BASELINE, 1, WORSE);
        let one = compare(results, REFERENCES).unwrap().remove(0);
        assert_eq!((one.hypotheses.len(), one.baseline_hypotheses.len()), (1, 1));
        write(results, "lite", 2, WORSE);
        let two = compare(results, REFERENCES).unwrap().remove(0);
        assert_eq!((two.hypotheses.len(), two.baseline_hypotheses.len()), (2, 1));
        // Half of the seeds are as bad as the baseline.
        let [one, two] = [one, two].map(|found| found.differences[0].difference);
        assert!(one > 1.0 && (two - one / 2.0).abs() < 1e-9, "{one} {two}");
        // And half of the baseline's as good as the other.
        write(results, BASELINE, 2, REFERENCES);
        let both = compare(results, REFERENCES).unwrap().remove(0);
        assert_eq!((both.hypotheses.len(), both.baseline_hypotheses.len()), (2, 2));
        assert_eq!(
            (both.differences[0].difference, both.differences[0].p_value),
            (0.0, 1.0)
        );
        assert_eq!(
            compare_all(results, "multi30k-enfr", "other", &[], Bootstrap::default()).unwrap(),
            []
        );
    }

    #[test]
    fn references_that_were_not_scored_with_are_noticed() {
        let results = tempfile::tempdir().unwrap();
        write(results.path(), "lite", 1, REFERENCES);
        write(results.path(), BASELINE, 1, WORSE);
        let error = compare(results.path(), WORSE).unwrap_err();
        assert!(matches!(error, CompareError::OtherReferences { .. }), "{error}");
    }
}
