//! From the archives of the paper's corpora to token stores, with small archives that are laid out like the real ones. What
//! comes out is held to the scripts' chain, done here step by step on whole files as the scripts do it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use lite_data::grammar::{GrammarConfig, generate};
use lite_data::moses::{CleanConfig, MosesTokeniser, lowercase, normalise, remove_non_printing};
use lite_data::progress::Silent;
use lite_data::subword::{Codes, LearnConfig, learn};
use lite_data::{DataConfig, DataError, File, PairStore, PrepareOptions, Prepared, Vocabulary, WordCounts, prepare};

type Text = [Vec<String>; 2];

/// The `[data]` section of a definition of the repository, without sizes and hashes: the archives are other ones.
fn definition(name: &str) -> DataConfig {
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

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a tar file, gzipped by its name, into the mirror.
fn archive(mirror: &Path, path: &str, files: &[(String, Vec<u8>)]) {
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

fn lines(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// Sentences of the grammar as they stand in raw text, with what raw text has besides.
fn sentences(n: usize, seed: u64) -> Text {
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

fn each(text: &Text, act: impl Fn(usize, &str) -> String) -> Text {
    [0, 1].map(|side| text[side].iter().map(|line| act(side, line)).collect())
}

fn join(texts: &[Text]) -> Text {
    [0, 1].map(|side| texts.iter().flat_map(|text| text[side].clone()).collect())
}

/// `awk 'NR % n == 0'` and its opposite.
fn split(text: &Text, n: usize) -> (Text, Text) {
    let take = |is_valid: bool| {
        [0, 1].map(|side| {
            let numbered = text[side].iter().enumerate();
            let wanted = numbered.filter(|(index, _)| ((index + 1) % n == 0) == is_valid);
            wanted.map(|(_, line)| line.clone()).collect()
        })
    };
    (take(false), take(true))
}

fn clean(text: &Text, max: usize) -> Text {
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

fn learnt(train: &Text, merges: usize) -> Vec<u8> {
    let mut words = WordCounts::default();
    train.iter().flatten().for_each(|line| words.add(line));
    let config = LearnConfig {
        merges,
        ..LearnConfig::default()
    };
    learn(&words, &config).unwrap()
}

fn apply(codes: &[u8], text: &Text) -> Text {
    let codes = Codes::from_bytes(codes.to_vec(), Path::new("codes")).unwrap();
    [0, 1].map(|side| codes.apply(&text[side]))
}

/// What fairseq-preprocess makes of lines: pieces by falling counts, equal ones by their characters.
fn dictionary<'a>(lines: impl Iterator<Item = &'a String>) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for piece in lines.flat_map(|line| line.split_whitespace()) {
        *counts.entry(piece).or_default() += 1;
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().map(|(piece, n)| (piece.to_owned(), n)).collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counts
}

fn entries(vocabulary: &Vocabulary) -> Vec<(String, u64)> {
    let text = vocabulary.to_text();
    let entries = text.lines().map(|line| line.rsplit_once(' ').unwrap());
    entries
        .filter(|(piece, _)| !piece.starts_with("madeupword"))
        .map(|(piece, n)| (piece.to_owned(), n.parse().unwrap()))
        .collect()
}

fn stored(prepared: &Prepared, store: &PairStore) -> Text {
    let vocabularies = [&prepared.source_vocabulary, &prepared.target_vocabulary];
    let line = |side: usize, index: usize| {
        let (source, target) = store.pair(index);
        vocabularies[side].decode([source, target][side]).join(" ")
    };
    [0, 1].map(|side| (0..store.len()).map(|index| line(side, index)).collect())
}

/// Pieces of valid and test that train does not have are unknown in the store.
fn known(text: &Text, prepared: &Prepared) -> Text {
    let vocabularies = [&prepared.source_vocabulary, &prepared.target_vocabulary];
    each(text, |side, line| {
        let pieces = line.split_whitespace();
        let pieces = pieces.map(|piece| vocabularies[side].piece(vocabularies[side].id(piece)));
        pieces.collect::<Vec<_>>().join(" ")
    })
}

fn run(config: &DataConfig, folder: &Path) -> Prepared {
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

fn check(prepared: &Prepared, expected: [(&PairStore, &Text); 3]) {
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
fn sheet(lines: &[String], form: &str) -> Vec<u8> {
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

#[test]
fn wmt14_english_french() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    let config = definition("wmt14-enfr.base.toml");
    let raw: Vec<Text> = (0..5).map(|seed| sentences(600, seed)).collect();
    let both = |name: &str, text: &Text| -> Vec<(String, Vec<u8>)> {
        let side = |side: usize, language: &str| (format!("{name}.{language}"), lines(&text[side]));
        vec![side(0, "en"), side(1, "fr")]
    };
    let with = |mut files: Vec<(String, Vec<u8>)>, name: &str| {
        files.push((name.into(), b"other\n".to_vec()));
        files
    };
    let tgz = |name: &str, files: &[(String, Vec<u8>)]| archive(&mirror, &format!("wmt14-en-fr/{name}"), files);
    tgz(
        "training-parallel-europarl-v7.tgz",
        &with(
            both("training/europarl-v7.fr-en", &raw[0]),
            "training/europarl-v7.de-en.en",
        ),
    );
    tgz(
        "training-parallel-commoncrawl.tgz",
        &with(both("commoncrawl.fr-en", &raw[1]), "commoncrawl.fr-en.annotation"),
    );
    tgz("training-parallel-un.tgz", &both("un/undoc.2000.fr-en", &raw[2]));
    tgz(
        "training-parallel-nc-v9.tgz",
        &both("training/news-commentary-v9.fr-en", &raw[3]),
    );
    let giga = both("giga-fren.release2.fixed", &raw[4]);
    let giga: Vec<_> = giga
        .into_iter()
        .map(|(name, bytes)| (name + ".gz", gz(&bytes)))
        .collect();
    tgz("training-giga-fren.tar", &giga);
    let mut test = sentences(30, 9);
    // A segment is never empty.
    test.iter_mut()
        .flatten()
        .filter(|line| line.trim().is_empty())
        .for_each(|line| *line = "L\u{2019}a.".into());
    tgz(
        "test-full.tgz",
        &[
            ("test-full/newstest2014-fren-src.en.sgm".into(), sheet(&test[0], "sgm")),
            ("test-full/newstest2014-fren-ref.fr.sgm".into(), sheet(&test[1], "sgm")),
            ("test-full/newstest2014-fren-src.fr.sgm".into(), sheet(&test[1], "sgm")),
            ("test-full/newstest2014-deen-src.en.sgm".into(), sheet(&test[0], "sgm")),
        ],
    );
    let prepared = run(&config, folder.path());

    let languages = ["en", "fr"].map(|language| language.parse().unwrap());
    let tokenisers = languages.map(|language| MosesTokeniser::new(language).with_aggressive(true));
    let tokenised = each(&join(&raw), |side, line| {
        tokenisers[side].tokenise(&remove_non_printing(&normalise(line, languages[side])))
    });
    let (train, valid) = split(&tokenised, 1333);
    assert_eq!(valid[0].len(), 2);
    let test = each(&test, |side, line| {
        tokenisers[side].tokenise(&line.trim().replace('\u{2019}', "'"))
    });
    let codes = learnt(&train, 40_000);
    assert!(prepared.tokeniser.bytes().ends_with(&codes) && prepared.tokeniser.bytes().len() == codes.len() + 13);
    let [train, valid, test] = [&train, &valid, &test].map(|text| apply(&codes, text));
    let (kept, valid) = (clean(&train, 250), clean(&valid, 250));
    assert!(kept[0].len() < train[0].len() - 50, "nothing to clean");
    assert_eq!(entries(&prepared.source_vocabulary), dictionary(kept.iter().flatten()));
    assert_eq!(prepared.source_vocabulary, prepared.target_vocabulary);
    check(
        &prepared,
        [
            (&prepared.train, &kept),
            (&prepared.valid, &valid),
            (&prepared.test, &test),
        ],
    );
    assert_eq!(prepared.sources("valid").unwrap().len(), prepared.valid.len());
    assert_eq!(prepared.manifest.inputs.len(), 6);
}

#[test]
fn iwslt14_german_english() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    let config = definition("iwslt14-deen.base.toml");
    let raw = sentences(700, 1);
    let tagged = |lines: &[String]| {
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            if index % 100 == 0 {
                text +=
                    "<url>http://www.ted.com/talks</url>\n<keywords>talks, science</keywords>\n<talkid>1</talkid>\n";
                text += "<title>Al Gore: On climate</title>\n<description>TED Talk Subtitles</description>\n";
            }
            text += &format!("{line}\n");
        }
        text.into_bytes()
    };
    let with_tags = |lines: &[String]| -> Vec<String> {
        let title = |index: usize| match index % 100 {
            0 => vec!["Al Gore: On climate".to_owned(), "TED Talk Subtitles".to_owned()],
            _ => Vec::new(),
        };
        let numbered = lines.iter().enumerate();
        numbered
            .flat_map(|(index, line)| title(index).into_iter().chain([line.clone()]))
            .collect()
    };
    let mut files = vec![("de-en/README".to_owned(), b"x".to_vec())];
    let mut tests = Vec::new();
    for (side, language) in ["de", "en"].into_iter().enumerate() {
        files.push((format!("de-en/train.tags.de-en.{language}"), tagged(&raw[side])));
    }
    for (seed, name) in [
        "TED.dev2010",
        "TEDX.dev2012",
        "TED.tst2010",
        "TED.tst2011",
        "TED.tst2012",
    ]
    .into_iter()
    .enumerate()
    {
        let mut text = sentences(20, 10 + seed as u64);
        text.iter_mut()
            .flatten()
            .filter(|line| line.trim().is_empty())
            .for_each(|line| *line = "It\u{2019}s.".into());
        for (side, language) in ["de", "en"].into_iter().enumerate() {
            files.push((
                format!("de-en/IWSLT14.{name}.de-en.{language}.xml"),
                sheet(&text[side], "xml"),
            ));
        }
        tests.push(text);
    }
    archive(&mirror, "iwslt14-de-en/de-en.tgz", &files);
    let prepared = run(&config, folder.path());

    let tokenisers = ["de", "en"].map(|language| MosesTokeniser::new(language.parse().unwrap()));
    let raw = [0, 1].map(|side| with_tags(&raw[side]));
    let tokenised = each(&raw, |side, line| tokenisers[side].tokenise(line));
    let cleaned = each(&clean(&tokenised, 175), |_, line| lowercase(line));
    assert!(cleaned[0].len() < raw[0].len() - 10, "nothing to clean");
    let (train, valid) = split(&cleaned, 23);
    let test = each(&join(&tests), |side, line| {
        lowercase(&tokenisers[side].tokenise(&line.trim().replace('\u{2019}', "'")))
    });
    let codes = learnt(&train, 10_000);
    assert!(prepared.tokeniser.bytes().ends_with(&codes));
    let [train, valid, test] = [&train, &valid, &test].map(|text| apply(&codes, text));
    assert_eq!(entries(&prepared.source_vocabulary), dictionary(train[0].iter()));
    assert_eq!(entries(&prepared.target_vocabulary), dictionary(train[1].iter()));
    check(
        &prepared,
        [
            (&prepared.train, &train),
            (&prepared.valid, &valid),
            (&prepared.test, &test),
        ],
    );
}

/// A part of the corpus is an experiment of its own: nothing else is taken for it, nor it for the whole.
#[test]
fn the_part_of_iwslt14_needs_its_files() {
    let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments/definitions");
    let mut stand_ins = Vec::new();
    for entry in fs::read_dir(definitions).unwrap() {
        let path = entry.unwrap().path();
        let table: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        if let Some(stand_in) = table.get("data").and_then(|data| data.get("stand_in")) {
            stand_ins.push((path.file_stem().unwrap().to_owned(), stand_in.clone()));
        }
    }
    assert_eq!(stand_ins.len(), 1);
    let (name, stand_in) = stand_ins.remove(0);
    assert_eq!(name, "iwslt14-deen-50M-part");
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    let mut config = definition("iwslt14-deen.base.toml");
    config.stand_in = Some(stand_in.try_into().unwrap());

    // Neither the archive nor the network makes a difference.
    archive(
        &mirror,
        "iwslt14-de-en/de-en.tgz",
        &[("de-en/README".into(), b"x\n".to_vec())],
    );
    for (mirror, offline) in [(None, false), (Some(mirror.clone()), false), (None, true)] {
        let options = PrepareOptions {
            data_root: folder.path().join("data"),
            mirror,
            offline,
        };
        let error = prepare(&config, &options, &Silent).unwrap_err();
        assert!(
            matches!(&error, DataError::NoStandIn { files, .. } if files.len() == 7),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("--mirror"), "{error}");
    }

    let text = sentences(60, 3);
    let codes = learnt(&text, 40);
    // Other bytes than those that the definition names.
    let write = |file: &mut Option<File>, bytes: &[u8]| {
        let Some(File::Given(given)) = file else {
            panic!("a file without a table")
        };
        (given.size, given.sha256) = (None, None);
        let path = mirror.join(&given.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let stand_in = config.stand_in.as_mut().unwrap();
    write(&mut stand_in.codes, &codes);
    let files = &mut stand_in.files;
    for sides in [&mut files.train, &mut files.valid, &mut files.test] {
        write(&mut sides.source, &lines(&text[0]));
        write(&mut sides.target, &lines(&text[1]));
    }
    let prepared = run(&config, folder.path());
    assert_eq!((prepared.valid.len(), prepared.test.len()), (60, 60));
    assert!(prepared.tokeniser.bytes().ends_with(&codes));
    // No step of Moses: they are behind it.
    assert_eq!(prepared.sources("test").unwrap()[1], text[0][1]);
    assert_eq!(prepared.manifest.inputs[0].name, "iwslt14-de-en-subset/train.de.gz");
}

#[test]
fn wmt16_english_german() {
    let folder = tempfile::tempdir().unwrap();
    // The archive may also lie in the mirror by itself, as --mirror finds a file that was fetched by hand.
    let mirror = folder.path().join("mirror");
    let config = definition("wmt16-ende.base.toml");
    let pieces = |n: usize, seed: u64| each(&sentences(n, seed), |_, line| line.trim().replace(' ', " x@@ "));
    let texts = [
        ("train.tok.clean.bpe.32000", pieces(300, 1)),
        ("newstest2013.tok.bpe.32000", pieces(30, 2)),
        ("newstest2014.tok.bpe.32000", pieces(30, 3)),
    ];
    let mut files = Vec::new();
    for (name, text) in &texts {
        for (side, language) in ["en", "de"].into_iter().enumerate() {
            files.push((format!("{name}.{language}"), lines(&text[side])));
        }
    }
    files.push(("newstest2014.tok.de".into(), b"other\n".to_vec()));
    archive(&mirror, "wmt16_en_de.tar.gz", &files);
    let prepared = run(&config, folder.path());
    let empty = |line: &String| line.trim().is_empty();
    let [train, valid, test] = texts.map(|(_, text)| text);
    let pairs = train[0].iter().zip(&train[1]);
    // Google's files are clean; ours have empty lines and overlong ones, which leave by the rules of every corpus.
    let fits = |line: &str| line.split_whitespace().count() < 1024;
    let kept = pairs.filter(|(a, b)| !empty(a) && !empty(b) && fits(a) && fits(b));
    let (source, target): (Vec<String>, Vec<String>) = kept.map(|(a, b)| (a.clone(), b.clone())).unzip();
    let train = [source, target];
    assert_eq!(entries(&prepared.source_vocabulary), dictionary(train.iter().flatten()));
    check(
        &prepared,
        [
            (&prepared.train, &train),
            (&prepared.valid, &valid),
            (&prepared.test, &test),
        ],
    );
    assert_eq!(prepared.tokeniser.decode(&["a", "x@@", "b"]), "a xb");
}

#[test]
fn archives_of_other_shapes_say_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    let config = definition("iwslt14-deen.base.toml");
    let options = PrepareOptions {
        data_root: folder.path().join("data"),
        mirror: Some(mirror.clone()),
        offline: true,
    };
    let failed = || prepare(&config, &options, &Silent).unwrap_err();
    let error = failed();
    assert!(error.to_string().contains("the network is off"), "{error}");
    assert!(
        error
            .hint()
            .unwrap()
            .contains("`iwslt14-de-en/de-en.tgz` with --mirror"),
        "{:?}",
        error.hint()
    );
    // A side is missing.
    archive(
        &mirror,
        "iwslt14-de-en/de-en.tgz",
        &[("de-en/train.tags.de-en.de".into(), b"x\n".to_vec())],
    );
    let error = failed();
    assert!(
        error.to_string().contains("de-en.tgz`: no `de-en/train.tags.de-en.en`"),
        "{error}"
    );
    let prepared = folder.path().join("data/prepared");
    let whole = fs::read_dir(&prepared).unwrap().map(|entry| entry.unwrap().path());
    assert!(whole.filter(|path| path.join("manifest.json").exists()).count() == 0);
    // A page in the place of the archive.
    fs::write(mirror.join("iwslt14-de-en/de-en.tgz"), "<html>virus scan</html>").unwrap();
    let error = failed();
    assert!(
        error.to_string().contains("it begins with `<html>virus scan</html>`"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("fetch it again"));
}
