//! Character classes as Perl's regular expressions have them, each a bit of a table.
//!
//! `\p{IsAlpha}` is Unicode's Alphabetic, `\p{IsAlnum}` that and the decimal digits (not `²` or `½`), `\p{IsN}` every
//! number. The table follows the Unicode version of the compiler and of `regex`: a character that was assigned since
//! Perl 5.36 (Unicode 14) is unassigned, hence `\p{C}`, there and not here.

use std::sync::LazyLock;

use regex::Regex;

const ALPHABETIC: u8 = 1;
const DECIMAL: u8 = 2;
const NUMBER: u8 = 4;
const LOWER: u8 = 8;
const SPACE: u8 = 16;
const OTHER: u8 = 32;
const CURRENCY: u8 = 64;

/// The basic plane; characters beyond it are rare enough to be looked up one by one.
static TABLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut table: Vec<u8> = (0..0x1_0000)
        .map(|code| char::from_u32(code).map_or(OTHER, simple))
        .collect();
    let plane: String = (0..0x1_0000).filter_map(char::from_u32).collect();
    for (class, bit) in CLASSES.iter() {
        for found in class.find_iter(&plane).flat_map(|run| run.as_str().chars()) {
            table[found as usize] |= bit;
        }
    }
    table
});

/// The classes that the standard library does not have.
static CLASSES: LazyLock<Vec<(Regex, u8)>> = LazyLock::new(|| {
    [(r"\p{Nd}+", DECIMAL), (r"\p{C}+", OTHER), (r"\p{Sc}+", CURRENCY)]
        .into_iter()
        .filter_map(|(class, bit)| Some((Regex::new(class).ok()?, bit)))
        .collect()
});

fn simple(character: char) -> u8 {
    let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
    bit(character.is_alphabetic(), ALPHABETIC)
        | bit(character.is_numeric(), NUMBER)
        | bit(character.is_lowercase(), LOWER)
        | bit(character.is_whitespace(), SPACE)
}

fn beyond(character: char) -> u8 {
    let text = character.encode_utf8(&mut [0; 4]).to_owned();
    CLASSES
        .iter()
        .filter(|(class, _)| class.is_match(&text))
        .fold(simple(character), |bits, (_, bit)| bits | bit)
}

fn bits(character: char) -> u8 {
    match TABLE.get(character as usize) {
        Some(&bits) => bits,
        None => beyond(character),
    }
}

/// `\p{IsAlpha}`
pub fn is_alpha(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphabetic();
    }
    bits(character) & ALPHABETIC != 0
}

/// `\p{IsAlnum}`
pub fn is_alnum(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    bits(character) & (ALPHABETIC | DECIMAL) != 0
}

/// `\p{IsN}`
pub fn is_number(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    bits(character) & NUMBER != 0
}

/// `\p{IsLower}`
pub fn is_lower(character: char) -> bool {
    bits(character) & LOWER != 0
}

/// `\s`
pub fn is_space(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' ' | '\t'..='\r');
    }
    bits(character) & SPACE != 0
}

/// `\p{C}`: control, format, private and unassigned characters.
pub fn is_other(character: char) -> bool {
    bits(character) & OTHER != 0
}

/// `\p{IsSc}`
pub fn is_currency(character: char) -> bool {
    bits(character) & CURRENCY != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_perl() {
        type Class = fn(char) -> bool;
        let check = |class: Class, inside: &str, outside: &str| {
            assert!(inside.chars().all(class), "{inside}");
            assert!(!outside.chars().any(class), "{outside}");
        };
        check(is_alpha, "aéßªⅣ中ー\u{345}", "1²½_'-٣ ");
        check(is_alnum, "aé19٣\u{1D7D8}", "²½①_-'◌");
        check(is_number, "19²½①Ⅳ٣", "aé'");
        check(is_lower, "aéßªⅳ", "AÉ1中Ⅳ");
        check(
            is_space,
            " \t\u{b}\r\n\u{85}\u{a0}\u{2009}\u{3000}\u{2028}",
            "\u{1c}\u{200b}a",
        );
        check(
            is_other,
            "\0\t\u{ad}\u{200b}\u{feff}\u{e000}\u{378}\u{F0000}",
            " \u{a0}a\u{300}",
        );
        check(is_currency, "$€£", "aE%");
    }
}
