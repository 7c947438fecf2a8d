//! Preparation as a whole: on local files, on the grammar, again, and after damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lite_data::{
    BrokenLines, Corpus, DataConfig, DataError, File, PrepareOptions, Prepared, Progress, Sides, TokeniserKind, prepare,
};

/// Keeps the messages.
#[derive(Default)]
struct Messages(Mutex<Vec<String>>);

impl Progress for Messages {
    fn message(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _done: u64) {}
    fn end(&self) {}
}

struct Fixture {
    folder: tempfile::TempDir,
    config: DataConfig,
}

const TRAIN: [(&str, &str); 6] = [
    ("the dog sees the house", "le chien voit la maison"),
    ("the house is old", "la maison est vieille"),
    ("the dog is old", "le chien est vieux"),
    ("a dog sees a dog", "un chien voit un chien"),
    (
        "the old house sees the old dog",
        "la vieille maison voit le vieux chien",
    ),
    ("a house is a house", "une maison est une maison"),
];
const VALID: [(&str, &str); 2] = [
    ("a dog is old", "un chien est vieux"),
    ("the house sees a dog", "la maison voit un chien"),
];
const TEST: [(&str, &str); 2] = [
    ("the dog sees a house", "le chien voit une maison"),
    ("a house is old", "une maison est vieille"),
];

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = DataConfig::new("en", "fr");
        config.tokeniser.vocabulary_size = 60;
        let fixture = Fixture { config, folder };
        fixture
            .write("train", &TRAIN)
            .write("valid", &VALID)
            .write("test", &TEST)
            .with_files("")
    }

    fn write(self, split: &str, pairs: &[(&str, &str)]) -> Self {
        let side = |act: fn(&(&str, &str)) -> String| pairs.iter().map(|pair| act(pair) + "\n").collect::<String>();
        fs::write(self.path(split, "en"), side(|(source, _)| (*source).to_owned())).unwrap();
        fs::write(self.path(split, "fr"), side(|(_, target)| (*target).to_owned())).unwrap();
        self
    }

    fn path(&self, split: &str, language: &str) -> PathBuf {
        self.folder.path().join(format!("{split}.{language}"))
    }

    fn with_files(mut self, below: &str) -> Self {
        let folder = self.folder.path().join(below);
        let sides = |split: &str| Sides {
            source: Some(File::Local(folder.join(format!("{split}.en")))),
            target: Some(File::Local(folder.join(format!("{split}.fr")))),
        };
        self.config.files.train = sides("train");
        self.config.files.valid = sides("valid");
        self.config.files.test = sides("test");
        self
    }

    fn prepare(&self) -> (Result<Prepared, DataError>, Vec<String>) {
        let options = PrepareOptions {
            data_root: self.folder.path().join("data"),
            mirror: None,
            offline: true,
        };
        let messages = Messages::default();
        let prepared = prepare(&self.config, &options, &messages);
        (prepared, messages.0.into_inner().unwrap())
    }

    fn prepared(&self) -> Prepared {
        self.prepare().0.unwrap()
    }
}

fn text(prepared: &Prepared, split: &str) -> Vec<(String, String)> {
    let store = match split {
        "train" => &prepared.train,
        "valid" => &prepared.valid,
        _ => &prepared.test,
    };
    let decode = |ids: &[u32], vocabulary: &lite_data::Vocabulary| prepared.tokeniser.decode(&vocabulary.decode(ids));
    (0..store.len())
        .map(|index| {
            let (source, target) = store.pair(index);
            (
                decode(source, &prepared.source_vocabulary),
                decode(target, &prepared.target_vocabulary),
            )
        })
        .collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(source, target)| ((*source).into(), (*target).into()))
        .collect()
}

#[test]
fn every_line_comes_back_from_the_store() {
    for kind in [
        TokeniserKind::Sentencepiece,
        TokeniserKind::SubwordNmt,
        TokeniserKind::Words,
        TokeniserKind::None,
    ] {
        for joined in [true, false] {
            let mut fixture = Fixture::new();
            fixture.config.tokeniser.kind = kind;
            fixture.config.vocabulary.joined = joined;
            let prepared = fixture.prepared();
            for (split, pairs) in [("train", &TRAIN[..]), ("valid", &VALID), ("test", &TEST)] {
                assert_eq!(text(&prepared, split), owned(pairs), "{kind:?} {joined} {split}");
                let (sources, references): (Vec<_>, Vec<_>) = owned(pairs).into_iter().unzip();
                assert_eq!(prepared.sources(split).unwrap(), sources);
                assert_eq!(prepared.references(split).unwrap(), references);
            }
            assert_eq!(prepared.source_vocabulary == prepared.target_vocabulary, joined);
            assert!(prepared.source_vocabulary.len().is_multiple_of(8));
        }
    }
}

