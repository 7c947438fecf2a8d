//! Drawing trees: words and tenses that go together.

mod clauses;
mod nouns;
mod participants;
mod predicates;
mod pronouns;
mod sentences;
mod times;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of random trees.
pub struct Sampler {
    rng: ChaCha8Rng,
}

/// How much a noun phrase may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Determiner, perhaps an adjective; after prepositions.
    Plain,
    /// Also quantities and owners.
    Full,
    /// Also relative clauses and other modifiers.
    Rich,
}

impl Sampler {
    /// The same trees for the same seed.
    pub fn new(seed: u64) -> Self {
        Sampler {
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (((self.rng.next_u64() >> 32) * n as u64) >> 32) as usize
    }

    /// True in so many cases of a hundred.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`.
    pub(super) fn pick<T>(&mut self, items: &'static [T]) -> &'static T {
        &items[self.below(items.len())]
    }

    /// One of `items` that fits.
    pub(super) fn pick_where<T>(&mut self, items: &'static [T], fits: impl Fn(&T) -> bool) -> Option<&'static T> {
        let fitting: Vec<&'static T> = items.iter().filter(|item| fits(item)).collect();
        (!fitting.is_empty()).then(|| fitting[self.below(fitting.len())])
    }

    /// An index drawn with weights.
    pub(super) fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (i, weight) in weights.iter().enumerate() {
            if left < *weight {
                return i;
            }
            left -= weight;
        }
        weights.len() - 1
    }
}
