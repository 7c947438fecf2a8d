//! A model's weights on their way into a file: read, pruned, given codes, packed.

use std::path::{Path, PathBuf};

use experiments::{ModelSize, Part, hash_bytes};
use lite_model::compress::{Coded, Coding, PackedBytes, Role, Start, Values, archive, prune, tensor};
use lite_model::error::WeightsError;
use lite_model::weights::{self, NamedTensor, Source};

/// The weights of a model.
#[derive(Debug, Clone)]
pub struct Weights {
    tensors: Vec<Tensor>,
    /// sha256 of the file that they were read from.
    pub sha256: String,
}

/// One of them.
#[derive(Debug, Clone)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    role: Role,
    values: Vec<f32>,
}

/// Bits and beginnings of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSettings {
    /// Bits of a weight's code, 1 to 8.
    pub bits: u32,
    /// The same for embeddings.
    pub embedding_bits: u32,
    /// Where k-means begins.
    pub start: Start,
}

impl Weights {
    /// Reads a file of safetensors.
    ///
    /// # Errors
    ///
    /// It cannot be read, or a weight is no number.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let (tensors, bytes) = weights::read_all(path)?;
        let mut tensors: Vec<Tensor> = tensors
            .into_iter()
            .map(|(name, shape, values)| Tensor {
                role: Role::of(&name, &shape),
                name,
                shape,
                values,
            })
            .collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(tensor) = tensors
            .iter()
            .find(|tensor| tensor.values.iter().any(|x| !x.is_finite()))
        {
            return Err(WeightsError::Shape {
                path: PathBuf::from(path),
                name: tensor.name.clone(),
                found: "a weight that is no number".into(),
                expected: tensor.shape.clone(),
            });
        }
        Ok(Self {
            tensors,
            sha256: hash_bytes(&bytes),
        })
    }

    fn matrices(&self) -> impl Iterator<Item = &Tensor> {
        self.tensors.iter().filter(|tensor| tensor.role == Role::Matrix)
    }

    /// The sensitivity at which this share of the weights of all matrices becomes zero.
    pub fn sensitivity_of(&self, sparsity: f64) -> f64 {
        prune::sensitivity_of(self.matrices().map(|tensor| &tensor.values[..]), sparsity)
    }

    /// Small weights of matrices as zeros.
    pub fn pruned(mut self, sensitivity: f64) -> Self {
        for tensor in self.tensors.iter_mut().filter(|tensor| tensor.role == Role::Matrix) {
            prune::prune(&mut tensor.values, sensitivity);
        }
        self
    }

    /// Share of zeros in the matrices.
    pub fn sparsity(&self) -> f64 {
        let values = || self.matrices().flat_map(|tensor| &tensor.values);
        values().filter(|&&value| value == 0.0).count() as f64 / values().count().max(1) as f64
    }

    /// All of them in single precision.
    pub fn as_floats(&self) -> Packable {
        self.packable(|tensor| Content::Floats(tensor.values.clone()))
    }

    /// Codes for matrices and embeddings, half precision for the others and where codes would not be smaller. If `is_pruned`,
    /// the zeros of matrices are weights that are not kept.
    pub fn coded(&self, settings: CodeSettings, is_pruned: bool) -> Packable {
        self.packable(|tensor| {
            let bits = match tensor.role {
                Role::Embedding => settings.embedding_bits,
                Role::Matrix | Role::Vector => settings.bits,
            };
            if tensor.role == Role::Vector || !tensor::codes_are_smaller(tensor.values.len(), bits) {
                return Content::Halves(tensor.values.clone());
            }
            let is_pruned = is_pruned && tensor.role == Role::Matrix;
            Content::Coded(Coded::new(&tensor.values, bits, is_pruned, settings.start))
        })
    }

    /// What may move, for training: for each weight of a matrix -1, or 0 if it is to stay zero.
    pub fn masks(&self) -> Vec<NamedTensor> {
        let mask = |tensor: &Tensor| -> Vec<f32> {
            let is_held = |&value: &f32| tensor.role == Role::Matrix && value == 0.0;
            tensor
                .values
                .iter()
                .map(|value| if is_held(value) { 0.0 } else { -1.0 })
                .collect()
        };
        let tensors = self.tensors.iter();
        tensors
            .map(|tensor| (tensor.name.clone(), tensor.shape.clone(), mask(tensor)))
            .collect()
    }

    /// By name, shape and elements.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        let tensors = self.tensors.iter();
        tensors
            .map(|tensor| (tensor.name.clone(), tensor.shape.clone(), tensor.values.clone()))
            .collect()
    }

    fn packable(&self, content: impl Fn(&Tensor) -> Content) -> Packable {
        let tensors = self.tensors.iter().map(|tensor| PackableTensor {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            role: tensor.role,
            content: content(tensor),
        });
        Packable {
            tensors: tensors.collect(),
        }
    }
}

/// Weights as a file will hold them.
#[derive(Debug, Clone, PartialEq)]
pub struct Packable {
    tensors: Vec<PackableTensor>,
}

#[derive(Debug, Clone, PartialEq)]
struct PackableTensor {
    name: String,
    shape: Vec<usize>,
    role: Role,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Floats(Vec<f32>),
    Halves(Vec<f32>),
    Coded(Coded),
}

impl PackableTensor {
    fn pack(&self, coding: Coding) -> PackedBytes {
        match &self.content {
            Content::Floats(values) => PackedBytes::floats(values),
            Content::Halves(values) => PackedBytes::halves(values).unwrap_or_else(|| PackedBytes::floats(values)),
            Content::Coded(coded) => coded.pack(coding),
        }
    }

