//! From a trained run to a small file (paper, section 5): prune, train on with what was pruned held at zero, give the rest
//! codes, and write them by their frequency; with the size of each step in both countings.
//!
//! - [`weights`]: weights on their way into a file
//! - [`scan`]: which sensitivity the validation set bears
//! - [`score`](mod@score): a set of weights on a split of the run's corpus
//! - [`tune`]: training between the steps, which is `lite-train`'s

pub mod scan;
pub mod score;
pub mod tune;
pub mod weights;

use experiments::{CompressionStep, ModelSize, Part};
use lite_model::compress::Coding;
use lite_model::config::ShareEmbeddings;
use lite_model::{Architecture, ModelConfig, Task, cost};
use serde_json::{Value as Json, json};

use crate::lite_file::container;
use crate::lite_file::{About, Contents};
use crate::run::Run;
use weights::{CodeSettings, Packable, Weights};

/// A step's weights, and the file that it would be.
#[derive(Debug)]
pub struct Step {
    /// Its name in tables.
    pub name: String,
    /// The weights.
    pub weights: Packable,
    /// The whole file.
    pub file: Vec<u8>,
    /// Its sizes, not scored yet.
    pub report: CompressionStep,
}

/// Makes steps of one run.
#[derive(Debug)]
pub struct Steps<'a> {
    /// The run.
    pub run: &'a Run<()>,
    /// sha256 of its weights.
    pub weights_sha256: String,
    /// How they are compressed, for people who open the file.
    pub compression: Json,
}

impl Steps<'_> {
    /// One step.
    pub fn step(&self, name: String, weights: Packable, coding: Coding, sparsity: f64) -> Step {
        let packed = weights.pack(coding);
        let mut parts = packed.sizes.parts();
        let (file, others) = self.file(packed.archive);
        parts.extend(others);
        let report = CompressionStep {
            name: name.clone(),
            size: packed.sizes.of_file(file.len()),
            parts,
            sparsity,
            scores: Vec::new(),
        };
        Step {
            name,
            weights,
            file,
            report,
        }
    }

    /// The file, and the sizes of all in it but the weights.
    fn file(&self, archive: Vec<u8>) -> (Vec<u8>, Vec<Part>) {
        let section = |name: &str| {
            let section = self.run.definition.definition.get(name).cloned();
            section.unwrap_or_else(|| json!({}))
        };
        let n_weights = archive.len() as u64;
        let about = About {
            experiment: self.run.definition.experiment.clone(),
            arch: self.run.definition.arch.clone(),
            weights_sha256: self.weights_sha256.clone(),
            compression: self.compression.clone(),
        };
        let contents = Contents {
            about: &about,
            model: &self.run.model_config,
            data: &section("data"),
            decode: &section("decode"),
            tokeniser: &self.run.text.tokeniser,
            source: &self.run.text.source,
            target: &self.run.text.target,
            weights: archive,
        };
        let sections = contents.sections();
        let file = container::write(&sections);
        let sum = |wanted: &[&str]| {
            let sections = sections.iter().filter(|section| wanted.contains(&section.name()));
            sections.map(|section| section.stored_size() as u64).sum::<u64>()
        };
        let text = sum(&["tokeniser", "vocabulary.source", "vocabulary.target"]);
        let part = |name: &str, bytes| Part {
            name: name.into(),
            bytes,
        };
        let rest = file.len() as u64 - n_weights - text;
        let parts = vec![
            part("tokeniser and vocabularies", text),
            part("description and table of sections", rest),
        ];
        (file, parts)
    }
}

/// The transformer that the paper compares sizes with, over the same vocabulary and in single precision. `float32` is the size of
/// a file of the model itself without any compression. A language model has none.
pub fn transformer_base(run: &Run<()>, float32: ModelSize) -> Option<ModelSize> {
    let config = &run.model_config;
    if config.task != Task::Seq2Seq {
        return None;
    }
    // Vaswani et al. 2017, whose other settings are our defaults.
    let base = ModelConfig {
        share_embeddings: config.share_embeddings,
        ..ModelConfig::new(Architecture::Transformer, 512, 2048)
    };
    let sizes = run.text.sizes();
    let [own, base] = [config, &base].map(|config| cost::parameters(config, sizes));
    let is_untied = config.share_embeddings == ShareEmbeddings::None;
    debug_assert!(is_untied || own.counted < own.total);
    // All that is no weight is as large as ours.
    let other_bytes = float32.file_bytes.saturating_sub(4 * own.total as u64);
    Some(ModelSize {
        counted_bytes: 4 * base.counted as u64,
        file_bytes: 4 * base.total as u64 + other_bytes,
    })
}

/// Single precision, and codes without pruning.
pub fn first_steps(steps: &Steps<'_>, weights: &Weights, settings: CodeSettings) -> [Step; 2] {
    let sparsity = weights.sparsity();
    let float32 = steps.step("float32".into(), weights.as_floats(), Coding::Fixed, sparsity);
    let coded = weights.coded(settings, false);
    let codes = steps.step(bits_name(settings), coded, Coding::Fixed, sparsity);
    [float32, codes]
}

/// `8 bits`, or `8 bits, embeddings 4`.
pub fn bits_name(settings: CodeSettings) -> String {
    let CodeSettings {
        bits, embedding_bits, ..
    } = settings;
    match bits == embedding_bits {
        true => format!("{bits} bits"),
        false => format!("{bits} bits, embeddings {embedding_bits}"),
    }
}
