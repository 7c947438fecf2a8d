//! What decoding one token at a time remembers.

use burn::tensor::{Int, Tensor};

use crate::decoder::CrossMemory;
use crate::long_short::{Masks, MixerState};

/// The encoder's output for a batch of sources.
#[derive(Clone, Debug)]
pub struct Memory {
    /// `[batch_size, source_length, d_model]`
    pub features: Tensor<3>,
    /// What of the source is padding.
    pub masks: Masks,
}

/// The state of every layer of the decoder, a row a hypothesis.
///
/// A value that the caller holds: the model itself remembers nothing.
#[derive(Clone, Debug)]
pub struct DecoderState {
    pub(crate) layers: Vec<MixerState>,
    pub(crate) memory: Vec<Vec<CrossMemory>>,
    pub(crate) n_steps: usize,
}

impl DecoderState {
    /// Keeps the given rows, in the given order: repeats a sentence for each hypothesis of a beam, follows the
    /// beam when hypotheses change places, drops those that are finished.
    pub fn select(&mut self, rows: Tensor<1, Int>) {
        self.reorder(rows.clone());
        for memory in self.memory.iter_mut().flatten() {
            memory.keys_values.select(&rows);
            memory.mask = memory.mask.take().map(|mask| mask.select(0, rows.clone()));
        }
    }

    /// As [`select`](Self::select) where every row keeps its source, as when the hypotheses of a beam change places:
    /// what was computed from the sources stays as it is.
    pub fn reorder(&mut self, rows: Tensor<1, Int>) {
        for branch in self.layers.iter_mut().flatten() {
            branch.select(&rows);
        }
    }

    /// Tokens decoded so far.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }
}

/// What one step of decoding gives.
#[derive(Clone, Debug)]
pub struct StepOutput {
    /// Features before the vocabulary projection, `[rows, d_model]`.
    pub features: Tensor<2>,
    /// Attention of the last layer to the source, mean over heads, `[rows, source_length]`.
    pub attention: Tensor<2>,
}
