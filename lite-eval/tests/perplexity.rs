//! Equal to the authors' `eval_lm.py`: the same text under the same language model gives the same log-probability of
//! every token, however it is cut. One model is a fixture; the others are held to the reference where the directory of
//! all of them stands beside the checkout.

#[path = "common/untrained.rs"]
mod untrained;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use experiments::{Definition, RunDefinition, RunFolder};
use lite_data::progress::Silent;
use lite_data::{Tokeniser, Vocabulary};
use lite_eval::device::DeviceName;
use lite_eval::perplexity::{BreakMode, PerplexitySettings, log_probabilities};
use lite_eval::run::{Run, seal_weights};
use serde::Deserialize;
use tempfile::TempDir;
use untrained::untrained;

/// Float32 noise of a log-probability, the reference's and ours; it prints six decimals.
const TOLERANCE: f32 = 4e-5;

struct Golden {
    name: String,
    model: toml::Table,
    weights: PathBuf,
    evaluations: BTreeMap<String, Evaluation>,
}

/// One entry of `eval_lm_test.json`.
#[derive(Deserialize)]
struct Evaluation {
    flags: Vec<String>,
    tokens: usize,
    result: String,
    word_probs: Vec<String>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/perplexity")
}

fn goldens() -> Vec<Golden> {
    let descriptions = include_str!("../../lite-model/tests/fixtures/golden/language_models.toml");
    let descriptions: toml::Table = toml::from_str(descriptions).unwrap();
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let weights = crate_folder.join("../lite-model/tests/fixtures/golden");
    let full = crate_folder.join("../../shared/golden");
    let golden = |(name, description): (String, toml::Value)| {
        let (weights, evaluations) = if weights.join(&name).exists() {
            (weights.join(&name), fixtures().join(format!("{name}.json")))
        } else {
            (full.join(&name), full.join(&name).join("eval_lm_test.json"))
        };
        let evaluations = fs::read_to_string(evaluations).ok()?;
        Some(Golden {
            model: description["model"].as_table().unwrap().clone(),
            weights: weights.join("model.safetensors"),
            evaluations: serde_json::from_str(&evaluations).unwrap(),
            name,
        })
    };
    let found: Vec<Golden> = descriptions.into_iter().filter_map(golden).collect();
    assert!(!found.is_empty(), "the fixture is gone");
    found
}

impl Golden {
    /// A run folder of the model, as an import makes it.
    fn run(&self) -> (TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let mut definition = toml::toml! {
            title = "a language model of the reference"
            [data]
            source_language = "xx"
            target_language = "xx"
            tokeniser = { kind = "none" }
        };
        let arch = toml::Table::from_iter([("lm".to_owned(), self.model.clone().into())]);
        definition.insert("arch".to_owned(), arch.into());
        let path = root.path().join("golden.toml");
        fs::write(&path, toml::to_string(&definition).unwrap()).unwrap();
        let definition = Definition::load(path.to_str().unwrap(), &[]).unwrap();
        let folder = RunFolder::new(root.path(), "golden", "lm");
        folder.create().unwrap();
        let definition = RunDefinition::new(&definition, "lm", 1).unwrap();
        definition.write(&folder.definition()).unwrap();
        Tokeniser::None.save(&folder.tokeniser()).unwrap();
        fs::copy(fixtures().join("dict.txt"), folder.target_vocabulary()).unwrap();
        fs::copy(&self.weights, folder.model()).unwrap();
        seal_weights(&folder.model()).unwrap();
        (root, folder.root().to_path_buf())
    }
}

impl Evaluation {
    fn flag(&self, name: &str) -> Option<&str> {
        let at = self.flags.iter().position(|flag| flag == name)?;
        Some(&self.flags[at + 1])
    }

