//! Sources and steps without tensors give what the full pass gives, for every architecture that is known there.

use std::ops::RangeInclusive;

use burn::tensor::TensorData;

use super::*;
use crate::config::PaddingMask;
use crate::host::{HostModel, LogitSink, Team};
use crate::long_short::Masks;
use crate::state::Memory;

/// All logits with how far each may be off, a row's in the order of its tokens.
#[derive(Default, Clone)]
struct Collected(Vec<Vec<(usize, Given)>>);

#[derive(Clone, Copy, PartialEq, Debug)]
struct Given {
    logit: f32,
    error: f32,
}

impl LogitSink for Collected {
    fn take(&mut self, row: usize, first_token: usize, logits: &[f32], error: f32) {
        self.0.resize(self.0.len().max(row + 1), Vec::new());
        let row = &mut self.0[row];
        assert!(
            row.last()
                .is_none_or(|last| last.0 < first_token && last.1.error == error)
        );
        let given = logits.iter().map(|logit| Given { logit: *logit, error });
        row.extend(given.enumerate().map(|(i, given)| (first_token + i, given)));
    }
}

fn joined(sinks: &[Collected], row: usize, vocabulary_size: usize) -> Vec<Given> {
    let mut found: Vec<(usize, Given)> = sinks
        .iter()
        .filter_map(|sink| sink.0.get(row))
        .flatten()
        .copied()
        .collect();
    // Each thread has taken other runs of them.
    found.sort_by_key(|found| found.0);
    assert!(
        found.iter().map(|found| found.0).eq(0..vocabulary_size),
        "each token once"
    );
    found.into_iter().map(|found| found.1).collect()
}

fn host(model: Seq2Seq, config: &ModelConfig) -> HostModel {
    let Ok(host) = HostModel::new(model, config) else {
        panic!("{config:?} is known");
    };
    host
}

/// The rows of a step: of which sentence each is, and its tokens so far.
#[derive(Clone)]
struct Hypotheses {
    sentences: Vec<usize>,
    prefixes: Vec<Vec<i32>>,
}

/// What steps are asked for: row `i` of step `t` continues row `moves[t][i]` of the step before, at the start a sentence.
fn hypotheses(moves: &[&[usize]], n_sentences: usize, vocabulary_size: usize) -> Vec<Hypotheses> {
    let mut rows = Hypotheses {
        sentences: (0..n_sentences).collect(),
        prefixes: vec![vec![]; n_sentences],
    };
    let steps = moves.iter().enumerate().map(|(t, from)| {
        rows = Hypotheses {
            sentences: from.iter().map(|&row| rows.sentences[row]).collect(),
            prefixes: from.iter().map(|&row| rows.prefixes[row].clone()).collect(),
        };
        for (i, prefix) in rows.prefixes.iter_mut().enumerate() {
            let token = (97 * i + 61 * t) % (vocabulary_size - 4) + 4;
            prefix.push(if t == 0 { 2 } else { token as i32 });
        }
        rows.clone()
    });
    steps.collect()
}

/// What a step finds: the logits of each row, as sinks are given them and in single precision, and the source token that it
/// looks at.
#[derive(PartialEq)]
struct Step {
    given: Vec<Vec<Given>>,
    logits: Vec<Vec<f32>>,
    alignment: Vec<usize>,
}

fn steps(
    host: &HostModel,
    source: &Tensor<2, Int>,
    moves: &[&[usize]],
    hypotheses: &[Hypotheses],
    n_threads: usize,
) -> Vec<Step> {
    let mut team = Team::new(n_threads);
    let mut state = host.begin(source.clone(), &mut team);
    let steps = moves.iter().zip(hypotheses).enumerate().map(|(t, (from, rows))| {
        let tokens: Vec<u32> = rows.prefixes.iter().map(|prefix| prefix[t] as u32).collect();
        let mut sinks = vec![Collected::default(); n_threads];
        let alignment = host.step(&tokens, from, &mut state, &mut team, &mut sinks);
        let given = (0..tokens.len()).map(|row| joined(&sinks, row, host.vocabulary_size()));
        let logits = (0..tokens.len()).map(|row| {
            let tokens = 0..host.vocabulary_size() as u32;
            tokens.map(|token| host.logit(&state, row, token)).collect()
        });
        Step {
            given: given.collect(),
            logits: logits.collect(),
            alignment,
        }
    });
    steps.collect()
}

/// The steps, which have the same bits with any of these numbers of threads.
fn steps_of_any_team(
    host: &HostModel,
    source: &Tensor<2, Int>,
    moves: &[&[usize]],
    hypotheses: &[Hypotheses],
    n_threads: RangeInclusive<usize>,
) -> Vec<Step> {
    let expected = steps(host, source, moves, hypotheses, *n_threads.start());
    for n_threads in n_threads.skip(1) {
        let found = steps(host, source, moves, hypotheses, n_threads);
        for (t, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!(found == expected, "{n_threads} threads, step {t}");
        }
    }
    expected
}

