//! Memory for what a search computes and remembers, used again by every layer, step and search.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use super::fixed::FixedRows;
use super::matrix::Rows;
use super::past::Past;
use super::store::Store;

/// What a search needs.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Keys and values of the sources.
    pub(super) memory: Store,
    pub(super) past: Past,
    pub(super) encoding: Encoding,
    pub(super) planes: Planes,
}

/// What a layer of the encoder computes for its branches.
#[derive(Debug, Default)]
pub(super) struct Encoding {
    pub(super) x: Vec<f32>,
    pub(super) present: Past,
    pub(super) memory: Store,
}

/// Rooms that no search is using.
#[derive(Debug, Default)]
pub(super) struct Rooms(Arc<Mutex<Vec<Room>>>);

/// A room while a search uses it; then it goes back.
#[derive(Debug)]
pub(super) struct Lent {
    room: Room,
    owner: Arc<Mutex<Vec<Room>>>,
}

impl Rooms {
    pub(super) fn lend(&self) -> Lent {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut room = spare.unwrap_or_default();
        room.memory.clear();
        room.planes.scratch.resize_with(PIECES, Scratch::default);
        Lent {
            room,
            owner: Arc::clone(&self.0),
        }
    }
}

impl Deref for Lent {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.room
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Room {
        &mut self.room
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let room = std::mem::take(&mut self.room);
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    }
}

/// Results of the parts of a layer.
#[derive(Debug, Default)]
pub(super) struct Planes {
    pub(super) normed: Vec<f32>,
    pub(super) output: Vec<f32>,
    pub(super) context: Vec<f32>,
    pub(super) hidden: Vec<f32>,
    /// What words are scored with.
    pub(super) fixed: FixedRows,
    pub(super) branches: Vec<BranchPlanes>,
    pub(super) scratch: Vec<Scratch>,
}

#[derive(Debug, Default)]
pub(super) struct BranchPlanes {
    pub(super) query: Vec<f32>,
    pub(super) taps: Vec<f32>,
    pub(super) context: Vec<f32>,
}

/// Pieces of what is cut by heads or rows: always as many, so that sums do not depend on the number of threads.
pub(super) const PIECES: usize = 4;
/// Multiplications below which to share a computation takes longer than to do it. The models of tests are small, and some
/// have to reach it.
pub(super) const SMALL: usize = if cfg!(test) { 300 } else { 40_000 };

/// What a piece has for itself.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) scores: Vec<f32>,
    pub(super) taps: Vec<f32>,
    /// Attention of the last layer to the source, added up over its heads, `[rows, longest source]`.
    pub(super) attention: Vec<f32>,
}

pub(super) fn resize(plane: &mut Vec<f32>, n: usize) -> &mut [f32] {
    plane.resize(n, 0.0);
    plane
}

pub(super) fn rows(values: &[f32], stride: usize, first: usize, n: usize) -> Rows<'_> {
    Rows {
        values: &values[first..],
        stride,
        n,
    }
}
