//! Translations and scores of a small run with random weights.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use experiments::{RunDefinition, RunFolder};
use serde_json::json;
use tempfile::TempDir;

use super::untrained::untrained;
use super::{program, stderr, stdout};

/// A run of one small model over six words of each language and ten positions, with its corpus beside it: each side of each split
/// is a file of its own, `test.source` and so on.
fn run() -> (TempDir, PathBuf) {
    run_with(&[])
}

/// The same with overrides of its definition.
fn run_with(overrides: &[&str]) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let mut toml = String::from(
        r#"
        title = "tiny"
        [data]
        source_language = "fr"
        target_language = "en"
        tokeniser = { kind = "words" }
        [decode]
        max_length_b = 6
        [arch.lite]
        architecture = "lite"
        d_model = 16
        d_ff = 16
        encoder_layers = 2
        decoder_layers = 2
        n_heads = 4
        max_source_positions = 10
        "#,
    );
    for (split, source, target) in [
        (
            "train",
            "le chat noir dort bien ici\nle chat dort\nici le chat noir dort\n",
            "the black cat sleeps well here\nthe cat sleeps\nhere the black cat sleeps\n",
        ),
        (
            "valid",
            "le chat\nbien\nici dort le chat\n",
            "the cat\nwell\nhere sleeps the cat\n",
        ),
        (
            "test",
            "chat noir\nici le chat noir dort bien\ndort\n",
            "black cat\nhere the black cat sleeps well\nsleeps\n",
        ),
    ] {
        toml += &format!("\n[data.files.{split}]\n");
        for (side, lines) in [("source", source), ("target", target)] {
            let path = root.path().join(format!("{split}.{side}"));
            fs::write(&path, lines).unwrap();
            toml += &format!("{side} = {path:?}\n");
        }
    }
    let folder = untrained(root.path(), &toml, "lite", overrides);
    (root, folder)
}

fn translate(run: &Path, arguments: &[&str], input: impl Into<Vec<u8>>) -> Assert {
    program(&["translate", "--run", run.to_str().unwrap()])
        .args(arguments)
        .write_stdin(input)
        .assert()
}

#[test]
fn lines_keep_their_order_and_empty_ones_stay_empty() {
    let (_root, run) = run();
    let lines = ["le chat noir dort", "", "bien", "le chat", "ici le chat dort bien"];
    let together = stdout(&translate(&run, &["--batch-size", "2"], lines.join("\n")).code(0));
    let together: Vec<&str> = together.lines().collect();
    assert_eq!(together.len(), lines.len());
    assert_eq!(together[1], "");
    for (line, found) in lines.iter().zip(&together) {
        let alone = stdout(&translate(&run, &[], format!("{line}\n")).code(0));
        assert_eq!(alone.trim_end(), *found, "{line}");
    }
}

#[test]
fn json_has_the_best_hypotheses_of_every_line() {
    let (_root, run) = run();
    let arguments = ["--json", "--beam", "3", "--n-best", "2", "--input-format", "tokens"];
    let found = stdout(&translate(&run, &arguments, "le chat\n\nici\n").code(0));
    let found: Vec<serde_json::Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), 3);
    for (i, line) in found.iter().enumerate() {
        assert_eq!(line["line"], i);
    }
    assert_eq!(
        found[1]["hypotheses"],
        serde_json::json!([{"text": "", "tokens": [], "score": 0.0, "token_scores": []}])
    );
    let hypotheses = found[0]["hypotheses"].as_array().unwrap();
    assert_eq!(hypotheses.len(), 2);
    for hypothesis in hypotheses {
        let tokens = hypothesis["tokens"].as_array().unwrap();
        assert_eq!(tokens.last().unwrap(), "</s>");
        assert_eq!(tokens.len(), hypothesis["token_scores"].as_array().unwrap().len());
    }
    assert!(hypotheses[0]["score"].as_f64() >= hypotheses[1]["score"].as_f64());
}

