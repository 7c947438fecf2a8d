//! What a user of the program sees.

mod common;

use std::fs;

use std::process::Stdio;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use common::Experiment;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lite-train"))
}

fn stderr(arguments: &[&str], code: i32) -> String {
    let output = program().args(arguments).assert().code(code).get_output().clone();
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn help() {
    let output = program().arg("--help").assert().success().get_output().stdout.clone();
    insta::assert_snapshot!(String::from_utf8(output).unwrap());
}

#[test]
fn unknown_names_offer_the_nearest() {
    let error = stderr(&["--exp", "quik"], 2);
    assert!(
        error.starts_with("error: no definition is named `quik` (did you mean `quick`?)\nhint: "),
        "{error}"
    );
    let error = stderr(&["--exp", "quick", "--arch", "lit"], 2);
    assert!(
        error.contains("has no architecture `lit` (did you mean `lite`?)"),
        "{error}"
    );
    let error = stderr(&["--exp", "quick", "--set", "train.updatess=3"], 2);
    assert!(
        error.contains("updatess") && error.contains("did you mean `updates`?"),
        "{error}"
    );
    let error = stderr(&["--exp", "quick", "--device", "flexx"], 2);
    assert!(error.contains("did you mean `flex`?"), "{error}");
    let error = stderr(
        &[
            "--exp",
            "quick",
            "--set",
            "train.select=bleu",
            "--set",
            "train.validation.bleu=none",
        ],
        2,
    );
    assert!(
        error.contains("override `train.select=bleu`: `train.select`: found \"bleu\", expected \"loss\", or"),
        "{error}"
    );
}

#[test]
fn the_list_is_of_names_and_titles() {
    let output = program().arg("--list").assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(output).unwrap().contains("quick"));
}

#[cfg(unix)]
#[test]
fn a_reader_may_have_seen_enough() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_lite-train"))
        .arg("--list")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn what_cannot_be_built_is_refused_before_a_corpus_is_prepared() {
    let experiment = Experiment::new();
    for setting in [
        "arch.lite.n_heads=5",
        "arch.lite.dropout=1.5",
        "decode.beam=0",
        "train.updates=0",
    ] {
        let output = experiment.command("runs", &["--set", setting]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{setting}: {error}");
        assert!(!experiment.path().join("data").exists(), "{setting}: {error}");
    }
    // And with nothing else asked for, it is prepared alone.
    let (found, _) = experiment.train("runs", &["--prepare-only"]);
    assert!(
        experiment.path().join(found.trim()).join("manifest.json").is_file(),
        "{found}"
    );
    assert!(!experiment.path().join("runs").exists());
}

/// The README's definition of one's own text trains as it stands, but for the corpus and the number of updates.
#[test]
fn the_definition_of_the_readme_trains() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, rest) = readme.split_once("```toml\n# mine.toml").expect("a definition");
    let (definition, _) = rest.split_once("```").unwrap();
    let experiment = Experiment::new();
    for split in ["train", "valid", "test"] {
        let name = |side: &str| experiment.path().join(format!("{split}.{side}"));
        fs::rename(name("xx"), name("fr")).unwrap();
    }
    fs::write(experiment.path().join("mine.toml"), definition).unwrap();
    let settings = ["data.tokeniser.vocabulary_size=60", "train.updates=2"];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lite-train"));
    command
        .current_dir(experiment.path())
        .args(["--exp", "mine.toml", "--offline"]);
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(experiment.path().join("results/mine/lite").is_dir(), "{said}");
}

