//! A language model from its text to its record.

mod common;

use std::fs;

use common::Experiment;
use experiments::Record;
use lite_data::progress::Silent;
use lite_eval::device::DeviceName;
use lite_eval::perplexity::{PerplexitySettings, perplexity};
use lite_eval::run::Run;

fn record(stdout: &str) -> Record {
    let json: serde_json::Value = serde_json::from_str(stdout).unwrap();
    serde_json::from_value(json["runs"][0].clone()).unwrap()
}

#[test]
fn the_record_has_the_perplexity_that_the_weights_have() {
    let experiment = Experiment::of_text();
    let (stdout, stderr) = experiment.train("runs", &["--json"]);
    assert!(stderr.contains("train: 200 of 200 lines"), "{stderr}");
    let record = record(&stdout);
    let folder = experiment.run_folder("runs", "lite");
    let device = DeviceName::Flex.open().unwrap();
    let run = Run::open_language_model(&folder, &device).unwrap();
    let measure = |split: &str, context_window| {
        let text = fs::read_to_string(experiment.path().join(format!("{split}.txt"))).unwrap();
        let lines: Vec<Vec<u32>> = text.lines().map(|line| run.text.encode(line)).collect();
        let settings = PerplexitySettings {
            context_window,
            ..run.decode.perplexity.clone()
        };
        perplexity(&run.model, &run.model_config, &lines, &settings, &device, &Silent).unwrap()
    };
    let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-5; // f32 sums of a batch

    // What is watched in training is the perplexity without context.
    let last = record.curve.last().unwrap();
    assert_eq!((last.update, record.updates), (24, 24));
    let found = measure("valid", 0);
    assert!(close(last.valid_perplexity, found.perplexity), "{last:?} {found:?}");

    // The record says what dropout's draws depend on, and the log what is not training.
    assert!(record.tokens_per_batch.is_some_and(|tokens| tokens > 0));
    let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let shares: Vec<f64> = lines.filter_map(|line| line["loading_share"].as_f64()).collect();
    assert_eq!(shares.len(), 6);
    assert!(shares.iter().all(|share| (0.0..1.0).contains(share)), "{shares:?}");
    assert!(stderr.contains("choosing and reading batches took "), "{stderr}");

    // What is reported has the definition's context.
    let test = measure("test", 16);
    let scores: Vec<&str> = record.scores.iter().map(|score| score.name.as_str()).collect();
    assert_eq!(scores, ["perplexity", "valid perplexity"]);
    assert!(close(record.scores[0].value, test.perplexity));
    assert!(close(record.scores[1].value, measure("valid", 16).perplexity));
    assert_eq!(
        record.scores[0].signature,
        format!(
            "unit:word|eos:counted|break:none|context:16|stride:8|tokens:{}",
            test.tokens
        )
    );
    // And follows from what each line costs.
    let lines = fs::read_to_string(folder.join("hypotheses.txt")).unwrap();
    let costs: Vec<(f64, u64)> = lines
        .lines()
        .map(|line| {
            let (nats, tokens) = line.split_once(' ').unwrap();
            (nats.parse().unwrap(), tokens.parse().unwrap())
        })
        .collect();
    assert_eq!(costs.len(), 30);
    let (nats, tokens) = costs
        .iter()
        .fold((0.0, 0), |sum, line| (sum.0 + line.0, sum.1 + line.1));
    assert_eq!(tokens, test.tokens);
    assert!(close((nats / tokens as f64).exp(), test.perplexity));
}

#[test]
fn tasks_and_corpora_that_do_not_fit_are_refused_before_any_work() {
    let text = Experiment::of_text();
    let pairs = Experiment::new();
    for (experiment, arguments, expected) in [
        (
            &text,
            ["--set", "train.label_smoothing=0.1"],
            "`train.label_smoothing` is 0.1, but the loss of a language model is not smoothed",
        ),
        (
            &text,
            ["--set", "train.bpe_dropout=0.1"],
            "`train.bpe_dropout` is 0.1, but a language model learns from blocks of text",
        ),
        (
            &pairs,
            ["--set", "train.bpe_dropout=0.1"],
            "`train.bpe_dropout` is 0.1, but the corpus's tokeniser has no merges",
        ),
        (
            &pairs,
            ["--set", "train.bpe_dropout=1.5"],
            "override `train.bpe_dropout=1.5`: `train.bpe_dropout`: found 1.5, expected at least 0 and below 1",
        ),
        (
            &text,
            ["--set", "arch.lite.task=seq2seq"],
            "`task` is \"seq2seq\", but the corpus has one side",
        ),
        (
            &pairs,
            ["--set", "arch.lite.task=language-model"],
            "`task` is \"language-model\", but the corpus has two sides",
        ),
    ] {
        let output = experiment.command("refused", &arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        assert!(!experiment.path().join("data").exists(), "something was prepared");
    }
}
