//! `normalize-punctuation.perl`: quotes, dashes and spaces as ASCII writes them.
//!
//! The script reads bytes, so its classes are those of ASCII, and a line still has its `\n` when the rules see it: the
//! full stop of a last `."` is put outside in French and German, although the script's comment says otherwise.
//! sacremoses sees no `\n` and leaves it; it also takes white space off both ends of the line.

use super::edit::{Class, Line};
use super::language::Language;

const DIGIT: Class = |character| character.is_ascii_digit();
const LETTER: Class = |character| character.is_ascii_alphabetic();
const AFTER_BRACKET: Class = |character| matches!(character, '.' | '!' | ':' | '?' | ';' | ',');

/// A line with its punctuation normalised. Spaces at its ends stay, as one.
pub fn normalise(line: &str, language: Language) -> String {
    let mut line = Line::new(line);
    if line.text().contains(['(', ')', '\r']) {
        line.replace("\r", "");
        line.replace("(", " (");
        line.replace(")", ") ");
        line.squeeze();
        line.substitute(None, ") ", Some(AFTER_BRACKET), ")");
        line.replace("( ", "(");
        line.replace(" )", ")");
    }
    line.squeeze();
    line.substitute(Some(DIGIT), " %", None, "%");
    line.replace(" :", ":");
    line.replace(" ;", ";");
    line.replace("`", "'");
    line.replace("''", " \" ");
    if !line.text().is_ascii() {
        unicode(&mut line);
    }
    line.squeeze();
    match language {
        Language::English => {
            if line.text().contains('"') {
                line.rewrite(quote_after_comma);
            }
        }
        Language::French | Language::German => {
            line.replace(",\"", "\",");
            if line.text().contains(".\"") {
                line.rewrite(stop_after_quote);
            }
        }
    }
    // The script does this last: a number's group, whose space does not break.
    let mark = if language == Language::English { "." } else { "," };
    line.substitute(Some(DIGIT), "\u{a0}", Some(DIGIT), mark);
    line.into_text()
}

fn unicode(line: &mut Line) {
    for quote in ["„", "“", "”"] {
        line.replace(quote, "\"");
    }
    line.replace("–", "-");
    line.replace("—", " - ");
    line.squeeze();
    line.replace("´", "'");
    line.substitute(Some(LETTER), "‘", Some(LETTER), "'");
    line.substitute(Some(LETTER), "’", Some(LETTER), "'");
    line.replace("‘", "'");
    line.replace("‚", "'");
    // Not an apostrophe: what is left stands at the end of a word.
    line.replace("’", "\"");
    line.replace("''", "\"");
    line.replace("…", "...");
    for (from, to) in [
        ("\u{a0}«\u{a0}", " \""),
        ("«\u{a0}", "\""),
        ("«", "\""),
        ("\u{a0}»\u{a0}", "\" "),
        ("\u{a0}»", "\""),
        ("»", "\""),
        ("\u{a0}%", "%"),
        ("nº\u{a0}", "nº "),
        ("\u{a0}:", ":"),
        ("\u{a0}ºC", " ºC"),
        ("\u{a0}cm", " cm"),
        ("\u{a0}?", "?"),
        ("\u{a0}!", "!"),
        ("\u{a0};", ";"),
        (",\u{a0}", ", "),
    ] {
        line.replace(from, to);
    }
}

/// `s/"([,.]+)/$1"/g`
fn quote_after_comma(text: &str, output: &mut String) {
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let after = &rest[quote + 1..];
        let marks = after.len() - after.trim_start_matches([',', '.']).len();
        output.push_str(&rest[..quote]);
        output.push_str(&after[..marks]);
        output.push('"');
        rest = &after[marks..];
    }
    output.push_str(rest);
}

/// `s/(\.+)"(\s*[^<])/"$1$2/g`, with the `\n` that ends the line.
fn stop_after_quote(text: &str, output: &mut String) {
    let bytes = text.as_bytes();
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..].find('.') {
        let start = at + found;
        let dots = bytes[start..].iter().take_while(|&&byte| byte == b'.').count();
        let quote = start + dots;
        at = quote;
        if bytes.get(quote) != Some(&b'"') {
            continue;
        }
        let mut end = quote + 1;
        while bytes.get(end).is_some_and(is_space) {
            end += 1;
        }
        match bytes.get(end) {
            // `\s*` gives its last character back to `[^<]`.
            Some(b'<') if end > quote + 1 => {}
            Some(b'<') => continue,
            _ => end += 1,
        }
        output.push_str(&text[copied..start]);
        output.push('"');
        output.push_str(&text[start..quote]);
        copied = quote + 1;
        at = end.min(bytes.len());
        // Only the first byte of a character was taken; no later match begins inside of it.
        while !text.is_char_boundary(at) {
            at += 1;
        }
    }
    output.push_str(&text[copied..]);
}
