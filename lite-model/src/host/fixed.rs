//! The vocabulary's matrix in fixed point, of which a step multiplies the upper halves.
//!
//! A step multiplies with every word's vector, and then a few words are all that matters. So a weight is
//! `scale * (65536 * high + low)`, a scale for every word; together the halves are finer than single precision is at the
//! word's greatest weight. The upper ones stand in panels. Their product with the inputs, which are integers too, takes half
//! the memory and two thirds of the time of single precision. Both have as many bits as fit into a sum of 32, which no part
//! of a product leaves if the norms' product does not. So the product is near every logit; how near at worst, is known for
//! each row. Those words whose logits may then be among the best are multiplied whole, by [`FixedMatrix::dot`].

use std::ops::Range;

use super::matrix::{LONGEST_RUN, RUN_BYTES, Rows, TILE_ROWS, each_tile};
use super::store::{Line, Place, Store, flat, integers, integers_mut};
use crate::simd::{Arithmetic, Kernel, LANES, dot, prefetch, sum_lanes, vectorised};

/// Steps to the greatest weight of a word: fewer would say too little.
const FEWEST_STEPS: f32 = 512.0;
/// Of how many times the steps to the greatest weight those to the greatest input shall be: inputs have a few channels that
/// are far greater than the others.
const INPUT_SHARE: f32 = 4.0;
/// Of how many times the root mean square of a row its greatest number is taken to be, when bits are shared out. Where it is
/// not, inputs have more bits or fewer.
const INPUT_PEAK: f32 = 6.0;
/// What a sum may be, but for what floats round on the way to its bound.
const LARGEST_SUM: f32 = 0.999 * i32::MAX as f32;
/// Of how many lower units an upper one is.
const LOWER: i32 = 1 << 16;
/// A vector or a row whose numbers all are smaller counts as zero: the steps would have no place among floats.
const SMALLEST: f32 = 1e-28;
/// Lines that are fetched ahead of the one in use.
const AHEAD: usize = 16;
/// Integers of a line.
const WIDTH: usize = 2 * Line::WIDTH;

/// A matrix `[d_input, d_output]`, a word's vector a column.
#[derive(Debug)]
pub(super) struct FixedMatrix {
    /// First the upper halves in panels of 16 words, a line for two inputs: both of the first word, then of the second; then
    /// the lower ones, word after word.
    place: Place,
    /// What a lower unit of each word is worth, whole panels.
    scales: Vec<f32>,
    /// The greatest norm of a row of inputs, in steps.
    input_norm: f32,
    /// The most that an upper unit is worth.
    largest_step: f32,
    /// The most that a word's upper halves add up to, without their signs, in its own unit.
    reach: f32,
    pub(super) d_input: usize,
    pub(super) d_output: usize,
}

/// Rows in integers.
#[derive(Debug, Default)]
pub(super) struct FixedRows {
    /// Pairs of inputs, the last filled up with zero.
    values: Vec<i16>,
    scales: Vec<f32>,
    /// How far a logit of the row may be off.
    errors: Vec<f32>,
}

