//! The entries of a zip file, by its list at the end: stored or deflated, neither encrypted nor longer than 4 GiB.
//!
//! The crate `zip` is not used: it changes the features of crates that Burn shares, which would then be built anew, and it
//! keeps one entry of each name, so that two of one name go unseen.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use super::{Found, Kind, Limited};
use crate::error::DataError;

/// Longest end of the file: its record, and a comment.
const LONGEST_END: u64 = 22 + 0xffff;

/// Longest list of entries that is read.
const LONGEST_LIST: u64 = 64 << 20;

/// Type bits of a Unix mode, and what they are for a link and a folder.
const TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const FOLDER: u32 = 0o040_000;

/// An entry of the list.
struct Entry {
    name: String,
    kind: Kind,
    encrypted: bool,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    at: u64,
}

/// Reads all entries; only those that are wanted are unpacked.
pub(super) fn read(mut reader: impl Read + Seek, found: &mut Found) -> Result<(), DataError> {
    let list = list(&mut reader).map_err(|error| found.broken(None, &error))?;
    for entry in list {
        let name = &entry.name;
        let before = (found.entries, found.names.clone());
        // Only what is wanted has to be in a form that can be unpacked.
        if found.look(name, entry.kind)?.is_none() {
            continue;
        }
        (found.entries, found.names) = before;
        if entry.encrypted || ![0, 8].contains(&entry.method) {
            return Err(found.refuse(format!("`{name}`: packed by method {}, or encrypted", entry.method)));
        }
        start(&mut reader, &entry).map_err(|error| found.broken(Some(name), &error))?;
        let packed = (&mut reader).take(entry.packed);
        let unpacked: Box<dyn Read + '_> = match entry.method {
            0 => Box::new(packed),
            _ => Box::new(DeflateDecoder::new(packed)),
        };
        let mut checked = Checksum {
            reader: Limited::new(unpacked, found.budget.clone()),
            hash: crc32fast::Hasher::new(),
            expected: entry.crc,
        };
        found.take(name, entry.kind, &mut checked, Some(entry.size))?;
    }
    Ok(())
}

fn broken(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// Goes to the bytes of an entry, behind its own header.
fn start(reader: &mut (impl Read + Seek), entry: &Entry) -> io::Result<()> {
    reader.seek(SeekFrom::Start(entry.at))?;
    let mut header = [0; 30];
    reader.read_exact(&mut header)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(broken("no entry where the list says"));
    }
    let behind = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
    reader.seek(SeekFrom::Start(entry.at + 30 + behind))?;
    Ok(())
}

fn list(reader: &mut (impl Read + Seek)) -> io::Result<Vec<Entry>> {
    let size = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(size.saturating_sub(LONGEST_END)))?;
    let mut end = Vec::new();
    reader.take(LONGEST_END).read_to_end(&mut end)?;
    let record = end.windows(22).rev().find(|bytes| bytes.starts_with(b"PK\x05\x06"));
    let Some(record) = record else {
        return Err(broken("truncated: a zip file has its list of entries at its end"));
    };
    let (n, length, at) = (u16_at(record, 10), u32_at(record, 12), u32_at(record, 16));
    if n == u16::MAX || length == u32::MAX || at == u32::MAX {
        return Err(broken(
            "a zip file of more than 4 GiB or 65,535 entries, which is not read",
        ));
    }
    let (length, at) = (u64::from(length), u64::from(at));
    if length > LONGEST_LIST || at + length > size {
        return Err(broken("truncated: its list of entries does not fit into it"));
    }
    reader.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    let mut rest = bytes.as_slice();
    let mut entries = Vec::new();
    for _ in 0..n {
        let (entry, after) = entry(rest).ok_or_else(|| broken("its list of entries is broken"))?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

/// The first entry of the list and what follows it.
fn entry(list: &[u8]) -> Option<(Entry, &[u8])> {
    let header = list.get(..46).filter(|header| header.starts_with(b"PK\x01\x02"))?;
    let name = usize::from(u16_at(header, 28));
    let others = usize::from(u16_at(header, 30)) + usize::from(u16_at(header, 32));
    let after = list.get(46 + name + others..)?;
    let name = String::from_utf8_lossy(&list[46..46 + name]).into_owned();
    let mode = u32_at(header, 38) >> 16;
    let kind = match mode & TYPE {
        LINK => Kind::Link,
        FOLDER => Kind::Folder,
        _ if name.ends_with('/') => Kind::Folder,
        _ => Kind::File,
    };
    let entry = Entry {
        name,
        kind,
        encrypted: u16_at(header, 8) & 1 == 1,
        method: u16_at(header, 10),
        crc: u32_at(header, 16),
        packed: u32_at(header, 20).into(),
        size: u32_at(header, 24).into(),
        at: u32_at(header, 42).into(),
    };
    Some((entry, after))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fails at the end if the bytes are not those that were packed.
struct Checksum<R> {
    reader: R,
    hash: crc32fast::Hasher,
    expected: u32,
}

impl<R: Read> Read for Checksum<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.hash.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.hash.clone().finalize() != self.expected {
            return Err(broken("truncated or altered: its checksum is another"));
        }
        Ok(n)
    }
}
