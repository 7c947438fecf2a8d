//! The optimisers: what they remember of each parameter, on disk too. The rules themselves are fairseq's.

mod adam;
mod nag;

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::config::{OptimiserConfig, OptimiserKind};
use lite_model::device::is_host;

/// An optimiser with its memory.
#[derive(Debug, Clone)]
pub struct Optimiser {
    config: OptimiserConfig,
    steps: u64,
    /// The learning rate of the last step.
    rate: Option<f64>,
    /// What is remembered of each parameter, flattened, in the order of the rule's names.
    slots: HashMap<ParamId, Vec<Tensor<1>>>,
}

/// How one step changes a parameter and what is remembered of it.
trait Rule<const N: usize>: Copy + Sync {
    fn on_tensors(self, weights: Tensor<1>, gradient: Tensor<1>, slots: [Tensor<1>; N]) -> (Tensor<1>, [Tensor<1>; N]);

    /// The same in one pass over memory and in place, where tensors are plain arrays.
    fn on_slices(self, weights: &mut [f32], gradient: &[f32], slots: [&mut [f32]; N]);
}

/// The rule of one step.
#[derive(Clone, Copy)]
enum Step {
    Adam(adam::Step),
    Nag(nag::Step),
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

impl Optimiser {
    /// An optimiser that has seen nothing.
    pub fn new(config: OptimiserConfig) -> Self {
        Self {
            config,
            steps: 0,
            rate: None,
            slots: HashMap::new(),
        }
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step. Gradients are multiplied by `scale` first; a parameter without one stays.
    pub fn step<M: Module>(&mut self, rate: f64, scale: f64, model: M, gradients: GradientsParams) -> M {
        self.steps += 1;
        let step = match self.config.kind {
            OptimiserKind::Adam => Step::Adam(adam::Step::new(&self.config, self.steps, rate, scale)),
            OptimiserKind::Nag => Step::Nag(nag::Step::new(&self.config, self.rate, rate, scale)),
        };
        self.rate = Some(rate);
        model.map(&mut Stepper {
            step,
            slots: &mut self.slots,
            gradients,
        })
    }

    /// Writes the state under the module paths of the parameters.
    pub fn save<M: Module>(&self, model: &M, path: &Path) -> Result<(), OptimiserError> {
        let mut tensors: Vec<(String, TensorData)> = Vec::new();
        for (name, id, _) in parameters(model) {
            for (part, slot) in slot_names(&self.config)
                .iter()
                .zip(self.slots.get(&id).into_iter().flatten())
            {
                tensors.push((format!("{name}.{part}"), slot.clone().into_data()));
            }
        }
        let mut steps = self.steps.to_string();
        // Only one rule looks back at it. Under one key, since several would be written in no fixed order.
        if let (OptimiserKind::Nag, Some(rate)) = (self.config.kind, self.rate) {
            steps += &format!(" {rate}");
        }
        let metadata = HashMap::from([("steps".to_owned(), steps)]);
        let views = tensors.iter().map(|(name, data)| {
            let view = TensorView::new(Dtype::F32, vec![data.num_elements()], data.as_bytes());
            view.map(|view| (name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>, _>>()?;
        Ok(safetensors::serialize_to_file(views, Some(metadata), path)?)
    }

    /// Reads what [`save`](Self::save) wrote, for a model of the same shape and an optimiser of the same kind.
    pub fn load<M: Module>(config: OptimiserConfig, model: &M, path: &Path) -> Result<Self, OptimiserError> {
        let bytes = std::fs::read(path)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes)?;
        let steps = metadata.metadata().as_ref().and_then(|metadata| metadata.get("steps"));
        let mut steps = steps.into_iter().flat_map(|steps| steps.split(' '));
        let missing = |key: &str| OptimiserError::Mismatch {
            name: key.into(),
            found: "none".into(),
            expected: 1,
        };
        let n_steps: Option<u64> = steps.next().and_then(|steps| steps.parse().ok());
        let rate: Option<f64> = steps.next().and_then(|rate| rate.parse().ok());
        let steps = n_steps.ok_or_else(|| missing("steps"))?;
        if config.kind == OptimiserKind::Nag && steps > 0 && rate.is_none() {
            return Err(missing("rate"));
        }
        let names = slot_names(&config);
        let mut slots = HashMap::new();
        for (name, id, (size, device)) in parameters(model) {
            let read = |part: &&str| read_values(&file, &format!("{name}.{part}"), size, &device);
            let found: Vec<Option<Tensor<1>>> = names.iter().map(read).collect::<Result<_, _>>()?;
            // Every parameter of a trained model has been stepped, or none of its state was written.
            if found.iter().all(Option::is_none) {
                continue;
            }
            let Some(found) = found.into_iter().collect() else {
                return Err(OptimiserError::Mismatch {
                    name,
                    found: "a part of it".into(),
                    expected: size,
                });
            };
            slots.insert(id, found);
        }
        if file.len() != names.len() * slots.len() {
            return Err(OptimiserError::Mismatch {
                name: "model".into(),
                found: format!("{} tensors", file.len()),
                expected: names.len() * slots.len(),
            });
        }
        Ok(Self {
            config,
            steps,
            rate,
            slots,
        })
    }
}

/// What the rule remembers of a parameter.
fn slot_names(config: &OptimiserConfig) -> &'static [&'static str] {
    match config.kind {
        OptimiserKind::Adam => &adam::SLOTS,
        OptimiserKind::Nag => &nag::SLOTS,
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
    slots: &'a mut HashMap<ParamId, Vec<Tensor<1>>>,
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
        let weights = tensor.reshape([size]);
        let gradient = gradient.inner().reshape([size]);
        let slots = self.slots.remove(&id);
        let (weights, slots) = match self.step {
            Step::Adam(step) => apply(step, weights, gradient, slots),
            Step::Nag(step) => apply(step, weights, gradient, slots),
        };
        self.slots.insert(id, slots);
        let tensor: Tensor<D> = weights.reshape(shape);
        let tensor = if is_autodiff { tensor.autodiff() } else { tensor };
        Param::from_mapped_value(id, tensor.set_require_grad(is_required), mapper)
    }
}

/// A rule on one parameter, whose slots are zeros at first.
fn apply<const N: usize>(
    rule: impl Rule<N>,
    weights: Tensor<1>,
    gradient: Tensor<1>,
    slots: Option<Vec<Tensor<1>>>,
) -> (Tensor<1>, Vec<Tensor<1>>) {
    let slots: [Tensor<1>; N] = match slots.map(Vec::try_into) {
        Some(Ok(slots)) => slots,
        Some(Err(_)) => unreachable!("a rule finds the slots that it left"),
        None => std::array::from_fn(|_| weights.zeros_like()),
    };
    let (weights, slots) = if is_host(&weights.device()) {
        apply_on_host(rule, weights, gradient, slots)
    } else {
        rule.on_tensors(weights, gradient, slots)
    };
    (weights, slots.into())
}

fn apply_on_host<const N: usize>(
    rule: impl Rule<N>,
    weights: Tensor<1>,
    gradient: Tensor<1>,
    slots: [Tensor<1>; N],
) -> (Tensor<1>, [Tensor<1>; N]) {
    // Long enough to be worth a thread, short enough to share out well.
    const PIECE: usize = 1 << 15;
    let device = weights.device();
    let gradient = gradient.into_data();
    let mut weights = weights.into_data();
    let mut slots = slots.map(Tensor::into_data);
    let is_f32 = "parameters are f32";
    let mut slot_pieces = slots
        .each_mut()
        .map(|slot| slot.as_mut_slice::<f32>().expect(is_f32).chunks_mut(PIECE));
    let pieces = weights.as_mut_slice::<f32>().expect(is_f32).chunks_mut(PIECE);
    let pieces = pieces.zip(gradient.as_slice::<f32>().expect(is_f32).chunks(PIECE));
    let pieces: Vec<_> = pieces
        .map(|(weights, gradient)| {
            let slots = slot_pieces
                .each_mut()
                .map(|pieces| pieces.next().expect("slots are as long as their parameter"));
            (weights, gradient, slots)
        })
        .collect();
    pieces
        .into_par_iter()
        .for_each(|(weights, gradient, slots)| rule.on_slices(weights, gradient, slots));
    let tensor = |data| Tensor::from_data(data, &device);
    (tensor(weights), slots.map(tensor))
}
