//! Named members of an archive, unpacked as streams: tar and zip, gzipped or not, and gzipped members inside.
//!
//! An archive from outside may be hostile, so:
//! - a member is written where the definition says, never under a path of the archive; still, an archive with a path that is
//!   absolute or climbs out is refused, and so is a member that is a link or no plain file, or that is there twice;
//! - what comes out is limited by what went in (`Limits`), whatever headers say;
//! - a member has its final name only when it is complete.

mod tar_names;
#[cfg(test)]
mod tests;
mod zipped;

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::DataError;

/// How much may come out of an archive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Times the size of the archive. Text shrinks to a fifth; 200 is no text.
    pub ratio: u64,
    /// Bytes that are allowed whatever the ratio.
    pub least: u64,
    /// Bytes that are too many whatever the ratio.
    pub most: u64,
    /// Entries.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            ratio: 200,
            least: 16 << 20,
            most: 1 << 38,
            entries: 1 << 20,
        }
    }
}

/// A file that is wanted of an archive.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its possible names; an archive that has several of them is refused. A name also fits below any folder.
    pub names: Vec<String>,
    /// Where it goes.
    pub to: PathBuf,
}

/// Unpacks the members; returns the name that each has in the archive. Gzipped members are unpacked further.
pub fn unpack(archive: &Path, members: &[Member], limits: &Limits) -> Result<Vec<String>, DataError> {
    let mut file = File::open(archive).map_err(DataError::io(archive))?;
    let size = file.metadata().map_err(DataError::io(archive))?.len();
    let mut found = Found {
        archive,
        members,
        entries: 0,
        limits,
        budget: Budget::new(size, limits),
        names: vec![None; members.len()],
        others: Vec::new(),
    };
    let head = peek(&mut file).map_err(DataError::io(archive))?;
    let reader = BufReader::with_capacity(1 << 18, file);
    let budget = found.budget.clone();
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        zipped::read(reader, &mut found)?;
    } else if head.starts_with(&[0x1f, 0x8b]) {
        let mut unzipped = BufReader::new(Limited::new(MultiGzDecoder::new(reader), budget));
        let head = peek_ahead(&mut unzipped).map_err(|error| found.broken(None, &error))?;
        if is_tar(&head) {
            tar_names::read(unzipped, &mut found)?;
        } else {
            // One gzipped file.
            let name = archive.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.take(&name, Kind::File, &mut unzipped, None)?;
        }
    } else if is_tar(&head) {
        tar_names::read(Limited::new(reader, budget), &mut found)?;
    } else {
        return Err(found.refuse(format!("{}, expected .tar, .tar.gz, .zip or .gz", describe(&head))));
    }
    found.all()
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Link,
    /// Devices and the like.
    Other,
}

/// What was found of the members so far.
struct Found<'a> {
    archive: &'a Path,
    members: &'a [Member],
    entries: usize,
    limits: &'a Limits,
    budget: Budget,
    names: Vec<Option<String>>,
    /// Some names of other files, for the message that a member is missing.
    others: Vec<String>,
}

