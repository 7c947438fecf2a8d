//! From the archives of the paper's corpora to token stores, with small archives that are laid out like the real ones. What
//! comes out is held to the scripts' chain, done here step by step on whole files as the scripts do it.

mod scripts;

use std::fs;
use std::path::Path;

use lite_data::moses::{MosesTokeniser, lowercase, normalise, remove_non_printing};
use lite_data::progress::Silent;
use lite_data::{DataError, File, PrepareOptions, prepare};
use scripts::*;

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
