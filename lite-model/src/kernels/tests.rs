//! Each kernel against the composition that it stands for, in values and gradients, and against finite differences.

use std::cell::Cell;

use burn::module::{Module, Param};
use burn::nn::LayerNorm;
use burn::tensor::activation::{relu, sigmoid, softmax};
use burn::tensor::{Device, Distribution, Tensor};

use super::*;
use crate::convolution::band;
use crate::draws::Draws;
use crate::dropout::seeded;
use crate::encoder::layer_norm as new_norm;
use crate::linear::Linear;

/// A function of flat inputs.
type Function<'a> = &'a dyn Fn(&[Tensor<1>]) -> Tensor<1>;

fn device() -> Device {
    Device::flex().autodiff()
}

thread_local! {
    /// The device's generator is everyone's, and what other tests draw meanwhile would decide which numbers come here: now and
    /// then some whose step passes the corner of a ReLU.
    static DRAWS: Cell<Draws> = const { Cell::new(Draws::new(3)) };
}

/// Numbers of a normal distribution, the same in every run of a test.
fn normal(n: usize) -> Vec<f32> {
    let mut draws = DRAWS.get();
    let numbers = draws.normal(n);
    DRAWS.set(draws);
    numbers
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let n = tensor.shape().num_elements();
    tensor.reshape([n])
}

/// The output, and the gradients of its product with `weights`. Masks are drawn from one seed.
fn run(f: Function, inputs: &[Vec<f32>], weights: &[f32]) -> (Vec<f32>, Vec<Vec<f32>>) {
    let leaf = |values: &Vec<f32>| Tensor::<1>::from_floats(values.as_slice(), &device()).require_grad();
    let inputs: Vec<_> = inputs.iter().map(leaf).collect();
    let output = seeded(7, || f(&inputs));
    let values = output.clone().into_data().try_to_vec().unwrap();
    let gradients = (output * Tensor::from_floats(weights, &device())).sum().backward();
    let gradients = inputs.iter().map(|input| {
        let gradient = input.grad(&gradients).expect("every input has a gradient");
        gradient.into_data().try_to_vec().unwrap()
    });
    (values, gradients.collect())
}

/// Holds `kernel` to `plain` and its gradients to finite differences.
fn check(name: &str, sizes: &[usize], kernel: Function, plain: Function) {
    DRAWS.set(Draws::new(3));
    let inputs: Vec<Vec<f32>> = sizes.iter().map(|size| normal(*size)).collect();
    let n_outputs = {
        let leaves: Vec<_> = inputs
            .iter()
            .map(|x| Tensor::from_floats(x.as_slice(), &device()))
            .collect();
        seeded(7, || kernel(&leaves)).shape().num_elements()
    };
    let weights = normal(n_outputs);
    let (found, found_gradients) = run(kernel, &inputs, &weights);
    let (expected, expected_gradients) = run(plain, &inputs, &weights);
    // Sums in another order, of at most a thousand terms of size one.
    close(name, &found, &expected, 2e-5);
    for (i, (found, expected)) in found_gradients.iter().zip(&expected_gradients).enumerate() {
        close(&format!("{name}, gradient {i}"), found, expected, 5e-5);
    }
    // Along a random direction, so that one difference holds all entries to account.
    for (i, gradient) in found_gradients.iter().enumerate() {
        let direction = normal(sizes[i]);
        let value = |step: f32| {
            let mut inputs = inputs.clone();
            inputs[i].iter_mut().zip(&direction).for_each(|(x, d)| *x += step * d);
            let (output, _) = run(kernel, &inputs, &weights);
            output
                .iter()
                .zip(&weights)
                .map(|(x, w)| f64::from(*x) * f64::from(*w))
                .sum::<f64>()
        };
        // Small, so that few outputs of a ReLU pass its corner on the way.
        let step = 5e-4;
        let difference = (value(step) - value(-step)) / f64::from(2.0 * step);
        let slope: f64 = gradient
            .iter()
            .zip(&direction)
            .map(|(g, d)| f64::from(*g) * f64::from(*d))
            .sum();
        let size: f64 = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        // Rounding of the outputs over the step, and the third derivative times its square.
        let tolerance = 2e-2 * size + 1e-2;
        assert!(
            (difference - slope).abs() < tolerance,
            "{name}, input {i}: {difference} {slope}"
        );
    }
}

fn close(name: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(1f32, |largest, x| largest.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * largest,
            "{name}, entry {i}: {found} where {expected} was expected"
        );
    }
}

fn dropouts() -> [Dropout; 2] {
    [Dropout::new(0.0), Dropout::new(0.3)]
}

