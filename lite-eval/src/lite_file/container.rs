//! The container: named sections behind a table that has the size and the sha256 of each.
//!
//! Little-endian. A file is
//!
//! - `\x89LITE\r\n\x1a` and the format version (u32), which are all that other versions have to share
//! - the number of sections (u32), the size of the whole file (u64)
//! - for each section its name (24 bytes, zeros behind it), how it is stored (u32: 0 as it is, 1 deflated), 4 zeros, where it
//!   begins (u64), its stored and its real size (u64 each), and the sha256 of the stored bytes
//! - the sha256 of all before
//! - the sections in the order of the table, each at the next multiple of 64 bytes, with zeros between
//!
//! So no byte of a file can change unnoticed. It depends on nothing of ours, and `fuzz/` builds it alone.

use std::fmt;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

/// What a file begins with: a byte that is no text, and line ends that a transfer as text would change.
pub const MAGIC: [u8; 8] = *b"\x89LITE\r\n\x1a";
/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

const PREFIX: usize = 24;
const NAME: usize = 24;
const ROW: usize = NAME + 8 + 3 * 8 + HASH;
const HASH: usize = 32;
const ALIGNMENT: usize = 64;
/// More than any file has.
const MOST_SECTIONS: u32 = 64;
/// Deflate packs nothing tighter, so a claim beyond it is a lie.
const TIGHTEST_DEFLATE: u64 = 1032;

/// A file that is none of ours, of another version, or damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerError {
    /// Where: the header, a section, or a byte.
    pub place: String,
    /// What stands there.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl ContainerError {
    fn new(place: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl fmt::Display for ContainerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, expected {}", self.place, self.found, self.expected)
    }
}

impl std::error::Error for ContainerError {}

/// A section to be written.
#[derive(Debug, Clone)]
pub struct Section {
    name: &'static str,
    stored: Vec<u8>,
    size: u64,
    is_deflated: bool,
}

impl Section {
    /// Bytes that are stored as they are.
    pub fn plain(name: &'static str, bytes: Vec<u8>) -> Self {
        Self {
            name,
            size: bytes.len() as u64,
            stored: bytes,
            is_deflated: false,
        }
    }

    /// Bytes that are deflated.
    pub fn deflated(name: &'static str, bytes: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        let stored = encoder.write_all(bytes).and_then(|()| encoder.finish());
        Self {
            name,
            stored: stored.expect("writing to memory"),
            size: bytes.len() as u64,
            is_deflated: true,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Bytes that it takes in the file, without the row of the table and what aligns it.
    pub fn stored_size(&self) -> usize {
        self.stored.len()
    }
}

/// A whole file of these sections.
///
/// # Panics
///
/// There are too many, or a name is too long.
pub fn write(sections: &[Section]) -> Vec<u8> {
    assert!(sections.len() <= MOST_SECTIONS as usize, "{} sections", sections.len());
    let head = PREFIX + ROW * sections.len() + HASH;
    let mut rows = Vec::new();
    let mut end = head;
    for section in sections {
        let begin = end.next_multiple_of(ALIGNMENT);
        end = begin + section.stored.len();
        let mut name = section.name.as_bytes().to_vec();
        assert!((1..=NAME).contains(&name.len()), "name `{}`", section.name);
        name.resize(NAME, 0);
        rows.extend(name);
        rows.extend(u64::from(section.is_deflated).to_le_bytes());
        for number in [begin as u64, section.stored.len() as u64, section.size] {
            rows.extend(number.to_le_bytes());
        }
        rows.extend(Sha256::digest(&section.stored));
    }
    let mut bytes = Vec::with_capacity(end);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((sections.len() as u32).to_le_bytes());
    bytes.extend((end as u64).to_le_bytes());
    bytes.extend(rows);
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    for section in sections {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes.extend(&section.stored);
    }
    bytes
}

/// A file, checked: every hash is right.
#[derive(Debug, Clone)]
pub struct Container<'a> {
    rows: Vec<Row<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    name: &'a str,
    is_deflated: bool,
    size: u64,
    stored: &'a [u8],
}

impl<'a> Container<'a> {
    /// Reads the table and holds every section to its hash.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ContainerError> {
        Self::parse_with(bytes, true)
    }

