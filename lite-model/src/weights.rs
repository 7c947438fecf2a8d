//! Weights on disk: safetensors under the reference's names and in its layout, a tied matrix once.

use std::fs;
use std::path::Path;

use burn::store::burn_pack::Error as PackError;
use burn::store::{
    ApplyError, ApplyResult, BurnToPyTorchAdapter, ModuleSnapshot, ModuleStore, PyTorchToBurnAdapter, SafetensorsStore,
    bridge,
};
use burn::tensor::{DType, Shape, TensorData};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize_to_file};

use crate::compress::Values;
use crate::error::WeightsError;

/// A tensor by its name, shape, and elements in row-major order.
pub type NamedTensor = (String, Vec<usize>, Vec<f32>);

/// Writes the weights of `model`; the file appears under its name only when it is whole.
///
/// The same weights give the same bytes.
pub fn save<M: ModuleSnapshot>(model: &M, path: &Path) -> Result<(), WeightsError> {
    let mut store = SafetensorsStore::from_file(path)
        .overwrite(true)
        .clear_metadata()
        .skip_enum_variants(true)
        .with_to_adapter(BurnToPyTorchAdapter)
        .with_key_remapping(r"\.feed_forward\.", ".");
    model.save_into(&mut store).map_err(|error| file_error(path, error))
}

/// Puts the weights of a file into `model`. Tensors that the model has no place for are passed over.
///
/// # Errors
///
/// The file cannot be read, lacks a tensor, or has one of another shape; `model` is lost then.
pub fn load<M: ModuleSnapshot>(mut model: M, path: &Path) -> Result<M, WeightsError> {
    let mut store = SafetensorsStore::from_file(path)
        .skip_enum_variants(true)
        .validate(false)
        .allow_partial(true)
        .with_from_adapter(PyTorchToBurnAdapter)
        .with_key_remapping(r"\.(fc[12])\.", ".feed_forward.$1.");
    let result = store.apply_to(&mut model).map_err(|error| file_error(path, error))?;
    check(&result, path)?;
    Ok(model)
}

/// A tensor that is read when it is asked for.
pub struct Source {
    /// Its name in the reference.
    pub name: String,
    /// Its shape in the reference.
    pub shape: Vec<usize>,
    /// Its elements in row-major order, or why there are none.
    pub read: Box<dyn Fn() -> Result<Values, String> + Send + Sync>,
}

/// Puts tensors into `model`, one after the other, so that no two of them are held beside it. `path` is named in errors.
///
/// # Errors
///
/// As [`load`]'s.
pub fn load_from<M: ModuleSnapshot>(mut model: M, sources: Vec<Source>, path: &Path) -> Result<M, WeightsError> {
    let tensors = sources.into_iter().map(|Source { name, shape, read }| {
        let name = name
            .replace(".fc1.", ".feed_forward.fc1.")
            .replace(".fc2.", ".feed_forward.fc2.");
        let expected = shape.clone();
        bridge::deferred(name, DType::F32, Shape::from(shape), None, move || {
            let values = read().map_err(PackError::ValidationError)?;
            Ok(TensorData::new(values.into_floats(), expected.clone()))
        })
    });
    let result = model.apply(tensors.collect(), None, Some(Box::new(PyTorchToBurnAdapter)), true);
    check(&result, path)?;
    Ok(model)
}

/// Whether every weight of a model was found.
fn check(result: &ApplyResult, path: &Path) -> Result<(), WeightsError> {
    if let Some(error) = result.errors.first() {
        return Err(match error {
            ApplyError::ShapeMismatch {
                path: name,
                expected,
                found,
            } => WeightsError::Shape {
                path: path.into(),
                name: name_in_reference(name),
                found: format!("shape {:?}", found.as_slice()),
                expected: expected.to_vec(),
            },
            other => file_error(path, other),
        });
    }
    if let Some((name, _)) = result.missing.first() {
        return Err(WeightsError::Missing {
            path: path.into(),
            name: name_in_reference(name),
            n_missing: result.missing.len(),
        });
    }
    Ok(())
}