#[test]
fn a_line_longer_than_the_model_is_cut_and_said() {
    let (_root, run) = run();
    let long = translate(&run, &[], format!("le chat\n{}\n", ["bien"; 14].join(" "))).code(0);
    assert_eq!(stderr(&long), "warning: stdin line 2: 15 tokens, at most 10: cut\n");
    let cut = translate(&run, &[], format!("le chat\n{}\n", ["bien"; 9].join(" "))).code(0);
    assert_eq!((stdout(&long), stderr(&cut)), (stdout(&cut), String::new()));

    // Where training saw articles cut, so are those to come.
    let (_root, run) = run_with(&["data.max_source_tokens=7", "data.long_sources=cut"]);
    let long = translate(&run, &[], ["bien"; 8].join(" ")).code(0);
    assert_eq!(stderr(&long), "warning: stdin line 1: 9 tokens, at most 7: cut\n");
    let cut = translate(&run, &[], ["bien"; 6].join(" ")).code(0);
    assert_eq!((stdout(&long), stderr(&cut)), (stdout(&cut), String::new()));
}

#[test]
fn what_is_no_text_is_named_by_its_line() {
    let (_root, run) = run();
    let broken = translate(&run, &[], b"le chat\nno\xffir\n".to_vec()).code(1);
    assert_eq!(
        stderr(&broken),
        "error: stdin line 2: byte 3 is 0xff, which is no UTF-8\n"
    );
}

#[test]
fn altered_weights_are_named() {
    let (_root, run) = run();
    let path = run.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let altered = stderr(&translate(&run, &[], "le\n").code(1));
    let start = format!("error: weights `{}` were altered: found sha256 ", path.display());
    assert!(altered.starts_with(&start), "{altered}");
    assert!(
        altered.contains("\nhint: ") && altered.contains("or import it again"),
        "{altered}"
    );
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(stderr(&translate(&run, &[], "le\n").code(1)).starts_with(&start));
}

#[test]
fn a_translation_in_8_bits_scores_as_one_of_floats() {
    let (_root, run) = run();
    let scores = |arguments: &[&str]| -> Vec<f64> {
        let found = stdout(&translate(&run, arguments, "le chat\nici\n").code(0));
        let lines = found
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .map(|line| line["hypotheses"][0]["score"].as_f64().unwrap())
            .collect()
    };
    let floats = scores(&["--json"]);
    let int8 = scores(&["--json", "--precision", "int8"]);
    for (floats, int8) in floats.iter().zip(&int8) {
        assert!(
            floats != int8 && (floats - int8).abs() < 0.03 * floats.abs(),
            "{floats} {int8}"
        );
    }
}

#[test]
fn given_translations_are_scored_in_either_precision() {
    let (root, run) = run();
    let [source, target] = ["test.source", "test.target"].map(|name| root.path().join(name));
    let score = |arguments: &[&str]| {
        let mut command = program(&["score", "--json", "--run", run.to_str().unwrap()]);
        command.arg("--source").arg(&source).arg("--target").arg(&target);
        command.args(arguments).assert()
    };
    let scores = |arguments: &[&str]| -> Vec<f64> {
        let found = stdout(&score(arguments).code(0));
        let lines = found
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|line| line["log_probability"].as_f64().unwrap()).collect()
    };
    let (floats, int8) = (scores(&[]), scores(&["--precision", "int8"]));
    assert_eq!((floats.len(), int8.len()), (3, 3));
    for (floats, int8) in floats.iter().zip(&int8) {
        assert!(
            floats != int8 && (floats - int8).abs() < 0.03 * floats.abs(),
            "{floats} {int8}"
        );
    }
    let refused = stderr(&score(&["--batch-size", "0"]).code(2));
    assert_eq!(refused, "error: --batch-size: found 0, expected 1 or more\n");
}

