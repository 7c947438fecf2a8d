//! Products of matrices whose entries are rounded to bfloat16 and whose sums are in single precision.
//!
//! Both operands are packed: entries of neighbouring `k` lie in one word, as `VDPBF16PS` of AVX512-BF16 takes them, which
//! multiplies 32 of them at a time. Where the processor does not have it, words are taken apart again and multiplied as
//! floats: the same sums in the same order, somewhat slower than floats. A product of two entries is exact in single precision,
//! so that it does not matter whether an instruction fuses it with its sum, and every processor gives the same bits
//! (but for sums that are denormal, which the instruction takes for zero).

use std::ops::Range;

use rayon::prelude::*;

use super::array::Matrix;
use super::vector::vectorised;

/// The bits of the odd entry of a pair.
const ODD: u32 = 0xffff_0000;

/// Columns of a panel of the right matrix: the lanes of a register of 512 bits.
const PANEL: usize = 16;
/// Pairs of `k` that are packed at a time: a panel of so many fills half of the first cache.
const DEPTH: usize = 256;
/// Rows that a thread takes at a time.
const BLOCK: usize = 96;

/// `output = left * right`, or that added to it; rows of the output begin `stride` entries apart. The caller has checked
/// that all lies within its arrays. Sums do not depend on the number of threads.
pub(super) fn product(output: &mut [f32], stride: usize, is_added: bool, left: Matrix<'_>, right: Matrix<'_>) {
    product_by(Tile::detected(), output, stride, is_added, left, right);
}

fn product_by(tile: Tile, output: &mut [f32], stride: usize, is_added: bool, left: Matrix<'_>, right: Matrix<'_>) {
    assert!(tile.is_available(), "instructions of this processor");
    let (n_rows, n_columns, depth) = (left.n_rows, right.n_columns, left.n_columns);
    if n_rows == 0 || n_columns == 0 {
        return;
    }
    let output = &mut output[..(n_rows - 1) * stride + n_columns];
    if !is_added {
        output.chunks_mut(stride).for_each(|row| row[..n_columns].fill(0.0));
    }
    let mut panels = Vec::new();
    for first in (0..depth).step_by(2 * DEPTH) {
        let range = first..depth.min(first + 2 * DEPTH);
        let n_pairs = range.len().div_ceil(2);
        pack(right.transposed(), 0..n_columns, range.clone(), PANEL, &mut panels);
        let panels = &panels;
        let range = &range;
        output
            .par_chunks_mut(BLOCK * stride)
            .enumerate()
            .for_each_init(Vec::new, |groups, (block, output)| {
                let rows = block * BLOCK..n_rows.min((block + 1) * BLOCK);
                pack(left, rows.clone(), range.clone(), tile.rows(), groups);
                for (i, panel) in panels.chunks_exact(n_pairs * PANEL).enumerate() {
                    let width = PANEL.min(n_columns - i * PANEL);
                    for (j, group) in groups.chunks_exact(n_pairs * tile.rows()).enumerate() {
                        let mut sums = [[0.0; PANEL]; MOST_ROWS];
                        tile.multiply(group, panel, &mut sums);
                        let height = tile.rows().min(rows.len() - j * tile.rows());
                        for (r, sums) in sums[..height].iter().enumerate() {
                            let begin = (j * tile.rows() + r) * stride + i * PANEL;
                            for (output, sum) in output[begin..begin + width].iter_mut().zip(sums) {
                                *output += sum;
                            }
                        }
                    }
                }
            });
    }
}

/// The nearest bfloat16, of two equally near ones the even one, in the upper half of the bits. NaN stays NaN.
#[inline(always)]
fn rounded(x: f32) -> u32 {
    let bits = x.to_bits();
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    (if x.is_nan() { bits | 0x0040_0000 } else { nearest }) & ODD
}

/// The rows `rows` of a matrix in groups of `size`, of each its columns `columns` in pairs: `[groups, pairs, size]`, an even
/// column in the lower half of a word. What is missing of the last group and pair is 0.
fn pack(matrix: Matrix<'_>, rows: Range<usize>, columns: Range<usize>, size: usize, words: &mut Vec<u32>) {
    let n_pairs = columns.len().div_ceil(2);
    words.clear();
    words.resize(rows.len().div_ceil(size) * n_pairs * size, 0);
    fill(matrix, rows, columns, size, words);
}

