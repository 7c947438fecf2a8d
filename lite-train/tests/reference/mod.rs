//! The reference's files, and what tests of both tasks hold to them.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::store::ModuleSnapshot;
use burn::tensor::{Device, Tensor};
use lite_eval::device::DeviceName;
use lite_model::weights;
use safetensors::SafeTensors;

/// The reference's own float32 noise in a gradient.
pub const GRADIENT_TOLERANCE: f32 = 3e-5;
/// Three units in the last place: a gradient above 100 has no finer ones.
const ROUNDING: f32 = 3.0 * f32::EPSILON;

/// The CPU's devices that are compiled in, with gradients.
pub fn devices() -> Vec<Device> {
    let compiled_in = DeviceName::ALL
        .into_iter()
        .filter(|name| ["flex", "ndarray"].contains(&name.name()));
    compiled_in
        .filter_map(|name| name.open().ok())
        .map(Device::autodiff)
        .collect()
}

/// The tensors of floats in a file by name; of a tied matrix the reference writes one.
pub fn read(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| {
        let values = data.chunks_exact(4);
        values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    file.iter()
        .map(|(name, tensor)| (name.to_owned(), floats(tensor.data())))
        .collect()
}

/// A tensor of integers: its shape and values.
pub fn ints(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<i32>) {
    let tensor = file.tensor(name).unwrap();
    let values = tensor.data().chunks_exact(8);
    let values = values.map(|b| i64::from_le_bytes(b.try_into().unwrap()) as i32);
    (tensor.shape().to_vec(), values.collect())
}

/// Weights under the reference's names.
pub fn named<M: ModuleSnapshot>(model: &M) -> BTreeMap<String, Vec<f32>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    weights::save(model, &path).unwrap();
    read(&path)
}

/// Holds weights under the reference's names to those of a file.
pub fn check<M: ModuleSnapshot>(name: &str, model: &M, expected: &Path, tolerance: f32) {
    let (found, expected) = (named(model), read(expected));
    assert!(found.keys().eq(expected.keys()), "{name}");
    for (parameter, expected) in &expected {
        let found = &found[parameter];
        assert_eq!(found.len(), expected.len(), "{name} {parameter}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= tolerance.max(ROUNDING * expected.abs()),
                "{name} {parameter}: {found}, expected {expected}"
            );
        }
    }
}

/// A model whose weights are gradients.
pub struct Replace(pub GradientsParams);

impl ModuleMapper for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.0.remove::<D>(param.id);
        param.map(|value| gradient.unwrap_or_else(|| value.inner().zeros_like()))
    }
}
