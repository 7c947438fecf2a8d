//! Scores of given texts.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{program, stderr, stdout};

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
fn packed_files_are_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("system.hyp.gz");
    let mut encoder = GzEncoder::new(fs::File::create(&packed).unwrap(), Compression::fast());
    encoder.write_all(&fs::read(SUMMARIES[1]).unwrap()).unwrap();
    encoder.finish().unwrap();
    let scores = |hypotheses: &Path| {
        let mut command = program(&["metrics", "--json", "--references", SUMMARIES[5], "--hypotheses"]);
        stdout(&command.arg(hypotheses).assert().code(0))
    };
    assert_eq!(scores(&packed), scores(Path::new(SUMMARIES[1])));
}

#[test]
fn a_system_has_an_interval() {
    let arguments = ["--metrics", "sacrebleu,rouge", "--confidence"];
    let files = [SUMMARIES[0], SUMMARIES[1], SUMMARIES[4], SUMMARIES[5]];
    let found = program(&["metrics"]).args(files).args(arguments).assert().code(0);
    insta::assert_snapshot!("metrics-confidence", stdout(&found));
}

#[test]
fn an_empty_line_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    for (hypotheses, references, n) in [("\n", "a\n", 1), ("\n\n", "a\nb\n", 2), ("a\n\n", "a\nb", 2)] {
        let [left, right] = [("left", hypotheses), ("right", references)].map(|(name, text)| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        });
        let mut command = program(&["metrics", "--metrics", "rouge1", "--json", "--hypotheses"]);
        command.arg(left).arg("--references").arg(right);
        let json: serde_json::Value = serde_json::from_str(&stdout(&command.assert().code(0))).unwrap();
        assert_eq!(json["lines"], n, "{hypotheses:?}");
    }
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
    let cut = file("cut.gz", b"\x1f\x8b\x08\0");
    let long = file("long", "a ".repeat(4000).as_bytes());
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
            baseline(&cut),
            1,
            format!("error: `{cut}`: found a gzip file that is cut off or damaged, expected a whole one: "),
        ),
        (
            format!("--hypotheses {long} --references {long} --metrics ter"),
            1,
            format!(
                "error: `{long}` against `{long}`: line 1: found 4000 words against 4000 of the reference, expected a product \
                 of at most 9000000 for TER\nhint: name other scores: with --metrics"
            ),
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
