//! The tensors of a checkpoint under the names and in the shapes of today (fairseq `upgrade_state_dict_named`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lite_model::VocabularySizes;
use lite_model::config::{ModelConfig, ShareEmbeddings, Stack, Task};

use super::error::ImportError;
use super::torch::{Tensor, Value};

/// The tensors of a model.
pub(super) struct State<'a> {
    path: PathBuf,
    tensors: BTreeMap<String, Tensor<'a>>,
}

impl<'a> State<'a> {
    /// Reads `model` of a checkpoint.
    pub(super) fn read(checkpoint: Value<'_, 'a>, path: &Path) -> Result<Self, ImportError> {
        let model = checkpoint.get("model");
        let found = || model.map_or_else(|| "nothing".into(), |model| model.describe());
        let Some(entries) = model.and_then(|model| model.entries()) else {
            let expected = "a dictionary of tensors, as fairseq's trainer saves it";
            return Err(ImportError::content(path, "`model`", found(), expected));
        };
        let mut state = Self {
            path: path.into(),
            tensors: BTreeMap::new(),
        };
        for (name, value) in entries {
            let tensor = match value.as_tensor() {
                Some(Ok(tensor)) => tensor,
                Some(Err(error)) => {
                    let place = format!("tensor `{name}`, {}", error.place);
                    return Err(ImportError::content(path, place, error.found, error.expected));
                }
                None => return Err(state.wrong(name, value.describe(), "a tensor")),
            };
            state.insert(name, tensor)?;
        }
        Ok(state)
    }

    fn wrong(&self, name: &str, found: impl Into<String>, expected: impl Into<String>) -> ImportError {
        ImportError::content(&self.path, format!("tensor `{name}`"), found, expected)
    }

    fn insert(&mut self, name: &str, tensor: Tensor<'a>) -> Result<(), ImportError> {
        let name = current_name(name);
        let Some((at, kind)) = name.rsplit_once(".in_proj_") else {
            self.tensors.insert(name, tensor);
            return Ok(());
        };
        // Queries, keys and values used to be one matrix.
        let rows = tensor.shape().first().copied().unwrap_or(0);
        if rows == 0 || !rows.is_multiple_of(3) {
            let found = format!("shape {:?}", tensor.shape());
            return Err(self.wrong(&name, found, "three times as many rows as channels"));
        }
        for (i, part) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
            self.tensors
                .insert(format!("{at}.{part}.{kind}"), tensor.rows(i * rows / 3, rows / 3));
        }
        Ok(())
    }

    /// Stacks of old versions have no layer norm at their end (`encoder.version` below 2, `decoder.version` below 3).
    pub(super) fn apply_versions(&self, config: &mut ModelConfig) {
        let is_below = |name: &str, version: f32| {
            let found = self.tensors.get(name).map(Tensor::to_f32);
            found.and_then(|found| found.first().copied()).unwrap_or(1.0) < version
        };
        if config.task == Task::LanguageModel {
            if is_below("decoder.version", 2.5) && config.has_final_norm() {
                config.final_norm = Some(false);
            }
            return;
        }
        if is_below("encoder.version", 2.0) && config.stack(Stack::Encoder).has_final_norm() {
            config.encoder.final_norm = Some(false);
        }
        if is_below("decoder.version", 2.5) && config.stack(Stack::Decoder).has_final_norm() {
            config.decoder.final_norm = Some(false);
        }
    }

    /// Entries of the vocabularies, by the rows of the embeddings.
    pub(super) fn sizes(&self, config: &ModelConfig) -> Result<VocabularySizes, ImportError> {
        let rows = |name: &str| match self.tensors.get(name).map(Tensor::shape) {
            Some(&[rows, _]) => Ok(rows),
            Some(shape) => Err(self.wrong(name, format!("shape {shape:?}"), "a matrix")),
            None => Err(self.wrong(name, "nothing", "an embedding")),
        };
        if config.task == Task::LanguageModel {
            if config.adaptive_input.is_none() {
                return Ok(VocabularySizes::joint(rows("decoder.embed_tokens.weight")?));
            }
            let band = |i: usize| format!("decoder.embed_tokens.embeddings.{i}.0.weight");
            let bands = (0..).map(band).take_while(|name| self.tensors.contains_key(name));
            let size = bands.map(|name| rows(&name)).sum::<Result<usize, _>>()?;
            return Ok(VocabularySizes::joint(size));
        }
        let source = rows("encoder.embed_tokens.weight")?;
        Ok(match config.share_embeddings {
            ShareEmbeddings::All => VocabularySizes::joint(source),
            ShareEmbeddings::Decoder | ShareEmbeddings::None => VocabularySizes {
                source,
                target: rows("decoder.embed_tokens.weight")?,
            },
        })
    }

    /// The weights of `layout`, and no others, as floats. `n_bytes` is the size of the file.
    pub(super) fn tensors(
        mut self,
        config: &ModelConfig,
        layout: Vec<(String, Vec<usize>)>,
        n_bytes: usize,
    ) -> Result<super::Tensors, ImportError> {
        let missing: Vec<&String> = layout
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !self.tensors.contains_key(*name))
            .collect();
        if let Some(name) = missing.first() {
            let expected = format!("every weight that the settings ask for ({} missing)", missing.len());
            return Err(self.wrong(name, "nothing", expected));
        }
        self.check_tied(config)?;
        self.check_surplus(&layout)?;
        // Tensors that show one storage again and again could ask for any amount of memory.
        let total = layout.iter().map(|(name, _)| self.tensors[name].n_elements());
        let total = total.fold(0usize, usize::saturating_add);
        if total > n_bytes {
            let place = "its tensors";
            let expected = format!("{n_bytes} at most, since the file has {n_bytes} bytes");
            return Err(ImportError::content(
                &self.path,
                place,
                format!("{total} elements"),
                expected,
            ));
        }
        let mut tensors = Vec::with_capacity(layout.len());
        for (name, shape) in layout {
            let tensor = self.tensors.remove(&name).expect("looked for above");
            self.check(&name, &tensor, &shape)?;
            tensors.push((name, shape, tensor.to_f32()));
        }
        Ok(tensors)
    }

    fn check(&self, name: &str, tensor: &Tensor<'_>, shape: &[usize]) -> Result<(), ImportError> {
        // The filters of a lightweight convolution on a GPU lack the axis of one that they have on a CPU.
        let is_flat_filter = matches!((shape, tensor.shape()), ([h, 1, k], [a, b]) if h == a && k == b);
        if tensor.shape() != shape && !is_flat_filter {
            let found = format!("shape {:?}", tensor.shape());
            return Err(self.wrong(name, found, format!("shape {shape:?}")));
        }
        if !tensor.dtype().is_float() {
            return Err(self.wrong(name, tensor.dtype().to_string(), "floating-point numbers"));
        }
        Ok(())
    }

    /// A table that serves twice stands in a checkpoint twice.
    fn check_tied(&mut self, config: &ModelConfig) -> Result<(), ImportError> {
        for (name, original) in tied(config) {
            let (Some(copy), Some(tensor)) = (self.tensors.remove(&name), self.tensors.get(&original)) else {
                continue;
            };
            if !copy.is_same(tensor) {
                let expected = format!("the numbers of `{original}`, with which it is tied");
                return Err(self.wrong(&name, "other numbers", expected));
            }
        }
        Ok(())
    }

    fn check_surplus(&self, layout: &[(String, Vec<usize>)]) -> Result<(), ImportError> {
        let known: BTreeSet<&str> = layout.iter().map(|(name, _)| name.as_str()).collect();
        let surplus: Vec<&String> = self
            .tensors
            .keys()
            .filter(|name| !known.contains(name.as_str()) && !is_buffer(name))
            .collect();
        match surplus.first() {
            None => Ok(()),
            Some(name) => {
                let expected = format!(
                    "only weights that the settings ask for ({} others in all)",
                    surplus.len()
                );
                let found = format!("shape {:?}", self.tensors[*name].shape());
                Err(self.wrong(name, found, expected))
            }
        }
    }
}

