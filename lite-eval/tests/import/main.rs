//! Checkpoints of the authors' fairseq, imported by the program, do what they did there.
//!
//! `fixtures/fairseq` holds three checkpoints and the data they were made with; where the directory of all of them stands
//! beside the checkout (`../shared/golden`), every translation model of it is held to the reference, and so is averaging.

mod binarised;
#[path = "../common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{floats, program, stdout};
use serde_json::Value as Json;
use tempfile::TempDir;

/// Where files of the reference are: beside the checkout, or among the fixtures.
fn golden(path: &str) -> Option<PathBuf> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    [
        "../../shared/golden",
        "tests/fixtures/fairseq",
        "../lite-model/tests/fixtures/golden",
    ]
    .iter()
    .map(|folder| crate_folder.join(folder).join(path))
    .find(|path| path.exists())
}

/// Whether the folder with the directory of all of them is there: then what is read from it alone may not be passed over.
fn has_shared() -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").exists()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A checkpoint, and the corpus that its model was trained on.
struct Case {
    checkpoint: &'static str,
    corpus: &'static str,
}

impl Case {
    fn folder(&self) -> &str {
        self.checkpoint.split_once('/').unwrap().0
    }

    fn data(&self, name: &str) -> PathBuf {
        golden(&format!("data/{}/{name}", self.corpus)).unwrap()
    }

    /// Imports into a new folder; `None` if the checkpoint is not at hand.
    fn import(&self) -> Option<(TempDir, PathBuf)> {
        let checkpoint = golden(self.checkpoint)?;
        Some(import(&[&checkpoint], self.corpus))
    }
}

fn import(checkpoints: &[&Path], corpus: &str) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let [source, target] = ["src", "tgt"].map(|side| golden(&format!("data/{corpus}/bin/dict.{side}.txt")).unwrap());
    let mut command = program(&["import", "--fairseq"]);
    command.args(checkpoints);
    command.arg("--source-dictionary").arg(source);
    command.arg("--target-dictionary").arg(target);
    command.arg("--out").arg(&run);
    command.assert().code(0);
    (root, run)
}

const JOINED: &str = "joined";
const SEPARATE: &str = "separate";

/// Both containers of every translation model, and the older ways to write a checkpoint.
fn cases() -> Vec<Case> {
    let models = [
        ("mb_dynamic_wmt/checkpoint.pt", JOINED),
        ("mb_dynamic_wmt/checkpoint_zip.pt", JOINED),
        ("mb_dynamic_wmt/checkpoint_old_style.pt", JOINED),
        ("mb_light_iwslt/checkpoint.pt", SEPARATE),
        ("mb_light_iwslt/checkpoint_zip.pt", SEPARATE),
        ("mb_light_iwslt/checkpoint_cuda_like.pt", SEPARATE),
        ("mb_light_sharedec/checkpoint.pt", SEPARATE),
        ("mb_light_sharedec/checkpoint_zip.pt", SEPARATE),
        ("mb_dynamic_prenorm/checkpoint.pt", JOINED),
        ("mb_dynamic_prenorm/checkpoint_zip.pt", JOINED),
        ("transformer_base/checkpoint.pt", JOINED),
        ("transformer_base/checkpoint_zip.pt", JOINED),
        ("transformer_prenorm_learned/checkpoint.pt", SEPARATE),
        ("transformer_prenorm_learned/checkpoint_zip.pt", SEPARATE),
        ("pure_dynamic/checkpoint.pt", JOINED),
        ("pure_dynamic/checkpoint_zip.pt", JOINED),
        ("pure_light/checkpoint.pt", JOINED),
        ("pure_light/checkpoint_zip.pt", JOINED),
        ("pure_dynamic_nolinear/checkpoint.pt", JOINED),
        ("pure_dynamic_nolinear/checkpoint_zip.pt", JOINED),
        ("pure_light_nolinear/checkpoint.pt", JOINED),
        ("pure_light_nolinear/checkpoint_zip.pt", JOINED),
    ];
    models.map(|(checkpoint, corpus)| Case { checkpoint, corpus }).into()
}

