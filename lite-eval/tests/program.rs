//! What a person sees of `lite-eval`: help, errors, and translations of a small run with random weights.

#[path = "common/untrained.rs"]
mod untrained;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use tempfile::TempDir;
use untrained::untrained;

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

/// A run of one small model over six words and ten positions, with its corpus beside it.
fn run() -> (TempDir, PathBuf) {
    run_with(&[])
}

/// The same with overrides of its definition.
fn run_with(overrides: &[&str]) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let corpus = root.path().join("corpus.txt");
    fs::write(
        &corpus,
        "le chat noir dort bien ici\nle chat dort\nici le chat noir dort\n",
    )
    .unwrap();
    let corpus = corpus.to_str().unwrap();
    let mut toml = String::from(
        r#"
        title = "tiny"
        [data]
        source_language = "fr"
        target_language = "fr"
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
    for split in ["train", "valid", "test"] {
        toml += &format!("\n[data.files.{split}]\nsource = {corpus:?}\ntarget = {corpus:?}\n");
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
    assert!(altered.starts_with(&start) && altered.contains("\nhint: "), "{altered}");
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
fn a_run_is_evaluated_and_its_scores_are_those_of_its_hypotheses() {
    let (root, run) = run();
    let data = root.path().join("data");
    let arguments = [
        "evaluate",
        "--run",
        run.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "--offline",
        "--json",
    ];
    let printed: serde_json::Value = serde_json::from_str(&stdout(&program(&arguments).assert().code(0))).unwrap();
    let written: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(run.join("scores.json")).unwrap()).unwrap();
    assert_eq!(printed, written);
    let hypotheses = fs::read_to_string(run.join("hypotheses.txt")).unwrap();
    let corpus = fs::read_to_string(root.path().join("corpus.txt")).unwrap();
    assert_eq!(hypotheses, stdout(&translate(&run, &[], corpus).code(0)));
    let hypotheses = run.join("hypotheses.txt");
    let references = root.path().join("corpus.txt");
    let files = [
        "--hypotheses",
        hypotheses.to_str().unwrap(),
        "--references",
        references.to_str().unwrap(),
    ];
    let scored = stdout(&program(&["metrics", "--json"]).args(files).assert().code(0));
    let scored: serde_json::Value = serde_json::from_str(&scored).unwrap();
    for score in written["scores"].as_array().unwrap() {
        assert!(scored["scores"].as_array().unwrap().contains(score), "{score}");
    }
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

#[test]
fn a_benchmark_prints_the_keys_of_its_peers() {
    let sizes = [
        "--d-model",
        "16",
        "--layers",
        "1",
        "--vocab",
        "40",
        "--batch",
        "2",
        "--steps",
        "2",
    ];
    for task in ["train", "greedy", "beam"] {
        let json = program(&["bench", task, "--json", "--threads", "1", "--tgt-len", "6"])
            .args(sizes)
            .assert()
            .code(0);
        let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
        assert_eq!(json["task"], task);
        for (key, expected) in [
            ("d_model", 16),
            ("d_ff", 16),
            ("layers", 1),
            ("heads", 4),
            ("vocab", 40),
            ("batch", 2),
            ("src_len", 32),
            ("tgt_len", 6),
            ("threads", 1),
        ] {
            assert_eq!(json[key], expected, "{task} {key}");
        }
        assert_eq!(json["seconds"].as_array().unwrap().len(), 2);
        let rate = 12.0 / json["median_seconds"].as_f64().unwrap();
        assert!(
            (json["tokens_per_second"].as_f64().unwrap() / rate - 1.0).abs() < 1e-6,
            "{task}"
        );
        assert!(json["peak_rss_mib"].as_f64().is_none_or(|mib| mib > 1.0), "{task}");
    }
}

#[test]
fn growth_is_written_with_its_figure() {
    let out = tempfile::tempdir().unwrap();
    let sizes = [
        "--values",
        "2,4",
        "--arch",
        "lite,evolved",
        "--d-model",
        "16",
        "--vocab",
        "40",
    ];
    let json = program(&[
        "bench",
        "scale",
        "--json",
        "--threads",
        "1",
        "--batch",
        "1",
        "--steps",
        "1",
        "--out",
    ])
    .arg(out.path())
    .args(sizes)
    .assert()
    .code(0);
    let printed: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    let written = fs::read_to_string(out.path().join("scale-greedy-length.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), printed);
    let points = printed["points"].as_array().unwrap();
    assert_eq!(points.len(), 4);
    for (point, (arch, length)) in points
        .iter()
        .zip([("lite", 2), ("evolved", 2), ("lite", 4), ("evolved", 4)])
    {
        assert_eq!(
            (point["arch"].as_str(), &point["found"]["tgt_len"]),
            (Some(arch), &length.into())
        );
    }
    assert!(out.path().join("scale-greedy-length.svg").exists());
}

#[test]
fn metrics_are_printed_with_their_signatures() {
    let files = [
        "--hypotheses",
        "tests/fixtures/bleu.sys.txt",
        "--references",
        "tests/fixtures/bleu.ref.txt",
    ];
    insta::assert_snapshot!("metrics", stdout(&program(&["metrics"]).args(files).assert().code(0)));
    let json = stdout(&program(&["metrics", "--json"]).args(files).assert().code(0));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (json["lines"].as_u64(), json["scores"][0]["name"].as_str()),
        (Some(24), Some("BLEU"))
    );
    let unequal = [
        "metrics",
        "--hypotheses",
        "tests/fixtures/bleu.sys.txt",
        "--references",
        "Cargo.toml",
    ];
    let message = stderr(&program(&unequal).assert().code(1));
    assert!(message.contains("24 hypotheses, but "), "{message}");
}

const SUMMARIES: [&str; 6] = [
    "--hypotheses",
    "tests/fixtures/summaries.system.txt",
    "--baseline",
    "tests/fixtures/summaries.baseline.txt",
    "--references",
    "tests/fixtures/summaries.references.txt",
];

#[test]
fn two_systems_are_compared() {
    let metrics = |arguments: &[&str]| stdout(&program(&["metrics"]).args(SUMMARIES).args(arguments).assert().code(0));
    insta::assert_snapshot!("metrics-baseline", metrics(&["--differences", "2"]));
    let arguments = [
        "--metrics=ter,rouge1,ter",
        "--differences-by=ter",
        "--differences=1",
        "--resamples=200",
        "--seed=7",
        "--json",
    ];
    let json: serde_json::Value = serde_json::from_str(&metrics(&arguments)).unwrap();
    assert_eq!(json["lines"], 48);
    let names = |scores: &serde_json::Value| {
        let scores = scores.as_array().unwrap().iter();
        scores
            .map(|score| score["name"].as_str().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&json["scores"]), ["TER", "ROUGE-1"]);
    assert_eq!(names(&json["baseline"]["scores"]), ["TER", "ROUGE-1"]);
    assert_eq!(names(&json["baseline"]["comparisons"]), ["TER", "ROUGE-1"]);
    let signature = json["scores"][0]["signature"].as_str().unwrap();
    assert!(signature.starts_with("nrefs:1|bs:200|seed:7|case:lc|"), "{signature}");
    let against = &json["baseline"];
    assert_eq!(against["differences_by"], "TER");
    let line = &against["differences"][0];
    let number = |key: &str| line[key].as_f64().unwrap();
    assert_eq!(against["differences"].as_array().unwrap().len(), 1);
    assert_eq!(number("difference"), number("system") - number("baseline"));
    let references = fs::read_to_string("tests/fixtures/summaries.references.txt").unwrap();
    let reference = references.lines().nth(line["line"].as_u64().unwrap() as usize - 1);
    assert_eq!(line["reference"].as_str(), reference);
}

#[test]
fn the_example_of_metrics_works_as_pasted() {
    let help = stdout(&program(&["metrics", "--help"]).assert().code(0));
    let example = help
        .split("Example:\n  lite-eval ")
        .nth(1)
        .unwrap()
        .replace("\\\n", " ");
    let arguments: Vec<&str> = example.split_whitespace().collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let found = program(&arguments).current_dir(root).assert().code(0);
    assert!(stdout(&found).contains("ROUGE-Lsum"));
}

#[test]
fn a_system_has_an_interval() {
    let arguments = ["--metrics", "sacrebleu,rouge", "--confidence"];
    let files = [SUMMARIES[0], SUMMARIES[1], SUMMARIES[4], SUMMARIES[5]];
    let found = program(&["metrics"]).args(files).args(arguments).assert().code(0);
    insta::assert_snapshot!("metrics-confidence", stdout(&found));
}

#[test]
fn what_metrics_cannot_compare_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_string()
    };
    let (two, three) = (file("two", b"a\nb\n"), file("three", b"a\nb\nc\n"));
    let (empty, broken) = (file("empty", b""), file("broken", b"a\nb\xff\n"));
    let baseline = |path: &str| format!("--hypotheses {two} --references {two} --baseline {path}");
    for (arguments, code, expected) in [
        (
            baseline(&three),
            1,
            format!(
                "error: `{three}` against `{two}`: 3 hypotheses, but 2 references: they must be as many, line by line"
            ),
        ),
        (
            format!("--hypotheses {empty} --references {empty}"),
            1,
            format!("error: `{empty}` against `{empty}`: no lines to score"),
        ),
        (
            format!("--hypotheses {empty} --references {two}"),
            1,
            format!("error: `{empty}` against `{two}`: 0 hypotheses, but 2 references"),
        ),
        (
            baseline(&broken),
            1,
            format!("error: `{broken}` line 2: byte 2 is 0xff, which is no UTF-8"),
        ),
        (
            format!("--hypotheses {two} --references {two} --metrics rogue"),
            2,
            "invalid value 'rogue' for '--metrics <NAMES>': expected one of bleu, ".into(),
        ),
        (
            format!("--hypotheses {two} --references {two} --differences 2"),
            2,
            "--baseline <FILE>".into(),
        ),
        (
            format!("{} --differences-by rouge", baseline(&two)),
            2,
            "that is several; name one of them".into(),
        ),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let message = stderr(&program(&["metrics"]).args(&arguments).assert().code(code));
        assert!(message.contains(&expected), "{arguments:?}: {message}");
    }
}

#[test]
fn cost_shows_the_paper_beside_ours() {
    let arguments = ["cost", "--exp", "wmt14-enfr-100M", "--vocabulary", "32768"];
    insta::assert_snapshot!("cost", stdout(&program(&arguments).assert().code(0)));
    let json = stdout(&program(&arguments).arg("--json").assert().code(0));
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        (
            first["source_length"].as_u64(),
            first["published"]["mult_adds"].as_f64()
        ),
        (Some(30), Some(90e6))
    );
    let parts = first["as_paper"]["decoder"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["part"] == "cross-attention"));
    assert_eq!(first["mult_adds"], first["as_paper"]["mult_adds"]);
}

