//! The branches of a decoder's layer that look at the positions before: self-attention, convolutions, or both side by side.

use std::ops::Range;

use super::decoder::HostDecoder;
use super::matrix::{Columns, Gate};
use super::mix::{Convolve, SelfAttention};
use super::past::Past;
use super::planes::{BranchPlanes, PIECES, Planes, SMALL, Scratch, resize, rows};
use super::team::{Team, share};
use super::weights::{Layer, Mixer, MixerKind, Taps};
use crate::config::Activation;
use crate::simd::vectorised;

impl HostDecoder {
    /// The branches of `layer`, each of which writes its part of the open step of `past` and its columns of `planes.output`.
    pub(super) fn mix(
        &self,
        layer: &Layer,
        x: &[f32],
        n_rows: usize,
        past: &mut Past,
        planes: &mut Planes,
        team: &mut Team,
    ) {
        planes.branches.resize_with(layer.branches.len(), BranchPlanes::default);
        for (mixer, branch) in layer.branches.iter().zip(&mut planes.branches) {
            let input = rows(x, self.d_model, mixer.first, n_rows);
            let output = match &mixer.kind {
                MixerKind::Attention {
                    query,
                    keys_values,
                    output,
                } => {
                    let plane = resize(&mut branch.query, n_rows * mixer.channels);
                    self.product(query, input, Activation::Linear, plane, 0, team);
                    self.product(
                        keys_values,
                        input,
                        Activation::Linear,
                        past.present_mut(mixer.part),
                        0,
                        team,
                    );
                    attend(mixer, n_rows, past, branch, team);
                    Some(output)
                }
                MixerKind::Convolution {
                    input: matrix,
                    is_gated,
                    taps,
                    kernel_size,
                    output,
                } => {
                    match matrix {
                        Some(matrix) if *is_gated => {
                            let plane = resize(&mut branch.query, n_rows * matrix.d_output);
                            self.product(matrix, input, Activation::Linear, plane, 0, team);
                            vectorised(Gate {
                                x: rows(&branch.query, matrix.d_output, 0, n_rows),
                                channels: mixer.channels,
                                range: 0..mixer.channels,
                                out: Columns::new(past.present_mut(mixer.part), mixer.channels, 0),
                            });
                        }
                        Some(matrix) => {
                            self.product(matrix, input, Activation::Linear, past.present_mut(mixer.part), 0, team);
                        }
                        None => {
                            let present = past.present_mut(mixer.part).chunks_exact_mut(mixer.channels);
                            for (row, present) in present.enumerate() {
                                present.copy_from_slice(&input.values[row * input.stride..][..mixer.channels]);
                            }
                        }
                    }
                    if let Taps::Computed { matrix, .. } = taps {
                        let plane = resize(&mut branch.taps, n_rows * matrix.d_output);
                        let y = rows(past.present(mixer.part), mixer.channels, 0, n_rows);
                        self.product(matrix, y, Activation::Linear, plane, 0, team);
                    }
                    let out = match output {
                        Some(_) => {
                            let plane = resize(&mut branch.context, n_rows * mixer.channels);
                            Columns::new(plane, mixer.channels, 0)
                        }
                        None => Columns::new(&mut planes.output, self.d_model, mixer.first),
                    };
                    convolve(
                        mixer,
                        taps,
                        *kernel_size,
                        n_rows,
                        past,
                        &branch.taps,
                        out,
                        &mut planes.scratch,
                        team,
                    );
                    output.as_ref()
                }
            };
            let Some(output) = output else { continue };
            let context = rows(&branch.context, mixer.channels, 0, n_rows);
            self.product(
                output,
                context,
                Activation::Linear,
                &mut planes.output,
                mixer.first,
                team,
            );
        }
    }
}

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

#[expect(clippy::too_many_arguments, reason = "what a convolution reads, and where it writes")]
fn convolve(
    mixer: &Mixer,
    taps: &Taps,
    kernel_size: usize,
    n_rows: usize,
    past: &Past,
    computed: &[f32],
    out: Columns<'_>,
    scratch: &mut [Scratch],
    team: &mut Team,
) {
    let width = mixer.n_heads * kernel_size;
    team.each_item(scratch, |piece, scratch| {
        let rows: Range<usize> = share(n_rows, piece, PIECES);
        scratch.taps.clear();
        let (is_computed, has_softmax) = match taps {
            Taps::Learnt(taps) => {
                scratch.taps.extend_from_slice(taps);
                (false, false)
            }
            Taps::Computed { has_softmax, .. } => {
                scratch
                    .taps
                    .extend_from_slice(&computed[rows.start * width..rows.end * width]);
                (true, *has_softmax)
            }
        };
        vectorised(Convolve {
            taps: &mut scratch.taps,
            is_computed,
            has_softmax,
            kernel_size,
            past,
            part: mixer.part,
            rows,
            head_size: mixer.channels / mixer.n_heads,
            n_heads: mixer.n_heads,
            out,
        });
    });
}
