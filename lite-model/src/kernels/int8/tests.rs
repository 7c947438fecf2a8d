use super::*;
use crate::draws::Draws;

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    Draws::new(seed).symmetric(n)
}

fn matrix(weights: &[f32], d_input: usize, kernel: Kernel) -> Int8Matrix {
    let mut builder = Int8Builder::new(weights.len() / d_input, d_input, kernel);
    weights.chunks_exact(d_input).for_each(|channel| builder.push(channel));
    builder.finish()
}

fn product(matrix: &Int8Matrix, input: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let mut output = vec![f32::NAN; input.len() / matrix.d_input() * matrix.d_output()];
    matrix.product(input, bias, &mut output);
    output
}

const SHAPES: [[usize; 3]; 12] = [
    [1, 1, 1],
    [1, 3, 17],
    [2, 16, 64],
    [3, 15, 65],
    [4, 33, 66],
    [5, 31, 67],
    [7, 48, 128],
    [9, 100, 204],
    [13, 1, 320],
    [32, 129, 511],
    [130, 40, 2048],
    [256, 70, 96],
];

#[test]
fn kernels_give_the_bits_of_the_portable_one() {
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        for [rows, d_output, d_input] in SHAPES {
            let (input, weights) = (numbers(rows * d_input, 1), numbers(d_output * d_input, 2));
            let bias = numbers(d_output, 3);
            for bias in [None, Some(&bias[..])] {
                let expected = product(&matrix(&weights, d_input, Kernel::Portable), &input, bias);
                let found = product(&matrix(&weights, d_input, kernel), &input, bias);
                assert_eq!(found, expected, "{kernel:?}: {rows} x {d_input} x {d_output}");
            }
        }
    }
}

#[test]
fn panels_and_strided_rows_give_the_same() {
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let [rows, d_output, d_input, stride] = [6, 16 * 70 + 5, 300, 307];
        let (input, bias) = (numbers(rows * stride, 11), numbers(d_output, 12));
        let matrix = matrix(&numbers(d_output * d_input, 13), d_input, kernel);
        let packed: Vec<f32> = input
            .chunks_exact(stride)
            .flat_map(|row| &row[..d_input])
            .copied()
            .collect();
        let expected = product(&matrix, &packed, Some(&bias));
        let quantised = matrix.quantise(&input, stride, rows);
        let mut found = vec![Vec::new(); rows];
        for panels in [0..1, 1..40, 40..matrix.n_panels()] {
            matrix.multiply(&quantised, panels, Some(&bias), |row, first, values| {
                assert_eq!(first, found[row].len(), "in their order");
                found[row].extend_from_slice(values);
            });
        }
        assert_eq!(found.concat(), expected);
    }
}

#[test]
fn sums_are_exact_at_the_extremes() {
    // Half of the inputs are the greatest of a row and half the smallest, so that every step between is in use, and weights
    // have one sign, or the sign of their input: what saturates, or wraps, is far off.
    let [rows, d_output, d_input] = [5, 34, 2048];
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        for [low, high] in [[0f32, 1.0], [-1.0, 0.0], [-1.0, 1.0], [-90.5, 90.5], [-0.3, 1.0]] {
            for signs in [[1.0, 1.0], [-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]] {
                let input: Vec<f32> = (0..rows * d_input).map(|i| [low, high][i / 4 % 2]).collect();
                let weights: Vec<f32> = (0..d_output * d_input).map(|i| signs[i / 4 % 2]).collect();
                let found = product(&matrix(&weights, d_input, kernel), &input, None);
                // Of 1,024 inputs each; either end is off by at most half a step.
                let expected = 1024.0 * (low * signs[0] + high * signs[1]);
                let allowed = 1024.0 * (high - low) / 181.0 * 1.0001;
                assert!(
                    found.iter().all(|y| (*y - expected).abs() <= allowed),
                    "{kernel:?}, {low}..{high} by {signs:?}: {}, expected {expected}",
                    found[0]
                );
            }
        }
    }
}

