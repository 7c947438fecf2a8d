//! What a person sees when a command fails: the causes, a hint where there is one, and the exit code.

use std::error::Error;
use std::process::ExitCode;

use lite_data::{DataError, chain_text};

use crate::definition::DefinitionError;

/// Options that cannot stand together. The exit code is that of clap, which sees each by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Writes `error:` and `hint:` lines: 1 the work failed, 2 the command line was wrong.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", chain_text(error));
    if let Some(hint) = error.chain().find_map(hint) {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

fn hint(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<DefinitionError>() {
        return error.hint.clone();
    }
    cause.downcast_ref::<DataError>()?.hint()
}
