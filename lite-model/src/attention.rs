//! Multi-head attention (fairseq `multihead_attention.py`).

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use crate::dropout::Dropout;
use crate::init::{BiasInit, apply_linear, xavier_linear};
use crate::kernels;
use crate::linear::Linear;

/// Scaled dot-product attention over `n_heads` contiguous groups of channels.
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) k_proj: Linear,
    pub(crate) v_proj: Linear,
    pub(crate) q_proj: Linear,
    pub(crate) out_proj: Linear,
    dropout: Dropout,
    #[module(skip)]
    pub(crate) n_heads: usize,
}

/// Keys and values of the positions that a query may look at: each `[batch_size, n_heads, length, head_size]`.
#[derive(Clone, Debug)]
pub struct KeysValues {
    keys: Tensor<4>,
    values: Tensor<4>,
}

/// How much every query looked at every position: what it is computed from, since training never asks.
#[derive(Clone, Debug)]
pub struct Probabilities {
    query: Tensor<4>,
    keys: Tensor<4>,
    mask: Option<Tensor<4>>,
    scale: f64,
}

impl Probabilities {
    /// As a tensor, `[batch_size, n_heads, n_queries, n_keys]`, before dropout.
    pub fn into_tensor(self) -> Tensor<4> {
        kernels::plain::probabilities(self.query, self.keys, self.mask.as_ref(), self.scale)
    }
}

impl KeysValues {
    /// Keeps the given rows of the batch, in the given order.
    pub fn select(&mut self, rows: &Tensor<1, Int>) {
        self.keys = self.keys.clone().select(0, rows.clone());
        self.values = self.values.clone().select(0, rows.clone());
    }

    fn append(&mut self, next: Self) {
        self.keys = Tensor::cat(vec![self.keys.clone(), next.keys], 2);
        self.values = Tensor::cat(vec![self.values.clone(), next.values], 2);
    }
}

impl Attention {
    /// Attention over `d_model` channels.
    pub fn new(d_model: usize, n_heads: usize, dropout: f64, device: &Device) -> Self {
        Self::over(d_model, d_model, n_heads, dropout, device)
    }

    /// Attention of `d_model` channels over a memory of `d_memory` channels.
    pub fn over(d_memory: usize, d_model: usize, n_heads: usize, dropout: f64, device: &Device) -> Self {
        // The gain of a packed query-key-value matrix, kept by the reference for separate ones of one width.
        let gain = if d_memory == d_model { 0.5f64.sqrt() } else { 1.0 };
        let input = |d_input| xavier_linear(d_input, d_model, gain, BiasInit::FanIn, device);
        Self {
            k_proj: input(d_memory),
            v_proj: input(d_memory),
            q_proj: input(d_model),
            out_proj: xavier_linear(d_model, d_model, 1.0, BiasInit::Zeros, device),
            dropout: Dropout::new(dropout),
            n_heads,
        }
    }

    /// As [`new`](Self::new) without biases, and every projection at Xavier's own bound: tensor2tensor's.
    pub fn without_bias(d_model: usize, n_heads: usize, dropout: f64, device: &Device) -> Self {
        let projection = || xavier_linear(d_model, d_model, 1.0, BiasInit::Absent, device);
        Self {
            k_proj: projection(),
            v_proj: projection(),
            q_proj: projection(),
            out_proj: projection(),
            dropout: Dropout::new(dropout),
            n_heads,
        }
    }

    /// Attends over `memory`'s positions.
    ///
    /// `mask` is added to the scores: `-inf` where a query must not look.
    ///
    /// # Shapes
    ///
    /// - query: `[batch_size, n_queries, d_model]`
    /// - mask: broadcasts to `[batch_size, n_heads, n_queries, n_keys]`
    /// - output: `[batch_size, n_queries, d_model]`, and the probabilities of every head
    pub fn forward(
        &self,
        query: Tensor<3>,
        memory: &KeysValues,
        mask: Option<&Tensor<4>>,
    ) -> (Tensor<3>, Probabilities) {
        let [_, _, d_model] = query.dims();
        let head_size = d_model / self.n_heads;
        let query = self.split_heads(apply_linear(&self.q_proj, query));
        let (keys, values) = (memory.keys.clone(), memory.values.clone());
        // The scale multiplies the projection with its bias, as in the reference.
        let scale = (head_size as f64).powf(-0.5);
        let context = kernels::attend(query.clone(), keys.clone(), values, mask, scale, &self.dropout);
        let probabilities = Probabilities {
            query,
            keys,
            mask: mask.cloned(),
            scale,
        };
        (apply_linear(&self.out_proj, context), probabilities)
    }

    /// Keys and values of `input`, `[batch_size, length, d_model]`.
    pub fn keys_values(&self, input: Tensor<3>) -> KeysValues {
        KeysValues {
            keys: self.split_heads(apply_linear(&self.k_proj, input.clone())),
            values: self.split_heads(apply_linear(&self.v_proj, input)),
        }
    }

    /// One query, of `[rows, 1, d_model]`, over the positions in `past` and its own, which is added to them.
    pub fn step(&self, input: Tensor<3>, past: &mut Option<KeysValues>) -> Tensor<3> {
        let present = self.keys_values(input.clone());
        match past {
            Some(past) => past.append(present),
            None => *past = Some(present),
        }
        let memory = past.as_ref().expect("just set");
        self.forward(input, memory, None).0
    }

    /// Calls `f` with every linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        for linear in [&mut self.k_proj, &mut self.v_proj, &mut self.q_proj, &mut self.out_proj] {
            f(linear);
        }
    }

    fn split_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch_size, length, d_model] = x.dims();
        x.reshape([batch_size, length, self.n_heads, d_model / self.n_heads])
            .swap_dims(1, 2)
    }
}
