//! Positions: sines and cosines in two halves, a learnt table, or none
//! (fairseq `sinusoidal_positional_embedding.py`, `learned_positional_embedding.py`).

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::PositionKind;
use crate::tokens::PAD;

/// Vectors added to the embeddings of tokens.
///
/// The k-th token that is no padding, from 1, stands at position `k + 1`; padding stands at position 1.
#[derive(Module, Debug)]
pub struct Positions {
    /// The learnt table, `[max_positions + 2, d_model]`.
    weight: Option<Param<Tensor<2>>>,
    /// Empty where there are no positions.
    #[module(skip)]
    sinusoid: Arc<Vec<f32>>,
    #[module(skip)]
    d_model: usize,
}

impl Positions {
    /// Positions for sequences of up to `max_positions` tokens.
    pub fn new(kind: PositionKind, d_model: usize, max_positions: usize, device: &Device) -> Self {
        let n_rows = max_positions + PAD as usize + 1;
        let (weight, table) = match kind {
            PositionKind::None => (None, vec![]),
            PositionKind::Sinusoidal => (None, sinusoid(n_rows, d_model)),
            PositionKind::Learned => {
                let std = (d_model as f64).powf(-0.5);
                (
                    Some(Initializer::Normal { mean: 0.0, std }.init([n_rows, d_model], device)),
                    vec![],
                )
            }
        };
        Self {
            weight,
            sinusoid: Arc::new(table),
            d_model,
        }
    }

    /// # Shapes
    ///
    /// - tokens: `[batch_size, length]`
    /// - output: `[batch_size, length, d_model]`
    pub fn forward(&self, tokens: &Tensor<2, Int>) -> Tensor<3> {
        let [batch_size, length] = tokens.dims();
        if self.is_absent() {
            return Tensor::zeros([batch_size, length, self.d_model], &tokens.device());
        }
        let is_token = tokens.clone().not_equal_elem(PAD).int();
        let positions = is_token.clone().cumsum(1) * is_token + PAD;
        let rows = self.rows(length + PAD as usize + 1, &tokens.device());
        rows.select(0, positions.reshape([batch_size * length]))
            .reshape([batch_size, length, self.d_model])
    }

    /// The vector of the token at `offset`, from 0, of a sequence without padding: `[1, 1, d_model]`.
    pub fn step(&self, offset: usize, device: &Device) -> Tensor<3> {
        if self.is_absent() {
            return Tensor::zeros([1, 1, self.d_model], device);
        }
        let row = offset + PAD as usize + 1;
        match &self.weight {
            Some(weight) => weight.val().narrow(0, row, 1).unsqueeze_dim(0),
            None => {
                let row = self.sinusoid[row * self.d_model..(row + 1) * self.d_model].to_vec();
                Tensor::from_data(TensorData::new(row, [1, 1, self.d_model]), device)
            }
        }
    }

    /// The width of a vector.
    pub(crate) fn d_model(&self) -> usize {
        self.d_model
    }

    /// Adds the vector of the token at `offset`, from 0 without padding, to a row.
    pub(crate) fn add_to(&self, offset: usize, row: &mut [f32]) {
        self.add_row(offset + PAD as usize + 1, row);
    }

    /// Adds the vector of padding to a row.
    pub(crate) fn add_padding_to(&self, row: &mut [f32]) {
        self.add_row(PAD as usize, row);
    }

    fn add_row(&self, n: usize, row: &mut [f32]) {
        if !self.sinusoid.is_empty() {
            let position = &self.sinusoid[n * self.d_model..(n + 1) * self.d_model];
            row.iter_mut().zip(position).for_each(|(x, position)| *x += position);
        } else if let Some(weight) = &self.weight {
            let position = weight.val().narrow(0, n, 1).into_data();
            for (x, position) in row.iter_mut().zip(position.iter::<f32>()) {
                *x += position;
            }
        }
    }

    fn is_absent(&self) -> bool {
        self.weight.is_none() && self.sinusoid.is_empty()
    }

    fn rows(&self, n_rows: usize, device: &Device) -> Tensor<2> {
        match &self.weight {
            Some(weight) => weight.val(),
            None => {
                let table = self.sinusoid[..n_rows * self.d_model].to_vec();
                Tensor::from_data(TensorData::new(table, [n_rows, self.d_model]), device)
            }
        }
    }
}

/// Row `p` is `[sin(p f_0), sin(p f_1), .., cos(p f_0), cos(p f_1), ..]` with
/// `f_i = exp(-i ln(10000) / (d/2 - 1))`; the row of padding is zero, and so is the last column of an odd width.
///
/// In single precision throughout, as the reference computes it: a table in double precision differs by up to
/// 6e-5 at position 1000.
fn sinusoid(n_rows: usize, d_model: usize) -> Vec<f32> {
    let half = d_model / 2;
    let scale = (10000f64.ln() / (half as f64 - 1.0)) as f32;
    let frequencies: Vec<f32> = (0..half).map(|i| (i as f32 * -scale).exp()).collect();
    let mut table = vec![0.0; n_rows * d_model];
    for (position, row) in table.chunks_mut(d_model).enumerate() {
        if position == PAD as usize {
            continue;
        }
        for (i, frequency) in frequencies.iter().enumerate() {
            let angle = position as f32 * frequency;
            row[i] = angle.sin();
            row[half + i] = angle.cos();
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_rows_of_the_full_pass() {
        let device = Device::flex();
        for kind in [PositionKind::Sinusoidal, PositionKind::Learned, PositionKind::None] {
            let positions = Positions::new(kind, 6, 9, &device);
            let full = positions.forward(&Tensor::from_ints([[4, 5, 6, 7]], &device));
            for i in 0..4 {
                let row = full.clone().slice([0..1, i..i + 1]);
                row.into_data().assert_eq(&positions.step(i, &device).into_data(), true);
            }
        }
    }

    #[test]
    fn padding_does_not_move_a_token() {
        let device = Device::flex();
        let positions = Positions::new(PositionKind::Sinusoidal, 8, 9, &device);
        let left = positions.forward(&Tensor::from_ints([[1, 1, 4, 5]], &device));
        let alone = positions.forward(&Tensor::from_ints([[4, 5]], &device));
        left.clone()
            .slice([0..1, 2..4])
            .into_data()
            .assert_eq(&alone.into_data(), true);
        assert_eq!(left.slice([0..1, 0..2]).abs().sum().into_scalar::<f32>(), 0.0);
    }
}