/// One token, rows that are no whole vectors, more rows than a block.
const SHAPES: [[usize; 3]; 4] = [[1, 1, 3], [2, 5, 25], [3, 7, 16], [9, 15, 40]];

fn norm_of(gamma: Tensor<1>, beta: Tensor<1>) -> LayerNorm {
    let [width] = gamma.dims();
    let mut norm = new_norm(width, &gamma.device());
    norm.gamma = Param::from_tensor(gamma);
    norm.beta = Some(Param::from_tensor(beta));
    norm
}

/// `Param::val` keeps the graph of a tensor that is no leaf only where it is the tensor itself.
fn plain_norm(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>) -> Tensor<3> {
    let mean = x.clone().mean_dim(2);
    let centred = x - mean;
    let variance = centred.clone().square().mean_dim(2);
    let normal = centred / (variance + EPSILON).sqrt();
    normal * gamma.reshape([1, 1, -1]) + beta.reshape([1, 1, -1])
}

#[test]
fn residuals_and_norms() {
    for shape in SHAPES {
        let [batch_size, length, width] = shape;
        let n = batch_size * length * width;
        for dropout in dropouts() {
            check(
                &format!("add {shape:?} {dropout:?}"),
                &[n, n],
                &|x| flat(add(x[0].clone().reshape(shape), x[1].clone().reshape(shape), &dropout)),
                &|x| flat(x[0].clone().reshape(shape) + dropout_plainly(&dropout, x[1].clone().reshape(shape))),
            );
            check(
                &format!("add_norm {shape:?} {dropout:?}"),
                &[n, n, width, width],
                &|x| {
                    let affine = norm::Affine {
                        gamma: x[2].clone(),
                        beta: x[3].clone(),
                        epsilon: EPSILON as f32,
                    };
                    let mask = dropout.draw(&device());
                    let (x, y) = (x[0].clone().reshape(shape), x[1].clone().reshape(shape));
                    flat(norm::add_norm(x, y, mask, affine))
                },
                &|x| {
                    let sum = x[0].clone().reshape(shape) + dropout_plainly(&dropout, x[1].clone().reshape(shape));
                    flat(plain_norm(sum, x[2].clone(), x[3].clone()))
                },
            );
        }
        check(
            &format!("norm {shape:?}"),
            &[n, width, width],
            &|x| {
                let affine = norm::Affine {
                    gamma: x[1].clone(),
                    beta: x[2].clone(),
                    epsilon: EPSILON as f32,
                };
                flat(norm::norm(x[0].clone().reshape(shape), affine))
            },
            &|x| flat(plain_norm(x[0].clone().reshape(shape), x[1].clone(), x[2].clone())),
        );
    }
}

/// Each operation on both devices, dropout left out: bit for bit, since it is one forward pass.
#[test]
fn without_autodiff_the_output_is_the_same() {
    let none = Dropout::new(0.0);
    let same = |name: &str, sizes: &[usize], f: &dyn Fn(&[Tensor<1>]) -> Tensor<3>| {
        let inputs: Vec<Vec<f32>> = sizes.iter().map(|size| normal(*size)).collect();
        let on = |device: &Device| {
            let tensors = inputs.iter().map(|x| Tensor::from_floats(x.as_slice(), device));
            f(&tensors.collect::<Vec<_>>()).into_data().try_to_vec::<f32>().unwrap()
        };
        assert_eq!(on(&Device::flex()), on(&device()), "{name}");
    };
    for shape @ [batch_size, length, width] in SHAPES {
        let n = batch_size * length * width;
        let [rows, taps] = [batch_size * length, 3 * 5];
        let of = |x: &Tensor<1>| x.clone().reshape(shape);
        same("add", &[n, n], &|x| add(of(&x[0]), of(&x[1]), &none));
        same("add_norm", &[n, n, width, width], &|x| {
            add_norm(of(&x[0]), of(&x[1]), &none, &norm_of(x[2].clone(), x[3].clone()))
        });
        same("layer_norm", &[n, width, width], &|x| {
            layer_norm(&norm_of(x[1].clone(), x[2].clone()), of(&x[0]))
        });
        same("attend", &[n, n, n, length * length], &|x| {
            let heads = |x: &Tensor<1>| of(x).reshape([batch_size, length, 1, width]).swap_dims(1, 2);
            let mask = x[3].clone().reshape([1, 1, length, length]);
            attend(heads(&x[0]), heads(&x[1]), heads(&x[2]), Some(&mask), 0.3, &none)
        });
        same("gate", &[2 * n, rows], &|x| {
            let keep = x[1].clone().reshape([batch_size, length, 1]);
            gate(x[0].clone().reshape([batch_size, length, 2 * width]), Some(&keep))
        });
        // Channels of three heads.
        let wide = [batch_size, length, 3 * width];
        same("dynamic", &[3 * n, rows * taps], &|x| {
            let taps = x[1].clone().reshape([batch_size, length, taps]);
            dynamic(x[0].clone().reshape(wide), taps, [3, 5], 2, true, &none)
        });
        same("lightweight", &[3 * n, taps], &|x| {
            lightweight(x[0].clone().reshape(wide), x[1].clone().reshape([3, 5]), 4)
        });
    }
}

