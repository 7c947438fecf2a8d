//! What commands write must not be what they read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Refuses an output that is one of the inputs, by whatever path.
pub fn keep_inputs(inputs: &[PathBuf], outputs: &[&Path]) -> Result<()> {
    for output in outputs {
        // What is not there yet is no input.
        let written = fs::canonicalize(output).ok();
        let is_input = |input: &PathBuf| written.is_some() && fs::canonicalize(input).ok() == written;
        if let Some(input) = inputs.iter().find(|input| is_input(input)) {
            bail!(
                "`{}` would be written over the input `{}`: give the output another name",
                output.display(),
                input.display()
            );
        }
    }
    Ok(())
}
