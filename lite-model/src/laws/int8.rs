//! Models in 8 bits beside the models of floats that they were made from.

use burn::module::{Module, ModuleMapper, Param};

use super::*;
use crate::compress::Values;
use crate::evolved::WIDEST_INPUT;
use crate::host::{HostModel, LogitSink, Team};
use crate::kernels::int8::{Int8Builder, Kernel, MAX_INPUT};
use crate::load_int8;
use crate::weights::{self, NamedTensor, Source};

/// Of the features, with random weights of two layers: each product rounds its inputs to 181 steps, and
/// layer norms pass on what that does. The widest seen is 1.2 %.
const INPUTS_ROUNDED: f64 = 0.03;
/// The same with the rounding of the weights. The widest seen is 1.8 %.
const ALL_ROUNDED: f64 = 0.04;

/// Rounds the weights of linear layers and tables as a model in 8 bits has them.
#[derive(Default)]
struct Round {
    path: Vec<String>,
}

impl ModuleMapper for Round {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        if D != 2 || path.contains("embed_positions") || path.contains("depthwise") {
            return param;
        }
        param.map(|x| {
            let is_table = path.contains("embed_");
            let rows = if is_table { x } else { x.swap_dims(0, 1) };
            let (dims, device) = (rows.dims(), rows.device());
            let values: Vec<f32> = rows.into_data().try_into_vec().unwrap();
            let mut builder = Int8Builder::new(dims[0], dims[1], Kernel::Portable);
            values.chunks_exact(dims[1]).for_each(|row| builder.push(row));
            let matrix = builder.finish();
            let mut rounded = values;
            let rows = rounded.chunks_exact_mut(dims[1]).enumerate();
            rows.for_each(|(i, row)| matrix.channel(i, row));
            let rows = Tensor::from_data(burn::tensor::TensorData::new(rounded, dims), &device);
            if is_table { rows } else { rows.swap_dims(0, 1) }
        })
    }
}

/// How far `found` is from `expected`, relative to the length of `expected`.
fn distance<const D: usize>(found: Tensor<D>, expected: Tensor<D>) -> f64 {
    let length = |x: Tensor<D>| {
        let square: f32 = x.powi_scalar(2).sum().into_scalar();
        f64::from(square).sqrt()
    };
    length(found - expected.clone()) / length(expected)
}

fn logits(model: &Seq2Seq, device: &Device) -> Tensor<2> {
    let features = model.features(source(device), target(device));
    let [batch_size, length, d_model] = features.dims();
    model.logits(features.reshape([batch_size * length, d_model]))
}

#[test]
fn a_model_in_8_bits_is_near_the_one_it_was_made_from() {
    let device = Device::flex();
    for config in configs() {
        let model = model(&config, &device);
        let rounded = model.clone().map(&mut Round::default());
        let int8 = model.clone().to_int8();
        let found = logits(&int8, &device);
        let from_rounded = distance(found.clone(), logits(&rounded, &device));
        let from_floats = distance(found, logits(&model, &device));
        assert!(
            from_rounded > 1e-5 && from_rounded < INPUTS_ROUNDED,
            "{from_rounded}: {config:?}"
        );
        assert!(
            from_floats > 1e-5 && from_floats < ALL_ROUNDED,
            "{from_floats}: {config:?}"
        );
    }
}

#[test]
fn a_step_on_the_host_is_in_8_bits_too() {
    struct Logits(Vec<f32>);
    impl LogitSink for Logits {
        fn take(&mut self, row: usize, first_token: usize, logits: &[f32], error: f32) {
            assert_eq!(error, 0.0, "what is in 8 bits is what it is");
            self.0[row * VOCABULARY + first_token..][..logits.len()].copy_from_slice(logits);
        }
    }
    let device = Device::flex();
    let mut distances = Vec::new();
    for config in configs() {
        let model = model(&config, &device).to_int8();
        let memory = model.encode(source(&device));
        let mut state = model.begin(&memory);
        let Ok(host) = HostModel::new(model.clone(), &config) else {
            assert_eq!(config.architecture, Architecture::Evolved);
            continue;
        };
        let mut team = Team::new(1);
        let mut host_state = host.begin(source(&device), &mut team);
        for tokens in [[2, 2], [6, 4], [11, 13]] {
            let tensor = Tensor::<1, Int>::from_ints(tokens, &device).reshape([2, 1]);
            let expected = model.logits(model.step(tensor, &mut state).features);
            let mut sinks = [Logits(vec![0.0; 2 * VOCABULARY])];
            host.step(
                &tokens.map(|token| token as u32),
                &[0, 1],
                &mut host_state,
                &mut team,
                &mut sinks,
            );
            let [Logits(found)] = sinks;
            let found = Tensor::from_data(burn::tensor::TensorData::new(found, [2, VOCABULARY]), &device);
            let distance = distance(found, expected);
            // Float noise, which differs between processors, may move a value over the middle of a step. A step is half a
            // percent of a row of 16 and moves values behind it over theirs: at worst, all inputs are rounded otherwise.
            assert!(distance < INPUTS_ROUNDED, "{distance}: {config:?}");
            distances.push(distance);
        }
    }
    // To most steps it does not happen, and what is left is float noise; a host that rounded nothing would be off in each.
    distances.sort_by(f64::total_cmp);
    let median = distances[distances.len() / 2];
    assert!(median < 1e-4, "{median}");
}

