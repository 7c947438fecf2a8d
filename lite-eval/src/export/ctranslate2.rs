//! A model of CTranslate2 (`TransformerSpec`, revision 7, in version 6 of its binary format): the vanilla transformer.
//!
//! `model.bin` has variables in the order of their names, each with its shape, type and bytes, then aliases of those that are
//! one matrix. Queries, keys and values of self-attention are one product there, keys and values of cross-attention another.
//! Positions begin at fairseq's first one, behind that of padding (`ctranslate2/converters/fairseq.py`).

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use lite_model::config::{Activation, PositionKind, ShareEmbeddings, Stack};
use lite_model::positions::Positions;
use lite_model::{Architecture, ModelConfig, Task};
use serde_json::json;

use super::{ExportError, Exported, folder, write};

const BINARY_VERSION: u32 = 6;
const SPECIFICATION: &str = "TransformerSpec";
const REVISION: u32 = 7;

/// A variable of a model.
#[derive(Debug, Clone, PartialEq)]
enum Variable {
    Floats(Vec<usize>, Vec<f32>),
    Byte(i8),
    Short(i16),
}

/// Variables by name, and the names of those that are another one.
#[derive(Debug, Default)]
struct Model {
    variables: BTreeMap<String, Variable>,
    aliases: BTreeMap<String, String>,
}

impl Exported {
    /// Writes the folder, which must not be there yet.
    ///
    /// # Errors
    ///
    /// The model is none that CTranslate2 has.
    pub fn write_ctranslate2(&self, output: &Path) -> Result<(), ExportError> {
        let model = self.ctranslate2()?;
        folder(output, |part| {
            write(&part.join("model.bin"), &model.bytes())?;
            let config = json!({
                "add_source_bos": false,
                "add_source_eos": true,
                "bos_token": "<s>",
                "decoder_start_token": "</s>",
                "eos_token": "</s>",
                "layer_norm_epsilon": null,
                "multi_query_attention": false,
                "unk_token": "<unk>",
            });
            write(&part.join("config.json"), format!("{config:#}\n").as_bytes())?;
            let [source, target] = [&self.text.source, &self.text.target].map(|vocabulary| {
                let pieces: Vec<&str> = (0..vocabulary.len() as u32)
                    .map(|id| match vocabulary.piece(id) {
                        "<pad>" => "<blank>",
                        piece => piece,
                    })
                    .collect();
                format!("{:#}\n", json!(pieces))
            });
            if source == target {
                write(&part.join("shared_vocabulary.json"), source.as_bytes())?;
            } else {
                write(&part.join("source_vocabulary.json"), source.as_bytes())?;
                write(&part.join("target_vocabulary.json"), target.as_bytes())?;
            }
            // Not CTranslate2's: it takes pieces.
            write(&part.join("tokeniser.model"), self.text.tokeniser.bytes())
        })
    }

    fn ctranslate2(&self) -> Result<Model, ExportError> {
        check(&self.model)?;
        let mut model = Model::default();
        let table = |at: &str| format!("{at}/embeddings{}/weight", if at == "encoder" { "_0" } else { "" });
        for (at, stack) in [("encoder", Stack::Encoder), ("decoder", Stack::Decoder)] {
            let config = self.model.stack(stack);
            self.stack(&mut model, at, &config)?;
            let (n_layers, n_positions) = match stack {
                Stack::Encoder => (config.encoder_layers, config.max_source_positions),
                Stack::Decoder => (config.decoder_layers, config.max_target_positions),
            };
            for layer in 0..n_layers {
                self.layer(&mut model, at, layer, stack)?;
            }
            let positions = self.positions(at, &config, n_positions)?;
            model.add(format!("{at}/position_encodings/encodings"), positions);
        }
        let share = self.model.share_embeddings;
        let target = table("decoder");
        let source = self.tensor("encoder.embed_tokens.weight")?;
        if share == ShareEmbeddings::All {
            model.add(target.clone(), source);
            model.aliases.insert(table("encoder"), target.clone());
        } else {
            model.add(table("encoder"), source);
            model.add(target.clone(), self.tensor("decoder.embed_tokens.weight")?);
        }
        if share == ShareEmbeddings::None {
            model.add("decoder/projection/weight".into(), self.tensor("decoder.embed_out")?);
        } else {
            model.aliases.insert("decoder/projection/weight".into(), target);
        }
        Ok(model)
    }

