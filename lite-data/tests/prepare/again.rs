//! Preparation that was done before, was killed, or whose files were damaged.

use super::*;

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

/// A store whose hash is right and which is still none, as no program of ours writes it.
#[test]
fn a_malformed_store_is_refused_each_time() {
    let refused = |alter: fn(&mut Vec<u8>), expected: &str| {
        let fixture = Fixture::new();
        let root = fixture.prepared().root;
        let path = root.join("train.pairs");
        let mut bytes = fs::read(&path).unwrap();
        alter(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let mut manifest = lite_data::Manifest::read(&root).unwrap();
        let output = manifest.outputs.iter_mut().find(|output| output.name == "train.pairs");
        output.unwrap().sha256 = lite_data::hash_file(&path).unwrap().1;
        manifest.write(&root).unwrap();
        // Old enough to be remembered.
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        for file in fs::read_dir(&root).unwrap() {
            let file = fs::File::options().append(true).open(file.unwrap().path()).unwrap();
            file.set_modified(old).unwrap();
        }
        for _ in 0..2 {
            let error = Prepared::open(&root).unwrap_err().to_string();
            assert!(error.contains("train.pairs`: ") && error.contains(expected), "{error}");
        }
    };
    refused(
        |bytes| {
            let end = bytes.len();
            bytes[end - 16..end - 8].copy_from_slice(&u64::MAX.to_le_bytes());
        },
        "its offsets do not fit its tokens",
    );
    // The header's largest id, which the vocabularies are held to.
    refused(|bytes| bytes[40..48].fill(0), "largest id");
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
            ("hashing the files", "hashing the files"),
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
