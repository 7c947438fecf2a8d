//! The branches of a layer that look at other positions: self-attention, convolutions, or both side by side.

use std::ops::Range;

use super::encoder::Sentences;
use super::layer::{Look, look, product};
use super::matrix::{Columns, Gate, Matrix, Rows};
use super::mix::{Convolve, SelfAttention};
use super::past::Past;
use super::planes::{BranchPlanes, PIECES, Planes, SMALL, Scratch, resize, rows};
use super::store::Store;
use super::team::{Team, share};
use super::weights::{Mixer, MixerKind, Taps};
use crate::config::Activation;
use crate::simd::vectorised;

/// What a row's branches look at.
pub(super) enum Seen<'a> {
    /// The row itself and its ancestors: a step of a decoder.
    Past,
    /// All rows of its sentence, an encoder; with room for their keys and values.
    Sentences(&'a Sentences, &'a mut Store),
}

/// The branches of a layer, each of which writes its part of the open step of `past` and its columns of `planes.output`.
#[expect(clippy::too_many_arguments, reason = "what a layer reads, and where it writes")]
pub(super) fn mix(
    store: &Store,
    branches: &[Mixer],
    x: &[f32],
    d_model: usize,
    past: &mut Past,
    mut seen: Seen<'_>,
    planes: &mut Planes,
    team: &mut Team,
) {
    let n_rows = x.len() / d_model;
    planes.branches.resize_with(branches.len(), BranchPlanes::default);
    for (mixer, branch) in branches.iter().zip(&mut planes.branches) {
        let input = rows(x, d_model, mixer.first, n_rows);
        let output = match &mixer.kind {
            MixerKind::Attention {
                query,
                keys_values,
                output,
            } => {
                let plane = resize(&mut branch.query, n_rows * mixer.channels);
                product(store, query, input, Activation::Linear, plane, 0, team);
                let present = past.present_mut(mixer.part);
                product(store, keys_values, input, Activation::Linear, present, 0, team);
                match &mut seen {
                    Seen::Past => attend(mixer, n_rows, past, branch, team),
                    Seen::Sentences(sentences, store) => {
                        let present = past.present(mixer.part);
                        let memory = sentences.memories(store, present, mixer.channels, mixer.n_heads);
                        let memory: Vec<_> = memory.collect();
                        let seen = Look {
                            queries: rows(&branch.query, mixer.channels, 0, n_rows),
                            store,
                            memory: &memory,
                            sources: sentences.of_rows(),
                            n_heads: mixer.n_heads,
                            attention: None,
                        };
                        let context = resize(&mut branch.context, n_rows * mixer.channels);
                        look(
                            seen,
                            Columns::new(context, mixer.channels, 0),
                            &mut planes.scratch,
                            team,
                        );
                    }
                }
                Some(output)
            }
            MixerKind::Convolution {
                input: matrix,
                is_gated,
                taps,
                kernel_size,
                output,
            } => {
                let masked = match &seen {
                    Seen::Sentences(sentences, _) if sentences.have_padding() => {
                        sentences.without_padding(input, mixer.channels)
                    }
                    _ => Vec::new(),
                };
                let input = match &masked[..] {
                    [] => input,
                    masked => rows(masked, mixer.channels, 0, n_rows),
                };
                signal(store, mixer, matrix.as_ref(), *is_gated, input, past, branch, team);
                if let Taps::Computed { matrix, .. } = taps {
                    let plane = resize(&mut branch.taps, n_rows * matrix.d_output);
                    let y = rows(past.present(mixer.part), mixer.channels, 0, n_rows);
                    product(store, matrix, y, Activation::Linear, plane, 0, team);
                }
                let out = match output {
                    Some(_) => {
                        let plane = resize(&mut branch.context, n_rows * mixer.channels);
                        Columns::new(plane, mixer.channels, 0)
                    }
                    None => Columns::new(&mut planes.output, d_model, mixer.first),
                };
                let filter = Filter {
                    mixer,
                    taps,
                    computed: &branch.taps,
                    kernel_size: *kernel_size,
                    n_rows,
                };
                filter.convolve(past, &seen, out, &mut planes.scratch, team);
                output.as_ref()
            }
        };
        let Some(output) = output else { continue };
        let context = rows(&branch.context, mixer.channels, 0, n_rows);
        let (out, first) = (&mut planes.output, mixer.first);
        product(store, output, context, Activation::Linear, out, first, team);
    }
}