impl Found<'_> {
    fn refuse(&self, message: String) -> DataError {
        DataError::Archive {
            path: self.archive.to_path_buf(),
            message,
        }
    }

    /// An error while reading, in words.
    fn broken(&self, entry: Option<&str>, error: &io::Error) -> DataError {
        let mut what = match error.kind() {
            io::ErrorKind::UnexpectedEof => "truncated".to_owned(),
            _ => error.to_string(),
        };
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            what.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        self.refuse(match entry {
            Some(entry) => format!("`{entry}`: {what}"),
            None => what,
        })
    }

    /// Refuses hostile names; says which member an entry is.
    fn look(&mut self, name: &str, kind: Kind) -> Result<Option<usize>, DataError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.refuse(format!("more than {} entries", self.limits.entries)));
        }
        let parts = || name.split(['/', '\\']);
        let drive = name.as_bytes().get(1) == Some(&b':');
        if name.starts_with(['/', '\\']) || drive || parts().any(|part| part == "..") || name.contains('\0') {
            return Err(self.refuse(format!("`{name}` leads out of the archive")));
        }
        if kind == Kind::Folder {
            return Ok(None);
        }
        let plain = name.trim_start_matches("./");
        let fits = |wanted: &String| {
            plain == wanted
                || plain
                    .strip_suffix(wanted.as_str())
                    .is_some_and(|folder| folder.ends_with('/'))
        };
        let Some(index) = self.members.iter().position(|member| member.names.iter().any(fits)) else {
            if self.others.len() < 12 {
                self.others.push(plain.to_owned());
            }
            return Ok(None);
        };
        if kind != Kind::File {
            return Err(self.refuse(format!("`{name}` is a link or a device, expected a file")));
        }
        if let Some(before) = &self.names[index] {
            return Err(self.refuse(format!("`{before}` and `{name}`: which of them is wanted is not clear")));
        }
        self.names[index] = Some(plain.to_owned());
        Ok(Some(index))
    }

    /// Writes an entry that is wanted. `size`: what its header says, if that is to be believed or refused.
    fn take(&mut self, name: &str, kind: Kind, reader: &mut dyn Read, size: Option<u64>) -> Result<(), DataError> {
        let Some(index) = self.look(name, kind)? else {
            return Ok(());
        };
        let to = &self.members[index].to;
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let outcome = self.write(name, reader, size, &part);
        if outcome.is_err() {
            let _ = fs::remove_file(&part);
        }
        outcome?;
        fs::rename(&part, to).map_err(DataError::io(to))
    }

    fn write(&self, name: &str, reader: &mut dyn Read, size: Option<u64>, part: &Path) -> Result<(), DataError> {
        let mut file = File::create(part).map_err(DataError::io(part))?;
        let mut counted = Counted { reader, n: 0 };
        if name.ends_with(".gz") {
            let mut unzipped = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, &mut counted));
            self.copy(
                name,
                &mut Limited::new(&mut unzipped, self.budget.clone()),
                &mut file,
                part,
            )?;
        } else {
            self.copy(name, &mut counted, &mut file, part)?;
        }
        if let Some(size) = size.filter(|&size| size != counted.n) {
            return Err(self.refuse(format!("`{name}`: truncated, {} of {size} bytes", counted.n)));
        }
        file.sync_all().map_err(DataError::io(part))
    }

    fn copy(&self, name: &str, reader: &mut dyn Read, file: &mut File, part: &Path) -> Result<(), DataError> {
        let mut buffer = vec![0; 1 << 18];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.broken(Some(name), &error)),
            };
            file.write_all(&buffer[..n]).map_err(DataError::io(part))?;
        }
    }

    /// The names of all members, or an error that says which one is missing.
    fn all(self) -> Result<Vec<String>, DataError> {
        let missing = self.members.iter().zip(&self.names).find(|(_, name)| name.is_none());
        if let Some((member, _)) = missing {
            let others = if self.others.is_empty() {
                "no other file".to_owned()
            } else {
                self.others.join(", ")
            };
            return Err(self.refuse(format!("no `{}` in it; it has {others}", member.names.join("` or `"))));
        }
        Ok(self.names.into_iter().flatten().collect())
    }
}

/// Bytes that may still come out.
#[derive(Clone)]
struct Budget(std::rc::Rc<Cell<u64>>, u64);

impl Budget {
    fn new(size: u64, limits: &Limits) -> Self {
        let bytes = size.saturating_mul(limits.ratio).max(limits.least).min(limits.most);
        Budget(std::rc::Rc::new(Cell::new(bytes)), bytes)
    }
}

/// A reader that fails when the budget is spent.
struct Limited<R> {
    reader: R,
    budget: Budget,
}

impl<R> Limited<R> {
    fn new(reader: R, budget: Budget) -> Self {
        Limited { reader, budget }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        let Some(left) = self.budget.0.get().checked_sub(n as u64) else {
            return Err(io::Error::other(format!(
                "more than {} bytes come out of it: this is no text",
                self.budget.1
            )));
        };
        self.budget.0.set(left);
        Ok(n)
    }
}

struct Counted<'a> {
    reader: &'a mut dyn Read,
    n: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.n += n as u64;
        Ok(n)
    }
}

/// The first block of a file, which is then at its beginning again.
fn peek(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(512).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(head)
}

/// The first bytes of a stream, which stay in its buffer.
fn peek_ahead<R: Read>(reader: &mut BufReader<R>) -> io::Result<Vec<u8>> {
    use std::io::BufRead;
    Ok(reader.fill_buf()?.iter().take(512).copied().collect())
}

/// A header of tar: its name, or the sum of its bytes, in which the sum itself counts as spaces.
fn is_tar(head: &[u8]) -> bool {
    let Some(sum) = head.get(148..156) else { return false };
    let digits = sum.iter().copied().filter(u8::is_ascii_digit);
    let written = digits.fold(0u64, |sum, digit| (sum << 3) | u64::from(digit & 7));
    let found: u64 = head.iter().map(|&byte| u64::from(byte)).sum::<u64>()
        - sum.iter().map(|&byte| u64::from(byte)).sum::<u64>()
        + 8 * u64::from(b' ');
    head.len() == 512 && (head[257..].starts_with(b"ustar") || (written == found && found > 8 * u64::from(b' ')))
}

fn describe(head: &[u8]) -> String {
    if head.is_empty() {
        "an empty file".into()
    } else if head.starts_with(b"BZh") || head.starts_with(b"\xfd7zXZ") || head.starts_with(b"7z") {
        "packed by bzip2, xz or 7z".into()
    } else {
        let start: String = String::from_utf8_lossy(&head[..head.len().min(24)])
            .escape_debug()
            .collect();
        format!("no archive, it begins with `{start}`")
    }
}