fn json_lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn weights_are_those_of_the_reference() {
    let mut n = 0;
    for case in cases() {
        let (Some((_root, run)), Some(expected)) =
            (case.import(), golden(&format!("{}/model.safetensors", case.folder())))
        else {
            continue;
        };
        let expected = floats(&expected);
        for (name, (shape, values)) in floats(&run.join("model.safetensors")) {
            assert_eq!(
                (&shape, &values),
                (&expected[&name].0, &expected[&name].1),
                "{} {name}",
                case.checkpoint
            );
        }
        n += 1;
    }
    assert!(n >= 3, "the fixtures are gone");
}

/// The reference prints a score in full and the scores of tokens with four digits.
const SCORE_TOLERANCE: f64 = 2e-5;
const TOKEN_TOLERANCE: f64 = 7e-5;

/// Score, text and scores of tokens.
type Printed = (f64, String, Vec<f64>);

/// What generate.py printed, by sentence: the first line has its flags.
fn generated(folder: &str) -> (String, BTreeMap<usize, Printed>) {
    let printed = text(&golden(&format!("{folder}/generate_test.txt")).unwrap());
    let (flags, lines) = printed.split_once('\n').unwrap();
    let mut found = BTreeMap::new();
    for line in lines.lines() {
        let mut fields = line.split('\t');
        let Some((kind, number)) = fields.next().and_then(|field| field.split_once('-')) else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else { continue };
        let entry: &mut Printed = found.entry(number).or_default();
        match (kind, fields.next(), fields.next()) {
            ("H", Some(score), text) => {
                (entry.0, entry.1) = (score.parse().unwrap(), text.unwrap_or_default().to_owned());
            }
            ("P", Some(scores), _) => entry.2 = scores.split(' ').map(|score| score.parse().unwrap()).collect(),
            _ => {}
        }
    }
    (flags.to_owned(), found)
}

fn flag<'a>(flags: &'a str, name: &str) -> Option<&'a str> {
    let mut words = flags.split_whitespace().skip_while(|word| *word != name);
    words.nth(1)
}

#[test]
fn translations_of_the_test_set_are_those_of_generate() {
    let mut n = 0;
    for case in cases() {
        let Some((_root, run)) = case.import() else { continue };
        let (flags, expected) = generated(case.folder());
        assert_eq!(flag(&flags, "--beam"), Some("4"));
        let length_penalty = flag(&flags, "--lenpen").unwrap_or("1");
        let max_length_b = flag(&flags, "--max-len-b").unwrap_or("200");
        let mut command = program(&["translate", "--input-format", "tokens", "--json", "--n-best", "4"]);
        command.args(["--batch-size", "128", "--beam", "4", "--max-length-b", max_length_b]);
        command.args(["--length-penalty", length_penalty, "--run"]).arg(&run);
        command.arg("--reference").arg(case.data("test.tgt"));
        command.write_stdin(text(&case.data("test.src")));
        let found = json_lines(&stdout(&command.assert().code(0)));
        assert_eq!(found.len(), expected.len(), "{}", case.checkpoint);
        for (line, (number, (score, text, scores))) in found.iter().zip(expected) {
            let place = format!("{} sentence {number}", case.checkpoint);
            assert_eq!(line["line"], number);
            assert_eq!(line["hypotheses"].as_array().unwrap().len(), 4, "{place}");
            let best = &line["hypotheses"][0];
            assert_eq!(best["text"], text, "{place}");
            assert!(
                (best["score"].as_f64().unwrap() - score).abs() < SCORE_TOLERANCE,
                "{place}"
            );
            let token_scores = best["token_scores"].as_array().unwrap();
            assert_eq!(token_scores.len(), scores.len(), "{place}");
            for (found, expected) in token_scores.iter().zip(scores) {
                let difference = (found.as_f64().unwrap() - expected).abs();
                assert!(difference < TOKEN_TOLERANCE, "{place}: {found}, expected {expected}");
            }
        }
        n += 1;
    }
    assert!(n >= 3, "the fixtures are gone");
}

