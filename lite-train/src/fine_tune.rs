//! Training on with some weights tied or held (Han et al. 2015, 2016): what `lite-eval compress --fine-tune` asks for, in the
//! folder that `lite_eval::compress::tune` describes.
//!
//! Weights of one code get the sum of their gradients, each of them, so that under any optimiser that works weight by weight
//! they stay equal; a weight that is held gets none.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use lite_eval::compress::tune::{Request, TuneFolder};
use lite_model::{Seq2Seq, weights};

use crate::devices::Devices;
use crate::feed::Feed;
use crate::optimiser::Optimiser;
use crate::run::Run;
use crate::update::{UpdateSettings, gradients, materialised, step};
use crate::validate::read_sums;

/// The code of a weight that moves alone.
const FREE: i32 = -1;
/// The code of a weight that stays zero.
const HELD: usize = 0;

/// Which weights move together: the codes of each parameter, in the order in which a model is visited.
#[derive(Debug)]
pub struct Codes(Vec<Vec<i32>>);

impl Codes {
    /// Codes that were loaded as if they were weights.
    pub fn of(codes: &Seq2Seq) -> Self {
        #[derive(Default)]
        struct Read(Vec<Vec<i32>>);
        impl ModuleVisitor for Read {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let data = param.val().into_data();
                let values = data.as_slice::<f32>().expect("parameters are f32");
                self.0.push(values.iter().map(|&code| code as i32).collect());
            }
        }
        let mut read = Read::default();
        codes.visit(&mut read);
        Self(read.0)
    }

    /// Gradients as the codes ask for them.
    pub fn apply<M: Module>(&self, model: &M, gradients: GradientsParams) -> GradientsParams {
        struct Apply<'a> {
            codes: std::slice::Iter<'a, Vec<i32>>,
            gradients: GradientsParams,
        }
        impl ModuleVisitor for Apply<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let codes = self.codes.next().expect("codes for every parameter");
                let Some(gradient) = self.gradients.remove::<D>(param.id) else {
                    return;
                };
                let (device, shape) = (gradient.device(), gradient.shape());
                let data = gradient.into_data();
                let values = data.as_slice::<f32>().expect("gradients are f32");
                let data = TensorData::new(tied(values, codes), shape);
                self.gradients.register(param.id, Tensor::<D>::from_data(data, &device));
            }
        }
        let mut apply = Apply {
            codes: self.0.iter(),
            gradients,
        };
        model.visit(&mut apply);
        apply.gradients
    }
}

/// The gradient of each weight when those of one code are one.
fn tied(gradient: &[f32], codes: &[i32]) -> Vec<f32> {
    let n_codes = codes.iter().max().map_or(0, |&code| (code + 1).max(0)) as usize;
    let mut sums = vec![0f64; n_codes];
    for (&code, &gradient) in codes.iter().zip(gradient) {
        if code != FREE {
            sums[code as usize] += f64::from(gradient);
        }
    }
    if let Some(held) = sums.get_mut(HELD) {
        *held = 0.0;
    }
    let of_weight = |(&code, &gradient): (&i32, &f32)| match code {
        FREE => gradient,
        code => sums[code as usize] as f32,
    };
    codes.iter().zip(gradient).map(of_weight).collect()
}

/// Trains on as the folder says, and puts the weights into it. `progress(update, loss)` is called after each update.
pub fn fine_tune(
    run: &Run<'_>,
    folder: &TuneFolder,
    request: &Request,
    progress: &mut dyn FnMut(u64, f64),
) -> anyhow::Result<()> {
    run.train.precision.use_in_training();
    let devices = Devices::new(run.devices.iter().cloned());
    let device = devices.main();
    device.seed(run.seed);
    let codes = weights::load(run.model.init(run.sizes(), run.device())?, &folder.codes())?;
    let codes = Codes::of(&codes);
    let model = materialised(run.model.init(run.sizes(), device)?);
    let mut model = weights::load(model, &folder.weights())?;
    let mut optimiser = Optimiser::new(run.train.optimiser.clone());
    let feed = Feed::new(run, (&run.prepared.train).into())?;
    let peak = (0..run.train.updates)
        .map(|update| run.train.schedule.rate(update, run.train.updates))
        .fold(0.0, f64::max);
    let mut done = 0;
    let mut epoch = 0;
    while done < request.updates {
        let plans = feed.plans(epoch)?;
        for plan in plans.iter().take((request.updates - done) as usize) {
            let update = feed.load(plan, epoch);
            let settings = UpdateSettings {
                rate: request.rate * peak * (1.0 - done as f64 / request.updates as f64),
                label_smoothing: run.train.label_smoothing,
                clip_norm: run.train.clip_norm,
                seed: run.seed.wrapping_add(done + 1),
            };
            let (gradients, sums) = gradients(&model, &update, &settings, &devices)?;
            let gradients = codes.apply(&model, gradients);
            model = step(model, &mut optimiser, gradients, update.n_tokens, settings);
            done += 1;
            progress(done, read_sums(sums)[0] / update.n_tokens as f64);
        }
        epoch += 1;
    }
    weights::save(&model.valid(), &folder.tuned())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_of_one_code_are_summed_and_those_of_held_weights_are_none() {
        let gradient = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        assert_eq!(
            tied(&gradient, &[-1, 0, 2, 1, 2, -1]),
            [1.0, 0.0, 20.0, 8.0, 20.0, 32.0]
        );
        assert_eq!(tied(&gradient, &[-1; 6]), gradient);
    }
}
