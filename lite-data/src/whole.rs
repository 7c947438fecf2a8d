//! Files that have their name only when they are whole: written as `NAME.part`, then renamed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::DataError;

/// A file that is being written. What has its name stays until it is finished, or for good if it never is.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    part: PathBuf,
    writer: BufWriter<File>,
    is_finished: bool,
}

impl WholeFile {
    /// Begins a file. A pipe or a device is written as it is: renaming would put a file in its place.
    pub fn create(path: &Path) -> Result<Self, DataError> {
        // A link stays one, and the file that it leads to is replaced.
        let path = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()),
            _ => path.to_path_buf(),
        };
        let part = match fs::metadata(&path) {
            Ok(found) if !found.is_file() => path.clone(),
            _ => with_ending(&path, ".part"),
        };
        let file = File::create(&part).map_err(DataError::io(&path))?;
        Ok(WholeFile {
            path,
            part,
            writer: BufWriter::with_capacity(1 << 18, file),
            is_finished: false,
        })
    }

    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.writer.write_all(bytes).map_err(DataError::io(&self.part))
    }

    /// Completes the file on the disk and gives it its name.
    pub fn finish(mut self) -> Result<(), DataError> {
        self.writer.flush().map_err(DataError::io(&self.part))?;
        if self.part != self.path {
            let file = self.writer.get_ref();
            file.sync_all().map_err(DataError::io(&self.part))?;
            fs::rename(&self.part, &self.path).map_err(DataError::io(&self.path))?;
        }
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.is_finished && self.part != self.path {
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Writes a file at once; it has its name only when it is whole.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let mut file = WholeFile::create(path)?;
    file.write(bytes)?;
    file.finish()
}

/// A path with something behind its name.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let begin = || {
            let mut file = WholeFile::create(&path).unwrap();
            file.write(b"ne").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"old");
            file
        };
        drop(begin());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let mut file = begin();
        file.write(b"w").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "something was left behind"
        );

        let error = write_whole(&folder.path().join("none/a"), b"").unwrap_err().to_string();
        assert!(error.contains("none/a`: "), "{error}");
        assert!(write_whole(folder.path(), b"").is_err() && folder.path().is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
