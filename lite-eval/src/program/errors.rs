//! What a person sees when something fails: the cause, and a hint where there is one.

use std::io;

use experiments::{DefinitionError, RunError};
use lite_data::DataError;
use lite_eval::compress::tune::NoTrainer;
use lite_eval::device::DeviceError;
use lite_eval::import::ImportError;
use lite_eval::run::OpenError;

use super::compress::NothingToScan;

/// Writes `error:` and `hint:` lines.
pub fn report(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    // A transparent error repeats its source.
    let mut causes: Vec<&str> = causes.iter().map(String::as_str).collect();
    causes.dedup();
    eprintln!("error: {}", causes.join(": "));
    if let Some(hint) = error.chain().find_map(hint) {
        eprintln!("hint: {hint}");
    }
}

/// Whether the reader of stdout is gone.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<io::Error>() {
        Some(error) => error.kind() == io::ErrorKind::BrokenPipe,
        None => {
            cause
                .downcast_ref::<serde_json::Error>()
                .and_then(serde_json::Error::io_error_kind)
                == Some(io::ErrorKind::BrokenPipe)
        }
    })
}

fn hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<DeviceError>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref::<DataError>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref::<DefinitionError>() {
        return definition_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<RunError>() {
        return run_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<ImportError>() {
        return error.hint();
    }
    if cause.is::<NothingToScan>() {
        return Some("say how much becomes zero: --sparsity 0.44 is the paper's, --sparsity 0 prunes nothing".into());
    }
    if cause.is::<NoTrainer>() {
        return Some("build it with `cargo build -p lite-train`, or leave --fine-tune out".into());
    }
    match cause.downcast_ref::<OpenError>()? {
        OpenError::Run(error) => run_hint(error),
        OpenError::Definition(error) => definition_hint(error),
        OpenError::Data(error) => error.hint(),
        OpenError::Altered { .. } | OpenError::Weights(_) => {
            Some("start the run again with lite-train: it goes on from its last good checkpoint".into())
        }
        OpenError::Model(error) if error.key == "task" => {
            Some("translate, score and evaluate take a run that translates, perplexity one of a language model".into())
        }
        OpenError::File(_) => Some("a .lite file is made by `lite-eval compress`; copy or make it again".into()),
        OpenError::Decode(_) | OpenError::Model(_) | OpenError::Packed(_) => None,
    }
}

fn definition_hint(error: &DefinitionError) -> Option<String> {
    matches!(error, DefinitionError::UnknownName { .. }).then(|| "`lite-train --list` prints all of them".into())
}

fn run_hint(error: &RunError) -> Option<String> {
    match error {
        RunError::NoRun { .. } => {
            Some("a run folder is runs/EXPERIMENT/ARCHITECTURE, made by `lite-train --exp EXPERIMENT`".into())
        }
        _ => None,
    }
}
