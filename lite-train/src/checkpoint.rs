//! Checkpoints: one folder each, whole or not there, with the hash of every file in it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use experiments::{RunFolder, part_path, publish_directory};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const MODEL: &str = "model.safetensors";
const OPTIMISER: &str = "optimiser.safetensors";
const STATE: &str = "state.json";
const MANIFEST: &str = "manifest.json";

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Updates that were done when it was written.
    pub update: u64,
    path: PathBuf,
}

/// The checkpoints of a run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: RunFolder,
}

/// What `manifest.json` says of each file.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
struct FileEntry {
    bytes: u64,
    sha256: String,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
struct Manifest {
    update: u64,
    files: BTreeMap<String, FileEntry>,
}

/// What is wrong with a checkpoint.
#[derive(thiserror::Error, Debug)]
pub enum CheckpointError {
    /// A file cannot be read or written.
    #[error("checkpoint `{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is no manifest.
    #[error("checkpoint `{}`: {message}", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file is not what was written.
    #[error("checkpoint file `{}` was truncated: {found} bytes, expected {expected}", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The size in the manifest.
        expected: u64,
    },
    /// A file is not what was written.
    #[error("checkpoint file `{}` was altered: sha256 {found}, expected {expected}", .path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// The hash in the manifest.
        expected: String,
    },
}

impl CheckpointError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

impl Checkpoint {
    /// The weights.
    pub fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// The optimiser's state.
    pub fn optimiser(&self) -> PathBuf {
        self.path.join(OPTIMISER)
    }

    /// Everything else, a [`crate::state::TrainState`].
    pub fn state(&self) -> PathBuf {
        self.path.join(STATE)
    }

    /// Holds every file to its hash.
    pub fn verify(&self) -> Result<(), CheckpointError> {
        let path = self.path.join(MANIFEST);
        let text = fs::read(&path).map_err(CheckpointError::io(&path))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| CheckpointError::Manifest {
            path: path.clone(),
            message: error.to_string(),
        })?;
        for name in [MODEL, OPTIMISER, STATE] {
            let Some(entry) = manifest.files.get(name) else {
                return Err(CheckpointError::Manifest {
                    path,
                    message: format!("`{name}` is not in it"),
                });
            };
            let path = self.path.join(name);
            let found = entry_of(&path)?;
            let (expected, expected_hash) = (entry.bytes, &entry.sha256);
            if found.bytes < expected {
                return Err(CheckpointError::Truncated {
                    path,
                    found: found.bytes,
                    expected,
                });
            }
            if found.sha256 != *expected_hash {
                let expected = expected_hash.clone();
                return Err(CheckpointError::Altered {
                    path,
                    found: found.sha256,
                    expected,
                });
            }
        }
        Ok(())
    }
}

impl Checkpoints {
    /// The checkpoints of a run, after what interrupted writes left behind is removed.
    pub fn open(folder: &RunFolder) -> Result<Self, CheckpointError> {
        let root = folder.checkpoints();
        fs::create_dir_all(&root).map_err(CheckpointError::io(&root))?;
        for entry in fs::read_dir(&root).map_err(CheckpointError::io(&root))? {
            let path = entry.map_err(CheckpointError::io(&root))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "part" || extension == "old")
            {
                fs::remove_dir_all(&path).map_err(CheckpointError::io(&path))?;
            }
        }
        Ok(Self { folder: folder.clone() })
    }

    /// All checkpoints, oldest first.
    pub fn list(&self) -> Result<Vec<Checkpoint>, CheckpointError> {
        let root = self.folder.checkpoints();
        let mut found = Vec::new();
        for entry in fs::read_dir(&root).map_err(CheckpointError::io(&root))? {
            let entry = entry.map_err(CheckpointError::io(&root))?;
            if let Some(update) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                found.push(Checkpoint {
                    update,
                    path: entry.path(),
                });
            }
        }
        found.sort_by_key(|checkpoint| checkpoint.update);
        Ok(found)
    }

    /// The checkpoint after `update`; it need not exist.
    pub fn get(&self, update: u64) -> Checkpoint {
        Checkpoint {
            update,
            path: self.folder.checkpoint(update),
        }
    }

    /// The newest checkpoint that is as it was written, and what is wrong with those after it.
    pub fn newest(&self) -> Result<(Option<Checkpoint>, Vec<CheckpointError>), CheckpointError> {
        let mut errors = Vec::new();
        for checkpoint in self.list()?.into_iter().rev() {
            match checkpoint.verify() {
                Ok(()) => return Ok((Some(checkpoint), errors)),
                Err(error) => errors.push(error),
            }
        }
        Ok((None, errors))
    }

    /// Writes a checkpoint: `write` makes its three files, the manifest follows, then the folder takes its name.
    /// If anything fails nothing is left but what was there.
    pub fn save<E>(&self, update: u64, write: impl FnOnce(&Checkpoint) -> Result<(), E>) -> Result<Checkpoint, E>
    where
        E: From<CheckpointError>,
    {
        let done = self.get(update);
        let part = Checkpoint {
            update,
            path: part_path(&done.path),
        };
        let written = (|| {
            fs::create_dir_all(&part.path).map_err(CheckpointError::io(&part.path))?;
            write(&part)?;
            part.seal()?;
            Ok(publish_directory(&part.path, &done.path).map_err(CheckpointError::io(&done.path))?)
        })();
        if written.is_err() {
            // Best effort: the error that matters is the first one.
            let _ = fs::remove_dir_all(&part.path);
        }
        written.map(|()| done)
    }

    /// Removes the checkpoints that `is_kept` refuses.
    pub fn prune(&self, is_kept: impl Fn(u64) -> bool) -> Result<(), CheckpointError> {
        for checkpoint in self
            .list()?
            .into_iter()
            .filter(|checkpoint| !is_kept(checkpoint.update))
        {
            // Under another name first: a folder that is half removed must not look like a checkpoint.
            let part = part_path(&checkpoint.path);
            fs::rename(&checkpoint.path, &part).map_err(CheckpointError::io(&checkpoint.path))?;
            fs::remove_dir_all(&part).map_err(CheckpointError::io(&part))?;
        }
        Ok(())
    }
}