impl FixedMatrix {
    /// Whether this is faster than single precision here: where two products a lane are one instruction.
    pub(super) fn pays() -> bool {
        #[cfg(target_arch = "x86_64")]
        return std::arch::is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Of vectors `[d_output, d_input]`, word after word; `None` if a number is not finite, or there are so many inputs that
    /// their sum would leave no bits for them.
    pub(super) fn pack(store: &mut Store, values: &[f32], d_input: usize) -> Option<Self> {
        let d_output = values.len() / d_input;
        let n_panels = d_output.div_ceil(Line::WIDTH);
        let mut scales = vec![0.0; n_panels * Line::WIDTH];
        let (mut largest, mut largest_sum, mut norm) = (0f32, 0f32, 1f32);
        for (vector, scale) in values.chunks_exact(d_input).zip(&mut scales) {
            let sum = vector.iter().map(|x| f64::from(x.abs())).sum::<f64>() as f32;
            if !sum.is_finite() {
                return None;
            }
            let greatest = vector.iter().fold(0f32, |a, x| a.max(x.abs()));
            if greatest >= SMALLEST {
                *scale = greatest;
                let squares = vector.iter().map(|x| f64::from(x / greatest).powi(2));
                norm = norm.max(squares.sum::<f64>().sqrt() as f32);
            }
            largest = largest.max(greatest);
            largest_sum = largest_sum.max(sum);
        }
        // Weights and inputs share the bits of a sum, which is at most the product of their norms.
        let root = (d_input as f32).sqrt();
        let steps = (LARGEST_SUM * INPUT_PEAK / (INPUT_SHARE * root * norm)).sqrt();
        let steps = steps.min(f32::from(i16::MAX) / INPUT_SHARE).floor();
        if steps < FEWEST_STEPS {
            return None;
        }
        scales.iter_mut().for_each(|scale| *scale /= steps * LOWER as f32);
        // No integer is more than half a step from its number.
        let input_norm = LARGEST_SUM / (norm * steps + 0.5 * root) - 0.5 * root;
        let largest_step = largest / steps;
        let reach = largest_sum + 0.5 * largest_step * d_input as f32;
        let panel_len = d_input.div_ceil(2);
        let n_high = n_panels * panel_len;
        let place = store.take(n_high + (d_output * d_input).div_ceil(WIDTH));
        let (high, low) = integers_mut(store.lines_mut(&place)).split_at_mut(n_high * WIDTH);
        let words = values.chunks_exact(d_input).zip(low.chunks_exact_mut(d_input));
        for (word, ((vector, low), scale)) in words.zip(&scales).enumerate() {
            let panel = &mut high[word / Line::WIDTH * panel_len * WIDTH..];
            let pairs = panel[2 * (word % Line::WIDTH)..].chunks_mut(WIDTH);
            for ((vector, low), high) in vector.chunks(2).zip(low.chunks_mut(2)).zip(pairs) {
                for ((x, low), high) in vector.iter().zip(low).zip(high) {
                    (*high, *low) = halves(integer(*x, *scale));
                }
            }
        }
        Some(Self {
            place,
            scales,
            input_norm,
            largest_step,
            reach,
            d_input,
            d_output,
        })
    }

    /// The upper halves, in lines, and the lower ones.
    #[inline(always)]
    fn halves<'a>(&self, store: &'a Store) -> (&'a [Line], &'a [i16]) {
        let (high, low) = store.lines(&self.place).split_at(self.n_panels() * self.panel_len());
        (high, integers(low))
    }

    /// Inputs and what fills up the last pair.
    fn width(&self) -> usize {
        self.d_input.next_multiple_of(2)
    }

    fn panel_len(&self) -> usize {
        self.width() / 2
    }

    fn n_panels(&self) -> usize {
        self.scales.len() / Line::WIDTH
    }

    /// The integers of a word.
    #[inline(always)]
    fn word<'a>(&self, store: &'a Store, word: usize) -> impl Iterator<Item = i32> + 'a {
        let (high, low) = self.halves(store);
        let high = integers(&high[word / Line::WIDTH * self.panel_len()..][..self.panel_len()]);
        let high = high[2 * (word % Line::WIDTH)..].chunks(WIDTH);
        let low = low[word * self.d_input..][..self.d_input].chunks(2);
        low.zip(high).flat_map(|(low, high)| {
            low.iter()
                .zip(high)
                .map(|(low, high)| i32::from(*high) * LOWER + i32::from(*low))
        })
    }

    /// A word's vector, times `scale`.
    pub(super) fn column(&self, store: &Store, word: usize, scale: f32, out: &mut [f32]) {
        let own = self.scales[word];
        for (out, q) in out.iter_mut().zip(self.word(store, word)) {
            *out = scale * (own * q as f32);
        }
    }

    /// The product of a row with one word.
    pub(super) fn dot(&self, store: &Store, x: &[f32], word: usize) -> f32 {
        self.scales[word]
            * vectorised(Dot {
                matrix: self,
                store,
                x,
                word,
            })
    }

    /// Makes rows as they are multiplied, in the place of others.
    pub(super) fn quantise(&self, x: Rows<'_>, rows: &mut FixedRows) {
        rows.values.clear();
        rows.values.resize(x.n * self.width(), 0);
        rows.scales.resize(x.n, 0.0);
        rows.errors.resize(x.n, 0.0);
        vectorised(Quantise { matrix: self, x, rows });
    }

    /// Runs of words that [`multiply_into`](Self::multiply_into) computes at a time.
    pub(super) fn n_runs(&self) -> usize {
        self.n_panels().div_ceil(self.panels_of_run())
    }

    fn panels_of_run(&self) -> usize {
        (RUN_BYTES / (self.panel_len() * size_of::<Line>())).clamp(1, LONGEST_RUN)
    }

    /// Gives approximations of the products of run `run` to `take(row, first_word, values, error)`, a row after the other.
    /// None is further off than `error`.
    pub(super) fn multiply_into(
        &self,
        store: &Store,
        rows: &FixedRows,
        run: usize,
        take: impl FnMut(usize, usize, &[f32], f32),
    ) {
        let first = run * self.panels_of_run();
        vectorised(MultiplyInto {
            matrix: self,
            lines: self.halves(store).0,
            rows,
            panels: first..self.n_panels().min(first + self.panels_of_run()),
            take,
        });
    }
}

