//! Adam as fairseq has it (`optim/adam.py`): the decay acts on the weights, and epsilon on the uncorrected root.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::config::OptimiserConfig;
use lite_model::device::is_host;

/// The optimiser's memory: two running means for each parameter.
#[derive(Debug, Clone)]
pub struct Adam {
    config: OptimiserConfig,
    steps: u64,
    means: HashMap<ParamId, Means>,
}

/// Running means of one parameter, flattened.
#[derive(Debug, Clone)]
struct Means {
    gradient: Tensor<1>,
    square: Tensor<1>,
}

/// What one step multiplies by.
#[derive(Debug, Clone, Copy)]
struct Step {
    beta1: f32,
    beta2: f32,
    /// `1 - beta1`, rounded once.
    share1: f32,
    share2: f32,
    epsilon: f32,
    /// `1 - lr * weight_decay`
    keep: f32,
    /// `lr * sqrt(1 - beta2^t) / (1 - beta1^t)`
    size: f32,
    /// What gradients are multiplied by first: one over the number of tokens, and the clipping.
    scale: f32,
}

/// A file of optimiser state that does not fit the model.
#[derive(thiserror::Error, Debug)]
pub enum OptimiserError {
    /// The file cannot be read or written.
    #[error("optimiser state: {0}")]
    Io(#[from] std::io::Error),
    /// The file is no safetensors file.
    #[error("optimiser state: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// A parameter's state is missing or has another size.
    #[error("optimiser state of `{name}`: found {found}, expected {expected} values")]
    Mismatch {
        /// The parameter.
        name: String,
        /// What the file has.
        found: String,
        /// The parameter's size.
        expected: usize,
    },
}

impl Adam {
    /// An optimiser that has seen nothing.
    pub fn new(config: OptimiserConfig) -> Self {
        Self {
            config,
            steps: 0,
            means: HashMap::new(),
        }
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step. Gradients are multiplied by `scale` first; a parameter without one stays.
    pub fn step<M: Module>(&mut self, rate: f64, scale: f64, model: M, gradients: GradientsParams) -> M {
        self.steps += 1;
        let OptimiserConfig {
            beta1,
            beta2,
            epsilon,
            weight_decay,
            ..
        } = self.config;
        let correction = |beta: f64| 1.0 - beta.powf(self.steps as f64);
        let step = Step {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            share1: (1.0 - beta1) as f32,
            share2: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            keep: (1.0 - rate * weight_decay) as f32,
            size: (rate * correction(beta2).sqrt() / correction(beta1)) as f32,
            scale: scale as f32,
        };
        model.map(&mut Stepper {
            step,
            means: &mut self.means,
            gradients,
        })
    }

    /// Writes the state under the module paths of the parameters.
    pub fn save<M: Module>(&self, model: &M, path: &Path) -> Result<(), OptimiserError> {
        let mut tensors: Vec<(String, TensorData)> = Vec::new();
        for (name, id, _) in parameters(model) {
            if let Some(means) = self.means.get(&id) {
                tensors.push((format!("{name}.mean"), means.gradient.clone().into_data()));
                tensors.push((format!("{name}.square"), means.square.clone().into_data()));
            }
        }
        let steps = HashMap::from([("steps".to_owned(), self.steps.to_string())]);
        let views = tensors.iter().map(|(name, data)| {
            let view = TensorView::new(Dtype::F32, vec![data.num_elements()], data.as_bytes());
            view.map(|view| (name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>, _>>()?;
        Ok(safetensors::serialize_to_file(views, Some(steps), path)?)
    }

    /// Reads what [`save`](Self::save) wrote, for a model of the same shape.
    pub fn load<M: Module>(config: OptimiserConfig, model: &M, path: &Path) -> Result<Self, OptimiserError> {
        let bytes = std::fs::read(path)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes)?;
        let steps = metadata
            .metadata()
            .as_ref()
            .and_then(|m| m.get("steps"))
            .and_then(|s| s.parse().ok());
        let steps = steps.ok_or_else(|| OptimiserError::Mismatch {
            name: "steps".into(),
            found: "none".into(),
            expected: 1,
        })?;
        let mut means = HashMap::new();
        for (name, id, (size, device)) in parameters(model) {
            let read = |part: &str| read_values(&file, &format!("{name}.{part}"), size, &device);
            // Every parameter of a trained model has been stepped, or none of its state was written.
            match (read("mean")?, read("square")?) {
                (Some(gradient), Some(square)) => drop(means.insert(id, Means { gradient, square })),
                (None, None) => {}
                _ => {
                    return Err(OptimiserError::Mismatch {
                        name,
                        found: "one mean".into(),
                        expected: size,
                    });
                }
            }
        }
        if file.len() != 2 * means.len() {
            let found = format!("state of {} parameters", file.len() / 2);
            return Err(OptimiserError::Mismatch {
                name: "model".into(),
                found,
                expected: means.len(),
            });
        }
        Ok(Self { config, steps, means })
    }
}

fn read_values(
    file: &SafeTensors<'_>,
    name: &str,
    size: usize,
    device: &Device,
) -> Result<Option<Tensor<1>>, OptimiserError> {
    let Ok(view) = file.tensor(name) else { return Ok(None) };
    if view.dtype() != Dtype::F32 || view.shape() != [size] {
        let found = format!("{:?} {:?}", view.dtype(), view.shape());
        return Err(OptimiserError::Mismatch {
            name: name.into(),
            found,
            expected: size,
        });
    }
    let values: Vec<f32> = view
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    Ok(Some(Tensor::from_data(TensorData::new(values, [size]), device)))
}

/// Path, identity, size and device of each parameter, in the module's order.
fn parameters<M: Module>(model: &M) -> Vec<(String, ParamId, (usize, Device))> {
    #[derive(Default)]
    struct Names {
        path: Vec<String>,
        found: Vec<(String, ParamId, (usize, Device))>,
    }
    impl ModuleVisitor for Names {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let size = param.lazy_shape().num_elements();
            self.found
                .push((self.path.join("."), param.id, (size, param.lazy_device().inner())));
        }
    }
    let mut names = Names::default();
    model.visit(&mut names);
    names.found
}

struct Stepper<'a> {
    step: Step,
    means: &'a mut HashMap<ParamId, Means>,
    gradients: GradientsParams,
}

impl ModuleMapper for Stepper<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(gradient) = self.gradients.remove::<D>(id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let is_autodiff = tensor.is_autodiff();
        let is_required = tensor.is_require_grad();
        let tensor = tensor.inner();
        let shape = tensor.shape();
        let size = shape.num_elements();
        let device = tensor.device();
        let zeros = || Tensor::zeros([size], &device);
        let means = self.means.remove(&id).unwrap_or_else(|| Means {
            gradient: zeros(),
            square: zeros(),
        });
        let gradient = gradient.inner().reshape([size]);
        let (tensor, means) = if is_host(&device) {
            step_on_host(self.step, tensor.reshape([size]), gradient, means)
        } else {
            step_on_device(self.step, tensor.reshape([size]), gradient, means)
        };
        self.means.insert(id, means);
        let tensor: Tensor<D> = tensor.reshape(shape);
        let tensor = if is_autodiff { tensor.autodiff() } else { tensor };
        Param::from_mapped_value(id, tensor.set_require_grad(is_required), mapper)
    }
}

fn step_on_device(step: Step, weights: Tensor<1>, gradient: Tensor<1>, means: Means) -> (Tensor<1>, Means) {
    let gradient = gradient.mul_scalar(step.scale);
    let mean = means.gradient.mul_scalar(step.beta1) + gradient.clone().mul_scalar(step.share1);
    let square = means.square.mul_scalar(step.beta2) + gradient.square().mul_scalar(step.share2);
    let denominator = square.clone().sqrt().add_scalar(step.epsilon);
    let weights = weights.mul_scalar(step.keep) - mean.clone().div(denominator).mul_scalar(step.size);
    (weights, Means { gradient: mean, square })
}

/// The same in one pass over memory and in place, where tensors are plain arrays.
fn step_on_host(step: Step, weights: Tensor<1>, gradient: Tensor<1>, means: Means) -> (Tensor<1>, Means) {
    // Long enough to be worth a thread, short enough to share out well.
    const PIECE: usize = 1 << 15;
    let device = weights.device();
    let gradient = gradient.into_data();
    let mut weights = weights.into_data();
    let mut mean = means.gradient.into_data();
    let mut square = means.square.into_data();
    let is_f32 = "parameters are f32";
    weights
        .as_mut_slice::<f32>()
        .expect(is_f32)
        .par_chunks_mut(PIECE)
        .zip(mean.as_mut_slice::<f32>().expect(is_f32).par_chunks_mut(PIECE))
        .zip(square.as_mut_slice::<f32>().expect(is_f32).par_chunks_mut(PIECE))
        .zip(gradient.as_slice::<f32>().expect(is_f32).par_chunks(PIECE))
        .for_each(|(((weights, mean), square), gradient)| step_slice(step, weights, mean, square, gradient));
    let tensor = |data| Tensor::from_data(data, &device);
    (
        tensor(weights),
        Means {
            gradient: tensor(mean),
            square: tensor(square),
        },
    )
}

fn step_slice(step: Step, weights: &mut [f32], mean: &mut [f32], square: &mut [f32], gradient: &[f32]) {
    for (((p, m), v), g) in weights.iter_mut().zip(mean).zip(square).zip(gradient) {
        let g = g * step.scale;
        *m = *m * step.beta1 + g * step.share1;
        *v = *v * step.beta2 + g * g * step.share2;
        *p = *p * step.keep - *m / (v.sqrt() + step.epsilon) * step.size;
    }
}