/// If this fails because preparation was changed on purpose, raise `VERSION` in src/manifest.rs, so that folders that
/// were prepared before are not taken for new ones.
#[test]
fn the_same_input_gives_the_same_hash_on_every_machine() {
    let hash = Fixture::new().prepared().hash;
    assert_eq!(hash, Fixture::new().prepared().hash);
    insta::assert_snapshot!(hash);
}

#[test]
fn preparing_again_does_nothing_unless_an_input_changed() {
    let fixture = Fixture::new();
    let first = fixture.prepared();
    let modified = |prepared: &Prepared| {
        fs::metadata(prepared.root.join("manifest.json"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let when = modified(&first);
    let (again, messages) = fixture.prepare();
    let again = again.unwrap();
    assert_eq!(
        (&again.root, &again.hash, modified(&again)),
        (&first.root, &first.hash, when)
    );
    assert_eq!(messages, [""; 0]);

    // The same files elsewhere are the same input.
    fs::create_dir(fixture.folder.path().join("moved")).unwrap();
    for split in ["train", "valid", "test"] {
        for language in ["en", "fr"] {
            let name = format!("{split}.{language}");
            fs::copy(
                fixture.path(split, language),
                fixture.folder.path().join("moved").join(name),
            )
            .unwrap();
        }
    }
    let moved = fixture.with_files("moved");
    assert_eq!(moved.prepared().root, first.root);

    // Another test set is another input, and so is another setting.
    let mut changed = moved.write("test", &TEST[..1]).with_files("");
    let other = changed.prepared();
    assert_ne!((&other.root, &other.hash), (&first.root, &first.hash));
    changed.config.lowercase = true;
    assert_ne!(changed.prepared().root, other.root);
}

#[test]
fn damaged_files_are_named_and_made_again() {
    let fixture = Fixture::new();
    let first = fixture.prepared();
    for name in [
        "train.pairs",
        "tokeniser.model",
        "vocabulary.source.txt",
        "test.source.txt",
        "manifest.json",
    ] {
        let path = first.root.join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let error = Prepared::open(&first.root).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        let (prepared, messages) = fixture.prepare();
        assert_eq!(prepared.unwrap().hash, first.hash);
        assert!(
            messages[0].contains(name) && messages[0].ends_with("preparing again"),
            "{messages:?}"
        );
        assert_eq!(fs::read(&path).unwrap().len(), bytes.len());
    }
    // Without a manifest, a folder is not a prepared one.
    fs::remove_file(first.root.join("manifest.json")).unwrap();
    fs::remove_file(first.root.join("test.pairs")).unwrap();
    assert_eq!(fixture.prepared().hash, first.hash);
    let names: Vec<String> = fs::read_dir(first.root.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "only the folder and the lock: {names:?}");
}

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
    assert!(error.hint().unwrap().contains("data.broken_lines=\"drop\""));
    fixture.config.broken_lines = BrokenLines::Drop;
    let prepared = fixture.prepared();
    assert_eq!(prepared.manifest.split("train").unwrap().broken, 1);
    assert_eq!(prepared.train.len(), TRAIN.len() - 1);
    // Never in what is scored.
    fs::write(fixture.path("test", "fr"), b"a\0\nb\n").unwrap();
    assert!(
        fixture
            .prepare()
            .0
            .unwrap_err()
            .to_string()
            .contains("test.fr` line 1: NUL")
    );
    fs::write(fixture.path("test", "fr"), b"a\n").unwrap();
    assert!(fixture.prepare().0.unwrap_err().to_string().contains("has 2 lines"));
}

#[test]
fn what_cannot_be_prepared_says_why() {
    let check = |change: &dyn Fn(&mut DataConfig), expected: &str, hint: &str| {
        let mut fixture = Fixture::new();
        change(&mut fixture.config);
        let error = fixture.prepare().0.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{error}");
    };
    let without_files = |corpus: Corpus| {
        move |config: &mut DataConfig| {
            config.corpus = corpus;
            config.files = Default::default();
        }
    };
    check(
        &without_files(Corpus::Archives),
        "none of the archives has a train split",
        "each of train, valid and test",
    );
    check(
        &without_files(Corpus::Files),
        "files.train.source is missing",
        "--set data.files.train.source=",
    );
    check(
        &|config| config.files.test.target = None,
        "files.test.target is missing",
        "all six",
    );
    check(
        &|config| config.files.test.target = Some(File::Local("/none/x.fr".into())),
        "`/none/x.fr`",
        "",
    );
    check(
        &|config| config.tokeniser.vocabulary_size = 10,
        "vocabulary_size = 10 is too small",
        "",
    );
    check(
        &|config| config.max_source_tokens = 2,
        "no pair of the train split is left of 6 lines",
        "max_source_tokens",
    );
}

#[test]
fn local_files_replace_archives() {
    let mut fixture = Fixture::new();
    let files = fixture.prepared();
    fixture.config.corpus = Corpus::Archives;
    assert_eq!(fixture.prepared().root, files.root);
}

#[test]
fn the_grammar_needs_no_file() {
    let mut fixture = Fixture::new();
    fixture.config.files = Default::default();
    fixture.config.corpus = Corpus::Grammar;
    fixture.config.grammar.train = 500;
    fixture.config.grammar.valid = 20;
    fixture.config.grammar.test = 20;
    fixture.config.tokeniser.vocabulary_size = 400;
    let prepared = fixture.prepared();
    assert_eq!(
        (prepared.train.len(), prepared.valid.len(), prepared.test.len()),
        (500, 20, 20)
    );
    let report = prepared.manifest.split("test").unwrap();
    assert_eq!((report.pairs_in_train, report.source_unknown), (0, 0));
    let (sources, references): (Vec<_>, Vec<_>) = text(&prepared, "test").into_iter().unzip();
    assert_eq!(
        (sources, references),
        (prepared.sources("test").unwrap(), prepared.references("test").unwrap())
    );
    let _: &Path = &prepared.root;
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

/// Notes the steps, and dies at one of them.
#[derive(Default)]
struct Steps {
    dies_at: &'static str,
    begun: Mutex<Vec<String>>,
}

impl Progress for Steps {
    fn message(&self, _text: &str) {}
    fn begin(&self, what: &str, _total: Option<u64>) {
        self.begun.lock().unwrap().push(what.to_owned());
        assert_ne!(what, self.dies_at, "killed");
    }
    fn advance(&self, _done: u64) {}
    fn end(&self) {}
}

/// A killed run leaves finished steps behind; whatever was unfinished is done again, with the same result.
#[test]
fn a_killed_run_goes_on_where_it_was() {
    for (kind, learning) in [
        (TokeniserKind::Sentencepiece, "training the tokeniser"),
        (TokeniserKind::SubwordNmt, "learning merges"),
    ] {
        let mut fixture = Fixture::new();
        fixture.config.tokeniser.kind = kind;
        fixture.config.tokeniser.merges = 20;
        fixture.config.valid_every = Some(3);
        fixture.config.files.valid = Sides::default();
        let whole = fixture.prepared();
        let options = PrepareOptions {
            data_root: fixture.folder.path().join("data"),
            mirror: None,
            offline: true,
        };
        for (dies_at, goes_on_at) in [
            ("reading test", "reading test"),
            ("reading train", "reading test"),
            ("counting words", "counting words"),
            (learning, "counting words"),
            ("counting pieces", "counting pieces"),
            ("numbering train", "numbering train"),
            ("numbering valid", "numbering valid"),
            ("numbering test", "numbering test"),
        ] {
            if (kind, dies_at) == (TokeniserKind::Sentencepiece, "counting pieces") {
                continue;
            }
            fs::remove_dir_all(&whole.root).unwrap();
            let steps = Steps {
                dies_at,
                ..Steps::default()
            };
            let run = std::panic::AssertUnwindSafe(|| prepare(&fixture.config, &options, &steps).map(drop));
            assert!(std::panic::catch_unwind(run).is_err(), "{dies_at}: {:?}", steps.begun);
            assert!(!whole.root.exists());
            let steps = Steps::default();
            let again = prepare(&fixture.config, &options, &steps).unwrap();
            assert_eq!(again.hash, whole.hash, "{dies_at}");
            assert_eq!(again.manifest, whole.manifest, "{dies_at}");
            assert_eq!(steps.begun.into_inner().unwrap()[0], goes_on_at);
        }
        let parent = whole.root.parent().unwrap();
        assert_eq!(fs::read_dir(parent).unwrap().count(), 2, "only the folder and the lock");
    }
}

/// The order of lines and the counts do not depend on the number of threads.
#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let lines: Vec<(String, String)> = (0..40_000)
        .map(|n| (format!("dog {} {n}", n % 97), format!("chien {n} {}", n % 89)))
        .collect();
    let lines: Vec<(&str, &str)> = lines.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let hash = |threads: usize| {
        let mut fixture = Fixture::new().write("train", &lines);
        fixture.config.tokeniser.kind = TokeniserKind::SubwordNmt;
        fixture.config.tokeniser.merges = 50;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fixture.prepared().hash)
    };
    assert_eq!(hash(1), hash(3));
}
