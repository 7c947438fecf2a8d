//! What a reader sees of a compression, from a record made by hand.

use experiments::{
    CompressionSettings, CompressionStep, Hypotheses, Interval, Machine, ParameterCounts, Part, ScanPoint, Score,
};

use super::*;

fn record() -> CompressionRecord {
    let step = |name: &str, counted_bytes, file_bytes, sparsity, bleu| CompressionStep {
        name: name.into(),
        size: ModelSize {
            counted_bytes,
            file_bytes,
        },
        parts: vec![Part {
            name: "all".into(),
            bytes: file_bytes,
        }],
        sparsity,
        scores: vec![Score {
            name: "BLEU".into(),
            value: bleu,
            signature: "nrefs:1".into(),
            confidence: Some(Interval {
                low: bleu - 1.0,
                high: bleu + 1.5,
                level: 0.95,
            }),
        }],
    };
    CompressionRecord {
        experiment: "multi30k-enfr".into(),
        arch: "lite".into(),
        date: "2026-01-31T12:00:00Z".into(),
        commit: "0123456789".into(),
        version: "0.1.0".into(),
        definition: serde_json::json!({}),
        definition_hash: String::new(),
        seed: 1,
        device: "flex".into(),
        machine: Machine {
            cpu: "EPYC".into(),
            n_cores: 2,
            memory_bytes: 24 << 30,
            os: "Debian x86_64".into(),
        },
        weights_sha256: "ab".repeat(32),
        parameters: ParameterCounts::default(),
        settings: CompressionSettings {
            bits: 8,
            embedding_bits: 8,
            sensitivity: 0.6,
            start: "linear".into(),
            fine_tune: 0,
            fine_tune_rate: None,
        },
        scan: vec![ScanPoint {
            sensitivity: 0.6,
            sparsity: 0.45,
            score: 60.0,
        }],
        baseline: Some(ModelSize {
            counted_bytes: 176_400_000,
            file_bytes: 197_000_000,
        }),
        steps: vec![
            step("float32", 4_448_000, 10_900_000, 0.0, 61.2),
            step("8 bits", 1_112_000, 3_100_000, 0.0, 61.1),
            step("8 bits + pruning", 640_000, 2_700_000, 0.45, 61.0),
        ],
        int8_scores: Vec::new(),
        file_sha256: String::new(),
        hypotheses: Hypotheses::default(),
    }
}

#[test]
fn both_countings_stand_beside_the_paper() {
    let records = [(PathBuf::new(), record())];
    insta::assert_snapshot!(document(&records, &published().unwrap()));
    assert_eq!(document(&[], &published().unwrap()), "");
}

#[test]
fn the_newest_of_the_same_settings_is_shown() {
    let mut newer = record();
    newer.date = "2026-02-01T12:00:00Z".into();
    newer.steps[0].name = "newer".into();
    let mut other = record();
    other.settings.bits = 4;
    let records = [record(), newer, other].map(|record| (PathBuf::new(), record));
    let shown = newest(&records);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0].steps[0].name, "newer");
    assert_eq!(fill("quick", &records), "No record yet.\n");

    // Another start is another setting, and its rows do not pass for those of the default.
    let mut density = record();
    density.settings.start = "density".into();
    let records = [record(), density].map(|record| (PathBuf::new(), record));
    assert_eq!(newest(&records).len(), 2);
    let table = fill("multi30k-enfr", &records);
    for expected in [
        "\n| 8 bits from a density start | 0.0 % |",
        "\n| 8 bits from a density start + pruning | 45.0 % |",
        "\n- 8 bits + pruning: sensitivity 0.60, found on the validation set; k-means from a linear start;",
        "\n- 8 bits from a density start + pruning: sensitivity 0.60, found on the validation set; k-means from a density start;",
    ] {
        assert!(table.contains(expected), "{expected}\n{table}");
    }
    assert_eq!(table.matches("| float32 |").count(), 1);

    // So is another learning rate.
    let trained = |rate| {
        let mut record = record();
        record.steps[2].name = "8 bits + pruning + training".into();
        (record.settings.fine_tune, record.settings.fine_tune_rate) = (1200, rate);
        (PathBuf::new(), record)
    };
    let records = [trained(None), trained(Some(0.1)), trained(Some(0.5))];
    assert_eq!(newest(&records).len(), 2);
    let table = fill("multi30k-enfr", &records);
    for expected in [
        "\n| 8 bits + pruning + 1,200 updates | 45.0 % |",
        "\n| 8 bits + pruning + 1,200 updates from 0.5 of the rate | 45.0 % |",
        "; 1200 updates of training; commit",
        "; 1200 updates of training from 0.5 of the rate; commit",
    ] {
        assert!(table.contains(expected), "{expected}\n{table}");
    }

    // One table of one model: what two records share stands there once.
    let mut fewer_bits = record();
    fewer_bits.settings.bits = 4;
    fewer_bits.steps.remove(1);
    fewer_bits.steps[1].name = "4 bits".into();
    fewer_bits.int8_scores = fewer_bits.steps[1].scores.clone();
    fewer_bits.int8_scores[0].value = 60.9;
    let records = [record(), fewer_bits].map(|record| (PathBuf::new(), record));
    insta::assert_snapshot!(fill("multi30k-enfr", &records));
}
