//! The entries of a zip archive whose entries are stored as they are, which is all that torch writes.
//!
//! Only the central directory is believed; it says where an entry stands, and every position is held to the file.

use std::collections::HashMap;

use super::super::error::{TorchError, shown};
use super::super::read::Reader;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: &[u8; 4] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_LENGTH: usize = 20;
const END_64: u32 = 0x0606_4b50;
/// In place of a number that stands in the 64-bit field.
const ELSEWHERE: u32 = u32::MAX;

pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// An archive's entries by name.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    entries: HashMap<&'a [u8], Entry>,
    /// The folder that holds everything, with its slash.
    folder: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    method: u16,
    is_encrypted: bool,
    checksum: u32,
    packed: u64,
    size: u64,
    local: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, TorchError> {
        let (n_entries, directory) = end(bytes)?;
        let start = usize::try_from(directory).unwrap_or(usize::MAX);
        let mut reader = Reader::new(bytes, start);
        let mut entries = HashMap::new();
        // An entry takes 46 bytes or more, so that a count that lies meets the end of the file.
        for _ in 0..n_entries {
            let (name, entry) = central(&mut reader)?;
            if entries.insert(name, entry).is_some() {
                let place = format!("entry `{}`", shown(name));
                return Err(TorchError::new(place, "a second one of this name", "one"));
            }
        }
        // Entries that overlap could make a small file stand for any amount of reading.
        let total = entries
            .values()
            .fold(0u64, |total, entry: &Entry| total.saturating_add(entry.size));
        if total > bytes.len() as u64 {
            let expected = format!("{} at most, the size of the file", bytes.len());
            return Err(TorchError::new(
                "the zip archive",
                format!("entries of {total} bytes"),
                expected,
            ));
        }
        let mut folders = entries.keys().filter_map(|name| {
            let folder = name.strip_suffix(b"data.pkl")?;
            (folder.iter().filter(|byte| **byte == b'/').count() <= 1).then_some(folder)
        });
        let folder = folders.next().unwrap_or_default();
        if folders.next().is_some() {
            return Err(TorchError::new("the zip archive", "several `data.pkl`", "one"));
        }
        Ok(Self { bytes, entries, folder })
    }

    /// The bytes of the entry `name` of the archive's folder, held to its checksum.
    pub(super) fn entry(&self, name: &[u8]) -> Option<Result<&'a [u8], TorchError>> {
        let name = [self.folder, name].concat();
        let entry = self.entries.get(name.as_slice())?;
        Some(self.read(&name, entry))
    }

    fn read(&self, name: &[u8], entry: &Entry) -> Result<&'a [u8], TorchError> {
        let place = || format!("entry `{}`", shown(name));
        if entry.method != 0 || entry.is_encrypted || entry.packed != entry.size {
            return Err(TorchError::new(place(), "packed or encrypted bytes", "stored ones"));
        }
        let mut reader = Reader::new(self.bytes, usize::try_from(entry.local).unwrap_or(usize::MAX));
        signature(&mut reader, LOCAL)?;
        reader.take(22)?;
        let (name_length, extra_length) = (reader.u16()?, reader.u16()?);
        reader.take(u64::from(name_length) + u64::from(extra_length))?;
        let data = reader.take(entry.size)?;
        let found = crc32fast::hash(data);
        if found != entry.checksum {
            let expected = format!("{:08x} as the archive says", entry.checksum);
            return Err(TorchError::new(place(), format!("checksum {found:08x}"), expected));
        }
        Ok(data)
    }
}

fn signature(reader: &mut Reader<'_>, expected: u32) -> Result<(), TorchError> {
    let at = reader.position();
    let found = reader.u32()?;
    if found == expected {
        return Ok(());
    }
    Err(TorchError::at(
        at,
        format!("{found:#010x}"),
        format!("the zip signature {expected:#010x}"),
    ))
}

/// Number of entries and start of the central directory.
fn end(bytes: &[u8]) -> Result<(u64, u64), TorchError> {
    // The last record may be followed by a comment of up to 65535 bytes.
    let start = bytes.len().saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let last = bytes[start..].windows(4).rposition(|window| window == END);
    let Some(at) = last.map(|at| start + at) else {
        return Err(TorchError::at(
            bytes.len(),
            "the end",
            "the end record of a zip archive",
        ));
    };
    let mut reader = Reader::new(bytes, at);
    reader.take(10)?;
    let n_entries = reader.u16()?;
    let _size = reader.u32()?;
    let directory = reader.u32()?;
    let comment = reader.u16()?;
    if reader.take(comment.into()).is_err() || reader.position() != bytes.len() {
        let found = format!("{} bytes to the end", bytes.len() - at);
        return Err(TorchError::at(
            at,
            found,
            "the end record of a zip archive with its comment",
        ));
    }
    // The longer record is named by a locator right before the short one.
    if let Some(locator) = at.checked_sub(LOCATOR_LENGTH) {
        let mut reader = Reader::new(bytes, locator);
        if reader.u32()? == LOCATOR {
            reader.take(4)?;
            return end_64(bytes, reader.u64()?);
        }
    }
    Ok((n_entries.into(), directory.into()))
}

fn end_64(bytes: &[u8], at: u64) -> Result<(u64, u64), TorchError> {
    let mut reader = Reader::new(bytes, usize::try_from(at).unwrap_or(usize::MAX));
    signature(&mut reader, END_64)?;
    reader.take(28)?;
    let n_entries = reader.u64()?;
    let _size = reader.u64()?;
    let directory = reader.u64()?;
    Ok((n_entries, directory))
}

fn central<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], Entry), TorchError> {
    signature(reader, CENTRAL)?;
    reader.take(4)?;
    let flags = reader.u16()?;
    let method = reader.u16()?;
    reader.take(4)?;
    let checksum = reader.u32()?;
    let packed = reader.u32()?;
    let size = reader.u32()?;
    let lengths = [reader.u16()?, reader.u16()?, reader.u16()?];
    reader.take(8)?;
    let local = reader.u32()?;
    let [name, extra, _comment] = {
        let mut parts = [&[][..]; 3];
        for (part, length) in parts.iter_mut().zip(lengths) {
            *part = reader.take(length.into())?;
        }
        parts
    };
    let mut wide = wide_fields(extra);
    // The 64-bit field holds, in this order, those numbers that did not fit.
    let mut number = |narrow: u32| {
        if narrow == ELSEWHERE {
            wide.u64()
        } else {
            Ok(narrow.into())
        }
    };
    let (size, packed, local) = (number(size)?, number(packed)?, number(local)?);
    Ok((
        name,
        Entry {
            method,
            is_encrypted: flags & 1 != 0,
            checksum,
            packed,
            size,
            local,
        },
    ))
}

/// The contents of the extra field with 64-bit numbers, empty if there is none.
fn wide_fields(extra: &[u8]) -> Reader<'_> {
    let mut reader = Reader::new(extra, 0);
    while let (Ok(id), Ok(length)) = (reader.u16(), reader.u16()) {
        let Ok(field) = reader.take(length.into()) else { break };
        if id == 1 {
            return Reader::new(field, 0);
        }
    }
    Reader::new(&[], 0)
}
