//! Baselines of summarisation through the program: scores counted by hand, their records, and how tables show them.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use experiments::Record;
use lite_eval::tables::document;

const DIALOGUES: &str = r#"{"dialogue": "Ann: hi\nBob: the cat sat\nAnn: ok\nBob: on the red mat", "summary": "The cat sat!"}
{"dialogue": "Eve: so", "summary": "so"}
"#;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
    command.args(arguments);
    command
}

/// The articles of the same form, without turns.
const ARTICLES: &str = r#"{"dialogue": "Mr. X sat. He is \"here.\" No!\nThe end is near .", "summary": "He is here"}
"#;

fn definition(folder: &Path, text: &str, line_break: &str) -> String {
    fs::create_dir_all(folder.join("chat")).unwrap();
    fs::write(folder.join("chat/all.jsonl"), text).unwrap();
    let path = folder.join("chat.toml");
    let files: String = ["train", "valid", "test"]
        .map(|split| {
            format!(
                "{split}.source = {{ path = \"chat/all.jsonl\", field = \"dialogue\"{line_break} }}\n\
                 {split}.target = {{ path = \"chat/all.jsonl\", field = \"summary\" }}\n"
            )
        })
        .concat();
    let text = format!(
        "title = \"Chats\"\n[data]\nsource_language = \"en\"\ntarget_language = \"en\"\nmax_source_tokens = 4\n\
         long_sources = \"cut\"\ntokeniser.kind = \"words\"\n[data.files]\n{files}\
         [decode]\nmetrics = [\"rouge1\", \"rougeL\"]\n[arch.lite]\narchitecture = \"lite\"\n"
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn run(folder: &Path, definition: &str, more: &[&str]) -> String {
    let folder = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (data, results, mirror) = (folder("data"), folder("results"), folder(""));
    let arguments = ["--offline", "--data", &data, "--results", &results, "--mirror", &mirror];
    let arguments = [&["baseline", "--exp", definition], &arguments[..], more].concat();
    let assert = program(&arguments).assert().success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

#[test]
fn turns_are_scored_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let definition = definition(folder, DIALOGUES, ", line_break = \"|\"");
    // The whole text counts, though a model would see four tokens of it.
    // lead-3: "ann hi bob the cat sat ann ok", 3 of 8 words in a summary of 3: 2 * 3 / (8 + 3).
    // longest-3: "bob on the red mat bob the cat sat ann hi": 2 * 3 / (11 + 3). The second dialogue: 2 * 1 / (2 + 1).
    let mean = |first: f64| 50.0 * (first + 2.0 / 3.0);
    let table = run(folder, &definition, &[]);
    let expected = format!(
        "test       ROUGE-1  ROUGE-L\nlead-3       {:.2}    {:.2}\nlongest-3    {:.2}    {:.2}\n",
        mean(6.0 / 11.0),
        mean(6.0 / 11.0),
        mean(6.0 / 14.0),
        mean(6.0 / 14.0),
    );
    assert_eq!(table, expected);

    let records = Record::read_all(&folder.join("results")).unwrap();
    assert_eq!(records.len(), 2);
    let (path, record) = &records[1];
    assert_eq!(
        (record.experiment.as_str(), record.arch.as_str()),
        ("chat", "longest-3")
    );
    assert_eq!(record.definition["baseline"]["unit"], "turn");
    // Text of the corpus is not passed on.
    assert!(record.read_hypotheses(path).unwrap().is_empty());
    let tables = document(&records, &[]);
    let row = format!("| longest-3 | - | - | - | {0:.2} | {0:.2} | - | - |", mean(6.0 / 14.0));
    assert!(tables.contains(&row) && !tables.contains("machine:"), "{tables}");

    // Of valid there is no record.
    let json = run(folder, &definition, &["--split", "valid", "--kind", "lead-1", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["baseline"], &json["unit"]), (&"lead-1".into(), &"turn".into()));
    assert_eq!(Record::read_all(&folder.join("results")).unwrap().len(), 2);
}

#[test]
fn sentences_are_the_units_of_articles() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let definition = definition(folder, ARTICLES, "");
    let json = run(folder, &definition, &["--kind", "lead-2", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["unit"], "sentence");
    // "mr x sat he is here" against "he is here".
    let value = json["scores"][0]["value"].as_f64().unwrap();
    assert!((value - 100.0 * 6.0 / 9.0).abs() < 1e-9, "{value}");
}

#[test]
fn an_unknown_kind_is_refused() {
    let assert = program(&["baseline", "--exp", "samsum-100M", "--kind", "first-3"])
        .assert()
        .code(2);
    let error = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(
        error.contains("`first-3` is none; write lead-3 or longest-3"),
        "{error}"
    );
}
