//! A linear layer, `x W + b`: of floats, or with weights of 8 bits where a model computes and no longer learns.

use std::sync::Arc;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Tensor, TensorData, module::linear};

use crate::kernels::int8::{Int8Builder, Int8Matrix, Kernel};
use crate::kernels::{plain, rounds};

/// A linear layer.
///
/// The parameters of floats are named as burn-nn's are, and on disk they have PyTorch's layout for its name. A layer of 8
/// bits has no parameters.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[d_input, d_output]`
    weight: Option<Param<Tensor<2>>>,
    /// `[d_output]`
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    int8: Option<Arc<Int8Linear>>,
}

/// What a linear layer consists of.
#[expect(clippy::large_enum_variant, reason = "taken apart where it is made")]
pub(crate) enum LinearParts {
    /// Weights of `[d_input, d_output]`, a bias of `[d_output]`.
    Floats(Tensor<2>, Option<Tensor<1>>),
    Int8(Arc<Int8Linear>),
}

/// A linear layer with weights of 8 bits.
#[derive(Debug)]
pub struct Int8Linear {
    /// `[d_output, d_input]`
    pub weight: Arc<Int8Matrix>,
    /// `[d_output]`
    pub bias: Option<Vec<f32>>,
}

impl Linear {
    /// A layer with weights of `[d_input, d_output]`.
    pub fn new(weight: Param<Tensor<2>>, bias: Option<Param<Tensor<1>>>) -> Self {
        Self {
            weight: Some(weight),
            bias,
            int8: None,
        }
    }

    /// # Shapes
    ///
    /// - input: `[rows, d_input]`
    /// - output: `[rows, d_output]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        match &self.int8 {
            Some(int8) => product(&int8.weight, int8.bias.as_deref(), input),
            None if rounds(&input) => {
                let output = plain::rounded(input, self.weight());
                match self.bias() {
                    Some(bias) => output + bias.unsqueeze(),
                    None => output,
                }
            }
            None => linear(input, self.weight(), self.bias()),
        }
    }

    /// The weights and the bias alone.
    pub(crate) fn into_parts(self) -> LinearParts {
        match self.int8 {
            Some(int8) => LinearParts::Int8(int8),
            None => LinearParts::Floats(self.weight(), self.bias()),
        }
    }

    /// The weights of a layer of floats, `[d_input, d_output]`.
    ///
    /// # Panics
    ///
    /// The layer has weights of 8 bits.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.as_ref().expect("a layer of floats").val()
    }

    /// The bias of a layer of floats, `[d_output]`, if there is one.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }

    /// The weights of 8 bits, where the layer has such.
    pub fn int8(&self) -> Option<&Int8Linear> {
        self.int8.as_deref()
    }

    /// Which parameters hold the weights, of `[d_input, d_output]`, and the bias; the weights of 8 bits are none.
    pub(crate) fn ids(&self) -> (Option<(ParamId, [usize; 2])>, Option<ParamId>) {
        let weight = self
            .weight
            .as_ref()
            .map(|weight| (weight.id, weight.lazy_shape().dims()));
        (weight, self.bias.as_ref().map(|bias| bias.id))
    }

    /// Puts weights of 8 bits in the place of floats.
    pub(crate) fn set_int8(&mut self, weight: Int8Matrix, bias: Option<Vec<f32>>) {
        *self = Self {
            weight: None,
            bias: None,
            int8: Some(Arc::new(Int8Linear {
                weight: Arc::new(weight),
                bias,
            })),
        };
    }

    /// Quantises the weights, a scale for each output channel. What is in 8 bits already stays as it is.
    pub fn quantise(&mut self) {
        let Some(weight) = self.weight.take() else { return };
        let [d_input, d_output] = weight.lazy_shape().dims();
        let values = floats(weight.into_value());
        let mut builder = Int8Builder::new(d_output, d_input, Kernel::detect());
        let mut channel = vec![0.0; d_input];
        for output in 0..d_output {
            for (weight, row) in channel.iter_mut().zip(values.chunks_exact(d_output)) {
                *weight = row[output];
            }
            builder.push(&channel);
        }
        let bias = self.bias.take().map(|bias| floats(bias.into_value()));
        self.set_int8(builder.finish(), bias);
    }
}

/// A table of floats, `[d_output, d_input]`, in 8 bits.
pub(crate) fn quantised(table: Tensor<2>) -> Int8Matrix {
    let [d_output, d_input] = table.dims();
    let mut builder = Int8Builder::new(d_output, d_input, Kernel::detect());
    for channel in floats(table).chunks_exact(d_input) {
        builder.push(channel);
    }
    builder.finish()
}

/// `input` of `[rows, d_input]` by a matrix of `[d_output, d_input]`, plus a bias: `[rows, d_output]`, on the input's device.
pub(crate) fn product(matrix: &Int8Matrix, bias: Option<&[f32]>, input: Tensor<2>) -> Tensor<2> {
    let [rows, _] = input.dims();
    let device = input.device();
    let mut output = vec![0.0; rows * matrix.d_output()];
    matrix.product(&floats(input), bias, &mut output);
    Tensor::from_data(TensorData::new(output, [rows, matrix.d_output()]), &device)
}

/// A tensor's numbers, without a copy where nobody else has it.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.try_into_vec().expect("converted to f32")
}
