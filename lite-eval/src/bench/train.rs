//! A training step up to the optimiser: the trainer's own loss, dropout, the backward pass, a batch a core, and the sum
//! of the gradients. The optimiser is left out: it belongs to training, and its one pass over the parameters takes less
//! than a hundredth of a step's time.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use lite_data::EOS;
use lite_model::Seq2Seq;
use lite_model::dropout::seeded;
use lite_model::error::ConfigError;
use lite_model::loss::{Loss, label_smoothed};

use super::{Tokens, Workload};
use crate::workers::Workers;

/// As all definitions of the paper have it.
const LABEL_SMOOTHING: f64 = 0.1;

pub(super) fn prepare(
    workload: &Workload,
    mut tokens: Tokens,
    device: &Device,
) -> Result<Box<dyn FnMut()>, ConfigError> {
    workload.precision.use_in_training();
    let device = device.clone().autodiff();
    let model = workload.model.init(workload.sizes, &device)?;
    let workload = workload.clone();
    let workers = Workers::for_device(&device);
    let mut n_steps = 0;
    Ok(Box::new(move || {
        let batches = batches(&workload, &mut tokens, workers.n_threads());
        step(&model, batches, n_steps, &workers, &device);
        n_steps += 1;
    }))
}

/// Sentences that are computed at once.
struct Batch {
    n_sentences: usize,
    source: Vec<i32>,
    target_input: Vec<i32>,
    target_output: Vec<i32>,
}

/// The workload in as many batches of about one size.
fn batches(workload: &Workload, tokens: &mut Tokens, n_batches: usize) -> Vec<Batch> {
    let n_batches = n_batches.clamp(1, workload.batch.max(1));
    let share = |i: usize| workload.batch * i / n_batches;
    let mut sentences = |n: usize, size: usize, length: usize| -> Vec<i32> {
        let sentences = (0..n).flat_map(|_| tokens.sentence(size, length));
        sentences.map(|id| id as i32).collect()
    };
    let mut batch = |n_sentences| {
        let target_output = sentences(n_sentences, workload.sizes.target, workload.target_length);
        let target_input = target_output.chunks(workload.target_length).flat_map(|sentence| {
            let before = &sentence[..sentence.len() - 1];
            std::iter::once(EOS as i32).chain(before.iter().copied())
        });
        Batch {
            n_sentences,
            source: sentences(n_sentences, workload.sizes.source, workload.source_length),
            target_input: target_input.collect(),
            target_output,
        }
    };
    (0..n_batches).map(|i| batch(share(i + 1) - share(i))).collect()
}

fn step(model: &Seq2Seq, batches: Vec<Batch>, seed: u64, workers: &Workers, device: &Device) {
    let mut accumulator = GradientsAccumulator::new();
    let mut total = 0.0;
    // A copy of the model for each batch shares its weights, but not its graph, which autodiff locks as a whole.
    let pieces = batches.iter().map(|batch| (model.valid().train(), batch)).collect();
    workers.each(
        pieces,
        |i, (model, batch): (Seq2Seq, &Batch)| {
            seeded((seed << 32) + i as u64, || batch_gradients(&model, batch, device))
        },
        |(gradients, loss)| {
            accumulator.accumulate(model, gradients);
            total += loss;
        },
    );
    assert!(total.is_finite());
    // A device that works behind our back has finished only when its results are here.
    let gradients = accumulator.grads();
    assert!(!gradients.is_empty());
    device.sync().expect("the device finishes its work");
}

fn batch_gradients(model: &Seq2Seq, batch: &Batch, device: &Device) -> (GradientsParams, f32) {
    let ids = |ids: &[i32]| -> Tensor<2, Int> {
        let shape = [batch.n_sentences, ids.len() / batch.n_sentences];
        Tensor::from_data(TensorData::new(ids.to_vec(), shape), device)
    };
    let features = model.features(ids(&batch.source), ids(&batch.target_input));
    let projection = model.projection();
    let Loss { surrogate, sums } = label_smoothed(features, projection, &batch.target_output, LABEL_SMOOTHING);
    let gradients = GradientsParams::from_grads(surrogate.backward(), model);
    let sums: Vec<f32> = sums.into_data().try_to_vec().expect("sums are f32");
    (gradients, sums[0])
}
