//! Scores against fairseq's `score.py` (`fixtures/bleu.json`) and the Python package sacrebleu (`fixtures/sacrebleu.json`,
//! written by `fixtures/make_sacrebleu.py`), TER and resampling against the same package (`fixtures/metrics.json` and
//! `fixtures/corpora.json`, by `fixtures/make_metrics.py`), and the laws that every metric keeps. ROUGE is in `rouge.rs`.

mod corpora;

use std::path::Path;
use std::slice::from_ref;

use corpora::{Noise, data, fixture, json, lines};
use lite_eval::decode::DecodeConfig;
use lite_eval::metrics::bootstrap::Bootstrap;
use lite_eval::metrics::sacre::Tokenize;
use lite_eval::metrics::{Lines, Metric, MetricError, MetricSettings, Score, differences, score, tokenised};
use proptest::prelude::*;
use serde::Deserialize;

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
            &MetricSettings {
                tokenize,
                lowercase,
                ..MetricSettings::default()
            },
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

#[derive(Deserialize)]
struct Paired {
    metric: Metric,
    name: String,
    system: f64,
    baseline: f64,
    p: f64,
    /// Half of the interval, added up in single precision.
    ci: f64,
    low: f64,
    high: f64,
    low_difference: f64,
    high_difference: f64,
    signature: String,
}

fn count(metrics: &[Metric], hypotheses: &[String], references: &[String]) -> Vec<Lines> {
    let count = |&metric| Lines::new(metric, hypotheses, references, &MetricSettings::default()).unwrap();
    metrics.iter().map(count).collect()
}

/// Of a system, of its baseline, and of the references themselves.
fn counted_summaries(metrics: &[Metric]) -> [Vec<Lines>; 3] {
    let texts = ["system", "baseline", "references"].map(|name| lines(&fixture(&format!("summaries.{name}.txt"))));
    texts.each_ref().map(|hypotheses| count(metrics, hypotheses, &texts[2]))
}

/// Scores, intervals, p and signatures of sacreBLEU's `--confidence` and `--paired-bs`.
fn check_paired(system: &[String], baseline: &[String], references: &[String], expected: &[Paired]) {
    assert_eq!(expected.len(), 3);
    let metrics: Vec<Metric> = expected.iter().map(|row| row.metric).collect();
    let system = count(&metrics, system, references);
    let baseline = count(&metrics, baseline, references);
    let (scores, baseline_scores, comparisons) = Bootstrap::default().paired(&system, &baseline);
    assert_eq!(Bootstrap::default().confidence(&system), scores);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} here, {b} in Python");
    for (i, row) in expected.iter().enumerate() {
        let (score, comparison) = (&scores[i], &comparisons[i]);
        assert_eq!((&score.signature, &comparison.name), (&row.signature, &score.name));
        assert!(score.name.ends_with(&row.name));
        close(score.value, row.system);
        close(baseline_scores[i].value, row.baseline);
        close(comparison.difference, row.system - row.baseline);
        let interval = score.confidence.unwrap();
        close(interval.low, row.low);
        close(interval.high, row.high);
        close(comparison.confidence.low, row.low_difference);
        close(comparison.confidence.high, row.high_difference);
        assert_eq!(comparison.p_value, row.p, "{}", row.name);
        let half = (interval.high - interval.low) / 2.0;
        assert!(
            (half - row.ci).abs() < 2e-4,
            "{half} here, {} in Python's single precision",
            row.ci
        );
    }
}

#[test]
fn ter_and_sentence_bleu_of_every_line_equal_the_python_package() {
    #[derive(Deserialize)]
    struct Expected {
        ter: Vec<f64>,
        sacrebleu: Vec<f64>,
    }
    let expected: Expected = json("metrics.json");
    let system = lines(&fixture("summaries.system.txt"));
    let references = lines(&fixture("summaries.references.txt"));
    for (metric, expected) in [(Metric::Ter, expected.ter), (Metric::SacreBleu, expected.sacrebleu)] {
        let found = &count(&[metric], &system, &references)[0];
        assert_eq!(found.len(), expected.len());
        for (i, value) in expected.iter().enumerate() {
            assert!(
                (found.line(i) - value).abs() < 1e-9,
                "line {i}: {}, {value}",
                found.line(i)
            );
        }
    }
}

#[test]
fn ter_of_long_and_of_very_unequal_lines_equals_the_python_package() {
    let words = |n: usize, step: usize| {
        let word = |i: usize| char::from(b"abcdefghijk"[i * step % 11]).to_string();
        vec![(0..n).map(word).collect::<Vec<_>>().join(" ")]
    };
    for (hypothesis, reference, step, expected) in [
        (1, 200, 3, 99.5),
        (200, 1, 3, 19900.0),
        (3, 400, 2, 99.25),
        (400, 3, 2, 13233.333333333334),
        (150, 120, 3, 104.16666666666667),
        (120, 150, 7, 86.66666666666667),
        (0, 5, 1, 100.0),
        (5, 0, 1, 100.0),
    ] {
        let found = count(&[Metric::Ter], &words(hypothesis, 1), &words(reference, step))[0].line(0);
        assert!(
            (found - expected).abs() < 1e-9,
            "{hypothesis} to {reference}: {found}, {expected}"
        );
    }
}

