//! `tokenizer.perl`, the version whose last word always loses its full stop.
//!
//! Each step below is a substitution of the script, done by a scanner where it touches every character. One thing is
//! left out: the script turns the letters `DOTMULTI`, its own mark for several dots, into a dot when a text has them.

use regex::Regex;

use super::classes::{is_alnum, is_alpha, is_lower, is_number, is_space};
use super::edit::Line;
use super::language::{Language, Prefix};
use crate::error::DataError;

/// Cuts punctuation off words.
#[derive(Debug, Clone)]
pub struct MosesTokeniser {
    language: Language,
    aggressive: bool,
    escape: bool,
    protected: Vec<Regex>,
}

impl MosesTokeniser {
    /// The tokeniser of a language, with escapes and without splitting hyphens.
    pub fn new(language: Language) -> Self {
        MosesTokeniser {
            language,
            aggressive: false,
            escape: true,
            protected: Vec::new(),
        }
    }

    /// `-a`: a hyphen between letters or digits becomes the word `@-@`.
    pub fn with_aggressive(mut self, aggressive: bool) -> Self {
        self.aggressive = aggressive;
        self
    }

    /// Without it, `-no-escape`: `&|<>'"[]` stay as they are.
    pub fn with_escape(mut self, escape: bool) -> Self {
        self.escape = escape;
        self
    }

