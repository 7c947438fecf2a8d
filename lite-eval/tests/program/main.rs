//! What a person sees of `lite-eval`: help, errors, and what its commands print.

mod bench;
mod cost;
mod metrics;
mod translation;
#[path = "../common/untrained.rs"]
mod untrained;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use lite_eval::device::DeviceName;

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
        check_examples(&help);
        insta::assert_snapshot!(format!("help-{command}"), help);
    }
    for task in ["beam", "scale", "pair"] {
        let help = stdout(&program(&["bench", task, "--help"]).assert().code(0));
        check_examples(&help);
        insta::assert_snapshot!(format!("help-bench-{task}"), help);
    }
}

/// Examples can be pasted: every line is a command or goes on one that ends in a backslash, and no terminal folds it.
fn check_examples(help: &str) {
    const WIDEST: usize = 78;
    let (_, examples) = help.split_once("\nExample:\n").expect("an example");
    let mut goes_on = false;
    for line in examples.lines() {
        let begin = if goes_on { "    " } else { "  lite-eval " };
        assert!(line.starts_with(begin), "no command and not the rest of one: {line}");
        assert!(line.chars().count() <= WIDEST, "wider than a terminal: {line}");
        goes_on = line.ends_with('\\');
    }
    assert!(!goes_on, "the last command has no end: {examples}");
}

#[test]
fn what_other_commands_call_an_option_is_understood() {
    let cost = |arguments: &[&str]| {
        let mut command = program(&["cost", "--exp", "quick", "--json"]);
        stdout(&command.args(arguments).assert().code(0))
    };
    assert_eq!(
        cost(&["--vocab", "900", "--src-len", "20", "--tgt-len", "10"]),
        cost(&["--vocabulary", "900", "--source-length", "20", "--target-length", "10"])
    );
    // Of the others, that they come as far as to look at what they are given.
    for (arguments, expected) in [
        (
            "bench --exp quik --vocab 900 --steps 1",
            "no definition is named `quik`",
        ),
        (
            "bench beam --vocabulary 900 --source-length 2 --target-length 2 --repetitions 1 --arch lit",
            "no architecture is named `lit`",
        ),
        (
            "bench scale --vocabulary 900 --repetitions 1 --output nothing --arch lit",
            "no architecture is named `lit`",
        ),
        (
            "bench pair --vocabulary 900 --repetitions 1 --output nothing --arch lit",
            "no architecture is named `lit`",
        ),
        ("compress --run nowhere --output nothing", "`nowhere` is no run folder"),
        (
            "export --run nowhere --format safetensors --output nothing",
            "`nowhere` is no run folder",
        ),
        ("import --fairseq nowhere.pt --output nothing", "`nowhere.pt`: "),
        (
            "translate --run nowhere --references nothing",
            "`nowhere` is no run folder",
        ),
        ("metrics --hypotheses nowhere --reference nowhere", "`nowhere`: "),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let message = stderr(&program(&arguments).assert().failure());
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn a_device_is_named_with_its_number() {
    for name in DeviceName::ALL.into_iter().filter(|name| !name.is_compiled_in()) {
        let device = format!("{name}:1");
        let message = stderr(&program(&["bench", "beam", "--device", &device]).assert().code(2));
        assert_eq!(
            message,
            format!("error: the device `{name}` is not compiled in\nhint: build with `--features {name}`\n")
        );
    }
}

#[test]
fn errors_offer_what_was_probably_meant() {
    for (arguments, code, expected) in [
        (
            &["cost", "--exp", "multi30k-enrf"][..],
            2,
            "did you mean `multi30k-enfr`?",
        ),
        (
            &["cost", "--exp", "multi30k-enfr", "--arch", "lit"],
            2,
            "did you mean `lite`?",
        ),
        (
            &["cost", "--exp", "quick", "--set", "arch.lite.d_modle=8"],
            2,
            "did you mean `d_model`?",
        ),
        (
            &["cost", "--exp", "nowhere.toml"],
            1,
            "`nowhere.toml` could not be read: ",
        ),
        (
            &["bench", "beam", "--device", "flex:1"],
            2,
            "`flex` is one device, whose cores share the work by themselves",
        ),
        (
            &["bench", "beam", "--device", "cuda:x"],
            2,
            "expected a number behind the colon, such as cuda:1",
        ),
        (
            &["bench", "beam", "--d-model", "36", "--arch", "transformer"],
            2,
            "`n_heads`: found 8, expected a divisor of d_model = 36",
        ),
        (
            &["bench", "--exp", "quick", "--vocabulary", "100,200,300"],
            2,
            "--vocabulary: found 3 sizes, expected one for both sides, or SOURCE,TARGET",
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
            2,
            "int8 translates, it does not train; there are f32 and bf16",
        ),
        (
            &[
                "bench",
                "pair",
                "--task",
                "train",
                "--precision",
                "int8",
                "--out",
                "nothing",
            ],
            2,
            "int8 translates, it does not train; there are f32 and bf16",
        ),
        (&["bench", "pair", "--precision", "in8"], 2, "did you mean `int8`?"),
        (
            &["bench", "beam", "--arch", "transfromer"],
            2,
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
            &["translate", "--run", "Cargo.toml"],
            2,
            "`Cargo.toml` is a file; a compressed model is given with --model",
        ),
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
