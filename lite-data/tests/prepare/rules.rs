//! Which lines are kept, and what is done to them.

use super::*;

#[test]
fn lines_are_left_out_or_cut_by_stated_rules() {
    let long = "dog ".repeat(20);
    let long = long.trim();
    let train: Vec<_> = TRAIN
        .iter()
        .copied()
        .chain([("", "x"), (long, "chien"), ("dog", long), ("a", "b c d e"), TEST[1]])
        .collect();
    let mut fixture = Fixture::new()
        .write("train", &train)
        .write("test", &[TEST[0], TEST[1], ("", "vide"), (long, "chien")]);
    fixture.config.tokeniser.kind = TokeniserKind::Words;
    fixture.config.max_source_tokens = 8;
    fixture.config.max_target_tokens = 8;
    fixture.config.max_ratio = Some(3.0);
    let (prepared, messages) = fixture.prepare();
    let prepared = prepared.unwrap();
    let report = prepared.manifest.split("train").unwrap();
    assert_eq!((report.lines, report.pairs), (11, 7));
    assert_eq!((report.empty, report.too_long, report.unbalanced), (1, 2, 1));
    let report = prepared.manifest.split("test").unwrap();
    assert_eq!(
        (report.lines, report.pairs, report.empty, report.too_long),
        (4, 4, 1, 1)
    );
    // The overlong pair counts: it stands in the text of train.
    assert_eq!(report.pairs_in_train, 2);
    assert_eq!(prepared.test.pair(2).0, [2]);
    assert_eq!((prepared.test.pair(3).0.len(), prepared.test.pair(3).0[7]), (8, 2));
    insta::assert_snapshot!(messages.join("\n"));
}

const RAW: [(&str, &str); 4] = [
    (
        "The dog's \u{201c}old\u{201d}, isn't it?",
        "L'homme est \u{ab}\u{a0}vieux\u{a0}\u{bb}, n'est-ce pas\u{a0}?",
    ),
    ("A dog & a house.", "Un chien & une maison."),
    ("Yes.", "Oui, bien s\u{fb}r, mais pas tout de suite."),
    ("The old house.", "La vieille maison."),
];

#[test]
fn the_steps_of_moses_stand_before_the_tokeniser() {
    let mut fixture = Fixture::new().write("train", &RAW).write("test", &RAW[..3]);
    fixture.config.tokeniser.kind = TokeniserKind::SubwordNmt;
    fixture.config.moses = Some(
        toml::from_str(
            "normalise = true\nremove_non_printing = true\ntokenise = true\naggressive = true\nlowercase = true\n\
             clean = { ratio = 2.0, min = 1, max = 20 }",
        )
        .unwrap(),
    );
    let (prepared, messages) = fixture.prepare();
    let prepared = prepared.unwrap();
    let train = prepared.manifest.split("train").unwrap();
    assert_eq!((train.lines, train.unclean, train.pairs), (4, 1, 3), "{messages:?}");
    let unclean = "  train line 3: 2 source and 11 target words, 1 to 20 and at most 2 times as many: left out";
    assert!(messages.iter().any(|message| message == unclean), "{messages:?}");
    assert_eq!(
        prepared.sources("test").unwrap()[0],
        "the dog &apos;s &quot; old , &quot; isn &apos;t it ?"
    );
    // What is scored stays tokenised, and nothing is left out of the test split.
    let words = [
        "l&apos; homme est &quot; vieux &quot; , n&apos; est @-@ ce pas ?",
        "un chien &amp; une maison .",
        "oui , bien s\u{fb}r , mais pas tout de suite .",
    ];
    assert_eq!(prepared.references("test").unwrap(), words);
    let joined = |prepared: &Prepared, index: usize| {
        prepared
            .tokeniser
            .decode(&prepared.target_vocabulary.decode(prepared.test.pair(index).1))
    };
    assert_eq!(joined(&prepared, 1), words[1]);
    let rules = lite_data::LineRules::new(&fixture.config).unwrap();
    assert_eq!(rules.apply(RAW[0].0.into()), prepared.sources("test").unwrap()[0]);

    // Detokenised, in hypotheses and references alike; the data are the same.
    fixture.config.tokeniser.detokenise = true;
    let plain = fixture.prepared();
    assert_eq!(plain.references("test").unwrap()[1], "un chien & une maison.");
    assert_eq!(joined(&plain, 1), "un chien & une maison.");
    assert_eq!(plain.test.pair(1), prepared.test.pair(1));
    assert_ne!(plain.hash, prepared.hash);
}

