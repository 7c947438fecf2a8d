//! Corpora whose lines are objects of JSON: fields, line breaks, cut sources, and what is wrong with which line.

use std::fs;
use std::path::Path;

use lite_data::progress::Silent;
use lite_data::{DataConfig, DataError, PrepareOptions, Prepared, TokeniserKind, Units, prepare};

const TRAIN: &str = r#"{"id": 1, "dialogue": "Ann: a b\r\nBob: c d e", "summary": "Ann and Bob"}
{"id": 2, "dialogue": "Bob: a b c\nAnn: d e\n\n Bob: f g h i j", "summary": "Bob"}
{"id": 3, "dialogue": "Ann: caf\u00e9", "summary": "Ann"}
"#;
const TEST: &str = r#"{"summary": "Bob and Ann", "dialogue": "Ann: a b c d e f g\nBob: a"}
"#;

/// A corpus in `folder/c/*.jsonl`, found there through the mirror.
fn corpus(folder: &Path, train: &[u8]) -> DataConfig {
    fs::create_dir_all(folder.join("c")).unwrap();
    fs::write(folder.join("c/train.jsonl"), train).unwrap();
    fs::write(folder.join("c/test.jsonl"), TEST).unwrap();
    let mut config: DataConfig = toml::from_str(
        r#"
        source_language = "en"
        target_language = "en"
        max_source_tokens = 8
        long_sources = "cut"
        [files]
        train.source = { path = "c/train.jsonl", field = "dialogue", line_break = "|" }
        train.target = { path = "c/train.jsonl", field = "summary" }
        valid.source = { path = "c/test.jsonl", field = "dialogue", line_break = "|" }
        valid.target = { path = "c/test.jsonl", field = "summary" }
        test.source = { path = "c/test.jsonl", field = "dialogue", line_break = "|" }
        test.target = { path = "c/test.jsonl", field = "summary" }
        "#,
    )
    .unwrap();
    config.tokeniser.kind = TokeniserKind::Words;
    config
}

fn prepared(folder: &Path, config: &DataConfig) -> Result<Prepared, DataError> {
    let options = PrepareOptions {
        data_root: folder.join("data"),
        mirror: Some(folder.to_path_buf()),
        offline: true,
    };
    prepare(config, &options, &Silent)
}

#[test]
fn long_sources_are_cut_and_counted_where_the_definition_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = corpus(folder.path(), TRAIN.as_bytes());
    let found = prepared(folder.path(), &config).unwrap();
    assert_eq!(
        found.sources("test").unwrap(),
        ["Ann: a b c d e f g | Bob: a"],
        "the text itself stays whole"
    );
    let report = found.manifest.split("train").unwrap();
    assert_eq!((report.lines, report.pairs, report.too_long, report.cut), (3, 3, 0, 2));
    assert!(report.summary().contains("2 long sources cut"), "{}", report.summary());
    assert_eq!(
        report.examples,
        ["`train.source.txt` line 1: 9 source and 4 target tokens, the source at most 8: cut"]
    );
    let cut = found.source_vocabulary.decode(found.train.pair(0).0);
    assert_eq!(cut, ["Ann:", "a", "b", "|", "Bob:", "c", "d"]);
    assert_eq!(found.train.pair(0).0.last(), Some(&lite_data::EOS));
    assert_eq!(found.manifest.split("test").unwrap().cut, 1);
    let names: Vec<&str> = found.manifest.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names[..2], ["c/train.jsonl#dialogue", "c/train.jsonl#summary"]);
    assert_eq!(
        Units::of_sources(&config).cut(&found.sources("test").unwrap()[0]),
        ["Ann: a b c d e f g", "Bob: a"]
    );

    // Without the rule the pair is left out; a long target always is.
    config.long_sources = Default::default();
    let dropped = prepared(folder.path(), &config).unwrap();
    let report = dropped.manifest.split("train").unwrap();
    assert_eq!((report.pairs, report.too_long, report.cut), (1, 2, 0));
    config.long_sources = lite_data::LongSources::Cut;
    config.max_target_tokens = 3;
    let report = prepared(folder.path(), &config).unwrap();
    assert_eq!(report.manifest.split("train").unwrap().too_long, 1);
}

#[test]
fn another_field_or_line_break_is_another_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let config = corpus(folder.path(), TRAIN.as_bytes());
    let first = prepared(folder.path(), &config).unwrap();
    let text = toml::to_string(&config).unwrap();
    let changed: DataConfig = toml::from_str(&text.replace("line_break = \"|\"", "line_break = \"+\"")).unwrap();
    assert_ne!(changed, config);
    assert_ne!(prepared(folder.path(), &changed).unwrap().root, first.root);
    let changed: DataConfig = toml::from_str(&text.replace("line_break = \"|\"", "line_break = \"\"")).unwrap();
    let joined = prepared(folder.path(), &changed).unwrap();
    assert_eq!(joined.sources("test").unwrap(), ["Ann: a b c d e f g Bob: a"]);
    assert_eq!(prepared(folder.path(), &config).unwrap().root, first.root);
}

#[test]
fn broken_lines_are_named_and_can_be_dropped() {
    let check = |line: &[u8], expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        let train = [TRAIN.as_bytes(), line, b"\n"].concat();
        let mut config = corpus(folder.path(), &train);
        let error = prepared(folder.path(), &config).unwrap_err().to_string();
        let place = "c/train.jsonl` line 4: ";
        assert!(error.contains(&format!("{place}{expected}")), "{error}");
        config.broken_lines = lite_data::BrokenLines::Drop;
        let found = prepared(folder.path(), &config).unwrap();
        let report = found.manifest.split("train").unwrap();
        assert_eq!((report.lines, report.pairs, report.broken), (4, 3, 1), "{expected}");
    };
    check(br#"{"dialogue": "a"}"#, "no field `summary`; there are `dialogue`");
    check(
        br#"{"dialogue": 7, "summary": "a"}"#,
        "the field `dialogue` is a number, expected text",
    );
    check(b"{\"dialogue\": \"caf\xe9\"}", "invalid UTF-8 (0xe9 at byte 18)");
    check(b"not JSON", "no object of JSON: ");
    let huge = [br#"{"dialogue": ""#, vec![b'a'; 1 << 20].as_slice(), br#""}"#].concat();
    check(&huge, "the line is longer than 1048576 bytes");
}
