//! BPE-dropout leaves the text alone, cuts as its probability says, and is a pure function of (seed, epoch, pair).

use std::fs;

use lite_data::progress::Silent;
use lite_data::{
    BatchConfig, BpeDropout, Corpus, DataConfig, EOS, EpochDropout, File, PrepareOptions, Prepared, Sides,
    SubwordModel, TokeniserKind, prepare, updates,
};

struct Corpora {
    folder: tempfile::TempDir,
}

impl Corpora {
    fn new() -> Self {
        Corpora {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn prepare(&self, config: &DataConfig) -> Prepared {
        let options = PrepareOptions {
            data_root: self.folder.path().join("data"),
            mirror: None,
            offline: true,
        };
        prepare(config, &options, &Silent).unwrap()
    }

    /// The grammar, in pieces of one of the tokenisers; or of separate vocabularies.
    fn grammar(&self, change: impl Fn(&mut DataConfig)) -> Prepared {
        let mut config = DataConfig::new("en", "fr");
        config.corpus = Corpus::Grammar;
        config.grammar.train = 300;
        config.grammar.valid = 10;
        config.grammar.test = 10;
        config.tokeniser.vocabulary_size = 300;
        config.tokeniser.merges = 200;
        change(&mut config);
        self.prepare(&config)
    }

    fn byte_pairs(&self) -> [Prepared; 3] {
        [
            self.grammar(|_| {}),
            self.grammar(|config| config.vocabulary.joined = false),
            self.grammar(|config| config.tokeniser.kind = TokeniserKind::SubwordNmt),
        ]
    }

    /// One line of one word, in characters and by codes.
    fn word(&self, word: &str, codes: &str) -> Prepared {
        let path = |name: &str| self.folder.path().join(name);
        fs::write(path("text"), format!("{word}\n")).unwrap();
        // Every piece that can be drawn is in the vocabulary of train.
        fs::write(path("train"), format!("{word}\na b c bc ax bx abx\n")).unwrap();
        fs::write(path("codes"), codes).unwrap();
        let sides = |name: &str| Sides {
            source: Some(File::Local(path(name))),
            target: Some(File::Local(path(name))),
        };
        let mut config = DataConfig::new("en", "fr");
        config.files.train = sides("train");
        config.files.valid = sides("text");
        config.files.test = sides("text");
        config.tokeniser.kind = TokeniserKind::SubwordNmt;
        config.tokeniser.codes = Some(File::Local(path("codes")));
        self.prepare(&config)
    }
}

fn drawn(prepared: &Prepared, probability: f64, seed: u64, epoch: u64) -> Vec<(Vec<u32>, Vec<u32>)> {
    let dropout = BpeDropout::new(prepared, probability, &BatchConfig::default(), seed).unwrap();
    let epoch = dropout.epoch(epoch);
    let store = &prepared.train;
    let pair = |index| epoch.pair(index, store.pair(index as usize));
    (0..store.len() as u32).map(pair).collect()
}

fn stored(prepared: &Prepared) -> Vec<(Vec<u32>, Vec<u32>)> {
    let store = &prepared.train;
    let pair = |index| {
        let (source, target) = store.pair(index);
        (source.to_vec(), target.to_vec())
    };
    (0..store.len()).map(pair).collect()
}

fn texts(prepared: &Prepared, pairs: &[(Vec<u32>, Vec<u32>)]) -> Vec<[String; 2]> {
    let text = |(source, target): &(Vec<u32>, Vec<u32>)| {
        [
            (source, &prepared.source_vocabulary),
            (target, &prepared.target_vocabulary),
        ]
        .map(|(ids, vocabulary)| prepared.tokeniser.decode(&vocabulary.decode(ids)))
    };
    pairs.iter().map(text).collect()
}

fn n_tokens(pairs: &[(Vec<u32>, Vec<u32>)]) -> usize {
    pairs.iter().map(|(source, target)| source.len() + target.len()).sum()
}

#[test]
fn without_dropout_the_cut_is_the_tokenisers_own() {
    for prepared in Corpora::new().byte_pairs() {
        assert_eq!(drawn(&prepared, 0.0, 1, 0), stored(&prepared));
    }
}

#[test]
fn the_text_stays_whatever_is_left_out() {
    for prepared in Corpora::new().byte_pairs() {
        let before = stored(&prepared);
        let texts_before = texts(&prepared, &before);
        let mut tokens = n_tokens(&before);
        for probability in [0.1, 0.5, 1.0] {
            let drawn = drawn(&prepared, probability, 1, 0);
            assert_eq!(texts(&prepared, &drawn), texts_before);
            assert!(
                drawn
                    .iter()
                    .all(|(s, t)| s.last() == Some(&EOS) && t.last() == Some(&EOS))
            );
            assert!(n_tokens(&drawn) > tokens);
            tokens = n_tokens(&drawn);
        }
    }
}

#[test]
fn without_a_merge_words_are_characters() {
    let prepared = Corpora::new().grammar(|_| {});
    for ((source, _), [text, _]) in drawn(&prepared, 1.0, 1, 0)
        .iter()
        .zip(texts(&prepared, &stored(&prepared)))
    {
        // A space before each word, and `</s>`.
        assert_eq!(source.len(), text.chars().count() + 2, "{text}");
    }
}

#[test]
fn a_draw_is_a_function_of_seed_epoch_and_pair() {
    let prepared = Corpora::new().grammar(|_| {});
    let first = drawn(&prepared, 0.3, 1, 2);
    assert_eq!(first, drawn(&prepared, 0.3, 1, 2));
    for (seed, epoch) in [(2, 1), (1, 3), (2, 2)] {
        assert_ne!(first, drawn(&prepared, 0.3, seed, epoch));
    }
    // A pair does not depend on those that were drawn before it.
    let dropout = BpeDropout::new(&prepared, 0.3, &BatchConfig::default(), 1).unwrap();
    assert_eq!(dropout.epoch(2).pair(17, prepared.train.pair(17)), first[17]);
}

/// Algorithm 1: of the merges that can be done, each is left out with p, and the first of the others is done.
#[test]
fn cuts_are_as_probable_as_the_algorithm_says() {
    const N: u64 = 4000;
    let p: f64 = 0.3;
    let q = 1.0 - p;
    let chain = "#version: 0.2\na b\nab c</w>\n";
    let rivals = "#version: 0.2\nb c</w>\na b\n";
    for (codes, expected) in [
        (chain, [("abc", q * q), ("ab@@ c", q * p), ("a@@ b@@ c", p)]),
        (rivals, [("a@@ bc", q), ("ab@@ c", p * q), ("a@@ b@@ c", p * p)]),
    ] {
        let prepared = Corpora::new().word("abc", codes);
        let dropout = BpeDropout::new(&prepared, p, &BatchConfig::default(), 7).unwrap();
        let cut = |epoch| {
            let (source, _) = dropout.epoch(epoch).pair(0, prepared.train.pair(0));
            prepared.source_vocabulary.decode(&source).join(" ")
        };
        let cuts: Vec<String> = (0..N).map(cut).collect();
        for (pieces, probability) in expected {
            let share = cuts.iter().filter(|cut| *cut == pieces).count() as f64 / N as f64;
            let sigma = (probability * (1.0 - probability) / N as f64).sqrt();
            assert!(
                (share - probability).abs() < 4.0 * sigma,
                "{pieces}: {share}, expected {probability}"
            );
        }
    }
}

#[test]
fn what_would_be_too_long_stays_as_it_is_stored() {
    let prepared = Corpora::new().grammar(|_| {});
    let longest = stored(&prepared)
        .iter()
        .map(|(s, t)| s.len().max(t.len()))
        .max()
        .unwrap();
    let limits = BatchConfig {
        max_source: longest,
        max_target: longest,
        ..BatchConfig::default()
    };
    let dropout = BpeDropout::new(&prepared, 1.0, &limits, 1).unwrap();
    let epoch = dropout.epoch(0);
    let mut unchanged = 0;
    for index in 0..prepared.train.len() {
        let pair = prepared.train.pair(index);
        let (source, target) = epoch.pair(index as u32, pair);
        assert!(source.len() <= longest && target.len() <= longest);
        unchanged += usize::from(source == pair.0);
    }
    assert!(unchanged > 0);
}

#[test]
fn an_update_has_the_pairs_of_its_plan_in_the_pieces_that_are_drawn() {
    let prepared = Corpora::new().grammar(|_| {});
    let config = BatchConfig {
        tokens_per_update: 600,
        tokens_per_group: 300,
        tokens_per_batch: 200,
        ..BatchConfig::default()
    };
    let dropout = BpeDropout::new(&prepared, 0.5, &config, 1).unwrap();
    let epoch = dropout.epoch(3);
    let none = BpeDropout::new(&prepared, 0.0, &config, 1).unwrap();
    for plan in updates(&prepared.train, &config, 1, 3) {
        let load = |draws: &EpochDropout<'_>| plan.load_drawn(&prepared.train, draws, config.tokens_per_batch);
        assert_eq!(load(&none.epoch(3)), plan.load(&prepared.train));
        let update = load(&epoch);
        assert!(update.n_tokens > plan.n_tokens);
        let sorted = |mut rows: Vec<u32>| {
            rows.sort_unstable();
            rows
        };
        let rows = update.batches.iter().flat_map(|batch| batch.indices.clone());
        assert_eq!(sorted(rows.collect()), sorted(plan.batches.concat()));
        for batch in &update.batches {
            let length = batch.source_length.max(batch.target_length);
            assert!(batch.indices.len() == 1 || batch.indices.len() * length <= config.tokens_per_batch);
            for (row, &index) in batch.indices.iter().enumerate() {
                let (source, target) = epoch.pair(index, prepared.train.pair(index as usize));
                let as_ids = |ids: &[u32]| ids.iter().map(|&id| id as i32).collect::<Vec<_>>();
                let of = |ids: &[i32], length: usize| ids[row * length..][..length].to_vec();
                let padded = of(&batch.source, batch.source_length);
                assert_eq!(padded[batch.source_length - source.len()..], as_ids(&source));
                assert_eq!(
                    of(&batch.target_output, batch.target_length)[..target.len()],
                    as_ids(&target)
                );
                let input = of(&batch.target_input, batch.target_length);
                assert_eq!(input[0], EOS as i32);
                assert_eq!(input[1..target.len()], as_ids(&target)[..target.len() - 1]);
            }
        }
    }
}

#[test]
fn tokenisers_without_merges_are_refused() {
    let corpora = Corpora::new();
    let refused = |change: fn(&mut DataConfig), found: &str| {
        let prepared = corpora.grammar(change);
        let error = BpeDropout::new(&prepared, 0.1, &BatchConfig::default(), 1).unwrap_err();
        assert!(error.to_string().contains(found), "{error}");
    };
    refused(
        |config| config.tokeniser.model = SubwordModel::Unigram,
        "a unigram model",
    );
    refused(|config| config.tokeniser.kind = TokeniserKind::Words, "found words");
    refused(
        |config| config.tokeniser.kind = TokeniserKind::None,
        "lines that hold pieces already",
    );
    let prepared = corpora.word("abc", "a b\n");
    let error = BpeDropout::new(&prepared, 0.1, &BatchConfig::default(), 1).unwrap_err();
    assert!(error.to_string().contains("version 0.1"), "{error}");
}
