//! The convolution as a product with a band matrix: taps laid along the diagonals of a `[length, length]` matrix.
//!
//! Reading a row-major matrix with rows of `L` entries as one with rows of `L - 1` moves row `t` by `t` places to
//! the right, which turns a column a tap into a diagonal a tap: a copy, where a gather would be one index an entry.

use burn::tensor::Tensor;

/// Convolves with taps of every position.
///
/// # Shapes
///
/// - y, output: `[batch_size, length, channels]`
/// - taps: `[batch_size, length, n_heads, kernel_size]`
pub(crate) fn dynamic(y: Tensor<3>, taps: Tensor<4>, left: usize) -> Tensor<3> {
    let [batch_size, length, channels] = y.dims();
    let [_, _, n_heads, _] = taps.dims();
    let band = band(taps.swap_dims(1, 2), left);
    let y = y
        .reshape([batch_size, length, n_heads, channels / n_heads])
        .swap_dims(1, 2);
    band.matmul(y).swap_dims(1, 2).reshape([batch_size, length, channels])
}

/// Convolves with the same taps at every position.
///
/// # Shapes
///
/// - y, output: `[batch_size, length, channels]`
/// - taps: `[n_heads, kernel_size]`
pub(crate) fn lightweight(y: Tensor<3>, taps: Tensor<2>, left: usize) -> Tensor<3> {
    let [batch_size, length, channels] = y.dims();
    let [n_heads, kernel_size] = taps.dims();
    let head_size = channels / n_heads;
    let taps = taps
        .reshape([1, n_heads, 1, kernel_size])
        .expand([1, n_heads, length, kernel_size]);
    let band = band(taps, left).squeeze_dim::<3>(0);
    // One product a head for the whole batch: [length, length] by [length, batch_size * head_size].
    let y = y
        .reshape([batch_size, length, n_heads, head_size])
        .permute([2, 1, 0, 3])
        .reshape([n_heads, length, batch_size * head_size]);
    band.matmul(y)
        .reshape([n_heads, length, batch_size, head_size])
        .permute([2, 1, 0, 3])
        .reshape([batch_size, length, channels])
}

/// `band[t, s] = taps[t, s - t + left]`, and 0 where there is no such tap.
///
/// # Shapes
///
/// - taps: `[batch_size, n_heads, length, kernel_size]`
/// - output: `[batch_size, n_heads, length, length]`
fn band(taps: Tensor<4>, left: usize) -> Tensor<4> {
    let [batch_size, n_heads, length, kernel_size] = taps.dims();
    let device = taps.device();
    let zeros = Tensor::zeros([batch_size, n_heads, length, length], &device);
    let width = kernel_size + length;
    let skewed = Tensor::cat(vec![taps, zeros], 3)
        .reshape([batch_size, n_heads, length * width])
        .slice([0..batch_size, 0..n_heads, 0..length * (width - 1)])
        .reshape([batch_size, n_heads, length, width - 1]);
    skewed.slice([0..batch_size, 0..n_heads, 0..length, left..left + length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Draws;
    use burn::tensor::Device;

    /// The definition, tap by tap.
    fn by_definition(y: &Tensor<3>, taps: &Tensor<4>, left: usize) -> Vec<f32> {
        let [batch_size, length, channels] = y.dims();
        let [_, _, n_heads, kernel_size] = taps.dims();
        let values: Vec<f32> = y.to_data().try_to_vec().unwrap();
        let taps: Vec<f32> = taps.to_data().try_to_vec().unwrap();
        let mut output = vec![0.0; batch_size * length * channels];
        for (b, t, c) in
            (0..batch_size).flat_map(|b| (0..length).flat_map(move |t| (0..channels).map(move |c| (b, t, c))))
        {
            let head = c / (channels / n_heads);
            for k in 0..kernel_size {
                let Some(s) = (t + k).checked_sub(left).filter(|s| *s < length) else {
                    continue;
                };
                output[(b * length + t) * channels + c] += taps[((b * length + t) * n_heads + head) * kernel_size + k]
                    * values[(b * length + s) * channels + c];
            }
        }
        output
    }

    fn check(length: usize, kernel_size: usize, left: usize) {
        let device = Device::flex();
        let (batch_size, n_heads, channels) = (2, 3, 6);
        let mut draws = Draws::new(1);
        let y = draws.tensor([batch_size, length, channels], &device);
        let taps = draws.tensor([batch_size, length, n_heads, kernel_size], &device);
        let found: Vec<f32> = dynamic(y.clone(), taps.clone(), left).into_data().try_to_vec().unwrap();
        for (found, expected) in found.iter().zip(by_definition(&y, &taps, left)) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{length} {kernel_size} {left}: {found} {expected}"
            );
        }
        let fixed = taps.slice([0..1, 0..1]).reshape([1, 1, n_heads, kernel_size]);
        let everywhere = fixed.clone().expand([batch_size, length, n_heads, kernel_size]);
        let found: Vec<f32> = lightweight(y.clone(), fixed.reshape([n_heads, kernel_size]), left)
            .into_data()
            .try_to_vec()
            .unwrap();
        for (found, expected) in found.iter().zip(by_definition(&y, &everywhere, left)) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{length} {kernel_size} {left}: {found} {expected}"
            );
        }
    }

    #[test]
    fn equals_the_definition() {
        for (length, kernel_size) in [(1, 1), (1, 7), (5, 3), (4, 31), (20, 7)] {
            check(length, kernel_size, kernel_size / 2);
            check(length, kernel_size, kernel_size - 1);
        }
    }
}