    fn settings(&self) -> PerplexitySettings {
        PerplexitySettings {
            break_mode: match self.flag("--sample-break-mode") {
                Some("none") => BreakMode::None,
                Some("complete") => BreakMode::Complete,
                Some("eos") => BreakMode::Eos,
                other => panic!("{other:?}"),
            },
            context_window: self.flag("--context-window").map_or(0, |n| n.parse().unwrap()),
            max_tokens: 200,
        }
    }

    /// Pieces and log-probabilities of each block, by its number; lines are `0 ba10 [-4.142710]<tab>ké31 [-0.546830]`.
    fn blocks(&self) -> BTreeMap<usize, Vec<(String, f32)>> {
        let word = |word: &str| {
            let (piece, value) = word.split_once(" [").unwrap();
            (piece.to_owned(), value.trim_end_matches(']').parse().unwrap())
        };
        let block = |line: &String| {
            let (number, words) = line.split_once(' ').unwrap();
            let words = words.trim().split('\t').map(|text| word(text.trim()));
            (number.parse().unwrap(), words.collect())
        };
        self.word_probs.iter().map(block).collect()
    }

    /// Loss and perplexity of `| Loss: 3.1030, Perplexity: 22.27`.
    fn result(&self) -> (f64, f64) {
        let numbers: Vec<f64> = self
            .result
            .split([' ', ','])
            .filter_map(|word| word.parse().ok())
            .collect();
        (numbers[0], numbers[1])
    }
}

fn test_text() -> PathBuf {
    fixtures().join("test.txt")
}

fn vocabulary() -> Vocabulary {
    Vocabulary::load(&fixtures().join("dict.txt")).unwrap()
}

/// The test text as numbers.
fn test_lines() -> Vec<Vec<u32>> {
    let vocabulary = vocabulary();
    let text = fs::read_to_string(test_text()).unwrap();
    let encode = |line: &str| vocabulary.encode(&line.split_whitespace().collect::<Vec<_>>());
    text.lines().map(encode).collect()
}

#[test]
fn every_token_has_the_references_log_probability() {
    let device = DeviceName::Flex.open().unwrap();
    let (vocabulary, lines) = (vocabulary(), test_lines());
    let stream = lines.concat();
    for golden in goldens() {
        let (_root, folder) = golden.run();
        let run = Run::open_language_model(&folder, &device).unwrap();
        assert_eq!(golden.evaluations.len(), 4);
        for (case, evaluation) in &golden.evaluations {
            let at = format!("{} {case}", golden.name);
            let settings = evaluation.settings();
            let found = log_probabilities(&run.model, &run.model_config, &lines, &settings, &device, &Silent).unwrap();
            let expected = evaluation.blocks();
            assert_eq!(found.len(), expected.len(), "{at}");
            let mut tokens = stream.iter();
            for (block, (found, expected)) in found.iter().zip(expected.values()).enumerate() {
                assert_eq!(found.len(), expected.len(), "{at} block {block}");
                for (found, (piece, expected)) in found.iter().zip(expected) {
                    let difference = (found - expected).abs();
                    assert!(
                        difference < TOLERANCE,
                        "{at} block {block} {piece}: {found}, {expected}"
                    );
                    let id = *tokens.next().unwrap();
                    assert_eq!(vocabulary.piece(id), piece, "{at}");
                }
            }
            assert_eq!(tokens.next(), None, "{at}");
        }
    }
}

/// Sums in single precision, which may be added up in another order in a batch of another size.
const BATCH_TOLERANCE: f32 = 1e-5;

#[test]
fn large_batches_have_the_log_probabilities_of_small_ones() {
    // Rows of features that the output is computed for at a time.
    const OUTPUT_ROWS: usize = 1024;
    let device = DeviceName::Flex.open().unwrap();
    let (_root, folder) = goldens().remove(0).run();
    let run = Run::open_language_model(&folder, &device).unwrap();
    let lines = vec![test_lines(); 40].concat();
    for context_window in [0, 16] {
        let measure = |max_tokens| {
            let settings = PerplexitySettings {
                break_mode: BreakMode::None,
                context_window,
                max_tokens,
            };
            log_probabilities(&run.model, &run.model_config, &lines, &settings, &device, &Silent).unwrap()
        };
        let [small, large] = [200, 4096].map(|max_tokens| measure(max_tokens).concat());
        assert!(large.len() > 2 * OUTPUT_ROWS);
        assert_eq!(small.len(), large.len());
        for (i, (small, large)) in small.iter().zip(&large).enumerate() {
            assert!(
                (small - large).abs() < BATCH_TOLERANCE,
                "context {context_window}, token {i}: {small}, {large}"
            );
        }
    }
}

