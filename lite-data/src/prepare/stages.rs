//! How far preparation has come, so that a killed one goes on with the step that it was in.
//!
//! `stages.json` in the unfinished folder names the files of each finished step with their sizes, and what was counted by
//! then. A step counts if it and all before it have their files; files are synced before they are named. A finished file is
//! never renamed or written again, or the step that made it would count no more.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::manifest::SplitReport;
use crate::whole::write_whole;

const NAME: &str = "stages.json";

/// Raised whenever a step leaves other files than before, so that no folder is finished by another way than it was begun.
const VERSION: u32 = 2;

/// The finished steps of an unfinished folder.
pub struct Stages {
    folder: PathBuf,
    list: List,
}

/// What the file says.
#[derive(Serialize, Deserialize)]
struct List {
    version: u32,
    done: Vec<Stage>,
}

#[derive(Serialize, Deserialize)]
struct Stage {
    name: String,
    files: Vec<(String, u64)>,
    reports: Vec<SplitReport>,
}

impl Stages {
    /// What a folder has; nothing if it is new or its list cannot be read.
    pub fn open(folder: &Path) -> Self {
        let text = fs::read(folder.join(NAME)).unwrap_or_default();
        let list: Option<List> = serde_json::from_slice(&text).ok();
        let list = list.filter(|list| list.version == VERSION);
        let mut done = list.map(|list| list.done).unwrap_or_default();
        let has_files = |stage: &Stage| {
            let has =
                |(name, size): &(String, u64)| fs::metadata(folder.join(name)).is_ok_and(|file| file.len() == *size);
            stage.files.iter().all(has)
        };
        let n = done.iter().take_while(|stage| has_files(stage)).count();
        done.truncate(n);
        Stages {
            folder: folder.to_path_buf(),
            list: List { version: VERSION, done },
        }
    }

    /// Whether a step is finished.
    pub fn has(&self, name: &str) -> bool {
        self.list.done.iter().any(|stage| stage.name == name)
    }

    /// What was counted by the end of the last finished step.
    pub fn reports(&self) -> Vec<SplitReport> {
        let last = self.list.done.last();
        last.map(|stage| stage.reports.clone()).unwrap_or_default()
    }

    /// Puts a finished step on the list.
    pub fn finish(&mut self, name: &str, files: &[impl AsRef<str>], reports: &[SplitReport]) -> Result<(), DataError> {
        let mut named = Vec::new();
        for file in files.iter().map(AsRef::as_ref) {
            let path = self.folder.join(file);
            let opened = fs::File::open(&path).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
            named.push((file.to_owned(), opened.map_err(DataError::io(&path))?.len()));
        }
        self.list.done.push(Stage {
            name: name.to_owned(),
            files: named,
            reports: reports.to_vec(),
        });
        let path = self.folder.join(NAME);
        let text = serde_json::to_vec(&self.list)
            .map_err(|error| DataError::damaged(&path, format!("cannot be written: {error}")))?;
        write_whole(&path, &text)
    }

    /// Takes the list away: the folder is complete.
    pub fn remove(self) -> Result<(), DataError> {
        let path = self.folder.join(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(DataError::io(&path)(error)),
            _ => Ok(()),
        }
    }
}
