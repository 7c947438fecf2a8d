//! The decoder's step, and what it needs of the sources.

use super::LogitSink;
use super::encoder::Sentences;
use super::layer::{Look, add_norm, feed_forward, look, product, sub_layer};
use super::matrix::Columns;
use super::mix::{Norm, SourceMemory};
use super::mixer::{Seen, mix};
use super::planes::{Lent, Room, resize, rows};
use super::store::Store;
use super::team::Team;
use super::weights::{Cross, Layer, norm};
use super::words::Words;
use crate::config::Activation;
use crate::embedding::Table;
use crate::positions::Positions;
use crate::seq2seq::Decoder;

/// A decoder of packed weights.
#[derive(Debug)]
pub(super) struct HostDecoder {
    store: Store,
    /// Also the projection, where it has no vectors of its own.
    table: Words,
    projection: Option<Words>,
    positions: Positions,
    layers: Vec<(Layer, Cross)>,
    norm: Option<Norm>,
    d_model: usize,
    /// Widths of what the layers' branches keep of a step.
    parts: Vec<usize>,
}

/// What has been computed for a batch of sources so far.
#[derive(Debug)]
pub struct HostState {
    /// For each layer keys and values of each sentence.
    memory: Vec<Vec<SourceMemory>>,
    /// The sentence of each row.
    sources: Vec<usize>,
    longest: usize,
    /// What the last step multiplied the words with, `[rows, d_model]`.
    features: Vec<f32>,
    pub(super) room: Lent,
}

impl HostDecoder {
    /// Packs a decoder's weights; `table` is the encoder's, where both have one.
    pub(super) fn take(decoder: Decoder, table: Option<Table>) -> Self {
        let mut store = Store::default();
        let table = match (table, decoder.embed_tokens) {
            (Some(table), _) => table,
            (None, Some(mut embedding)) => embedding.take_table(),
            (None, None) => unreachable!("a decoder without a table of its own has the encoder's"),
        };
        let projection = match (decoder.embed_out, decoder.int8_projection) {
            (Some(weight), _) => Some(Table::Floats(weight.into_value())),
            (None, projection) => projection.map(Table::Int8),
        };
        let table = match projection {
            Some(_) => Words::read(&mut store, table),
            None => Words::scored(&mut store, table),
        };
        let d_model = table.d_model();
        let projection = projection.map(|weight| Words::scored(&mut store, weight));
        let mut parts = Vec::new();
        let layers = decoder.layers.into_iter();
        let layers = layers
            .map(|layer| {
                Layer::decoding(&mut store, layer, d_model, &mut parts)
                    .expect("a translator's decoder looks at its source")
            })
            .collect();
        Self {
            store,
            table,
            projection,
            positions: decoder.embed_positions,
            layers,
            norm: decoder.layer_norm.map(norm),
            d_model,
            parts,
        }
    }

    pub(super) fn vocabulary_size(&self) -> usize {
        self.table.len()
    }

    /// The vector of a token, times `scale`.
    pub(super) fn embed(&self, token: u32, scale: f32, vector: &mut [f32]) {
        self.table.vector(&self.store, token as usize, scale, vector);
    }

    /// The state before the first token, of no source yet.
    pub(super) fn begin(&self, mut room: Lent) -> HostState {
        room.past.restart(&self.parts);
        HostState {
            memory: self.layers.iter().map(|_| Vec::new()).collect(),
            sources: Vec::new(),
            longest: 0,
            features: Vec::new(),
            room,
        }
    }

    /// Adds sources, whose encoding `[rows of the sentences, d_memory]` is in the room, to a state before the first token.
    pub(super) fn remember(&self, sentences: &Sentences, state: &mut HostState, team: &mut Team) {
        let n_rows = sentences.n_rows();
        let Room {
            memory: store,
            encoding,
            planes,
            ..
        } = &mut *state.room;
        for ((_, cross), memory) in self.layers.iter().zip(&mut state.memory) {
            let matrix = &cross.keys_values;
            let keys_values = resize(&mut planes.hidden, n_rows * matrix.d_output);
            let features = rows(&encoding.x, matrix.d_input, 0, n_rows);
            product(&self.store, matrix, features, Activation::Linear, keys_values, 0, team);
            memory.extend(sentences.memories(store, keys_values, matrix.d_output / 2, cross.n_heads));
        }
        let n_before = state.sources.len();
        state.sources.extend((0..sentences.len()).map(|i| n_before + i));
        let new = state.memory.first().map_or(&[][..], |memory| &memory[n_before..]);
        let longest = new.iter().map(|memory| memory.n_positions).max();
        state.longest = state.longest.max(longest.unwrap_or(0));
    }

