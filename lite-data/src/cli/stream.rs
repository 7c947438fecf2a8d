//! Lines of stdin to lines of stdout, a block at a time.

use std::io::{self, BufRead, BufWriter, Read, Write};

use anyhow::{Context, Result, bail};
use lite_data::LONGEST_LINE;
use rayon::prelude::*;

/// Lines that are in memory at a time.
const BLOCK: usize = 1 << 14;

/// Bytes of lines in a block, after which it ends early: lines may have megabytes.
const BLOCK_BYTES: usize = 8 << 20;

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
pub fn read_blocks(each: impl FnMut(&[String]) -> Result<()>) -> Result<()> {
    blocks_of(io::stdin().lock(), each)
}

fn blocks_of(mut input: impl BufRead, mut each: impl FnMut(&[String]) -> Result<()>) -> Result<()> {
    let mut block = Vec::with_capacity(BLOCK);
    let mut n_bytes = 0;
    for number in 1_u64.. {
        let mut bytes = Vec::new();
        let most = LONGEST_LINE as u64 + 1;
        if input.by_ref().take(most).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        } else if bytes.len() > LONGEST_LINE {
            bail!("stdin line {number}: longer than {LONGEST_LINE} bytes, which is no sentence");
        }
        n_bytes += bytes.len();
        block.push(String::from_utf8(bytes).with_context(|| format!("stdin line {number}"))?);
        if block.len() == BLOCK || n_bytes >= BLOCK_BYTES {
            each(&block)?;
            block.clear();
            n_bytes = 0;
        }
    }
    each(&block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_by_lines_or_bytes_and_lines_have_an_end() {
        let sizes = |text: String| -> Result<Vec<usize>> {
            let mut sizes = Vec::new();
            blocks_of(text.as_bytes(), |lines| {
                sizes.push(lines.len());
                Ok(())
            })?;
            Ok(sizes)
        };
        assert_eq!(sizes("a\n".repeat(BLOCK + 1) + "b").unwrap(), [BLOCK, 2]);
        let longest = "a".repeat(LONGEST_LINE);
        assert_eq!(sizes(format!("{longest}\n").repeat(9)).unwrap(), [8, 1]);
        assert_eq!(sizes(longest.clone()).unwrap(), [1]);
        for end in ["", "\n"] {
            let error = sizes(format!("x\n{longest}a{end}")).unwrap_err().to_string();
            assert!(error.starts_with("stdin line 2: longer than 1048576 bytes"), "{error}");
        }
    }
}