    /// The same; without `hashes`, they are taken to be right, as for bytes of which only the rest is in question.
    pub fn parse_with(bytes: &'a [u8], hashes: bool) -> Result<Self, ContainerError> {
        let header = |found: String, expected: String| Err(ContainerError::new("header", found, expected));
        if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
            let begin = &bytes[..bytes.len().min(MAGIC.len())];
            return header(
                format!("`{}`", begin.escape_ascii()),
                format!("`{}`, with which a .lite file begins", MAGIC.escape_ascii()),
            );
        }
        let Some(prefix) = bytes.get(..PREFIX) else {
            return header(format!("{} bytes", bytes.len()), format!("{PREFIX} or more"));
        };
        let version = u32_at(prefix, 8);
        if version != VERSION {
            let found = match version > VERSION {
                true => format!("format version {version}, which a newer program wrote"),
                false => format!("format version {version}"),
            };
            return header(found, format!("version {VERSION}"));
        }
        let (n_sections, size) = (u32_at(prefix, 12), u64_at(prefix, 16));
        if size != bytes.len() as u64 {
            let found = match size > bytes.len() as u64 {
                true => format!("a truncated file of {} bytes", bytes.len()),
                false => format!("a file of {} bytes", bytes.len()),
            };
            return header(found, format!("{size} bytes"));
        }
        if n_sections > MOST_SECTIONS {
            return header(format!("{n_sections} sections"), format!("at most {MOST_SECTIONS}"));
        }
        let table = PREFIX + ROW * n_sections as usize;
        let Some((head, hash)) = bytes.get(..table + HASH).map(|head| head.split_at(table)) else {
            return header(
                format!("{n_sections} sections in {} bytes", bytes.len()),
                "room for the table".into(),
            );
        };
        if hashes && Sha256::digest(head)[..] != *hash {
            return header("bytes that were altered".into(), "those of its sha256".into());
        }
        let mut rows: Vec<Row<'a>> = Vec::new();
        let mut end = table + HASH;
        for row in head[PREFIX..].chunks_exact(ROW) {
            let (row, section_end) = read_row(bytes, row, end, hashes)?;
            if rows.iter().any(|other| other.name == row.name) {
                return Err(ContainerError::new(section(row.name), "it twice", "each section once"));
            }
            rows.push(row);
            end = section_end;
        }
        if end != bytes.len() {
            return header(
                format!("{} bytes behind the last section", bytes.len() - end),
                "none".into(),
            );
        }
        Ok(Self { rows })
    }

    /// Names and stored sizes of the sections, in their order.
    pub fn sizes(&self) -> impl Iterator<Item = (&'a str, usize)> {
        self.rows.iter().map(|row| (row.name, row.stored.len()))
    }

    /// Whether there is a section of that name.
    pub fn has(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name)
    }

    /// A section that is stored as it is: where it lies in the file.
    pub fn plain(&self, name: &str) -> Result<&'a [u8], ContainerError> {
        let row = self.row(name)?;
        match row.is_deflated {
            false => Ok(row.stored),
            true => Err(ContainerError::new(section(name), "a deflated section", "a plain one")),
        }
    }

    /// A copy of a section, inflated if it must be. It takes no more memory than the file can really hold.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ContainerError> {
        let row = self.row(name)?;
        if !row.is_deflated {
            return Ok(row.stored.to_vec());
        }
        let mut bytes = Vec::new();
        // One more than there should be, to see that there is no more.
        let mut decoder = DeflateDecoder::new(row.stored).take(row.size.saturating_add(1));
        if let Err(error) = decoder.read_to_end(&mut bytes) {
            return Err(ContainerError::new(section(name), error.to_string(), "deflated bytes"));
        }
        if bytes.len() as u64 != row.size {
            let found = match bytes.len() as u64 > row.size {
                true => "more".into(),
                false => format!("{} bytes", bytes.len()),
            };
            return Err(ContainerError::new(section(name), found, format!("{} bytes", row.size)));
        }
        Ok(bytes)
    }

    fn row(&self, name: &str) -> Result<&Row<'a>, ContainerError> {
        let row = self.rows.iter().find(|row| row.name == name);
        row.ok_or_else(|| ContainerError::new("header", format!("no {}", section(name)), "one"))
    }
}

