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
/// The file cannot be read, lacks a tensor, or has one of another shape or not in single precision; `model` is lost then.
pub fn load<M: ModuleSnapshot>(mut model: M, path: &Path) -> Result<M, WeightsError> {
    let mut store = SafetensorsStore::from_file(path)
        .skip_enum_variants(true)
        .validate(false)
        .allow_partial(true)
        .with_from_adapter(PyTorchToBurnAdapter)
        .with_key_remapping(r"\.(fc[12])\.", ".feed_forward.$1.");
    let result = store.apply_to(&mut model).map_err(|error| file_error(path, error))?;
    check(&result, path)?;
    check_types(&model, path)?;
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

/// Whether every weight is in single precision: Burn keeps floats as the file has them, and layers panic where theirs differ.
fn check_types<M: ModuleSnapshot>(model: &M, path: &Path) -> Result<(), WeightsError> {
    let weights = model.collect(None, Some(Box::new(BurnToPyTorchAdapter)), true);
    match weights.iter().find(|weight| weight.dtype != DType::F32) {
        Some(weight) => Err(WeightsError::Shape {
            path: path.into(),
            name: name_in_reference(&weight.name),
            found: format!("{:?}", weight.dtype),
            expected: weight.shape.to_vec(),
        }),
        None => Ok(()),
    }
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
        let is_of_first = |name: &&str| sums.iter().any(|(known, ..)| known == name);
        if let Some(name) = parsed.names().into_iter().find(|name| !is_of_first(name)) {
            let reason = format!("found tensor `{name}`, expected those of `{}` alone", first.display());
            return Err(file_error(path, reason));
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

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::config::{Architecture, ModelConfig, VocabularySizes};

    #[test]
    fn half_precision_is_refused_with_the_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let config = ModelConfig {
            encoder_layers: 1,
            decoder_layers: 1,
            ..ModelConfig::new(Architecture::Lite, 16, 16)
        };
        let model = || config.init(VocabularySizes::joint(9), &Device::flex()).unwrap();
        save(&model(), &path).unwrap();
        load(model(), &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let parsed = SafeTensors::deserialize(&bytes).unwrap();
        let name = "encoder.layers.0.fc1.weight";
        let halves = vec![0u8; 2 * 16 * 16];
        let views = parsed.iter().map(|(other, tensor)| {
            let half = TensorView::new(Dtype::F16, vec![16, 16], &halves).unwrap();
            (other, if other == name { half } else { tensor })
        });
        let other = folder.path().join("half.safetensors");
        serialize_to_file(views, None, &other).unwrap();
        let error = load(model(), &other).unwrap_err().to_string();
        let expected = format!("tensor `{name}`: found F16, expected shape [16, 16] of f32");
        assert!(error.contains(&expected), "{error}");
    }

    #[test]
    fn an_average_is_of_files_with_the_same_tensors() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, mean] = ["a", "b", "mean"].map(|name| folder.path().join(name));
        let tensor = |name: &str, x: f32| (name.to_owned(), vec![1], vec![x]);
        write(&[tensor("w", 1.0)], &a).unwrap();
        write(&[tensor("w", 2.0)], &b).unwrap();
        average(&[&a, &b], &mean).unwrap();
        assert_eq!(read_all(&mean).unwrap().0, [tensor("w", 1.5)]);
        write(&[tensor("v", 0.0), tensor("w", 2.0)], &b).unwrap();
        for paths in [[&*a, &*b], [&*b, &*a]] {
            let error = average(&paths, &mean).unwrap_err().to_string();
            assert!(error.contains("tensor `v`"), "{error}");
        }
    }
}
