//! The folder of one run, `runs/<experiment>/<arch>`: the only place where training and evaluation meet.

use std::fs;
use std::path::{Path, PathBuf};

use crate::RunError;

/// The paths inside a run folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// The folder of an architecture of an experiment. Creates nothing.
    pub fn new(runs_root: &Path, experiment: &str, arch: &str) -> RunFolder {
        RunFolder {
            root: runs_root.join(experiment).join(arch),
        }
    }

    /// A folder that holds a run already: `definition.json` must be there.
    pub fn open(path: &Path) -> Result<RunFolder, RunError> {
        let folder = RunFolder {
            root: path.to_path_buf(),
        };
        if folder.definition().is_file() {
            return Ok(folder);
        }
        Err(RunError::NoRun {
            path: folder.root,
            missing: "definition.json".into(),
        })
    }

    /// Creates the folder if it is not there.
    pub fn create(&self) -> Result<(), RunError> {
        fs::create_dir_all(&self.root).map_err(RunError::io(&self.root))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved definition that is trained, a [`crate::RunDefinition`].
    pub fn definition(&self) -> PathBuf {
        self.root.join("definition.json")
    }

    /// The tokeniser, a copy of the one that the data were prepared with.
    pub fn tokeniser(&self) -> PathBuf {
        self.root.join("tokeniser.model")
    }

    /// The vocabulary of the source side.
    pub fn source_vocabulary(&self) -> PathBuf {
        self.root.join("vocabulary.source.txt")
    }

    /// The vocabulary of the target side.
    pub fn target_vocabulary(&self) -> PathBuf {
        self.root.join("vocabulary.target.txt")
    }

    /// The folder of checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The checkpoint written after an update. Numbers are padded, so that names sort as numbers do.
    pub fn checkpoint(&self, update: u64) -> PathBuf {
        self.checkpoints().join(format!("{update:08}"))
    }

    /// The weights that are evaluated.
    pub fn model(&self) -> PathBuf {
        self.root.join("model.safetensors")
    }

    /// What happened, one JSON object a line.
    pub fn log(&self) -> PathBuf {
        self.root.join("log.jsonl")
    }

    /// The translations of the test set, one a line.
    pub fn hypotheses(&self) -> PathBuf {
        self.root.join("hypotheses.txt")
    }

    /// The scores of those translations.
    pub fn scores(&self) -> PathBuf {
        self.root.join("scores.json")
    }
}