#[test]
fn cost_splits_figure_2_by_part() {
    let experiment = ["cost", "--exp", "wmt14-enfr-base", "--vocabulary", "32768"];
    let text = stdout(&program(&experiment).arg("--parts").assert().code(0));
    insta::assert_snapshot!("cost-parts", text);
    for format in ["markdown", "latex"] {
        let arguments = ["--arch", "transformer", "--format", format];
        let table = stdout(&program(&experiment).args(arguments).assert().code(0));
        insta::assert_snapshot!(format!("cost-{format}"), table);
    }
}

#[test]
fn cost_shows_every_row_of_the_paper() {
    insta::assert_snapshot!("cost-paper", stdout(&program(&["cost", "--paper"]).assert().code(0)));
    // At other lengths there is nothing to compare, except where they are those of a row.
    let arguments = [
        "--exp",
        "cnndm-800M",
        "--exp",
        "quick",
        "--source-length",
        "100",
        "--target-length",
        "60",
    ];
    let text = stdout(&program(&["cost"]).args(arguments).assert().code(0));
    insta::assert_snapshot!("cost-lengths", text);
}

#[cfg(unix)]
#[test]
fn workloads_are_timed_beside_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let peer = folder.path().join("peer.sh");
    // It takes as many seconds as the model is wide.
    fs::write(
        &peer,
        "echo \"{\\\"median_seconds\\\": $1, \\\"peak_rss_mib\\\": 7.0, \\\"dtype\\\": \\\"$2\\\"}\"\n",
    )
    .unwrap();
    let pair = |beside: &str| {
        let mut command = program(&["bench", "pair", "--task", "greedy", "--arch", "lite,transformer"]);
        command.args(["--d-model", "16,32", "--vocab", "100", "--batch", "2", "--threads", "1"]);
        command.args(["--rounds", "2", "--steps", "1", "--name", "tiny", "--beside", beside]);
        command.args(["--out", folder.path().to_str().unwrap()]);
        command.assert()
    };
    let beside = format!("Peer=sh {} {{d_model}} {{dtype}}", peer.display());
    let table = stdout(&pair(&beside).code(0));
    assert!(table.contains("Peer f32, s"), "{table}");
    let record = fs::read(folder.path().join("tiny.json")).unwrap();
    let pairs: lite_eval::bench::pair::Pairs = serde_json::from_slice(&record).unwrap();
    let models: Vec<(&str, usize)> = pairs.rows.iter().map(|row| (row.arch.as_str(), row.d_model)).collect();
    assert_eq!(
        models,
        [("lite", 16), ("lite", 32), ("transformer", 16), ("transformer", 32)]
    );
    for row in &pairs.rows {
        let [ours, other] = &row.programs[..] else {
            panic!("{row:?}")
        };
        assert_eq!((row.vocab, row.batch, row.threads), (100, 2, 1));
        assert_eq!((ours.seconds.len(), ours.peak_rss_mib.is_some()), (2, true));
        assert_eq!(other.seconds, [row.d_model as f64; 2]);
        assert!(row.gain().unwrap() > 1.0);
    }

    let wrong = stderr(&pair("Peer=sh peer.sh {width}").code(1));
    assert!(
        wrong.contains("`{width}` in the command is none of the workload's keys"),
        "{wrong}"
    );
    let silent = stderr(&pair("Peer=true").code(1));
    assert!(silent.contains("Peer: expected one JSON object"), "{silent}");
    let absent = stderr(&pair("Peer=no-such-program-here").code(1));
    assert!(absent.contains("Peer: `no-such-program-here`"), "{absent}");
}
