//! What a reader of the results sees, from records made by hand.

use experiments::{CurvePoint, Hypotheses, Interval, Machine, ParameterCounts, Score};
use serde_json::json;

use super::*;

pub(crate) fn record(arch: &str, date: &str, bleu: f64, status: Status) -> (PathBuf, Record) {
    let paper = if arch == BASELINE {
        json!({"parameters": 2.6e6, "bleu": 61.8, "source": "Wu et al. 2021"})
    } else {
        json!({})
    };
    let point = |update: u64, bleu: f64| CurvePoint {
        update,
        tokens: update * 4000,
        seconds: update as f64,
        train_loss: 5.0,
        valid_loss: 4.0,
        valid_perplexity: 600.0 / update as f64,
        valid_bleu: Some(bleu),
    };
    let score = |name: &str, value| Score {
        name: name.into(),
        value,
        signature: format!("nrefs:1|case:mixed|name:{name}"),
        confidence: None,
    };
    let record = Record {
        experiment: "multi30k-enfr".into(),
        arch: arch.into(),
        date: date.into(),
        commit: "0123456789".into(),
        version: "0.1.0".into(),
        status,
        definition: json!({"title": "Multi30k, English to French", "paper": paper}),
        definition_hash: String::new(),
        overrides: Vec::new(),
        seed: 1,
        device: "flex".into(),
        machine: Machine {
            cpu: "EPYC".into(),
            n_cores: 2,
            memory_bytes: 24 << 30,
            os: "Debian x86_64".into(),
        },
        tokens_per_batch: None,
        updates: 8000,
        target_tokens: 32_000_000,
        train_seconds: 3300.0,
        parameters: ParameterCounts {
            total: 2_632_032,
            embedding: 1_520_000,
            counted_as_paper: 1_112_032,
        },
        mult_adds: if arch == BASELINE { 42_200_000 } else { 35_200_000 },
        data_hash: "ab".into(),
        curve: vec![point(250, bleu / 3.0), point(500, bleu / 2.0), point(750, bleu)],
        scores: vec![score("BLEU", bleu), score("chrF2", bleu + 10.0)],
        hypotheses: Hypotheses::default(),
    };
    (PathBuf::new(), record)
}

fn records() -> Vec<(PathBuf, Record)> {
    vec![
        record("lite", "2026-01-01T00:00:00Z", 50.0, Status::Finished),
        record("lite", "2026-01-03T00:00:00Z", 60.25, Status::Finished),
        record("lite", "2026-01-04T00:00:00Z", 10.0, Status::TimeBudget),
        record("transformer", "2026-01-02T00:00:00Z", 59.5, Status::TimeBudget),
    ]
}

#[test]
fn the_document_shows_the_newest_that_finished_beside_the_baseline_and_the_paper() {
    insta::assert_snapshot!(document(&records(), &[]));
}

#[test]
fn scores_over_seeds_are_a_mean_with_its_deviation() {
    let of_seed = |seed, date, bleu, status, hash: &str| {
        let (path, mut record) = record("lite", date, bleu, status);
        record.seed = seed;
        record.definition_hash = hash.into();
        (path, record)
    };
    let finished = Status::Finished;
    let records = [
        of_seed(1, "2026-01-01T00:00:00Z", 60.0, finished, ""),
        of_seed(2, "2026-01-06T00:00:00Z", 62.0, finished, ""),
        // Trained again since.
        of_seed(3, "2026-01-02T00:00:00Z", 10.0, finished, ""),
        of_seed(3, "2026-01-03T00:00:00Z", 64.0, finished, ""),
        of_seed(4, "2026-01-04T00:00:00Z", 10.0, finished, "another"),
        of_seed(5, "2026-01-07T00:00:00Z", 10.0, Status::TimeBudget, ""),
        record("transformer", "2026-01-05T00:00:00Z", 59.0, finished),
    ];
    let document = document(&records, &[]);
    for expected in [
        "| 62.00 ± 2.00 | 72.00 ± 2.00 |",
        "| 59.00 | 69.00 |",
        "- lite against transformer: +3.00 BLEU at 0.83 times its Mult-Adds",
        "- lite: mean and standard deviation over the seeds 1, 2, 3; updates and training of the newest",
        "- records: lite 2026-01-06, commit 0123456789, seed 2; lite 2026-01-01, commit 0123456789, seed 1; \
         lite 2026-01-03, commit 0123456789, seed 3; transformer 2026-01-05, commit 0123456789, seed 1",
    ] {
        assert!(document.contains(expected), "{expected}\n{document}");
    }
}

#[test]
fn a_bootstrap_of_the_translations_that_are_shown_stands_beside_their_difference() {
    let translated = |arch: &str, bleu, hash: &str| {
        let (path, mut record) = record(arch, "2026-01-01T00:00:00Z", bleu, Status::Finished);
        record.hypotheses.sha256 = hash.into();
        (path, record)
    };
    let records = [translated("lite", 60.0, "aa"), translated("transformer", 58.0, "bb")];
    let mut compared = ComparisonRecord {
        experiment: "multi30k-enfr".into(),
        arch: "lite".into(),
        baseline: "transformer".into(),
        date: String::new(),
        commit: String::new(),
        version: String::new(),
        data_hash: String::new(),
        hypotheses: vec!["aa".into()],
        baseline_hypotheses: vec!["bb".into()],
        n_resamples: 1000,
        seed: 1,
        differences: vec![Difference {
            name: "BLEU".into(),
            difference: 2.0,
            confidence: Interval {
                low: -0.25,
                high: 4.125,
                level: 0.95,
            },
            p_value: 0.0625,
        }],
    };
    let with = document(&records, std::slice::from_ref(&compared));
    let expected = "- lite against transformer: +2.00 BLEU [-0.25, +4.12], p 0.062, at 0.83 times its Mult-Adds\n\
                    - [ ] and p: paired bootstrap, where 95 % of 1,000 test sets lie that are drawn from the lines of this one\n";
    assert!(with.contains(expected), "{with}");
    compared.baseline_hypotheses = vec!["cc".into()];
    let without = document(&records, &[compared]);
    assert!(
        without.contains("- lite against transformer: +2.00 BLEU at 0.83 times its Mult-Adds\n"),
        "{without}"
    );
    assert!(!without.contains("bootstrap"), "{without}");
}

