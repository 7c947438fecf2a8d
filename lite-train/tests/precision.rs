//! Training in bfloat16 learns as in single precision does, and is refused where it cannot be.

#[allow(dead_code, reason = "run folders are not looked into here")]
mod common;

use common::Experiment;
use serde_json::Value;

/// Update and validation loss of a run.
fn curve(stdout: &str) -> Vec<(u64, f64)> {
    let printed: Value = serde_json::from_str(stdout).unwrap();
    let points = printed["runs"][0]["curve"].as_array().unwrap();
    let point = |point: &Value| (point["update"].as_u64().unwrap(), point["valid_loss"].as_f64().unwrap());
    points.iter().map(point).collect()
}

#[test]
fn the_learning_curve_lies_on_that_of_floats() {
    let experiment = Experiment::new();
    for arch in ["lite", "transformer"] {
        let train = |runs: &str, arguments: &[&str]| {
            let arguments = [&["--arch", arch, "--json", "--set", "train.updates=96"], arguments].concat();
            curve(&experiment.train(runs, &arguments).0)
        };
        let floats = train("f32", &[]);
        let rounded = train("bf16", &["--precision", "bf16"]);
        assert_eq!(floats.len(), 12, "{arch}");
        for ((update, floats), (same, rounded)) in floats.iter().zip(&rounded) {
            assert_eq!(update, same);
            assert!(
                (floats - rounded).abs() < 0.03 * floats,
                "{arch}, after update {update}: {rounded} where floats have {floats}"
            );
        }
        assert_ne!(floats, rounded, "{arch}: something was rounded");
        let [first, last] = [rounded[0].1, rounded[rounded.len() - 1].1];
        assert!(last < 0.8 * first, "{arch}: it learns, from {first} to {last}");
    }
}

#[test]
fn a_run_keeps_its_precision() {
    let experiment = Experiment::new();
    let arguments = ["--arch", "lite", "--json", "--set", "train.updates=8"];
    let rounded = [&arguments[..], &["--precision", "bf16"]].concat();
    let (stdout, _) = experiment.train("runs", &rounded);
    let printed: Value = serde_json::from_str(&stdout).unwrap();
    let overrides = printed["runs"][0]["overrides"].to_string();
    assert!(overrides.contains("train.precision=bf16"), "{overrides}");
    let output = experiment.command("runs", &arguments).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && stderr.contains("what differs: train.precision"),
        "{stderr}"
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let experiment = Experiment::new();
    for (arguments, expected) in [
        (
            &["--precision", "bf16", "--device", "ndarray"][..],
            "train.precision with the device ndarray: this device does not compute in bf16",
        ),
        (&["--precision", "int8"], "int8 translates, it does not train"),
        (&["--precision", "bf61"], "did you mean `bf16`?"),
        (&["--set", "train.precision=half"], "train.precision"),
    ] {
        let output = experiment.command("runs", arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && stderr.contains(expected),
            "{arguments:?}: {stderr}"
        );
    }
}