/// What the full pass says of the token after each prefix, and how much its last layer looks at each token of the source,
/// padding left out.
fn expected(
    model: &Seq2Seq,
    source: &Tensor<2, Int>,
    memory: &Memory,
    rows: &Hypotheses,
) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let device = source.device();
    let sentences = Tensor::<1, Int>::from_ints(&rows.sentences[..], &device);
    let memory = Memory {
        features: memory.features.clone().select(0, sentences.clone()),
        masks: Masks {
            attention: memory
                .masks
                .attention
                .clone()
                .map(|mask| mask.select(0, sentences.clone())),
            keep: None,
        },
    };
    let [_, source_length] = source.dims();
    let source: Vec<i64> = source.clone().select(0, sentences).into_data().iter::<i64>().collect();
    let (n_rows, length) = (rows.prefixes.len(), rows.prefixes[0].len());
    let tokens = TensorData::new(rows.prefixes.concat(), [n_rows, length]);
    let (features, attention) = model.decode(Tensor::from_data(tokens, &device), &memory);
    let logits = model.logits(features.narrow(1, length - 1, 1).squeeze_dim(1));
    let [_, vocabulary_size] = logits.dims();
    let logits: Vec<f32> = logits.into_data().try_to_vec().unwrap();
    let attention: Vec<f32> = attention.narrow(1, length - 1, 1).into_data().try_to_vec().unwrap();
    let attention = attention.chunks(source_length).zip(source.chunks(source_length));
    let attention = attention.map(|(attention, source)| -> Vec<f32> {
        let kept = attention.iter().zip(source).filter(|x| *x.1 != i64::from(PAD));
        kept.map(|x| *x.0).collect()
    });
    (
        logits.chunks(vocabulary_size).map(<[f32]>::to_vec).collect(),
        attention.collect(),
    )
}

/// Holds each step on the host, with any of these numbers of threads, to the full pass.
fn check(
    config: &ModelConfig,
    model: &Seq2Seq,
    host: &HostModel,
    source: &Tensor<2, Int>,
    moves: &[&[usize]],
    n_threads: RangeInclusive<usize>,
) {
    let [n_sentences, _] = source.dims();
    let hypotheses = hypotheses(moves, n_sentences, host.vocabulary_size());
    let memory = model.encode(source.clone());
    let found = steps_of_any_team(host, source, moves, &hypotheses, n_threads);
    assert_eq!(found.len(), moves.len());
    for (t, (step, rows)) in found.iter().zip(&hypotheses).enumerate() {
        let (logits, attention) = expected(model, source, &memory, rows);
        assert_eq!(step.logits.len(), logits.len());
        for (row, (found, expected)) in step.logits.iter().zip(&logits).enumerate() {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let difference = (found - expected).abs();
                assert!(
                    difference < TOLERANCE,
                    "{config:?} step {t} row {row}: {found} {expected}"
                );
            }
            for (given, logit) in step.given[row].iter().zip(found) {
                // What is no approximation has been added up in another order.
                let off = given.error.max(TOLERANCE);
                assert!(
                    (given.logit - logit).abs() <= off,
                    "{config:?} step {t} row {row}: {given:?} {logit}"
                );
            }
        }
        assert_eq!(step.alignment.len(), attention.len());
        for (row, (found, attention)) in step.alignment.iter().zip(&attention).enumerate() {
            let most = attention.iter().copied().fold(0.0, f32::max);
            // Of two tokens that rounding alone tells apart it may be either.
            assert!(
                attention[*found] > most - TOLERANCE,
                "{config:?} step {t} row {row}: {found} of {attention:?}"
            );
        }
    }
}

#[test]
fn sources_and_steps_on_the_host_equal_the_full_pass() {
    let device = Device::flex();
    let pad = PAD as i32;
    let sources = [
        [[5, 9, 4, 17, 8, 2], [7, 7, 12, 4, 19, 2], [11, 3, 6, 6, 5, 2]],
        [[5, 9, 4, 17, 8, 2], [pad, pad, pad, pad, 19, 2], [pad, pad, 6, 6, 5, 2]],
        [[5, 2, pad, pad, pad, pad], [7, 7, 12, 4, 19, 2], [6, 6, 5, 2, pad, pad]],
    ];
    // Rows that are repeated, change places and are dropped; those of a sentence stand together.
    let moves: [&[usize]; 6] = [
        &[0, 1, 2],
        &[0, 0, 1, 1, 1, 2],
        &[1, 0, 4, 2, 2],
        &[4, 3, 2],
        &[2, 2, 2],
        &[0, 2, 1],
    ];
    let leaking = configs().into_iter().map(|config| ModelConfig {
        padding_mask: PaddingMask::BeforeProjection,
        ..config
    });
    let leaking = leaking.filter(ModelConfig::depends_on_padding);
    for (i, config) in configs().into_iter().chain(leaking).enumerate() {
        let model = model(&config, &device);
        let host = match HostModel::new(model.clone(), &config) {
            Ok(host) => host,
            Err(_) => {
                assert_eq!(config.architecture, Architecture::Evolved);
                continue;
            }
        };
        assert_eq!(host.vocabulary_size(), VOCABULARY);
        for source in sources {
            let source = Tensor::<2, Int>::from_ints(source, &device);
            let n_threads = if i < 2 { 1..=3 } else { 1..=1 };
            check(&config, &model, &host, &source, &moves, n_threads);
        }
    }
}