impl Checkpoint {
    fn seal(&self) -> Result<(), CheckpointError> {
        let mut files = BTreeMap::new();
        for name in [MODEL, OPTIMISER, STATE] {
            files.insert(name.to_owned(), entry_of(&self.path.join(name))?);
        }
        let manifest = Manifest {
            update: self.update,
            files,
        };
        let path = self.path.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|e| CheckpointError::io(&path)(e.into()))?;
        fs::write(&path, text).map_err(CheckpointError::io(&path))
    }
}

fn entry_of(path: &Path) -> Result<FileEntry, CheckpointError> {
    let mut hash = Sha256::new();
    let mut file = fs::File::open(path).map_err(CheckpointError::io(path))?;
    let bytes = io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(CheckpointError::io(path))?;
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileEntry { bytes, sha256 })
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(checkpoint: &Checkpoint, text: &str) -> Result<(), CheckpointError> {
        for path in [checkpoint.model(), checkpoint.optimiser(), checkpoint.state()] {
            fs::write(&path, format!("{text} {}", path.file_name().unwrap().display())).unwrap();
        }
        Ok(())
    }

    fn filled(updates: &[u64]) -> (tempfile::TempDir, Checkpoints) {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(&RunFolder::new(folder.path(), "quick", "lite")).unwrap();
        for &update in updates {
            checkpoints
                .save(update, |checkpoint| write(checkpoint, "good"))
                .unwrap();
        }
        (folder, checkpoints)
    }

    fn updates(checkpoints: &Checkpoints) -> Vec<u64> {
        checkpoints
            .list()
            .unwrap()
            .iter()
            .map(|checkpoint| checkpoint.update)
            .collect()
    }

    #[test]
    fn the_last_good_one_is_used_and_the_others_are_named() {
        let (_folder, checkpoints) = filled(&[5, 10, 100, 1000]);
        fs::write(checkpoints.get(1000).model(), "short").unwrap();
        fs::write(checkpoints.get(100).model(), "goOd model.safetensors").unwrap();
        fs::remove_file(checkpoints.get(10).path.join(MANIFEST)).unwrap();
        let (newest, errors) = checkpoints.newest().unwrap();
        assert_eq!(newest, Some(checkpoints.get(5)));
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(
            errors[0].contains("00001000/model.safetensors` was truncated: 5 bytes, expected 22"),
            "{errors:?}"
        );
        assert!(
            errors[1].contains("00000100/model.safetensors` was altered: sha256 "),
            "{errors:?}"
        );
        assert!(
            errors[2].contains("00000010/manifest.json`: No such file"),
            "{errors:?}"
        );
        // It is replaced when training gets there again.
        checkpoints.save(1000, |checkpoint| write(checkpoint, "new")).unwrap();
        assert_eq!(checkpoints.newest().unwrap().0, Some(checkpoints.get(1000)));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_one() {
        let (folder, checkpoints) = filled(&[5]);
        let full = |checkpoint: &Checkpoint| {
            fs::write(checkpoint.model(), "half").unwrap();
            Err(CheckpointError::io(&checkpoint.model())(
                io::ErrorKind::StorageFull.into(),
            ))
        };
        for update in [5, 6] {
            checkpoints.save(update, full).unwrap_err();
            assert_eq!(checkpoints.newest().unwrap().0, Some(checkpoints.get(5)));
        }
        assert_eq!(
            fs::read_dir(folder.path().join("quick/lite/checkpoints"))
                .unwrap()
                .count(),
            1
        );
    }

    #[test]
    fn what_a_crash_leaves_is_removed() {
        let (folder, checkpoints) = filled(&[5, 6, 7]);
        let root = folder.path().join("quick/lite/checkpoints");
        fs::create_dir(root.join("00000008.part")).unwrap();
        fs::write(root.join("00000008.part/model.safetensors"), "half").unwrap();
        Checkpoints::open(&checkpoints.folder).unwrap();
        assert!(!root.join("00000008.part").exists());
        checkpoints.prune(|update| update != 6).unwrap();
        assert_eq!(updates(&checkpoints), [5, 7]);
    }
}