/// Names of tensors that are one with another, and the name that it has here.
fn tied(config: &ModelConfig) -> Vec<(String, String)> {
    let decoder = |name: String| format!("decoder.{name}");
    if config.task == Task::Seq2Seq {
        let is_one = config.share_embeddings == ShareEmbeddings::All;
        let name = |stack| format!("{stack}.embed_tokens.weight");
        return is_one.then(|| (name("decoder"), name("encoder"))).into_iter().collect();
    }
    let Some(softmax) = config.adaptive_softmax.as_ref().filter(|softmax| softmax.tie_weights) else {
        return Vec::new();
    };
    let input = |band: usize, part: usize| decoder(format!("embed_tokens.embeddings.{band}.{part}.weight"));
    let output = |name: String| decoder(format!("adaptive_softmax.{name}"));
    let mut tied = vec![(output("head.word_proj.weight".into()), input(0, 0))];
    // Two clusters are usual; a cluster that is not there is passed over.
    for cluster in 0..softmax.cutoffs.len() {
        tied.push((output(format!("tail.{cluster}.2.weight")), input(cluster + 1, 0)));
        if softmax.tie_projections {
            tied.push((output(format!("tail.{cluster}.0.weight")), input(cluster + 1, 1)));
        }
    }
    tied
}

/// What is saved with the weights and computed anew.
fn is_buffer(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    ["version", "_float_tensor"].contains(&last) || name.ends_with(".embed_positions.weights")
}

/// The name that a tensor of an older checkpoint has now.
fn current_name(name: &str) -> String {
    let name = name.replace("branchs", "branches");
    let Some((at, rest)) = name.split_once(".layer_norms.") else {
        return name;
    };
    let norms: &[&str] = if at.starts_with("encoder.") {
        &["self_attn_layer_norm", "final_layer_norm"]
    } else {
        &["self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"]
    };
    let norm = rest.split_once('.').and_then(|(i, rest)| {
        let norm = norms.get(i.parse::<usize>().ok()?)?;
        Some(format!("{at}.{norm}.{rest}"))
    });
    norm.unwrap_or_else(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_become_those_of_today() {
        for (old, new) in [
            (
                "encoder.layers.0.self_attn.branchs.1.weight",
                "encoder.layers.0.self_attn.branches.1.weight",
            ),
            (
                "encoder.layers.2.layer_norms.1.bias",
                "encoder.layers.2.final_layer_norm.bias",
            ),
            (
                "decoder.layers.2.layer_norms.1.bias",
                "decoder.layers.2.encoder_attn_layer_norm.bias",
            ),
            (
                "decoder.layers.0.layer_norms.7.bias",
                "decoder.layers.0.layer_norms.7.bias",
            ),
            ("decoder.embed_out", "decoder.embed_out"),
        ] {
            assert_eq!(current_name(old), new);
        }
    }
}
