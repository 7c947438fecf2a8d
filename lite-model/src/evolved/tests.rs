//! The cells against the reference, and what they do not share with other architectures. The laws of all architectures
//! stand in `laws.rs`.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Int, Tensor};
use safetensors::SafeTensors;

use super::reference::{Sequence, Weights};
use super::{DecoderCell, EncoderCell};
use crate::config::{Architecture, ModelConfig, VocabularySizes};
use crate::decoder::DecoderBlock;
use crate::draws::{Draws, filled};
use crate::dropout::seeded;
use crate::long_short::Masks;
use crate::seq2seq::causal_mask;
use crate::weights;

/// Single against double precision, for values of order one.
const TOLERANCE: f64 = 1e-5;
const N_HEADS: usize = 4;

fn config() -> ModelConfig {
    ModelConfig {
        encoder_layers: 2,
        decoder_layers: 2,
        n_heads: N_HEADS,
        ..ModelConfig::new(Architecture::Evolved, 32, 40)
    }
}

fn rows(x: &Tensor<3>, sentence: usize) -> Sequence {
    let [_, _, channels] = x.dims();
    let values: Vec<f64> = x.clone().narrow(0, sentence, 1).into_data().iter::<f64>().collect();
    values.chunks(channels).map(<[f64]>::to_vec).collect()
}

fn check(what: &str, found: &Sequence, expected: &Sequence) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (t, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (found, expected) in found.iter().zip(expected) {
            let bound = TOLERANCE * expected.abs().max(1.0);
            assert!(
                (found - expected).abs() < bound,
                "{what}, position {t}: {found}, expected {expected}"
            );
        }
    }
}

#[test]
fn encoder_cell_equals_the_reference_with_and_without_padding() {
    let device = Device::flex();
    let cell = filled(EncoderCell::new(&config(), &device), 3);
    let reference = Weights::of(&cell);
    let x = Draws::new(30).tensor([2, 13, 32], &device);
    let output = cell.forward(x.clone(), &Masks::default());
    for sentence in 0..2 {
        let expected = reference.encoder_cell(&rows(&x, sentence), N_HEADS);
        check("alone", &rows(&output, sentence), &expected);
    }
    // The first five positions of both sentences are padding.
    let keep = Tensor::cat(
        vec![Tensor::<3>::zeros([2, 5, 1], &device), Tensor::ones([2, 8, 1], &device)],
        1,
    );
    let is_padding = keep.clone().equal_elem(0).reshape([2, 1, 1, 13]);
    let masks = Masks {
        attention: Some(Tensor::zeros([2, 1, 1, 13], &device).mask_fill(is_padding, f32::NEG_INFINITY)),
        keep: Some(keep),
    };
    let output = cell.forward(x.clone(), &masks);
    for sentence in 0..2 {
        let expected = reference.encoder_cell(&rows(&x, sentence)[5..].to_vec(), N_HEADS);
        check("padded", &rows(&output, sentence)[5..].to_vec(), &expected);
    }
}

#[test]
fn decoder_cell_equals_the_reference() {
    let device = Device::flex();
    let cell = filled(DecoderCell::new(&config(), &device), 4);
    let reference = Weights::of(&cell);
    let mut draws = Draws::new(40);
    let (x, encoded) = (draws.tensor([2, 15, 32], &device), draws.tensor([2, 6, 32], &device));
    let masks = Masks {
        attention: Some(causal_mask(15, &device)),
        keep: None,
    };
    let memory = cell.cross_memory(encoded.clone(), None);
    let (output, _) = cell.forward(x.clone(), &masks, &memory);
    for sentence in 0..2 {
        let expected = reference.decoder_cell(&rows(&x, sentence), &rows(&encoded, sentence), N_HEADS);
        check("whole", &rows(&output, sentence), &expected);
    }
    // And a position at a time, past the reach of the widest filters.
    let mut state = cell.begin();
    for t in 0..15 {
        let (output, _) = cell.step(x.clone().narrow(1, t, 1), &mut state, &memory);
        for sentence in 0..2 {
            let expected = reference.decoder_cell(&rows(&x, sentence), &rows(&encoded, sentence), N_HEADS);
            check("step", &rows(&output, sentence), &expected[t..=t].to_vec());
        }
    }
}

#[test]
fn every_parameter_has_a_gradient() {
    struct Gradients<'a>(&'a burn::tensor::Gradients, Vec<String>, usize);
    impl ModuleVisitor for Gradients<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.1.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.1.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let name = self.1.join(".");
            let gradient = param
                .val()
                .grad(self.0)
                .unwrap_or_else(|| panic!("{name} has no gradient"));
            let largest: f32 = gradient.abs().max().into_scalar();
            assert!(largest > 1e-6 && largest.is_finite(), "{name}: {largest}");
            self.2 += 1;
        }
    }
    let device = Device::flex().autodiff();
    let model = filled(config().init(VocabularySizes::joint(20), &device).unwrap(), 5);
    let source = Tensor::<2, Int>::from_ints([[5, 9, 4, 17, 8, 2], [1, 7, 12, 4, 19, 2]], &device);
    let target = Tensor::<2, Int>::from_ints([[2, 6, 11, 18, 4], [2, 4, 13, 9, 9]], &device);
    let features = seeded(5, || model.features(source, target));
    let gradients = features.powi_scalar(3).sum().backward();
    let mut visitor = Gradients(&gradients, vec![], 0);
    model.visit(&mut visitor);
    let n_cells = 2;
    // Embedding, two final norms, and the variables that tensor2tensor has in each cell.
    let encoder_cell = 6 + 11 + 6 + 6;
    let decoder_cell = 10 + 13 + 6 + 6 + 8;
    assert_eq!(visitor.2, 1 + 2 * 2 + n_cells * (encoder_cell + decoder_cell));
}

#[test]
fn weights_of_a_file_give_the_same_model() {
    let device = Device::flex();
    let sizes = VocabularySizes::joint(20);
    let model = filled(config().init(sizes, &device).unwrap(), 6);
    let path = std::env::temp_dir().join(format!("lite-model-evolved-{}.safetensors", std::process::id()));
    weights::save(&model, &path).unwrap();
    let loaded = weights::load(config().init(sizes, &device).unwrap(), &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (name, shape) in [
        ("encoder.cells.1.conv_branches.separable_conv_9x1.depthwise", [9, 128]),
        (
            "encoder.cells.1.conv_branches.separable_conv_9x1.pointwise.weight",
            [16, 128],
        ),
        ("decoder.cells.0.dense_layers.expansion.weight", [40, 32]),
    ] {
        assert_eq!(file.tensor(name).unwrap().shape(), shape, "{name}");
    }
    let source = Tensor::<2, Int>::from_ints([[5, 9, 4, 17, 8, 2]], &device);
    let target = Tensor::<2, Int>::from_ints([[2, 6, 11, 18, 4]], &device);
    let features = [model, loaded].map(|model| model.features(source.clone(), target.clone()).into_data());
    assert_eq!(features[0], features[1]);
}
