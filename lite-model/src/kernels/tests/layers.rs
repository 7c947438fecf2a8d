//! Residuals, norms, dropout, linear layers and gates.

use burn::tensor::Tensor;
use burn::tensor::activation::{relu, sigmoid};

use super::super::{EPSILON, add, gate, linear, norm};
use super::{SHAPES, check, device, dropout_plainly, dropouts, flat};
use crate::dropout::Dropout;

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
