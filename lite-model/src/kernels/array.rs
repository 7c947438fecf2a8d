//! Arrays behind tensors of Flex, and matrices in them.

use std::ops::Range;

use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape};
use gemm::Parallelism;

use super::{bf16, is_rounded};

/// Rows that a thread takes at a time, and for which partial sums are kept: fixed, so that results do not depend on the
/// number of threads; times any width it is a multiple of 16, the group in which dropout draws.
pub(super) const BLOCK: usize = 64;

/// `values` as a tensor of `shape`.
pub(super) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    let layout = Layout::contiguous(shape.into());
    debug_assert_eq!(values.len(), layout.num_elements());
    FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
}

/// The same tensor in row-major order without gaps.
pub(super) fn compact(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// The values of a tensor made by [`compact`].
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("a compact tensor of f32")
}

/// The same tensor covering its buffer, so that `storage_mut` is the whole of it; a copy only where someone else holds it.
pub(super) fn writable(tensor: FlexTensor) -> FlexTensor {
    let n_values = tensor.layout().num_elements();
    if tensor.is_contiguous() && tensor.layout().start_offset() == 0 && tensor.bytes().len() == 4 * n_values {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// The dimensions of a tensor.
pub(super) fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    std::array::from_fn(|i| tensor.layout().shape()[i])
}

/// The last axis of a tensor as rows, one after the other in row-major order of the other axes.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    tensor: FlexTensor,
    pub(super) n_rows: usize,
    pub(super) width: usize,
    stride: usize,
}

impl Rows {
    /// Copies only where the axes before the last cannot be walked with one stride: a part of the channels of a
    /// contiguous tensor can.
    pub(super) fn of(tensor: FlexTensor) -> Self {
        let layout = tensor.layout();
        let (shape, strides) = (layout.shape(), layout.strides());
        let rank = shape.num_dims();
        let width = shape[rank - 1];
        let n_rows = (0..rank - 1).map(|axis| shape[axis]).product();
        let mut stride = None;
        let mut walked = 1;
        let mut is_regular = width == 1 || strides[rank - 1] == 1;
        for axis in (0..rank - 1).rev().filter(|&axis| shape[axis] != 1) {
            let first = *stride.get_or_insert(strides[axis]);
            is_regular &= first > 0 && strides[axis] == first * walked as isize;
            walked *= shape[axis];
        }
        if is_regular {
            let stride = stride.map_or(width, |stride| stride as usize);
            Self {
                tensor,
                n_rows,
                width,
                stride,
            }
        } else {
            Self {
                tensor: tensor.to_contiguous(),
                n_rows,
                width,
                stride: width,
            }
        }
    }

    pub(super) fn matrix(&self) -> Matrix<'_> {
        Matrix {
            values: &self.tensor.storage::<f32>()[self.tensor.layout().start_offset()..],
            n_rows: self.n_rows,
            n_columns: self.width,
            row_stride: self.stride,
            column_stride: 1,
        }
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        let begin = self.tensor.layout().start_offset() + row * self.stride;
        &self.tensor.storage::<f32>()[begin..begin + self.width]
    }
}

/// A matrix in an array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) n_rows: usize,
    pub(super) n_columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after the other.
    pub(super) fn new(values: &'a [f32], n_rows: usize, n_columns: usize) -> Self {
        Self {
            values,
            n_rows,
            n_columns,
            row_stride: n_columns,
            column_stride: 1,
        }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            n_rows: self.n_columns,
            n_columns: self.n_rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Some of its rows.
    pub(super) fn rows(self, rows: &Range<usize>) -> Self {
        assert!(rows.end <= self.n_rows, "rows of the matrix");
        Self {
            values: &self.values[rows.start * self.row_stride..],
            n_rows: rows.len(),
            ..self
        }
    }

    /// Some of its columns.
    pub(super) fn columns(self, columns: &Range<usize>) -> Self {
        self.transposed().rows(columns).transposed()
    }

    fn is_inside(&self) -> bool {
        let last = |n: usize, stride: usize| n.saturating_sub(1) * stride;
        let end = last(self.n_rows, self.row_stride) + last(self.n_columns, self.column_stride);
        self.n_rows == 0 || self.n_columns == 0 || end < self.values.len()
    }
}

/// `left * right` of a layer's inputs, weights or gradients as a new array, its rows one after the other.
pub(super) fn layer_product_of(left: Matrix<'_>, right: Matrix<'_>) -> Vec<f32> {
    let size = left.n_rows * right.n_columns;
    if is_rounded() {
        let mut output = vec![0.0; size];
        check(left, right, right.n_columns, size);
        // Added to the zeros that are there.
        bf16::product(&mut output, right.n_columns, true, left, right);
        return output;
    }
    let mut output = Vec::with_capacity(size);
    // Without zeros in it first: where nothing is added, a product writes every entry and reads none.
    if left.n_columns == 0 {
        output.resize(size, 0.0);
        return output;
    }
    check(left, right, right.n_columns, output.capacity());
    // SAFETY: the shapes are checked, the room is there, and a product that is not added to its output writes all of it.
    unsafe {
        multiply(output.as_mut_ptr(), right.n_columns, false, left, right, 1.0);
        output.set_len(size);
    }
    output
}

/// `output = left * right` of a layer's inputs, weights or gradients, or that added to `output`.
pub(super) fn layer_product(output: &mut [f32], stride: usize, is_added: bool, left: Matrix<'_>, right: Matrix<'_>) {
    if is_rounded() {
        check(left, right, stride, output.len());
        bf16::product(output, stride, is_added, left, right);
    } else {
        product(output, stride, is_added, left, right, 1.0);
    }
}

/// `output = scale * left * right`, or that added to `output`; rows of the output begin `stride` entries apart.
pub(super) fn product(
    output: &mut [f32],
    stride: usize,
    is_added: bool,
    left: Matrix<'_>,
    right: Matrix<'_>,
    scale: f32,
) {
    check(left, right, stride, output.len());
    // SAFETY: the shapes are checked, and the output is borrowed alone.
    unsafe { multiply(output.as_mut_ptr(), stride, is_added, left, right, scale) }
}

/// That a product lies within its arrays.
fn check(left: Matrix<'_>, right: Matrix<'_>, stride: usize, room: usize) {
    let (m, n) = (left.n_rows, right.n_columns);
    assert_eq!(left.n_columns, right.n_rows, "matrices that fit");
    assert!(left.is_inside() && right.is_inside(), "matrices within their arrays");
    assert!(n <= stride || m <= 1, "rows of the output apart");
    assert!(m == 0 || n == 0 || (m - 1) * stride + n <= room, "room for the output");
}

/// # Safety
///
/// `check` has passed, `output` may be written to, and read from where `is_added`.
unsafe fn multiply(output: *mut f32, stride: usize, is_added: bool, left: Matrix<'_>, right: Matrix<'_>, scale: f32) {
    /// Below, a product is not worth waking threads for.
    const PARALLEL: usize = 192 * 192 * 192;
    let (m, n, k) = (left.n_rows, right.n_columns, left.n_columns);
    if m == 0 || n == 0 {
        return;
    }
    let parallelism = if m * n * k >= PARALLEL && rayon::current_num_threads() > 1 {
        Parallelism::Rayon(0)
    } else {
        Parallelism::None
    };
    // SAFETY: every entry that the strides reach lies within its array, as the caller has checked; rows of the output do
    // not overlap.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            output,
            1,
            stride as isize,
            is_added,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}
