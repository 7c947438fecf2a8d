//! One-token decoding on a CPU without tensors: the arithmetic of [`Seq2Seq::step`] on plain slices.
//!
//! - [`HostModel`]: a model whose decoder's weights are packed; [`HostState`]: what its steps remember
//! - [`LogitSink`]: takes logits as they are computed, so that a vocabulary of them is never stored
//! - [`Team`]: threads that share a step without being woken for it
//! - `matrix`, `mix`: products with weights, and what stands between them; `past`, `planes`,
//!   `store`: where numbers are kept; `decoder`, `mixer`: the step
//!
//! A step over a handful of rows is too small for tensors: most of its time would go into taking memory, copying caches and
//! packing weights anew. [`HostModel::new`] refuses what this cannot compute, for which the tensors' own step remains;
//! a law holds the two equal.

mod decoder;
mod matrix;
mod mix;
mod mixer;
mod past;
mod planes;
mod store;
mod team;
mod weights;

use burn::tensor::{Int, Tensor, TensorData};

use self::decoder::HostDecoder;
use crate::seq2seq::{Encoder, Seq2Seq, encode_embedded, padding_masks};

pub use decoder::HostState;
pub use team::Team;

/// Takes logits as they are computed.
pub trait LogitSink {
    /// `logits` of row `row`, those of the tokens from `first_token` on. Each row's come in the order of their tokens.
    fn take(&mut self, row: usize, first_token: usize, logits: &[f32]);
}

/// A sequence-to-sequence model with a decoder of packed weights.
#[derive(Debug)]
pub struct HostModel {
    encoder: Encoder,
    /// Whether the decoder's table is the encoder's, whose own is empty then.
    shares_table: bool,
    decoder: HostDecoder,
}

impl HostModel {
    /// Takes over a model's weights, one after the other, so that memory holds them once. Gives the model back where its
    /// layers are not known here: cells of an `evolved` model, exact GELU, and weights of 8 bits.
    ///
    /// # Panics
    ///
    /// The model is a training one, on a device with autodiff.
    pub fn new(model: Seq2Seq) -> Result<Self, Box<Seq2Seq>> {
        if !HostDecoder::computes(&model.decoder) {
            return Err(Box::new(model));
        }
        let Seq2Seq { mut encoder, decoder } = model;
        let shares_table = decoder.embed_tokens.is_none();
        let table = shares_table.then(|| encoder.embed_tokens.take_table());
        Ok(Self {
            encoder,
            shares_table,
            decoder: HostDecoder::take(decoder, table),
        })
    }

    /// Entries of the target vocabulary.
    pub fn vocabulary_size(&self) -> usize {
        self.decoder.vocabulary_size()
    }

    /// Encodes sources, padded on either side, a sentence a row.
    ///
    /// # Shapes
    ///
    /// - source: `[batch_size, source_length]`, each row ending in `</s>`
    pub fn begin(&self, source: Tensor<2, Int>, team: &mut Team) -> HostState {
        let masks = padding_masks(&source);
        let ids: Vec<i64> = source.to_data().iter::<i64>().collect();
        let x = if self.shares_table {
            let [batch_size, length] = source.dims();
            let (vectors, d_model) = self.decoder.embed(&ids);
            Tensor::from_data(
                TensorData::new(vectors, [batch_size, length, d_model]),
                &source.device(),
            )
        } else {
            self.encoder.embed_tokens.forward(source.clone())
        };
        let features = encode_embedded(&self.encoder, x, &source, &masks);
        self.decoder.begin(features, &ids, team)
    }

    /// Decodes one more token: `tokens[i]` continues row `rows[i]` of the step before, or sentence `rows[i]` at the start.
    ///
    /// Rows of one sentence stand together. `sinks` has one sink for each thread of the team; together they take all
    /// logits. The answer is, for each row, the source token that the last layer looked at most, padding not counted.
    pub fn step<S: LogitSink + Send>(
        &self,
        tokens: &[u32],
        rows: &[usize],
        state: &mut HostState,
        team: &mut Team,
        sinks: &mut [S],
    ) -> Vec<usize> {
        self.decoder.step(tokens, rows, state, team, sinks)
    }
}
