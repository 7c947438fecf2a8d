//! A forward and a backward pass with dropout, without the optimiser.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use lite_model::Seq2Seq;
use lite_model::error::ConfigError;

use super::{Tokens, Workload};

pub(super) fn prepare(
    workload: &Workload,
    mut tokens: Tokens,
    device: &Device,
) -> Result<Box<dyn FnMut()>, ConfigError> {
    let device = device.clone().autodiff();
    let model = workload.model.init(workload.sizes, &device)?;
    let workload = workload.clone();
    Ok(Box::new(move || step(&model, &mut tokens, &workload, &device)))
}

fn step(model: &Seq2Seq, tokens: &mut Tokens, workload: &Workload, device: &Device) {
    let Workload {
        batch,
        source_length,
        target_length,
        sizes,
        ..
    } = *workload;
    let n_tokens = batch * target_length;
    let mut ids = |size, length| {
        let ids: Vec<i32> = (0..batch * length).map(|_| tokens.id(size) as i32).collect();
        Tensor::<2, Int>::from_data(TensorData::new(ids, [batch, length]), device)
    };
    let source = ids(sizes.source, source_length);
    let input = ids(sizes.target, target_length);
    let target = ids(sizes.target, target_length).reshape([n_tokens, 1]);
    let features = model.features(source, input);
    let [_, _, d_model] = features.dims();
    let logits = model.logits(features.reshape([n_tokens, d_model]));
    // Label smoothing as in training, over all rows at once.
    let log_probabilities = log_softmax(logits, 1);
    let smooth = 0.1 / sizes.target as f64;
    let likelihood = log_probabilities.clone().gather(1, target).sum().mul_scalar(0.9);
    let loss = (likelihood + log_probabilities.sum().mul_scalar(smooth)).neg();
    let gradients = loss.backward();
    // A device that works behind our back has finished only when its result is here.
    let loss: f32 = loss.into_scalar();
    assert!(loss.is_finite() && model.projection().grad(&gradients).is_some());
    device.sync().expect("the device finishes its work");
}
