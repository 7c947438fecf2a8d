//! Tensors: strided views of storages.

use std::fmt;

use half::f16;

use super::error::TorchError;
use super::objects::{Storage, View};

/// What a storage's elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// `float`
    F32,
    /// `double`
    F64,
    /// `half`
    F16,
    /// `bfloat16`
    BF16,
    /// `long`
    I64,
    /// `int`
    I32,
    /// `short`
    I16,
    /// `char`
    I8,
    /// `byte`
    U8,
    /// `bool`
    Bool,
}

impl DType {
    /// By the name of the class of a storage.
    pub(super) fn of_storage(class: &[u8]) -> Option<Self> {
        Some(match class {
            b"FloatStorage" => Self::F32,
            b"DoubleStorage" => Self::F64,
            b"HalfStorage" => Self::F16,
            b"BFloat16Storage" => Self::BF16,
            b"LongStorage" => Self::I64,
            b"IntStorage" => Self::I32,
            b"ShortStorage" => Self::I16,
            b"CharStorage" => Self::I8,
            b"ByteStorage" => Self::U8,
            b"BoolStorage" => Self::Bool,
            _ => return None,
        })
    }

    /// Whether the elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::I16 => "int16",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::Bool => "bool",
        })
    }
}

/// A tensor whose elements are all in the file.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<usize>,
    /// The elements of the storage from the tensor's first one on.
    data: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// The elements of `data`, a whole storage, that `view` shows.
    ///
    /// # Errors
    ///
    /// An element lies outside, or the view shows more elements than the storage has.
    pub(super) fn new(view: &View, storage: &Storage<'_>, data: &'a [u8]) -> Result<Self, TorchError> {
        let expected = |what: &str| {
            let found = format!(
                "shape {:?}, strides {:?}, offset {}",
                view.shape, view.strides, view.offset
            );
            let place = format!("storage `{}`", super::error::shown(storage.key));
            TorchError::new(place, found, format!("{what} of {} elements", storage.part.1))
        };
        let n_elements = view.shape.iter().try_fold(1u64, |n, &size| n.checked_mul(size));
        let last = view
            .shape
            .iter()
            .zip(&view.strides)
            .try_fold(0u64, |last, (&size, &stride)| {
                last.checked_add(size.saturating_sub(1).checked_mul(stride)?)
            });
        let is_empty = n_elements == Some(0);
        let fits = match (n_elements, last.and_then(|last| last.checked_add(view.offset))) {
            // An expanded tensor repeats elements; a file could claim any size that way.
            (Some(n), Some(last)) => is_empty || (n <= storage.part.1 && last < storage.part.1),
            _ => is_empty,
        };
        if !fits {
            return Err(expected("a view inside a storage"));
        }
        let size = storage.dtype.size();
        let start = if is_empty {
            0
        } else {
            (storage.part.0 + view.offset) as usize * size
        };
        let data = data.get(start..).ok_or_else(|| expected("a view inside the file"))?;
        let strides = view.shape.iter().zip(&view.strides);
        Ok(Self {
            dtype: storage.dtype,
            shape: view.shape.iter().map(|&size| size as usize).collect(),
            // Along an axis of one element nothing moves, and the stride may be any number.
            strides: strides
                .map(|(&size, &stride)| if size > 1 { stride as usize } else { 0 })
                .collect(),
            data,
        })
    }

    /// What its elements are in the file.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Its sizes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many elements it has; no more than its storage.
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// `n` rows from `start` on: a part along the first axis.
    ///
    /// # Panics
    ///
    /// There are fewer rows.
    pub fn rows(&self, start: usize, n: usize) -> Self {
        assert!(
            start + n <= self.shape[0],
            "rows {start} to {} of {:?}",
            start + n,
            self.shape
        );
        let mut rows = self.clone();
        rows.shape[0] = n;
        rows.data = &self.data[(start * self.strides[0] * self.dtype.size()).min(self.data.len())..];
        rows
    }

    /// Whether two tensors have one shape, and the same numbers to the bit.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_one = self.data.as_ptr() == other.data.as_ptr() && self.strides == other.strides;
        let bits = |tensor: &Self| tensor.to_f32().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        self.shape == other.shape && self.dtype == other.dtype && (is_one || bits(self) == bits(other))
    }

    /// Its elements in row-major order. Half precision is widened, double precision rounded, as `Tensor.float()` does.
    pub fn to_f32(&self) -> Vec<f32> {
        let n_elements = self.n_elements();
        let mut values = Vec::with_capacity(n_elements);
        if n_elements == 0 {
            return values;
        }
        if self.is_contiguous() {
            let bytes = &self.data[..n_elements * self.dtype.size()];
            values.extend(bytes.chunks_exact(self.dtype.size()).map(|element| self.float(element)));
            return values;
        }
        let mut index = vec![0; self.shape.len()];
        let mut at = 0;
        for _ in 0..n_elements {
            let start = at * self.dtype.size();
            values.push(self.float(&self.data[start..start + self.dtype.size()]));
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                at -= self.shape[axis] * self.strides[axis];
                index[axis] = 0;
            }
        }
        values
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected *= size;
            fits
        })
    }

    fn float(&self, element: &[u8]) -> f32 {
        let mut bytes = [0; 8];
        bytes[..element.len()].copy_from_slice(element);
        let low = u64::from_le_bytes(bytes);
        match self.dtype {
            DType::F32 => f32::from_bits(low as u32),
            DType::F64 => f64::from_bits(low) as f32,
            DType::F16 => f16::from_bits(low as u16).to_f32(),
            DType::BF16 => f32::from_bits((low as u32) << 16),
            DType::I64 => low as i64 as f32,
            DType::I32 => low as i32 as f32,
            DType::I16 => f32::from(low as i16),
            DType::I8 => f32::from(low as i8),
            DType::U8 | DType::Bool => f32::from(low as u8),
        }
    }
}
