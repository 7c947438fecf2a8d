//! `learn_bpe.py`: which pairs of symbols to merge, the most frequent first.
//!
//! Equal bytes need equal ties and equal counts. Ties go to the pair that is greater as two strings. The counts are those
//! of the script, which keeps frequent pairs apart from rare ones (`prune`) and forgets what a pruned pair had when one
//! is made anew: so the two tables are kept here as they are there, although one would do.

use rustc_hash::{FxHashMap, FxHashSet};

use super::END;
use super::replace::replace_pair;
use crate::error::DataError;
use crate::tokeniser::WordCounts;

/// How many merges to learn, and from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnConfig {
    /// Merges (`--symbols`). Default: 10,000.
    pub merges: usize,
    /// Pairs that are rarer end the search (`--min-frequency`). Default: 2.
    pub min_frequency: i64,
    /// Take the characters off the number of merges, so that it counts all symbols (`--total-symbols`). Default: false.
    pub total_symbols: bool,
}

impl Default for LearnConfig {
    fn default() -> Self {
        LearnConfig {
            merges: 10_000,
            min_frequency: 2,
            total_symbols: false,
        }
    }
}

/// A symbol's number.
pub(super) type Symbol = u32;
type Pair = (Symbol, Symbol);
type Counts = FxHashMap<Pair, i64>;

/// The strings of symbols.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    names: Vec<String>,
    numbers: FxHashMap<String, Symbol>,
}