#[test]
fn no_large_weight_stays_in_floats() {
    let device = Device::flex();
    for config in configs() {
        let mut int8 = model(&config, &device).to_int8();
        let mut n_linear = 0;
        let mut count = |linear: &mut crate::linear::Linear| {
            assert!(linear.int8().is_some());
            n_linear += 1;
        };
        int8.each_linear(&mut count);
        // Norms, filters and learnt positions; biases are with the layers.
        let n_floats = int8.num_params();
        let n_all = model(&config, &device).num_params();
        assert!(
            n_floats * 3 < n_all || config.encoder.positions.is_some(),
            "{n_floats} of {n_all}: {config:?}"
        );
        assert!(n_linear > 0 || config.architecture == Architecture::Evolved);
    }
}

#[test]
fn steps_in_8_bits_equal_the_full_pass() {
    let device = Device::flex();
    for config in configs() {
        let model = model(&config, &device).to_int8();
        let memory = model.encode(source(&device));
        let (full, _) = model.decode(target(&device), &memory);
        let mut state = model.begin(&memory);
        for t in 0..5 {
            let step = model.step(target(&device).slice([0..2, t..t + 1]), &mut state);
            let [rows, d_model] = step.features.dims();
            let expected = full.clone().slice([0..2, t..t + 1]).reshape([rows, d_model]);
            // Rows are rounded alone. Where float noise moves a value over the middle of a step, it is a whole step away.
            let distance = distance(step.features, expected);
            assert!(distance < INPUTS_ROUNDED, "{distance}: {config:?}");
        }
    }
}

#[test]
fn a_model_that_is_read_in_8_bits_is_the_one_that_is_made_so() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for config in configs() {
        let floats = model(&config, &device);
        weights::save(&floats, &path).unwrap();
        let sources = || -> Vec<Source> {
            let (tensors, _) = weights::read_all(&path).unwrap();
            let source = |(name, shape, values): NamedTensor| Source {
                name,
                shape,
                read: Box::new(move || Ok(Values::Floats(values.clone()))),
            };
            tensors.into_iter().map(source).collect()
        };
        // Of other numbers: what is not read shows.
        let fresh = config.init(VocabularySizes::joint(VOCABULARY), &device).unwrap();
        let found = load_int8(fresh.clone(), sources(), &path).unwrap();
        let expected = floats.to_int8();
        assert_eq!(found.num_params(), expected.num_params());
        let [found, expected] = [found, expected].map(|model| {
            let features = model.features(source(&device), target(&device));
            let [rows, length, d_model] = features.dims();
            model.logits(features.reshape([rows * length, d_model])).into_data()
        });
        assert_eq!(found, expected, "{config:?}");

        for lost in sources() {
            let mut rest = sources();
            rest.retain(|source| source.name != lost.name);
            let error = load_int8(fresh.clone(), rest, &path).unwrap_err().to_string();
            assert!(error.contains(&lost.name), "{error}");
            let mut other = sources();
            let shapes = other.iter_mut().filter(|source| source.name == lost.name);
            shapes.for_each(|source| source.shape.push(1));
            let error = load_int8(fresh.clone(), other, &path).unwrap_err().to_string();
            assert!(error.contains(&lost.name), "{error}");
        }
    }
}

#[test]
fn widths_that_8_bits_cannot_sum_are_refused_with_their_key() {
    for (architecture, d_model, d_ff, key) in [
        (Architecture::Lite, MAX_INPUT, MAX_INPUT, None),
        (Architecture::Lite, 16, MAX_INPUT + 1, Some("d_ff")),
        (Architecture::Lite, MAX_INPUT + 1, 16, Some("d_model")),
        (Architecture::Evolved, MAX_INPUT / WIDEST_INPUT + 1, 16, Some("d_model")),
    ] {
        let refused = ModelConfig::new(architecture, d_model, d_ff).check_int8().err();
        assert_eq!(refused.map(|error| error.key), key);
    }
    let is_evolved = |config: &ModelConfig| config.architecture == Architecture::Evolved;
    let config = configs().into_iter().find(is_evolved).unwrap();
    let mut widest = 0;
    model(&config, &Device::flex()).each_linear(&mut |linear| {
        let (weight, _) = linear.ids();
        widest = widest.max(weight.map_or(0, |(_, [d_input, _])| d_input));
    });
    assert_eq!(widest, WIDEST_INPUT * config.d_model);
}
