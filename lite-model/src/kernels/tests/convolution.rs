//! Both convolutions.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::super::{dynamic, lightweight};
use super::{check, dropout_plainly, flat};
use crate::convolution::band;
use crate::dropout::Dropout;

/// Lengths, heads of channels that are and are not whole vectors, kernels longer than the sentence.
const CONVOLUTIONS: [[usize; 5]; 6] = [
    [1, 1, 1, 1, 1],
    [2, 1, 2, 4, 7],
    [2, 5, 3, 9, 3],
    [1, 4, 2, 50, 31],
    [3, 20, 4, 100, 15],
    [2, 40, 1, 33, 33],
];

#[test]
fn dynamic_convolutions() {
    for [batch_size, length, n_heads, channels, kernel_size] in CONVOLUTIONS {
        let channels = channels.next_multiple_of(n_heads);
        for (left, has_softmax, dropout) in [
            (kernel_size / 2, true, Dropout::new(0.0)),
            (kernel_size - 1, true, Dropout::new(0.3)),
            (kernel_size - 1, false, Dropout::new(0.0)),
        ] {
            check(
                &format!("dynamic {length} {channels} {kernel_size} {left}"),
                &[
                    batch_size * length * channels,
                    batch_size * length * n_heads * kernel_size,
                ],
                &|x| {
                    let y = x[0].clone().reshape([batch_size, length, channels]);
                    let taps = x[1].clone().reshape([batch_size, length, n_heads * kernel_size]);
                    flat(dynamic(y, taps, [n_heads, kernel_size], left, has_softmax, &dropout))
                },
                &|x| {
                    let y = x[0].clone().reshape([batch_size, length, channels]);
                    let taps = x[1].clone().reshape([batch_size, length, n_heads, kernel_size]);
                    let taps = if has_softmax { softmax(taps, 3) } else { taps };
                    flat(band::dynamic(y, dropout_plainly(&dropout, taps), left))
                },
            );
        }
    }
}

#[test]
fn lightweight_convolutions() {
    for [batch_size, length, n_heads, channels, kernel_size] in CONVOLUTIONS {
        let channels = channels.next_multiple_of(n_heads);
        for left in [kernel_size / 2, kernel_size - 1] {
            let y = |x: &[Tensor<1>]| x[0].clone().reshape([batch_size, length, channels]);
            let taps = |x: &[Tensor<1>]| x[1].clone().reshape([n_heads, kernel_size]);
            check(
                &format!("lightweight {length} {channels} {kernel_size} {left}"),
                &[batch_size * length * channels, n_heads * kernel_size],
                &|x| flat(lightweight(y(x), taps(x), left)),
                &|x| flat(band::lightweight(y(x), taps(x), left)),
            );
        }
    }
}