#[test]
fn scores_of_other_data_have_no_difference() {
    let (path, mut lite) = record("lite", "2026-01-01T00:00:00Z", 60.0, Status::Finished);
    lite.data_hash = "cd".into();
    let records = [
        (path, lite),
        record("transformer", "2026-01-01T00:00:00Z", 58.0, Status::Finished),
    ];
    let document = document(&records, &[]);
    let expected = "- lite against transformer: no difference, since their data are not the same (cd and ab)\n";
    assert!(document.contains(expected) && !document.contains("+2.00"), "{document}");
}

#[test]
fn fewer_edits_are_better() {
    let of_edits = |arch: &str, value: f64| {
        let (path, mut record) = record(arch, "2026-01-01T00:00:00Z", value, Status::Finished);
        record.scores[0].name = "TER".into();
        (path, record)
    };
    let document = document(&[of_edits("lite", 40.0), of_edits("transformer", 42.5)], &[]);
    let expected = "- lite against transformer: -2.50 TER (lower is better) at 0.83 times its Mult-Adds\n";
    assert!(document.contains(expected), "{document}");
}

#[test]
fn a_readme_is_filled_between_its_markers_and_then_stays() {
    let readme = "# A\n<!-- table:multi30k-enfr -->\nold\n<!-- end -->\nb\n<!-- table:other -->\n<!-- end -->\n";
    let filled = fill(readme, &records(), &[], &[], &[]).unwrap();
    assert!(filled.starts_with("# A\n<!-- table:multi30k-enfr -->\n| model |") && !filled.contains("old"));
    assert!(filled.ends_with("<!-- end -->\nb\n<!-- table:other -->\nNo record yet.\n<!-- end -->\n"));
    assert_eq!(fill(&filled, &records(), &[], &[], &[]).unwrap(), filled);
}

#[test]
fn broken_markers_are_named() {
    assert_eq!(
        fill("\n<!-- table:x -->\n", &[], &[], &[], &[]),
        Err(MarkerError::NoEnd { line: 2 })
    );
    let found = "<!-- table:x".to_string();
    assert_eq!(
        fill("<!-- table:x\n", &[], &[], &[], &[]),
        Err(MarkerError::Broken { line: 1, found })
    );
}

#[test]
fn counts_have_three_digits() {
    for (value, text) in [
        (12.0, "12"),
        (2.608e6, "2.61M"),
        (90.13e6, "90.1M"),
        (527.4e6, "527M"),
        (1.338e9, "1.34G"),
    ] {
        assert_eq!(count(value), text);
    }
    assert_eq!((thousands(8000).as_str(), thousands(120).as_str()), ("8,000", "120"));
}

#[test]
fn language_models_have_the_columns_of_the_papers_table() {
    let language_model = |arch: &str, perplexity: f64| {
        let (_, mut record) = record(arch, "2026-01-01T00:00:00Z", 0.0, Status::Finished);
        record.definition = json!({
            "arch": {
                "architecture": arch, "task": "language-model", "d_model": 896, "d_ff": 896, "decoder_layers": 12,
                "kernel_sizes": [15, 15, 31, 31, 31, 31, 63, 63, 63, 63, 63, 63], "glu": true, "pre_norm": true,
                "final_norm": false, "adaptive_input": {"cutoffs": [20000, 60000]},
            },
            "paper": {"mult_adds_1000": 48.7e9, "perplexity": 22.2, "valid_perplexity": 21.4},
        });
        let score = |name: &str, value| Score {
            name: name.into(),
            value,
            signature: "unit:word|eos:counted|break:none|context:64|stride:64|tokens:9".into(),
            confidence: None,
        };
        record.scores = vec![
            score("perplexity", perplexity),
            score("valid perplexity", perplexity - 1.0),
        ];
        record
    };
    let (lite, transformer) = (language_model("lite", 22.5), language_model("transformer", 24.0));
    let table = comparison(&[Row::one(&lite), Row::one(&transformer)], &[]);
    for expected in [
        "| Mult-Adds | of 100 | of 1000 | of 1000, published | perplexity | valid perplexity | perplexity, published | \
         valid perplexity, published | updates |",
        // Of this model the paper prints 3.9G and 48.7G.
        "| 3.90G | 48.7G | 48.7G | 22.50 | 21.50 | 22.2 | 21.4 |",
        "- lite against transformer: -1.50 perplexity (lower is better) at ",
        "- perplexity: `unit:word|eos:counted|break:none|context:64|stride:64|tokens:9`",
        "- Mult-Adds: 30 tokens, 100 and 1000 beside it, counted as the paper counts",
    ] {
        assert!(table.contains(expected), "{expected}\n{table}");
    }
}