#[test]
fn codes_can_be_given() {
    let mut fixture = Fixture::new();
    fixture.config.tokeniser.kind = TokeniserKind::SubwordNmt;
    let codes = fixture.folder.path().join("bpe.codes");
    fs::write(&codes, "t h\nth e</w>\nth e\nthe </w>\n").unwrap();
    fixture.config.tokeniser.codes = Some(File::Local(codes.clone()));
    let prepared = fixture.prepared();
    assert_eq!(prepared.tokeniser.encode("the th"), ["the", "th"]);
    assert_eq!(prepared.tokeniser.encode("dog"), ["d@@", "o@@", "g"]);
    assert_eq!(prepared.manifest.inputs.len(), 7);
    assert_eq!(fixture.prepared().root, prepared.root);
    fs::write(&codes, "#version: 0.2\nt h\n").unwrap();
    assert_ne!(fixture.prepared().root, prepared.root);
    fs::write(&codes, "t h e\n").unwrap();
    assert!(fixture.prepare().0.unwrap_err().to_string().contains("line 1: `t h e`"));
}

#[test]
fn broken_lines_stop_or_are_dropped() {
    let mut fixture = Fixture::new();
    let mut bytes = fs::read(fixture.path("train", "fr")).unwrap();
    bytes[3] = 0xff;
    fs::write(fixture.path("train", "fr"), &bytes).unwrap();
    let error = fixture.prepare().0.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("train.fr` line 1: invalid UTF-8 (0xff at byte 4)"),
        "{error}"
    );
    let names_the_rule = |error: &DataError| error.hint().unwrap().contains("data.broken_lines=\"drop\"");
    assert!(names_the_rule(&error));
    fixture.config.broken_lines = BrokenLines::Drop;
    let prepared = fixture.prepared();
    assert_eq!(prepared.manifest.split("train").unwrap().broken, 1);
    assert_eq!(prepared.train.len(), TRAIN.len() - 1);
    // Never in what is scored.
    fs::write(fixture.path("test", "fr"), b"a\0\nb\n").unwrap();
    let error = fixture.prepare().0.unwrap_err();
    assert!(error.to_string().contains("test.fr` line 1: NUL"), "{error}");
    assert!(!names_the_rule(&error));
    fs::write(fixture.path("test", "fr"), b"a\n").unwrap();
    assert!(fixture.prepare().0.unwrap_err().to_string().contains("has 2 lines"));
}

#[test]
fn a_text_of_one_side_keeps_every_line_in_its_order() {
    let mut fixture = Fixture::new();
    fixture.config = DataConfig::new("", "en");
    fixture.config.tokeniser.kind = TokeniserKind::Words;
    // Limits are for pairs.
    fixture.config.max_target_tokens = 4;
    let train = " = A dog = \n\n the dog sees <unk> old dogs \n the\u{301} </s> dog .\n \n";
    for (split, text) in [("train", train), ("valid", " the cat .\n"), ("test", " = A dog = \n")] {
        fs::write(fixture.path(split, "en"), text).unwrap();
        let sides = Sides {
            source: None,
            target: Some(File::Local(fixture.path(split, "en"))),
        };
        match split {
            "train" => fixture.config.files.train = sides,
            "valid" => fixture.config.files.valid = sides,
            _ => fixture.config.files.test = sides,
        }
    }
    let (prepared, messages) = fixture.prepare();
    let prepared = prepared.unwrap();
    let pieces = |store: &lite_data::PairStore| -> Vec<String> {
        let ids = store.text().unwrap().iter();
        ids.map(|&id| prepared.target_vocabulary.piece(id).to_owned()).collect()
    };
    // A word of the text that is called `</s>` ends no line.
    assert_eq!(
        pieces(&prepared.train).join(" "),
        "= A dog = </s> </s> the dog sees <unk> old dogs </s> the\u{301} <unk> dog . </s> </s>"
    );
    assert_eq!(pieces(&prepared.valid).join(" "), "the <unk> . </s>");
    assert_eq!(prepared.source_vocabulary, prepared.target_vocabulary);
    assert_eq!(
        messages,
        [
            "train: 5 of 5 lines, 19 tokens, 2 unknown tokens",
            "valid: 1 of 1 lines, 4 tokens, 1 unknown tokens",
            "test: 1 of 1 lines, 5 tokens",
        ]
    );
    // The same again is found, and pairs have no text.
    assert_eq!(fixture.prepared().hash, prepared.hash);
    assert!(Fixture::new().prepared().train.text().is_none());

    fixture.config.files.test.target = None;
    let (refused, _) = fixture.prepare();
    let error = refused.unwrap_err();
    assert!(error.to_string().contains("files.test.target is missing"), "{error}");
    assert!(error.hint().unwrap().contains("all three are needed"));
}

