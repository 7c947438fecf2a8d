//! From a `[data]` section to what training reads: once, and again only if an input changed.
//!
//! A prepared folder is built beside its place and renamed when it is complete. Its name holds a hash of the section and
//! of the inputs, so that a change of either gives another folder and nothing is overwritten.

mod build;
mod encode;
mod inputs;
mod lengths;
mod number;
mod stages;
mod stand_in;
mod stream;
mod survey;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::{Corpus, DataConfig, Files, TokeniserKind};
use crate::corpus::{LineRules, read_lines};
use crate::error::DataError;
use crate::manifest::{self, Manifest};
use crate::progress::Progress;
use crate::sources::{CHECKED, Checked, Found, Retry, SourceOptions, fetch, hexadecimal};
use crate::store::PairStore;
use crate::tokeniser::Tokeniser;
use crate::vocabulary::Vocabulary;
use inputs::Inputs;

/// The three splits, in the order in which they are written.
pub(crate) const SPLITS: [&str; 3] = ["train", "valid", "test"];

/// What of preparation belongs to the machine and not to the experiment.
#[derive(Debug, Clone)]
pub struct PrepareOptions {
    /// Where downloads and prepared folders are kept.
    pub data_root: PathBuf,
    /// A folder that holds the files of the corpus under their `path`, or side by side; asked before the network.
    pub mirror: Option<PathBuf>,
    /// Never use the network.
    pub offline: bool,
}

/// A prepared corpus.
#[derive(Debug)]
pub struct Prepared {
    /// The folder.
    pub root: PathBuf,
    /// Identity of the contents: equal data, equal hash, on any machine.
    pub hash: String,
    /// What was done, with counts.
    pub manifest: Manifest,
    /// Cuts lines into pieces.
    pub tokeniser: Tokeniser,
    /// Numbers the pieces of the source side.
    pub source_vocabulary: Vocabulary,
    /// Numbers the pieces of the target side.
    pub target_vocabulary: Vocabulary,
    /// What is trained on.
    pub train: PairStore,
    /// What is watched during training.
    pub valid: PairStore,
    /// What is scored at the end.
    pub test: PairStore,
}

/// Prepares a corpus, or finds it prepared.
pub fn prepare(config: &DataConfig, options: &PrepareOptions, progress: &dyn Progress) -> Result<Prepared, DataError> {
    config.validate()?;
    let stand_in = stand_in::taken(config, options)?;
    let config = stand_in.as_ref().unwrap_or(config);
    let parent = options.data_root.join("prepared");
    fs::create_dir_all(&parent).map_err(DataError::io(&parent))?;
    // Two programs that start at once must neither download nor build the same thing twice.
    let lock_path = parent.join(".lock");
    let lock = fs::File::create(&lock_path).map_err(DataError::io(&lock_path))?;
    if lock.try_lock().is_err() {
        progress.message("waiting for another program that prepares data");
        lock.lock().map_err(DataError::io(&lock_path))?;
    }

    let inputs = inputs::find(config, &source_options(options), progress)?;
    let codes = find_codes(config, options, progress)?;
    let key = key(config, &inputs, codes.as_ref());
    let root = parent.join(format!(
        "{}-{}-{}",
        config.source_language,
        config.target_language,
        &key[..16]
    ));
    if root.join(manifest::NAME).is_file() {
        match Prepared::open(&root) {
            Ok(prepared) => return Ok(prepared),
            Err(error) => progress.message(&format!("{error}; preparing again")),
        }
    }
    let part = parent.join(format!("{key}.part"));
    if root.exists() {
        fs::remove_dir_all(&root).map_err(DataError::io(&root))?;
    }
    // What a killed run has finished there is used.
    fs::create_dir_all(&part).map_err(DataError::io(&part))?;
    build::build(config, &inputs, codes.as_ref(), &part, progress)?;
    fs::rename(&part, &root).map_err(DataError::io(&root))?;
    let prepared = Prepared::open(&root)?;
    for split in &prepared.manifest.splits {
        progress.message(&split.summary());
        split
            .examples
            .iter()
            .for_each(|example| progress.message(&format!("  {example}")));
    }
    Ok(prepared)
}

