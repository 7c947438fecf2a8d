//! Training between the steps of compression. It is `lite-train`'s: the two programs meet in a folder, into which this one puts the
//! weights and what may move, and from which it takes what became of them.
//!
//! | file | what it is |
//! |---|---|
//! | `request.json` | a [`Request`] |
//! | `weights.safetensors` | where training begins |
//! | `codes.safetensors` | the same tensors with a number for each weight: 0 stays zero, -1 moves alone, and equal ones of a tensor move together, by the sum of their gradients (Han et al. 2016) |
//! | `tuned.safetensors` | what `lite-train` makes of them |

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use experiments::write_atomically;
use lite_model::weights::{self, NamedTensor};
use serde::{Deserialize, Serialize};

use super::weights::Weights;

/// What `lite-train` is asked to do.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The run folder, whose definition says how.
    pub run: PathBuf,
    /// Updates.
    pub updates: u64,
    /// The first learning rate, as a share of the highest of the run; it falls to nothing in a straight line.
    pub rate: f64,
}

/// Paths in the folder.
#[derive(Debug, Clone)]
pub struct TuneFolder(pub PathBuf);

impl TuneFolder {
    /// What is asked for.
    pub fn request(&self) -> PathBuf {
        self.0.join("request.json")
    }

    /// Where training begins.
    pub fn weights(&self) -> PathBuf {
        self.0.join("weights.safetensors")
    }

    /// What may move.
    pub fn codes(&self) -> PathBuf {
        self.0.join("codes.safetensors")
    }

    /// What came out.
    pub fn tuned(&self) -> PathBuf {
        self.0.join("tuned.safetensors")
    }
}

/// Trains on from `weights` with what `codes` say. `arguments` are handed to `lite-train`: where its data are, and the device.
pub fn tune(
    folder: &TuneFolder,
    request: &Request,
    weights: &[NamedTensor],
    codes: &[NamedTensor],
    arguments: &[String],
) -> anyhow::Result<Weights> {
    let program = lite_train()?;
    fs::create_dir_all(&folder.0).with_context(|| format!("`{}`", folder.0.display()))?;
    let path = folder.request();
    write_atomically(&path, |file| Ok(serde_json::to_writer_pretty(file, request)?))
        .with_context(|| format!("`{}`", path.display()))?;
    weights::write(weights, &folder.weights())?;
    weights::write(codes, &folder.codes())?;
    let status = Command::new(&program)
        .arg("--fine-tune")
        .arg(&folder.0)
        .args(arguments)
        .status()
        .with_context(|| format!("`{}`", program.display()))?;
    if !status.success() {
        bail!("`{}` did not train on: {status}", program.display());
    }
    Ok(Weights::read(&folder.tuned())?)
}

/// The program that trains, which stands beside this one.
fn lite_train() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let name = format!("lite-train{}", std::env::consts::EXE_SUFFIX);
    let path = own.parent().unwrap_or(Path::new("")).join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(NoTrainer { path }.into())
}

/// The program that trains is not there.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not there, and --fine-tune trains with it", path.display())]
pub struct NoTrainer {
    /// Where it should be.
    pub path: PathBuf,
}
