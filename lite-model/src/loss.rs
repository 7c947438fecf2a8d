//! Label-smoothed cross-entropy, summed over targets, without a graph over the vocabulary.
//!
//! A graph would keep several `[targets, vocabulary]` tensors for the backward pass. Instead the rows are taken in
//! chunks of plain tensors, the gradients of features and projection are computed at once, and a scalar whose
//! backward pass yields just these gradients is handed to autodiff.

pub(crate) mod rows;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::device::is_host;
use crate::kernels;
use crate::tokens;

/// The id that takes no part in the loss.
pub(crate) const PAD: i32 = tokens::PAD as i32;

/// The loss of one batch.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Its backward pass gives the gradients of the summed loss; its value means nothing.
    pub surrogate: Tensor<1>,
    /// The summed loss, and the part of it that is likelihood alone, in nats: `[2]`, without autodiff.
    pub sums: Tensor<1>,
}

/// What one chunk of rows contributes.
struct Chunk {
    sums: Tensor<1>,
    /// Gradient of the logits, `[rows, vocabulary]`.
    gradient: Option<Tensor<2>>,
}

/// The summed loss of `features` under `projection`, and what is needed for its gradients.
///
/// Equal to fairseq's `(1 - smoothing) * nll + smoothing / V * sum(-log p)` over all V entries, pad included,
/// for targets that are no pads.
///
/// # Shapes
///
/// - features: `[batch_size, target_length, d_model]`
/// - projection: `[vocabulary, d_model]`
/// - targets: `batch_size * target_length`, pads are 1
pub fn label_smoothed(features: Tensor<3>, projection: Tensor<2>, targets: &[i32], smoothing: f64) -> Loss {
    if let Some((surrogate, sums)) = kernels::label_smoothed(&features, &projection, targets, smoothing) {
        let sums = on_device(sums, &features.device().inner());
        return Loss { surrogate, sums };
    }
    let (features, targets) = without_padding(features, targets);
    let input = features.clone().inner();
    let weight = projection.clone().inner();
    let mut sums = Sums::default();
    let mut input_gradients = Vec::new();
    let mut weight_gradient: Option<Tensor<2>> = None;
    for (rows, targets) in chunks(&input, &weight, &targets) {
        let chunk = chunk_loss(
            kernels::product(rows.clone(), weight.clone().transpose()),
            targets,
            smoothing,
            true,
        );
        sums.add(chunk.sums);
        let gradient = chunk.gradient.expect("was asked for");
        input_gradients.push(kernels::product(gradient.clone(), weight.clone()));
        let part = kernels::product(gradient.transpose(), rows);
        weight_gradient = Some(match weight_gradient {
            Some(sum) => sum + part,
            None => part,
        });
    }
    let input_gradient = Tensor::cat(input_gradients, 0);
    let weight_gradient = weight_gradient.expect("a batch has a target");
    let surrogate = (features * input_gradient).sum() + (projection * weight_gradient).sum();
    Loss {
        surrogate,
        sums: sums.total(),
    }
}

/// The sums of [`label_smoothed`] alone, for validation.
pub fn label_smoothed_sums(features: Tensor<3>, projection: Tensor<2>, targets: &[i32], smoothing: f64) -> Tensor<1> {
    let (features, targets) = without_padding(features.inner(), targets);
    let weight = projection.inner();
    let logits = |rows: Tensor<2>| rows.matmul(weight.clone().transpose());
    let pieces = chunks(&features, &weight, &targets);
    if is_host(&features.device()) {
        let total = pieces.fold([0.0, 0.0], |[loss, nll], (rows, targets)| {
            let (more_loss, more_nll) = host_loss(logits(rows), targets, smoothing, false).0;
            [loss + more_loss, nll + more_nll]
        });
        return on_device(total, &features.device());
    }
    let mut sums = Sums::default();
    for (rows, targets) in pieces {
        sums.add(chunk_loss_on_device(logits(rows), targets, smoothing, false).sums);
    }
    sums.total()
}

fn on_device([loss, nll]: [f64; 2], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(vec![loss as f32, nll as f32], [2]), device)
}