impl Symbols {
    pub(super) fn number(&mut self, name: &str) -> Symbol {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as Symbol;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    pub(super) fn name(&self, number: Symbol) -> &str {
        &self.names[number as usize]
    }
}

/// A word of the text as symbols, and how often it was seen.
struct Word {
    symbols: Vec<Symbol>,
    count: i64,
}

/// How often each pair is seen, and in which words.
#[derive(Default)]
struct Statistics {
    counts: Counts,
    words: FxHashMap<Pair, FxHashMap<u32, i64>>,
}

impl Statistics {
    fn change(&mut self, pair: Pair, word: u32, count: i64, sign: i64) {
        *self.counts.entry(pair).or_default() += sign * count;
        *self.words.entry(pair).or_default().entry(word).or_default() += sign;
    }
}

/// Learns merges and returns the bytes of a codes file, version 0.2. A file without merges is of no use, and an
/// error says why it would be one.
pub fn learn(words: &WordCounts, config: &LearnConfig) -> Result<Vec<u8>, DataError> {
    let mut symbols = Symbols::default();
    let mut words = split(words, &mut symbols);
    let mut statistics = Statistics::default();
    for (index, word) in words.iter().enumerate() {
        for pair in word.symbols.windows(2) {
            statistics.change((pair[0], pair[1]), index as u32, word.count, 1);
        }
    }
    let mut output = String::from("#version: 0.2\n");
    let Some(largest) = statistics.counts.values().max() else {
        return Err(DataError::Tokeniser("there is no text to learn merges from".into()));
    };
    let mut threshold = *largest as f64 / 10.0;
    let mut all = statistics.counts.clone();
    let characters = if config.total_symbols { n_characters(&words) } else { 0 };
    let n_merges = config.merges.saturating_sub(characters);
    if n_merges == 0 {
        return Err(DataError::Tokeniser(format!(
            "{} merges less {characters} characters are none: there is nothing to learn",
            config.merges
        )));
    }
    for merge in 0..n_merges {
        let mut best = most_frequent(&statistics.counts, &symbols);
        if best.is_none_or(|(_, count)| merge > 0 && (count as f64) < threshold) {
            // The best pair may be among those that were put aside.
            prune(&mut statistics.counts, &mut all, threshold);
            statistics.counts.clone_from(&all);
            best = most_frequent(&statistics.counts, &symbols);
            let count = best.map_or(0, |(_, count)| count);
            threshold = (count * merge as i64) as f64 / (merge as f64 + 10_000.0);
            prune(&mut statistics.counts, &mut all, threshold);
        }
        let Some((pair, _)) = best.filter(|&(_, count)| count >= config.min_frequency) else {
            if merge == 0 {
                return Err(DataError::Tokeniser(format!(
                    "no two symbols stand side by side {} times: there is nothing to merge",
                    config.min_frequency
                )));
            }
            break;
        };
        let (first, second) = (symbols.name(pair.0), symbols.name(pair.1));
        output.push_str(&format!("{first} {second}\n"));
        let joined = format!("{first}{second}");
        let joined = symbols.number(&joined);
        apply(pair, joined, &mut words, &mut statistics, &mut symbols);
        statistics.counts.insert(pair, 0);
        if merge % 100 == 0 {
            prune(&mut statistics.counts, &mut all, threshold);
        }
    }
    Ok(output.into_bytes())
}

/// Words as characters, the last one with the mark of the end.
fn split(words: &WordCounts, symbols: &mut Symbols) -> Vec<Word> {
    let mut split = Vec::new();
    for (word, count) in words.iter() {
        let mut characters: Vec<String> = word.chars().map(String::from).collect();
        if let Some(last) = characters.last_mut() {
            last.push_str(END);
        }
        split.push(Word {
            symbols: characters.iter().map(|character| symbols.number(character)).collect(),
            count: count as i64,
        });
    }
    split
}

/// Different characters inside of words, and at their ends.
fn n_characters(words: &[Word]) -> usize {
    let mut inside: FxHashSet<Symbol> = FxHashSet::default();
    let mut last: FxHashSet<Symbol> = FxHashSet::default();
    for word in words {
        if let Some((end, rest)) = word.symbols.split_last() {
            inside.extend(rest);
            last.insert(*end);
        }
    }
    inside.len() + last.len()
}

fn most_frequent(counts: &Counts, symbols: &Symbols) -> Option<(Pair, i64)> {
    let names = |pair: Pair| (symbols.name(pair.0), symbols.name(pair.1));
    counts
        .iter()
        .map(|(&pair, &count)| (pair, count))
        .max_by(|a, b| a.1.cmp(&b.1).then_with(|| names(a.0).cmp(&names(b.0))))
}

/// Puts pairs below the threshold aside.
fn prune(counts: &mut Counts, all: &mut Counts, threshold: f64) {
    counts.retain(|&pair, &mut count| {
        let keep = count as f64 >= threshold;
        if !keep {
            let known = all.entry(pair).or_default();
            // A pair that was put aside before has only its change here.
            *known = if count < 0 { *known + count } else { count };
        }
        keep
    });
}

/// Merges a pair in all words and changes the counts of the pairs beside it.
fn apply(pair: Pair, joined: Symbol, words: &mut [Word], statistics: &mut Statistics, symbols: &mut Symbols) {
    statistics.counts.insert(pair, 0);
    let Some(found) = statistics.words.insert(pair, FxHashMap::default()) else {
        return;
    };
    for (index, _) in found.into_iter().filter(|&(_, n)| n > 0) {
        let word = &mut words[index as usize];
        let merged = replace_pair(&word.symbols, pair, joined, symbols);
        let old = std::mem::replace(&mut word.symbols, merged);
        let count = word.count;
        take_away(pair, &old, |pair| statistics.change(pair, index, count, -1));
        add(joined, &word.symbols, |pair| statistics.change(pair, index, count, 1));
    }
}

/// The pairs beside each occurrence of the merged one are no more.
fn take_away((first, second): Pair, old: &[Symbol], mut gone: impl FnMut(Pair)) {
    let mut at = 0;
    while let Some(found) = old
        .get(at..)
        .and_then(|rest| rest.iter().position(|&symbol| symbol == first))
    {
        at += found;
        if old.get(at + 1) != Some(&second) {
            at += 1;
            continue;
        }
        if at > 0 {
            gone((old[at - 1], old[at]));
        }
        // In `A B C B C`, the pair between two occurrences is counted by the second.
        if let Some(&next) = old.get(at + 2)
            && (next != first || old.get(at + 3) != Some(&second))
        {
            gone((second, next));
        }
        at += 2;
    }
}

/// The pairs beside each new symbol.
fn add(joined: Symbol, word: &[Symbol], mut new: impl FnMut(Pair)) {
    for (at, _) in word.iter().enumerate().filter(|&(_, &symbol)| symbol == joined) {
        if at > 0 {
            new((word[at - 1], joined));
        }
        if let Some(&next) = word.get(at + 1)
            && next != joined
        {
            new((joined, next));
        }
    }
}
