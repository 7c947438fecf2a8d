//! What batches are made of: the pairs of a store, or the blocks of a text.

use crate::EOS;
use crate::store::PairStore;

/// The rows of a split.
///
/// A text is cut into blocks wherever they end, across ends of lines, as fairseq's `--sample-break-mode none` does: every
/// token stands in one block, blocks are in the order of the text, and all but the last are full. Nothing is copied.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// One row a pair.
    Pairs(&'a PairStore),
    /// Targets without a source, of equal length.
    Blocks {
        /// All tokens of the text, each line with its `</s>`.
        text: &'a [u32],
        /// Tokens of a block, 1 or more.
        length: usize,
    },
}

impl<'a> From<&'a PairStore> for Rows<'a> {
    fn from(store: &'a PairStore) -> Self {
        Rows::Pairs(store)
    }
}

impl<'a> Rows<'a> {
    /// The blocks of a corpus of one side. `None` if it has sources, or if blocks have no length.
    pub fn blocks(store: &'a PairStore, length: usize) -> Option<Self> {
        let text = store.text().filter(|_| length > 0)?;
        Some(Rows::Blocks { text, length })
    }

    /// How many there are.
    pub fn len(self) -> usize {
        match self {
            Rows::Pairs(store) => store.len(),
            Rows::Blocks { text, length } => text.len().div_ceil(length),
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Lengths of source and target.
    pub fn lengths(self, index: usize) -> (usize, usize) {
        match self {
            Rows::Pairs(store) => store.lengths(index),
            Rows::Blocks { .. } => (0, self.row(index).1.len()),
        }
    }

    /// Source and target. Panics if there is no such row.
    pub fn row(self, index: usize) -> (&'a [u32], &'a [u32]) {
        match self {
            Rows::Pairs(store) => store.pair(index),
            Rows::Blocks { text, length } => {
                let begin = index * length;
                (&[], &text[begin..text.len().min(begin + length)])
            }
        }
    }

    /// The token before the target: what its first one is foretold from.
    pub fn before(self, index: usize) -> u32 {
        match self {
            Rows::Blocks { text, length } if index > 0 => text[index * length - 1],
            // A sentence begins after an `</s>`, and so does a text.
            _ => EOS,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::PAD;
    use crate::batches::{BatchConfig, sequential_batches, updates};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn blocks_cover_the_text_once_and_in_order(
            text in prop::collection::vec(4u32..90, 1..300),
            length in 1usize..40,
            seed: u64,
            epoch in 0u64..5,
        ) {
            let rows = Rows::Blocks { text: &text, length };
            let blocks: Vec<&[u32]> = (0..rows.len()).map(|i| rows.row(i).1).collect();
            prop_assert_eq!(blocks.concat(), text.clone());
            prop_assert!(blocks.iter().rev().skip(1).all(|block| block.len() == length));
            // What the model reads is the text, one token behind.
            let mut inputs: BTreeMap<u32, Vec<i32>> = BTreeMap::new();
            for batch in sequential_batches(rows, 100) {
                for (row, &index) in batch.target_input.chunks(batch.target_length).zip(&batch.indices) {
                    let read = row.iter().copied().filter(|&id| id != PAD as i32);
                    prop_assert!(inputs.insert(index, read.collect()).is_none());
                }
            }
            let inputs: Vec<i32> = inputs.into_values().flatten().collect();
            let behind: Vec<i32> = [EOS].iter().chain(&text[..text.len() - 1]).map(|&id| id as i32).collect();
            prop_assert_eq!(inputs, behind);

            // An epoch has every block once, and is a pure function of (seed, epoch).
            let config = BatchConfig {
                tokens_per_update: 3 * length, tokens_per_group: length, tokens_per_batch: 2 * length,
                ..BatchConfig::default()
            };
            let plans = updates(rows, &config, seed, epoch);
            let mut seen: Vec<u32> = plans.iter().flat_map(|plan| plan.batches.concat()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..rows.len() as u32).collect::<Vec<_>>());
            prop_assert_eq!(plans.iter().map(|plan| plan.n_tokens).sum::<usize>(), text.len());
            prop_assert_eq!(&plans, &updates(rows, &config, seed, epoch));
            if rows.len() > 20 {
                prop_assert!(plans != updates(rows, &config, seed, epoch + 1));
            }
            for plan in &plans {
                for batch in plan.load(rows).batches {
                    prop_assert!(batch.source.is_empty() && batch.source_length == 0);
                }
            }
        }
    }
}
