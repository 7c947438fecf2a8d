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

/// The examples can be pasted: they fit, and no line of theirs was broken by the width of the terminal.
fn check_examples(help: &str) {
    let (_, examples) = help
        .split_once("\nExample")
        .unwrap_or_else(|| panic!("no example: {help}"));
    let mut goes_on = false;
    for line in examples.lines().skip(1) {
        let expected = if goes_on { "    " } else { "  lite-data " };
        assert!(line.starts_with(expected) && line.len() <= 95, "`{line}` of {help}");
        goes_on = line.ends_with(" \\");
    }
    assert!(!goes_on, "{help}");
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
        "moses",
        "subword-nmt",
        "inspect",
    ] {
        let (help, _, code) = outputs(program(folder.path()).args([command, "--help"]));
        assert_eq!(code, 0);
        assert!(help.contains(&format!("\n  lite-data {command}")), "{help}");
        check_examples(&help);
    }
    let (help, _, _) = outputs(program(folder.path()).arg("--help"));
    check_examples(&help);
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
    let overlap = "test: of its 20 lines, 20 sources, 20 targets and 20 pairs stand in train";
    assert!(stderr.contains(overlap), "{stderr}");

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

    let (table, _, code) = outputs(program(folder.path()).args([
        "inspect",
        prepared,
        "--split",
        "valid",
        "--batches",
        "1",
        "--tokens-per-batch",
        "24",
    ]));
    assert_eq!(code, 0);
    insta::assert_snapshot!(table);
    let (shown, _, _) = outputs(program(folder.path()).args(["inspect", prepared, "--batches", "2", "--json"]));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["batches"][0]["rows"].as_array().unwrap().len(), 20);
    // Cut anew, it is the same text in more pieces.
    let anew = ["inspect", prepared, "--pair", "1", "--bpe-dropout", "0.9"];
    let (drawn, _, _) = outputs(program(folder.path()).args(anew));
    let drawn: serde_json::Value = serde_json::from_str(&drawn).unwrap();
    assert_eq!(drawn["source"]["text"], "house dog sees");
    let n = |pair: &serde_json::Value| pair["source"]["ids"].as_array().unwrap().len();
    let (stored, _, _) = outputs(program(folder.path()).args(&anew[..4]));
    assert!(n(&drawn) > n(&serde_json::from_str(&stored).unwrap()), "{drawn}");
    let (about, _, _) = outputs(program(folder.path()).args(["inspect", prepared]));
    assert!(about.contains("\n  source tokens: mean "), "{about}");
    assert!(about.contains("\ntokeniser: SentencePiece, "), "{about}");

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
fn scripts_of_moses_and_subword_nmt_are_filters() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &str, input: &str| {
        let (stdout, stderr, code) = outputs(program(folder.path()).args(arguments.split(' ')).write_stdin(input));
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    for (step, arguments) in [
        ("moses normalise", " --language"),
        ("moses remove-non-printing", ""),
        ("moses tokenise", " --language"),
        ("moses detokenise", " --language"),
        ("moses lowercase", ""),
        ("moses clean", " --ratio"),
        ("subword-nmt learn-bpe", " --symbols"),
        ("subword-nmt apply-bpe", " --codes"),
        ("subword-nmt get-vocab", ""),
        ("subword-nmt learn-joint-bpe-and-vocab", " --input"),
    ] {
        let help = run(&format!("{step} --help"), "");
        assert!(help.contains(&format!("\n  lite-data {step}{arguments}")), "{help}");
        check_examples(&help);
    }
    let text = "L'homme dit\u{a0}: \u{ab}\u{a0}Oui & non\u{a0}\u{bb}.\r\n\n";
    let norm = run("moses normalise -l fr", text);
    assert_eq!(norm, "L'homme dit: \"Oui & non\".\n\n");
    let words = run("moses tokenise -l fr", &norm);
    assert_eq!(words, "L&apos; homme dit : &quot; Oui &amp; non &quot; .\n\n");
    assert_eq!(
        run("moses tokenise -l fr --no-escape", &norm),
        "L' homme dit : \" Oui & non \" .\n\n"
    );
    assert_eq!(
        run("moses detokenise -l fr", &words),
        "L'homme dit : \"Oui & non\".\n\n"
    );
    assert_eq!(run("moses lowercase", "ΣΑΣ A\n"), "σασ a\n");
    assert_eq!(run("moses remove-non-printing", "a\tb\u{200b}c\n"), "a b c\n");
    std::fs::write(folder.path().join("patterns"), "<[a-z]+>\n").unwrap();
    assert_eq!(
        run("moses tokenise --no-escape --protected patterns", "a<b>c.\n"),
        "a <b> c .\n"
    );

    std::fs::write(folder.path().join("c.de"), "aa b\na\naa b c\n").unwrap();
    std::fs::write(folder.path().join("c.en"), "a  b\nb c\na b c d e\n").unwrap();
    run("moses clean --ratio 1.5 c de en clean 1 4", "");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!((read("clean.de"), read("clean.en")), ("aa b\n".into(), "a b\n".into()));
    assert!(!folder.path().join("clean.de.part").exists());

    let codes = run("subword-nmt learn-bpe -s 2", "low lower low\nlow\n");
    assert_eq!(codes, "#version: 0.2\nl o\nlo w</w>\n");
    std::fs::write(folder.path().join("codes"), codes).unwrap();
    assert_eq!(
        run("subword-nmt apply-bpe -c codes", "low  lowest \n\n"),
        "low lo@@ w@@ e@@ s@@ t \n\n"
    );
    assert_eq!(run("subword-nmt get-vocab", "a b b\n"), "b 2\na 1\n");
    run(
        "subword-nmt learn-joint-bpe-and-vocab -i c.de c.en -s 5 -o joint --write-vocabulary v.de v.en --min-frequency 1",
        "",
    );
    assert_eq!(read("v.de"), "aa 2\nb 2\na 1\nc 1\n");
    let (_, stderr, code) = outputs(program(folder.path()).args(["moses", "normalise", "-l", "xx"]));
    assert!(code == 2 && stderr.contains("expected en, fr or de"), "{stderr}");
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
        &["error: `my.toml` line 4: unknown key `data.lowercas`"],
        1,
    );
    std::fs::write(folder.path().join("my.toml"), "[train]\n").unwrap();
    check(&["prepare", "--definition", "my.toml"], &["has no [data] section"], 1);
    std::fs::write(folder.path().join("my.toml"), "extends = \"quick\"\n").unwrap();
    check(
        &["prepare", "--definition", "my.toml"],
        &[
            "error: `my.toml` line 1: `extends` names `quick`, and there is no `quick.toml`\nhint: ",
            "`lite-train --exp my.toml --prepare-only`",
        ],
        1,
    );
    check(
        &["prepare", "--definition", "none.toml"],
        &[
            "error: `none.toml`: No such file or directory (os error 2)\nhint: ",
            "`lite-train --exp none --prepare-only`",
        ],
        1,
    );
    for place in ["none", "train.en", "."] {
        let expected =
            format!("error: `{place}` is no prepared folder: there is no manifest.json in it\nhint: `lite-data list`");
        check(&["inspect", place], &[expected.as_str()], 1);
    }
    let train = [
        "train-tokeniser",
        "train.en",
        "--output",
        "train.model",
        "--character-coverage",
    ];
    for share in ["98", "0", "NaN"] {
        check(
            &[&train[..], &[share]].concat(),
            &["--character-coverage <SHARE>", "expected a share above 0 and up to 1"],
            2,
        );
    }
    // An output that is an input would be lost before it is read.
    let texts = ["train.en", "valid.en", "valid.fr"].map(|name| folder.path().join(name));
    let read = || texts.each_ref().map(|path| std::fs::read(path).unwrap());
    let before = read();
    let written_over = |output: &str, input: &str| format!("`{output}` would be written over the input `{input}`");
    check(
        &["moses", "clean", "valid", "en", "fr", "./valid", "1", "9"],
        &[written_over("./valid.en", "valid.en").as_str()],
        1,
    );
    check(
        &["moses", "clean", "valid", "en", "en", "x", "1", "9"],
        &["error: both sides end in `en`"],
        2,
    );
    check(
        &["train-tokeniser", "train.en", "--output", "train.en"],
        &[written_over("train.en", "train.en").as_str()],
        1,
    );
    let joint = "subword-nmt learn-joint-bpe-and-vocab -i train.en -o codes --write-vocabulary train.en";
    check(
        &joint.split(' ').collect::<Vec<_>>(),
        &[written_over("train.en", "train.en").as_str()],
        1,
    );
    assert_eq!(read(), before);
    let joint = "subword-nmt learn-joint-bpe-and-vocab -i train.en -o codes --write-vocabulary a b";
    check(
        &joint.split(' ').collect::<Vec<_>>(),
        &["error: 1 inputs and 2 vocabularies"],
        2,
    );
    check(
        &["inspect", "none", "--bpe-dropout", "2"],
        &["--bpe-dropout <P>", "expected a number from 0 to 1"],
        2,
    );
    check(
        &["inspect", "none", "--bpe-dropout", "0.1", "--split", "test"],
        &["error: --bpe-dropout is for train, the split is test"],
        2,
    );
    check(
        &["tokenise", "--tokeniser", "none.model"],
        &["error: `none.model`: No such file or directory (os error 2)\n"],
        1,
    );
    check(&["prepare"], &["--definition"], 2);
}

#[test]
fn a_tokeniser_is_described_in_words() {
    let folder = tempfile::tempdir().unwrap();
    write_corpus(folder.path());
    let train = |size: &str| {
        let arguments = [
            "train-tokeniser",
            "train.en",
            "--output",
            "my.model",
            "--vocabulary-size",
            size,
        ];
        let (_, said, code) = outputs(program(folder.path()).args(arguments));
        assert_eq!(code, 0, "{said}");
        said
    };
    assert_eq!(train("16"), "wrote `my.model`: SentencePiece, 16 pieces\n");
    let said = train("80000");
    assert!(said.starts_with("wrote `my.model`: SentencePiece, "), "{said}");
    assert!(
        said.ends_with("\nthe text has no more pieces than these, 80000 were asked for\n"),
        "{said}"
    );
    // A file of the user's own: nobody is told to remove its folder.
    let (_, said, code) = outputs(program(folder.path()).args(["tokenise", "--tokeniser", "train.en"]));
    assert_eq!(code, 1);
    assert!(
        said.starts_with("error: `train.en`: this is no SentencePiece model") && !said.contains("hint"),
        "{said}"
    );
}