    pub(super) fn step<S: LogitSink + Send>(
        &self,
        tokens: &[u32],
        rows_before: &[usize],
        state: &mut HostState,
        team: &mut Team,
        sinks: &mut [S],
    ) -> Vec<usize> {
        let (n_rows, d_model) = (rows_before.len(), self.d_model);
        assert_eq!(tokens.len(), n_rows, "a token a row");
        let Room {
            memory: store_of_memory,
            past,
            planes,
            ..
        } = &mut *state.room;
        let offset = past.n_steps();
        past.advance(rows_before);
        state.sources = rows_before.iter().map(|&row| state.sources[row]).collect();
        let mut x = std::mem::take(&mut state.features);
        x.resize(n_rows * d_model, 0.0);
        let scale = (d_model as f32).sqrt();
        for (token, x) in tokens.iter().zip(x.chunks_exact_mut(d_model)) {
            self.table.vector(&self.store, *token as usize, scale, x);
            self.positions.add_to(offset, x);
        }
        let last = self.layers.len() - 1;
        for scratch in &mut planes.scratch {
            scratch.attention.clear();
            scratch.attention.resize(n_rows * state.longest, 0.0);
        }
        for (i, (layer, cross)) in self.layers.iter().enumerate() {
            let (store, pre_norm) = (&self.store, layer.pre_norm);
            sub_layer(&mut x, &layer.mixer_norm, pre_norm, planes, |x, planes| {
                mix(store, &layer.branches, x, d_model, past, Seen::Past, planes, team);
            });
            sub_layer(&mut x, &cross.norm, pre_norm, planes, |x, planes| {
                let query = resize(&mut planes.hidden, n_rows * d_model);
                let x = rows(x, d_model, 0, n_rows);
                product(store, &cross.query, x, Activation::Linear, query, 0, team);
                let seen = Look {
                    queries: rows(&planes.hidden, d_model, 0, n_rows),
                    store: store_of_memory,
                    memory: &state.memory[i],
                    sources: &state.sources,
                    n_heads: cross.n_heads,
                    attention: (i == last).then_some(state.longest),
                };
                let context = Columns::new(resize(&mut planes.context, n_rows * d_model), d_model, 0);
                look(seen, context, &mut planes.scratch, team);
                let context = rows(&planes.context, d_model, 0, n_rows);
                let out = &mut planes.output;
                product(store, &cross.output, context, Activation::Linear, out, 0, team);
            });
            feed_forward(store, layer, &mut x, d_model, planes, team);
        }
        if let Some(norm) = &self.norm {
            add_norm(&mut x, None, Some(norm));
        }
        let words = self.scored_words();
        let features = words.features(rows(&x, d_model, 0, n_rows), &mut planes.fixed);
        team.each_with(sinks, words.n_runs(), |sink, run| {
            words.score(&self.store, &features, run, |row, first, logits, error| {
                sink.take(row, first, logits, error);
            });
        });
        state.features = x;
        alignment(state)
    }

    fn scored_words(&self) -> &Words {
        self.projection.as_ref().unwrap_or(&self.table)
    }

    /// See [`HostModel::logit`](super::HostModel::logit).
    pub(super) fn logit(&self, state: &HostState, row: usize, token: u32) -> f32 {
        let features = &state.features[row * self.d_model..][..self.d_model];
        self.scored_words().score_one(&self.store, features, token as usize)
    }
}

/// For each row the source token with the most attention.
fn alignment(state: &HostState) -> Vec<usize> {
    let scratch = &state.room.planes.scratch;
    let most = |(row, source): (usize, &usize)| {
        let n_positions = state.memory[0][*source].n_positions;
        let attention = |position: usize| -> f32 {
            let place = row * state.longest + position;
            scratch.iter().map(|scratch| scratch.attention[place]).sum()
        };
        (1..n_positions).fold(0, |best, position| {
            if attention(position) > attention(best) {
                position
            } else {
                best
            }
        })
    };
    state.sources.iter().enumerate().map(most).collect()
}