    /// The numbers that a reader of the file gets.
    fn values(&self) -> Vec<f32> {
        match &self.content {
            Content::Floats(values) => values.clone(),
            Content::Halves(_) => {
                let packed = self.pack(Coding::Fixed);
                let n = self.shape.iter().product();
                let values = tensor::unpack_values(packed.encoding, &packed.bytes, n);
                values.expect("what was just packed").into_floats()
            }
            Content::Coded(coded) => coded.values().into_floats(),
        }
    }
}

impl Packable {
    /// The numbers that a reader of the file gets.
    pub fn sources(&self) -> Vec<Source> {
        let tensors = self.tensors.iter().cloned();
        let sources = tensors.map(|tensor| Source {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            read: Box::new(move || Ok(Values::Floats(tensor.values()))),
        });
        sources.collect()
    }

    /// The same by name, shape and elements.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        let tensors = self.tensors.iter();
        tensors
            .map(|tensor| (tensor.name.clone(), tensor.shape.clone(), tensor.values()))
            .collect()
    }

    /// What may move, for training: for each weight its code, of which those that are equal move together; 0 in a pruned tensor
    /// is a zero that stays, and -1 is a weight that moves alone.
    pub fn codes(&self) -> Vec<NamedTensor> {
        let codes = |tensor: &PackableTensor| match &tensor.content {
            Content::Floats(values) | Content::Halves(values) => vec![-1.0; values.len()],
            Content::Coded(coded) => {
                // 0 is a zero that stays, so what is not pruned begins at 1.
                let first = f32::from(!coded.is_pruned());
                coded.codes().iter().map(|&code| f32::from(code) + first).collect()
            }
        };
        let tensors = self.tensors.iter();
        tensors
            .map(|tensor| (tensor.name.clone(), tensor.shape.clone(), codes(tensor)))
            .collect()
    }

    /// The same codes for what training has made of the weights.
    pub fn moved_to(&self, trained: &Weights) -> Self {
        let tensors = self.tensors.iter().zip(&trained.tensors).map(|(tensor, trained)| {
            assert_eq!(tensor.name, trained.name, "tensors of one model");
            PackableTensor {
                content: match &tensor.content {
                    Content::Floats(_) => Content::Floats(trained.values.clone()),
                    Content::Halves(_) => Content::Halves(trained.values.clone()),
                    Content::Coded(coded) => Content::Coded(coded.moved_to(&trained.values)),
                },
                ..tensor.clone()
            }
        });
        Self {
            tensors: tensors.collect(),
        }
    }

    /// As the bytes of a file.
    pub fn pack(&self, coding: Coding) -> Packed {
        let packed: Vec<PackedBytes> = self.tensors.iter().map(|tensor| tensor.pack(coding)).collect();
        let mut sizes = Sizes::default();
        for (tensor, packed) in self.tensors.iter().zip(&packed) {
            sizes.add(tensor, packed);
        }
        let tensors = self.tensors.iter().zip(&packed);
        let archive = archive::write(tensors.map(|(tensor, packed)| (&tensor.name[..], &tensor.shape[..], packed)));
        sizes.names = archive.len() as u64 - sizes.sum();
        Packed { archive, sizes }
    }
}

/// Weights as bytes.
#[derive(Debug, Clone)]
pub struct Packed {
    /// The section of the file.
    pub archive: Vec<u8>,
    /// What its bytes are for.
    pub sizes: Sizes,
}

/// Bytes of the section of weights by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    matrices: u64,
    vectors: u64,
    index: u64,
    codebooks: u64,
    embeddings: u64,
    names: u64,
    counted_bits: u64,
}

impl Sizes {
    fn add(&mut self, tensor: &PackableTensor, packed: &PackedBytes) {
        let n_bytes = packed.bytes.len() as u64;
        if tensor.role == Role::Embedding {
            self.embeddings += n_bytes;
            return;
        }
        self.counted_bits += packed.bits_of_weights;
        let weights = packed.bits_of_weights.div_ceil(8);
        let index = packed.index as u64;
        match tensor.content {
            Content::Coded(_) => self.matrices += weights,
            Content::Floats(_) | Content::Halves(_) if tensor.role == Role::Matrix => self.matrices += weights,
            Content::Floats(_) | Content::Halves(_) => self.vectors += weights,
        }
        self.index += index;
        self.codebooks += n_bytes - weights - index;
    }

    fn sum(&self) -> u64 {
        self.matrices + self.vectors + self.index + self.codebooks + self.embeddings + self.names
    }

    /// By name, the largest kinds first as models have them.
    pub fn parts(&self) -> Vec<Part> {
        let parts = [
            ("weights of matrices", self.matrices),
            ("which weights were kept", self.index),
            ("codebooks and frequencies", self.codebooks),
            ("biases, norms and filters", self.vectors),
            ("embeddings", self.embeddings),
            ("names and shapes", self.names),
        ];
        let part = |(name, bytes): (&str, u64)| Part {
            name: name.into(),
            bytes,
        };
        parts.into_iter().filter(|(_, bytes)| *bytes > 0).map(part).collect()
    }

    /// The size of a model in a file of `file_bytes`.
    pub fn of_file(&self, file_bytes: usize) -> ModelSize {
        ModelSize {
            counted_bytes: self.counted_bits.div_ceil(8),
            file_bytes: file_bytes as u64,
        }
    }
}
