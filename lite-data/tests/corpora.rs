//! Every line of the corpora: the whole output of each step has the hash of what the Perl scripts and subword-nmt write
//! (golden/make_moses.py). Corpora that are not beside the repository are left out. golden/sacremoses.json lists the lines that
//! sacremoses gives otherwise (golden/make_sacremoses.py).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lite_data::moses::{Language, MosesTokeniser, detokenise, lowercase, normalise, remove_non_printing};
use lite_data::subword::{Codes, LearnConfig, PieceList, learn};
use lite_data::{LineRules, WordCounts, read_lines};
use rayon::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// One side of a corpus: its files in order, and the hash of each step's output.
#[derive(Deserialize)]
struct Side {
    files: Vec<PathBuf>,
    lines: usize,
    sha256: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Subword {
    merges: usize,
    codes: String,
    #[serde(flatten)]
    sides: BTreeMap<String, Pieces>,
}

#[derive(Deserialize)]
struct Pieces {
    pieces: String,
    vocabulary: String,
    within_50: String,
    /// With the codes that stand beside the corpus.
    official: Option<String>,
}

type Golden = BTreeMap<String, serde_json::Value>;

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/corpora.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

/// The lines of a side, or nothing where the corpus is missing.
fn text(side: &Side) -> Option<Vec<String>> {
    let paths: Vec<PathBuf> = side.files.iter().map(|file| data().join(file)).collect();
    if !paths.iter().all(|path| path.is_file()) {
        return None;
    }
    let read = |path: &PathBuf| read_lines(path, LineRules::default()).unwrap();
    Some(paths.iter().flat_map(read).collect())
}

fn hash(lines: &[String]) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(line);
        hash.update("\n");
    }
    hexadecimal(hash)
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn each(lines: &[String], act: impl Fn(&str) -> String + Sync) -> Vec<String> {
    lines.par_iter().map(|line| act(line)).collect()
}

#[test]
fn every_line_is_that_of_the_scripts() {
    let golden = golden();
    let mut n_lines = 0;
    for (name, value) in golden.iter().filter(|(name, _)| !name.ends_with(".subword")) {
        let side: Side = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(side.sha256.len(), 8, "{name}");
        let Some(text) = text(&side) else { continue };
        assert_eq!(text.len(), side.lines, "{name}");
        n_lines += text.len();
        let language: Language = name.rsplit('.').next().unwrap().parse().unwrap();
        let tokeniser = MosesTokeniser::new(language);
        let aggressive = tokeniser.clone().with_aggressive(true);
        let plain = tokeniser.clone().with_escape(false);
        let norm = each(&text, |line| normalise(line, language));
        let np = each(&norm, remove_non_printing);
        let chain = each(&np, |line| aggressive.tokenise(line));
        let tok = each(&text, |line| tokeniser.tokenise(line));
        for (step, lines) in [
            ("norm", &norm),
            ("np", &np),
            ("chain", &chain),
            ("tok", &tok),
            ("noesc", &each(&text, |line| plain.tokenise(line))),
            ("lower", &each(&tok, lowercase)),
            ("detok", &each(&chain, |line| detokenise(line, language))),
            ("rawnp", &each(&text, remove_non_printing)),
        ] {
            assert_eq!(hash(lines), side.sha256[step], "{name}: {step}");
        }
    }
    eprintln!("{n_lines} lines");
}

#[test]
fn codes_and_pieces_are_those_of_subword_nmt() {
    let golden = golden();
    for (name, value) in golden.iter().filter(|(name, _)| name.ends_with(".subword")) {
        let corpus = name.trim_end_matches(".subword");
        let expected: Subword = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(
            expected.sides.len(),
            if corpus == "multi30k-tok" { 3 } else { 2 },
            "{name}"
        );
        let is_tokenised = ["multi30k-tok", "iwslt14"].contains(&corpus);
        let side = |language: &str| -> Option<Vec<String>> {
            let side: Side = serde_json::from_value(golden[&format!("{corpus}.{language}")].clone()).unwrap();
            let text = text(&side)?;
            if is_tokenised {
                return Some(text);
            }
            let language: Language = language.parse().unwrap();
            let aggressive = MosesTokeniser::new(language).with_aggressive(true);
            Some(each(&text, |line| {
                aggressive.tokenise(&remove_non_printing(&normalise(line, language)))
            }))
        };
        let sides: Option<Vec<_>> = expected.sides.keys().map(|language| side(language)).collect();
        let Some(sides) = sides else { continue };
        let mut words = WordCounts::default();
        sides.iter().flatten().for_each(|line| words.add(line));
        let config = LearnConfig {
            merges: expected.merges,
            ..LearnConfig::default()
        };
        let bytes = learn(&words, &config).unwrap();
        let mut hasher = Sha256::new();
        hasher.update(&bytes);
        assert_eq!(hexadecimal(hasher), expected.codes, "{corpus}: codes");
        let path = Path::new("bpe.codes");
        for (expected, lines) in expected.sides.values().zip(&sides) {
            let codes = Codes::from_bytes(bytes.clone(), path).unwrap();
            let pieces = codes.apply(lines);
            assert_eq!(hash(&pieces), expected.pieces, "{corpus}: pieces");
            let mut list = PieceList::default();
            pieces.iter().for_each(|line| list.add(line));
            let listed: Vec<String> = list.to_text().lines().map(str::to_owned).collect();
            assert_eq!(hash(&listed), expected.vocabulary, "{corpus}: vocabulary");
            let within = codes.with_vocabulary(&list, 50).apply(lines);
            assert_eq!(hash(&within), expected.within_50, "{corpus}: within the vocabulary");
            if let Some(official) = &expected.official {
                let given = fs::read(data().join("iwslt14-de-en-subset/bpe10k.codes")).unwrap();
                let codes = Codes::from_bytes(given, path).unwrap();
                assert_eq!(hash(&codes.apply(lines)), *official, "{corpus}: the authors' codes");
            }
        }
    }
}
