//! The decoder's step, and what it needs of the sources.

use super::LogitSink;
use super::encoder::Sentences;
use super::layer::{Look, add_norm, feed_forward, look, product, sub_layer};
use super::matrix::{Columns, Matrix};
use super::mix::{Norm, SourceMemory};
use super::mixer::{Seen, mix};
use super::past::Past;
use super::planes::{PIECES, Planes, Scratch, resize, rows};
use super::store::Store;
use super::team::Team;
use super::weights::{Cross, Layer, floats, norm};
use crate::config::Activation;
use crate::embedding::Table;
use crate::positions::Positions;
use crate::seq2seq::Decoder;

/// A decoder of packed weights.
#[derive(Debug)]
pub(super) struct HostDecoder {
    store: Store,
    /// Word vectors by column, `[d_model, vocabulary_size]`: also the projection where it has no matrix of its own.
    table: Matrix,
    projection: Option<Matrix>,
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
    past: Past,
}

impl HostDecoder {
    /// Whether a decoder's layers are among those that are computed here.
    pub(super) fn computes(decoder: &Decoder) -> bool {
        let is_known = |layer: &crate::decoder::DecoderLayer| {
            layer.encoder_attn.is_some() && layer.feed_forward.activation != Activation::Gelu
        };
        decoder.cells.is_empty() && !decoder.layers.is_empty() && decoder.layers.iter().all(is_known)
    }

    /// Packs a decoder's weights; `table` is the encoder's, where both have one.
    pub(super) fn take(decoder: Decoder, table: Option<Table>) -> Self {
        let mut store = Store::default();
        let table = match (table, decoder.embed_tokens) {
            (Some(table), _) => table,
            (None, Some(mut embedding)) => embedding.take_table(),
            (None, None) => unreachable!("a decoder without a table of its own has the encoder's"),
        };
        let table = pack_table(&mut store, table);
        let d_model = table.d_input;
        let projection = match (decoder.embed_out, decoder.int8_projection) {
            (Some(weight), _) => Some(Table::Floats(weight.into_value())),
            (None, projection) => projection.map(Table::Int8),
        };
        let projection = projection.map(|weight| pack_table(&mut store, weight));
        let mut parts = Vec::new();
        let layers = decoder.layers.into_iter();
        let layers = layers
            .map(|layer| Layer::decoding(&mut store, layer, d_model, &mut parts).expect("looked at before"))
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
        self.table.d_output
    }

    /// The vector of a token, times `scale`.
    pub(super) fn embed(&self, token: u32, scale: f32, vector: &mut [f32]) {
        self.table.column(&self.store, token as usize, scale, vector);
    }

    /// The state before the first token, of no source yet.
    pub(super) fn begin(&self) -> HostState {
        HostState {
            memory: self.layers.iter().map(|_| Vec::new()).collect(),
            sources: Vec::new(),
            longest: 0,
            past: Past::new(&self.parts),
        }
    }

    /// Adds sources, whose encoding is `features`, `[rows of the sentences, d_memory]`, to a state before the first token.
    pub(super) fn remember(
        &self,
        features: &[f32],
        sentences: &Sentences,
        state: &mut HostState,
        planes: &mut Planes,
        team: &mut Team,
    ) {
        let n_rows = sentences.n_rows();
        for ((_, cross), memory) in self.layers.iter().zip(&mut state.memory) {
            let matrix = &cross.keys_values;
            let keys_values = resize(&mut planes.hidden, n_rows * matrix.d_output);
            let features = rows(features, matrix.d_input, 0, n_rows);
            product(&self.store, matrix, features, Activation::Linear, keys_values, 0, team);
            memory.extend(sentences.memories(keys_values, matrix.d_output / 2, cross.n_heads));
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
        let offset = state.past.n_steps();
        state.past.advance(rows_before);
        state.sources = rows_before.iter().map(|&row| state.sources[row]).collect();
        let mut x = vec![0.0; n_rows * d_model];
        let scale = (d_model as f32).sqrt();
        for (token, x) in tokens.iter().zip(x.chunks_exact_mut(d_model)) {
            self.table.column(&self.store, *token as usize, scale, x);
            self.positions.add_to(offset, x);
        }
        let mut planes = Planes::default();
        planes.scratch.resize_with(PIECES, Scratch::default);
        let last = self.layers.len() - 1;
        for scratch in &mut planes.scratch {
            scratch.attention = vec![0.0; n_rows * state.longest];
        }
        for (i, (layer, cross)) in self.layers.iter().enumerate() {
            let (store, pre_norm) = (&self.store, layer.pre_norm);
            sub_layer(&mut x, &layer.mixer_norm, pre_norm, &mut planes, |x, planes| {
                mix(
                    store,
                    &layer.branches,
                    x,
                    d_model,
                    &mut state.past,
                    Seen::Past,
                    planes,
                    team,
                );
            });
            sub_layer(&mut x, &cross.norm, pre_norm, &mut planes, |x, planes| {
                let attention = (i == last).then_some(state.longest);
                self.look_at_source(cross, x, &state.memory[i], &state.sources, attention, planes, team);
            });
            feed_forward(store, layer, &mut x, d_model, &mut planes, team);
        }
        if let Some(norm) = &self.norm {
            add_norm(&mut x, None, Some(norm));
        }
        let projection = self.projection.as_ref().unwrap_or(&self.table);
        let features = rows(&x, d_model, 0, n_rows);
        team.each_with(sinks, projection.n_runs(), |sink, run| {
            projection.multiply_into(&self.store, features, run, |row, first, logits| {
                sink.take(row, first, logits);
            });
        });
        self.alignment(state, &planes.scratch)
    }

    #[expect(clippy::too_many_arguments, reason = "what a layer reads, and where it writes")]
    fn look_at_source(
        &self,
        cross: &Cross,
        x: &[f32],
        memory: &[SourceMemory],
        sources: &[usize],
        attention: Option<usize>,
        planes: &mut Planes,
        team: &mut Team,
    ) {
        let (n_rows, d_model) = (sources.len(), self.d_model);
        let query = resize(&mut planes.hidden, n_rows * d_model);
        let x = rows(x, d_model, 0, n_rows);
        product(&self.store, &cross.query, x, Activation::Linear, query, 0, team);
        let seen = Look {
            queries: rows(&planes.hidden, d_model, 0, n_rows),
            memory,
            sources,
            n_heads: cross.n_heads,
            attention,
        };
        let out = Columns::new(resize(&mut planes.context, n_rows * d_model), d_model, 0);
        look(seen, out, &mut planes.scratch, team);
        let context = rows(&planes.context, d_model, 0, n_rows);
        product(
            &self.store,
            &cross.output,
            context,
            Activation::Linear,
            &mut planes.output,
            0,
            team,
        );
    }

    /// For each row the source token with the most attention.
    fn alignment(&self, state: &HostState, scratch: &[Scratch]) -> Vec<usize> {
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
}

pub(super) fn pack_table(store: &mut Store, table: Table) -> Matrix {
    match table {
        Table::Floats(table) => {
            let [_, d_model] = table.dims();
            Matrix::pack_transposed(store, &floats(table), d_model)
        }
        Table::Int8(table) => Matrix::int8(table, None),
    }
}
