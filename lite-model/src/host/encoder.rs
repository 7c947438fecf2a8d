//! The encoder, a few sentences at a time, their tokens one after the other.

use std::ops::Range;

use super::layer::{add_norm, feed_forward, sub_layer};
use super::matrix::Rows;
use super::mix::{Norm, SourceMemory};
use super::mixer::{Seen, mix};
use super::planes::{Encoding, Planes};
use super::store::Store;
use super::team::Team;
use super::weights::{Layer, norm};
use super::words::Words;
use crate::positions::Positions;
use crate::seq2seq::Encoder;
use crate::tokens::PAD;

/// An encoder of packed weights.
#[derive(Debug)]
pub(super) struct HostEncoder {
    store: Store,
    /// Where the decoder's do not serve.
    table: Option<Words>,
    positions: Positions,
    /// Each with the widths of what its branches keep.
    layers: Vec<(Layer, Vec<usize>)>,
    norm: Option<Norm>,
    d_model: usize,
    /// Whether padding leaks into the sentences: see [`ModelConfig::depends_on_padding`](crate::ModelConfig::depends_on_padding).
    sees_padding: bool,
}

impl HostEncoder {
    /// Packs an encoder's weights; its table too, unless `shares_table`.
    pub(super) fn take(mut encoder: Encoder, shares_table: bool, sees_padding: bool) -> Self {
        let d_model = encoder.embed_positions.d_model();
        let mut store = Store::default();
        let table = (!shares_table).then(|| Words::read(&mut store, encoder.embed_tokens.take_table()));
        let layers = encoder.layers.into_iter().map(|layer| {
            let mut parts = Vec::new();
            (Layer::encoding(&mut store, layer, d_model, &mut parts), parts)
        });
        Self {
            layers: layers.collect(),
            table,
            positions: encoder.embed_positions,
            norm: encoder.layer_norm.map(norm),
            d_model,
            sees_padding,
            store,
        }
    }

    /// Sentences of `length` tokens and padding each, a few at a time: as many as make up the rows that a product needs to
    /// be worth reading the weights for, and no more, since each row takes room.
    pub(super) fn groups<'a>(&self, tokens: &'a [u32], length: usize) -> impl Iterator<Item = Sentences> + use<'a> {
        const ROWS: usize = 128;
        let sees_padding = self.sees_padding;
        let n_sentences = (ROWS / length).max(1);
        tokens
            .chunks(n_sentences * length)
            .map(move |tokens| Sentences::new(tokens.chunks(length), sees_padding))
    }

    /// Leaves features of every row, `[rows, d_model]`, in `room.x`; `embed(token, scale, vector)` is asked for vectors where
    /// the encoder has no table.
    pub(super) fn encode(
        &self,
        sentences: &Sentences,
        embed: impl Fn(u32, f32, &mut [f32]),
        room: &mut Encoding,
        planes: &mut Planes,
        team: &mut Team,
    ) {
        let (n_rows, d_model) = (sentences.n_rows(), self.d_model);
        let Encoding { x, present, memory } = room;
        x.resize(n_rows * d_model, 0.0);
        let scale = (d_model as f32).sqrt();
        let mut offsets = vec![0; sentences.len()];
        for (row, x) in x.chunks_exact_mut(d_model).enumerate() {
            let token = sentences.tokens[row];
            match &self.table {
                Some(table) => table.vector(&self.store, token as usize, scale, x),
                None => embed(token, scale, x),
            }
            if token == PAD {
                self.positions.add_padding_to(x);
            } else {
                let offset = &mut offsets[sentences.of_rows[row]];
                self.positions.add_to(*offset, x);
                *offset += 1;
            }
        }
        let store = &self.store;
        let all: Vec<usize> = (0..n_rows).collect();
        for (layer, parts) in &self.layers {
            present.restart(parts);
            present.advance(&all);
            memory.clear();
            sub_layer(x, &layer.mixer_norm, layer.pre_norm, planes, |x, planes| {
                let seen = Seen::Sentences(sentences, memory);
                mix(store, &layer.branches, x, d_model, present, seen, planes, team);
            });
            feed_forward(store, layer, x, d_model, planes, team);
        }
        if let Some(norm) = &self.norm {
            add_norm(x, None, Some(norm));
        }
    }
}

/// Sentences one after the other, a token a row.
#[derive(Debug)]
pub(super) struct Sentences {
    tokens: Vec<u32>,
    of_rows: Vec<usize>,
    rows: Vec<Range<usize>>,
}

impl Sentences {
    fn new<'a>(sentences: impl Iterator<Item = &'a [u32]>, with_padding: bool) -> Self {
        let mut all = Self {
            tokens: Vec::new(),
            of_rows: Vec::new(),
            rows: Vec::new(),
        };
        for (i, sentence) in sentences.enumerate() {
            let start = all.n_rows();
            let kept = sentence.iter().filter(|token| with_padding || **token != PAD);
            all.tokens.extend(kept);
            all.of_rows.resize(all.tokens.len(), i);
            all.rows.push(start..all.n_rows());
        }
        all
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn n_rows(&self) -> usize {
        self.tokens.len()
    }

    /// The sentence of each row.
    pub(super) fn of_rows(&self) -> &[usize] {
        &self.of_rows
    }

    /// The rows of the sentence that `row` belongs to.
    pub(super) fn around(&self, row: usize) -> Range<usize> {
        self.rows[self.of_rows[row]].clone()
    }

    pub(super) fn have_padding(&self) -> bool {
        self.tokens.contains(&PAD)
    }

    /// `channels` columns of `input`, zeros at padding.
    pub(super) fn without_padding(&self, input: Rows<'_>, channels: usize) -> Vec<f32> {
        let mut kept = vec![0.0; self.n_rows() * channels];
        let rows = kept.chunks_exact_mut(channels).zip(&self.tokens).enumerate();
        for (row, (kept, _)) in rows.filter(|(_, (_, token))| **token != PAD) {
            kept.copy_from_slice(&input.values[row * input.stride..][..channels]);
        }
        kept
    }

    /// Keys and values of each sentence's tokens, from rows of `2 * channels`.
    pub(super) fn memories(
        &self,
        store: &mut Store,
        keys_values: &[f32],
        channels: usize,
        n_heads: usize,
    ) -> impl Iterator<Item = SourceMemory> {
        self.rows.iter().map(move |rows| {
            let tokens: Vec<&[f32]> = rows
                .clone()
                .filter(|row| self.tokens[*row] != PAD)
                .map(|row| &keys_values[row * 2 * channels..][..2 * channels])
                .collect();
            SourceMemory::new(store, &tokens, channels, channels / n_heads)
        })
    }
}
