use super::*;

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0)
        .collect()
}

#[test]
fn products_equal_the_definition_whatever_the_shape() {
    for (n_rows, d_input, d_output) in [
        (1, 1, 1),
        (4, 200, 37),
        (7, 13, 16),
        (13, 33, 700),
        (2, 3000, 31),
        (6, 8, 48),
    ] {
        let weights = numbers(d_input * d_output, 1);
        let bias = numbers(d_output, 2);
        // Rows with something behind them that must not matter.
        let stride = d_input + 3;
        let x = numbers(n_rows * stride, 3);
        let mut expected = vec![0.0; n_rows * d_output];
        for (row, expected) in expected.chunks_mut(d_output).enumerate() {
            for (column, expected) in expected.iter_mut().enumerate() {
                let products =
                    (0..d_input).map(|k| f64::from(x[row * stride + k]) * f64::from(weights[k * d_output + column]));
                *expected = (f64::from(bias[column]) + products.sum::<f64>()) as f32;
            }
        }
        let mut store = Store::default();
        let matrix = Matrix::pack(&mut store, &weights, d_input, Some(&bias));
        let x = Rows {
            values: &x,
            stride,
            n: n_rows,
        };
        let mut found = vec![f32::NAN; n_rows * d_output];
        let half = matrix.n_panels() / 2;
        for panels in [0..half, half..matrix.n_panels()] {
            let out = Columns::new(&mut found, d_output, 0);
            matrix.multiply(&store, x, panels, Activation::Linear, out);
        }
        let mut transposed = vec![0.0; weights.len()];
        for (i, weight) in weights.iter().enumerate() {
            transposed[i % d_output * d_input + i / d_output] = *weight;
        }
        let matrix = Matrix::pack_transposed(&mut store, &transposed, d_input);
        let mut taken = vec![f32::NAN; n_rows * d_output];
        let x = matrix.multiplicand(x);
        for run in 0..matrix.n_runs() {
            matrix.multiply_into(&store, &x, run, |row, first, values| {
                for (i, value) in values.iter().enumerate() {
                    taken[row * d_output + first + i] = value + bias[first + i];
                }
            });
        }
        for found in [found, taken] {
            for (found, expected) in found.iter().zip(&expected) {
                // Sums of up to 3000 products of order one.
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{n_rows} {d_input} {d_output}: {found} {expected}"
                );
            }
        }
        let mut column = vec![0.0; d_input];
        matrix.column(&store, d_output - 1, 2.0, &mut column);
        for (k, found) in column.iter().enumerate() {
            assert_eq!(*found, 2.0 * weights[k * d_output + d_output - 1]);
        }
    }
}