/// Dropout as a product with a mask tensor.
fn dropout_plainly<const D: usize>(dropout: &Dropout, x: Tensor<D>) -> Tensor<D> {
    let Some(mask) = dropout.draw(&device()) else { return x };
    let mut factors = vec![0.0; x.shape().num_elements()];
    mask.fill(0, &mut factors);
    x.clone() * Tensor::<1>::from_floats(factors.as_slice(), &device()).reshape(x.dims())
}

#[test]
fn dropout_alone() {
    let dropout = Dropout::new(0.3);
    check(
        "dropout",
        &[2 * 3 * 5000],
        &|x| flat(dropout.forward(x[0].clone().reshape([2, 3, 5000]))),
        &|x| flat(dropout_plainly(&dropout, x[0].clone().reshape([2, 3, 5000]))),
    );
}

#[test]
fn linear_layers() {
    for ([batch_size, length, d_input], d_output) in SHAPES.into_iter().zip([1, 9, 40, 7]) {
        let n_rows = batch_size * length;
        let sizes = [n_rows * d_input, d_input * d_output, d_output];
        let product = |x: &[Tensor<1>]| {
            let rows = x[0].clone().reshape([n_rows, d_input]);
            rows.matmul(x[1].clone().reshape([d_input, d_output]))
        };
        let input = |x: &[Tensor<1>]| x[0].clone().reshape([batch_size, length, d_input]);
        let weight = |x: &[Tensor<1>]| x[1].clone().reshape([d_input, d_output]);
        check(
            "linear",
            &sizes,
            &|x| {
                flat(linear::linear(
                    input(x),
                    weight(x),
                    Some(x[2].clone()),
                    linear::After::Nothing,
                ))
            },
            &|x| flat(product(x) + x[2].clone().reshape([1, d_output])),
        );
        check(
            "linear without bias",
            &sizes[..2],
            &|x| flat(linear::linear(input(x), weight(x), None, linear::After::Nothing)),
            &|x| flat(product(x)),
        );
        for dropout in dropouts() {
            check(
                "linear, relu",
                &sizes,
                &|x| {
                    let after = linear::After::Relu(dropout.draw(&device()));
                    flat(linear::linear(input(x), weight(x), Some(x[2].clone()), after))
                },
                &|x| {
                    let hidden = product(x) + x[2].clone().reshape([1, d_output]);
                    flat(dropout_plainly(&dropout, relu(hidden)))
                },
            );
        }
    }
}

#[test]
fn a_part_of_the_channels_goes_in_without_a_copy() {
    let layer = |x: Tensor<3>, weight: Tensor<2>| linear::linear(x, weight, None, linear::After::Nothing);
    check(
        "linear of a part",
        &[4 * 3 * 10, 4 * 5],
        &|x| {
            let part = x[0].clone().reshape([4, 3, 10]).narrow(2, 5, 4);
            flat(layer(part, x[1].clone().reshape([4, 5])))
        },
        &|x| {
            let part = x[0].clone().reshape([12, 10]).narrow(1, 5, 4);
            flat(part.matmul(x[1].clone().reshape([4, 5])))
        },
    );
    let turned = |x: &[Tensor<1>]| x[0].clone().reshape([4, 3, 10]).swap_dims(0, 1);
    check(
        "linear of turned axes",
        &[4 * 3 * 10, 10 * 5],
        &|x| flat(layer(turned(x), x[1].clone().reshape([10, 5]))),
        &|x| flat(turned(x).reshape([12, 10]).matmul(x[1].clone().reshape([10, 5]))),
    );
}

