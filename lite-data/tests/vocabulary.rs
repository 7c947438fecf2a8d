//! Vocabularies are those of fairseq-preprocess, run with the authors' code on the texts in golden/fairseq.

use std::fs;
use std::path::{Path, PathBuf};

use lite_data::{DataError, PieceCounts, SPECIALS, UNK, Vocabulary, VocabularyConfig, count_pieces};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/fairseq")
        .join(name)
}

fn counts(files: &[PathBuf]) -> PieceCounts {
    let mut counts = PieceCounts::default();
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            count_pieces(&mut counts, &line.split_whitespace().collect::<Vec<_>>());
        }
    }
    counts
}

#[test]
fn dictionaries_equal_fairseq() {
    let check = |corpus: &str, sides: &[&str], padding_factor: usize, golden: &str| {
        let folder = folder(corpus);
        let files: Vec<PathBuf> = sides.iter().map(|side| folder.join(format!("train.{side}"))).collect();
        let config = VocabularyConfig {
            padding_factor,
            ..VocabularyConfig::default()
        };
        let vocabulary = Vocabulary::from_counts(&counts(&files), &config);
        let expected = fs::read_to_string(folder.join(golden)).unwrap();
        assert_eq!(vocabulary.to_text(), expected, "{corpus} {golden}");
        assert_eq!(Vocabulary::load(&folder.join(golden)).unwrap(), vocabulary);
        assert_eq!(vocabulary.len(), expected.lines().count() + SPECIALS.len());
    };
    check("joined", &["src", "tgt"], 1, "dict.src.txt");
    check("joined", &["src", "tgt"], 1, "dict.tgt.txt");
    check("joined", &["src", "tgt"], 8, "dict_padding_factor8.txt");
    check("separate", &["src"], 1, "dict.src.txt");
    check("separate", &["tgt"], 1, "dict.tgt.txt");
}

#[test]
fn threshold_and_size_limit_what_is_kept() {
    let mut counts = PieceCounts::default();
    count_pieces(&mut counts, &["b", "b", "a", "a", "c", "c", "c", "d", "<s>"]);
    let text = |threshold, max_words, padding_factor| {
        let config = VocabularyConfig {
            threshold,
            max_words,
            padding_factor,
            ..VocabularyConfig::default()
        };
        Vocabulary::from_counts(&counts, &config).to_text()
    };
    assert_eq!(text(0, None, 1), "c 3\na 2\nb 2\nd 1\n");
    assert_eq!(text(2, None, 1), "c 3\na 2\nb 2\n");
    assert_eq!(text(0, Some(6), 1), "c 3\na 2\n");
    assert_eq!(text(2, None, 8), "c 3\na 2\nb 2\nmadeupword0000 0\n");
}

#[test]
fn text_never_becomes_a_control_symbol() {
    let mut counts = PieceCounts::default();
    count_pieces(&mut counts, &["a"]);
    let vocabulary = Vocabulary::from_counts(&counts, &VocabularyConfig::default());
    assert_eq!(
        vocabulary.encode(&["<s>", "a", "</s>", "zzz", "<pad>"]),
        [UNK, 4, UNK, UNK, UNK, 2]
    );
    assert_eq!(vocabulary.decode(&[2, 4, 3, 1, 2]), ["a", "<unk>"]);
}

#[test]
fn broken_dictionaries_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dict.txt");
    let check = |text: &str, expected: &str| {
        fs::write(&path, text).unwrap();
        let error = Vocabulary::load(&path).unwrap_err();
        assert!(matches!(error, DataError::Line { line: 2, .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    check("a 1\nb\n", "`b`, expected `piece count`");
    check("a 1\nb x\n", "`b x`");
    check("a 1\na 2\n", "`a` stands in the vocabulary already");
    check("a 1\n<s> 2\n", "`<s>` stands in the vocabulary already");
}