/// In lower units.
#[inline(always)]
fn integer(x: f32, scale: f32) -> i32 {
    /// Adding 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    if scale > 0.0 {
        (f64::from(x) / f64::from(scale) + ROUND).to_bits() as i32
    } else {
        0
    }
}

/// An integer as an upper half and a lower one of either sign.
fn halves(q: i32) -> (i16, i16) {
    let high = (q + LOWER / 2) >> 16;
    (high as i16, (q - high * LOWER) as i16)
}

struct Dot<'a> {
    matrix: &'a FixedMatrix,
    store: &'a Store,
    x: &'a [f32],
    word: usize,
}

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f32 {
        let Self { matrix, store, x, word } = self;
        let (high, low) = matrix.halves(store);
        let high = integers(&high[word / Line::WIDTH * matrix.panel_len()..][..matrix.panel_len()]);
        let high = &high[2 * (word % Line::WIDTH)..];
        let low = &low[word * matrix.d_input..][..matrix.d_input];
        let mut lanes = [0.0; LANES];
        let eights = x[..matrix.d_input].chunks(LANES).zip(low.chunks(LANES));
        for ((x, low), high) in eights.zip(high.chunks(LANES / 2 * WIDTH)) {
            for (i, ((x, low), lane)) in x.iter().zip(low).zip(&mut lanes).enumerate() {
                let q = i32::from(high[i / 2 * WIDTH + i % 2]) * LOWER + i32::from(*low);
                *lane = A::mul_add(*x, q as f32, *lane);
            }
        }
        sum_lanes(lanes)
    }
}

struct Quantise<'a> {
    matrix: &'a FixedMatrix,
    x: Rows<'a>,
    rows: &'a mut FixedRows,
}

impl Kernel for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        /// Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
        const ROUND: f32 = 12_582_912.0;
        let Self { matrix, x, rows } = self;
        let width = matrix.width();
        for row in 0..x.n {
            let x = &x.values[row * x.stride..][..matrix.d_input];
            // NaN would be passed over by a maximum.
            let sum = x.iter().map(|x| x.abs()).sum::<f32>();
            let greatest = x.iter().fold(0f32, |a, x| if x.abs() > a { x.abs() } else { a });
            let scale = match sum.is_finite() {
                true if greatest < SMALLEST => 0.0,
                true => (greatest / f32::from(i16::MAX)).max(dot::<A>(x, x).sqrt() / matrix.input_norm),
                false => f32::NAN,
            };
            if scale > 0.0 {
                let per_step = scale.recip();
                for (value, x) in rows.values[row * width..].iter_mut().zip(x) {
                    *value = (x * per_step + ROUND).to_bits() as i16;
                }
            }
            rows.scales[row] = scale;
            // Half a step of either; then what floats round, of the approximation and of what it approximates.
            let of_rounding = match scale > 0.0 {
                true => 0.5 * (sum * matrix.largest_step + scale * matrix.reach),
                false => sum * matrix.reach,
            };
            let of_floats = greatest * matrix.reach * 1e-6;
            rows.errors[row] = of_rounding * 1.001 + of_floats;
        }
    }
}

struct MultiplyInto<'a, F> {
    matrix: &'a FixedMatrix,
    lines: &'a [Line],
    rows: &'a FixedRows,
    panels: Range<usize>,
    take: F,
}

