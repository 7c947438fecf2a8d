//! What the layers of an encoder and of a decoder have in common.

use super::matrix::{Columns, Matrix, Rows};
use super::mix::{AddNorm, CrossAttention, Norm, SourceMemory};
use super::planes::{PIECES, Planes, SMALL, Scratch, resize, rows};
use super::store::Store;
use super::team::{Team, share};
use super::weights::Layer;
use crate::config::Activation;
use crate::simd::vectorised;

/// A product whose columns the threads divide, from column `first` of `out` on, whose rows have `out.len() / x.n`.
pub(super) fn product(
    store: &Store,
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
        matrix.multiply(store, x, share(n_panels, piece, n_pieces), activation, out);
    });
}

/// `norm(x + f(x))`, or `x + f(norm(x))`; `f` leaves its result in `planes.output`.
pub(super) fn sub_layer(
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

/// The feed-forward layer with its residual and norm, of rows of `d_model`.
pub(super) fn feed_forward(
    store: &Store,
    layer: &Layer,
    x: &mut [f32],
    d_model: usize,
    planes: &mut Planes,
    team: &mut Team,
) {
    sub_layer(x, &layer.final_norm, layer.pre_norm, planes, |x, planes| {
        let (n_rows, d_ff) = (x.len() / d_model, layer.fc1.d_output);
        let hidden = resize(&mut planes.hidden, n_rows * d_ff);
        product(
            store,
            &layer.fc1,
            rows(x, d_model, 0, n_rows),
            layer.activation,
            hidden,
            0,
            team,
        );
        let hidden = rows(&planes.hidden, d_ff, 0, n_rows);
        product(
            store,
            &layer.fc2,
            hidden,
            Activation::Linear,
            &mut planes.output,
            0,
            team,
        );
    });
}

/// `memory[sources[i]]` is what query `i` looks at; queries of one source stand together.
pub(super) struct Look<'a> {
    pub(super) queries: Rows<'a>,
    /// Where `memory` is.
    pub(super) store: &'a Store,
    pub(super) memory: &'a [SourceMemory],
    pub(super) sources: &'a [usize],
    pub(super) n_heads: usize,
    /// Where probabilities are added up over heads, the positions of the longest source.
    pub(super) attention: Option<usize>,
}

/// Attention to sources, whose heads the threads divide.
pub(super) fn look(look: Look<'_>, out: Columns<'_>, scratch: &mut [Scratch], team: &mut Team) {
    let Look {
        queries,
        store,
        memory,
        sources,
        n_heads,
        attention,
    } = look;
    team.each_item(scratch, |piece, scratch| {
        let heads = share(n_heads, piece, PIECES);
        let mut first = 0;
        for rows in sources.chunk_by(|a, b| a == b) {
            vectorised(CrossAttention {
                queries,
                rows: first..first + rows.len(),
                store,
                memory: &memory[rows[0]],
                heads: heads.clone(),
                out,
                attention: attention.map(|stride| (&mut scratch.attention[..], stride)),
                scores: &mut scratch.scores,
            });
            first += rows.len();
        }
    });
}

pub(super) fn add_norm(x: &mut [f32], y: Option<&[f32]>, norm: Option<&Norm>) {
    let width = norm.map_or(1, |norm| norm.scale.len());
    vectorised(AddNorm { x, y, norm, width });
}
