//! Each kernel against the composition that it stands for, in values and gradients, and against finite differences.

mod attention;
mod convolution;
mod layers;

use std::cell::Cell;

use burn::module::{Module, Param};
use burn::nn::LayerNorm;
use burn::tensor::{Device, Tensor};

use super::*;
use crate::draws::{Draws, filled};
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

/// Dropout as a product with a mask tensor.
fn dropout_plainly<const D: usize>(dropout: &Dropout, x: Tensor<D>) -> Tensor<D> {
    let Some(mask) = dropout.draw(&device()) else { return x };
    let mut factors = vec![0.0; x.shape().num_elements()];
    mask.fill(0, &mut factors);
    x.clone() * Tensor::<1>::from_floats(factors.as_slice(), &device()).reshape(x.dims())
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

/// What the layers call takes the kernels' way on a training device, and gives what the plain way gives elsewhere.
#[test]
fn layers_agree_with_inference() {
    let plain = Device::flex();
    let x = Draws::new(5).tensor([2, 5, 12], &plain);
    let layer: Linear = crate::init::xavier_linear(12, 12, 1.0, crate::init::BiasInit::FanIn, &plain);
    let (layer, norm) = (filled(layer, 6), filled(new_norm(12, &plain), 7));
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
