//! Lines of text from files, which may be packed by gzip.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use flate2::read::MultiGzDecoder;

/// With which a gzip file begins, and no text of UTF-8.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The lines of a text file. Invalid UTF-8 is an error that names its line.
pub fn read_lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = unpacked(path)?;
    // A file of one line break has one line, and it is empty.
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let lines = bytes.split(|&byte| byte == b'\n').enumerate();
    lines
        .map(|(i, line)| text_line(line, &format!("`{}`", path.display()), i + 1))
        .collect()
}

/// One line without its `\r`, or an error that names it.
pub fn text_line(bytes: &[u8], place: &str, line: usize) -> anyhow::Result<String> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            anyhow::bail!(
                "{place} line {line}: byte {} is {:#04x}, which is no UTF-8",
                at + 1,
                bytes[at]
            )
        }
    }
}

/// What a file holds, unpacked if gzip packed it.
fn unpacked(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("`{}`", path.display()))?;
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    MultiGzDecoder::new(&bytes[..])
        .read_to_end(&mut text)
        .with_context(|| {
            format!(
                "`{}`: found a gzip file that is cut off or damaged, expected a whole one",
                path.display()
            )
        })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lines_are_those_of_the_text_that_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let lines = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            read_lines(&path)
        };
        for text in ["", "\n", "a\n\nb", "a\r\nb\n", "é\n"] {
            assert_eq!(
                lines(&packed(text)).unwrap(),
                lines(text.as_bytes()).unwrap(),
                "{text:?}"
            );
        }
        // Files that were packed one by one and joined.
        let joined = [packed("a\n"), packed("b\n")].concat();
        assert_eq!(lines(&joined).unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.gz");
        let whole = packed("a line\nand another\n");
        let mut damaged = whole.clone();
        damaged[12] ^= 0xff;
        let ended = [&whole[..], b"more"].concat();
        for bytes in [&whole[..2], &whole[..whole.len() - 9], &damaged[..], &ended[..]] {
            fs::write(&path, bytes).unwrap();
            let message = read_lines(&path).unwrap_err().to_string();
            let expected = format!("`{}`: found a gzip file that is cut off or damaged", path.display());
            assert!(message.starts_with(&expected), "{message}");
        }
    }
}
