//! French nouns, adjectives and numbers in words.

use super::elision::Piece;
use crate::grammar::lexicon::{Adjective, Noun};
use crate::grammar::tree::Agreement;

/// Plural of a noun or of a masculine adjective.
pub fn plural(singular: &str) -> String {
    const IRREGULAR: &[(&str, &str)] = &[
        ("bijou", "bijoux"),
        ("hibou", "hiboux"),
        ("grand-mère", "grands-mères"),
        ("grand-père", "grands-pères"),
        ("marron", "marron"),
        ("bleu", "bleus"),
    ];
    if let Some((_, form)) = IRREGULAR.iter().find(|(word, _)| *word == singular) {
        return (*form).to_string();
    }
    match singular {
        word if word.ends_with(['s', 'x', 'z']) => word.to_string(),
        word if word.ends_with("al") => format!("{}ux", &word[..word.len() - 1]),
        word if word.ends_with("au") || word.ends_with("eu") => format!("{word}x"),
        word => format!("{word}s"),
    }
}

/// A noun in its number.
pub fn noun(noun: &Noun, is_plural: bool) -> String {
    if is_plural {
        plural(noun.french)
    } else {
        noun.french.to_string()
    }
}

/// An adjective in agreement.
pub fn adjective(adjective: &Adjective, agreement: Agreement) -> Piece {
    match (agreement.feminine, agreement.plural, adjective.before_vowel) {
        (false, false, Some(form)) if adjective.precedes => Piece::Variant(adjective.masculine, form),
        (feminine, is_plural, _) => {
            let singular = if feminine {
                adjective.feminine
            } else {
                adjective.masculine
            };
            Piece::Word(if is_plural {
                plural(singular)
            } else {
                singular.to_string()
            })
        }
    }
}

/// An adjective away from its noun, where "beau" never becomes "bel".
pub fn predicate_adjective(word: &Adjective, agreement: Agreement) -> Piece {
    match adjective(word, agreement) {
        Piece::Variant(plain, _) => Piece::Word(plain.to_string()),
        piece => piece,
    }
}

/// A participle in agreement.
pub fn participle(masculine: &str, agreement: Agreement) -> String {
    let feminine = if agreement.feminine {
        format!("{masculine}e")
    } else {
        masculine.to_string()
    };
    if agreement.plural { plural(&feminine) } else { feminine }
}

#[rustfmt::skip]
const UNITS: [&str; 20] = [
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize", "quatorze",
    "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
];
const TENS: [&str; 7] = ["", "", "vingt", "trente", "quarante", "cinquante", "soixante"];

/// A number below 100 in words; only "un" agrees.
pub fn number(n: u32, feminine: bool) -> String {
    let unit = |n: u32| if n == 1 && feminine { "une" } else { UNITS[n as usize] };
    match n {
        0..=19 => unit(n).to_string(),
        71 => "soixante et onze".to_string(),
        80 => "quatre-vingts".to_string(),
        20..=69 => match (TENS[n as usize / 10], n % 10) {
            (tens, 0) => tens.to_string(),
            (tens, 1) => format!("{tens} et {}", unit(1)),
            (tens, ones) => format!("{tens}-{}", unit(ones)),
        },
        70..=79 => format!("soixante-{}", unit(n - 60)),
        _ => format!("quatre-vingt-{}", unit(n - 80)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals() {
        for (one, many) in [
            ("cheval", "chevaux"),
            ("bateau", "bateaux"),
            ("souris", "souris"),
            ("bijou", "bijoux"),
            ("bleu", "bleus"),
            ("nez", "nez"),
            ("grand-mère", "grands-mères"),
            ("hôpital", "hôpitaux"),
            ("œuf", "œufs"),
        ] {
            assert_eq!(plural(one), many);
        }
    }

    #[test]
    fn numbers_in_words() {
        for (n, words) in [
            (16, "seize"),
            (21, "vingt et un"),
            (70, "soixante-dix"),
            (71, "soixante et onze"),
            (80, "quatre-vingts"),
            (81, "quatre-vingt-un"),
            (97, "quatre-vingt-dix-sept"),
        ] {
            assert_eq!(number(n, false), words);
        }
        assert_eq!(number(61, true), "soixante et une");
    }
}
