//! SentencePiece models give the ids of the Python package, whoever trained them (golden/make_sentencepiece.py).

use std::fs;
use std::path::{Path, PathBuf};

use lite_data::{
    LineRules, SubwordModel, Tokeniser, TokeniserConfig, Vocabulary, WordCounts, read_lines, train_sentencepiece,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    lines: Vec<String>,
    models: std::collections::BTreeMap<String, Vec<Expected>>,
}

#[derive(Deserialize)]
struct Expected {
    ids: Vec<u32>,
    pieces: Vec<String>,
    text: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden() -> Golden {
    serde_json::from_str(&fs::read_to_string(folder().join("sentencepiece.json")).unwrap()).unwrap()
}

fn strs(pieces: &[String]) -> Vec<&str> {
    pieces.iter().map(String::as_str).collect()
}

#[test]
fn pieces_and_text_are_those_of_the_python_package() {
    let golden = golden();
    assert_eq!(golden.models.len(), 5);
    for (name, expected) in &golden.models {
        let tokeniser = Tokeniser::load(&folder().join(format!("{name}.model"))).unwrap();
        for (line, expected) in golden.lines.iter().zip(expected) {
            let pieces = tokeniser.encode(line);
            assert_eq!(pieces, expected.pieces, "{name}: {line:?}");
            assert_eq!(tokeniser.decode(&strs(&pieces)), expected.text, "{name}: {line:?}");
        }
    }
}

#[test]
fn vocabulary_ids_are_those_of_the_model() {
    let golden = golden();
    for name in ["ours-bpe", "ours-unigram", "python-bpe"] {
        let Tokeniser::SentencePiece(model) = Tokeniser::load(&folder().join(format!("{name}.model"))).unwrap() else {
            panic!("{name} is no SentencePiece model");
        };
        let vocabulary = Vocabulary::from_pieces(model.pieces(), 8).unwrap();
        for (line, expected) in golden.lines.iter().zip(&golden.models[name]) {
            let ids = vocabulary.encode(&model.encode(line));
            assert_eq!(ids[..ids.len() - 1], expected.ids, "{name}: {line:?}");
            assert_eq!(ids.last(), Some(&lite_data::EOS));
        }
    }
    // Other special ids than fairseq's do not fit.
    let Tokeniser::SentencePiece(model) = Tokeniser::load(&folder().join("python-unigram.model")).unwrap() else {
        panic!("no SentencePiece model");
    };
    assert!(Vocabulary::from_pieces(model.pieces(), 8).is_none());
}

#[test]
fn training_gives_the_committed_models() {
    let mut words = WordCounts::default();
    for line in read_lines(&folder().join("text.txt"), LineRules::default()).unwrap() {
        words.add(&line);
    }
    for (model, name) in [(SubwordModel::Bpe, "ours-bpe"), (SubwordModel::Unigram, "ours-unigram")] {
        let config = TokeniserConfig {
            model,
            vocabulary_size: 160,
            ..TokeniserConfig::default()
        };
        let bytes = train_sentencepiece(&words, &config).unwrap();
        assert!(
            bytes == fs::read(folder().join(format!("{name}.model"))).unwrap(),
            "{name} differs"
        );
    }
}
