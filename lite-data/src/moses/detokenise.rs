//! `detokenizer.perl`: words of the tokeniser back to text.

use super::classes::{is_alnum, is_alpha, is_currency, is_space};
use super::language::Language;

/// What the tokeniser escapes, and the names that older versions gave.
const ENTITIES: [(&str, char); 11] = [
    ("&amp;", '&'),
    ("&apos;", '\''),
    ("&quot;", '"'),
    ("&#124;", '|'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&#91;", '['),
    ("&#93;", ']'),
    ("&bar;", '|'),
    ("&bra;", '['),
    ("&ket;", ']'),
];

/// The text of a line of words. A line that is one XML tag, or white space, stays as it is.
pub fn detokenise(line: &str, language: Language) -> String {
    let is_tag = line.len() > 2 && line.starts_with('<') && line.ends_with('>');
    if is_tag || line.chars().all(is_space) {
        return line.to_owned();
    }
    let plain = unescape(&format!(" {line} ").replace(" @-@ ", "-"));
    // The first word is the empty one before the space; empty words at the end do not count.
    let words: Vec<&str> = plain.trim_end_matches(' ').split(' ').collect();
    let mut output = String::with_capacity(plain.len());
    let mut space = true;
    let mut quotes = Quotes::default();
    for (index, &word) in words.iter().enumerate() {
        let last = index.checked_sub(1).map_or("", |index| words[index]);
        let shift = shift(word, last, words.get(index + 1).copied(), language, &mut quotes);
        match shift {
            // In French these have a space before them.
            Shift::Left if language == Language::French && is_high_mark(word) => output.push(' '),
            Shift::Left => {}
            Shift::Right | Shift::None if space => output.push(' '),
            Shift::Right | Shift::None => {}
        }
        output.push_str(word);
        space = shift != Shift::Right;
    }
    squeezed(&output)
}

/// To which side a word sticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift {
    Left,
    Right,
    None,
}

#[expect(clippy::if_same_then_else, reason = "the rules of the script, in its order")]
fn shift(word: &str, last: &str, next: Option<&str>, language: Language, quotes: &mut Quotes) -> Shift {
    let begins = |word: &str, class: fn(char) -> bool| word.chars().next().is_some_and(class);
    let ends = |word: &str, class: fn(char) -> bool| word.chars().next_back().is_some_and(class);
    let all = |class: fn(char) -> bool| !word.is_empty() && word.chars().all(class);
    if begins(word, is_cjk) {
        if ends(last, is_cjk) { Shift::Left } else { Shift::None }
    } else if all(|character| is_currency(character) || matches!(character, '(' | '[' | '{' | '¿' | '¡')) {
        Shift::Right
    } else if all(|character| {
        matches!(
            character,
            ',' | '.' | '?' | '!' | ':' | ';' | '\\' | '%' | '}' | ']' | ')'
        )
    }) {
        Shift::Left
    } else if language == Language::English
        && word.strip_prefix('\'').is_some_and(|stem| begins(stem, is_alpha))
        && ends(last, is_alnum)
    {
        Shift::Left
    } else if language == Language::French
        && word.strip_suffix('\'').is_some_and(|stem| ends(stem, is_alpha))
        && next.is_some_and(|next| begins(next, is_alpha))
    {
        Shift::Right
    } else if all(|character| matches!(character, '\'' | '"' | '„' | '“' | '`')) {
        let possessive = language == Language::English && word == "'" && last.ends_with('s');
        quotes.shift(word, possessive)
    } else {
        Shift::None
    }
}

/// Whether the next quote of a kind opens or closes.
#[derive(Debug, Default)]
struct Quotes {
    open: Vec<(String, bool)>,
}

impl Quotes {
    fn shift(&mut self, word: &str, possessive: bool) -> Shift {
        let is_typographic = word.chars().all(|character| matches!(character, '„' | '“'));
        let kind = if is_typographic { "\"" } else { word };
        let index = self
            .open
            .iter()
            .position(|(known, _)| known == kind)
            .unwrap_or_else(|| {
                self.open.push((kind.to_owned(), false));
                self.open.len() - 1
            });
        let open = &mut self.open[index].1;
        if !*open && possessive {
            return Shift::Left;
        }
        *open = !*open;
        if *open { Shift::Right } else { Shift::Left }
    }
}

fn is_high_mark(word: &str) -> bool {
    matches!(word, "?" | "!" | ":" | ";" | "\\" | "%")
}

/// Characters of Chinese, Japanese and Korean, as the script lists their blocks.
fn is_cjk(character: char) -> bool {
    matches!(
        u32::from(character),
        0x1100..=0x11FF
            | 0x2E80..=0xA4CF
            | 0xA840..=0xA87F
            | 0xAC00..=0xD7AF
            | 0xF900..=0xFAFF
            | 0xFE30..=0xFE4F
            | 0xFF65..=0xFFDC
            | 0x20000..=0x2FFFF
    )
}

/// Entities to characters; what `&amp;` gives is not read again.
fn unescape(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        output.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity));
        let (length, character) = entity.map_or((1, '&'), |(entity, character)| (entity.len(), *character));
        output.push(character);
        rest = &rest[length..];
    }
    output.push_str(rest);
    output
}

fn squeezed(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !output.is_empty() {
            output.push(' ');
        }
        output.push_str(word);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_read_once() {
        assert_eq!(unescape("&amp;lt; &lt; &nbsp; & &#91;&bar;"), "&lt; < &nbsp; & [|");
    }
}