#[derive(Deserialize)]
struct Output {
    loss: f64,
    perplexity: f64,
    tokens: usize,
}

fn program(run: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
    command.args(["perplexity", "--run"]).arg(run).args(arguments);
    command
}

#[test]
fn the_program_prints_the_references_perplexity() {
    for golden in goldens() {
        let (_root, run) = golden.run();
        let text = test_text();
        let text = text.to_str().unwrap();
        for (case, evaluation) in &golden.evaluations {
            let at = format!("{} {case}", golden.name);
            let (loss, perplexity) = evaluation.result();
            let mode = evaluation.flag("--sample-break-mode").unwrap();
            let window = evaluation.flag("--context-window").unwrap_or("0");
            let arguments = [
                "--text",
                text,
                "--break-mode",
                mode,
                "--context-window",
                window,
                "--max-tokens",
                "200",
            ];
            // With the tokeniser `none` text and tokens are the same.
            for format in ["tokens", "text"] {
                let assert = program(&run, &arguments)
                    .args(["--input-format", format, "--json"])
                    .assert()
                    .code(0);
                let found: Output = serde_json::from_slice(&assert.get_output().stdout).unwrap();
                assert_eq!(found.tokens, evaluation.tokens, "{at}");
                // It prints four and two decimals.
                assert!((found.loss - loss).abs() < 6e-5, "{at}: {} and not {loss}", found.loss);
                assert!(
                    (found.perplexity - perplexity).abs() < 6e-3,
                    "{at}: {}",
                    found.perplexity
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_measured_is_an_error_that_says_why() {
    let (_root, run) = goldens().remove(0).run();
    let fails = |code: i32, arguments: &[&str]| {
        let assert = program(&run, arguments).assert().code(code);
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    let text = test_text();
    let text = text.to_str().unwrap();
    let message = fails(2, &["--text", text, "--context-window", "48"]);
    assert!(
        message.contains("context window: found 48, expected less than the model's 48 positions"),
        "{message}"
    );
    let empty = run.join("empty.txt");
    fs::write(&empty, "").unwrap();
    let message = fails(1, &["--text", empty.to_str().unwrap()]);
    assert!(message.contains("found no token"), "{message}");

    let mut translate = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
    let assert = translate
        .args(["translate", "--run"])
        .arg(&run)
        .write_stdin("a\n")
        .assert()
        .code(1);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(
        message.contains("[arch]: `task`: found \"language-model\", expected \"seq2seq\""),
        "{message}"
    );
}

/// A run of a small language model with random weights, its text beside it.
fn run_with_text() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let text = root.path().join("text.txt");
    fs::write(
        &text,
        " le chat noir dort bien ici\n\nle chat dort\nici <unk> chat noir dort\n",
    )
    .unwrap();
    let text = text.to_str().unwrap();
    let mut toml = String::from(
        r#"
        title = "tiny"
        [data]
        target_language = "fr"
        tokeniser = { kind = "words" }
        [decode.perplexity]
        context_window = 3
        [arch.lm]
        architecture = "lite"
        task = "language-model"
        d_model = 16
        d_ff = 16
        decoder_layers = 2
        pre_norm = true
        max_target_positions = 8
        "#,
    );
    for split in ["train", "valid", "test"] {
        toml += &format!("\n[data.files.{split}]\ntarget = {text:?}\n");
    }
    let folder = untrained(root.path(), &toml, "lm", &[]);
    (root, folder)
}

#[test]
fn a_run_is_evaluated_as_its_definition_says() {
    let (root, run) = run_with_text();
    let text = root.path().join("text.txt");
    let measure = |arguments: &[&str]| -> serde_json::Value {
        let mut command = program(&run, &["--text", text.to_str().unwrap(), "--json"]);
        let assert = command.args(arguments).assert().code(0);
        serde_json::from_slice(&assert.get_output().stdout).unwrap()
    };
    let found = measure(&[]);
    let said = ["unit", "break_mode", "context_window", "stride", "tokens"].map(|key| found[key].to_string());
    assert_eq!(said, ["\"word\"", "\"none\"", "3", "5", "18"]);
    let other = measure(&["--context-window", "0"]);
    assert_eq!((&other["context_window"], &other["stride"]), (&0.into(), &8.into()));
    assert_ne!(other["perplexity"], found["perplexity"]);

    let mut evaluate = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
    evaluate.args(["evaluate", "--offline", "--run"]).arg(&run);
    let assert = evaluate.arg("--data").arg(root.path().join("data")).assert().code(0);
    let shown = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let perplexity = found["perplexity"].as_f64().unwrap();
    assert!(shown.contains(&format!("{perplexity:.2}")), "{shown}");
    let signature = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let expected = "perplexity: unit:word|eos:counted|break:none|context:3|stride:5|tokens:18\nprecision: f32\n";
    assert!(signature.contains(expected), "{signature}");
    let mut evaluate = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
    evaluate.args(["evaluate", "--precision", "int8", "--run"]).arg(&run);
    let message = String::from_utf8(evaluate.assert().code(2).get_output().stderr.clone()).unwrap();
    assert_eq!(
        message,
        "error: --precision: found int8, expected f32, in which language models are computed\n"
    );
    let scores: serde_json::Value = serde_json::from_slice(&fs::read(run.join("scores.json")).unwrap()).unwrap();
    assert!((scores["scores"][0]["value"].as_f64().unwrap() / perplexity - 1.0).abs() < 1e-9);
    // A line of the text is a line of costs, of every token one.
    let costs = fs::read_to_string(run.join("hypotheses.txt")).unwrap();
    let tokens: Vec<&str> = costs.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(tokens, ["7", "1", "4", "6"]);
}

#[test]
fn a_compressed_language_model_has_a_perplexity_for_each_step() {
    let (root, run) = run_with_text();
    let out = root.path().join("tiny.lite");
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
        command.current_dir(root.path());
        command
    };
    let mut command = program();
    command.args(["compress", "--offline", "--json", "--tolerance", "1000", "--run"]);
    let assert = command.arg(&run).arg("--out").arg(&out).assert().code(0);
    let record: experiments::CompressionRecord = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let values: Vec<f64> = record.steps.iter().map(|step| step.scores[0].value).collect();
    assert!(record.steps.iter().all(|step| step.scores[0].name == "perplexity"));
    assert!(record.int8_scores.is_empty(), "a language model is computed in floats");
    assert_eq!(record.scan.len(), 21);

    // What the weights had before, and what the file has.
    let measure = |flag: &str, model: &PathBuf| -> f64 {
        let mut command = program();
        command.args(["perplexity", "--text", "text.txt", "--json", flag]);
        let assert = command.arg(model).assert().code(0);
        let found: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
        found["perplexity"].as_f64().unwrap()
    };
    for (found, expected) in [
        (measure("--run", &run), values[0]),
        (measure("--model", &out), *values.last().unwrap()),
    ] {
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
    }
    assert!(values[0] != values[2], "{values:?}");

    let mut command = program();
    command.args(["compress", "--offline", "--fine-tune", "10", "--run"]);
    let assert = command.arg(&run).arg("--out").arg(&out).assert().code(1);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(
        message.contains("a language model is compressed without it"),
        "{message}"
    );
}