#[test]
fn integers_keep_to_their_bounds() {
    // Pairs of them are added in 16 bits.
    for i in 0..4000 {
        let (low, high) = (-(i as f32) * 0.37, (4000 - i) as f32 * 0.11);
        let mut inputs = [0; 4];
        let step = quantise::inputs(&[low, high, 0.0], &mut inputs);
        assert!(inputs[1] - inputs[0] <= quantise::INPUT_STEPS + 1 && inputs.iter().all(|q| *q <= 182));
        assert_eq!(inputs[2], step.zero, "zero stays zero");
        for (q, x) in inputs.iter().zip([low, high, 0.0]) {
            let found = step.scale * (f32::from(*q) - f32::from(step.zero));
            assert!((found - x).abs() <= 0.5001 * step.scale, "{x}: {found}");
        }
        let mut weights = [0; 2];
        quantise::weights(&[low, high], &mut weights);
        assert_eq!(weights.iter().map(|q| q.abs()).max(), Some(quantise::WEIGHT_STEPS));
    }
}

#[test]
fn the_error_is_within_its_bound() {
    for [rows, d_output, d_input] in SHAPES {
        let (input, weights) = (numbers(rows * d_input, 4), numbers(d_output * d_input, 5));
        let bias = numbers(d_output, 6);
        let found = product(&matrix(&weights, d_input, Kernel::detect()), &input, Some(&bias));
        let greatest = |values: &[f32]| values.iter().fold(0f64, |a, x| a.max(f64::from(x.abs())));
        let range = |values: &[f32]| {
            let [low, high] = values
                .iter()
                .fold([0f32; 2], |[low, high], x| [low.min(*x), high.max(*x)]);
            f64::from(high) - f64::from(low)
        };
        let total = |values: &[f32]| values.iter().map(|x| f64::from(x.abs())).sum::<f64>();
        for (x, found) in input.chunks_exact(d_input).zip(found.chunks_exact(d_output)) {
            for ((w, bias), found) in weights.chunks_exact(d_input).zip(&bias).zip(found) {
                let exact: f64 = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                let (dx, dw) = (range(x) / 362.0, greatest(w) / 180.0);
                let bound = dx * total(w) + dw * total(x) + d_input as f64 * dx * dw;
                let error = (f64::from(*found) - exact - f64::from(*bias)).abs();
                // And the float noise of the last product and sum.
                assert!(
                    error <= bound * 1.0001 + 1e-6 * (exact.abs() + 1.0),
                    "{d_input}: {error}, bound {bound}"
                );
            }
        }
    }
}

#[test]
fn matrices_stand_side_by_side() {
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let weights = numbers(60 * 21, 14);
        let (left, right) = weights.split_at(37 * 21);
        let both = matrix(left, 21, kernel).beside(&matrix(right, 21, kernel));
        assert_eq!(both, matrix(&weights, 21, kernel));
    }
}

#[test]
fn channels_come_back_within_half_a_step() {
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let (d_output, d_input) = (37, 51);
        let weights = numbers(d_output * d_input, 7);
        let matrix = matrix(&weights, d_input, kernel);
        let mut found = vec![0.0; d_input];
        for (channel, expected) in weights.chunks_exact(d_input).enumerate() {
            matrix.channel(channel, &mut found);
            let half_step = expected.iter().fold(0f32, |a, x| a.max(x.abs())) / 180.0;
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= half_step * 1.0001,
                    "{found}, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn rows_are_independent_and_zeros_and_infinities_stay_in_theirs() {
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let (d_output, d_input) = (20, 40);
        let matrix = matrix(&numbers(d_output * d_input, 8), d_input, kernel);
        let bias = numbers(d_output, 9);
        let mut input = numbers(7 * d_input, 10);
        input[2 * d_input..3 * d_input].fill(0.0);
        input[4 * d_input + 3] = f32::NAN;
        input[5 * d_input + 39] = f32::INFINITY;
        input[6 * d_input..].fill(1e-40);
        let all = product(&matrix, &input, Some(&bias));
        for (row, x) in input.chunks_exact(d_input).enumerate() {
            let alone = product(&matrix, x, Some(&bias));
            let found = &all[row * d_output..][..d_output];
            match row {
                2 | 6 => assert_eq!(found, bias),
                4 | 5 => assert!(found.iter().all(|y| !y.is_finite())),
                _ => assert_eq!(found, alone),
            }
        }
    }
}

#[test]
fn empty_matrices_have_products() {
    let nothing = matrix(&[], 3, Kernel::detect());
    assert_eq!(product(&nothing, &[1.0, 2.0, 3.0], None), [0.0; 0]);
    let mut builder = Int8Builder::new(2, 0, Kernel::detect());
    builder.push(&[]);
    builder.push(&[]);
    let mut output = [7.0; 4];
    builder.finish().product(&[], Some(&[1.0, 2.0]), &mut output);
    assert_eq!(output, [1.0, 2.0, 1.0, 2.0]);
}
