//! Whose a run folder is: one program's at a time, and one definition's on one corpus.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};
use experiments::{RunDefinition, RunFolder};
use lite_data::Prepared;

use crate::difference::differing_keys;

/// Holds the folder as long as the file lives: two programs must not train one run.
pub fn lock(folder: &RunFolder) -> anyhow::Result<File> {
    folder.create()?;
    let path = folder.root().join(".lock");
    let place = || format!("`{}`", path.display());
    let file = File::create(&path).with_context(place)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another program trains the run in `{}`", folder.root().display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{} cannot be locked", place())),
    }
}

/// Makes the folder this run's, or finds that it is.
pub fn settle(folder: &RunFolder, definition: &RunDefinition, prepared: &Prepared) -> anyhow::Result<()> {
    let path = folder.definition();
    let shown = folder.root().display();
    if path.exists() {
        let there = RunDefinition::read(&path)?;
        let keys = differing_keys(&there, definition);
        if !keys.is_empty() {
            bail!(
                "the run in `{shown}` was trained by another definition; what differs: {}\n\
                 hint: --restart discards it and begins again; --runs DIR keeps it and trains elsewhere",
                keys.join(", ")
            );
        }
        return same_data(folder, &there, prepared);
    }
    if fs::read_dir(folder.checkpoints()).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!(
            "`{shown}` has checkpoints and no definition.json, so nothing says what was trained there\n\
             hint: --restart discards them; --runs DIR keeps them and trains elsewhere"
        );
    }
    prepared.tokeniser.save(&folder.tokeniser())?;
    prepared.source_vocabulary.save(&folder.source_vocabulary())?;
    prepared.target_vocabulary.save(&folder.target_vocabulary())?;
    let definition = RunDefinition {
        data_hash: Some(prepared.hash.clone()),
        ..definition.clone()
    };
    Ok(definition.write(&path)?)
}

/// Refuses a run whose tokens were numbered by another corpus: its weights would mean something else here.
pub fn same_data(folder: &RunFolder, there: &RunDefinition, prepared: &Prepared) -> anyhow::Result<()> {
    match &there.data_hash {
        Some(hash) if *hash != prepared.hash => bail!(
            "the run in `{}` was trained on another corpus by the same definition: its data have the hash {hash}, found {}\n\
             hint: a file of the corpus has changed; give the files it was trained on, or --restart discards the run and begins \
             again, or --runs DIR keeps it and trains elsewhere",
            folder.root().display(),
            prepared.hash
        ),
        _ => Ok(()),
    }
}

/// Empties the folder but for the lock.
pub fn restart(folder: &RunFolder) -> anyhow::Result<()> {
    let remove = |path: &Path| {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        removed.with_context(|| format!("`{}`", path.display()))
    };
    let definition = folder.definition();
    for entry in fs::read_dir(folder.root()).with_context(|| format!("`{}`", folder.root().display()))? {
        let path = entry?.path();
        if path != definition && path.file_name().is_some_and(|name| name != ".lock") {
            remove(&path)?;
        }
    }
    // Last: if this is killed, what is left still says whose it is, and another definition does not train on with it.
    if definition.exists() {
        remove(&definition)?;
    }
    Ok(())
}
