//! Codes, pieces and lists of pieces are those of the Python package subword-nmt (golden/make_moses.py).

use std::fs;
use std::path::Path;

use lite_data::subword::{Codes, LearnConfig, PieceList, join_pieces, learn};
use lite_data::{SubwordNmt, Tokeniser, WordCounts};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    text: Vec<String>,
    codes: String,
    pieces: Vec<String>,
    vocabulary: String,
    threshold: u64,
    within: Vec<String>,
    old_codes: String,
    old_pieces: Vec<String>,
    old_within: Vec<String>,
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/subword.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn codes(text: &str) -> Codes {
    Codes::from_bytes(text.as_bytes().to_vec(), Path::new("bpe.codes")).unwrap()
}

fn counted(lines: &[String]) -> WordCounts {
    let mut words = WordCounts::default();
    lines.iter().for_each(|line| words.add(line));
    words
}

#[test]
fn codes_are_learnt_with_the_same_bytes() {
    let golden = golden();
    let config = LearnConfig {
        merges: 200,
        ..LearnConfig::default()
    };
    let learnt = String::from_utf8(learn(&counted(&golden.text), &config).unwrap()).unwrap();
    assert_eq!(learnt, golden.codes);
    let check = |words: &WordCounts, config: LearnConfig, expected: &str| {
        let error = learn(words, &config).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(&WordCounts::default(), config, "no text");
    let words = counted(&["ab cd".into()]);
    check(&words, config, "no two symbols stand side by side 2 times");
    check(
        &words,
        LearnConfig { merges: 0, ..config },
        "0 merges less 0 characters",
    );
    let counting = LearnConfig {
        merges: 4,
        total_symbols: true,
        ..config
    };
    check(&words, counting, "4 merges less 4 characters are none");
}

#[test]
fn merges_stop_at_rare_pairs_and_count_characters() {
    let words = counted(&["ab ab ab cd".into()]);
    let text = |config: LearnConfig| String::from_utf8(learn(&words, &config).unwrap()).unwrap();
    assert_eq!(text(LearnConfig::default()), "#version: 0.2\na b</w>\n");
    let all = LearnConfig {
        min_frequency: 1,
        ..LearnConfig::default()
    };
    assert_eq!(text(all), "#version: 0.2\na b</w>\nc d</w>\n");
    // `a`, `c` inside and `b`, `d` at the end.
    let counting = LearnConfig {
        merges: 5,
        total_symbols: true,
        ..all
    };
    assert_eq!(text(counting), "#version: 0.2\na b</w>\n");
}

#[test]
fn lines_are_cut_into_the_same_pieces() {
    let golden = golden();
    let given = codes(&golden.codes);
    assert_eq!(given.apply(&golden.text), golden.pieces);
    for (line, pieces) in golden.text.iter().zip(&golden.pieces) {
        let expected: Vec<&str> = pieces.split(' ').filter(|piece| !piece.is_empty()).collect();
        assert_eq!(given.segment(line), expected);
    }
    assert_eq!(codes(&golden.old_codes).apply(&golden.text), golden.old_pieces);
}

#[test]
fn rare_pieces_are_cut_into_the_same_smaller_ones() {
    let golden = golden();
    let mut list = PieceList::default();
    golden.pieces.iter().for_each(|line| list.add(line));
    assert_eq!(list.to_text(), golden.vocabulary);
    let list = PieceList::from_text(&golden.vocabulary, Path::new("vocabulary")).unwrap();
    let within = codes(&golden.codes).with_vocabulary(&list, golden.threshold);
    assert_eq!(within.apply(&golden.text), golden.within);
    let list = PieceList::from_text("th@@ 1\ne 1\na 1\nan 1\n", Path::new("vocabulary")).unwrap();
    assert_eq!(
        codes(&golden.old_codes).with_vocabulary(&list, 0).apply(&golden.text),
        golden.old_within
    );
    let error = PieceList::from_text("a 1\nb x\n", Path::new("list")).unwrap_err();
    assert_eq!(error.to_string(), "`list` line 2: `b x`, expected `piece count`");
}

#[test]
fn broken_codes_are_named() {
    let check = |text: &str, expected: &str| {
        let error = Codes::from_bytes(text.as_bytes().to_vec(), Path::new("c")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check("#version: 0.3\na b\n", "`c` line 1: codes of version 0.3");
    check("#version: 0.2\na b\nabc\n", "`c` line 3: `abc`");
    check("a b c\n", "`c` line 1: `a b c`");
    check("", "`c` line 1");
    assert!(Codes::from_bytes(vec![0xff], Path::new("c")).is_err());
}

#[test]
fn a_tokeniser_is_its_file() {
    let golden = golden();
    let path = Path::new("tokeniser.model");
    let line = "the man 's old &quot; window &quot; , etc .";
    let text = [
        ("", line.to_owned()),
        ("en", "the man's old \"window\", etc.".to_owned()),
    ];
    for (language, expected) in text {
        let language = (!language.is_empty()).then(|| language.parse().unwrap());
        let made = SubwordNmt::new(golden.codes.as_bytes(), language, path).unwrap();
        let read = Tokeniser::from_bytes(made.bytes().to_vec(), path).unwrap();
        assert_eq!(read.bytes(), made.bytes());
        let pieces = read.encode(line);
        assert!(pieces.iter().any(|piece| piece.ends_with("@@")), "{pieces:?}");
        assert_eq!(
            read.decode(&pieces.iter().map(String::as_str).collect::<Vec<_>>()),
            expected
        );
    }
    // Codes alone are read too.
    let read = Tokeniser::from_bytes(golden.codes.clone().into_bytes(), path).unwrap();
    assert!(matches!(read, Tokeniser::SubwordNmt(_)));
    for head in [
        "#subword-nmt detokenise=xx\na b\n",
        "#subword-nmt nonsense\na b\n",
        "#subword-nmt",
    ] {
        assert!(Tokeniser::from_bytes(head.as_bytes().to_vec(), path).is_err(), "{head}");
    }
}

proptest! {
    #[test]
    fn joining_the_pieces_gives_the_line_back(
        learnt in prop::collection::vec("[abcé&;'-]{1,7}", 1..30),
        words in prop::collection::vec("[abcdé&;'-]{1,9}", 1..12),
        merges in 0_usize..40,
    ) {
        let config = LearnConfig { merges, min_frequency: 1, ..LearnConfig::default() };
        let bytes = learn(&counted(&learnt), &config);
        // Words of one character have no pair.
        prop_assume!(bytes.is_ok() && merges > 0);
        let given = Codes::from_bytes(bytes.unwrap(), Path::new("c")).unwrap();
        let line = words.join(" ");
        let pieces = given.segment(&line);
        prop_assert_eq!(join_pieces(&pieces.iter().map(String::as_str).collect::<Vec<_>>()), line.clone());
        prop_assert_eq!(given.apply(std::slice::from_ref(&line)), vec![pieces.join(" ")]);
        // With an empty list, only characters are left.
        let none = given.with_vocabulary(&PieceList::default(), 0);
        prop_assert_eq!(none.segment(&line).len(), line.chars().filter(|c| *c != ' ').count());
    }
}
