//! Preparation as a whole: on local files, on the grammar, again, and after damage.

mod again;
mod rules;

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
        "give `data.files.train.source` the path of a local file",
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
