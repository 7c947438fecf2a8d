//! How much of what a processor multiplies at best a training step reaches: its matrix products' floating-point operations a
//! second, beside those of a large matrix product in the same process.

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use lite_model::cost::{Convention, Cost, Lengths, Part};
use serde::Serialize;

use super::Workload;
use crate::workers::Workers;

/// Rows and columns of the large product's matrices.
const SIDE: usize = 1024;

/// How often it is computed; the fastest counts.
const REPETITIONS: usize = 8;

/// Operations a second, in thousand millions.
#[derive(Serialize, Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Of the step: linear layers, attention and the projection to words, forwards once and backwards twice. What is no matrix
    /// product takes time and counts nothing.
    pub gflops: f64,
    /// Of the large product, one on each thread.
    pub matrix_gflops: f64,
    /// The one as a share of the other.
    pub matrix_share: f64,
}

impl Rate {
    /// The rate of a training step that takes `seconds`.
    pub(super) fn of_training(workload: &Workload, seconds: f64, device: &Device) -> Self {
        let gflops = operations(workload) / seconds / 1e9;
        let matrix_gflops = largest(&Workers::for_device(device), device);
        Self {
            gflops,
            matrix_gflops,
            matrix_share: gflops / matrix_gflops,
        }
    }
}

/// Multiplications and additions of a training step's matrix products.
fn operations(workload: &Workload) -> f64 {
    let lengths = Lengths {
        source: workload.source_length,
        target: workload.target_length,
    };
    let cost = Cost::new(&workload.model, workload.sizes, lengths);
    // The paper's counting leaves out nothing that is a matrix product but this one; norms, which it counts, are a
    // thousandth.
    let projection = workload.target_length * workload.model.d_model * workload.sizes.target;
    let mult_adds = cost.total(Convention::AsPaper).mult_adds
        - cost.part(Part::OutputProjection, Convention::AsPaper).mult_adds
        + projection as u64;
    (workload.batch as u64 * mult_adds) as f64 * 2.0 * 3.0
}

/// What large matrix products reach.
fn largest(workers: &Workers, device: &Device) -> f64 {
    let matrix = || Tensor::<2>::random([SIDE, SIDE], Distribution::Uniform(-1.0, 1.0), device);
    let (a, b) = (matrix(), matrix());
    let n = workers.n_threads();
    let once = || {
        device.sync().expect("the device finishes its work");
        let start = Instant::now();
        workers.each(vec![(); n], |_, ()| a.clone().matmul(b.clone()), drop);
        device.sync().expect("the device finishes its work");
        start.elapsed().as_secs_f64()
    };
    let fastest = (0..REPETITIONS).map(|_| once()).fold(f64::INFINITY, f64::min);
    (2 * n * SIDE.pow(3)) as f64 / fastest / 1e9
}

#[cfg(test)]
mod tests {
    use lite_model::{ModelConfig, VocabularySizes};

    use super::*;
    use crate::bench::Task;
    use crate::precision::Precision;

    #[test]
    fn a_training_step_is_three_passes_of_all_products() {
        let model: ModelConfig = serde_json::from_value(serde_json::json!({
            "architecture": "transformer",
            "d_model": 8,
            "d_ff": 32,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "n_heads": 2,
            "share_embeddings": "all"
        }))
        .unwrap();
        let workload = Workload {
            task: Task::Train,
            model,
            sizes: VocabularySizes::joint(100),
            batch: 3,
            source_length: 5,
            target_length: 7,
            beam: 4,
            length_penalty: 0.6,
            precision: Precision::F32,
        };
        // Projections and the two products of attention, in the encoder, the decoder, and between them.
        let attention = |queries: usize, keys: usize| (2 * queries + 2 * keys) * 64 + 2 * queries * keys * 8;
        let feed_forward = |length: usize| 2 * length * 8 * 32;
        let norms = 5 * 2 * 8 + 7 * 3 * 8;
        let sentence = attention(5, 5) + feed_forward(5) + attention(7, 7) + attention(7, 5) + feed_forward(7);
        let expected = 3 * 6 * (sentence + norms + 7 * 8 * 100);
        assert_eq!(operations(&workload), expected as f64);
    }
}
