//! Lines of stdin to lines of stdout, a block at a time.

use std::io::{self, BufRead, BufWriter, Write};

use anyhow::{Context, Result};
use rayon::prelude::*;

/// Lines that are in memory at a time.
const BLOCK: usize = 1 << 14;

/// Writes what `act` makes of each line, on all cores, in order. Only the `\n` is no part of a line.
pub fn each_line(act: impl Fn(&str) -> String + Sync) -> Result<()> {
    each_block(|lines| lines.par_iter().map(|line| act(line)).collect())
}

/// Writes what `act` makes of each block of lines.
pub fn each_block(mut act: impl FnMut(&[String]) -> Vec<String>) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
    read_blocks(|lines| {
        for line in act(lines) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    })?;
    out.flush()?;
    Ok(())
}

/// Reads stdin to its end.
pub fn read_blocks(mut each: impl FnMut(&[String]) -> Result<()>) -> Result<()> {
    let mut block = Vec::with_capacity(BLOCK);
    let mut input = io::stdin().lock();
    for number in 1.. {
        let mut bytes = Vec::new();
        if input.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        block.push(String::from_utf8(bytes).with_context(|| format!("stdin line {number}"))?);
        if block.len() == BLOCK {
            each(&block)?;
            block.clear();
        }
    }
    each(&block)
}
