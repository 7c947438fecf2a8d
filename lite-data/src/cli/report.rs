//! What a person sees when a command fails: the causes, a hint where there is one, and the exit code.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use lite_data::DataError;

use crate::definition::DefinitionError;

/// Options that cannot stand together. The exit code is that of clap, which sees each by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Writes `error:` and `hint:` lines: 1 the work failed, 2 the command line was wrong.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", in_one_line(error));
    if let Some(hint) = error.chain().find_map(hint) {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

/// `lite-data .. | head` is no failure.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io_errors = |cause: &(dyn Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(io_errors)
}

fn hint(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<DefinitionError>() {
        return error.hint.clone();
    }
    cause.downcast_ref::<DataError>()?.hint()
}

/// The error and its causes, without those that it ends with already: many a message shows its own cause.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let lost = || io::Error::new(io::ErrorKind::NotFound, "it is gone");
        let of_file = anyhow::Error::from(DataError::io(Path::new("a"))(lost()));
        assert_eq!(in_one_line(&of_file), "`a`: it is gone");
        assert_eq!(in_one_line(&of_file.context("b")), "b: `a`: it is gone");
        let plain = anyhow::Error::from(lost()).context("`c`").context("d");
        assert_eq!(in_one_line(&plain), "d: `c`: it is gone");
        assert_eq!(in_one_line(&anyhow!("x").context("x y")), "x y: x");
    }
}
