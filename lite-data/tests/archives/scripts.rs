//! Archives that are laid out like the real ones, and the steps of the scripts, each on whole files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use lite_data::grammar::{GrammarConfig, generate};
use lite_data::moses::CleanConfig;
use lite_data::progress::Silent;
use lite_data::subword::{Codes, LearnConfig, learn};
use lite_data::{DataConfig, PairStore, PrepareOptions, Prepared, Vocabulary, WordCounts, prepare};

pub type Text = [Vec<String>; 2];

/// The `[data]` section of a definition of the repository, without sizes and hashes: the archives are other ones.
pub fn definition(name: &str) -> DataConfig {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../experiments/definitions")
        .join(name);
    let table: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    let mut config: DataConfig = table["data"].clone().try_into().unwrap();
    for archive in &mut config.archives {
        (archive.size, archive.sha256) = (None, None);
    }
    config
}

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a tar file, gzipped by its name, into the mirror.
pub fn archive(mirror: &Path, path: &str, files: &[(String, Vec<u8>)]) {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let mut bytes = builder.into_inner().unwrap();
    if !path.ends_with(".tar") {
        bytes = gz(&bytes);
    }
    let path = mirror.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub fn lines(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// Sentences of the grammar as they stand in raw text, with what raw text has besides.
pub fn sentences(n: usize, seed: u64) -> Text {
    let splits = generate(&GrammarConfig {
        train: n,
        valid: 1,
        test: 1,
        seed,
    });
    let (mut source, mut target): (Vec<_>, Vec<_>) = splits.train.into_iter().unzip();
    for index in (0..n).step_by(17) {
        let [a, b] = [&mut source[index], &mut target[index]];
        match index % 7 {
            0 => (*a, *b) = (format!("\u{201c}{a}\u{201d}"), format!("\u{ab}\u{a0}{b}\u{a0}\u{bb}")),
            1 => {
                (*a, *b) = (
                    format!("{a} (well-known)\u{200b}"),
                    format!("{b}\u{2026} (bien-s\u{fb}r)\t!"),
                )
            }
            2 => *a = String::new(),
            3 => b.push_str(" et puis encore et encore et encore et encore et encore et encore"),
            4 => (*a, *b) = ("  ".into(), "  ".into()),
            5 => a.push_str(" | & <x> it's 5,300.50 [sic]"),
            _ => *b = "x ".repeat(300),
        }
    }
    [source, target]
}

pub fn each(text: &Text, act: impl Fn(usize, &str) -> String) -> Text {
    [0, 1].map(|side| text[side].iter().map(|line| act(side, line)).collect())
}

pub fn join(texts: &[Text]) -> Text {
    [0, 1].map(|side| texts.iter().flat_map(|text| text[side].clone()).collect())
}

/// `awk 'NR % n == 0'` and its opposite.
pub fn split(text: &Text, n: usize) -> (Text, Text) {
    let take = |is_valid: bool| {
        [0, 1].map(|side| {
            let numbered = text[side].iter().enumerate();
            let wanted = numbered.filter(|(index, _)| ((index + 1) % n == 0) == is_valid);
            wanted.map(|(_, line)| line.clone()).collect()
        })
    };
    (take(false), take(true))
}

pub fn clean(text: &Text, max: usize) -> Text {
    let config = CleanConfig {
        ratio: 1.5,
        min: 1,
        max,
    };
    let pairs = text[0].iter().zip(&text[1]);
    let (source, target) = pairs
        .filter_map(|(source, target)| config.clean(source, target, false))
        .unzip();
    [source, target]
}

pub fn learnt(train: &Text, merges: usize) -> Vec<u8> {
    let mut words = WordCounts::default();
    train.iter().flatten().for_each(|line| words.add(line));
    let config = LearnConfig {
        merges,
        ..LearnConfig::default()
    };
    learn(&words, &config).unwrap()
}

pub fn apply(codes: &[u8], text: &Text) -> Text {
    let codes = Codes::from_bytes(codes.to_vec(), Path::new("codes")).unwrap();
    [0, 1].map(|side| codes.apply(&text[side]))
}

/// What fairseq-preprocess makes of lines: pieces by falling counts, equal ones by their characters.
pub fn dictionary<'a>(lines: impl Iterator<Item = &'a String>) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for piece in lines.flat_map(|line| line.split_whitespace()) {
        *counts.entry(piece).or_default() += 1;
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().map(|(piece, n)| (piece.to_owned(), n)).collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counts
}

pub fn entries(vocabulary: &Vocabulary) -> Vec<(String, u64)> {
    let text = vocabulary.to_text();
    let entries = text.lines().map(|line| line.rsplit_once(' ').unwrap());
    entries
        .filter(|(piece, _)| !piece.starts_with("madeupword"))
        .map(|(piece, n)| (piece.to_owned(), n.parse().unwrap()))
        .collect()
}

pub fn stored(prepared: &Prepared, store: &PairStore) -> Text {
    let vocabularies = [&prepared.source_vocabulary, &prepared.target_vocabulary];
    let line = |side: usize, index: usize| {
        let (source, target) = store.pair(index);
        vocabularies[side].decode([source, target][side]).join(" ")
    };
    [0, 1].map(|side| (0..store.len()).map(|index| line(side, index)).collect())
}

/// Pieces of valid and test that train does not have are unknown in the store.
pub fn known(text: &Text, prepared: &Prepared) -> Text {
    let vocabularies = [&prepared.source_vocabulary, &prepared.target_vocabulary];
    each(text, |side, line| {
        let pieces = line.split_whitespace();
        let pieces = pieces.map(|piece| vocabularies[side].piece(vocabularies[side].id(piece)));
        pieces.collect::<Vec<_>>().join(" ")
    })
}

pub fn run(config: &DataConfig, folder: &Path) -> Prepared {
    let options = PrepareOptions {
        data_root: folder.join("data"),
        mirror: Some(folder.join("mirror")),
        offline: true,
    };
    let prepared = prepare(config, &options, &Silent).unwrap_or_else(|error| panic!("{error}"));
    let left: Vec<_> = fs::read_dir(&prepared.root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(
        left.iter().all(|path| path.is_file()),
        "unpacked files are left: {left:?}"
    );
    let again = prepare(config, &options, &Silent).unwrap();
    assert_eq!((again.root, again.hash), (prepared.root.clone(), prepared.hash.clone()));
    prepared
}

pub fn check(prepared: &Prepared, expected: [(&PairStore, &Text); 3]) {
    for (split, (store, text)) in ["train", "valid", "test"].into_iter().zip(expected) {
        let found = stored(prepared, store);
        let expected = known(text, prepared);
        assert_eq!(found[0].len(), expected[0].len(), "{split}");
        for side in 0..2 {
            for (index, (found, expected)) in found[side].iter().zip(&expected[side]).enumerate() {
                assert_eq!(found, expected, "{split}, side {side}, line {index}");
            }
        }
    }
}

/// A sheet of segments, as the test sets have it.
pub fn sheet(lines: &[String], form: &str) -> Vec<u8> {
    let mut text = match form {
        "sgm" => "<srcset setid=\"newstest2014\" srclang=\"any\">\n<doc docid=\"a\" genre=\"news\">\n<p>\n".to_owned(),
        _ => "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<mteval>\n<url>http://x</url>\n<title>A</title>\n".to_owned(),
    };
    for (index, line) in lines.iter().enumerate() {
        text += &format!("<seg id=\"{}\"> {line} </seg>\n", index + 1);
    }
    text += "</doc>\n";
    text.into_bytes()
}