/// Rows of targets that are no pads, and these targets.
fn without_padding(features: Tensor<3>, targets: &[i32]) -> (Tensor<2>, Vec<i32>) {
    let [batch_size, length, d_model] = features.dims();
    assert_eq!(batch_size * length, targets.len(), "one target for each position");
    let features = features.reshape([batch_size * length, d_model]);
    let rows: Vec<i32> = (0i32..)
        .zip(targets)
        .filter(|(_, target)| **target != PAD)
        .map(|(row, _)| row)
        .collect();
    if rows.len() == targets.len() {
        return (features, targets.to_vec());
    }
    let kept = rows.iter().map(|&row| targets[row as usize]).collect();
    let rows = indices(rows, &features.device());
    (features.select(0, rows), kept)
}

/// Rows in pieces whose logits are small enough to stay near the processor, or to fit the device.
fn chunks<'a>(
    input: &Tensor<2>,
    weight: &Tensor<2>,
    targets: &'a [i32],
) -> impl Iterator<Item = (Tensor<2>, &'a [i32])> {
    let budget = if is_host(&input.device()) {
        HOST_LOGITS
    } else {
        DEVICE_LOGITS
    };
    let [vocabulary, _] = weight.dims();
    let size = (budget / vocabulary).max(64);
    let input = input.clone();
    targets
        .chunks(size)
        .enumerate()
        .map(move |(chunk, targets)| (input.clone().narrow(0, chunk * size, targets.len()), targets))
}

/// Logits held at a time on a processor: 32 MiB. With fewer rows a chunk, going through the projection's gradient for
/// each costs more; with more, nothing is gained but memory lost, since every core has its own.
pub(crate) const HOST_LOGITS: usize = 1 << 23;
/// Logits held at a time on an accelerator: 512 MiB.
const DEVICE_LOGITS: usize = 1 << 27;

fn chunk_loss(logits: Tensor<2>, targets: &[i32], smoothing: f64, with_gradient: bool) -> Chunk {
    let device = logits.device();
    if is_host(&device) {
        let ((loss, nll), gradient) = host_loss(logits, targets, smoothing, with_gradient);
        let sums = on_device([loss, nll], &device);
        return Chunk { sums, gradient };
    }
    chunk_loss_on_device(logits, targets, smoothing, with_gradient)
}

/// Summed loss and likelihood, and the gradient of the logits in their place.
fn host_loss(
    logits: Tensor<2>,
    targets: &[i32],
    smoothing: f64,
    with_gradient: bool,
) -> ((f64, f64), Option<Tensor<2>>) {
    let ([n_rows, vocabulary], device) = (logits.dims(), logits.device());
    debug_assert_eq!(n_rows, targets.len());
    let mut data = logits.into_data();
    let values = data.as_mut_slice::<f32>().expect("logits are f32");
    let sums = rows::label_smoothed_rows(values, vocabulary, targets, smoothing, with_gradient);
    (sums, with_gradient.then(|| Tensor::from_data(data, &device)))
}

/// The same as tensor operations, for devices whose memory is their own.
fn chunk_loss_on_device(logits: Tensor<2>, targets: &[i32], smoothing: f64, with_gradient: bool) -> Chunk {
    let [n_rows, vocabulary] = logits.dims();
    let uniform = smoothing / vocabulary as f64;
    let targets = indices(targets.to_vec(), &logits.device()).reshape([n_rows, 1]);
    let at_target = logits.clone().gather(1, targets.clone());
    let total = logits.clone().sum_dim(1);
    let largest = logits.clone().max_dim(1);
    let exponentials = (logits - largest.clone()).exp();
    let partition = exponentials.clone().sum_dim(1);
    let log_partition = partition.clone().log() + largest;
    let nll = log_partition.clone() - at_target;
    let smooth = log_partition.mul_scalar(vocabulary as f64) - total;
    let loss = nll.clone().mul_scalar(1.0 - smoothing) + smooth.mul_scalar(uniform);
    let gradient = with_gradient.then(|| {
        let hit = Tensor::full([n_rows, 1], smoothing - 1.0, &exponentials.device());
        (exponentials / partition)
            .sub_scalar(uniform)
            .scatter(1, targets, hit, IndexingUpdateOp::Add)
    });
    Chunk {
        sums: Tensor::cat(vec![loss.sum(), nll.sum()], 0),
        gradient,
    }
}

fn indices(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

#[derive(Default)]
struct Sums(Option<Tensor<1>>);

impl Sums {
    fn add(&mut self, sums: Tensor<1>) {
        self.0 = Some(match self.0.take() {
            Some(total) => total + sums,
            None => sums,
        });
    }

    fn total(self) -> Tensor<1> {
        self.0.expect("a batch has a target")
    }
}

#[cfg(test)]
mod tests;