/// Train in the order of its lines, and every third of them valid.
#[test]
fn valid_can_be_taken_from_train() {
    let mut train: Vec<_> = TRAIN.to_vec();
    train.insert(2, ("", "vide"));
    train.push(("a dog", "un chien un chien un chien un chien"));
    let mut fixture = Fixture::new()
        .write("train", &train)
        .write("test", &[TEST[0], TRAIN[0]]);
    fixture.config.valid_every = Some(3);
    let error = fixture.prepare().0.unwrap_err().to_string();
    assert!(error.contains("files.valid names another"), "{error}");
    fixture.config.files.valid = Sides::default();
    fixture.config.max_ratio = Some(3.0);
    let (prepared, messages) = fixture.prepare();
    let prepared = prepared.unwrap();
    let (train_report, valid) = (
        prepared.manifest.split("train").unwrap(),
        prepared.manifest.split("valid").unwrap(),
    );
    // Of 8 lines, the third (half empty) and the sixth are valid; valid obeys the rules of train.
    assert_eq!(
        (train_report.lines, train_report.pairs, train_report.unbalanced),
        (6, 5, 1),
        "{messages:?}"
    );
    assert_eq!((valid.lines, valid.pairs, valid.too_short), (2, 1, 1));
    assert_eq!(text(&prepared, "valid"), owned(&train[5..6]));
    assert_eq!(prepared.sources("valid").unwrap(), [train[5].0]);
    assert_eq!(prepared.references("valid").unwrap(), [train[5].1]);
    let test = prepared.manifest.split("test").unwrap();
    assert_eq!((test.pairs_in_train, test.sides_in_train), (1, Some([1, 1])));
    // Figures of lengths: sources of 4 to 7 words in pieces.
    let lengths = train_report.lengths.unwrap();
    assert!(lengths.source.least >= 4.0 && lengths.source.least <= lengths.source.median);
    assert!(lengths.source.median <= lengths.source.most && lengths.ratio.mean > 0.5);
}

/// What is left out of such a valid is said to be, and its text goes with its pairs.
#[test]
fn valid_that_is_taken_from_train_is_not_cut() {
    let train = [
        ("a b", "c d"),
        ("a b c d e", "c"),
        ("b a", "d c"),
        ("b", "d"),
        ("a", "c"),
        ("b b", "d d"),
    ];
    let mut fixture = Fixture::new()
        .write("train", &train)
        .write("test", &[("a", "d"), ("", "c c c c c")]);
    fixture.config.tokeniser.kind = TokeniserKind::Words;
    fixture.config.files.valid = Sides::default();
    fixture.config.valid_every = Some(2);
    fixture.config.max_source_tokens = 4;
    fixture.config.max_target_tokens = 4;
    let (prepared, messages) = fixture.prepare();
    let prepared = prepared.unwrap();
    assert_eq!(text(&prepared, "valid"), owned(&[train[3], train[5]]));
    assert_eq!(prepared.sources("valid").unwrap(), ["b", "b b"]);
    let said = |text: &str| assert!(messages.iter().any(|message| message == text), "{messages:?}");
    said("valid: 2 of 3 pairs, 5 source and 5 target tokens, 1 too long left out");
    said("  pair 1 of those that valid takes from train: 6 source and 2 target tokens, at most 4 and 4: left out");
    // Elsewhere a pair is cut, also one that train would leave out for another reason.
    assert_eq!(prepared.manifest.split("test").unwrap().too_long, 1);
    said("  `test.source.txt` line 2: 1 source and 6 target tokens, at most 4 and 4: cut");
    // A manifest of an older version does not know.
    let mut old = serde_json::to_value(&prepared.manifest).unwrap();
    old["splits"][1].as_object_mut().unwrap().remove("as_train").unwrap();
    let old: lite_data::Manifest = serde_json::from_value(old).unwrap();
    assert!(!old.split("valid").unwrap().as_train);
    let names = fs::read_dir(&prepared.root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(
        names.filter(|name| name.to_str().unwrap().starts_with("valid")).count(),
        3
    );
}
