//! Updates and batches: a pure function of (corpus, settings, seed, epoch), whatever machine runs it.
//!
//! An epoch is cut in two steps. First, as fairseq does it: the pairs are shuffled, sorted by length, and cut into
//! groups of similar length; the groups are shuffled, and consecutive ones make an update. Then each update is cut into
//! micro-batches that fit the machine. So the pairs of an update do not depend on `tokens_per_batch`.
//!
//! Tokens are counted as fairseq's `--max-tokens` counts them: rows times the longest side of any row, source or
//! target, `</s>` counted. `tokens_per_update` stands for fairseq's GPUs x max-tokens x update-freq.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bpe_dropout::EpochDropout;
use crate::rows::Rows;
use crate::store::PairStore;
use crate::{EOS, PAD};

/// How an epoch is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchConfig {
    /// Most tokens of an update. Default: 4096.
    pub tokens_per_update: usize,
    /// Most tokens of a group of similar length, of which updates are made: fairseq's `--max-tokens`. Default: 4096.
    pub tokens_per_group: usize,
    /// Most tokens of a batch that is computed at once; a single longer pair is a batch of its own. It changes what
    /// fits into memory, not what is learnt. Default: 4096.
    pub tokens_per_batch: usize,
    /// Pairs with a longer source are left out, `</s>` counted. Default: 1024.
    pub max_source: usize,
    /// Pairs with a longer target are left out, `</s>` counted. Default: 1024.
    pub max_target: usize,
}

impl Default for BatchConfig {
    fn default() -> Self {
        BatchConfig {
            tokens_per_update: 4096,
            tokens_per_group: 4096,
            tokens_per_batch: 4096,
            max_source: 1024,
            max_target: 1024,
        }
    }
}

/// Rows that are computed at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The pair of each row.
    pub indices: Vec<u32>,
    /// `rows x source_length` ids, padded on the left, each row with its `</s>`.
    pub source: Vec<i32>,
    /// Longest source.
    pub source_length: usize,
    /// `rows x target_length` ids: `</s>` and then the target without its last token, padded on the right.
    pub target_input: Vec<i32>,
    /// `rows x target_length` ids: the target with its `</s>`, padded on the right.
    pub target_output: Vec<i32>,
    /// Longest target.
    pub target_length: usize,
    /// Target tokens without padding.
    pub n_tokens: usize,
}

/// What one step of the optimiser sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Its batches.
    pub batches: Vec<Batch>,
    /// Target tokens of all batches without padding.
    pub n_tokens: usize,
}

/// The pairs of an update, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdatePlan {
    /// The pairs of each batch.
    pub batches: Vec<Vec<u32>>,
    /// Target tokens of all batches without padding.
    pub n_tokens: usize,
}

/// The updates of an epoch: every pair within the limits once, or every block of a text.
pub fn updates<'a>(rows: impl Into<Rows<'a>>, config: &BatchConfig, seed: u64, epoch: u64) -> Vec<UpdatePlan> {
    let corpus = rows.into();
    let mut random = generator(b"lite-data epoch", seed, epoch);
    let mut order: Vec<u32> = (0..corpus.len() as u32)
        .filter(|&index| {
            let (source, target) = corpus.lengths(index as usize);
            source <= config.max_source && target <= config.max_target
        })
        .collect();
    order.shuffle(&mut random);
    // A stable sort: pairs of equal lengths stay shuffled.
    sort_by_length(corpus, &mut order);
    let mut groups = cut(
        &order,
        longest_side(corpus),
        config.tokens_per_group.min(config.tokens_per_update),
    );
    groups.shuffle(&mut random);

    let mut plans = Vec::new();
    let mut rows: Vec<u32> = Vec::new();
    let mut tokens = 0;
    for group in groups {
        let more = cost(corpus, group);
        if !rows.is_empty() && tokens + more > config.tokens_per_update {
            plans.push(plan(corpus, std::mem::take(&mut rows), config));
            tokens = 0;
        }
        rows.extend(group);
        tokens += more;
    }
    if !rows.is_empty() {
        plans.push(plan(corpus, rows, config));
    }
    plans
}

