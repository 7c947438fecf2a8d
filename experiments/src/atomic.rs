//! Files and folders that are either whole under their name or not there.
//!
//! What is written goes to `NAME.part` beside the target, is synced, and takes the name by a rename.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::RunError;

/// Writes a file through `write`. If that fails, what was under `path` before is still there, and the part is removed.
pub fn write_atomically<F>(path: &Path, write: F) -> io::Result<()>
where
    F: FnOnce(&mut BufWriter<File>) -> io::Result<()>,
{
    let part = part_path(path);
    let written = (|| {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = BufWriter::new(File::create(&part)?);
        write(&mut file)?;
        file.flush()?;
        publish_file(&part, path)
    })();
    if written.is_err() {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&part);
    }
    written
}

/// `NAME.part` beside `path`: where to write what [`publish_file`] or [`publish_directory`] then gives its name.
pub fn part_path(path: &Path) -> PathBuf {
    with_suffix(path, ".part")
}

/// Syncs a finished file and renames it to `path`, replacing what was there.
pub fn publish_file(part: &Path, path: &Path) -> io::Result<()> {
    // Opened for writing: some systems sync no read-only handle.
    File::options().write(true).open(part)?.sync_all()?;
    fs::rename(part, path)?;
    sync_folder_of(path)
}

/// Syncs a finished folder with all it holds and renames it to `path`.
///
/// A folder that is already there is set aside as `NAME.old`, replaced, then removed; a crash in between is repaired by
/// [`recover_directory`].
pub fn publish_directory(part: &Path, path: &Path) -> io::Result<()> {
    sync_tree(part)?;
    recover_directory(path)?;
    let old = with_suffix(path, ".old");
    if path.exists() {
        fs::rename(path, &old)?;
    }
    if let Err(error) = fs::rename(part, path) {
        recover_directory(path)?;
        return Err(error);
    }
    sync_folder_of(path)?;
    match fs::remove_dir_all(&old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder through `fill`, which gets an empty one beside it. If that fails, what was under `path` before is still
/// there, and the part is removed.
///
/// # Errors
///
/// Those of `fill`, and [`RunError::Io`].
pub fn write_directory<E: From<RunError>>(path: &Path, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    let part = part_path(path);
    let io = |source| RunError::Io {
        path: part.clone(),
        source,
    };
    let written = (|| {
        if part.exists() {
            fs::remove_dir_all(&part).map_err(io)?;
        }
        fs::create_dir_all(&part).map_err(io)?;
        fill(&part)?;
        Ok(publish_directory(&part, path).map_err(io)?)
    })();
    if written.is_err() {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_dir_all(&part);
    }
    written
}

/// Finishes a [`publish_directory`] that was interrupted: if only `NAME.old` is there it gets its name back, if both
/// are there the old one is removed. Call it before reading a folder that may be replaced.
pub fn recover_directory(path: &Path) -> io::Result<()> {
    let old = with_suffix(path, ".old");
    if !old.exists() {
        return Ok(());
    }
    if path.exists() {
        return fs::remove_dir_all(&old);
    }
    fs::rename(&old, path)?;
    sync_folder_of(path)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::options().write(true).open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// Makes a rename in the folder of `path` survive a power cut.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => sync_folder(folder),
        _ => sync_folder(Path::new(".")),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere folders cannot be opened; the rename is as durable as the system makes it.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