/// Heads, sources and a vocabulary that are cut: into several panels, the last of them not full, and into shares of threads.
#[test]
fn wide_heads_and_long_sources_on_the_host_equal_the_full_pass() {
    // Three runs of the output.
    const WIDE: usize = 900;
    const LENGTH: usize = 37;
    let device = Device::flex();
    // One token more than a panel has, a full one, and two groups of the encoder.
    let lengths = [LENGTH, 17, 16, 33];
    let token = |i: usize, t: usize, length: usize| match t {
        t if t + 1 < length => ((89 * i + 53 * t) % (WIDE - 4) + 4) as i32,
        t if t + 1 == length => 2,
        _ => PAD as i32,
    };
    let sentences = lengths.iter().enumerate();
    let source: Vec<i32> = sentences
        .flat_map(|(i, length)| (0..LENGTH).map(move |t| token(i, t, *length)))
        .collect();
    let source = Tensor::<2, Int>::from_data(TensorData::new(source, [lengths.len(), LENGTH]), &device);
    // More rows of a sentence than a tile has; fewer rows than pieces, so that heads are divided; one row.
    let moves: [(&[usize], usize); 8] = [
        (&[0, 1, 2, 3], 1),
        (&[0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3], 1),
        (&[6, 4, 4, 0, 1, 2, 5, 7, 9, 8, 10], 8),
        (&[3, 7, 9], 1),
        (&[0, 1, 2], 4),
        (&[0, 0, 2, 2, 2], 1),
        (&[1, 0, 4, 3, 3], 4),
        (&[4], 1),
    ];
    let moves: Vec<&[usize]> = moves
        .iter()
        .flat_map(|(rows, n_steps)| std::iter::repeat_n(*rows, *n_steps))
        .collect();
    // Heads of 40 channels, and of 20.
    for (architecture, n_heads) in [(Architecture::Transformer, 2), (Architecture::Lite, 4)] {
        let config = ModelConfig {
            encoder_layers: 2,
            decoder_layers: 2,
            n_heads,
            branch_heads: 2,
            kernel_sizes: vec![3, 7],
            ..ModelConfig::new(architecture, 80, 72)
        };
        let model = filled(config.init(VocabularySizes::joint(WIDE), &device).unwrap(), 8);
        check(&config, &model, &host(model.clone(), &config), &source, &moves, 1..=3);
        // In 8 bits the full pass rounds elsewhere now and then, but threads do not.
        let int8 = host(model.to_int8(), &config);
        let hypotheses = hypotheses(&moves, lengths.len(), WIDE);
        steps_of_any_team(&int8, &source, &moves, &hypotheses, 1..=3);
    }
}

/// Sources are encoded in groups, whose memory is used again: no group sees another, and no search the one before.
#[test]
fn a_source_is_encoded_the_same_in_any_company() {
    let device = Device::flex();
    let pad = PAD as i32;
    let few = vec![
        vec![5, 9, 4, 17, 8, 2],
        vec![pad, pad, pad, 4, 19, 2],
        vec![pad, 3, 6, 6, 5, 2],
    ];
    // More rows than one group has.
    let many: Vec<Vec<i32>> = few.iter().cycle().take(40 * few.len()).cloned().collect();
    let config = ModelConfig {
        padding_mask: PaddingMask::BeforeProjection,
        ..configs().swap_remove(0)
    };
    let host = host(model(&config, &device), &config);
    let mut team = Team::new(1);
    let mut logits = |sources: &[Vec<i32>]| -> Vec<Vec<Given>> {
        let data = TensorData::new(sources.concat(), [sources.len(), 6]);
        let mut state = host.begin(Tensor::from_data(data, &device), &mut team);
        let rows: Vec<usize> = (0..sources.len()).collect();
        let mut sinks = vec![Collected::default()];
        host.step(&vec![2; rows.len()], &rows, &mut state, &mut team, &mut sinks);
        rows.iter().map(|&row| joined(&sinks, row, VOCABULARY)).collect()
    };
    let alone = logits(&few);
    let together = logits(&many);
    assert_ne!(alone[0], alone[1]);
    for (i, found) in together.iter().enumerate() {
        assert_eq!(*found, alone[i % few.len()], "sentence {i}");
    }
    assert_eq!(logits(&few), alone);
}
