//! Files that `torch.save` wrote, read without running anything that is in them.
//!
//! A checkpoint is a pickle, which is a program for a small stack machine, with the numbers of its tensors beside it.
//! What the pickle wants to call is looked at by name: the few functions that make a tensor or a dictionary are known,
//! anything else becomes an opaque [`Value`]. Memory is bounded by the size of the file.
//!
//! - [`Checkpoint::parse`] takes the bytes of a file of either container, [`Value`] walks through what it holds
//! - `container`: the zip archive of today and the stream of pickles of before torch 1.6
//! - `pickle`: the stack machine; `objects`: what it builds
//! - `tensor`: strided views of storages, as floats
//!
//! It knows no model and nothing else of this crate, so that the fuzzer builds it alone.

mod container;
mod error;
mod objects;
mod pickle;
mod read;
mod tensor;
mod value;

pub use container::Checkpoint;
pub use error::TorchError;
pub use tensor::{DType, Tensor};
pub use value::Value;
