//! Token embeddings: a table that can also be the output projection.

use std::sync::Arc;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Distribution, Int, Shape, Tensor, TensorData};

use crate::kernels::int8::Int8Matrix;
use crate::linear::quantised;
use crate::tokens::PAD;

/// A table of one vector a vocabulary entry, `[vocabulary_size, d_model]`.
#[derive(Module, Debug)]
pub struct Embedding {
    /// Absent where the table is in 8 bits.
    weight: Option<Param<Tensor<2>>>,
    #[module(skip)]
    int8: Option<Arc<Int8Matrix>>,
}

/// The vectors of a vocabulary, `[vocabulary_size, d_model]`.
#[expect(clippy::large_enum_variant, reason = "taken apart where it is made")]
pub(crate) enum Table {
    Floats(Tensor<2>),
    Int8(Arc<Int8Matrix>),
}

/// A table drawn from `N(0, d_model^-0.5)` when it is first asked for, with zeros for padding where `zero_padding` says so.
pub(crate) fn table(size: usize, d_model: usize, zero_padding: bool, device: &Device) -> Param<Tensor<2>> {
    let draw = move |device: &Device, is_require_grad| {
        let std = (d_model as f64).powf(-0.5);
        let table = Tensor::<2>::random([size, d_model], Distribution::Normal(0.0, std), device);
        let table = if zero_padding {
            let pad = PAD as usize;
            table.slice_assign([pad..pad + 1, 0..d_model], Tensor::zeros([1, d_model], device))
        } else {
            table
        };
        match is_require_grad {
            true => table.require_grad(),
            false => table,
        }
    };
    Param::uninitialized(ParamId::new(), draw, device.clone(), true, Shape::from([size, d_model]))
}

impl Embedding {
    /// A table for `size` entries.
    pub fn new(size: usize, d_model: usize, device: &Device) -> Self {
        Self {
            weight: Some(table(size, d_model, true, device)),
            int8: None,
        }
    }

    /// The whole table of floats, `[vocabulary_size, d_model]`.
    ///
    /// # Panics
    ///
    /// The table is in 8 bits.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.as_ref().expect("a table of floats").val()
    }

    /// The table in 8 bits, where it is.
    pub fn int8(&self) -> Option<&Arc<Int8Matrix>> {
        self.int8.as_ref()
    }

    /// Quantises the table, a scale for each vector. What is in 8 bits already stays as it is.
    pub(crate) fn quantise(&mut self) {
        if let Some(weight) = self.weight.take() {
            self.set_int8(quantised(weight.into_value()));
        }
    }

    /// Which parameter holds the table of floats, of `[vocabulary_size, d_model]`.
    pub(crate) fn id(&self) -> Option<(ParamId, [usize; 2])> {
        let weight = self.weight.as_ref()?;
        Some((weight.id, weight.lazy_shape().dims()))
    }

    /// Puts a table of 8 bits in the place of floats.
    pub(crate) fn set_int8(&mut self, table: Int8Matrix) {
        self.weight = None;
        self.int8 = Some(Arc::new(table));
    }

    /// Takes the table away, so that it can be packed elsewhere, and leaves a row of it; one in 8 bits is shared.
    pub(crate) fn take_table(&mut self) -> Table {
        if let Some(table) = &self.int8 {
            return Table::Int8(table.clone());
        }
        let weight = self.weight();
        let row = weight.clone().narrow(0, 0, 1).into_data();
        self.weight = Some(Param::from_tensor(Tensor::from_data(row, &weight.device())));
        Table::Floats(weight)
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
        if let Some(table) = &self.int8 {
            return vectors(table, tokens);
        }
        let weight = self.weight();
        let [_, d_model] = weight.dims();
        weight
            .select(0, tokens.reshape([batch_size * length]))
            .mul_scalar((d_model as f64).sqrt())
            .reshape([batch_size, length, d_model])
    }
}

/// The vectors of `tokens` from a table in 8 bits, times the square root of their length.
fn vectors(table: &Int8Matrix, tokens: Tensor<2, Int>) -> Tensor<3> {
    let [batch_size, length] = tokens.dims();
    let (device, d_model) = (tokens.device(), table.d_input());
    let mut output = vec![0.0; batch_size * length * d_model];
    let ids = tokens.into_data();
    for (vector, id) in output.chunks_exact_mut(d_model).zip(ids.iter::<i64>()) {
        table.channel(id as usize, vector);
        vector.iter_mut().for_each(|x| *x *= (d_model as f32).sqrt());
    }
    Tensor::from_data(TensorData::new(output, [batch_size, length, d_model]), &device)
}
