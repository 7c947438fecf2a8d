//! Numbers for tests, the same in every run and on every machine.
//!
//! The device's generator is one for the whole process: what a test draws from it depends on what others draw meanwhile.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// A generator of Knuth's constants, for tests that want numbers and no quality.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Above 0, and at most 1.
    pub(crate) fn uniform(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 + 0.5) / (1 << 24) as f32
    }

    /// `n` numbers of -1..1.
    pub(crate) fn symmetric(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| 2.0 * self.uniform() - 1.0).collect()
    }

    /// `n` numbers of a normal distribution (Box and Muller 1958).
    pub(crate) fn normal(&mut self, n: usize) -> Vec<f32> {
        let mut one = || (-2.0 * self.uniform().ln()).sqrt() * (std::f32::consts::TAU * self.uniform()).cos();
        (0..n).map(|_| one()).collect()
    }

    /// A tensor of such numbers.
    pub(crate) fn tensor<const D: usize>(&mut self, dims: [usize; D], device: &Device) -> Tensor<D> {
        let numbers = self.normal(dims.iter().product());
        Tensor::from_data(TensorData::new(numbers, dims), device)
    }
}

/// The module with numbers of `seed` for parameters, about as large as those that it starts with; biases and norms are
/// away from their neutral start, at which a law could hold by chance.
pub(crate) fn filled<M: Module>(module: M, seed: u64) -> M {
    module.map(&mut Fill {
        draws: Draws::new(seed),
        path: Vec::new(),
    })
}

struct Fill {
    draws: Draws,
    path: Vec<String>,
}

impl ModuleMapper for Fill {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let dims: [usize; D] = param.lazy_shape().dims();
        let is_scale = self.path.last().is_some_and(|name| name == "gamma");
        let mean = if is_scale { 1.0 } else { 0.0 };
        let deviation = match D {
            1 => 0.1,
            // Xavier's.
            _ => (2.0 / (dims[0] + dims[D - 1]) as f32).sqrt(),
        };
        let numbers = self.draws.normal(dims.iter().product()).into_iter();
        let numbers: Vec<f32> = numbers.map(|x| mean + deviation * x).collect();
        let tensor = Tensor::from_data(TensorData::new(numbers, dims), &param.lazy_device());
        // As a file's weights are put there, so that a parameter learns where it did, and nothing is drawn for it.
        let id = param.id;
        param.transform_for_load(tensor, id)
    }
}
