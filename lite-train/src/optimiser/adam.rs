//! Adam as fairseq has it (`optim/adam.py`): the decay acts on the weights, and epsilon on the uncorrected root.

use burn::tensor::Tensor;

use super::Rule;
use crate::config::OptimiserConfig;

/// What is remembered of a parameter: running means of its gradient and of that gradient's square.
pub(super) const SLOTS: [&str; 2] = ["mean", "square"];

/// What one step multiplies by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    beta1: f32,
    beta2: f32,
    /// `1 - beta1`, rounded once.
    share1: f32,
    share2: f32,
    epsilon: f32,
    /// `1 - lr * weight_decay`
    keep: f32,
    /// `lr * sqrt(1 - beta2^t) / (1 - beta1^t)`
    size: f32,
    /// What gradients are multiplied by first: one over the number of tokens, and the clipping.
    scale: f32,
}

impl Step {
    /// Step `number`, from 1.
    pub(super) fn new(config: &OptimiserConfig, number: u64, rate: f64, scale: f64) -> Self {
        let OptimiserConfig {
            beta1,
            beta2,
            epsilon,
            weight_decay,
            ..
        } = *config;
        let correction = |beta: f64| 1.0 - beta.powf(number as f64);
        Self {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            share1: (1.0 - beta1) as f32,
            share2: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            keep: (1.0 - rate * weight_decay) as f32,
            size: (rate * correction(beta2).sqrt() / correction(beta1)) as f32,
            scale: scale as f32,
        }
    }
}

impl Rule<2> for Step {
    fn on_tensors(
        self,
        weights: Tensor<1>,
        gradient: Tensor<1>,
        [mean, square]: [Tensor<1>; 2],
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        let gradient = gradient.mul_scalar(self.scale);
        let mean = mean.mul_scalar(self.beta1) + gradient.clone().mul_scalar(self.share1);
        let square = square.mul_scalar(self.beta2) + gradient.square().mul_scalar(self.share2);
        let denominator = square.clone().sqrt().add_scalar(self.epsilon);
        let weights = weights.mul_scalar(self.keep) - mean.clone().div(denominator).mul_scalar(self.size);
        (weights, [mean, square])
    }

    fn on_slices(self, weights: &mut [f32], gradient: &[f32], [mean, square]: [&mut [f32]; 2]) {
        for (((p, m), v), g) in weights.iter_mut().zip(mean).zip(square).zip(gradient) {
            let g = g * self.scale;
            *m = *m * self.beta1 + g * self.share1;
            *v = *v * self.beta2 + g * g * self.share2;
            *p = *p * self.keep - *m / (v.sqrt() + self.epsilon) * self.size;
        }
    }
}
