//! ROUGE against the Python package rouge-score (`fixtures/metrics.json`, written by `fixtures/make_metrics.py`), and on
//! real corpora, where they stand beside the checkout (`../shared/data`), against that package and perl's ROUGE-1.5.5.

mod corpora;

use std::collections::BTreeSet;

use corpora::{Noise, data, fixture, gzip_lines, json, lines};
use lite_eval::metrics::{Lines, Metric, MetricSettings, score};
use rougers::Tokenizer;
use serde::Deserialize;

/// Sums in another order.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Kinds<T> {
    rouge1: T,
    rouge2: T,
    #[serde(rename = "rougeL")]
    rouge_l: T,
    #[serde(rename = "rougeLsum")]
    rouge_lsum: T,
}

impl<T> Kinds<T> {
    fn each(self) -> [(Metric, T); 4] {
        [
            (Metric::Rouge1, self.rouge1),
            (Metric::Rouge2, self.rouge2),
            (Metric::RougeL, self.rouge_l),
            (Metric::RougeLSum, self.rouge_lsum),
        ]
    }
}

fn settings(stem: bool) -> MetricSettings {
    MetricSettings {
        stem,
        ..MetricSettings::default()
    }
}

#[test]
fn every_line_equals_the_python_package() {
    #[derive(Deserialize)]
    struct Expected {
        rouge: Kinds<Vec<f64>>,
        rouge_stem: Kinds<Vec<f64>>,
    }
    let expected: Expected = json("metrics.json");
    let system = lines(&fixture("summaries.system.txt"));
    let references = lines(&fixture("summaries.references.txt"));
    for (stem, kinds) in [(false, expected.rouge), (true, expected.rouge_stem)] {
        for (metric, values) in kinds.each() {
            let found = Lines::new(metric, &system, &references, &settings(stem)).unwrap();
            assert_eq!(found.len(), values.len());
            for (i, value) in values.iter().enumerate() {
                let line = found.line(i);
                assert!(
                    (line - value).abs() < TOLERANCE,
                    "{metric:?}, stem {stem}, line {i}: {line}, {value}"
                );
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!((found.score().value - mean).abs() < TOLERANCE);
        }
    }
}

#[test]
fn a_sentence_ends_where_it_is_said_to_end() {
    let system = ["b c <q> a".to_string()];
    let reference = ["a <q> b c".to_string()];
    let value = |end: &str| {
        let settings = MetricSettings {
            sentence_end: end.into(),
            ..MetricSettings::default()
        };
        let score = score(Metric::RougeLSum, &system, &reference, &settings).unwrap();
        (score.value, score.signature)
    };
    let (value_of_sentences, signature) = value("<q>");
    assert_eq!(value_of_sentences, 100.0);
    assert!(signature.contains("|sents:<q>|"), "{signature}");
    // One sequence `a q b c` against `b c q a`.
    let (whole, signature) = value("");
    assert_eq!(whole, 50.0);
    assert!(signature.contains("|sents:line|"), "{signature}");
}

#[derive(Deserialize)]
struct Corpora {
    words: usize,
    stems: String,
    summaries: Vec<Summaries>,
}

#[derive(Deserialize)]
struct Summaries {
    corpus: String,
    stem: bool,
    rouge_score: Kinds<f64>,
    rouge_155: Perl,
}

#[derive(Deserialize)]
struct Perl {
    rouge1: f64,
    rouge2: f64,
    #[serde(rename = "rougeLsum")]
    rouge_lsum: f64,
}

#[test]
fn a_real_vocabulary_has_the_stems_of_nltk() {
    let Some(text) = data("wikitext2/wiki.train.tokens.gz") else {
        return;
    };
    let expected: Corpora = json("corpora.json");
    let (words, stems) = (Tokenizer::new(false), Tokenizer::new(true));
    let mut vocabulary = BTreeSet::new();
    for line in gzip_lines(&text) {
        vocabulary.extend(words.tokenize(&line));
    }
    assert_eq!(vocabulary.len(), expected.words);
    let stems: Vec<String> = vocabulary.iter().flat_map(|word| stems.tokenize(word)).collect();
    // FNV-1a of the words, as make_metrics.py has it.
    let sum = stems.join("\n").bytes().fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(format!("{sum:016x}"), expected.stems);
}

#[test]
fn real_summaries_score_as_in_python_and_nearly_as_in_perl() {
    let expected: Corpora = json("corpora.json");
    for Summaries {
        corpus,
        stem,
        rouge_score,
        rouge_155,
    } in expected.summaries
    {
        let Some((system, references)) = summaries(&corpus) else {
            return;
        };
        // Perl prints the mean over its resamples; its stemmer has a list of irregular forms besides.
        let tolerance = if stem { 0.3 } else { 0.01 };
        let value = |metric| score(metric, &system, &references, &settings(stem)).unwrap().value;
        for (metric, expected) in rouge_score.each() {
            let found = value(metric);
            assert!(
                (found - expected).abs() < TOLERANCE,
                "{corpus}, {metric:?}: {found}, {expected}"
            );
        }
        for (metric, expected) in [
            (Metric::Rouge1, rouge_155.rouge1),
            (Metric::Rouge2, rouge_155.rouge2),
            (Metric::RougeLSum, rouge_155.rouge_lsum),
        ] {
            let found = value(metric);
            assert!(
                (found - expected).abs() < tolerance,
                "{corpus}, {metric:?}: {found}, perl {expected}"
            );
        }
    }
}

/// The systems and references that `make_metrics.py` scored.
fn summaries(corpus: &str) -> Option<(Vec<String>, Vec<String>)> {
    let words = |text: &serde_json::Value| -> Vec<String> {
        text.as_str().unwrap().split_whitespace().map(String::from).collect()
    };
    let records = |name: &str| {
        let lines = gzip_lines(&data(name)?);
        let parse = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap();
        Some(lines.iter().map(parse).collect::<Vec<_>>())
    };
    if corpus == "samsum" {
        let records = records("samsum/test.jsonl.gz")?;
        let references: Vec<String> = records
            .iter()
            .map(|record| words(&record["summary"]).join(" "))
            .collect();
        return Some((Noise(3).lines(&references), references));
    }
    assert_eq!(corpus, "cnndm-slice");
    let records = records("cnndm-slice/validation1000.jsonl.gz")?;
    let lead = |record: &serde_json::Value| {
        let words = words(&record["article"]);
        words[..words.len().min(60)].join(" ")
    };
    let references = records
        .iter()
        .map(|record| words(&record["highlights"]).join(" "))
        .collect();
    Some((records.iter().map(lead).collect(), references))
}
