//! What a user of the program sees.

use std::path::Path;

use assert_cmd::Command;

fn program(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("lite-data").unwrap();
    command.current_dir(folder).env("COLUMNS", "100");
    command
}

fn write_corpus(folder: &Path) {
    for split in ["train", "valid", "test"] {
        let lines = |words: [&str; 3]| {
            (0..20)
                .map(|i| format!("{} {} {}\n", words[i % 3], words[(i / 3) % 3], words[2]))
                .collect::<String>()
        };
        std::fs::write(folder.join(format!("{split}.en")), lines(["dog", "house", "sees"])).unwrap();
        std::fs::write(folder.join(format!("{split}.fr")), lines(["chien", "maison", "voit"])).unwrap();
    }
    let files: String = ["train", "valid", "test"]
        .map(|split| format!("[data.files.{split}]\nsource = \"{split}.en\"\ntarget = \"{split}.fr\"\n"))
        .concat();
    let head = "[data]\nsource_language = \"en\"\ntarget_language = \"fr\"\ntokeniser.vocabulary_size = 40\n";
    std::fs::write(folder.join("my.toml"), head.to_owned() + &files).unwrap();
}

fn outputs(command: &mut Command) -> (String, String, i32) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn every_help_has_an_example() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        "list",
        "prepare",
        "train-tokeniser",
        "tokenise",
        "detokenise",
        "inspect",
    ] {
        let (help, _, code) = outputs(program(folder.path()).args([command, "--help"]));
        assert_eq!(code, 0);
        assert!(help.contains(&format!("\n  lite-data {command}")), "{help}");
    }
    let (help, _, _) = outputs(program(folder.path()).arg("--help"));
    insta::assert_snapshot!(help);
}

#[test]
fn a_corpus_is_prepared_listed_and_inspected() {
    let folder = tempfile::tempdir().unwrap();
    write_corpus(folder.path());
    let (stdout, stderr, code) = outputs(program(folder.path()).args(["prepare", "--definition", "my.toml"]));
    assert_eq!(code, 0, "{stderr}");
    let prepared = stdout.trim();
    assert!(prepared.starts_with("data/prepared/en-fr-"), "{stdout}");
    assert!(stderr.contains("train: 20 of 20 pairs"), "{stderr}");

    let (list, _, _) = outputs(program(folder.path()).arg("list"));
    assert_eq!(list, format!("{prepared}\ttrain 20, valid 20, test 20\n"));
    let (list, _, _) = outputs(program(folder.path()).args(["list", "--json"]));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&list).unwrap()[0]["folder"],
        prepared
    );

    let (shown, _, code) = outputs(program(folder.path()).args(["inspect", prepared, "--pair", "1", "--json"]));
    assert_eq!(code, 0);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["pairs"][0]["source"]["text"], "house dog sees");

    let model = format!("{prepared}/tokeniser.model");
    let line = "the dog ☃ sees\n\n";
    let (pieces, _, _) = outputs(
        program(folder.path())
            .args(["tokenise", "--tokeniser", &model])
            .write_stdin(line),
    );
    assert!(pieces.contains("▁dog"), "{pieces}");
    let (back, _, _) = outputs(
        program(folder.path())
            .args(["detokenise", "--tokeniser", &model])
            .write_stdin(pieces),
    );
    assert_eq!(back, line);
}

#[test]
fn errors_name_the_place_and_give_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], expected: &[&str], expected_code: i32| {
        let (stdout, stderr, code) = outputs(program(folder.path()).args(arguments));
        assert_eq!((stdout.as_str(), code), ("", expected_code), "{stderr}");
        expected
            .iter()
            .for_each(|expected| assert!(stderr.contains(expected), "{stderr}"));
    };
    write_corpus(folder.path());
    std::fs::write(folder.path().join("train.fr"), "x\n").unwrap();
    check(
        &["prepare", "--definition", "my.toml"],
        &["error: `train.en` has 20 lines, `train.fr` has 1", "hint: line N"],
        1,
    );
    std::fs::write(
        folder.path().join("my.toml"),
        "[data]\nsource_language = \"en\"\ntarget_language = \"fr\"\nlowercas = 1\n",
    )
    .unwrap();
    check(
        &["prepare", "--definition", "my.toml"],
        &["error: `my.toml`, section [data]: unknown keys: lowercas"],
        1,
    );
    std::fs::write(folder.path().join("my.toml"), "[train]\n").unwrap();
    check(&["prepare", "--definition", "my.toml"], &["has no [data] section"], 1);
    check(&["prepare", "--definition", "none.toml"], &["error: `none.toml`"], 1);
    check(&["inspect", "none"], &["error: `none/manifest.json`"], 1);
    check(&["tokenise", "--tokeniser", "my.toml"], &["error: `my.toml`: "], 1);
    check(&["prepare"], &["--definition"], 2);
}