/// What a convolution weighs: the input through its linear layer and gate, where it has such.
#[expect(clippy::too_many_arguments, reason = "what a layer reads, and where it writes")]
fn signal(
    store: &Store,
    mixer: &Mixer,
    matrix: Option<&Matrix>,
    is_gated: bool,
    input: Rows<'_>,
    past: &mut Past,
    branch: &mut BranchPlanes,
    team: &mut Team,
) {
    let present = past.present_mut(mixer.part);
    match matrix {
        Some(matrix) if is_gated => {
            let plane = resize(&mut branch.query, input.n * matrix.d_output);
            product(store, matrix, input, Activation::Linear, plane, 0, team);
            vectorised(Gate {
                x: rows(&branch.query, matrix.d_output, 0, input.n),
                channels: mixer.channels,
                range: 0..mixer.channels,
                out: Columns::new(present, mixer.channels, 0),
            });
        }
        Some(matrix) => product(store, matrix, input, Activation::Linear, present, 0, team),
        None => {
            for (row, present) in present.chunks_exact_mut(mixer.channels).enumerate() {
                present.copy_from_slice(&input.values[row * input.stride..][..mixer.channels]);
            }
        }
    }
}

/// Attention of each row to itself and its ancestors.
fn attend(mixer: &Mixer, n_rows: usize, past: &Past, branch: &mut BranchPlanes, team: &mut Team) {
    let out = Columns::new(resize(&mut branch.context, n_rows * mixer.channels), mixer.channels, 0);
    let queries = rows(&branch.query, mixer.channels, 0, n_rows);
    // Rows are divided where there are enough of them, since the heads of a row lie side by side.
    let are_many = n_rows >= PIECES;
    let n_pieces = match n_rows * mixer.channels * past.n_steps() {
        n if n < SMALL => 1,
        _ if are_many => PIECES,
        _ => PIECES.min(mixer.n_heads),
    };
    team.each(n_pieces, |_, piece| {
        let part_of = |n, is_divided| if is_divided { share(n, piece, n_pieces) } else { 0..n };
        vectorised(SelfAttention {
            queries,
            past,
            part: mixer.part,
            channels: mixer.channels,
            head_size: mixer.channels / mixer.n_heads,
            rows: part_of(n_rows, are_many),
            heads: part_of(mixer.n_heads, !are_many),
            out,
        });
    });
}

/// A convolution of a layer's rows.
#[derive(Clone, Copy)]
struct Filter<'a> {
    mixer: &'a Mixer,
    taps: &'a Taps,
    /// Taps of every row, where they are not the same everywhere.
    computed: &'a [f32],
    kernel_size: usize,
    n_rows: usize,
}

impl<'a> Filter<'a> {
    fn convolve(self, past: &'a Past, seen: &Seen<'a>, out: Columns<'a>, scratch: &mut [Scratch], team: &mut Team) {
        let (kernel_size, part, channels) = (self.kernel_size, self.mixer.part, self.mixer.channels);
        match seen {
            Seen::Past => {
                let first = past.n_steps().saturating_sub(kernel_size);
                // Taps before the first position have nothing to weigh.
                let unused = kernel_size - (past.n_steps() - first);
                let window = |row, line: &mut Vec<&'a [f32]>| {
                    past.line(row, part, first, line);
                    unused
                };
                self.run(window, out, scratch, team);
            }
            Seen::Sentences(sentences, _) => {
                let values = past.present(part);
                let window = |row: usize, line: &mut Vec<&'a [f32]>| {
                    let (sentence, left) = (sentences.around(row), kernel_size / 2);
                    let first = sentence.start.max(row.saturating_sub(left));
                    let end = sentence.end.min(row + kernel_size - left);
                    line.clear();
                    line.extend(values[first * channels..end * channels].chunks_exact(channels));
                    first + left - row
                };
                self.run(window, out, scratch, team);
            }
        }
    }

    fn run<W>(self, window: W, out: Columns<'a>, scratch: &mut [Scratch], team: &mut Team)
    where
        W: Fn(usize, &mut Vec<&'a [f32]>) -> usize + Copy + Sync,
    {
        let Self { mixer, kernel_size, .. } = self;
        let width = mixer.n_heads * kernel_size;
        team.each_item(scratch, |piece, scratch| {
            let rows: Range<usize> = share(self.n_rows, piece, PIECES);
            scratch.taps.clear();
            let (is_computed, has_softmax) = match self.taps {
                Taps::Learnt(taps) => {
                    scratch.taps.extend_from_slice(taps);
                    (false, false)
                }
                Taps::Computed { has_softmax, .. } => {
                    let computed = &self.computed[rows.start * width..rows.end * width];
                    scratch.taps.extend_from_slice(computed);
                    (true, *has_softmax)
                }
            };
            vectorised(Convolve {
                taps: &mut scratch.taps,
                is_computed,
                has_softmax,
                kernel_size,
                window,
                rows,
                head_size: mixer.channels / mixer.n_heads,
                n_heads: mixer.n_heads,
                out,
            });
        });
    }
}
