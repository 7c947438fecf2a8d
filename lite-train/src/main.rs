//! `lite-train`: from a definition to a trained model, its scores and the comparison.

mod claim;
mod cli;
mod command;
mod difference;
mod tune;

use std::process::ExitCode;

use clap::Parser;
use experiments::DefinitionError;
use lite_data::{DataError, chain_text};
use lite_eval::evaluate::EvaluateError;
use lite_train::devices::PlacesError;

// Its pages are kept when freed, which is worth up to three times in speed on the tensors of a training step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    lite_eval::memory::keep_freed_pages();
    let args = cli::Args::parse();
    match command::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain_text(&error));
            if let Some(hint) = hint(&error) {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(if is_usage(&error) { 2 } else { 1 })
        }
    }
}

/// What to do about an error that does not say so itself.
fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(DefinitionError::UnknownName { .. }) = error.downcast_ref() {
        return Some("`lite-train --list` names the built-in experiments; a path ends in .toml".into());
    }
    if let Some(error) = error.downcast_ref::<PlacesError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<EvaluateError>() {
        return error.hint();
    }
    error.downcast_ref::<DataError>()?.hint()
}

/// Whether the command line or the definition that it names, not the work, was at fault.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<DefinitionError>() || error.is::<PlacesError>() || error.is::<command::BadDefinition>()
}

#[cfg(test)]
mod tests {
    use lite_eval::metrics::MetricError;

    use super::*;

    #[test]
    fn an_error_of_scoring_has_its_hint_wherever_it_came_from() {
        let too_long = MetricError::TooLong {
            line: 3,
            hypothesis: 1 << 20,
            reference: 1 << 20,
            metric: "TER",
        };
        let error = anyhow::Error::from(EvaluateError::from(too_long)).context("quick lite");
        assert!(hint(&error).unwrap().contains("`metrics` in the definition's [decode]"));
    }
}