    /// `-protected`: what one of these regular expressions matches stays one word.
    pub fn with_protected<S: AsRef<str>>(mut self, patterns: &[S]) -> Result<Self, DataError> {
        let compile = |pattern: &S| {
            let pattern = pattern.as_ref();
            // Perl lets `_` and letters that mean nothing be escaped; of these, patterns in use have only `\_`.
            Regex::new(&pattern.replace(r"\_", "_"))
                .map_err(|error| DataError::Tokeniser(format!("protected pattern `{pattern}`: {error}")))
        };
        self.protected = patterns.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// The words of a line, separated by spaces. A line of white space stays as it is.
    pub fn tokenise(&self, text: &str) -> String {
        if text.chars().all(is_space) {
            return text.to_owned();
        }
        let mut line = Line::new(text);
        line.rewrite(clean_spaces);
        let protected = self.protect(&mut line);
        line.rewrite(|text, output| self.separate(text.trim_matches(' '), output));
        commas(&mut line);
        self.apostrophes(&mut line);
        line.rewrite(|text, output| self.full_stops(text, output));
        if line.text().ends_with(".'") {
            // The script leaves a space at the end of such a line.
            line.rewrite(|text, output| {
                output.push_str(&text[..text.len() - 2]);
                output.push_str(" . ' ");
            });
        }
        for (number, word) in protected.iter().enumerate() {
            line.replace(&placeholder(number), word);
        }
        if self.escape && line.text().contains(['&', '|', '<', '>', '\'', '"', '[', ']']) {
            line.rewrite(escape);
        }
        line.into_text()
    }

    /// Puts a word of letters and digits in the place of everything that is protected.
    fn protect(&self, line: &mut Line) -> Vec<String> {
        let mut protected = Vec::new();
        for pattern in &self.protected {
            let matches = pattern.find_iter(line.text()).map(|found| found.as_str().to_owned());
            protected.extend(matches.filter(|found| !found.is_empty()));
        }
        for (number, word) in protected.iter().enumerate() {
            line.replace(word, &format!(" {} ", placeholder(number)));
        }
        if !protected.is_empty() {
            line.squeeze();
        }
        protected
    }

    /// Spaces around every other character, hyphens and several dots.
    fn separate(&self, text: &str, output: &mut String) {
        let mut rest = text.chars();
        let mut last = ' ';
        while let Some(character) = rest.next() {
            match character {
                ' ' | '\'' | '`' | ',' => output.push(character),
                '.' => {
                    let after = rest.as_str().trim_start_matches('.');
                    let more = rest.as_str().len() - after.len();
                    if more == 0 {
                        output.push('.');
                    } else {
                        // They are one word from here on.
                        output.push(' ');
                        output.extend(std::iter::repeat_n('.', more + 1));
                        if !after.is_empty() {
                            output.push(' ');
                        }
                        rest = after.chars();
                    }
                }
                '-' if self.aggressive && is_alnum(last) && rest.as_str().chars().next().is_some_and(is_alnum) => {
                    output.push_str(" @-@ ");
                }
                '-' => output.push('-'),
                _ if is_alnum(character) => output.push(character),
                _ => {
                    output.push(' ');
                    output.push(character);
                    output.push(' ');
                }
            }
            last = character;
        }
    }

    /// Contractions: `do n't` is not for Moses, but `do 't`, `l' eau` and, elsewhere, an apostrophe of its own.
    fn apostrophes(&self, line: &mut Line) {
        if !line.text().contains('\'') {
            return;
        }
        fn not_alpha(character: char) -> bool {
            !is_alpha(character)
        }
        fn not_alpha_nor_number(character: char) -> bool {
            !is_alpha(character) && !is_number(character)
        }
        match self.language {
            Language::English => {
                line.substitute(Some(not_alpha), "'", Some(not_alpha), " ' ");
                line.substitute(Some(not_alpha_nor_number), "'", Some(is_alpha), " ' ");
                line.substitute(Some(is_alpha), "'", Some(not_alpha), " ' ");
                line.substitute(Some(is_alpha), "'", Some(is_alpha), " '");
                line.substitute(Some(is_number), "'", Some(|character| character == 's'), " '");
            }
            Language::French => {
                line.substitute(Some(not_alpha), "'", Some(not_alpha), " ' ");
                line.substitute(Some(not_alpha), "'", Some(is_alpha), " ' ");
                line.substitute(Some(is_alpha), "'", Some(not_alpha), " ' ");
                line.substitute(Some(is_alpha), "'", Some(is_alpha), "' ");
            }
            Language::German => line.replace("'", " ' "),
        }
    }

    /// Takes full stops off words that are no abbreviations; one space between words, none at the ends.
    fn full_stops(&self, text: &str, output: &mut String) {
        let mut rest = text.trim_matches(' ');
        while !rest.is_empty() {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            // After two spaces, the next word of the script is an empty one.
            let next = after.chars().next();
            rest = after.trim_start_matches(' ');
            output.push_str(word);
            if let Some(stem) = word.strip_suffix('.')
                && !stem.is_empty()
                && stem.bytes().any(|byte| byte != b'.')
                && !self.keeps_its_stop(stem, next)
            {
                output.truncate(output.len() - 1);
                output.push_str(" .");
            }
            if !rest.is_empty() {
                output.push(' ');
            }
        }
    }

    fn keeps_its_stop(&self, stem: &str, next: Option<char>) -> bool {
        // The last word of a line is unlikely to be an abbreviation.
        let Some(next) = next else { return false };
        if (stem.contains('.') && stem.chars().any(is_alpha)) || is_lower(next) {
            return true;
        }
        match self.language.prefixes().get(stem) {
            Some(Prefix::Always) => true,
            Some(Prefix::BeforeNumber) => next.is_ascii_digit(),
            None => false,
        }
    }
}

fn placeholder(number: usize) -> String {
    format!("THISISPROTECTED{number:03}")
}

/// White space to one space, control characters to nothing, a space at both ends.
fn clean_spaces(text: &str, output: &mut String) {
    output.push(' ');
    let mut after_space = true;
    for character in text.chars() {
        if is_space(character) {
            if !after_space {
                output.push(' ');
            }
            after_space = true;
        } else if character >= ' ' {
            output.push(character);
            after_space = false;
        }
    }
    if !after_space {
        output.push(' ');
    }
}

/// Commas become words, except between digits.
fn commas(line: &mut Line) {
    if line.text().contains(',') {
        let no_number = |character| !is_number(character);
        line.substitute(Some(no_number), ",", None, " , ");
        line.substitute(None, ",", Some(no_number), " , ");
        let text = line.text();
        if let Some(stem) = text.strip_suffix(',')
            && stem.chars().next_back().is_some_and(is_number)
        {
            line.rewrite(|text, output| {
                output.push_str(&text[..text.len() - 1]);
                output.push_str(" ,");
            });
        }
    }
}

/// The characters that mean something to Moses, as XML writes them.
fn escape(text: &str, output: &mut String) {
    let mut copied = 0;
    for (index, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'|' => "&#124;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'\'' => "&apos;",
            b'"' => "&quot;",
            b'[' => "&#91;",
            b']' => "&#93;",
            _ => continue,
        };
        output.push_str(&text[copied..index]);
        output.push_str(entity);
        copied = index + 1;
    }
    output.push_str(&text[copied..]);
}
