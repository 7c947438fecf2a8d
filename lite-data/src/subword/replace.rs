//! One merge in one word.

use super::learn::{Symbol, Symbols};

/// The word with each occurrence of the pair as one symbol, from the left.
pub(super) fn replace_pair(
    word: &[Symbol],
    pair: (Symbol, Symbol),
    joined: Symbol,
    symbols: &mut Symbols,
) -> Vec<Symbol> {
    if word.iter().any(|&symbol| symbols.name(symbol).contains(is_space)) {
        return replace_as_text(word, pair, symbols);
    }
    let mut merged = Vec::with_capacity(word.len());
    let mut at = 0;
    while let Some(&symbol) = word.get(at) {
        if symbol == pair.0 && word.get(at + 1) == Some(&pair.1) {
            merged.push(joined);
            at += 2;
        } else {
            merged.push(symbol);
            at += 1;
        }
    }
    merged
}

/// The script looks for the pair in the symbols joined by spaces, between white space. If a symbol has other white space
/// inside (a space that does not break, say), it finds the pair there too.
fn replace_as_text(word: &[Symbol], pair: (Symbol, Symbol), symbols: &mut Symbols) -> Vec<Symbol> {
    let names: Vec<&str> = word.iter().map(|&symbol| symbols.name(symbol)).collect();
    let text = names.join(" ");
    let (first, second) = (symbols.name(pair.0), symbols.name(pair.1));
    let pattern = format!("{first} {second}");
    let joined = format!("{first}{second}");
    let mut output = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..].find(&pattern) {
        let (start, end) = (at + found, at + found + pattern.len());
        let free = |character: Option<char>| character.is_none_or(is_space);
        if free(text[..start].chars().next_back()) && free(text[end..].chars().next()) {
            output.push_str(&text[copied..start]);
            output.push_str(&joined);
            (copied, at) = (end, end);
        } else {
            at = start + text[start..].chars().next().map_or(1, char::len_utf8);
        }
    }
    output.push_str(&text[copied..]);
    output.split(' ').map(|name| symbols.number(name)).collect()
}

/// `\s` of Python.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}