/// All pairs in batches of similar length, for validation and testing; `indices` tells which pairs they are.
pub fn sequential_batches<'a>(rows: impl Into<Rows<'a>>, tokens_per_batch: usize) -> Vec<Batch> {
    let corpus = rows.into();
    let mut order: Vec<u32> = (0..corpus.len() as u32).collect();
    sort_by_length(corpus, &mut order);
    cut(&order, longest_side(corpus), tokens_per_batch)
        .into_iter()
        .map(|rows| load(corpus, rows))
        .collect()
}

/// Pads sources of different lengths on the left. Returns `rows x length` ids and the length.
pub fn collate_sources(rows: &[Vec<u32>]) -> (Vec<i32>, usize) {
    let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
    pad_left(&rows)
}

/// The same with the padding on the right.
pub fn collate_right(rows: &[Vec<u32>]) -> (Vec<i32>, usize) {
    let length = rows.iter().map(Vec::len).max().unwrap_or(0);
    let padding = |row: &Vec<u32>| std::iter::repeat_n(PAD, length - row.len());
    let padded = rows.iter().flat_map(|row| row.iter().copied().chain(padding(row)));
    (padded.map(|id| id as i32).collect(), length)
}

impl UpdatePlan {
    /// Reads the tokens of the update.
    pub fn load<'a>(&self, rows: impl Into<Rows<'a>>) -> Update {
        let corpus = rows.into();
        Update {
            batches: self.batches.iter().map(|rows| load(corpus, rows)).collect(),
            n_tokens: self.n_tokens,
        }
    }

    /// The same with words that are cut anew. The plan is of the stored pieces, so that an update has the same pairs with
    /// and without, and more tokens; its batches are made again of the drawn lengths.
    pub fn load_drawn(&self, store: &PairStore, dropout: &EpochDropout<'_>, tokens_per_batch: usize) -> Update {
        let drawn = |&index: &u32| {
            let (source, target) = dropout.pair(index, store.pair(index as usize));
            Drawn { index, source, target }
        };
        let mut rows: Vec<Drawn> = self.batches.iter().flatten().map(drawn).collect();
        rows.sort_by_key(|row| (row.source.len(), row.target.len()));
        let longest = |row: &Drawn| row.source.len().max(row.target.len());
        let batches = cut(&rows, longest, tokens_per_batch).into_iter().map(|rows| {
            let indices: Vec<u32> = rows.iter().map(|row| row.index).collect();
            let pairs = rows.iter().map(|row| (&row.source[..], &row.target[..]));
            batch(&indices, &pairs.collect::<Vec<_>>(), |_| EOS)
        });
        let batches: Vec<Batch> = batches.collect();
        Update {
            n_tokens: batches.iter().map(|batch| batch.n_tokens).sum(),
            batches,
        }
    }
}

/// A pair whose words are cut anew.
struct Drawn {
    index: u32,
    source: Vec<u32>,
    target: Vec<u32>,
}

