//! Translation on a CPU without tensors: the arithmetic of [`Seq2Seq::encode`] and [`Seq2Seq::step`] on plain slices.
//!
//! - [`HostModel`]: a model of packed weights; [`HostState`]: what its steps remember
//! - [`LogitSink`]: takes logits as they are computed, so that a vocabulary of them is never stored
//! - [`Team`]: threads that share a step without being woken for it
//! - `matrix`, `mix`: products with weights, and what stands between them; `words`, `fixed`: those with the vocabulary;
//!   `past`, `planes`, `store`: where numbers are kept; `layer`, `mixer`: what layers compute; `encoder`, `decoder`: the
//!   sources, and the step
//!
//! A step over a handful of rows is too small for tensors: most of its time would go into taking memory, copying caches and
//! packing weights anew. [`HostModel::new`] refuses what this cannot compute, for which the tensors' own step remains;
//! a law holds the two equal.

mod decoder;
mod encoder;
mod fixed;
mod layer;
mod matrix;
mod mix;
mod mixer;
mod past;
mod planes;
mod store;
mod team;
mod weights;
mod words;

use burn::tensor::{Int, Tensor};

use self::decoder::HostDecoder;
use self::encoder::HostEncoder;
use self::planes::{Room, Rooms};
use crate::config::{Activation, Architecture, ModelConfig};
use crate::seq2seq::Seq2Seq;

pub use decoder::HostState;
pub use team::Team;

/// Takes logits as they are computed.
pub trait LogitSink {
    /// `logits` of row `row`, those of the tokens from `first_token` on, none further than `error` from what
    /// [`HostModel::logit`] says. Each row's come in the order of their tokens, and all with the same `error`.
    fn take(&mut self, row: usize, first_token: usize, logits: &[f32], error: f32);
}

/// A sequence-to-sequence model of packed weights.
#[derive(Debug)]
pub struct HostModel {
    encoder: HostEncoder,
    decoder: HostDecoder,
    rooms: Rooms,
}

impl HostModel {
    /// Whether models of this kind are known here: all but those with cells (`evolved`), and with exact GELU.
    pub fn computes(config: &ModelConfig) -> bool {
        config.architecture != Architecture::Evolved && config.activation != Activation::Gelu
    }

    /// Takes over a model's weights, one after the other, so that memory holds them once. Gives the model, which `config`
    /// describes, back where it is not known here.
    ///
    /// # Panics
    ///
    /// The model is a training one, on a device with autodiff.
    pub fn new(model: Seq2Seq, config: &ModelConfig) -> Result<Self, Box<Seq2Seq>> {
        if !Self::computes(config) {
            return Err(Box::new(model));
        }
        let Seq2Seq { mut encoder, decoder } = model;
        let shares_table = decoder.embed_tokens.is_none();
        let table = shares_table.then(|| encoder.embed_tokens.take_table());
        Ok(Self {
            decoder: HostDecoder::take(decoder, table),
            encoder: HostEncoder::take(encoder, shares_table, config.depends_on_padding()),
            rooms: Rooms::default(),
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
        let [_, length] = source.dims();
        let tokens: Vec<u32> = source.into_data().iter::<u32>().collect();
        let mut state = self.decoder.begin(self.rooms.lend());
        let embed = |token, scale, vector: &mut [f32]| self.decoder.embed(token, scale, vector);
        for sentences in self.encoder.groups(&tokens, length) {
            let Room { encoding, planes, .. } = &mut *state.room;
            self.encoder.encode(&sentences, embed, encoding, planes, team);
            self.decoder.remember(&sentences, &mut state, team);
        }
        state
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

    /// The logit of `token` in row `row` of the last step, in single precision.
    ///
    /// # Panics
    ///
    /// There is no such row or token.
    pub fn logit(&self, state: &HostState, row: usize, token: u32) -> f32 {
        self.decoder.logit(state, row, token)
    }
}