/// Queries, keys, and a mask: none, a causal one, one of padding, with a sentence that has none, or one for every head.
#[test]
fn attention_of_any_shape() {
    for [batch_size, n_heads, n_queries, n_keys, head_size] in [
        [1, 1, 1, 1, 1],
        [2, 3, 5, 5, 3],
        [2, 2, 4, 17, 8],
        [3, 4, 33, 33, 25],
        [2, 1, 65, 65, 2],
        [1, 2, 150, 3, 5],
    ] {
        let is_square = n_queries == n_keys;
        let causal = is_square.then(|| crate::seq2seq::causal_mask(n_queries, &device()));
        let padding = {
            let hidden = (0..batch_size * n_keys).map(|i| {
                // None in the first sentence, some keys from the first on in the others.
                let is_padding = i % n_keys + 1 < n_keys.min(i / n_keys * 2 + 1);
                if is_padding { f32::NEG_INFINITY } else { 0.0 }
            });
            let hidden: Vec<f32> = hidden.collect();
            Some(Tensor::<1>::from_floats(hidden.as_slice(), &device()).reshape([batch_size, 1, 1, n_keys]))
        };
        let of_heads = {
            let shape = [batch_size, n_heads, n_queries, n_keys];
            let added = (0..shape.iter().product()).map(|i: usize| {
                let (head, query, key) = (i / n_keys / n_queries % n_heads, i / n_keys % n_queries, i % n_keys);
                // A window that begins later in each head, and what is added within it.
                let begin = (query + 2 * head) % n_keys;
                let is_hidden = key < begin || key > begin + 3;
                if is_hidden {
                    f32::NEG_INFINITY
                } else {
                    0.1 * key as f32 / n_keys as f32
                }
            });
            let added: Vec<f32> = added.collect();
            Some(Tensor::<1>::from_floats(added.as_slice(), &device()).reshape(shape))
        };
        let masks = [None, causal, padding, of_heads];
        for (mask, dropout) in masks.iter().zip([0.0, 0.3, 0.2, 0.1].map(Dropout::new)) {
            let heads = |x: &Tensor<1>, length| {
                x.clone()
                    .reshape([batch_size, length, n_heads, head_size])
                    .swap_dims(1, 2)
            };
            let n = batch_size * n_heads * head_size;
            check(
                &format!("attention {n_queries} {n_keys}"),
                &[n * n_queries, n * n_keys, n * n_keys],
                &|x| {
                    let (keys, values) = (heads(&x[1], n_keys), heads(&x[2], n_keys));
                    flat(attend(
                        heads(&x[0], n_queries),
                        keys,
                        values,
                        mask.as_ref(),
                        0.4,
                        &dropout,
                    ))
                },
                &|x| {
                    let scores = heads(&x[0], n_queries)
                        .mul_scalar(0.4)
                        .matmul(heads(&x[1], n_keys).swap_dims(2, 3));
                    let scores = match mask {
                        Some(mask) => scores + mask.clone(),
                        None => scores,
                    };
                    let context = dropout_plainly(&dropout, softmax(scores, 3)).matmul(heads(&x[2], n_keys));
                    flat(context.swap_dims(1, 2))
                },
            );
        }
    }
}

#[test]
fn gates() {
    for [batch_size, length, channels] in SHAPES {
        let n_rows = batch_size * length;
        let padding: Vec<f32> = (0..n_rows).map(|row| f32::from(u8::from(row % 3 != 1))).collect();
        let padding = Tensor::<1>::from_floats(padding.as_slice(), &device()).reshape([batch_size, length, 1]);
        for keep in [None, Some(&padding)] {
            check(
                "gate",
                &[n_rows * 2 * channels],
                &|x| flat(gate(x[0].clone().reshape([batch_size, length, 2 * channels]), keep)),
                &|x| {
                    let hidden = x[0].clone().reshape([batch_size, length, 2, channels]);
                    let half = |i| hidden.clone().narrow(2, i, 1).squeeze_dim::<3>(2);
                    let output = half(0) * sigmoid(half(1));
                    flat(match keep {
                        Some(keep) => output * keep.clone(),
                        None => output,
                    })
                },
            );
        }
    }
}

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

/// What the layers call takes the kernels' way on a training device, and gives what the plain way gives elsewhere.
#[test]
fn layers_agree_with_inference() {
    let plain = Device::flex();
    plain.seed(5);
    let x = Tensor::<3>::random([2, 5, 12], Distribution::Normal(0.0, 1.0), &plain);
    let layer: Linear = crate::init::xavier_linear(12, 12, 1.0, crate::init::BiasInit::FanIn, &plain);
    let norm = norm_of(
        Tensor::random([12], Distribution::Normal(1.0, 0.1), &plain),
        Tensor::random([12], Distribution::Normal(0.0, 0.1), &plain),
    );
    let none = Dropout::new(0.0);
    let through = |x: Tensor<3>, layer: &Linear, norm: &LayerNorm| {
        let hidden = linear_relu(layer, x.clone(), &none);
        let x = add_norm(x, linear(layer, hidden), &none, norm);
        let x = add(x.clone(), layer_norm(norm, x), &none);
        let found: Vec<f32> = x.into_data().try_to_vec().unwrap();
        found
    };
    let expected = through(x.clone(), &layer, &norm);
    let tracked = through(x.autodiff(), &layer.train(), &norm.train());
    close("layers", &tracked, &expected, 1e-5);
}