#[test]
fn resampling_equals_the_python_package() {
    #[derive(Deserialize)]
    struct Expected {
        paired: Vec<Paired>,
    }
    let expected: Expected = json("metrics.json");
    let [system, baseline, references] =
        ["system", "baseline", "references"].map(|name| lines(&fixture(&format!("summaries.{name}.txt"))));
    check_paired(&system, &baseline, &references, &expected.paired);
}

#[test]
fn a_real_corpus_equals_the_python_package() {
    #[derive(Deserialize)]
    struct Expected {
        multi30k: Vec<Paired>,
    }
    let Some(path) = data("multi30k/test_2016_flickr.lc.norm.tok.fr") else {
        return;
    };
    let expected: Expected = json("corpora.json");
    let references = lines(&path);
    let (system, baseline) = (Noise(1).lines(&references), Noise(2).lines(&references));
    check_paired(&system, &baseline, &references, &expected.multi30k);
}

#[test]
fn equal_systems_do_not_differ() {
    let [system, references] = ["system", "references"].map(|name| lines(&fixture(&format!("summaries.{name}.txt"))));
    let system = count(&Metric::ALL, &system, &references);
    let (_, _, comparisons) = Bootstrap::default().paired(&system, &system);
    assert_eq!(comparisons.len(), Metric::ALL.len());
    for comparison in comparisons {
        assert_eq!(
            (comparison.difference, comparison.p_value),
            (0.0, 1.0),
            "{}",
            comparison.name
        );
    }
    assert_eq!(differences::largest(&system[0], &system[0], 10), []);
}

#[test]
fn several_runs_are_compared_by_their_means() {
    let metrics = [Metric::Bleu, Metric::Chrf];
    let [system, baseline, perfect] = counted_summaries(&metrics);
    let bootstrap = Bootstrap::default();
    let (_, _, single) = bootstrap.paired(&system, &baseline);
    let baseline = [baseline];
    assert_eq!(bootstrap.between(std::slice::from_ref(&system), &baseline), single);
    // Twice the same run is that run, but for the rounding of a sum.
    for (found, expected) in bootstrap
        .between(&[system.clone(), system.clone()], &baseline)
        .iter()
        .zip(&single)
    {
        assert!((found.difference - expected.difference).abs() < 1e-9);
        assert!((found.confidence.low - expected.confidence.low).abs() < 1e-9);
    }
    let mixed = bootstrap.between(&[system.clone(), perfect], &baseline);
    for (found, (metric, single)) in mixed.iter().zip(metrics.iter().zip(&single)) {
        let to_perfect = 100.0 - system[metrics.iter().position(|m| m == metric).unwrap()].score().value;
        assert!(
            (found.difference - single.difference - to_perfect / 2.0).abs() < 1e-9,
            "{found:?}"
        );
        assert!(found.confidence.low > single.confidence.low, "{found:?}");
    }
}

#[test]
fn several_runs_of_the_baseline_are_compared_by_their_means_too() {
    let metrics = [Metric::Bleu, Metric::Chrf];
    let [system, baseline, perfect] = counted_summaries(&metrics);
    let (a, b) = ([system.clone(), perfect, system.clone()], [baseline, system]);
    let bootstrap = Bootstrap::default();
    let (ab, ba) = (bootstrap.between(&a, &b), bootstrap.between(&b, &a));
    assert_eq!((ab.len(), ba.len()), (metrics.len(), metrics.len()));
    for (i, (ab, ba)) in ab.iter().zip(&ba).enumerate() {
        let mean = |runs: &[Vec<Lines>]| runs.iter().map(|run| run[i].score().value).sum::<f64>() / runs.len() as f64;
        let expected = mean(&a) - mean(&b);
        assert!(expected > 1.0 && (ab.difference - expected).abs() < 1e-9, "{ab:?}");
        // Each side is the other's baseline.
        assert_eq!((ab.difference, ab.p_value), (-ba.difference, ba.p_value), "{ba:?}");
        assert_eq!(
            (ab.confidence.low, ab.confidence.high),
            (-ba.confidence.high, -ba.confidence.low),
            "{ba:?}"
        );
        assert!((ab.confidence.low..=ab.confidence.high).contains(&expected), "{ab:?}");
    }
}

#[test]
fn a_better_system_is_found_better() {
    let references = lines(&fixture("summaries.references.txt"));
    let baseline = lines(&fixture("summaries.baseline.txt"));
    let system = count(&Metric::ALL, &references, &references);
    let baseline = count(&Metric::ALL, &baseline, &references);
    let (_, _, comparisons) = Bootstrap::default().paired(&system, &baseline);
    for (comparison, metric) in comparisons.iter().zip(Metric::ALL) {
        let interval = comparison.confidence;
        assert!(comparison.p_value < 0.01, "{comparison:?}");
        assert_eq!(comparison.difference < 0.0, metric == Metric::Ter, "{comparison:?}");
        assert!(
            (interval.low..=interval.high).contains(&comparison.difference),
            "{comparison:?}"
        );
    }
}

