//! Sources and steps without tensors give what the full pass gives, for every architecture that is known there.

use burn::module::{ModuleMapper, Param};

use super::*;
use crate::config::PaddingMask;
use crate::host::{HostModel, LogitSink, Team};

/// All logits, a row's in the order of its tokens.
#[derive(Default, Clone)]
struct Collected(Vec<Vec<(usize, f32)>>);

impl LogitSink for Collected {
    fn take(&mut self, row: usize, first_token: usize, logits: &[f32]) {
        self.0.resize(self.0.len().max(row + 1), Vec::new());
        let row = &mut self.0[row];
        assert!(row.last().is_none_or(|last| last.0 < first_token));
        row.extend(logits.iter().enumerate().map(|(i, logit)| (first_token + i, *logit)));
    }
}

fn joined(sinks: &[Collected], row: usize) -> Vec<f32> {
    let found: Vec<(usize, f32)> = sinks
        .iter()
        .filter_map(|sink| sink.0.get(row))
        .flatten()
        .copied()
        .collect();
    assert!(found.iter().map(|found| found.0).eq(0..VOCABULARY), "each token once");
    found.into_iter().map(|found| found.1).collect()
}

/// What the full pass says of the token after each prefix, and where its last layer looks.
fn expected(model: &Seq2Seq, source: Tensor<2, Int>, prefixes: &[Vec<i32>]) -> (Vec<Vec<f32>>, Vec<usize>) {
    let device = source.device();
    let length = prefixes[0].len();
    let is_padding: Vec<bool> = source.to_data().iter::<i64>().map(|id| id == i64::from(PAD)).collect();
    let [_, source_length] = source.dims();
    let tokens = burn::tensor::TensorData::new(prefixes.concat(), [prefixes.len(), length]);
    let (features, attention) = model.decode(Tensor::from_data(tokens, &device), &model.encode(source));
    let logits = model.logits(features.narrow(1, length - 1, 1).squeeze_dim(1));
    let attention: Vec<f32> = attention.narrow(1, length - 1, 1).into_data().try_to_vec().unwrap();
    let alignment = attention.chunks(source_length).zip(is_padding.chunks(source_length));
    let alignment = alignment.map(|(attention, is_padding)| {
        let kept: Vec<f32> = attention
            .iter()
            .zip(is_padding)
            .filter(|x| !x.1)
            .map(|x| *x.0)
            .collect();
        (0..kept.len()).max_by(|a, b| kept[*a].total_cmp(&kept[*b])).unwrap()
    });
    let logits: Vec<f32> = logits.into_data().try_to_vec().unwrap();
    (
        logits.chunks(VOCABULARY).map(<[f32]>::to_vec).collect(),
        alignment.collect(),
    )
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
        for (source, n_threads) in sources.into_iter().zip(if i < 2 { [1, 2, 3] } else { [1; 3] }) {
            let source = Tensor::<2, Int>::from_ints(source, &device);
            let mut team = Team::new(n_threads);
            let mut state = host.begin(source.clone(), &mut team);
            let mut sentences = vec![0, 1, 2];
            let mut prefixes: Vec<Vec<i32>> = vec![vec![]; 3];
            for (t, rows) in moves.iter().enumerate() {
                sentences = rows.iter().map(|&row| sentences[row]).collect();
                prefixes = rows.iter().map(|&row| prefixes[row].clone()).collect();
                for (i, prefix) in prefixes.iter_mut().enumerate() {
                    prefix.push(if t == 0 { 2 } else { ((7 * i + 5 * t) % 16 + 4) as i32 });
                }
                let tokens: Vec<u32> = prefixes.iter().map(|prefix| prefix[t] as u32).collect();
                let mut sinks = vec![Collected::default(); n_threads];
                let alignment = host.step(&tokens, rows, &mut state, &mut team, &mut sinks);
                let indices = Tensor::<1, Int>::from_ints(&sentences[..], &device);
                let (logits, looks) = expected(&model, source.clone().select(0, indices), &prefixes);
                for (row, logits) in logits.iter().enumerate() {
                    for (found, expected) in joined(&sinks, row).iter().zip(logits) {
                        let difference = (found - expected).abs();
                        assert!(
                            difference < TOLERANCE,
                            "{config:?} step {t} row {row}: {found} {expected}"
                        );
                    }
                }
                assert_eq!(alignment, looks, "{config:?} step {t}");
            }
        }
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
    let Ok(host) = HostModel::new(model(&config, &device), &config) else {
        panic!("{config:?} is known");
    };
    let mut team = Team::new(1);
    let mut logits = |sources: &[Vec<i32>]| -> Vec<Vec<f32>> {
        let data = burn::tensor::TensorData::new(sources.concat(), [sources.len(), 6]);
        let mut state = host.begin(Tensor::from_data(data, &device), &mut team);
        let rows: Vec<usize> = (0..sources.len()).collect();
        let mut sinks = vec![Collected::default()];
        host.step(&vec![2; rows.len()], &rows, &mut state, &mut team, &mut sinks);
        rows.iter().map(|&row| joined(&sinks, row)).collect()
    };
    let alone = logits(&few);
    let together = logits(&many);
    assert_ne!(alone[0], alone[1]);
    for (i, found) in together.iter().enumerate() {
        assert_eq!(*found, alone[i % few.len()], "sentence {i}");
    }
    assert_eq!(logits(&few), alone);
}

/// Makes a weight of the tensor `place` no number.
struct Spoil {
    place: usize,
    n_seen: usize,
}

impl ModuleMapper for Spoil {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.n_seen;
        self.n_seen += 1;
        if place != self.place {
            return param;
        }
        param.map(|x| {
            let device = x.device();
            let mut data = x.into_data();
            data.as_mut_slice::<f32>().unwrap()[0] = f32::NAN;
            Tensor::from_data(data, &device)
        })
    }
}

#[test]
fn a_weight_that_is_no_number_shows_in_every_row() {
    let device = Device::flex();
    let config = configs().swap_remove(0);
    let sound = model(&config, &device);
    for place in 0.. {
        let mut spoil = Spoil { place, n_seen: 0 };
        let spoilt = sound.clone().map(&mut spoil);
        if place == spoil.n_seen {
            break;
        }
        let Ok(host) = HostModel::new(spoilt, &config) else {
            panic!("{config:?} is known");
        };
        let mut team = Team::new(1);
        let mut state = host.begin(source(&device), &mut team);
        let mut sinks = [Collected::default()];
        host.step(&[2, 2], &[0, 1], &mut state, &mut team, &mut sinks);
        for row in 0..2 {
            assert!(
                joined(&sinks, row).iter().any(|x| x.is_nan()),
                "tensor {place}, row {row}"
            );
        }
    }
}
