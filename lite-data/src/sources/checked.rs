//! Hashes of files that were hashed before: a file that has neither changed its size nor its time is not read again, so
//! that a corpus of many gigabytes opens at once.
//!
//! As git does it, a file that was changed just now is not trusted: it could change again within the same tick of its time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::hash_file;
use crate::error::DataError;

/// A file must have been left alone for this long.
const REST: Duration = Duration::from_secs(2);

/// The hashes that a file in JSON remembers.
pub struct Checked {
    path: PathBuf,
    known: Mutex<(BTreeMap<PathBuf, Known>, bool)>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    size: u64,
    /// Nanoseconds since 1970, as text: JSON numbers are not long enough.
    modified: String,
    sha256: String,
}

impl Checked {
    /// What `path` remembers; nothing if it is not there or cannot be read.
    pub fn open(path: &Path) -> Self {
        let known = fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Checked {
            path: path.to_path_buf(),
            known: Mutex::new((known.unwrap_or_default(), false)),
        }
    }

    /// Size and SHA-256 of a file, and whether it had to be read for that.
    pub fn hash(&self, file: &Path) -> Result<(u64, String, bool), DataError> {
        let stamp = |file: &Path| -> Result<(u64, SystemTime), DataError> {
            let metadata = fs::metadata(file).map_err(DataError::io(file))?;
            Ok((
                metadata.len(),
                metadata.modified().unwrap_or_else(|_| SystemTime::now()),
            ))
        };
        let (size, time) = stamp(file)?;
        let modified = time
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos()
            .to_string();
        let name = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
        let name = match (name.strip_prefix(self.folder()), self.folder()) {
            (Ok(inside), _) => inside.to_path_buf(),
            _ => name,
        };
        let remembered = self.lock().0.get(&name).cloned();
        if let Some(known) = remembered.filter(|known| known.size == size && known.modified == modified) {
            return Ok((size, known.sha256, false));
        }
        let at_rest = time.elapsed().is_ok_and(|age| age > REST);
        let (read, sha256) = hash_file(file)?;
        if at_rest && read == size && stamp(file)? == (size, time) {
            let known = Known {
                size,
                modified,
                sha256: sha256.clone(),
            };
            let mut all = self.lock();
            all.0.insert(name, known);
            all.1 = true;
        }
        Ok((read, sha256, true))
    }

    /// What was hashed since it was opened is not remembered.
    pub fn forget(&self) {
        self.lock().1 = false;
    }

    fn folder(&self) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        std::path::absolute(folder).unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (BTreeMap<PathBuf, Known>, bool)> {
        // A panic elsewhere leaves the table as good as it was.
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Saved at the end. That this may fail, in a folder that cannot be written, costs time and nothing else.
impl Drop for Checked {
    fn drop(&mut self) {
        let all = self.lock();
        if !all.1 {
            return;
        }
        let part = self.path.with_extension(format!("{}.part", std::process::id()));
        let saved = serde_json::to_vec(&all.0).is_ok_and(|text| fs::write(&part, text).is_ok());
        if !saved || fs::rename(&part, &self.path).is_err() {
            let _ = fs::remove_file(&part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_only_if_it_may_have_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, list) = (folder.path().join("a"), folder.path().join(".checked.json"));
        let write = |text: &str, age: u64| {
            fs::write(&file, text).unwrap();
            let opened = fs::File::options().append(true).open(&file).unwrap();
            opened
                .set_modified(SystemTime::now() - Duration::from_secs(age))
                .unwrap();
        };
        let read = || Checked::open(&list).hash(&file).unwrap();
        // Just written: hashed each time.
        write("abc", 0);
        assert!(read().2 && read().2);
        write("abc", 60);
        assert!(read().2);
        let (size, sha256, was_read) = read();
        assert_eq!((size, was_read), (3, false));
        assert!(sha256.starts_with("ba7816bf"));
        // Other bytes of the same length.
        write("abd", 30);
        assert!(read().2 && !read().2);
        assert!(!read().1.starts_with("ba7816bf"));
        // A list that cannot be read is no list.
        fs::write(&list, "{").unwrap();
        assert!(read().2 && !read().2);
    }
}
