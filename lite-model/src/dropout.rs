//! Dropout: zeroes entries with probability `p` and scales the rest by `1 / (1 - p)`.

use burn::module::Module;
use burn::tensor::{Distribution, Tensor};

/// Dropout that acts on a training device (one with autodiff) and nowhere else.
#[derive(Module, Debug)]
pub struct Dropout {
    #[module(skip)]
    probability: f64,
}

impl Dropout {
    /// Drops with `probability`, which is at least 0 and below 1.
    pub fn new(probability: f64) -> Self {
        Self { probability }
    }

    /// Applies dropout; the identity outside training.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        if self.probability == 0.0 || !input.device().is_autodiff() {
            return input;
        }
        let keep = 1.0 - self.probability;
        // The mask carries the scale, so that forward and backward are one product each.
        let mask = input
            .random_like(Distribution::Bernoulli(keep))
            .mul_scalar(keep.recip());
        input * mask
    }
}