/// What one thing of an epoch is drawn from; `purpose` tells those things apart.
pub(crate) fn generator(purpose: &[u8], seed: u64, epoch: u64) -> ChaCha8Rng {
    // Hashed, so that (1, 2) and (2, 1) have nothing in common.
    let mut hash = Sha256::new();
    hash.update(purpose);
    hash.update(seed.to_le_bytes());
    hash.update(epoch.to_le_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

fn sort_by_length(corpus: Rows<'_>, order: &mut [u32]) {
    order.sort_by_cached_key(|&index| corpus.lengths(index as usize));
}

/// The longest side of a row.
fn longest_side(corpus: Rows<'_>) -> impl Fn(&u32) -> usize {
    move |&index| {
        let (source, target) = corpus.lengths(index as usize);
        source.max(target)
    }
}

fn cost(corpus: Rows<'_>, rows: &[u32]) -> usize {
    rows.len() * rows.iter().map(longest_side(corpus)).max().unwrap_or(0)
}

/// Cuts rows, in their order, into runs of at most `tokens`; a run has at least one row.
fn cut<T>(rows: &[T], longest_side: impl Fn(&T) -> usize, tokens: usize) -> Vec<&[T]> {
    let mut runs = Vec::new();
    let (mut start, mut longest) = (0, 0);
    for (end, row) in rows.iter().enumerate() {
        let longest_with = longest.max(longest_side(row));
        if end > start && (end - start + 1) * longest_with > tokens {
            runs.push(&rows[start..end]);
            start = end;
            longest = longest_side(row);
        } else {
            longest = longest_with;
        }
    }
    if start < rows.len() {
        runs.push(&rows[start..]);
    }
    runs
}

fn plan(corpus: Rows<'_>, mut rows: Vec<u32>, config: &BatchConfig) -> UpdatePlan {
    sort_by_length(corpus, &mut rows);
    let n_tokens = rows.iter().map(|&index| corpus.lengths(index as usize).1).sum();
    let batches = cut(&rows, longest_side(corpus), config.tokens_per_batch)
        .into_iter()
        .map(<[u32]>::to_vec)
        .collect();
    UpdatePlan { batches, n_tokens }
}

fn load(corpus: Rows<'_>, indices: &[u32]) -> Batch {
    let pairs: Vec<(&[u32], &[u32])> = indices.iter().map(|&index| corpus.row(index as usize)).collect();
    batch(indices, &pairs, |index| corpus.before(index as usize))
}

/// Rows side by side; `before` is what the first token of a target is foretold from.
fn batch(indices: &[u32], pairs: &[(&[u32], &[u32])], before: impl Fn(u32) -> u32) -> Batch {
    let sources: Vec<&[u32]> = pairs.iter().map(|(source, _)| *source).collect();
    let (source, source_length) = pad_left(&sources);
    let target_length = pairs.iter().map(|(_, target)| target.len()).max().unwrap_or(0);
    let mut target_input = vec![PAD as i32; pairs.len() * target_length];
    let mut target_output = target_input.clone();
    for (row, (_, target)) in pairs.iter().enumerate() {
        let start = row * target_length;
        for (position, &id) in target.iter().enumerate() {
            target_output[start + position] = id as i32;
            let before = match position {
                0 => before(indices[row]),
                _ => target[position - 1],
            };
            target_input[start + position] = before as i32;
        }
    }
    Batch {
        indices: indices.to_vec(),
        source,
        source_length,
        target_input,
        target_output,
        target_length,
        n_tokens: pairs.iter().map(|(_, target)| target.len()).sum(),
    }
}

fn pad_left(rows: &[&[u32]]) -> (Vec<i32>, usize) {
    let length = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let mut padded = vec![PAD as i32; rows.len() * length];
    for (row, ids) in rows.iter().enumerate() {
        let end = (row + 1) * length;
        for (slot, &id) in padded[end - ids.len()..end].iter_mut().zip(*ids) {
            *slot = id as i32;
        }
    }
    (padded, length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_store<T>(lengths: &[(usize, usize)], act: impl FnOnce(&PairStore) -> T) -> T {
        let row = |length: usize, id: u32| {
            let mut row = vec![id; length];
            row[length - 1] = EOS;
            row
        };
        let pairs: Vec<_> = lengths
            .iter()
            .enumerate()
            .map(|(i, &(s, t))| (row(s, 4 + i as u32), row(t, 4 + i as u32)))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let store = PairStore::from_pairs(&folder.path().join("p.pairs"), &pairs).unwrap();
        act(&store)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_pair_once_within_the_budgets(
            lengths in prop::collection::vec((1usize..30, 1usize..30), 1..200),
            tokens_per_update in 30usize..500,
            tokens_per_batch in 30usize..200,
            seed: u64,
            epoch in 0u64..5,
        ) {
            with_store(&lengths, |store| {
                let config = BatchConfig {
                    tokens_per_update, tokens_per_batch, tokens_per_group: 100, ..BatchConfig::default()
                };
                let plans = updates(store, &config, seed, epoch);
                let mut seen: Vec<u32> = plans.iter().flat_map(|plan| plan.batches.concat()).collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..lengths.len() as u32).collect::<Vec<_>>());
                for plan in &plans {
                    let n: usize = plan.batches.concat().iter().map(|&i| lengths[i as usize].1).sum();
                    prop_assert_eq!(n, plan.n_tokens);
                    for rows in &plan.batches {
                        prop_assert!(cost(store.into(), rows) <= tokens_per_batch);
                    }
                    let update = plan.load(store);
                    prop_assert_eq!(update.batches.iter().map(|batch| batch.n_tokens).sum::<usize>(), update.n_tokens);
                }
                prop_assert_eq!(&plans, &updates(store, &config, seed, epoch));
                // The machine's batch size changes no update.
                let other = updates(store, &BatchConfig { tokens_per_batch: 1000, ..config }, seed, epoch);
                let rows = |plans: &[UpdatePlan]| plans.iter().map(|plan| plan.batches.concat()).collect::<Vec<_>>();
                prop_assert_eq!(rows(&plans), rows(&other));
                Ok(())
            })?;
        }
    }

    #[test]
    fn an_update_is_as_many_groups_as_it_has_room_for() {
        with_store(&[(5, 5); 120], |store| {
            let config = BatchConfig {
                tokens_per_group: 50,
                tokens_per_update: 200,
                ..BatchConfig::default()
            };
            let sizes = |config: &BatchConfig| -> Vec<usize> {
                let plans = updates(store, config, 1, 0);
                plans.iter().map(|plan| plan.batches.concat().len()).collect()
            };
            assert_eq!(sizes(&config), [40; 3]);
            let room_for_no_more = BatchConfig {
                tokens_per_update: 239,
                ..config.clone()
            };
            assert_eq!(sizes(&room_for_no_more), [40; 3]);
            for (max_source, max_target) in [(4, 5), (5, 4)] {
                let short = BatchConfig {
                    max_source,
                    max_target,
                    ..config.clone()
                };
                assert!(sizes(&short).is_empty());
            }
        });
    }

    #[test]
    fn seeds_and_epochs_give_different_orders() {
        let lengths: Vec<_> = (0..200).map(|i| (1 + i % 7, 1 + i % 5)).collect();
        with_store(&lengths, |store| {
            let config = BatchConfig {
                tokens_per_update: 60,
                tokens_per_group: 30,
                ..BatchConfig::default()
            };
            let plans = [(0, 0), (0, 1), (1, 0)].map(|(seed, epoch)| updates(store, &config, seed, epoch));
            assert!(plans[0] != plans[1] && plans[0] != plans[2] && plans[1] != plans[2]);
        });
    }

    #[test]
    fn rows_are_padded_on_their_sides() {
        with_store(&[(2, 3), (3, 1)], |store| {
            let batch = &sequential_batches(store, 100)[0];
            assert_eq!(batch.indices, [0, 1]);
            assert_eq!((batch.source_length, batch.target_length, batch.n_tokens), (3, 3, 4));
            assert_eq!(batch.source, [1, 4, 2, 5, 5, 2]);
            assert_eq!(batch.target_input, [2, 4, 4, 2, 1, 1]);
            assert_eq!(batch.target_output, [4, 4, 2, 2, 1, 1]);
        });
        assert_eq!(collate_sources(&[vec![7, 2], vec![2]]), (vec![7, 2, 1, 2], 2));
        assert_eq!(collate_sources(&[]), (vec![], 0));
    }
}
