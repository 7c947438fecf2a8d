//! One update: gradients of its batches summed, divided once by its target tokens, clipped, stepped.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use lite_data::{Batch, Update};
use lite_eval::workers::Workers;
use lite_model::device::is_host;
use lite_model::dropout::seeded;

use crate::clip::{clip_factor, global_norm};
use crate::loss::Loss;
use crate::optimiser::Optimiser;
use crate::trainee::Trainee;

/// What an update needs to know beside its sentences.
#[derive(Debug, Clone, Copy)]
pub struct UpdateSettings {
    /// The learning rate of this update.
    pub rate: f64,
    /// Label smoothing of the loss.
    pub label_smoothing: f64,
    /// Largest norm of the mean gradient; 0 is no limit.
    pub clip_norm: f64,
    /// What all that is random in the update follows from.
    pub seed: u64,
}

/// Trains `model` on one update. Returns it with the summed loss and likelihood, `[2]`, still on the device.
pub fn train<M: Trainee>(
    model: M,
    optimiser: &mut Optimiser,
    update: &Update,
    settings: UpdateSettings,
    device: &Device,
    workers: &Workers,
) -> (M, Tensor<1>) {
    let (gradients, sums) = gradients(&model, update, &settings, device, workers);
    (step(model, optimiser, gradients, update.n_tokens, settings), sums)
}

/// Steps by the mean of gradients that were summed over `n_tokens` targets, clipped.
pub fn step<M: Module>(
    model: M,
    optimiser: &mut Optimiser,
    gradients: GradientsParams,
    n_tokens: usize,
    settings: UpdateSettings,
) -> M {
    let mut scale = 1.0 / n_tokens as f64;
    if settings.clip_norm > 0.0 {
        scale *= clip_factor(global_norm(&model, &gradients) * scale, settings.clip_norm);
    }
    optimiser.step(settings.rate, scale, model, gradients)
}

/// Gradients of the loss summed over an update, and its sums.
///
/// On a CPU each batch is computed by a worker. Dropout of a batch follows from the update's seed and the batch's place,
/// and sums are taken in the order of the batches, so the number of workers changes nothing.
pub fn gradients<M: Trainee>(
    model: &M,
    update: &Update,
    settings: &UpdateSettings,
    device: &Device,
    workers: &Workers,
) -> (GradientsParams, Tensor<1>) {
    let mut accumulator = GradientsAccumulator::new();
    let mut total: Option<Tensor<1>> = None;
    let mut take = |(gradients, sums): (GradientsParams, Tensor<1>)| {
        accumulator.accumulate(model, gradients);
        total = Some(match total.take() {
            Some(total) => total + sums,
            None => sums,
        });
    };
    if is_host(device) {
        // A copy of the model for each batch shares its weights, but not its graph: autodiff locks a graph as a whole.
        let pieces = update.batches.iter().map(|batch| (model.valid().train(), batch));
        let work = |i: usize, (model, batch): (M, &Batch)| {
            let seed = settings.seed.wrapping_add((i as u64) << 32);
            seeded(seed, || {
                batch_gradients(&model, batch, settings.label_smoothing, device)
            })
        };
        workers.each(pieces.collect(), work, take);
    } else {
        device.seed(settings.seed);
        for batch in &update.batches {
            take(batch_gradients(model, batch, settings.label_smoothing, device));
        }
    }
    (accumulator.grads(), total.expect("an update has a batch"))
}

fn batch_gradients<M: Trainee>(
    model: &M,
    batch: &Batch,
    label_smoothing: f64,
    device: &Device,
) -> (GradientsParams, Tensor<1>) {
    let Loss { surrogate, sums } = model.loss(batch, label_smoothing, device);
    (GradientsParams::from_grads(surrogate.backward(), model), sums)
}

/// A model whose weights are all drawn: lazy ones would be drawn from another point of the random stream.
pub(crate) fn materialised<M: Module>(model: M) -> M {
    model.materialize()
}