vectorised! {
    fn fill(matrix: Matrix<'_>, rows: Range<usize>, columns: Range<usize>, size: usize, words: &mut [u32]) {
        let (row_stride, column_stride) = (matrix.row_stride, matrix.column_stride);
        let n_pairs = columns.len().div_ceil(2);
        let whole = columns.len() / 2;
        for (group, words) in rows.step_by(size).zip(words.chunks_exact_mut(n_pairs * size)) {
            let height = size.min(matrix.n_rows - group);
            let first = group * row_stride + columns.start * column_stride;
            if row_stride == 1 {
                for (pair, words) in words.chunks_exact_mut(size).take(whole).enumerate() {
                    let even = &matrix.values[first + 2 * pair * column_stride..][..height];
                    let odd = &matrix.values[first + (2 * pair + 1) * column_stride..][..height];
                    for ((word, even), odd) in words.iter_mut().zip(even).zip(odd) {
                        *word = rounded(*even) >> 16 | rounded(*odd);
                    }
                }
            } else {
                for r in 0..height {
                    let row = &matrix.values[first + r * row_stride..];
                    for pair in 0..whole {
                        let (even, odd) = (row[2 * pair * column_stride], row[(2 * pair + 1) * column_stride]);
                        words[pair * size + r] = rounded(even) >> 16 | rounded(odd);
                    }
                }
            }
            if whole < n_pairs {
                for r in 0..height {
                    let last = matrix.values[first + r * row_stride + 2 * whole * column_stride];
                    words[whole * size + r] = rounded(last) >> 16;
                }
            }
        }
    }
}

/// The most rows of a tile.
const MOST_ROWS: usize = 12;

/// How a group of rows is multiplied with a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tile {
    /// As floats.
    Portable,
    /// As floats, with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Both entries of a pair at a time, with AVX512-BF16.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
}

impl Tile {
    /// From the slowest to the fastest.
    const ALL: &[Self] = &[
        Self::Portable,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Bf16,
    ];

    fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16"),
        }
    }

    fn detected() -> Self {
        let mut fastest = Self::ALL.iter().rev().copied();
        fastest.find(|tile| tile.is_available()).unwrap_or(Self::Portable)
    }

    /// As many as leave registers for a line of the panel and what it is multiplied with.
    fn rows(self) -> usize {
        match self {
            Self::Portable => 4,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => AVX2_ROWS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => MOST_ROWS,
        }
    }

    /// The product of a group `[pairs, rows]` and a panel `[pairs, PANEL]`.
    fn multiply(self, group: &[u32], panel: &[u32], sums: &mut [[f32; PANEL]; MOST_ROWS]) {
        match self {
            Self::Portable => portable(group, panel, &mut sums[..self.rows()]),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `product_by` has asked whether it is available.
            Self::Avx2 => unsafe { avx2(group, panel, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `product_by` has asked whether it is available.
            Self::Avx512Bf16 => unsafe { avx512_bf16(group, panel, sums) },
        }
    }
}

fn portable(group: &[u32], panel: &[u32], sums: &mut [[f32; PANEL]]) {
    sums.fill([0.0; PANEL]);
    for (factors, line) in group.chunks_exact(sums.len()).zip(panel.as_chunks::<PANEL>().0) {
        for (sums, factor) in sums.iter_mut().zip(factors) {
            for (sum, word) in sums.iter_mut().zip(line) {
                // Odd entries first, as the instruction has it.
                *sum += f32::from_bits(factor & ODD) * f32::from_bits(word & ODD);
                *sum += f32::from_bits(factor << 16) * f32::from_bits(word << 16);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
const AVX2_ROWS: usize = 4;

/// With intrinsics: the compiler keeps sums of such loops in memory, at a tenth of the speed.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(group: &[u32], panel: &[u32], sums: &mut [[f32; PANEL]; MOST_ROWS]) {
    use std::arch::x86_64::{
        __m256, __m256i, _mm256_and_si256, _mm256_castsi256_ps, _mm256_fmadd_ps, _mm256_loadu_si256, _mm256_set1_epi32,
        _mm256_setzero_ps, _mm256_slli_epi32, _mm256_storeu_ps,
    };
    #[inline]
    #[target_feature(enable = "avx2")]
    fn odd(words: __m256i) -> __m256 {
        _mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32(ODD as i32)))
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    fn even(words: __m256i) -> __m256 {
        _mm256_castsi256_ps(_mm256_slli_epi32(words, 16))
    }
    let (groups, _) = group.as_chunks::<AVX2_ROWS>();
    let (lines, _) = panel.as_chunks::<PANEL>();
    let mut totals = [[_mm256_setzero_ps(); 2]; AVX2_ROWS];
    for (factors, line) in groups.iter().zip(lines) {
        let line = line.as_ptr().cast::<__m256i>();
        // SAFETY: a line has twice eight words.
        let line = unsafe { [_mm256_loadu_si256(line), _mm256_loadu_si256(line.add(1))] };
        let odds = [odd(line[0]), odd(line[1])];
        let evens = [even(line[0]), even(line[1])];
        for (totals, factor) in totals.iter_mut().zip(factors) {
            let factor = _mm256_set1_epi32(*factor as i32);
            let (odd, even) = (odd(factor), even(factor));
            for (i, total) in totals.iter_mut().enumerate() {
                *total = _mm256_fmadd_ps(even, evens[i], _mm256_fmadd_ps(odd, odds[i], *total));
            }
        }
    }
    for (sums, [left, right]) in sums.iter_mut().zip(totals) {
        // SAFETY: as many sums as lanes.
        unsafe {
            _mm256_storeu_ps(sums.as_mut_ptr(), left);
            _mm256_storeu_ps(sums.as_mut_ptr().add(8), right);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
fn avx512_bf16(group: &[u32], panel: &[u32], sums: &mut [[f32; PANEL]; MOST_ROWS]) {
    use std::arch::x86_64::{
        __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
    };
    let (groups, _) = group.as_chunks::<MOST_ROWS>();
    let (lines, _) = panel.as_chunks::<PANEL>();
    let mut totals = [_mm512_setzero_ps(); MOST_ROWS];
    // SAFETY: either type is 512 bits.
    let words = |x: __m512i| unsafe { std::mem::transmute::<__m512i, __m512bh>(x) };
    for (factors, line) in groups.iter().zip(lines) {
        // SAFETY: a line has sixteen words.
        let line = words(unsafe { _mm512_loadu_si512(line.as_ptr().cast()) });
        for (total, factor) in totals.iter_mut().zip(factors) {
            *total = _mm512_dpbf16_ps(*total, words(_mm512_set1_epi32(*factor as i32)), line);
        }
    }
    for (sums, total) in sums.iter_mut().zip(totals) {
        // SAFETY: as many sums as lanes.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), total) };
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, Tensor, TensorData};
    use half::bf16;

    use super::super::plain;
    use super::*;
    use crate::draws::Draws;

    #[test]
    fn rounds_as_the_crate_half_does() {
        let near = [0u32, 0x7fff, 0x8000, 0x8001, 0xffff].into_iter();
        let all = near.flat_map(|low| (0..=0xffffu32).map(move |high| f32::from_bits(high << 16 | low)));
        for x in all {
            assert_eq!(
                rounded(x) >> 16,
                u32::from(bf16::from_f32(x).to_bits()),
                "{:08x}",
                x.to_bits()
            );
        }
    }

    /// In single precision, entry by entry, in the order of the kernels: block by block, odd entries of a pair first.
    fn expected(start: f32, left: impl Fn(usize) -> f32, right: impl Fn(usize) -> f32, depth: usize) -> f32 {
        let x = |k: usize| bf16::from_f32(left(k)).to_f32() * bf16::from_f32(right(k)).to_f32();
        (0..depth).step_by(2 * DEPTH).fold(start, |total, first| {
            let end = depth.min(first + 2 * DEPTH);
            let pairs = (first..end).step_by(2);
            total + pairs.fold(0.0, |sum, k| (if k + 1 < end { sum + x(k + 1) } else { sum }) + x(k))
        })
    }

    #[test]
    fn products_are_those_of_rounded_entries_to_the_bit() {
        for [n_rows, n_columns, depth] in [
            [1, 1, 1],
            [3, 17, 2],
            [4, 16, 7],
            [5, 33, 64],
            [97, 40, 513],
            [200, 3, 1100],
            [2, 130, 1024],
        ] {
            let mut draws = Draws::new(7);
            let (left, right) = (draws.normal(n_rows * depth), draws.normal(depth * n_columns));
            let transpose = |x: &[f32], n: usize| -> Vec<f32> {
                (0..x.len())
                    .map(|i| x[i % (x.len() / n) * n + i / (x.len() / n)])
                    .collect()
            };
            let (left_turned, right_turned) = (transpose(&left, depth), transpose(&right, n_columns));
            let start = draws.normal(n_rows * (n_columns + 3));
            for is_added in [false, true] {
                let lefts = [
                    Matrix::new(&left, n_rows, depth),
                    Matrix::new(&left_turned, depth, n_rows).transposed(),
                ];
                let rights = [
                    Matrix::new(&right, depth, n_columns),
                    Matrix::new(&right_turned, n_columns, depth).transposed(),
                ];
                let tiles = Tile::ALL.iter().copied().filter(|tile| tile.is_available());
                for (tile, (left_matrix, right_matrix)) in
                    tiles.flat_map(|tile| lefts.into_iter().zip(rights).map(move |x| (tile, x)))
                {
                    let mut found = start.clone();
                    product_by(tile, &mut found, n_columns + 3, is_added, left_matrix, right_matrix);
                    for (i, found) in found.iter().enumerate() {
                        let (row, column) = (i / (n_columns + 3), i % (n_columns + 3));
                        let expected = if column < n_columns {
                            expected(
                                if is_added { start[i] } else { 0.0 },
                                |k| left[row * depth + k],
                                |k| right[k * n_columns + column],
                                depth,
                            )
                        } else {
                            start[i]
                        };
                        assert_eq!(
                            found.to_bits(),
                            expected.to_bits(),
                            "{tile:?}: {n_rows} x {depth} x {n_columns}: {i}"
                        );
                    }
                }
            }
        }
    }

    /// What stands for the kernel on other devices rounds the product as well; so do its gradients.
    #[test]
    fn the_composition_is_the_kernel_rounded() {
        let (n_rows, n_columns, depth) = (70, 37, 53);
        let device = Device::flex().autodiff();
        let mut draws = Draws::new(11);
        let [left, right, weights] = [n_rows * depth, depth * n_columns, n_rows * n_columns].map(|n| draws.normal(n));
        let tensor = |values: &[f32], shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), &device)
        };
        let inputs = [tensor(&left, [n_rows, depth]), tensor(&right, [depth, n_columns])].map(Tensor::require_grad);
        let output = plain::rounded(inputs[0].clone(), inputs[1].clone());
        let gradients = (output.clone() * tensor(&weights, [n_rows, n_columns]))
            .sum()
            .backward();
        let [left_gradient, right_gradient] = inputs.map(|input| input.grad(&gradients).expect("it takes part"));

        let left = Matrix::new(&left, n_rows, depth);
        let right = Matrix::new(&right, depth, n_columns);
        let weights = Matrix::new(&weights, n_rows, n_columns);
        for (name, found, left, right) in [
            ("output", output.inner(), left, right),
            ("left", left_gradient, weights, right.transposed()),
            ("right", right_gradient, left.transposed(), weights),
        ] {
            assert_eq!(found.dtype(), DType::F32, "{name}");
            let found: Vec<f32> = found.into_data().try_into_vec().unwrap();
            let mut expected = vec![0.0; found.len()];
            product(&mut expected, right.n_columns, false, left, right);
            assert!(found.iter().all(|x| x.to_bits() & !ODD == 0), "{name} is rounded");
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() <= expected.abs() / 250.0 + 1e-5,
                    "{name}: {found} for {expected}"
                );
            }
        }
    }
}