/// Ids as lines of tokens, without padding and the final `</s>`.
fn lines(ids: &(Vec<usize>, Vec<f32>), dictionary: &Path) -> Vec<String> {
    let dictionary = text(dictionary);
    let pieces: Vec<&str> = ["<s>", "<pad>", "</s>", "<unk>"]
        .into_iter()
        .chain(dictionary.lines().map(|line| line.rsplit_once(' ').unwrap().0))
        .collect();
    ids.1
        .chunks(ids.0[1])
        .map(|row| {
            let row = row.iter().filter(|id| ![1.0, 2.0].contains(*id));
            row.map(|id| pieces[*id as usize]).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// Log-probabilities of the reference itself are good to this much.
const LOG_PROBABILITY_TOLERANCE: f64 = 5e-5;

#[test]
fn scores_of_given_translations_are_those_of_the_reference() {
    let mut n = 0;
    for case in cases() {
        let Some((root, run)) = case.import() else { continue };
        let io = floats(&golden(&format!("{}/io.safetensors", case.folder())).unwrap());
        let [source, target] = [("right.src_tokens", "src"), ("target", "tgt")].map(|(ids, side)| {
            let path = root.path().join(side);
            let lines = lines(&io[ids], &case.data(&format!("bin/dict.{side}.txt")));
            fs::write(&path, lines.join("\n") + "\n").unwrap();
            path
        });
        let score = |batch_size: &str| {
            let mut command = program(&[
                "score",
                "--input-format",
                "tokens",
                "--json",
                "--batch-size",
                batch_size,
            ]);
            command.arg("--run").arg(&run);
            command.arg("--source").arg(&source).arg("--target").arg(&target);
            json_lines(&stdout(&command.assert().code(0)))
        };
        let (together, alone) = (score("128"), score("1"));
        let targets = &io["target"];
        for (row, ids) in targets.1.chunks(targets.0[1]).enumerate() {
            let place = format!("{} sentence {row}", case.checkpoint);
            let ids: Vec<usize> = ids.iter().map(|id| *id as usize).filter(|id| *id != 1).collect();
            let (shape, lprobs) = &io["left.lprobs"];
            let rows = lprobs.chunks(shape[2]).skip(row * shape[1]);
            check_scores(&place, &together[row], rows, &ids);
            let (shape, logits) = &io[&format!("single{row}.logits")];
            let rows: Vec<Vec<f32>> = logits.chunks(shape[2]).map(log_softmax).collect();
            check_scores(&place, &alone[row], rows.iter().map(Vec::as_slice), &ids);
        }
        n += 1;
    }
    assert!(n >= 3, "the fixtures are gone");
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let sum: f64 = logits.iter().map(|x| f64::from(*x).exp()).sum();
    logits.iter().map(|x| (f64::from(*x) - sum.ln()) as f32).collect()
}

fn check_scores<'a>(place: &str, line: &Json, rows: impl Iterator<Item = &'a [f32]>, ids: &[usize]) {
    let found = line["token_log_probabilities"].as_array().unwrap();
    assert_eq!(found.len(), ids.len(), "{place}");
    assert_eq!(line["tokens"].as_array().unwrap().len(), ids.len(), "{place}");
    assert_eq!(line["tokens"][ids.len() - 1], "</s>", "{place}");
    let mut sum = 0.0;
    for ((found, row), id) in found.iter().zip(rows).zip(ids) {
        let (found, expected) = (found.as_f64().unwrap(), f64::from(row[*id]));
        assert!(
            (found - expected).abs() < LOG_PROBABILITY_TOLERANCE,
            "{place}: {found}, expected {expected}"
        );
        sum += expected;
    }
    let found = line["log_probability"].as_f64().unwrap();
    assert!(
        (found - sum).abs() < LOG_PROBABILITY_TOLERANCE * ids.len() as f64,
        "{place}"
    );
}

#[test]
fn an_average_is_that_of_the_reference() {
    let Some(expected) = golden("average/average_model_3.safetensors") else {
        assert!(!has_shared(), "the checkpoints to average are gone");
        eprintln!("no checkpoints to average beside this checkout");
        return;
    };
    let checkpoints: Vec<PathBuf> = [3, 2, 1]
        .iter()
        .map(|i| golden(&format!("average/checkpoint{i}.pt")).unwrap())
        .collect();
    let paths: Vec<&Path> = checkpoints.iter().map(PathBuf::as_path).collect();
    let (_root, run) = import(&paths, JOINED);
    let expected = floats(&expected);
    for (name, tensor) in floats(&run.join("model.safetensors")) {
        assert_eq!(tensor, expected[&name], "{name}");
    }
}

#[test]
fn the_average_of_one_model_with_itself_is_that_model() {
    let checkpoint = golden("mb_light_iwslt/checkpoint_cuda_like.pt").unwrap();
    let (_root, once) = import(&[&checkpoint], SEPARATE);
    let (_root, twice) = import(&[&checkpoint, &checkpoint], SEPARATE);
    let read = |run: &Path| fs::read(run.join("model.safetensors")).unwrap();
    assert_eq!(read(&once), read(&twice));
}

#[test]
fn the_average_of_two_models_lies_halfway() {
    let checkpoint = golden("mb_light_iwslt/checkpoint_cuda_like.pt").unwrap();
    // The older container has no checksums, and ends in its last storage: a weight of a norm.
    let mut bytes = fs::read(&checkpoint).unwrap();
    let last = bytes.len() - size_of::<f32>();
    bytes[last..].copy_from_slice(&1.5f32.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pt");
    fs::write(&other, bytes).unwrap();
    let (_root, once) = import(&[&checkpoint], SEPARATE);
    let (_root, average) = import(&[&checkpoint, &other], SEPARATE);
    let [once, average] = [once, average].map(|run| floats(&run.join("model.safetensors")));
    assert!(once.keys().eq(average.keys()));
    let values = |tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>| tensors.into_values().flat_map(|tensor| tensor.1);
    let pairs = values(once).zip(values(average));
    let changed: Vec<(f32, f32)> = pairs.filter(|(once, average)| once != average).collect();
    let [(once, average)] = changed[..] else {
        panic!("{} weights have changed", changed.len())
    };
    assert_eq!(average, (once + 1.5) / 2.0);
}

/// Language models: weights by name, and the losses of eval_lm.py. They are read where all checkpoints are at hand.
#[test]
fn language_models_have_the_losses_of_the_reference() {
    let names = [
        "lm_adaptive",
        "lm_adaptive_tied_noproj",
        "lm_adaptive_untied",
        "lm_softmax",
    ];
    let mut n = 0;
    for (name, container) in names
        .iter()
        .flat_map(|name| [(name, "checkpoint.pt"), (name, "checkpoint_zip.pt")])
    {
        let Some(checkpoint) = golden(&format!("{name}/{container}")) else {
            eprintln!("{name}: no checkpoint beside this checkout");
            continue;
        };
        let data = |path: &str| golden(&format!("data/lm/{path}")).unwrap();
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        let mut command = program(&["import", "--fairseq"]);
        command.arg(checkpoint).arg("--dictionary").arg(data("bin/dict.txt"));
        command.arg("--out").arg(&run).assert().code(0);
        let expected = floats(&golden(&format!("{name}/model.safetensors")).unwrap());
        for (tensor, value) in floats(&run.join("model.safetensors")) {
            assert_eq!(value, expected[&tensor], "{name} {tensor}");
        }
        let evaluations = text(&golden(&format!("{name}/eval_lm_test.json")).unwrap());
        let evaluations: BTreeMap<String, Json> = serde_json::from_str(&evaluations).unwrap();
        for (variant, expected) in evaluations {
            let flags: Vec<&str> = expected["flags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|f| f.as_str().unwrap())
                .collect();
            let flags = flags.join(" ");
            let mut command = program(&["perplexity", "--input-format", "tokens", "--json"]);
            command.arg("--run").arg(&run).arg("--text").arg(data("test.txt"));
            command.args(["--break-mode", flag(&flags, "--sample-break-mode").unwrap_or("none")]);
            command.args(["--context-window", flag(&flags, "--context-window").unwrap_or("0")]);
            let found = json_lines(&stdout(&command.assert().code(0))).remove(0);
            assert_eq!(found["tokens"], expected["tokens"], "{name} {variant}");
            let loss = expected["result"].as_str().unwrap();
            let loss: f64 = loss["| Loss: ".len()..].split(',').next().unwrap().parse().unwrap();
            // Four digits are printed.
            assert!(
                (found["loss"].as_f64().unwrap() - loss).abs() < 6e-5,
                "{name} {variant}: {found}"
            );
        }
        n += 1;
    }
    assert!(n >= 1 || !has_shared(), "the checkpoints are gone");
}
