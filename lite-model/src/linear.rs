//! A linear layer, `x W + b`.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module::linear};

/// A linear layer of floats.
///
/// Its parameters are named as burn-nn's are, and on disk they have PyTorch's layout for its name.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[d_input, d_output]`
    weight: Option<Param<Tensor<2>>>,
    /// `[d_output]`
    bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// A layer with weights of `[d_input, d_output]`.
    pub fn new(weight: Param<Tensor<2>>, bias: Option<Param<Tensor<1>>>) -> Self {
        Self {
            weight: Some(weight),
            bias,
        }
    }

    /// # Shapes
    ///
    /// - input: `[rows, d_input]`
    /// - output: `[rows, d_output]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        linear(input, self.weight(), self.bias())
    }

    /// The weights, `[d_input, d_output]`.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.as_ref().expect("a layer of floats").val()
    }

    /// The bias, `[d_output]`, if there is one.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }
}
