//! The steps of Moses give the lines of its Perl scripts (golden/make_moses.py): own sentences here, corpora in
//! corpora.rs.
//!
//! sacremoses 0.2.0 gives other words for these of the lines. It leaves the full stop on the last word: `St.` and `U.S.A.`
//! in English, `etc.` in French, `usw.` and `5.` in German. It separates the letters of Chinese and Korean, and takes `\x1f`
//! for white space. Its normaliser leaves `."` at the end of a German line. sacremoses.json lists such lines of the corpora.

use std::fs;
use std::path::Path;

use lite_data::moses::{CleanConfig, Language, MosesTokeniser, detokenise, lowercase, normalise, remove_non_printing};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    protected_patterns: Vec<String>,
    languages: Vec<Sentences>,
}

/// Lines, and what each script makes of them.
#[derive(Deserialize)]
struct Sentences {
    language: String,
    text: Vec<String>,
    norm: Vec<String>,
    np: Vec<String>,
    chain: Vec<String>,
    tok: Vec<String>,
    noesc: Vec<String>,
    lower: Vec<String>,
    detok: Vec<String>,
    rawnp: Vec<String>,
    detok_text: Vec<String>,
    protected: Vec<String>,
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/moses.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn check(step: &str, input: &[String], expected: &[String], act: impl Fn(&str) -> String) {
    assert_eq!(input.len(), expected.len(), "{step}");
    for (line, expected) in input.iter().zip(expected) {
        assert_eq!(&act(line), expected, "{step}: {line:?}");
    }
}

#[test]
fn every_step_gives_the_lines_of_its_script() {
    let golden = golden();
    assert_eq!(golden.languages.len(), 3);
    for of in &golden.languages {
        let language: Language = of.language.parse().unwrap();
        let tokeniser = MosesTokeniser::new(language);
        let aggressive = tokeniser.clone().with_aggressive(true);
        let plain = tokeniser.clone().with_escape(false);
        let protecting = tokeniser.clone().with_protected(&golden.protected_patterns).unwrap();
        check("normalise", &of.text, &of.norm, |line| normalise(line, language));
        check("remove_non_printing", &of.norm, &of.np, remove_non_printing);
        check("remove_non_printing", &of.text, &of.rawnp, remove_non_printing);
        check("aggressive", &of.np, &of.chain, |line| aggressive.tokenise(line));
        check("tokenise", &of.text, &of.tok, |line| tokeniser.tokenise(line));
        check("no escape", &of.text, &of.noesc, |line| plain.tokenise(line));
        check("protected", &of.text, &of.protected, |line| protecting.tokenise(line));
        check("lowercase", &of.tok, &of.lower, lowercase);
        check("detokenise", &of.chain, &of.detok, |line| detokenise(line, language));
        check("detokenise", &of.text, &of.detok_text, |line| {
            detokenise(line, language)
        });
    }
}

#[test]
fn broken_patterns_are_named() {
    let error = MosesTokeniser::new(Language::English)
        .with_protected(&["a(b"])
        .unwrap_err();
    assert!(error.to_string().contains("`a(b`"), "{error}");
}

#[test]
fn detokenising_gives_plain_sentences_back() {
    let sentences = [
        (
            "en",
            "Mr. Smith doesn't like the well-known song (\"Yes!\"), but he's paid $5,300.50 for it.",
        ),
        ("en", "The Jones' house is 50% bigger; isn't it?"),
        ("fr", "L'homme qu'il a vu n'est pas là, dit-elle (en 2010)."),
        ("de", "Der 5. Mai ist, z.B. in Köln, ein \"großer\" Tag!"),
    ];
    for (language, sentence) in sentences {
        let language = language.parse().unwrap();
        let tokeniser = MosesTokeniser::new(language).with_aggressive(true);
        assert_eq!(detokenise(&tokeniser.tokenise(sentence), language), sentence);
    }
}

const LANGUAGES: [Language; 3] = [Language::English, Language::French, Language::German];

proptest! {
    #[test]
    fn words_and_marks_come_back(
        words in prop::collection::vec("[a-zé]{1,8}(-[a-z]{1,4})?[,;:]?|[0-9]{1,3},[0-9]{3}|\\([a-z]{2,5}\\)", 1..12),
        end in "[.!?]",
    ) {
        let line = words.join(" ") + &end;
        // French has a space before high marks.
        for language in [Language::English, Language::German] {
            let tokeniser = MosesTokeniser::new(language).with_aggressive(true);
            prop_assert_eq!(detokenise(&tokeniser.tokenise(&line), language), line.clone());
        }
    }

    #[test]
    fn no_line_is_too_strange(line in "[ -~\\t\u{a0}«»“”‘’„‚…—–´éßñ中\u{200b}\u{1}.,'\"@-]{0,60}") {
        for language in LANGUAGES {
            let normal = normalise(&line, language);
            prop_assert!(!normal.contains("  ") && !normal.contains(['“', '”', '„', '«', '»', '…', '—', '–']));
            let tokens = MosesTokeniser::new(language).with_escape(false).tokenise(&line);
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c >= ' ').collect::<String>();
            prop_assert_eq!(letters(&tokens), letters(&line));
            // The script puts ` . ' ` in the place of `.'` at an end, after it has cleaned up spaces.
            if !line.trim().is_empty() && !letters(&line).ends_with(".'") {
                prop_assert!(!tokens.contains("  ") && !tokens.starts_with(' '));
            }
            detokenise(&tokens, language);
        }
    }

    #[test]
    fn cleaning_is_symmetric_and_keeps_words(source in "[a-d|é ]{0,40}", target in "[a-d|é ]{0,40}") {
        let config = CleanConfig { ratio: 1.5, min: 1, max: 12 };
        let kept = config.clean(&source, &target, false);
        let other = config.clean(&target, &source, false).map(|(target, source)| (source, target));
        prop_assert_eq!(&kept, &other);
        if let Some((source, target)) = kept {
            prop_assert_eq!(config.clean(&source, &target, false), Some((source, target)));
        }
    }
}
