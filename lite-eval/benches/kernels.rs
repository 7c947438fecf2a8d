//! Forward and backward pass of each kernel of `lite-model` beside the composition that it stands for, on one thread:
//! `cargo bench -p lite-eval --bench kernels [-- --bf16] [PART OF A NAME]`, with
//! `--bf16` the kernels' products of rounded entries.
//!
//! Shapes are those that a core has of 128 sentences of 32 tokens on two cores, dropout on. Times are the fastest of
//! many, in milliseconds. The harness is our own: criterion asks for other features of crates that Burn shares, so that
//! Burn would be compiled twice.

use std::time::{Duration, Instant};

use burn::module::{Module, Param};
use burn::nn::LayerNormConfig;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use lite_eval::workers::Workers;
use lite_model::dropout::{Dropout, seeded};
use lite_model::kernels::{self, plain};
use lite_model::linear::Linear;
use lite_model::loss::label_smoothed;

// As in the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 64;
const LENGTH: usize = 32;

fn main() {
    lite_eval::memory::keep_freed_pages();
    kernels::round_products(std::env::args().any(|argument| argument == "--bf16"));
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!("{:<38} {:>10} {:>12} {:>7}", "", "kernel ms", "composition", "ratio");
    let bench = |name: &str, kernel: &(dyn Fn() -> Tensor<1> + Sync), composition: &(dyn Fn() -> Tensor<1> + Sync)| {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            return;
        }
        let (kernel, composition) = (fastest(kernel), fastest(composition));
        println!(
            "{name:<38} {kernel:>10.2} {composition:>12.2} {:>7.2}",
            composition / kernel
        );
    };
    let dropout = Dropout::new(0.1);
    for width in [128, 200, 496] {
        let shape = [BATCH, LENGTH, width];
        let norm = LayerNormConfig::new(width).init(&device());
        let (x, y) = (random(shape), random(shape));
        bench(
            &format!("norm(x + dropout(y)), {width}"),
            &|| total(kernels::add_norm(x.clone(), y.clone(), &dropout, &norm)),
            &|| total(plain::add_norm(x.clone(), y.clone(), &dropout, &norm)),
        );
        let layer = linear(width, width);
        bench(
            &format!("linear, {width} to {width}"),
            &|| total(kernels::linear(&layer, x.clone())),
            &|| total(plain::linear(&layer, x.clone())),
        );
        let layer = linear(width, 4 * width);
        bench(
            &format!("dropout(relu(linear)), {width} to {}", 4 * width),
            &|| total(kernels::linear_relu(&layer, x.clone(), &dropout)),
            &|| total(plain::linear_relu(&layer, x.clone(), &dropout)),
        );
    }
    for (n_heads, head_size) in [(8, 16), (4, 25), (8, 62)] {
        let shape = [BATCH, LENGTH, n_heads, head_size];
        let heads = || random(shape).swap_dims(1, 2);
        let (query, keys, values) = (heads(), heads(), heads());
        let mask = Tensor::<4>::zeros([BATCH, 1, 1, LENGTH], &device());
        let inputs = || (query.clone(), keys.clone(), values.clone());
        bench(
            &format!("attention, {n_heads} heads of {head_size}"),
            &|| {
                let (query, keys, values) = inputs();
                total(kernels::attend(query, keys, values, Some(&mask), 0.2, &dropout))
            },
            &|| {
                let (query, keys, values) = inputs();
                total(plain::attend(query, keys, values, Some(&mask), 0.2, &dropout))
            },
        );
    }
    for channels in [100, 248] {
        let hidden = random([BATCH, LENGTH, 2 * channels]);
        bench(
            &format!("gate, {channels} channels"),
            &|| total(kernels::gate(hidden.clone(), None)),
            &|| total(plain::gate(hidden.clone(), None)),
        );
        for kernel_size in [3, 7, 15, 31] {
            let y = random([BATCH, LENGTH, channels]);
            let taps = random([BATCH, LENGTH, 4 * kernel_size]);
            let (shape, left) = ([4, kernel_size], kernel_size - 1);
            bench(
                &format!("dynamic convolution, {channels}, K {kernel_size}"),
                &|| total(kernels::dynamic(y.clone(), taps.clone(), shape, left, true, &dropout)),
                &|| total(plain::dynamic(y.clone(), taps.clone(), shape, left, true, &dropout)),
            );
            let taps = random([4, kernel_size]);
            bench(
                &format!("lightweight convolution, {channels}, K {kernel_size}"),
                &|| total(kernels::lightweight(y.clone(), taps.clone(), left)),
                &|| total(plain::lightweight(y.clone(), taps.clone(), left)),
            );
        }
    }
    let (width, vocabulary) = (200, 10_000);
    let (features, projection) = (random([BATCH, LENGTH, width]), random([vocabulary, width]));
    let targets: Vec<i32> = (0..BATCH * LENGTH).map(|i| 4 + (i * 263 % 9_000) as i32).collect();
    bench(
        "projection to 10,000 and loss, 200",
        &|| label_smoothed(features.clone(), projection.clone(), &targets, 0.1).surrogate,
        &|| {
            let rows = features.clone().reshape([BATCH * LENGTH, width]);
            let log_p = log_softmax(rows.matmul(projection.clone().transpose()), 1);
            let data = TensorData::new(targets.clone(), [targets.len(), 1]);
            let hits = log_p.clone().gather(1, Tensor::<2, Int>::from_data(data, &device()));
            hits.sum().mul_scalar(-0.9) - log_p.sum().mul_scalar(0.1 / vocabulary as f64)
        },
    );
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device()).require_grad()
}

fn linear(d_input: usize, d_output: usize) -> Linear {
    let bias = Param::from_tensor(random([d_output]));
    Linear::new(Param::from_tensor(random([d_input, d_output])), Some(bias)).train()
}

/// A scalar to walk back from.
fn total(output: Tensor<3>) -> Tensor<1> {
    output.sum()
}

/// Milliseconds of the fastest forward and backward pass in half a second, on a thread as training has them.
fn fastest(work: &(dyn Fn() -> Tensor<1> + Sync)) -> f64 {
    let mut found = f64::INFINITY;
    // Two pieces, so that each has a worker; the faster counts.
    let time = |_, ()| {
        let began = Instant::now();
        let mut fastest = f64::INFINITY;
        while began.elapsed() < Duration::from_millis(500) {
            let start = Instant::now();
            let _gradients = seeded(1, || work().backward());
            fastest = f64::min(fastest, start.elapsed().as_secs_f64());
        }
        fastest
    };
    Workers::with_threads(2).each(vec![(); 2], time, |fastest| found = found.min(fastest));
    1e3 * found
}
