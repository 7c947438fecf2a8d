//! A model in 8 bits straight from tensors that are read one by one, so that no layer of it is ever there in floats.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Shape, Tensor};

use crate::compress::Values;
use crate::error::WeightsError;
use crate::kernels::int8::{Int8Builder, Int8Matrix, Kernel, MAX_INPUT};
use crate::seq2seq::Seq2Seq;
use crate::weights::{Source, file_error, load_from};

/// Puts tensors into a fresh model as [`Seq2Seq::to_int8`] would have them, each unpacked by itself: weights of linear layers
/// and tables a channel at a time, what stays in floats as [`load_from`] does. `path` is named in errors.
///
/// # Errors
///
/// As [`load_from`]'s, or a matrix has more inputs than can be summed in 8 bits; `model` is lost then.
pub fn load_int8(mut model: Seq2Seq, sources: Vec<Source>, path: &Path) -> Result<Seq2Seq, WeightsError> {
    let names = Names::of(&model);
    let mut tensors = Tensors {
        sources: sources
            .into_iter()
            .map(|source| (source.name.clone(), source))
            .collect(),
        path,
    };
    let mut result = Ok(());
    model.each_linear(&mut |layer| {
        if result.is_ok() {
            let (weight, bias) = layer.ids();
            result = (|| {
                let weight = match weight {
                    Some((id, [d_input, d_output])) => tensors.matrix(&names.0[&id], [d_output, d_input])?,
                    None => return Ok(()),
                };
                let bias = bias.map(|id| tensors.vector(&names.0[&id], weight.d_output()));
                layer.set_int8(weight, bias.transpose()?);
                Ok(())
            })();
        }
    });
    result?;
    for table in model.tables() {
        if let Some((id, shape)) = table.id() {
            table.set_int8(tensors.matrix(&names.0[&id], shape)?);
        }
    }
    if let Some(weight) = model.decoder.embed_out.take() {
        let projection = tensors.matrix(&names.0[&weight.id], weight.lazy_shape().dims())?;
        model.decoder.int8_projection = Some(projection.into());
    }
    // Norms, filters and learnt positions; the projection that is a table.
    Ok(load_from(model, tensors.sources.into_values().collect(), path)?.to_int8())
}

/// Tensors that nothing was made of yet.
struct Tensors<'a> {
    sources: HashMap<String, Source>,
    path: &'a Path,
}

impl Tensors<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Values, WeightsError> {
        let path = self.path;
        let source = self.sources.remove(name).ok_or_else(|| WeightsError::Missing {
            path: path.into(),
            name: name.into(),
            n_missing: 1,
        })?;
        if source.shape != shape {
            return Err(WeightsError::Shape {
                path: path.into(),
                name: name.into(),
                found: format!("shape {:?}", source.shape),
                expected: shape.into(),
            });
        }
        let values = (source.read)().map_err(|reason| file_error(path, reason))?;
        match values.len() == Shape::from(source.shape).num_elements() {
            true => Ok(values),
            false => Err(file_error(path, format!("tensor `{name}`: {} weights", values.len()))),
        }
    }

    fn matrix(&mut self, name: &str, [d_output, d_input]: [usize; 2]) -> Result<Int8Matrix, WeightsError> {
        if d_input > MAX_INPUT {
            let reason = format!(
                "tensor `{name}`: found {d_input} inputs, expected {MAX_INPUT} or fewer in 8 bits (hint: single precision \
                 has no such bound)"
            );
            return Err(file_error(self.path, reason));
        }
        let values = self.take(name, &[d_output, d_input])?;
        let mut builder = Int8Builder::new(d_output, d_input, Kernel::detect());
        let mut channel = vec![0.0; d_input];
        for output in 0..d_output {
            values.copy_to(output * d_input, &mut channel);
            builder.push(&channel);
        }
        Ok(builder.finish())
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, WeightsError> {
        Ok(self.take(name, &[length])?.into_floats())
    }
}

/// Names of parameters in the reference.
#[derive(Default)]
struct Names(HashMap<ParamId, String>);

impl Names {
    fn of(model: &Seq2Seq) -> Self {
        let mut visitor = Visitor::default();
        model.visit(&mut visitor);
        visitor.names
    }
}

#[derive(Default)]
struct Visitor {
    path: Vec<String>,
    names: Names,
}

/// Names that stand in the path of a module and not in that of its weights, as [`crate::weights::save`] has it.
fn is_silent(name: &str, container_type: &str) -> bool {
    container_type.starts_with("Enum:") || name == "feed_forward"
}

impl ModuleVisitor for Visitor {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        if !is_silent(name, container_type) {
            self.path.push(name.to_owned());
        }
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        if !is_silent(name, container_type) {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.names.0.insert(param.id, self.path.join("."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_too_many_inputs_is_refused_before_it_is_read() {
        let d_input = MAX_INPUT + 1;
        let source = Source {
            name: "fc2.weight".into(),
            shape: vec![1, d_input],
            read: Box::new(|| unreachable!("it was read")),
        };
        let mut tensors = Tensors {
            sources: HashMap::from([(source.name.clone(), source)]),
            path: Path::new("a.lite"),
        };
        let error = tensors.matrix("fc2.weight", [1, d_input]).unwrap_err().to_string();
        assert!(
            error.contains("tensor `fc2.weight`: found 131105 inputs, expected 131104 or fewer"),
            "{error}"
        );
    }
}
