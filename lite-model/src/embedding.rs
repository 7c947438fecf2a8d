//! Token embeddings: a table that can also be the output projection.

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Int, Tensor};

use crate::tokens::PAD;

/// A table of one vector a vocabulary entry, `[vocabulary_size, d_model]`.
#[derive(Module, Debug)]
pub struct Embedding {
    weight: Param<Tensor<2>>,
}

/// A table drawn from `N(0, d_model^-0.5)`, with zeros for padding where `zero_padding` says so.
pub(crate) fn table(size: usize, d_model: usize, zero_padding: bool, device: &Device) -> Param<Tensor<2>> {
    let std = (d_model as f64).powf(-0.5);
    let table = Tensor::<2>::random([size, d_model], Distribution::Normal(0.0, std), device);
    let table = if zero_padding {
        let pad = PAD as usize;
        table.slice_assign([pad..pad + 1, 0..d_model], Tensor::zeros([1, d_model], device))
    } else {
        table
    };
    Param::from_tensor(table)
}

impl Embedding {
    /// A table for `size` entries.
    pub fn new(size: usize, d_model: usize, device: &Device) -> Self {
        Self {
            weight: table(size, d_model, true, device),
        }
    }

    /// The whole table, `[vocabulary_size, d_model]`.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.val()
    }

    /// The vectors of `tokens`, times the square root of `d_model`.
    ///
    /// The reference gives the padding row no gradient from here. Nothing is done for that: no loss reaches a
    /// padded position, so its gradient is zero as it is.
    ///
    /// # Shapes
    ///
    /// - tokens: `[batch_size, length]`
    /// - output: `[batch_size, length, d_model]`
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let [batch_size, length] = tokens.dims();
        let weight = self.weight.val();
        let [_, d_model] = weight.dims();
        weight
            .select(0, tokens.reshape([batch_size * length]))
            .mul_scalar((d_model as f64).sqrt())
            .reshape([batch_size, length, d_model])
    }
}