    /// What a stack has but for its layers and embeddings.
    fn stack(&self, model: &mut Model, at: &str, config: &ModelConfig) -> Result<(), ExportError> {
        let activation = match config.activation {
            Activation::Relu => 0,
            Activation::GeluTanh => 1,
            Activation::Gelu => 3,
            Activation::Tanh | Activation::Linear => {
                let found = format!("{:?}", config.activation).to_lowercase();
                return unsupported("activation", found, "relu, gelu or gelu-tanh");
            }
        };
        let yes = |value: bool| Variable::Byte(value.into());
        let mut flags = vec![
            ("activation", Variable::Byte(activation)),
            ("num_heads", Variable::Short(config.n_heads as i16)),
            ("pre_norm", yes(config.pre_norm)),
            ("scale_embeddings", yes(true)),
        ];
        flags.extend(match at {
            "encoder" => vec![
                ("embeddings_merge", Variable::Byte(0)),
                ("multi_query_attention", yes(false)),
            ],
            _ => vec![
                ("alibi", yes(false)),
                ("alibi_use_positive_positions", yes(false)),
                ("alignment_heads", Variable::Short(1)),
                ("alignment_layer", Variable::Short(-1)),
                ("scale_alibi", yes(false)),
                ("start_from_zero_embedding", yes(false)),
            ],
        });
        for (name, value) in flags {
            model.add(format!("{at}/{name}"), value);
        }
        if config.has_final_norm() {
            self.norm(model, at, &format!("{at}.layer_norm"))?;
        }
        Ok(())
    }

    fn layer(&self, model: &mut Model, at: &str, layer: usize, stack: Stack) -> Result<(), ExportError> {
        let (from, to) = (format!("{at}.layers.{layer}"), format!("{at}/layer_{layer}"));
        let names = |attention: &str, parts: &[&str]| -> Vec<String> {
            parts.iter().map(|part| format!("{from}.{attention}.{part}")).collect()
        };
        let own = format!("{to}/self_attention");
        self.linear(
            model,
            &format!("{own}/linear_0"),
            &names("self_attn", &["q_proj", "k_proj", "v_proj"]),
        )?;
        self.linear(model, &format!("{own}/linear_1"), &names("self_attn", &["out_proj"]))?;
        self.norm(model, &own, &format!("{from}.self_attn_layer_norm"))?;
        if stack == Stack::Decoder {
            let cross = format!("{to}/attention");
            let name = "encoder_attn";
            self.linear(model, &format!("{cross}/linear_0"), &names(name, &["q_proj"]))?;
            self.linear(model, &format!("{cross}/linear_1"), &names(name, &["k_proj", "v_proj"]))?;
            self.linear(model, &format!("{cross}/linear_2"), &names(name, &["out_proj"]))?;
            self.norm(model, &cross, &format!("{from}.encoder_attn_layer_norm"))?;
        }
        self.linear(model, &format!("{to}/ffn/linear_0"), &[format!("{from}.fc1")])?;
        self.linear(model, &format!("{to}/ffn/linear_1"), &[format!("{from}.fc2")])?;
        self.norm(model, &format!("{to}/ffn"), &format!("{from}.final_layer_norm"))
    }

    /// Linear layers of one input as one.
    fn linear(&self, model: &mut Model, to: &str, from: &[String]) -> Result<(), ExportError> {
        for kind in ["weight", "bias"] {
            let mut shape: Vec<usize> = Vec::new();
            let mut all = Vec::new();
            for name in from {
                let (name, part, values) = self.named(&format!("{name}.{kind}"))?;
                all.extend(values);
                match shape.first_mut() {
                    None => shape.clone_from(part),
                    Some(rows) if part.len() == if kind == "weight" { 2 } else { 1 } => *rows += part[0],
                    Some(_) => unreachable!("`{name}` in the layout of its architecture"),
                }
            }
            model.add(format!("{to}/{kind}"), Variable::Floats(shape, all));
        }
        Ok(())
    }

    fn norm(&self, model: &mut Model, to: &str, from: &str) -> Result<(), ExportError> {
        model.add(
            format!("{to}/layer_norm/gamma"),
            self.tensor(&format!("{from}.weight"))?,
        );
        model.add(format!("{to}/layer_norm/beta"), self.tensor(&format!("{from}.bias"))?);
        Ok(())
    }

