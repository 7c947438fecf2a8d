//! How a line of a corpus file becomes a sentence: plain text, the tagged training text of IWSLT, or segments in XML and SGM.
//!
//! The rules are those of the paper's preparation scripts, which use `grep` and `sed` and no parser of XML.

use std::sync::LazyLock;

use regex::Regex;

use crate::config::Form;

impl Form {
    /// The sentence of a line, or nothing if the line holds none.
    pub fn sentence(self, line: String) -> Option<String> {
        match self {
            Form::Text => Some(line),
            Form::Tagged => tagged(line),
            Form::Segments => segment(&line),
        }
    }
}

/// `grep -v '<url>'` and so on; then the tags of titles and descriptions are taken away, their text stays.
fn tagged(mut line: String) -> Option<String> {
    if ["<url>", "<talkid>", "<keywords>"].iter().any(|tag| line.contains(tag)) {
        return None;
    }
    if line.contains('<') {
        for tag in ["<title>", "</title>", "<description>", "</description>"] {
            line = line.replace(tag, "");
        }
    }
    Some(line)
}

/// `grep '<seg id'`; the tags are taken away with the space beside them, and a right quote becomes an apostrophe.
fn segment(line: &str) -> Option<String> {
    // What the C library calls space does not include the characters that do not break a line.
    const SPACE: &str = "[^\\S\u{a0}\u{2007}\u{202f}]*";
    static OPEN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("<seg id=\"[0-9]*\">{SPACE}")).ok());
    static CLOSE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("{SPACE}</seg>{SPACE}")).ok());
    if !line.contains("<seg id") {
        return None;
    }
    let (open, close) = (OPEN.as_ref()?, CLOSE.as_ref()?);
    let line = open.replace_all(line, "");
    Some(close.replace_all(&line, "").replace('\u{2019}', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_taken_away_as_the_scripts_do() {
        let check = |form: Form, line: &str, expected: Option<&str>| {
            assert_eq!(form.sentence(line.into()).as_deref(), expected, "{line}");
        };
        check(Form::Text, " <url>x</url> ", Some(" <url>x</url> "));
        check(Form::Tagged, "<url>http://x</url>", None);
        check(Form::Tagged, "<talkid>1</talkid>", None);
        check(Form::Tagged, "<keywords>a, b</keywords>", None);
        check(Form::Tagged, "<title>A: b</title>", Some("A: b"));
        check(Form::Tagged, "<description>TED</description>", Some("TED"));
        check(Form::Tagged, " It\u{2019}s 1 < 2. ", Some(" It\u{2019}s 1 < 2. "));
        check(Form::Tagged, "", Some(""));
        check(Form::Segments, "<seg id=\"12\"> It\u{2019}s. \t</seg> ", Some("It's."));
        check(Form::Segments, "  <seg id=\"1\">a  b</seg>", Some("  a  b"));
        check(
            Form::Segments,
            "<seg id=\"1\">\u{a0}a &amp; b</seg>",
            Some("\u{a0}a &amp; b"),
        );
        check(Form::Segments, "<doc docid=\"1\">", None);
        check(Form::Segments, "</doc>", None);
    }
}