#[test]
fn an_experiment_is_trained_compared_and_kept() {
    let experiment = Experiment::new();
    let (stdout, _) = experiment.train("runs", &[]);
    assert!(
        stdout.contains("A toy") && stdout.contains("lite") && stdout.contains("transformer"),
        "{stdout}"
    );
    let records = |arch: &str| {
        fs::read_dir(experiment.path().join("results/toy").join(arch))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().is_file())
            .count()
    };
    assert_eq!((records("lite"), records("transformer")), (2, 2));
    let comparison = experiment.path().join("results/toy/lite/comparison/transformer.json");
    let compared: serde_json::Value = serde_json::from_slice(&fs::read(&comparison).unwrap()).unwrap();
    assert_eq!(compared["hypotheses"].as_array().map(Vec::len), Some(1));
    assert!(stdout.contains("paired bootstrap"), "{stdout}");

    // Nothing is left to do, so nothing is done again.
    let (again, _) = experiment.train("runs", &["--arch", "lite"]);
    assert_eq!(again, stdout);
    assert_eq!(records("lite"), 2);
    let (text, _) = experiment.train("runs", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["runs"][0]["updates"], 24);
    assert_eq!(json["runs"][0]["status"], "finished");
    assert_eq!(json["runs"][0]["curve"].as_array().unwrap().len(), 3);

    // Another definition is no continuation of the run.
    let output = experiment
        .command("runs", &["--arch", "lite", "--set", "train.updates=25"])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("what differs: train.updates (24 there, 25 here)\nhint: --restart"),
        "{error}"
    );
    experiment.train("runs", &["--arch", "lite", "--set", "train.updates=25", "--restart"]);
    assert!(
        experiment
            .run_folder("runs", "lite")
            .join("checkpoints/00000025")
            .is_dir()
    );

    // A record of another seed counts in the results; what is printed is of these runs alone.
    let (stdout, _) = experiment.train("seed-2", &["--seed", "2"]);
    assert!(stdout.contains("paired bootstrap"), "{stdout}");
    let compared: serde_json::Value = serde_json::from_slice(&fs::read(comparison).unwrap()).unwrap();
    assert_eq!(compared["hypotheses"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_time_budget_ends_a_run_that_goes_on_later() {
    let experiment = Experiment::new();
    let (stdout, _) = experiment.train("runs", &["--arch", "lite", "--time-budget", "0s", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["runs"][0]["status"], "time budget");
    let (stdout, _) = experiment.train("runs", &["--arch", "lite", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&json["runs"][0]["status"], &json["runs"][0]["updates"]),
        (&"finished".into(), &24.into())
    );
    experiment.train("whole", &["--arch", "lite"]);
    let model = |runs| fs::read(experiment.run_folder(runs, "lite").join("model.safetensors")).unwrap();
    assert!(model("runs") == model("whole"));
}

#[test]
fn divergence_is_named_and_nothing_bad_is_kept() {
    let experiment = Experiment::new();
    let peak = [
        "--arch",
        "lite",
        "--set",
        "train.schedule.peak=1e38",
        "--set",
        "train.schedule.warmup=5",
        "--set",
        "train.checkpoint_every=1",
    ];
    let output = experiment.command("runs", &peak).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("training has diverged") && error.contains("hint: lower"),
        "{error}"
    );
    // The first update has the rate of the beginning, the second one near the peak.
    let checkpoints = fs::read_dir(experiment.run_folder("runs", "lite").join("checkpoints")).unwrap();
    let names: Vec<_> = checkpoints.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["00000001"]);
}

#[test]
fn one_program_at_a_time_trains_a_run() {
    let experiment = Experiment::new();
    let arguments = ["--arch", "lite", "--set", "train.updates=100000"];
    let mut command = experiment.command("runs", &arguments);
    let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let checkpoint = experiment.run_folder("runs", "lite").join("checkpoints/00000003");
    let began = Instant::now();
    while !checkpoint.exists() && began.elapsed().as_secs() < 120 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = experiment.command("runs", &arguments).output().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    let error = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{error}");
    assert!(error.contains("another program trains the run in"), "{error}");
}

#[test]
fn a_run_is_of_its_corpus_and_of_its_definition() {
    let experiment = Experiment::new();
    let arguments = ["--arch", "lite", "--set", "train.updates=6"];
    let refused = |arguments: &[&str]| {
        let output = experiment.command("runs", arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    experiment.train("runs", &arguments);
    // Another results folder gets the record too, once.
    let records = |results: &str| {
        let folder = fs::read_dir(experiment.path().join(results).join("toy/lite")).unwrap();
        folder
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .path()
                    .extension()
                    .is_some_and(|it| it == "json")
            })
            .count()
    };
    for _ in 0..2 {
        experiment.train("runs", &[&arguments[..], &["--results", "elsewhere"]].concat());
        assert_eq!((records("results"), records("elsewhere")), (1, 1));
    }

    let train = experiment.path().join("train.en");
    let text = fs::read_to_string(&train).unwrap();
    fs::write(&train, text.replacen("red", "green", 1)).unwrap();
    let error = refused(&arguments);
    assert!(
        error.contains("trained on another corpus by the same definition"),
        "{error}"
    );
    fs::write(&train, text).unwrap();

    // Checkpoints alone are of nobody knows which run.
    fs::remove_file(experiment.run_folder("runs", "lite").join("definition.json")).unwrap();
    let error = refused(&arguments);
    assert!(error.contains("has checkpoints and no definition.json"), "{error}");
    experiment.train("runs", &[&arguments[..], &["--restart"]].concat());
}

#[test]
fn a_run_that_goes_on_with_other_batches_says_so() {
    let experiment = Experiment::new();
    experiment.train("runs", &["--arch", "lite", "--time-budget", "0s"]);
    let (_, same) = experiment.train("runs", &["--arch", "lite", "--time-budget", "0s"]);
    assert!(!same.contains("warning"), "{same}");
    let (_, said) = experiment.train("runs", &["--arch", "lite", "--tokens-per-batch", "80"]);
    assert!(
        said.contains("trained with 512 tokens a batch on flex, and goes on with 80 on flex"),
        "{said}"
    );
}
