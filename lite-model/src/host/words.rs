//! The word vectors: what a decoder reads words by, and scores them by where the output shares them.

use super::fixed::{FixedMatrix, FixedRows};
use super::matrix::{Matrix, Multiplicand, Rows};
use super::store::Store;
use crate::embedding::Table;
use crate::linear::floats;
use crate::simd::{Dot, vectorised};

/// A vector for each word.
#[derive(Debug)]
pub(super) enum Words {
    /// As other matrices are.
    Packed(Matrix),
    /// In fixed point, which is faster to score by.
    Fixed(FixedMatrix),
}

/// Rows as they are multiplied with the vectors.
pub(super) enum Features<'a> {
    Packed(Multiplicand<'a>),
    Fixed(&'a FixedRows),
}

impl Words {
    /// For a table that is only read.
    pub(super) fn read(store: &mut Store, table: Table) -> Self {
        Self::Packed(match table {
            Table::Floats(table) => {
                let [_, d_model] = table.dims();
                Matrix::pack_transposed(store, &floats(table), d_model)
            }
            Table::Int8(table) => Matrix::int8(table, None),
        })
    }

    /// For a table that words are scored by.
    pub(super) fn scored(store: &mut Store, table: Table) -> Self {
        match table {
            Table::Floats(table) if FixedMatrix::pays() => {
                let [_, d_model] = table.dims();
                let values = floats(table);
                match FixedMatrix::pack(store, &values, d_model) {
                    Some(matrix) => Self::Fixed(matrix),
                    None => Self::Packed(Matrix::pack_transposed(store, &values, d_model)),
                }
            }
            table => Self::read(store, table),
        }
    }

    /// Numbers of a vector.
    pub(super) fn d_model(&self) -> usize {
        match self {
            Self::Packed(matrix) => matrix.d_input,
            Self::Fixed(matrix) => matrix.d_input,
        }
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Packed(matrix) => matrix.d_output,
            Self::Fixed(matrix) => matrix.d_output,
        }
    }

    /// The vector of a word, times `scale`.
    pub(super) fn vector(&self, store: &Store, word: usize, scale: f32, out: &mut [f32]) {
        match self {
            Self::Packed(matrix) => matrix.column(store, word, scale, out),
            Self::Fixed(matrix) => matrix.column(store, word, scale, out),
        }
    }

    /// Makes rows ready to be multiplied, in `room`.
    pub(super) fn features<'a>(&self, x: Rows<'a>, room: &'a mut FixedRows) -> Features<'a> {
        match self {
            Self::Packed(matrix) => Features::Packed(matrix.multiplicand(x)),
            Self::Fixed(matrix) => {
                matrix.quantise(x, room);
                Features::Fixed(room)
            }
        }
    }

    /// Runs of words that [`score`](Self::score) takes at a time.
    pub(super) fn n_runs(&self) -> usize {
        match self {
            Self::Packed(matrix) => matrix.n_runs(),
            Self::Fixed(matrix) => matrix.n_runs(),
        }
    }

    /// Gives what the words of run `run` score to `take(row, first_word, values, error)`, a row after the other; none is
    /// further than `error` from what it is in single precision.
    pub(super) fn score(
        &self,
        store: &Store,
        features: &Features<'_>,
        run: usize,
        mut take: impl FnMut(usize, usize, &[f32], f32),
    ) {
        match (self, features) {
            (Self::Packed(matrix), Features::Packed(x)) => {
                matrix.multiply_into(store, x, run, |row, first, values| take(row, first, values, 0.0));
            }
            (Self::Fixed(matrix), Features::Fixed(rows)) => matrix.multiply_into(store, rows, run, take),
            _ => unreachable!("features are those of their words"),
        }
    }

    /// What one word scores in single precision.
    pub(super) fn score_one(&self, store: &Store, x: &[f32], word: usize) -> f32 {
        match self {
            Self::Packed(matrix) => {
                let mut vector = vec![0.0; matrix.d_input];
                matrix.column(store, word, 1.0, &mut vector);
                vectorised(Dot(x, &vector))
            }
            Self::Fixed(matrix) => matrix.dot(store, x, word),
        }
    }
}
