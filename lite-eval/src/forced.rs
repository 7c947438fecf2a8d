//! Given translations, scored: the log-probability of every token of a target after its source.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use lite_data::{EOS, collate_right};
use lite_model::Seq2Seq;

use crate::batches::{cut, order, source_tensor};
use crate::decode::SourcePadding;
use crate::workers::Workers;

/// Logits that are in memory at a time.
const LOGITS: usize = 1 << 24;

/// The natural logarithm of the probability of each target token, `</s>` included, for every pair of a source and a
/// target that end in `</s>`.
///
/// Pairs are computed in batches of similar length, as the reference batches them: by the length of the source, and of
/// equal ones by that of the target. Whenever `n` more are done, `progress(n)` is called.
///
/// # Panics
///
/// A sequence is empty or longer than the model has positions.
pub fn score_pairs(
    model: &Seq2Seq,
    pairs: &[(Vec<u32>, Vec<u32>)],
    batch_size: usize,
    side: SourcePadding,
    device: &Device,
    progress: &mut dyn FnMut(usize),
) -> Vec<Vec<f32>> {
    let (sources, targets): (Vec<usize>, Vec<usize>) = pairs.iter().map(|(s, t)| (s.len(), t.len())).unzip();
    let order = order(&sources, Some(&targets));
    let mut results = vec![Vec::new(); pairs.len()];
    Workers::for_device(device).each(
        cut(&order, batch_size),
        |_, batch| (batch, score_batch(model, pairs, batch, side, device)),
        |(batch, scores)| {
            for (&i, scores) in batch.iter().zip(scores) {
                results[i] = scores;
            }
            progress(batch.len());
        },
    );
    results
}

fn score_batch(
    model: &Seq2Seq,
    pairs: &[(Vec<u32>, Vec<u32>)],
    batch: &[usize],
    side: SourcePadding,
    device: &Device,
) -> Vec<Vec<f32>> {
    let sources: Vec<Vec<u32>> = batch.iter().map(|&i| pairs[i].0.clone()).collect();
    let targets: Vec<Vec<u32>> = batch.iter().map(|&i| pairs[i].1.clone()).collect();
    let features = features(model, &sources, &targets, side, device);
    let rows = targets.iter().enumerate().map(|(row, target)| {
        let rows = features.clone().narrow(0, row, 1).narrow(1, 0, target.len());
        log_probabilities(model, rows.squeeze_dim(0), target, device)
    });
    rows.collect()
}

/// What the model makes of each target position, `[batch_size, length, d_model]`.
fn features(
    model: &Seq2Seq,
    sources: &[Vec<u32>],
    targets: &[Vec<u32>],
    side: SourcePadding,
    device: &Device,
) -> Tensor<3> {
    // A decoder is given </s> first, and each token when the next one is to be told.
    let inputs: Vec<Vec<u32>> = targets
        .iter()
        .map(|target| [EOS].iter().chain(&target[..target.len() - 1]).copied().collect())
        .collect();
    let (inputs, length) = collate_right(&inputs);
    let inputs = Tensor::<2, Int>::from_data(TensorData::new(inputs, [targets.len(), length]), device);
    model.features(source_tensor(sources, side, device).0, inputs)
}

/// Of one target, from its features `[length, d_model]`.
fn log_probabilities(model: &Seq2Seq, features: Tensor<2>, target: &[u32], device: &Device) -> Vec<f32> {
    let vocabulary_size = match model.int8_projection() {
        Some(projection) => projection.d_output(),
        None => model.projection().dims()[0],
    };
    let n_rows = (LOGITS / vocabulary_size).max(1);
    let mut found = Vec::with_capacity(target.len());
    for (i, tokens) in target.chunks(n_rows).enumerate() {
        let rows = features.clone().narrow(0, i * n_rows, tokens.len());
        let tokens: Vec<i32> = tokens.iter().map(|&token| token as i32).collect();
        let shape = [tokens.len(), 1];
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, shape), device);
        let chosen = log_softmax(model.logits(rows), 1).gather(1, tokens);
        found.extend(chosen.into_data().convert::<f32>().iter::<f32>());
    }
    found
}