    /// The vectors of the positions of tokens.
    fn positions(&self, at: &str, config: &ModelConfig, n_positions: usize) -> Result<Variable, ExportError> {
        let d_model = config.d_model;
        match config.positions {
            PositionKind::Learned => {
                let (_, shape, values) = self.named(&format!("{at}.embed_positions.weight"))?;
                // Two rows stand before the first token's.
                let rows = shape.first().copied().unwrap_or(2) - 2;
                Ok(Variable::Floats(vec![rows, d_model], values[2 * d_model..].to_vec()))
            }
            PositionKind::Sinusoidal => {
                let device = Device::flex();
                let positions = Positions::new(config.positions, d_model, n_positions, &device);
                let mut values = Vec::with_capacity(n_positions * d_model);
                for offset in 0..n_positions {
                    let row = positions.step(offset, &device).into_data();
                    values.extend_from_slice(row.as_slice::<f32>().expect("positions are f32"));
                }
                Ok(Variable::Floats(vec![n_positions, d_model], values))
            }
            PositionKind::None => unsupported("positions", "none".into(), "sinusoidal or learned"),
        }
    }

    fn tensor(&self, name: &str) -> Result<Variable, ExportError> {
        let (_, shape, values) = self.named(name)?;
        Ok(Variable::Floats(shape.clone(), values.clone()))
    }

    fn named(&self, name: &str) -> Result<&(String, Vec<usize>, Vec<f32>), ExportError> {
        let found = self.tensors.binary_search_by(|tensor| tensor.0.as_str().cmp(name));
        let missing = |_| lite_model::error::WeightsError::Missing {
            path: "the model".into(),
            name: name.into(),
            n_missing: 1,
        };
        Ok(&self.tensors[found.map_err(missing)?])
    }
}

/// Refuses all but the vanilla transformer.
fn check(config: &ModelConfig) -> Result<(), ExportError> {
    if config.task != Task::Seq2Seq {
        return unsupported("task", "language-model".into(), "seq2seq");
    }
    if config.architecture != Architecture::Transformer {
        let found = serde_json::to_value(config.architecture).unwrap_or_default();
        let found = found.as_str().unwrap_or_default().to_owned();
        return unsupported("architecture", found, "transformer");
    }
    for stack in [Stack::Encoder, Stack::Decoder] {
        let config = config.stack(stack);
        if config.branches.is_some() {
            return unsupported("branches", "branches".into(), "plain attention");
        }
        if config.has_final_norm() != config.pre_norm {
            let found = config.has_final_norm().to_string();
            return unsupported("final_norm", found, "that of pre_norm");
        }
    }
    Ok(())
}

fn unsupported<T>(key: &'static str, found: String, expected: &'static str) -> Result<T, ExportError> {
    Err(ExportError::Unsupported {
        key,
        found,
        expected,
        format: "CTranslate2",
    })
}

impl Model {
    fn add(&mut self, name: String, variable: Variable) {
        self.variables.insert(name, variable);
    }

    /// `model.bin`.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let number = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u32).to_le_bytes());
        let text = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend((text.len() as u16 + 1).to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes.push(0);
        };
        bytes.extend(BINARY_VERSION.to_le_bytes());
        text(&mut bytes, SPECIFICATION);
        bytes.extend(REVISION.to_le_bytes());
        number(&mut bytes, self.variables.len());
        for (name, variable) in &self.variables {
            text(&mut bytes, name);
            let (shape, kind, value): (&[usize], u8, Vec<u8>) = match variable {
                Variable::Floats(shape, values) => (shape, 0, values.iter().flat_map(|x| x.to_le_bytes()).collect()),
                Variable::Byte(value) => (&[], 1, value.to_le_bytes().into()),
                Variable::Short(value) => (&[], 2, value.to_le_bytes().into()),
            };
            bytes.push(shape.len() as u8);
            shape.iter().for_each(|&n| number(&mut bytes, n));
            bytes.push(kind);
            number(&mut bytes, value.len());
            bytes.extend(value);
        }
        number(&mut bytes, self.aliases.len());
        for (alias, name) in &self.aliases {
            text(&mut bytes, alias);
            text(&mut bytes, name);
        }
        bytes
    }
}