#[test]
fn the_lines_that_differ_most_come_first() {
    let line = |line: &str| line.to_string();
    let references = [
        line("a b c d e"),
        line("f g h i j"),
        line("k l m n o"),
        line("p q r s t"),
    ];
    let system = [
        line("a b c d e"),
        line("f g h i j"),
        line("k l m n x"),
        line("p q r s t"),
    ];
    let baseline = [
        line("a b c d x"),
        line("x x x x x"),
        line("k l m n o"),
        line("p q r s t"),
    ];
    let system = &count(&[Metric::Rouge1], &system, &references)[0];
    let baseline = &count(&[Metric::Rouge1], &baseline, &references)[0];
    let found = differences::largest(system, baseline, 10);
    let found: Vec<_> = found.iter().map(|line| (line.line, line.difference.round())).collect();
    assert_eq!(found, [(2, 100.0), (1, 20.0), (3, -20.0)]);
    assert_eq!(differences::largest(system, baseline, 1).len(), 1);
}

#[test]
fn a_definition_names_metrics_by_their_keys() {
    let read = toml::from_str::<DecodeConfig>;
    let decode = read(r#"metrics = ["ter", "rouge2", "rouge", "sacrebleu"]"#).unwrap();
    let expected = [
        Metric::Ter,
        Metric::Rouge2,
        Metric::Rouge1,
        Metric::RougeL,
        Metric::RougeLSum,
        Metric::SacreBleu,
    ];
    assert_eq!(decode.metrics, expected);
    for (metric, key) in Metric::ALL.into_iter().zip(Metric::KEYS) {
        assert_eq!(Metric::named(metric.key()), Some(vec![metric]));
        // What a record writes is what a definition reads.
        assert_eq!(serde_json::to_value(metric).unwrap(), key);
    }
    let message = read(r#"metrics = ["rogue"]"#).unwrap_err().to_string();
    assert!(
        message.contains("unknown variant `rogue`, expected one of `bleu`"),
        "{message}"
    );
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

#[test]
fn lines_that_are_too_long_to_compare_each_word_with_each_are_refused() {
    let lines = |n| ["a b".to_string(), "a. ".repeat(n)];
    let settings = MetricSettings::default();
    for metric in [Metric::Ter, Metric::RougeLSum] {
        let found = score(metric, &lines(5000), &lines(2000), &settings);
        assert_eq!(
            found,
            Err(MetricError::TooLong {
                line: 2,
                hypothesis: 5000,
                reference: 2000,
                metric: metric.name(),
            })
        );
        // It is words that count.
        let word = ["a".repeat(4000)];
        assert!(score(metric, &word, &word, &settings).is_ok(), "{metric:?}");
    }
    for metric in [Metric::Bleu, Metric::Chrf, Metric::Rouge2, Metric::RougeL] {
        assert!(
            score(metric, &lines(5000), &lines(2000), &settings).is_ok(),
            "{metric:?}"
        );
    }
}

proptest! {
    #[test]
    fn a_text_is_perfect_against_itself(text in prop::collection::vec("[a-e]{1,3}( [a-e]{1,3}){3,9}", 1..8)) {
        for metric in Metric::ALL {
            let perfect = if metric == Metric::Ter { 0.0 } else { 100.0 };
            let same = score(metric, &text, &text, &MetricSettings::default()).unwrap();
            prop_assert!((same.value - perfect).abs() < 1e-9, "{same:?}");
        }
    }

    #[test]
    fn a_score_lies_between_0_and_100_and_ter_has_no_upper_end(
        pairs in prop::collection::vec(("[a-e ]{0,20}", "[a-e ]{0,20}"), 1..6),
    ) {
        let (hypotheses, references): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        for metric in Metric::ALL {
            let value = score(metric, &hypotheses, &references, &MetricSettings::default()).unwrap().value;
            prop_assert!(value >= 0.0 && (value <= 100.0 + 1e-9 || metric == Metric::Ter), "{metric:?}: {value}");
        }
    }

    #[test]
    fn a_choice_of_lines_scores_as_their_text_does(
        pairs in prop::collection::vec(("[a-c .]{0,20}", "[a-c .]{0,20}"), 1..6),
        draws in prop::collection::vec(0..100usize, 1..8),
    ) {
        let (hypotheses, references): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let draws: Vec<usize> = draws.into_iter().map(|draw| draw % hypotheses.len()).collect();
        let take = |lines: &[String]| draws.iter().map(|&i| lines[i].clone()).collect::<Vec<_>>();
        for metric in Metric::ALL {
            let lines = Lines::new(metric, &hypotheses, &references, &MetricSettings::default()).unwrap();
            let again: Score = score(metric, &take(&hypotheses), &take(&references), &MetricSettings::default()).unwrap();
            prop_assert!((lines.value(draws.iter().copied()) - again.value).abs() < 1e-9, "{metric:?}");
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
