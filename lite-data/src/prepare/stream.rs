//! Reading, working and writing at once, in the order of the lines and with a few blocks in memory.
//!
//! While a block is worked on, the one after it is read and the one before it is written, all on the threads of rayon. So
//! memory does not grow with the corpus, and what is written does not depend on the number of threads.

use crate::corpus::Pair;
use crate::error::DataError;

/// Pairs of a block at most.
const BLOCK_PAIRS: usize = 1 << 14;

/// Bytes of text in a block, after which it ends early: lines may have megabytes.
const BLOCK_BYTES: usize = 8 << 20;

/// Consecutive pairs.
pub struct Block<T> {
    /// Place of the first pair, counted from one.
    pub first: usize,
    /// The pairs.
    pub pairs: Vec<T>,
}

/// Cuts what `next` gives into blocks.
pub fn blocks(
    mut next: impl FnMut() -> Result<Option<Pair>, DataError>,
) -> impl FnMut() -> Result<Option<Block<Pair>>, DataError> {
    let mut first = 1;
    move || {
        let mut pairs = Vec::new();
        let mut bytes = 0;
        while pairs.len() < BLOCK_PAIRS && bytes < BLOCK_BYTES {
            let Some(pair) = next()? else { break };
            bytes += pair.as_ref().map_or(0, |(source, target)| source.len() + target.len());
            pairs.push(pair);
        }
        let block = Block { first, pairs };
        first += block.pairs.len();
        Ok((!block.pairs.is_empty()).then_some(block))
    }
}

/// Runs the three steps until `read` gives nothing. Of several errors, the one of the earliest block is returned.
pub fn stream<A: Send, B: Send>(
    mut read: impl FnMut() -> Result<Option<A>, DataError> + Send,
    mut work: impl FnMut(A) -> B + Send,
    mut write: impl FnMut(B) -> Result<(), DataError> + Send,
) -> Result<(), DataError> {
    let mut to_work = None;
    let mut to_write = None;
    let mut end = None;
    while end.is_none() || to_work.is_some() || to_write.is_some() {
        let (next, (worked, written)) = rayon::join(
            || if end.is_none() { read() } else { Ok(None) },
            || {
                rayon::join(
                    || to_work.take().map(&mut work),
                    || to_write.take().map_or(Ok(()), &mut write),
                )
            },
        );
        written?;
        to_write = worked;
        match next {
            Ok(Some(block)) => to_work = Some(block),
            // What was read before an error is still worth its own errors.
            Ok(None) => end = end.or(Some(Ok(()))),
            Err(error) => end = Some(Err(error)),
        }
    }
    end.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(what: &str) -> DataError {
        DataError::Tokeniser(what.into())
    }

    #[test]
    fn the_order_stays_and_the_earliest_error_wins() {
        let run = |fail_read: usize, fail_write: usize| {
            let mut n = 0;
            let mut written = Vec::new();
            let outcome = stream(
                || {
                    n += 1;
                    match n {
                        _ if n == fail_read => Err(failed("read")),
                        10 => Ok(None),
                        _ => Ok(Some(n)),
                    }
                },
                |n| n * 2,
                |n| {
                    written.push(n);
                    if n == fail_write { Err(failed("write")) } else { Ok(()) }
                },
            );
            (written, outcome.map_err(|error| error.to_string()))
        };
        assert_eq!(run(0, 0), ((1..10).map(|n| n * 2).collect(), Ok(())));
        assert_eq!(run(4, 0), (vec![2, 4, 6], Err("tokeniser: read".into())));
        assert_eq!(run(4, 6), (vec![2, 4, 6], Err("tokeniser: write".into())));
        assert_eq!(run(1, 0), (vec![], Err("tokeniser: read".into())));
    }

    #[test]
    fn blocks_end_by_pairs_or_bytes() {
        let sizes = |n: usize, length: usize| {
            let mut left = n;
            let mut next = blocks(|| {
                left = left.saturating_sub(1);
                Ok((left > 0).then(|| Ok(("a".repeat(length), String::new()))))
            });
            let mut sizes = Vec::new();
            while let Some(block) = next().unwrap() {
                assert_eq!(block.first, 1 + sizes.iter().sum::<usize>());
                sizes.push(block.pairs.len());
            }
            sizes
        };
        assert_eq!(sizes(20_001, 1), [1 << 14, 20_000 - (1 << 14)]);
        assert_eq!(sizes(21, 1 << 20), [8, 8, 4]);
        assert_eq!(sizes(1, 1), [0; 0]);
    }
}