impl<F: FnMut(usize, usize, &[f32], f32)> Kernel for MultiplyInto<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) {
        let (matrix, rows) = (self.matrix, self.rows);
        let mut found = [Line::ZERO; LONGEST_RUN * TILE_ROWS];
        let first = self.panels.start * Line::WIDTH;
        let width = (self.panels.len() * Line::WIDTH).min(matrix.d_output - first);
        each_tile!(rows.scales.len(), row, R, {
            let values = &rows.values[row * matrix.width()..];
            for (place, panel) in self.panels.clone().enumerate() {
                let lines = &self.lines[panel * matrix.panel_len()..][..matrix.panel_len()];
                let mut sums = [[0; Line::WIDTH]; R];
                match row {
                    0 => tile::<A, R, true>(values, lines, &mut sums),
                    _ => tile::<A, R, false>(values, lines, &mut sums),
                }
                let (scales, _) = matrix.scales.as_chunks::<{ Line::WIDTH }>();
                let scales = scales[panel].map(|scale| scale * LOWER as f32);
                for (r, sums) in sums.iter().enumerate() {
                    let scale = rows.scales[row + r];
                    let found = &mut found[r * LONGEST_RUN + place].0;
                    for ((found, sum), own) in found.iter_mut().zip(sums).zip(scales) {
                        *found = *sum as f32 * (scale * own);
                    }
                }
            }
            for (r, found) in found.chunks_exact(LONGEST_RUN).take(R).enumerate() {
                (self.take)(row + r, first, &flat(found)[..width], rows.errors[row + r]);
            }
        });
    }
}

/// The sums of `R` rows with one panel. `FETCH` fetches what is not in the cache yet.
#[inline(always)]
fn tile<A: Arithmetic, const R: usize, const FETCH: bool>(
    rows: &[i16],
    panel: &[Line],
    sums: &mut [[i32; Line::WIDTH]; R],
) {
    #[cfg(target_arch = "x86_64")]
    if A::IS_AVX2 {
        // SAFETY: such arithmetic runs on a processor that has it.
        return unsafe { tile_avx2::<R, FETCH>(rows, panel, sums) };
    }
    for (row, sums) in rows.chunks_exact(2 * panel.len()).zip(sums) {
        for (x, line) in row.chunks_exact(2).zip(panel) {
            if FETCH {
                prefetch((line as *const Line).wrapping_add(AHEAD));
            }
            let weights = integers(std::slice::from_ref(line));
            for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(2)) {
                *sum += i32::from(x[0]) * i32::from(weights[0]) + i32::from(x[1]) * i32::from(weights[1]);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2")]
fn tile_avx2<const R: usize, const FETCH: bool>(rows: &[i16], panel: &[Line], sums: &mut [[i32; Line::WIDTH]; R]) {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_load_si256, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm256_storeu_si256,
    };
    assert!(rows.len() >= R * 2 * panel.len());
    let inputs: *const i32 = rows.as_ptr().cast();
    let mut totals = [[_mm256_setzero_si256(); 2]; R];
    for (k, line) in panel.iter().enumerate() {
        if FETCH {
            prefetch((line as *const Line).wrapping_add(AHEAD));
        }
        let line: *const __m256i = (line as *const Line).cast();
        // SAFETY: a line is two registers, and lies on a multiple of its length.
        let weights = unsafe { [_mm256_load_si256(line), _mm256_load_si256(line.add(1))] };
        for (r, totals) in totals.iter_mut().enumerate() {
            // SAFETY: each of the `R` rows has a pair for every line, as asserted.
            let pair = unsafe { inputs.add(r * panel.len() + k).read_unaligned() };
            let x = _mm256_set1_epi32(pair);
            for (total, weights) in totals.iter_mut().zip(weights) {
                *total = _mm256_add_epi32(*total, _mm256_madd_epi16(x, weights));
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        let (low, high) = sums.split_at_mut(8);
        // SAFETY: either half has eight integers.
        unsafe {
            _mm256_storeu_si256(low.as_mut_ptr().cast(), totals[0]);
            _mm256_storeu_si256(high.as_mut_ptr().cast(), totals[1]);
        }
    }
}

#[cfg(test)]
mod tests;
