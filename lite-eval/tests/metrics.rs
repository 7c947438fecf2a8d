//! Scores against fairseq's `score.py` (`fixtures/bleu.json`) and the Python package sacrebleu (`fixtures/sacrebleu.json`,
//! written by `fixtures/make_sacrebleu.py`), and the laws that every metric keeps.

use std::path::{Path, PathBuf};
use std::slice::from_ref;

use lite_eval::metrics::sacre::Tokenize;
use lite_eval::metrics::{Metric, MetricError, MetricSettings, score, tokenised};
use proptest::prelude::*;
use serde::Deserialize;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.strip_suffix('\n')
        .unwrap_or(&text)
        .split('\n')
        .map(String::from)
        .collect()
}

#[derive(Deserialize)]
struct FairseqBleu {
    corpus: Vec<String>,
    order2: Vec<String>,
    ignore_case: Vec<String>,
    sentence: Vec<String>,
}

#[test]
fn tokenised_bleu_prints_what_score_py_prints() {
    let expected: FairseqBleu = serde_json::from_str(&std::fs::read_to_string(fixture("bleu.json")).unwrap()).unwrap();
    let (hypotheses, references) = (lines(&fixture("bleu.sys.txt")), lines(&fixture("bleu.ref.txt")));
    let corpus = tokenised::corpus(&hypotheses, &references, false);
    assert_eq!(corpus.bleu(4).to_string(), expected.corpus[0]);
    assert_eq!(corpus.bleu(2).to_string(), expected.order2[0]);
    let lowered = tokenised::corpus(&hypotheses, &references, true);
    assert_eq!(lowered.bleu(4).to_string(), expected.ignore_case[0]);
    let sentences = tokenised::sentences(&hypotheses, &references, false);
    assert_eq!(sentences.len(), expected.sentence.len());
    for (i, (statistics, expected)) in sentences.iter().zip(&expected.sentence).enumerate() {
        assert_eq!(&format!("{i} {}", statistics.sentence_bleu(4)), expected);
    }
}

#[derive(Deserialize)]
struct Expected {
    metric: Metric,
    tokenize: Tokenize,
    lowercase: bool,
    value: f64,
    signature: String,
}

#[test]
fn sacrebleu_and_chrf_equal_the_python_package() {
    check_against_python(
        &fixture("sacrebleu.hypotheses.txt"),
        &fixture("sacrebleu.references.txt"),
        &fixture("sacrebleu.json"),
    );
}

fn check_against_python(hypotheses: &Path, references: &Path, json: &Path) {
    let expected: Vec<Expected> = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let (hypotheses, references) = (lines(hypotheses), lines(references));
    assert_eq!(expected.len(), 10);
    for Expected {
        metric,
        tokenize,
        lowercase,
        value,
        signature,
    } in expected
    {
        let ours = score(
            metric,
            &hypotheses,
            &references,
            &MetricSettings { tokenize, lowercase },
        )
        .unwrap();
        assert_eq!(ours.signature, signature);
        // The counts are integers; only the last bits of exp and log may differ.
        assert!(
            (ours.value - value).abs() < 1e-9,
            "{signature}: {} here, {value} in Python",
            ours.value
        );
    }
}

#[test]
fn unequal_and_empty_sides_are_refused() {
    let line = |n: usize| vec!["a".to_string(); n];
    let settings = MetricSettings::default();
    for metric in Metric::ALL {
        let unequal = score(metric, &line(2), &line(3), &settings);
        assert_eq!(
            unequal,
            Err(MetricError::Unequal {
                hypotheses: 2,
                references: 3
            })
        );
        assert_eq!(score(metric, &[], &[], &settings), Err(MetricError::Empty));
    }
}

proptest! {
    #[test]
    fn a_text_scores_100_against_itself(text in prop::collection::vec("[a-e]{1,3}( [a-e]{1,3}){3,9}", 1..8)) {
        for metric in Metric::ALL {
            let same = score(metric, &text, &text, &MetricSettings::default()).unwrap();
            prop_assert!((same.value - 100.0).abs() < 1e-9, "{same:?}");
        }
    }

    #[test]
    fn a_score_lies_between_0_and_100(
        pairs in prop::collection::vec(("[a-e ]{0,20}", "[a-e ]{0,20}"), 1..6),
    ) {
        let (hypotheses, references): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        for metric in Metric::ALL {
            let value = score(metric, &hypotheses, &references, &MetricSettings::default()).unwrap().value;
            prop_assert!((0.0..=100.0 + 1e-9).contains(&value), "{metric:?}: {value}");
        }
    }

    #[test]
    fn statistics_add_up_over_sentences(pairs in prop::collection::vec(("[a-c ]{0,12}", "[a-c ]{0,12}"), 1..6)) {
        let (hypotheses, references): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let mut sum = tokenised::Statistics::default();
        for (h, r) in hypotheses.iter().zip(&references) {
            sum += tokenised::corpus(from_ref(h), from_ref(r), false);
        }
        prop_assert_eq!(sum, tokenised::corpus(&hypotheses, &references, false));
    }
}
