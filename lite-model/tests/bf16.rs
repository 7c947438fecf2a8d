//! Which products a step that learns rounds. The switch is the process's, so that the tests beside the code cannot turn it.
#![cfg(feature = "flex")]

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use lite_model::config::{AdaptiveInputConfig, AdaptiveSoftmaxConfig, PositionKind};
use lite_model::{Architecture, ModelConfig, Task, kernels};

/// What bfloat16 rounds to 1.
const ABOVE_ONE: f32 = 1.0 + 1.0 / 512.0;

/// Makes word vectors and their projections [`ABOVE_ONE`] and all else 0, so that layers add nothing.
#[derive(Default)]
struct Fill {
    path: Vec<String>,
}

impl ModuleMapper for Fill {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_word = self.path.iter().any(|name| name == "embed_tokens");
        param.map(|x| x.full_like(if is_word { ABOVE_ONE } else { 0.0 }))
    }
}

#[test]
fn adaptive_word_vectors_and_clusters_are_projected_in_bf16() {
    let (cutoffs, factor) = (vec![6, 11], 2.0);
    let config = ModelConfig {
        task: Task::LanguageModel,
        decoder_layers: 1,
        dropout: 0.0,
        pre_norm: true,
        final_norm: Some(false),
        positions: PositionKind::None,
        adaptive_input: Some(AdaptiveInputConfig {
            cutoffs: cutoffs.clone(),
            factor,
        }),
        adaptive_softmax: Some(AdaptiveSoftmaxConfig {
            cutoffs,
            factor,
            dropout: 0.0,
            tie_weights: true,
            tie_projections: true,
        }),
        ..ModelConfig::new(Architecture::Transformer, 16, 16)
    };
    let device = Device::flex().autodiff();
    let model = config.init_language_model(20, &device).unwrap();
    let model = model.map(&mut Fill::default());
    let run = || {
        // Of each band a word.
        let features = model.features(Tensor::from_ints([[5, 7, 12]], &device));
        let parts = model.output_parts(Tensor::full([2, 16], ABOVE_ONE, &device), &[7, 12]);
        let clusters = parts[1..].iter().map(|part| part.features.clone().reshape([-1]));
        let found = [features.reshape([-1])].into_iter().chain(clusters);
        let found: Vec<f32> = Tensor::<1>::cat(found.collect(), 0).into_data().try_to_vec().unwrap();
        found
    };
    // As many ones as vectors have channels, times the root of 16; then the clusters', of 16 each.
    let expected: Vec<f32> = [(64.0, 16), (32.0, 16), (16.0, 16), (16.0, 8 + 4)]
        .map(|(sum, n)| vec![sum; n])
        .concat();
    assert!(run().iter().zip(&expected).all(|(floats, rounded)| floats > rounded));
    kernels::round_products(true);
    assert_eq!(run(), expected);
}
