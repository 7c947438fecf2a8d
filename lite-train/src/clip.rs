//! Clipping by the norm of all gradients together (torch `clip_grad_norm_`); Burn clips each tensor by itself. The norm of
//! the weights, which says whether they are still numbers.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The Euclidean norm of all gradients of `model`. Waits for the device.
pub fn global_norm<M: Module>(model: &M, gradients: &GradientsParams) -> f64 {
    norm(model, Some(gradients))
}

/// The Euclidean norm of all weights of `model`, which is without autodiff: infinite or NaN where a weight is that or has a
/// square beyond single precision. Waits for the device.
pub fn weights_norm<M: Module>(model: &M) -> f64 {
    norm(model, None)
}

/// Of gradients, or without them of weights.
fn norm<M: Module>(model: &M, gradients: Option<&GradientsParams>) -> f64 {
    struct Squares<'a> {
        gradients: Option<&'a GradientsParams>,
        total: Option<Tensor<1>>,
    }
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = match self.gradients {
                Some(gradients) => gradients.get::<D>(param.id),
                None => Some(param.val()),
            };
            if let Some(tensor) = tensor {
                let square = tensor.square().sum();
                self.total = Some(match self.total.take() {
                    Some(total) => total + square,
                    None => square,
                });
            }
        }
    }
    let mut squares = Squares { gradients, total: None };
    model.visit(&mut squares);
    squares
        .total
        .map_or(0.0, |total| f64::from(total.into_scalar::<f32>()).sqrt())
}

/// What gradients of norm `norm` are multiplied by so that it does not exceed `max_norm`; 0 is no limit.
pub fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    if max_norm > 0.0 {
        (max_norm / (norm + 1e-6)).min(1.0)
    } else {
        1.0
    }
}
