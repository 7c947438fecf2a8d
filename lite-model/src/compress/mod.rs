//! Compression of a model's weights (paper, section 5; Han et al. 2015 and 2016): small weights become zero, the others one
//! of a few centroids, and what is left to say is entropy-coded.
//!
//! - [`prune`]: which weights are small, by a tensor's own standard deviation
//! - [`codebook`]: k-means of the weights of one tensor
//! - [`rans`]: the entropy coder; [`bits`]: codes without it
//! - [`tensor`]: one tensor, packed and unpacked
//! - [`archive`]: all tensors of a model in one run of bytes, read one after the other
//!
//! Numbers only: nothing here knows a device, and `fuzz/` builds it alone.

pub mod archive;
pub mod bits;
pub mod codebook;
mod error;
pub mod prune;
pub mod rans;
pub mod tensor;

pub use archive::{Archive, Entry};
pub use codebook::{Codebook, Start};
pub use error::PackedError;
pub use prune::Role;
pub use tensor::{Coded, Coding, PackedBytes, Values};
