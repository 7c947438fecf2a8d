//! Reading text: one sentence a line, two files a corpus; or a field of lines of JSON, which `json` makes a line of.
//!
//! Rules: lines end with `\n`; a `\r` before it and a byte order mark at the beginning of a file are taken away. A line
//! with invalid UTF-8 or a NUL is broken. The two files must have the same number of lines.

mod json;

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use crate::config::{DataConfig, Form, JsonField, Unicode};
use crate::error::DataError;
use crate::moses::Steps;
use crate::sources::open_text;

/// Most bytes of a line. Longer ones are broken: they are no sentences, and memory must not grow with them.
pub const LONGEST_LINE: usize = 1 << 20;

/// What is done to every line.
#[derive(Debug, Clone, Default)]
pub struct LineRules {
    /// Lower-case it.
    pub lowercase: bool,
    /// Normalise it.
    pub unicode: Unicode,
    /// Then the steps of Moses, in the language of the side.
    pub moses: Option<Arc<Steps>>,
}

/// A line that is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub path: PathBuf,
    /// Counted from one.
    pub line: usize,
    /// What stands there.
    pub found: String,
}

impl Broken {
    /// The error. `in_train`: it is a line of the training split, which can be left out.
    pub(crate) fn error(self, in_train: bool) -> DataError {
        DataError::Line {
            path: self.path,
            line: self.line,
            found: self.found,
            in_train,
        }
    }
}

impl From<Broken> for DataError {
    fn from(broken: Broken) -> Self {
        broken.error(false)
    }
}

impl LineRules {
    /// The rules of a `[data]` section for its source side, or for the only one. An error names a language or a pattern
    /// that cannot be used.
    pub fn new(config: &DataConfig) -> Result<Self, DataError> {
        if config.is_one_sided() {
            return Self::target(config);
        }
        Self::of_language(config, &config.source_language)
    }

    /// The rules for the target side.
    pub fn target(config: &DataConfig) -> Result<Self, DataError> {
        Self::of_language(config, &config.target_language)
    }

    fn of_language(config: &DataConfig, language: &str) -> Result<Self, DataError> {
        let moses = config.moses.as_ref().map(|moses| Steps::new(moses, language));
        Ok(LineRules {
            lowercase: config.lowercase,
            unicode: config.unicode,
            moses: moses.transpose()?.map(Arc::new),
        })
    }

    /// The rules for a split: of test, the steps of Moses may be fewer.
    pub fn for_split(mut self, split: &str) -> Self {
        if split == "test" {
            self.moses = self.moses.map(|steps| Arc::new(steps.for_test()));
        }
        self
    }

    /// The line after the rules.
    pub fn apply(&self, line: String) -> String {
        let line = match self.unicode {
            Unicode::None => line,
            Unicode::Nfc => line.nfc().collect(),
            Unicode::Nfkc => line.nfkc().collect(),
        };
        let line = if self.lowercase { line.to_lowercase() } else { line };
        match &self.moses {
            Some(steps) => steps.apply(line),
            None => line,
        }
    }
}

/// A pair of lines, or what is broken in one of them.
pub type Pair = Result<(String, String), Broken>;

/// A file of text and how its lines become sentences.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// Where it is.
    pub path: PathBuf,
    /// Which of its lines are sentences.
    pub form: Form,
    /// The lines are objects of JSON, of which this is the text.
    pub json: Option<JsonField>,
}

impl TextFile {
    /// A file of which every line is a sentence.
    pub fn plain(path: &Path) -> Self {
        TextFile {
            path: path.into(),
            form: Form::Text,
            json: None,
        }
    }
}

/// The pairs of two files, read one by one.
pub struct PairReader {
    /// Nothing for a text, which is the target of empty sources.
    sources: Option<Lines>,
    targets: Lines,
}

impl PairReader {
    /// Opens both files, or the only one of a text.
    pub fn open(source: Option<TextFile>, target: TextFile) -> Result<Self, DataError> {
        Ok(PairReader {
            sources: source.map(Lines::open).transpose()?,
            targets: Lines::open(target)?,
        })
    }