#[test]
fn a_run_is_evaluated_and_its_scores_are_those_of_its_hypotheses() {
    // Unless it is kept from it, a random model says one word again and again, whatever it reads.
    let (root, run) = run_with(&["decode.no_repeat_ngram=1"]);
    let file = |name: &str| root.path().join(name);
    let data = file("data");
    let arguments = [
        "evaluate",
        "--run",
        run.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "--offline",
        "--json",
    ];
    let translated = |precision: &str, name: &str| {
        let lines = fs::read(file(name)).unwrap();
        stdout(&translate(&run, &["--precision", precision], lines).code(0))
    };
    let evaluate = |precision: &str, more: &[&str]| {
        let found = stdout(&program(&arguments).args(more).assert().code(0));
        let printed: serde_json::Value = serde_json::from_str(&found).unwrap();
        let written = fs::read_to_string(run.join("scores.json")).unwrap();
        let written: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(printed, written);
        assert_eq!(written["precision"], precision);
        let hypotheses = fs::read_to_string(run.join("hypotheses.txt")).unwrap();
        assert_eq!(hypotheses, translated(precision, "test.source"));
        for other in ["valid.source", "test.target"] {
            assert_ne!(hypotheses, translated(precision, other), "{other}");
        }
        written
    };
    evaluate("int8", &["--precision", "int8"]);
    let written = evaluate("f32", &[]);
    let said = stderr(&program(&arguments[..arguments.len() - 1]).assert().code(0));
    assert!(said.ends_with("\nprecision: f32\n"), "{said}");
    let written = written["scores"].as_array().unwrap();
    let scores = |references: &str| -> Vec<serde_json::Value> {
        let mut command = program(&["metrics", "--json", "--hypotheses"]);
        command.arg(run.join("hypotheses.txt"));
        command.arg("--references").arg(file(references));
        let scored: serde_json::Value = serde_json::from_str(&stdout(&command.assert().code(0))).unwrap();
        scored["scores"].as_array().unwrap().clone()
    };
    let scored = scores("test.target");
    for score in written {
        assert!(scored.contains(score), "{score}");
    }
    for other in ["valid.target", "test.source"] {
        let scored = scores(other);
        assert!(!written.iter().all(|score| scored.contains(score)), "{other}");
    }
}

#[test]
fn a_corpus_that_numbers_sources_otherwise_is_refused() {
    let (root, run) = run_with(&["data.vocabulary.joined=false"]);
    let data = root.path().join("data");
    let evaluate = || {
        let mut command = program(&["evaluate", "--offline", "--run", run.to_str().unwrap()]);
        command.arg("--data").arg(&data).assert()
    };
    evaluate().code(0);
    // The same pieces the other way round.
    let path = RunFolder::open(&run).unwrap().source_vocabulary();
    let pieces = fs::read_to_string(&path).unwrap();
    let pieces: String = pieces.lines().rev().flat_map(|line| [line, "\n"]).collect();
    fs::write(&path, pieces).unwrap();
    let message = stderr(&evaluate().code(1));
    let expected = format!("`{}` was trained with another source vocabulary than `", run.display());
    assert!(message.contains(&expected), "{message}");
}

#[test]
fn what_no_search_needs_is_refused() {
    let (_root, run) = run();
    for (flag, value, expected) in [
        (
            "--beam",
            "1099511627776",
            "error: decode.beam: found 1099511627776, expected 1024 or less\n",
        ),
        (
            "--batch-size",
            "2305843009213693952",
            "error: decode.batch_size: found 2305843009213693952, expected 1048576 or less\n",
        ),
    ] {
        assert_eq!(stderr(&translate(&run, &[flag, value], "le\n").code(2)), expected);
    }
    let path = run.join("definition.json");
    let definition = RunDefinition::read(&path).unwrap();
    for (section, changes, expected) in [
        (
            "decode",
            json!({ "beam": 1u64 << 40 }),
            "error: decode.beam: found 1099511627776, expected 1024 or less\n",
        ),
        (
            "data",
            json!({ "long_sources": "cut", "max_source_tokens": 0 }),
            "error: [data]: max_source_tokens: found 0, expected 2 or more, since long sources are cut to it\nhint: ",
        ),
    ] {
        let mut table = definition.definition.clone();
        let changes = changes.as_object().unwrap().clone();
        table[section].as_object_mut().unwrap().extend(changes);
        RunDefinition::resolved("tiny", "lite", table).write(&path).unwrap();
        let message = stderr(&translate(&run, &[], "le\n").code(1));
        assert!(message.starts_with(expected), "{message}");
    }
}