/// A layer norm's weights have other names in Burn.
fn name_in_reference(path: &str) -> String {
    let name = path.replace(".feed_forward.", ".");
    let [gamma, beta] = [("gamma", "weight"), ("beta", "bias")].map(|(burn, reference)| {
        let stem = name.strip_suffix(burn)?;
        Some(format!("{stem}{reference}"))
    });
    gamma.or(beta).unwrap_or(name)
}

/// Writes the mean of several files of weights of one model (fairseq `average_checkpoints.py`: summed in single
/// precision in the order given, then divided).
///
/// # Errors
///
/// A file cannot be read, or its tensors are not those of the first.
pub fn average(paths: &[&Path], output: &Path) -> Result<(), WeightsError> {
    let (first, rest) = paths.split_first().expect("an average of one file or more");
    let bytes = read(first)?;
    let parsed = SafeTensors::deserialize(&bytes).map_err(|error| file_error(first, error))?;
    let mut sums = Vec::new();
    for (name, tensor) in parsed.iter() {
        sums.push((name.to_owned(), tensor.shape().to_vec(), floats(first, name, &tensor)?));
    }
    for path in rest {
        let bytes = read(path)?;
        let parsed = SafeTensors::deserialize(&bytes).map_err(|error| file_error(path, error))?;
        for (name, shape, sum) in &mut sums {
            let tensor = parsed.tensor(name).map_err(|_| WeightsError::Missing {
                path: path.to_path_buf(),
                name: name.clone(),
                n_missing: 1,
            })?;
            if tensor.shape() != shape.as_slice() {
                return Err(WeightsError::Shape {
                    path: path.to_path_buf(),
                    name: name.clone(),
                    found: format!("shape {:?}", tensor.shape()),
                    expected: shape.clone(),
                });
            }
            for (sum, value) in sum.iter_mut().zip(floats(path, name, &tensor)?) {
                *sum += value;
            }
        }
    }
    let n_files = paths.len() as f32;
    for (_, _, sum) in &mut sums {
        sum.iter_mut().for_each(|x| *x /= n_files);
    }
    write(&sums, output)
}

/// All tensors of a file by name, shape and elements, and the file's bytes.
///
/// # Errors
///
/// The file cannot be read, or holds something else than single-precision numbers.
pub fn read_all(path: &Path) -> Result<(Vec<NamedTensor>, Vec<u8>), WeightsError> {
    let bytes = read(path)?;
    let parsed = SafeTensors::deserialize(&bytes).map_err(|error| file_error(path, error))?;
    let mut tensors = Vec::new();
    for (name, tensor) in parsed.iter() {
        tensors.push((name.to_owned(), tensor.shape().to_vec(), floats(path, name, &tensor)?));
    }
    Ok((tensors, bytes))
}

/// Writes tensors by name, shape and elements in row-major order, which [`load`] then reads.
pub fn write(tensors: &[NamedTensor], path: &Path) -> Result<(), WeightsError> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let mut views = Vec::with_capacity(tensors.len());
    for ((name, shape, _), bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|error| file_error(path, error))?;
        views.push((name.as_str(), view));
    }
    // The writer renames a finished file onto the name, so nothing half-written is ever found under it.
    serialize_to_file(views, None, path).map_err(|error| file_error(path, error))
}

fn read(path: &Path) -> Result<Vec<u8>, WeightsError> {
    fs::read(path).map_err(|error| file_error(path, error))
}

fn floats(path: &Path, name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, WeightsError> {
    if tensor.dtype() != Dtype::F32 {
        return Err(WeightsError::Shape {
            path: path.into(),
            name: name.into(),
            found: format!("{:?}", tensor.dtype()),
            expected: tensor.shape().to_vec(),
        });
    }
    Ok(tensor
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect())
}

pub(crate) fn file_error(path: &Path, reason: impl std::fmt::Display) -> WeightsError {
    WeightsError::File {
        path: path.into(),
        reason: reason.to_string(),
    }
}
