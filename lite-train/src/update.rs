//! One update: gradients of its batches summed, divided once by its target tokens, clipped, stepped.

use std::panic::resume_unwind;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use lite_data::{Batch, Update};
use lite_model::device::is_host;
use lite_model::dropout::seeded;

use crate::clip::{clip_factor, global_norm};
use crate::devices::{DeviceLost, Devices, Member};
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
///
/// # Errors
///
/// A device beside the main one was lost; so is the model.
pub fn train<M: Trainee>(
    model: M,
    optimiser: &mut Optimiser,
    update: &Update,
    settings: UpdateSettings,
    devices: &Devices,
) -> Result<(M, Tensor<1>), DeviceLost> {
    let (gradients, sums) = gradients(&model, update, &settings, devices)?;
    Ok((step(model, optimiser, gradients, update.n_tokens, settings), sums))
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

/// Gradients of the loss summed over an update, and its sums, on the main device.
///
/// Batches are dealt out to the devices in turn, each of which sums its own; the sums are summed in the order of the
/// devices. `model` is on the main one, and every other gets a copy of it.
///
/// # Errors
///
/// A device beside the main one was lost.
pub fn gradients<M: Trainee>(
    model: &M,
    update: &Update,
    settings: &UpdateSettings,
    devices: &Devices,
) -> Result<(GradientsParams, Tensor<1>), DeviceLost> {
    let (main, others) = devices.members().split_first().expect("a device");
    let share = |place: usize| -> Vec<(usize, &Batch)> {
        let batches = update.batches.iter().enumerate();
        batches.skip(place).step_by(devices.len()).collect()
    };
    let mut summed = Summed::new();
    std::thread::scope(|scope| {
        // Copied here, so that every thread has leaves, and with them a graph, of its own.
        let shares = others.iter().enumerate().map(|(i, member)| (i + 1, member));
        let shares = shares.filter(|(place, _)| *place < update.batches.len());
        let helpers: Vec<_> = shares
            .map(|(place, member)| {
                let batches = share(place);
                let work = move || {
                    member.guard(|| {
                        let copy = model.valid().fork(&member.device.clone().inner()).train();
                        let (gradients, sums) = on_device(&copy, &batches, settings, place, member);
                        let main = main.device.clone().inner();
                        (gradients.to_device(&main, model), sums.to_device(&main))
                    })
                };
                scope.spawn(work)
            })
            .collect();
        let own = on_device(model, &share(0), settings, 0, main);
        let found: Vec<_> = helpers
            .into_iter()
            // Of a processor they are not caught, and are its own.
            .map(|helper| helper.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect();
        summed.take(model, own);
        for found in found {
            summed.take(model, found?);
        }
        Ok(())
    })?;
    Ok(summed.finish())
}

/// Gradients and sums of some batches, each with its place in the update.
///
/// On a CPU each batch is computed by a worker. Dropout of a batch follows from the update's seed and the batch's place,
/// and sums are taken in the order of the batches, so the number of workers changes nothing.
fn on_device<M: Trainee>(
    model: &M,
    batches: &[(usize, &Batch)],
    settings: &UpdateSettings,
    place: usize,
    member: &Member,
) -> (GradientsParams, Tensor<1>) {
    let device = &member.device;
    let mut summed = Summed::new();
    if is_host(device) {
        // A copy of the model for each batch shares its weights, but not its graph: autodiff locks a graph as a whole.
        let pieces = batches.iter().map(|&(i, batch)| (model.valid().train(), i, batch));
        let work = |_, (model, i, batch): (M, usize, &Batch)| {
            let seed = settings.seed.wrapping_add((i as u64) << 32);
            seeded(seed, || {
                batch_gradients(&model, batch, settings.label_smoothing, device)
            })
        };
        member
            .workers
            .each(pieces.collect(), work, |found| summed.take(model, found));
    } else {
        device.seed(settings.seed.wrapping_add((place as u64) << 32));
        for (_, batch) in batches {
            summed.take(model, batch_gradients(model, batch, settings.label_smoothing, device));
        }
    }
    summed.finish()
}

/// Gradients and sums that are added up.
struct Summed<M> {
    gradients: GradientsAccumulator<M>,
    sums: Option<Tensor<1>>,
}

impl<M: Module> Summed<M> {
    fn new() -> Self {
        Self {
            gradients: GradientsAccumulator::new(),
            sums: None,
        }
    }

    fn take(&mut self, model: &M, (gradients, sums): (GradientsParams, Tensor<1>)) {
        self.gradients.accumulate(model, gradients);
        self.sums = Some(match self.sums.take() {
            Some(total) => total + sums,
            None => sums,
        });
    }

    fn finish(mut self) -> (GradientsParams, Tensor<1>) {
        (self.gradients.grads(), self.sums.expect("an update has a batch"))
    }
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
