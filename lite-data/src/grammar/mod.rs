//! English-French sentence pairs from a small synchronous grammar: a corpus that needs no download.
//!
//! - `lexicon`: the words, in tables.
//! - `tree`: what a sentence says, before either language.
//! - `sample`: drawing trees.
//! - `english`, `french`: trees to text.
//!
//! The English always determines the French: "you" is several people, "it" and "they" have their antecedent in the
//! sentence, and no English word stands for two French ones in the same surroundings.

mod english;
mod french;
mod lexicon;
mod sample;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use sample::Sampler;

/// How much to generate.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(default)]
pub struct GrammarConfig {
    /// Seed of the generator; the same seed gives the same sentences. Default 42.
    pub seed: u64,
    /// Pairs to train on. Default 30000.
    pub train: usize,
    /// Pairs to validate on. Default 500.
    pub valid: usize,
    /// Pairs to test on. Default 500.
    pub test: usize,
}

impl Default for GrammarConfig {
    fn default() -> Self {
        GrammarConfig {
            seed: 42,
            train: 30_000,
            valid: 500,
            test: 500,
        }
    }
}

/// An English sentence and its French translation.
pub type Pair = (String, String);

/// Sentence pairs; no English sentence occurs twice, within a split or across splits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    /// To train on.
    pub train: Vec<Pair>,
    /// To validate on.
    pub valid: Vec<Pair>,
    /// To test on.
    pub test: Vec<Pair>,
}

/// Longest sentence kept, in English words.
const MAX_WORDS: usize = 30;

/// Generates the splits, test and validation first, so that a larger training split keeps them as they are.
pub fn generate(config: &GrammarConfig) -> Splits {
    let mut sampler = Sampler::new(config.seed);
    let mut seen = HashSet::new();
    let mut split = |n: usize| {
        let mut pairs = Vec::with_capacity(n);
        while pairs.len() < n {
            let tree = sampler.sentence();
            let source = english::sentence(&tree);
            if source.split(' ').count() <= MAX_WORDS && seen.insert(source.clone()) {
                pairs.push((source, french::sentence(&tree)));
            }
        }
        pairs
    };
    let test = split(config.test);
    let valid = split(config.valid);
    let train = split(config.train);
    Splits { train, valid, test }
}
