//! What a person sees of `lite-eval`: help, errors, and what its commands print.

mod bench;
mod cost;
mod metrics;
mod translation;
#[path = "../common/untrained.rs"]
mod untrained;

use assert_cmd::Command;
use assert_cmd::assert::Assert;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn stdout(assert: &Assert) -> String {
    text(&assert.get_output().stdout)
}

fn stderr(assert: &Assert) -> String {
    text(&assert.get_output().stderr)
}

#[test]
fn help_of_every_command() {
    insta::assert_snapshot!("help", stdout(&program(&["--help"]).assert().code(0)));
    for command in [
        "translate",
        "score",
        "evaluate",
        "baseline",
        "metrics",
        "compare",
        "perplexity",
        "cost",
        "tables",
        "plot",
        "bench",
        "import",
        "compress",
        "export",
    ] {
        let help = stdout(&program(&[command, "--help"]).assert().code(0));
        assert!(help.contains("Example:\n  lite-eval "), "{command}");
        insta::assert_snapshot!(format!("help-{command}"), help);
    }
    let help = stdout(&program(&["bench", "beam", "--help"]).assert().code(0));
    insta::assert_snapshot!("help-bench-beam", help);
    let help = stdout(&program(&["bench", "scale", "--help"]).assert().code(0));
    insta::assert_snapshot!("help-bench-scale", help);
    let help = stdout(&program(&["bench", "pair", "--help"]).assert().code(0));
    insta::assert_snapshot!("help-bench-pair", help);
}

#[test]
fn errors_offer_what_was_probably_meant() {
    for (arguments, code, expected) in [
        (
            &["cost", "--exp", "multi30k-enrf"][..],
            1,
            "did you mean `multi30k-enfr`?",
        ),
        (
            &["cost", "--exp", "multi30k-enfr", "--arch", "lit"],
            1,
            "did you mean `lite`?",
        ),
        (
            &["bench", "--exp", "quick", "--device", "cdua"],
            2,
            "did you mean `cuda`?",
        ),
        (
            &["translate", "--run", "nowhere", "--precision", "int"],
            2,
            "did you mean `int8`?",
        ),
        (
            &["bench", "train", "--precision", "int8"],
            1,
            "int8 translates, it does not train",
        ),
        (
            &["bench", "beam", "--arch", "transfromer"],
            1,
            "did you mean `transformer`?",
        ),
        (
            &["bench", "train", "--exp", "quick", "--d-model", "64"],
            2,
            "cannot be used with",
        ),
        (
            &["translate", "--run", "nowhere"],
            1,
            "`nowhere` is no run folder: `definition.json` is missing in it\nhint: ",
        ),
        (
            &[
                "export",
                "--run",
                "nowhere",
                "--format",
                "safetensors",
                "--out",
                "nothing",
            ],
            1,
            "`nowhere` is no run folder: `definition.json` is missing in it\nhint: ",
        ),
        (&["translate"], 2, "--run <DIR>"),
        (
            &["metrics", "--hypotheses", "nowhere", "--references", "nowhere"],
            1,
            "`nowhere`: ",
        ),
    ] {
        let message = stderr(&program(arguments).assert().code(code));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}