    /// The next pair, or nothing at the end. An error if only one of the files has ended.
    pub fn next_pair(&mut self) -> Result<Option<Pair>, DataError> {
        let Some(sources) = &mut self.sources else {
            let target = self.targets.next_line()?;
            return Ok(target.map(|target| target.map(|target| (String::new(), target))));
        };
        match (sources.next_line()?, self.targets.next_line()?) {
            (Some(source), Some(target)) => Ok(Some(source.and_then(|source| Ok((source, target?))))),
            (None, None) => Ok(None),
            _ => {
                while sources.next_line()?.is_some() {}
                while self.targets.next_line()?.is_some() {}
                Err(DataError::UnequalLines {
                    source_path: sources.file.path.clone(),
                    source_lines: sources.taken,
                    target_path: self.targets.file.path.clone(),
                    target_lines: self.targets.taken,
                })
            }
        }
    }
}

/// Calls `each` with the lines of both files, counted from one, or with what is broken in a pair. Returns their number.
pub fn read_pairs(
    source: &Path,
    target: &Path,
    rules: LineRules,
    mut each: impl FnMut(usize, Pair) -> Result<(), DataError>,
) -> Result<usize, DataError> {
    let mut reader = PairReader::open(Some(TextFile::plain(source)), TextFile::plain(target))?;
    let mut n = 0;
    while let Some(pair) = reader.next_pair()? {
        n += 1;
        each(
            n,
            pair.map(|(source, target)| (rules.apply(source), rules.apply(target))),
        )?;
    }
    Ok(n)
}

/// All lines of one file, which must have no broken one.
pub fn read_lines(path: &Path, rules: LineRules) -> Result<Vec<String>, DataError> {
    let mut all = Vec::new();
    each_line(path, |line| all.push(rules.apply(line)))?;
    Ok(all)
}

/// Calls `each` with the lines of one file, which must have no broken one.
pub fn each_line(path: &Path, mut each: impl FnMut(String)) -> Result<(), DataError> {
    let mut lines = Lines::open(TextFile::plain(path))?;
    while let Some(line) = lines.next_line()? {
        each(line?);
    }
    Ok(())
}

struct Lines {
    file: TextFile,
    reader: Box<dyn BufRead + Send>,
    /// Lines of the file so far.
    number: usize,
    /// Those of them that are sentences.
    taken: usize,
    buffer: Vec<u8>,
}

impl Lines {
    fn open(file: TextFile) -> Result<Self, DataError> {
        Ok(Lines {
            reader: open_text(&file.path)?,
            file,
            number: 0,
            taken: 0,
            buffer: Vec::new(),
        })
    }

    /// The next sentence: a line of the file, or what its form makes of it.
    fn next_line(&mut self) -> Result<Option<Result<String, Broken>>, DataError> {
        while let Some(line) = self.next_raw_line()? {
            let sentence = match line {
                Ok(line) => self.file.form.sentence(line).map(Ok),
                // A broken line that holds no sentence, such as an address, must not stand against one of the other side.
                Err(broken) => {
                    let text = String::from_utf8_lossy(&self.buffer).into_owned();
                    self.file.form.sentence(text).map(|_| Err(broken))
                }
            };
            let Some(sentence) = sentence else { continue };
            self.taken += 1;
            return Ok(Some(sentence));
        }
        Ok(None)
    }