impl Prepared {
    /// Opens a prepared folder after holding every file to its hash.
    pub fn open(root: &Path) -> Result<Self, DataError> {
        let checked = Checked::open(&root.join(CHECKED));
        let opened = Self::open_checked(root, &checked);
        if opened.is_err() {
            // What fails a check has to be looked through each time, and not found unchanged.
            checked.forget();
        }
        opened
    }

    fn open_checked(root: &Path, checked: &Checked) -> Result<Self, DataError> {
        let manifest = Manifest::read(root)?;
        if manifest.version != manifest::VERSION {
            return Err(DataError::damaged(
                &root.join(manifest::NAME),
                format!(
                    "prepared by version {}, this is version {}",
                    manifest.version,
                    manifest::VERSION
                ),
            ));
        }
        // The manifest's hashes cover the stores too; if nothing had to be read for that, the stores are as they were.
        let was_read = manifest.check(root, checked)?;
        let store = |split: &str| PairStore::open_hashed(&root.join(format!("{split}.pairs")), was_read);
        let prepared = Prepared {
            hash: manifest.hash(),
            tokeniser: Tokeniser::load(&root.join("tokeniser.model"))?,
            source_vocabulary: Vocabulary::load(&root.join("vocabulary.source.txt"))?,
            target_vocabulary: Vocabulary::load(&root.join("vocabulary.target.txt"))?,
            train: store("train")?,
            valid: store("valid")?,
            test: store("test")?,
            manifest,
            root: root.to_path_buf(),
        };
        let pieces = prepared.source_vocabulary.len().max(prepared.target_vocabulary.len()) as u64;
        for (split, store) in SPLITS
            .into_iter()
            .zip([&prepared.train, &prepared.valid, &prepared.test])
        {
            if store.largest_id() >= pieces {
                return Err(DataError::damaged(
                    &root.join(format!("{split}.pairs")),
                    format!(
                        "id {} in a store whose vocabularies have {pieces} pieces",
                        store.largest_id()
                    ),
                ));
            }
        }
        Ok(prepared)
    }

    /// The source lines of `valid` or `test`, one for each pair of its store: as read, after the configured line rules,
    /// before the tokeniser. (Of `train`, the lines before overlong pairs were left out.)
    pub fn sources(&self, split: &str) -> Result<Vec<String>, DataError> {
        read_lines(&self.root.join(format!("{split}.source.txt")), LineRules::default())
    }

    /// The target lines of a split; see [`Prepared::sources`]. In the form that the tokeniser's `decode` gives: with
    /// `tokeniser.detokenise`, they are detokenised too.
    pub fn references(&self, split: &str) -> Result<Vec<String>, DataError> {
        let lines = read_lines(&self.root.join(format!("{split}.target.txt")), LineRules::default())?;
        Ok(lines.into_iter().map(|line| self.tokeniser.finish(line)).collect())
    }
}

/// The codes that the definition names instead of having them learnt.
fn find_codes(
    config: &DataConfig,
    options: &PrepareOptions,
    progress: &dyn Progress,
) -> Result<Option<Found>, DataError> {
    let codes = config.tokeniser.codes.as_ref();
    codes
        .filter(|_| config.tokeniser.kind == TokeniserKind::SubwordNmt)
        .map(|file| fetch(file, &source_options(options), progress))
        .transpose()
}

fn source_options(options: &PrepareOptions) -> SourceOptions {
    SourceOptions {
        downloads: options.data_root.join("downloads"),
        mirror: options.mirror.clone(),
        offline: options.offline,
        retry: Retry::default(),
    }
}

/// Hash of the section and the inputs: the same inputs under other paths give the same key.
fn key(config: &DataConfig, inputs: &Inputs, codes: Option<&Found>) -> String {
    let mut config = DataConfig {
        files: Files::default(),
        archives: Vec::new(),
        stand_in: None,
        ..config.clone()
    };
    config.tokeniser.codes = None;
    let mut hash = Sha256::new();
    hash.update(format!("lite-data {}\n", manifest::VERSION));
    inputs.key_lines().iter().for_each(|line| hash.update(line));
    if let Inputs::Files(_) = inputs {
        config.corpus = Corpus::Files;
        config.grammar = Default::default();
    }
    if let Some(codes) = codes {
        hash.update(format!("codes {}\n", codes.sha256));
    }
    // A section of plain values always has a JSON form; its debug form would serve as well.
    hash.update(serde_json::to_string(&config).unwrap_or_else(|_| format!("{config:?}")));
    hexadecimal(&hash.finalize())
}
