//! A line under a chain of substitutions, each of which does nothing where its mark is missing.

/// The text and a second buffer, which take turns.
#[derive(Debug, Default)]
pub struct Line {
    text: String,
    spare: String,
}

/// A condition on the character beside a mark.
pub type Class = fn(char) -> bool;

impl Line {
    /// A line that begins as `text`.
    pub fn new(text: &str) -> Self {
        Line {
            text: text.to_owned(),
            spare: String::with_capacity(text.len() + text.len() / 4 + 16),
        }
    }

    /// The text as it stands.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text at the end.
    pub fn into_text(self) -> String {
        self.text
    }

    /// `s/from/to/g`, literally.
    pub fn replace(&mut self, from: &str, to: &str) {
        let Some(mut at) = self.text.find(from) else { return };
        self.spare.clear();
        let mut copied = 0;
        loop {
            self.spare.push_str(&self.text[copied..at]);
            self.spare.push_str(to);
            copied = at + from.len();
            match self.text[copied..].find(from) {
                Some(next) => at = copied + next,
                None => break,
            }
        }
        self.finish(copied);
    }

    /// `s/ +/ /g`
    pub fn squeeze(&mut self) {
        let Some(first) = self.text.find("  ") else { return };
        self.spare.clear();
        self.spare.push_str(&self.text[..=first]);
        let mut after_space = true;
        let mut copied = first + 1;
        // Runs between spaces are copied whole.
        for (index, byte) in self.text.bytes().enumerate().skip(first + 1) {
            if byte == b' ' && after_space {
                self.spare.push_str(&self.text[copied..index]);
                copied = index + 1;
            }
            after_space = byte == b' ';
        }
        self.finish(copied);
    }

    /// `s/(before)mark(after)/$1to$2/g`, where a character that one match has taken is not there for the next.
    pub fn substitute(&mut self, before: Option<Class>, mark: &str, after: Option<Class>, to: &str) {
        let (mut copied, mut free, mut at) = (0, 0, 0);
        let mut changed = false;
        while let Some(found) = self.text[at..].find(mark) {
            let start = at + found;
            let mut end = start + mark.len();
            at = end;
            if let Some(before) = before
                && !self.text[free..start].chars().next_back().is_some_and(before)
            {
                continue;
            }
            if let Some(after) = after {
                match self.text[end..].chars().next() {
                    Some(next) if after(next) => end += next.len_utf8(),
                    _ => continue,
                }
            }
            if !changed {
                self.spare.clear();
                changed = true;
            }
            self.spare.push_str(&self.text[copied..start]);
            self.spare.push_str(to);
            copied = start + mark.len();
            (free, at) = (end, end);
        }
        if changed {
            self.finish(copied);
        }
    }

    /// Rewrites the line by hand: `rewrite(text, output)`.
    pub fn rewrite(&mut self, rewrite: impl FnOnce(&str, &mut String)) {
        self.spare.clear();
        rewrite(&self.text, &mut self.spare);
        std::mem::swap(&mut self.text, &mut self.spare);
    }

    fn finish(&mut self, copied: usize) {
        self.spare.push_str(&self.text[copied..]);
        std::mem::swap(&mut self.text, &mut self.spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, act: impl FnOnce(&mut Line)) -> String {
        let mut line = Line::new(text);
        act(&mut line);
        line.into_text()
    }

    #[test]
    fn substitutions_do_not_overlap() {
        let digit: Class = |character| character.is_ascii_digit();
        let twice = |text| edited(text, |line| line.substitute(Some(digit), "-", Some(digit), "+"));
        assert_eq!(twice("1-2-3 10-20-30 é-1-"), "1+2-3 10+20+30 é-1-");
        assert_eq!(
            edited("a,,b", |line| line.substitute(None, ",", None, " , ")),
            "a ,  , b"
        );
        assert_eq!(edited("aaaa", |line| line.replace("aa", "b")), "bb");
    }

    #[test]
    fn spaces_are_squeezed() {
        let squeezed = |text| edited(text, Line::squeeze);
        assert_eq!(squeezed("  a   b c  d  "), " a b c d ");
        assert_eq!(squeezed("a b"), "a b");
        assert_eq!(squeezed("   "), " ");
        assert_eq!(squeezed("é  é"), "é é");
    }
}
