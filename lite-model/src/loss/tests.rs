//! The loss against the authors' numbers and against autodiff through the plain composition.

use burn::tensor::activation::log_softmax;
use safetensors::SafeTensors;

use super::*;
use crate::draws::Draws;

fn devices() -> Vec<Device> {
    vec![
        #[cfg(feature = "flex")]
        Device::flex(),
        #[cfg(feature = "ndarray")]
        ndarray(),
    ]
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "kept as a second CPU backend for as long as Burn has it")]
fn ndarray() -> Device {
    Device::ndarray()
}

/// The composition as it stands in fairseq `criterions/label_smoothed_cross_entropy.py`.
fn reference(logits: Tensor<2>, targets: &[i32], smoothing: f64) -> Tensor<1> {
    let [n_rows, vocabulary] = logits.dims();
    let device = logits.device();
    let keep: Vec<f32> = targets
        .iter()
        .map(|&target| if target == PAD { 0.0 } else { 1.0 })
        .collect();
    let keep = Tensor::<1>::from_floats(keep.as_slice(), &device).reshape([n_rows, 1]);
    let targets = indices(targets.to_vec(), &device).reshape([n_rows, 1]);
    let log_p = log_softmax(logits, 1);
    let nll = log_p.clone().gather(1, targets).neg() * keep.clone();
    let smooth = log_p.sum_dim(1).neg() * keep;
    (nll.mul_scalar(1.0 - smoothing) + smooth.mul_scalar(smoothing / vocabulary as f64)).sum()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn loss_and_gradient_are_the_references() {
    let bytes = include_bytes!("../../tests/fixtures/label_smoothing.safetensors");
    let golden = SafeTensors::deserialize(bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> { bytemuck_f32(golden.tensor(name).unwrap().data()) };
    let targets: Vec<i32> = golden
        .tensor("ls.target")
        .unwrap()
        .data()
        .chunks_exact(8)
        .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as i32)
        .collect();
    assert!(targets.contains(&PAD));
    for device in devices() {
        // With an identity for a projection features are logits.
        let logits = Tensor::<1>::from_floats(floats("ls.logits").as_slice(), &device).reshape([1, 6, 11]);
        let logits = logits.autodiff().require_grad();
        let identity = Tensor::<2>::eye(11, &device).autodiff();
        let loss = label_smoothed(logits.clone(), identity, &targets, 0.1);
        let sums = values(loss.sums);
        assert!((sums[0] - floats("ls.loss")[0]).abs() < 1e-5, "{sums:?}");
        assert!((sums[1] - floats("ls.nll")[0]).abs() < 1e-5, "{sums:?}");
        let gradients = loss.surrogate.backward();
        let gradient = values(logits.grad(&gradients).unwrap());
        // Rounding of a softmax in f32.
        assert!(worst(&gradient, &floats("ls.grad")) < 1e-6);
    }
}

#[test]
fn gradients_equal_those_of_the_plain_composition() {
    // Large enough for two chunks.
    let (batch_size, length, d_model, vocabulary) = (7, 72, 24, 40_000);
    for device in devices() {
        let mut draws = Draws::new(3);
        let features = draws.tensor([batch_size, length, d_model], &device).mul_scalar(0.5);
        let features = features.autodiff().require_grad();
        let projection = draws.tensor([vocabulary, d_model], &device).mul_scalar(0.5);
        let projection = projection.autodiff().require_grad();
        let targets: Vec<i32> = (0..504)
            .map(|i| if i % 7 == 0 { PAD } else { i * 263 % 40_000 })
            .collect();

        let logits = features
            .clone()
            .reshape([batch_size * length, d_model])
            .matmul(projection.clone().transpose());
        let expected = reference(logits, &targets, 0.1);
        let expected_gradients = expected.backward();

        let loss = label_smoothed(features.clone(), projection.clone(), &targets, 0.1);
        let sums = label_smoothed_sums(features.clone(), projection.clone(), &targets, 0.1);
        for (sum, of_training) in values(sums).into_iter().zip(values(loss.sums.clone())) {
            // Of chunks that are summed in f32 where there is no kernel.
            assert!((sum - of_training).abs() <= 2e-7 * of_training, "{sum} {of_training}");
        }
        let gradients = loss.surrogate.backward();
        let (loss, expected) = (values(loss.sums)[0], values(expected.inner())[0]);
        assert!((loss - expected).abs() < 2e-6 * expected, "{loss} and not {expected}");
        let compare = |ours: Vec<f32>, theirs: Vec<f32>| {
            let scale = theirs.iter().fold(0f32, |m, v| m.max(v.abs()));
            let worst = worst(&ours, &theirs);
            // Sums of 40,000 terms in another order.
            assert!(worst < 1e-5 * scale, "{worst} of {scale}");
        };
        let of = |tensor: &Tensor<3>, gradients| values(tensor.grad(gradients).unwrap());
        compare(of(&features, &gradients), of(&features, &expected_gradients));
        let of = |tensor: &Tensor<2>, gradients| values(tensor.grad(gradients).unwrap());
        compare(of(&projection, &gradients), of(&projection, &expected_gradients));
    }
}

#[test]
fn both_ways_to_compute_a_chunk_agree() {
    for device in devices() {
        let logits = Draws::new(5).tensor([9, 333], &device).mul_scalar(4.0);
        let targets: Vec<i32> = (0..9).map(|i| 2 + i * 31).collect();
        let a = chunk_loss(logits.clone(), &targets, 0.1, true);
        let b = chunk_loss_on_device(logits, &targets, 0.1, true);
        assert!(worst(&values(a.sums), &values(b.sums)) < 1e-4);
        assert!(worst(&values(a.gradient.unwrap()), &values(b.gradient.unwrap())) < 1e-6);
    }
}

fn bytemuck_f32(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}
