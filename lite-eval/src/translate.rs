//! A set of sources through a model: sorted by length, decoded in batches, given back in their order.

use burn::tensor::{Device, Int, Tensor, TensorData};
use lite_data::{EOS, collate_sources};
use lite_model::{ModelConfig, Seq2Seq};

use crate::decode::DecodeConfig;
use crate::search::{Hypothesis, ModelStepper, Projection, beam_search};

/// Translates `sources`, each of which ends in `</s>`; for each, `config.n_best` hypotheses or fewer, best first.
///
/// `model_config` is what `model` was built from; it bounds lengths. Every time that `n` more sentences are done,
/// `progress(n)` is called.
///
/// # Panics
///
/// A source is empty or longer than the model's positions: see [`fit`].
pub fn translate(
    model: &Seq2Seq,
    model_config: &ModelConfig,
    sources: &[Vec<u32>],
    config: &DecodeConfig,
    device: &Device,
    progress: &mut dyn FnMut(usize),
) -> Vec<Vec<Hypothesis>> {
    let mut order: Vec<usize> = (0..sources.len()).collect();
    // Short ones first, as the reference batches: where padding leaks into a convolution, the batch is part of the result.
    order.sort_by_key(|&i| sources[i].len());
    let mut results = vec![Vec::new(); sources.len()];
    let projection = Projection::new(model);
    for batch in order.chunks(config.batch_size) {
        let rows: Vec<Vec<u32>> = batch.iter().map(|&i| sources[i].clone()).collect();
        let hypotheses = translate_batch(model, &projection, model_config, &rows, config, device);
        for (&i, mut hypotheses) in batch.iter().zip(hypotheses) {
            hypotheses.truncate(config.n_best);
            results[i] = hypotheses;
        }
        progress(batch.len());
    }
    results
}

fn translate_batch(
    model: &Seq2Seq,
    projection: &Projection,
    model_config: &ModelConfig,
    sources: &[Vec<u32>],
    config: &DecodeConfig,
    device: &Device,
) -> Vec<Vec<Hypothesis>> {
    for source in sources {
        let length = source.len();
        assert!(
            (1..=model_config.max_source_positions).contains(&length),
            "a source of {length} tokens, but the model has {} positions",
            model_config.max_source_positions
        );
    }
    let (tokens, source_length) = collate_sources(sources);
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [sources.len(), source_length]), device);
    let padding = sources.iter().map(|source| source_length - source.len()).collect();
    let mut stepper = ModelStepper::new(model, projection, tokens, padding);
    let max_length = config.max_length(source_length, model_config.max_target_positions);
    beam_search(&mut stepper, sources.len(), max_length, config)
}

/// Cuts a source to what the model has positions for, keeping its `</s>`. Says how long it was if it had to.
pub fn fit(source: &mut Vec<u32>, max_source_positions: usize) -> Option<usize> {
    let length = source.len();
    if length <= max_source_positions {
        return None;
    }
    source.truncate(max_source_positions - 1);
    source.push(EOS);
    Some(length)
}
