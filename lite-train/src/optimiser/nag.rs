//! Nesterov's accelerated gradient as fairseq has it (`optim/nag.py`): the momentum holds the learning rate, so it is
//! corrected when the rate changes; the decay acts on the weights.

use burn::tensor::Tensor;

use super::Rule;
use crate::config::OptimiserConfig;

/// What is remembered of a parameter.
pub(super) const SLOTS: [&str; 1] = ["momentum"];

/// What one step multiplies by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// `1 - lr * weight_decay`
    keep: f32,
    /// `momentum^2 * lr / lr_old`: how far the weights follow the momentum before the step.
    ahead: f32,
    /// `(1 + momentum) * lr * scale`, for the gradient as it comes.
    size: f32,
    /// `momentum * lr / lr_old`
    decay: f32,
    /// `lr * scale`
    share: f32,
}

impl Step {
    /// A step at `rate` after one at `rate_before`, which does not matter to the first.
    pub(super) fn new(config: &OptimiserConfig, rate_before: Option<f64>, rate: f64, scale: f64) -> Self {
        let OptimiserConfig {
            momentum, weight_decay, ..
        } = *config;
        // After a rate of 0 the momentum is 0 too, and any factor does; the reference's would be infinite.
        let correction = match rate_before {
            Some(before) if before > 0.0 => rate / before,
            _ => 1.0,
        };
        Self {
            keep: (1.0 - rate * weight_decay) as f32,
            ahead: (momentum * momentum * correction) as f32,
            size: ((1.0 + momentum) * rate * scale) as f32,
            decay: (momentum * correction) as f32,
            share: (rate * scale) as f32,
        }
    }
}

impl Rule<1> for Step {
    fn on_tensors(
        self,
        weights: Tensor<1>,
        gradient: Tensor<1>,
        [momentum]: [Tensor<1>; 1],
    ) -> (Tensor<1>, [Tensor<1>; 1]) {
        let weights = weights.mul_scalar(self.keep) + momentum.clone().mul_scalar(self.ahead)
            - gradient.clone().mul_scalar(self.size);
        let momentum = momentum.mul_scalar(self.decay) - gradient.mul_scalar(self.share);
        (weights, [momentum])
    }

    fn on_slices(self, weights: &mut [f32], gradient: &[f32], [momentum]: [&mut [f32]; 1]) {
        for ((p, m), g) in weights.iter_mut().zip(momentum).zip(gradient) {
            *p = *p * self.keep + *m * self.ahead - g * self.size;
            *m = *m * self.decay - g * self.share;
        }
    }
}