    /// The next line as text. Its bytes stay in the buffer; of one that is too long, the first of them.
    fn next_raw_line(&mut self) -> Result<Option<Result<String, Broken>>, DataError> {
        self.buffer.clear();
        let limit = LONGEST_LINE as u64 + 2;
        let n = (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.buffer)
            .map_err(DataError::io(&self.file.path))?;
        if n == 0 {
            return Ok(None);
        }
        self.number += 1;
        if n as u64 == limit && self.buffer.last() != Some(&b'\n') {
            self.reader.skip_until(b'\n').map_err(DataError::io(&self.file.path))?;
        }
        let mut line = self.buffer.as_slice();
        line = line.strip_suffix(b"\n").unwrap_or(line);
        line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.number == 1 {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.len() > LONGEST_LINE {
            return Ok(Some(Err(
                self.broken(format!("the line is longer than {LONGEST_LINE} bytes"))
            )));
        }
        if let Some(position) = line.iter().position(|&byte| byte == 0) {
            return Ok(Some(Err(self.broken(format!("NUL at byte {}", position + 1)))));
        }
        Ok(Some(match std::str::from_utf8(line) {
            Ok(line) => match &self.file.json {
                Some(json) => json::text_of(line, json).map_err(|found| self.broken(found)),
                None => Ok(line.to_owned()),
            },
            Err(error) => {
                let position = error.valid_up_to();
                let byte = line.get(position).copied().unwrap_or(0);
                Err(self.broken(format!("invalid UTF-8 (0x{byte:02x} at byte {})", position + 1)))
            }
        }))
    }

    fn broken(&self, found: String) -> Broken {
        Broken {
            path: self.file.path.clone(),
            line: self.number,
            found,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    type Pairs = Vec<Result<(String, String), Broken>>;

    fn read(source: &[u8], target: &[u8]) -> Result<Pairs, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a.en"), folder.path().join("a.fr"));
        fs::write(&a, source).unwrap();
        fs::write(&b, target).unwrap();
        let mut pairs = Vec::new();
        let n = read_pairs(&a, &b, LineRules::default(), |_, pair| {
            pairs.push(pair);
            Ok(())
        })?;
        assert_eq!(n, pairs.len());
        Ok(pairs)
    }

    #[test]
    fn line_ends_and_byte_order_marks_are_no_text() {
        let pairs = read("\u{feff}a b\r\nc\n".as_bytes(), "é\nd".as_bytes()).unwrap();
        assert_eq!(pairs, [Ok(("a b".into(), "é".into())), Ok(("c".into(), "d".into()))]);
    }

    #[test]
    fn broken_lines_are_named() {
        let check = |bytes: &[u8], expected: &str| {
            let pairs = read(&[b"x\n", bytes].concat(), b"x\ny\n").unwrap();
            let Err(broken) = &pairs[1] else {
                panic!("the line should be broken")
            };
            assert_eq!((broken.line, broken.found.as_str()), (2, expected));
        };
        check(b"caf\xe9\n", "invalid UTF-8 (0xe9 at byte 4)");
        check(b"a\0b\n", "NUL at byte 2");
        check(
            &[vec![b'a'; LONGEST_LINE + 1], b"\n".to_vec()].concat(),
            "the line is longer than 1048576 bytes",
        );
        check(
            &[vec![b'a'; 3 * LONGEST_LINE], b"\n".to_vec()].concat(),
            "the line is longer than 1048576 bytes",
        );
        let pairs = read(&[vec![b'a'; LONGEST_LINE], b"\r\nb\n".to_vec()].concat(), b"y\nz\n").unwrap();
        assert!(pairs[0].is_ok() && pairs[1] == Ok(("b".into(), "z".into())));
    }

    #[test]
    fn only_a_line_that_is_a_sentence_can_be_broken() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, form: Form, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            TextFile {
                form,
                ..TextFile::plain(&path)
            }
        };
        let check = |form: Form, source: &[u8], target: &[u8]| {
            let mut reader = PairReader::open(Some(file("a", form, source)), file("b", form, target)).unwrap();
            let broken = reader.next_pair().unwrap().unwrap().unwrap_err();
            assert_eq!(broken.line, 2, "{form:?}");
            assert_eq!(reader.next_pair().unwrap(), Some(Ok(("x".into(), "y".into()))));
            assert_eq!(reader.next_pair().unwrap(), None);
        };
        check(
            Form::Tagged,
            b"<keywords>caf\xe9</keywords>\n\xff\nx\n",
            b"<url>z</url>\nz\ny\n",
        );
        check(
            Form::Segments,
            b"<title>caf\xe9</title>\n<seg id=\"1\">\xff</seg>\n<seg id=\"2\">x</seg>\n",
            b"<seg id=\"1\">z</seg>\n<seg id=\"2\">y</seg>\n",
        );
    }

    #[test]
    fn unequal_sides_are_an_error() {
        let error = read(b"a\nb\nc\n", b"a\n").unwrap_err().to_string();
        assert!(
            error.contains("a.en` has 3 lines") && error.contains("a.fr` has 1:"),
            "{error}"
        );
    }

    #[test]
    fn rules_change_lines() {
        let rules = LineRules {
            lowercase: true,
            unicode: Unicode::Nfc,
            moses: None,
        };
        assert_eq!(rules.apply("E\u{301}TÉ".into()), "été");
    }
}