/// One row of the table, and where its section ends; `before` is where the one before it does.
fn read_row<'a>(
    bytes: &'a [u8],
    row: &'a [u8],
    before: usize,
    hashes: bool,
) -> Result<(Row<'a>, usize), ContainerError> {
    let name = &row[..NAME];
    let len = name.iter().position(|&byte| byte == 0).unwrap_or(NAME);
    let is_padded = name[len..].iter().all(|&byte| byte == 0);
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(byte);
    let name = match std::str::from_utf8(&name[..len]) {
        Ok(name) if len > 0 && is_padded && name.as_bytes().iter().all(is_name) => name,
        _ => {
            let found = format!("section name `{}`", name.escape_ascii());
            return Err(ContainerError::new("header", found, "lower-case letters"));
        }
    };
    let wrong = |found: String, expected: String| Err(ContainerError::new(section(name), found, expected));
    let coding = u64_at(row, NAME);
    if coding > 1 {
        return wrong(format!("coding {coding}"), "0 or 1".into());
    }
    let [begin, n_stored, size] = [8, 16, 24].map(|at| u64_at(row, NAME + at));
    let expected_begin = before.next_multiple_of(ALIGNMENT);
    if begin != expected_begin as u64 {
        return wrong(format!("it at byte {begin}"), format!("byte {expected_begin}"));
    }
    let rest = bytes.get(expected_begin..).unwrap_or_default();
    let stored = usize::try_from(n_stored).ok().and_then(|n| rest.get(..n));
    let Some(stored) = stored else {
        return wrong(
            format!("{} bytes to the end of the file", rest.len()),
            n_stored.to_string(),
        );
    };
    if (coding == 0 && size != n_stored) || size > n_stored.saturating_mul(TIGHTEST_DEFLATE) {
        return wrong(
            format!("{n_stored} bytes that are to become {size}"),
            "as many as they can".into(),
        );
    }
    if bytes[before..expected_begin].iter().any(|&byte| byte != 0) {
        return wrong("bytes between it and what stands before it".into(), "zeros".into());
    }
    if hashes && Sha256::digest(stored)[..] != row[ROW - HASH..] {
        return wrong("bytes that were altered".into(), "those of its sha256".into());
    }
    let row = Row {
        name,
        is_deflated: coding == 1,
        size,
        stored,
    };
    Ok((row, expected_begin + stored.len()))
}

fn section(name: &str) -> String {
    format!("section `{name}`")
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        write(&[
            Section::deflated("text", "the same again and again. ".repeat(40).as_bytes()),
            Section::plain("nothing", Vec::new()),
            Section::plain("numbers", (0..100).collect()),
        ])
    }

    #[test]
    fn sections_come_back() {
        let bytes = file();
        let container = Container::parse(&bytes).unwrap();
        assert_eq!(
            container.read("text").unwrap(),
            "the same again and again. ".repeat(40).as_bytes()
        );
        assert_eq!(container.plain("numbers").unwrap(), (0..100).collect::<Vec<u8>>());
        assert!(container.read("nothing").unwrap().is_empty());
        assert!(container.has("text") && !container.has("texts"));
        let error = container.read("texts").unwrap_err();
        assert_eq!(error.to_string(), "header: found no section `texts`, expected one");
        assert!(container.plain("text").is_err());
    }

    #[test]
    fn no_bit_can_change_unnoticed() {
        let bytes = file();
        for i in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[i / 8] ^= 1 << (i % 8);
            assert!(Container::parse(&bytes).is_err(), "bit {i}");
        }
    }

    #[test]
    fn a_cut_or_longer_file_is_refused() {
        let bytes = file();
        for length in 0..bytes.len() {
            let error = Container::parse(&bytes[..length]).unwrap_err();
            assert_eq!(error.place, "header");
            if length >= PREFIX {
                assert_eq!(error.found, format!("a truncated file of {length} bytes"));
            }
        }
        let longer = [bytes, vec![0]].concat();
        assert!(Container::parse(&longer).unwrap_err().found.starts_with("a file of "));
    }

    #[test]
    fn messages_name_the_place() {
        let sound = file();
        let message = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = sound.clone();
            change(&mut bytes);
            Container::parse(&bytes).unwrap_err().to_string()
        };
        assert_eq!(
            message(&|bytes| bytes[8] = 2),
            "header: found format version 2, which a newer program wrote, expected version 1"
        );
        assert_eq!(
            message(&|bytes| *bytes = b"PK\x03\x04".to_vec()),
            r"header: found `PK\x03\x04`, expected `\x89LITE\r\n\x1a`, with which a .lite file begins"
        );
        assert_eq!(
            message(&|bytes| *bytes.last_mut().unwrap() ^= 1),
            "section `numbers`: found bytes that were altered, expected those of its sha256"
        );
    }

    /// A file whose hashes are right, with a changed number in the first row of its table.
    fn forged(at: usize, value: u64) -> ContainerError {
        let mut bytes = file();
        let table = PREFIX + ROW * 3;
        bytes[PREFIX + NAME + at..][..8].copy_from_slice(&value.to_le_bytes());
        let hash = Sha256::digest(&bytes[..table]);
        bytes[table..table + HASH].copy_from_slice(&hash);
        match Container::parse(&bytes) {
            Err(error) => error,
            Ok(container) => container.read("text").unwrap_err(),
        }
    }

    #[test]
    fn forged_sizes_are_refused() {
        for (at, value, found) in [
            (0, 2, "coding 2"),
            (8, 0, "it at byte 0"),
            (8, 1 << 40, "it at byte 1099511627776"),
            (16, u64::MAX, "bytes to the end of the file"),
            (24, 1 << 40, "that are to become 1099511627776"),
            (24, 1039, "more"),
            (24, 1041, "1040 bytes"),
        ] {
            let error = forged(at, value);
            assert!(
                error.place == "section `text`" && error.found.contains(found),
                "{error}"
            );
        }
    }
}
