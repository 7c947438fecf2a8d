//! The search against brute force over a small random language.

use std::collections::BTreeSet;

use lite_model::host::LogitSink;
use proptest::prelude::*;

use super::*;

const VOCABULARY: usize = 7;

/// A language whose next-token scores are a hash of everything before: the hardest case for a search that loses its rows.
struct RandomLanguage {
    seed: u64,
    prefixes: Vec<Vec<u32>>,
    sentences: Vec<u64>,
}

impl RandomLanguage {
    fn new(seed: u64, n_sentences: usize) -> Self {
        let sentences = (0..n_sentences as u64).collect();
        Self {
            seed,
            prefixes: vec![Vec::new(); n_sentences],
            sentences,
        }
    }

    fn logits(seed: u64, sentence: u64, prefix: &[u32]) -> Vec<f32> {
        let mut state = seed ^ sentence.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for &token in prefix {
            state = mix(state ^ u64::from(token));
        }
        (0..VOCABULARY as u64)
            .map(|token| (mix(state ^ (token << 32)) >> 40) as f32 / (1 << 22) as f32)
            .collect()
    }
}

fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15)
}

impl Stepper for RandomLanguage {
    fn step(&mut self, tokens: &[u32], rows: &[usize], scans: &mut [Scan<'_>]) -> Vec<usize> {
        self.prefixes = rows.iter().map(|&row| self.prefixes[row].clone()).collect();
        self.sentences = rows.iter().map(|&row| self.sentences[row]).collect();
        for (prefix, &token) in self.prefixes.iter_mut().zip(tokens) {
            prefix.push(token);
        }
        for (row, (prefix, &sentence)) in self.prefixes.iter().zip(&self.sentences).enumerate() {
            scans[0].take(row, 0, &Self::logits(self.seed, sentence, prefix), 0.0);
        }
        // An alignment that can be told from the prefix alone.
        self.prefixes.iter().map(Vec::len).collect()
    }
}

/// Every possible translation with its score, best first.
fn enumerate(seed: u64, sentence: u64, max_length: usize, config: &DecodeConfig) -> Vec<(Vec<u32>, f32)> {
    let mut found = Vec::new();
    let mut open = vec![(vec![EOS], 0.0)];
    for step in 0..=max_length {
        for (prefix, score) in std::mem::take(&mut open) {
            let logits: Vec<f64> = RandomLanguage::logits(seed, sentence, &prefix)
                .iter()
                .map(|&x| f64::from(x))
                .collect();
            let normaliser = logits.iter().map(|x| x.exp()).sum::<f64>().ln();
            for (token, logit) in logits.iter().enumerate().map(|(token, logit)| (token as u32, logit)) {
                let score = score + logit - normaliser;
                let sequence = [&prefix[..], &[token]].concat();
                if token == EOS && step >= config.min_length {
                    let length = sequence.len() - 1;
                    let divisor = (length as f64).powf(f64::from(config.length_penalty));
                    found.push((sequence[1..].to_vec(), (score / divisor) as f32));
                } else if token != EOS && token != PAD && step < max_length {
                    open.push((sequence, score));
                }
            }
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

fn config(beam: usize, length_penalty: f32) -> DecodeConfig {
    DecodeConfig {
        beam,
        length_penalty,
        ..DecodeConfig::default()
    }
}

fn search(seed: u64, n_sentences: usize, max_length: usize, config: &DecodeConfig) -> Vec<Vec<Hypothesis>> {
    beam_search(
        &mut RandomLanguage::new(seed, n_sentences),
        n_sentences,
        max_length,
        config,
    )
}

proptest! {
    #[test]
    fn a_wide_beam_finds_what_brute_force_finds(seed: u64, max_length in 2usize..4, length_penalty in 0f32..2.0) {
        // 5^3 open translations and their ends fit into the beam, so nothing is ever pruned.
        let config = config(1000, length_penalty);
        for (sentence, ours) in search(seed, 2, max_length, &config).iter().enumerate() {
            let all = enumerate(seed, sentence as u64, max_length, &config);
            // Of near ties either may come first: the same scores in order, the same translations in any.
            for (ours, (_, score)) in ours.iter().zip(&all) {
                prop_assert!((ours.score - score).abs() < 1e-5);
            }
            let ours: BTreeSet<&[u32]> = ours.iter().map(|hypothesis| &hypothesis.tokens[..]).collect();
            let all: BTreeSet<&[u32]> = all.iter().map(|(tokens, _)| &tokens[..]).collect();
            prop_assert_eq!(ours, all);
        }
    }

    #[test]
    fn a_beam_of_one_is_greedy(seed: u64) {
        let ours = &search(seed, 1, 12, &config(1, 1.0))[0][0];
        let mut prefix = vec![EOS];
        while prefix.len() <= 12 {
            let logits = RandomLanguage::logits(seed, 0, &prefix);
            let allowed = |token: &u32| *token != PAD && (*token != EOS || prefix.len() > 1);
            let best = (0..VOCABULARY as u32).filter(allowed).max_by(|&a, &b| {
                logits[a as usize].total_cmp(&logits[b as usize])
            });
            // An end counts only if it is the best; a beam of one that passes it by goes on with the next best.
            prefix.push(best.unwrap());
            if best == Some(EOS) {
                break;
            }
        }
        if prefix.last() != Some(&EOS) {
            prefix.push(EOS);
        }
        prop_assert_eq!(&ours.tokens, &prefix[1..]);
    }

    #[test]
    fn a_sentence_does_not_depend_on_its_neighbours(seed: u64, beam in 1usize..5) {
        let config = config(beam, 0.6);
        let together = search(seed, 5, 9, &config);
        for (sentence, together) in together.iter().enumerate() {
            let mut alone = RandomLanguage::new(seed, 1);
            alone.sentences = vec![sentence as u64];
            prop_assert_eq!(together, &beam_search(&mut alone, 1, 9, &config)[0]);
        }
    }

    #[test]
    fn scores_are_sums_and_alignments_follow_their_beam(seed: u64, beam in 1usize..5) {
        for hypothesis in search(seed, 3, 9, &config(beam, 0.6)).iter().flatten() {
            let n = hypothesis.tokens.len();
            let sum: f32 = hypothesis.token_scores.iter().sum();
            prop_assert!((hypothesis.score - sum / (n as f32).powf(0.6)).abs() < 1e-4);
            prop_assert_eq!(&hypothesis.alignment, &(1..=n).collect::<Vec<_>>());
            prop_assert_eq!(hypothesis.tokens.last(), Some(&EOS));
            prop_assert!((2..=10).contains(&n) && !hypothesis.tokens.contains(&PAD));
        }
    }

    #[test]
    fn no_ngram_is_repeated(seed: u64, n in 1usize..4) {
        let config = DecodeConfig { no_repeat_ngram: n, ..config(3, 0.6) };
        for hypothesis in search(seed, 2, 12, &config).iter().flatten() {
            let grams: Vec<_> = hypothesis.tokens.windows(n).collect();
            let distinct: std::collections::HashSet<_> = grams.iter().collect();
            prop_assert_eq!(grams.len(), distinct.len(), "{:?}", hypothesis.tokens);
        }
    }
}

#[test]
fn a_model_without_a_finite_score_gives_an_empty_translation() {
    struct Broken;
    impl Stepper for Broken {
        fn step(&mut self, tokens: &[u32], _: &[usize], scans: &mut [Scan<'_>]) -> Vec<usize> {
            for row in 0..tokens.len() {
                scans[0].take(row, 0, &[f32::NAN; VOCABULARY], 0.0);
            }
            vec![0; tokens.len()]
        }
    }
    let found = beam_search(&mut Broken, 2, 5, &DecodeConfig::default());
    assert_eq!(found.len(), 2);
    assert_eq!(
        (&found[0][0].tokens[..], found[0][0].score),
        (&[EOS][..], f32::NEG_INFINITY)
    );
}

#[test]
fn no_sentences_no_translations() {
    assert!(search(1, 0, 5, &DecodeConfig::default()).is_empty());
}
