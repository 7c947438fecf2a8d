//! The decoder's step, and what it needs of the sources.

use burn::tensor::Tensor;

use super::LogitSink;
use super::matrix::{Columns, Matrix, Rows};
use super::mix::{AddNorm, CrossAttention, Norm, SourceMemory};
use super::past::Past;
use super::planes::{PIECES, Planes, SMALL, Scratch, resize, rows};
use super::store::Store;
use super::team::{Team, share};
use super::weights::{Cross, Layer, floats, norm};
use crate::config::Activation;
use crate::embedding::Table;
use crate::positions::Positions;
use crate::seq2seq::Decoder;
use crate::simd::vectorised;
use crate::tokens::PAD;

/// A decoder of packed weights.
#[derive(Debug)]
pub(super) struct HostDecoder {
    store: Store,
    /// Word vectors by column, `[d_model, vocabulary_size]`: also the projection where it has no matrix of its own.
    table: Matrix,
    projection: Option<Matrix>,
    positions: Positions,
    layers: Vec<Layer>,
    norm: Option<Norm>,
    pub(super) d_model: usize,
    /// Widths of what the layers' branches keep of a step.
    parts: Vec<usize>,
}

/// What decoding has computed for a batch of sources so far.
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
            .map(|layer| Layer::take(&mut store, layer, d_model, &mut parts).expect("looked at before"))
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

    /// Vectors of `tokens`, `[tokens, d_model]`, without positions.
    pub(super) fn embed(&self, tokens: &[i64]) -> (Vec<f32>, usize) {
        let mut vectors = vec![0.0; tokens.len() * self.d_model];
        let scale = (self.d_model as f32).sqrt();
        for (token, vector) in tokens.iter().zip(vectors.chunks_exact_mut(self.d_model)) {
            self.table.column(&self.store, *token as usize, scale, vector);
        }
        (vectors, self.d_model)
    }

    /// The state before the first token of the sources whose encoding is `features`, `[batch_size, source_length, d_memory]`.
    pub(super) fn begin(&self, features: Tensor<3>, tokens: &[i64], team: &mut Team) -> HostState {
        let [batch_size, length, d_memory] = features.dims();
        let features = floats(features);
        let is_token = |i: &usize| tokens[*i] != i64::from(PAD);
        let positions = (0..batch_size).map(|row| (row * length..(row + 1) * length).filter(is_token).count());
        let positions: Vec<usize> = positions.collect();
        let features: Vec<f32> = (0..batch_size * length)
            .filter(is_token)
            .flat_map(|i| &features[i * d_memory..(i + 1) * d_memory])
            .copied()
            .collect();
        let mut memory: Vec<Vec<SourceMemory>> = self.layers.iter().map(|_| Vec::new()).collect();
        let mut keys_values: Vec<f32> = Vec::new();
        for (layer, memory) in self.layers.iter().zip(&mut memory) {
            let Cross {
                keys_values: matrix,
                n_heads,
                ..
            } = &layer.cross;
            let width = matrix.d_output;
            let x = rows(&features, d_memory, 0, features.len() / d_memory);
            self.product(
                matrix,
                x,
                Activation::Linear,
                resize(&mut keys_values, x.n * width),
                0,
                team,
            );
            let mut rest = &keys_values[..];
            for n in &positions {
                let (own, others) = rest.split_at(n * width);
                rest = others;
                memory.push(SourceMemory::new(own, width / 2, width / 2 / n_heads));
            }
        }
        HostState {
            memory,
            sources: (0..batch_size).collect(),
            longest: positions.iter().copied().max().unwrap_or(0),
            past: Past::new(&self.parts),
        }
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
        for (i, layer) in self.layers.iter().enumerate() {
            self.sub_layer(&mut x, &layer.mixer_norm, layer.pre_norm, &mut planes, |x, planes| {
                self.mix(layer, x, n_rows, &mut state.past, planes, team);
            });
            self.sub_layer(&mut x, &layer.cross_norm, layer.pre_norm, &mut planes, |x, planes| {
                let memory = &state.memory[i];
                let attention = (i == last).then_some(state.longest);
                self.look_at_source(&layer.cross, x, memory, &state.sources, attention, planes, team);
            });
            self.sub_layer(&mut x, &layer.final_norm, layer.pre_norm, &mut planes, |x, planes| {
                let d_ff = layer.fc1.d_output;
                let hidden = resize(&mut planes.hidden, n_rows * d_ff);
                self.product(
                    &layer.fc1,
                    rows(x, d_model, 0, n_rows),
                    layer.activation,
                    hidden,
                    0,
                    team,
                );
                let hidden = rows(&planes.hidden, d_ff, 0, n_rows);
                self.product(&layer.fc2, hidden, Activation::Linear, &mut planes.output, 0, team);
            });
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

    /// `norm(x + f(x))`, or `x + f(norm(x))`; `f` leaves its result in `planes.output`.
    fn sub_layer(
        &self,
        x: &mut [f32],
        norm: &Norm,
        pre_norm: bool,
        planes: &mut Planes,
        f: impl FnOnce(&[f32], &mut Planes),
    ) {
        planes.output.resize(x.len(), 0.0);
        if pre_norm {
            let mut normed = std::mem::take(&mut planes.normed);
            normed.clear();
            normed.extend_from_slice(x);
            add_norm(&mut normed, None, Some(norm));
            f(&normed, planes);
            planes.normed = normed;
            add_norm(x, Some(&planes.output), None);
        } else {
            f(x, planes);
            add_norm(x, Some(&planes.output), Some(norm));
        }
    }

    /// A product whose columns the threads divide, from column `first` of `out` on, whose rows have `out.len() / x.n`.
    pub(super) fn product(
        &self,
        matrix: &Matrix,
        x: Rows<'_>,
        activation: Activation,
        out: &mut [f32],
        first: usize,
        team: &mut Team,
    ) {
        let n_panels = matrix.n_panels();
        // A few pieces a thread, so that one who comes late has its share; one piece where sharing would take longer.
        let n_pieces = if team.n_threads() == 1 || x.n * matrix.d_input * matrix.d_output < SMALL {
            1
        } else {
            (4 * team.n_threads()).min(n_panels)
        };
        let out = Columns::new(out, out.len() / x.n, first);
        team.each(n_pieces, |_, piece| {
            matrix.multiply(&self.store, x, share(n_panels, piece, n_pieces), activation, out);
        });
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
        self.product(
            &cross.query,
            rows(x, d_model, 0, n_rows),
            Activation::Linear,
            query,
            0,
            team,
        );
        let queries = rows(&planes.hidden, d_model, 0, n_rows);
        let out = Columns::new(resize(&mut planes.context, n_rows * d_model), d_model, 0);
        team.each_item(&mut planes.scratch, |piece, scratch| {
            let heads = share(cross.n_heads, piece, PIECES);
            let mut first = 0;
            for rows in sources.chunk_by(|a, b| a == b) {
                vectorised(CrossAttention {
                    queries,
                    rows: first..first + rows.len(),
                    memory: &memory[rows[0]],
                    heads: heads.clone(),
                    out,
                    attention: attention.map(|stride| (&mut scratch.attention[..], stride)),
                    scores: &mut scratch.scores,
                });
                first += rows.len();
            }
        });
        let context = rows(&planes.context, d_model, 0, n_rows);
        self.product(&cross.output, context, Activation::Linear, &mut planes.output, 0, team);
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

fn pack_table(store: &mut Store, table: Table) -> Matrix {
    match table {
        Table::Floats(table) => {
            let [_, d_model] = table.dims();
            Matrix::pack_transposed(store, &floats(table), d_model)
        }
        Table::Int8(table) => Matrix::int8(table, None),
    }
}

fn add_norm(x: &mut [f32], y: Option<&[f32]>, norm: Option<&Norm>) {
    let width = norm.map_or(1, |norm| norm.scale.len());
    vectorised(AddNorm { x, y, norm, width });
}
