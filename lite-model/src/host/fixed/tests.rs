use super::*;
use crate::simd::portable;

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0)
        .collect()
}

fn pack(store: &mut Store, values: &[f32], d_input: usize) -> FixedMatrix {
    FixedMatrix::pack(store, values, d_input).expect("finite numbers")
}

/// All products as they are given, row by row, with each row's error.
fn products(matrix: &FixedMatrix, store: &Store, x: Rows<'_>) -> (Vec<f32>, Vec<f32>) {
    let mut rows = FixedRows::default();
    matrix.quantise(x, &mut rows);
    let mut found = vec![f32::NAN; x.n * matrix.d_output];
    for run in 0..matrix.n_runs() {
        matrix.multiply_into(store, &rows, run, |row, first, values, error| {
            assert_eq!(error.to_bits(), rows.errors[row].to_bits());
            found[row * matrix.d_output + first..][..values.len()].copy_from_slice(values);
        });
    }
    (found, rows.errors)
}

fn exact(x: &[f32], vector: &[f32]) -> f64 {
    x.iter().zip(vector).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
}

#[test]
fn approximations_are_as_near_as_they_say_and_single_products_exact() {
    for (n_rows, d_input, n_words) in [
        (1, 1, 1),
        (4, 200, 37),
        (7, 13, 16),
        (13, 33, 700),
        (2, 900, 31),
        (6, 8, 1500),
    ] {
        let values = numbers(d_input * n_words, 1);
        let stride = d_input + 3;
        let x = numbers(n_rows * stride, 3);
        let mut store = Store::default();
        // Not at the beginning of a slab.
        store.take(3);
        let matrix = pack(&mut store, &values, d_input);
        let rows = Rows {
            values: &x,
            stride,
            n: n_rows,
        };
        let (found, errors) = products(&matrix, &store, rows);
        let place = format!("{n_rows} {d_input} {n_words}");
        for (row, found) in found.chunks(n_words).enumerate() {
            let x = &x[row * stride..][..d_input];
            let error = f64::from(errors[row]);
            assert!(
                error > 0.0 && error < 2e-3 * d_input as f64,
                "{place}: {error}, for numbers up to 1"
            );
            for (word, found) in found.iter().enumerate() {
                let expected = exact(x, &values[word * d_input..][..d_input]);
                assert!(
                    (f64::from(*found) - expected).abs() < error,
                    "{place}: {found} {expected}"
                );
                let one = matrix.dot(&store, x, word);
                let noise = 1e-5 + 4e-7 * expected.abs();
                assert!((f64::from(one) - expected).abs() < noise, "{place}: {one} {expected}");
            }
        }
        let mut vector = vec![0.0; d_input];
        for word in [0, n_words / 2, n_words - 1] {
            matrix.column(&store, word, 2.0, &mut vector);
            for (found, value) in vector.iter().zip(&values[word * d_input..]) {
                assert!((found - 2.0 * value).abs() < 2e-7, "{place}: {found} {value}");
            }
        }
    }
}

#[test]
fn every_processor_finds_the_same() {
    let (d_input, n_words, n_rows) = (77, 100, 7);
    let mut store = Store::default();
    let matrix = pack(&mut store, &numbers(d_input * n_words, 1), d_input);
    let x = numbers(n_rows * d_input, 2);
    let x = Rows {
        values: &x,
        stride: d_input,
        n: n_rows,
    };
    let (expected, _) = products(&matrix, &store, x);
    let mut rows = FixedRows::default();
    matrix.quantise(x, &mut rows);
    let mut found = vec![f32::NAN; expected.len()];
    portable(MultiplyInto {
        matrix: &matrix,
        lines: matrix.halves(&store).0,
        rows: &rows,
        panels: 0..matrix.n_panels(),
        take: |row, first, values: &[f32], _| {
            found[row * n_words + first..][..values.len()].copy_from_slice(values);
        },
    });
    assert_eq!(found, expected);
}

#[test]
fn no_sum_overflows() {
    // All weights and inputs are as great as they come, so that the sum is the product of the norms.
    for (d_input, is_packed) in [(2, true), (128, true), (1000, true), (12_000, true), (13_000, false)] {
        let mut store = Store::default();
        let vectors = [vec![0.25; d_input], vec![-0.25; d_input]].concat();
        let Some(matrix) = FixedMatrix::pack(&mut store, &vectors, d_input) else {
            assert!(!is_packed, "{d_input}");
            continue;
        };
        assert!(is_packed, "{d_input}");
        let mut turned = vec![8.0; d_input];
        turned[d_input / 2..].fill(-8.0);
        let x = [vec![8.0; d_input], vec![-8.0; d_input], turned].concat();
        let x = Rows {
            values: &x,
            stride: d_input,
            n: 3,
        };
        let (found, errors) = products(&matrix, &store, x);
        let expected = 2.0 * d_input as f32;
        for (found, expected) in found.iter().zip([expected, -expected, -expected, expected, 0.0, 0.0]) {
            assert!((found - expected).abs() <= errors[0], "{d_input}: {found} {expected}");
            assert!(errors[0] < 6e-3 * d_input as f32, "{d_input}: {errors:?}");
        }
    }
}

#[test]
fn what_is_zero_stays_so_and_what_is_no_number_is_refused() {
    let mut store = Store::default();
    let mut vectors = numbers(3 * 40, 1);
    vectors[40..80].fill(0.0);
    vectors[80..].fill(1e-38);
    let matrix = pack(&mut store, &vectors, 40);
    let x = [
        vec![0.0; 40],
        numbers(40, 2),
        vec![f32::NAN; 40],
        vec![f32::INFINITY; 40],
    ]
    .concat();
    let x = Rows {
        values: &x,
        stride: 40,
        n: 4,
    };
    let (found, errors) = products(&matrix, &store, x);
    assert_eq!(found[..3], [0.0; 3]);
    assert_eq!(errors[0], 0.0);
    assert_eq!(found[4..6], [0.0; 2]);
    assert!(found[6..].iter().all(|x| x.is_nan()), "{found:?}");
    for broken in [f32::NAN, f32::NEG_INFINITY] {
        let mut vectors = numbers(3 * 40, 1);
        vectors[50] = broken;
        assert!(FixedMatrix::pack(&mut store, &vectors, 40).is_none());
    }
}
