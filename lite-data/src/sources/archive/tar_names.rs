//! The entries of a tar file, read without the crate's own handling of long names, which takes them whole into memory.

use std::io::{self, Read};

use tar::EntryType;

use super::{Found, Kind};
use crate::error::DataError;

/// Longest extended header.
const LONGEST_HEADER: u64 = 1 << 16;

/// Reads all entries to the end of the stream.
pub(super) fn read(reader: impl Read, found: &mut Found) -> Result<(), DataError> {
    let mut archive = tar::Archive::new(reader);
    let entries = archive.entries().map_err(|error| found.broken(None, &error))?;
    let mut long_name = None;
    for entry in entries.raw(true) {
        let mut entry = entry.map_err(|error| found.broken(None, &error))?;
        let kind = match entry.header().entry_type() {
            EntryType::GNULongName => {
                let name = extended(&mut entry).map_err(|error| found.broken(None, &error))?;
                let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
                long_name = Some(String::from_utf8_lossy(&name[..end]).into_owned());
                continue;
            }
            EntryType::XHeader => {
                let header = extended(&mut entry).map_err(|error| found.broken(None, &error))?;
                if record(&header, "size").is_some() {
                    return Err(found.refuse("a member of more than 8 GiB in a form that is not read".into()));
                }
                long_name = record(&header, "path").or(long_name);
                continue;
            }
            EntryType::XGlobalHeader | EntryType::GNULongLink => continue,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Link | EntryType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        let name = long_name
            .take()
            .unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        let size = entry
            .header()
            .entry_size()
            .map_err(|error| found.broken(Some(&name), &error))?;
        found.take(&name, kind, &mut entry, Some(size))?;
    }
    // What follows the last entry belongs to the stream: its checksum is at the end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| found.broken(None, &error))?;
    Ok(())
}

fn extended(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let n = entry.take(LONGEST_HEADER + 1).read_to_end(&mut bytes)?;
    if n as u64 > LONGEST_HEADER {
        return Err(io::Error::other(format!("a name of more than {LONGEST_HEADER} bytes")));
    }
    Ok(bytes)
}

/// The last value of a key in lines of `length key=value`.
fn record(header: &[u8], key: &str) -> Option<String> {
    let lines = header.split(|&byte| byte == b'\n');
    let mut values = lines.filter_map(|line| {
        let line = String::from_utf8_lossy(line).into_owned();
        let (found, value) = line.split_once(' ')?.1.split_once('=')?;
        (found == key).then(|| value.to_owned())
    });
    values.next_back()
}
