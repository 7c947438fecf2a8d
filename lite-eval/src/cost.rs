//! What the models of definitions cost, beside what the publication says.

mod shown;

use experiments::{Definition, DefinitionError, PaperNumbers};
use lite_model::config::Task;
use lite_model::cost::{self, Convention, Cost, Count, Lengths, Part, StackCost};
use lite_model::{ModelConfig, VocabularySizes};
use serde::Serialize;

use crate::bench::{SizeError, vocabulary_sizes};
pub use shown::{Quantity, parts, totals};

/// Where the paper's transformer base stands, which its savings are counted against.
const BASE: (&str, &str) = ("wmt14-enfr-base", "transformer");

/// Why a cost cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    /// The definition, or the section of an architecture.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// How many words there are.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// A source is given a length where there is none.
    #[error(
        "{experiment}, [arch.{arch}]: found --source-length {found}, expected none: a language model has no source"
    )]
    SourceLength {
        /// The definition.
        experiment: String,
        /// The language model's name in it.
        arch: String,
        /// What was asked for.
        found: usize,
    },
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Source tokens; a language model has none. Default: those of every pair of lengths at which the publication has a number,
    /// else 30
    pub source_length: Option<usize>,
    /// Target tokens, or those of a language model's text. Default: as for the source
    pub target_length: Option<usize>,
    /// Entries of the vocabularies, as `--vocabulary` has them. Default: the publication's, else the definition's
    pub vocabulary: Vec<usize>,
}

/// One model at one pair of lengths.
#[derive(Serialize, Debug, Clone, PartialEq)]
pub struct CostRow {
    /// The definition.
    pub experiment: String,
    /// The architecture.
    pub arch: String,
    /// Source tokens; of a language model none.
    pub source_length: usize,
    /// Target tokens.
    pub target_length: usize,
    /// Parameters in the groups of a record.
    pub parameters: cost::Parameters,
    /// Mult-Adds as the paper counts.
    pub mult_adds: u64,
    /// Those of transformer base at these lengths divided by ours; none for a language model.
    pub base_by_ours: Option<f64>,
    /// What the publication says at these lengths.
    pub published_mult_adds: Option<f64>,
    /// All that the publication says.
    pub published: PaperNumbers,
    /// As the paper counts.
    pub as_paper: Split,
    /// All of it.
    pub everything: Split,
    #[serde(skip)]
    cost: Cost,
}

/// A cost with its parts.
#[derive(Serialize, Debug, Clone, PartialEq)]
pub struct Split {
    /// The whole model.
    #[serde(flatten)]
    pub total: Count,
    /// Of the encoder; nothing in a language model.
    pub encoder: Vec<PartCost>,
    /// Of the decoder.
    pub decoder: Vec<PartCost>,
}

/// What a part costs.
#[derive(Serialize, Debug, Clone, PartialEq)]
pub struct PartCost {
    /// The part.
    pub part: Part,
    /// Its cost.
    #[serde(flatten)]
    pub count: Count,
}

/// The rows of one architecture of a definition.
pub fn rows(definition: &Definition, arch: &str, request: &Request) -> Result<Vec<CostRow>, CostError> {
    let config: ModelConfig = definition.section(&format!("arch.{arch}"))?;
    let published = definition.paper(arch).unwrap_or_default();
    let sizes = sizes(definition, arch, &request.vocabulary)?;
    check_model(definition, arch, &config, sizes)?;
    let base = base()?;
    let is_language_model = config.task == Task::LanguageModel;
    if let (true, Some(found)) = (is_language_model, request.source_length) {
        return Err(CostError::SourceLength {
            experiment: definition.name.clone(),
            arch: arch.to_owned(),
            found,
        });
    }
    let rows = lengths(&published, request, is_language_model)
        .into_iter()
        .map(|(lengths, published_mult_adds)| {
            let cost = Cost::new(&config, sizes, lengths);
            let mult_adds = cost.total(Convention::AsPaper).mult_adds;
            let of_base = || cost::mult_adds(&base, lengths.source, lengths.target);
            CostRow {
                experiment: definition.name.clone(),
                arch: arch.to_owned(),
                source_length: if is_language_model { 0 } else { lengths.source },
                target_length: lengths.target,
                parameters: cost::parameters(&config, sizes),
                mult_adds,
                base_by_ours: (!is_language_model && mult_adds > 0).then(|| of_base() as f64 / mult_adds as f64),
                published_mult_adds,
                published: published.clone(),
                as_paper: split(&cost, Convention::AsPaper),
                everything: split(&cost, Convention::Everything),
                cost,
            }
        });
    Ok(rows.collect())
}

/// Holds an architecture of a definition, as it was read, to what can be built; what cannot is refused at its line.
pub fn check_model(
    definition: &Definition,
    arch: &str,
    config: &ModelConfig,
    sizes: VocabularySizes,
) -> Result<(), DefinitionError> {
    config
        .validate(sizes)
        .map_err(|error| definition.refuse(&format!("arch.{arch}"), error.key, &error.found, &error.expected))
}

/// The vocabularies that an architecture is counted with: those given, else the publication's, else the definition's.
pub fn sizes(definition: &Definition, arch: &str, given: &[usize]) -> Result<VocabularySizes, SizeError> {
    match definition.paper(arch).and_then(|numbers| numbers.vocabulary) {
        Some(published) if given.is_empty() => vocabulary_sizes(definition, &published),
        _ => vocabulary_sizes(definition, given),
    }
}

/// The definitions that have published Mult-Adds, with the architectures that have them.
pub fn published() -> Result<Vec<(Definition, Vec<String>)>, DefinitionError> {
    let mut found = Vec::new();
    for (name, _) in experiments::list() {
        let definition = Definition::load(&name, &[])?;
        let mut archs = definition.archs();
        archs.retain(|arch| {
            let numbers = definition.paper(arch);
            numbers.is_some_and(|numbers| !numbers.mult_adds_by_length().is_empty())
        });
        if !archs.is_empty() {
            found.push((definition, archs));
        }
    }
    Ok(found)
}

fn base() -> Result<ModelConfig, DefinitionError> {
    let (experiment, arch) = BASE;
    Definition::load(experiment, &[])?.section(&format!("arch.{arch}"))
}

/// The lengths that are asked for, with the number that is published for them.
fn lengths(published: &PaperNumbers, request: &Request, is_language_model: bool) -> Vec<(Lengths, Option<f64>)> {
    let known = published.mult_adds_by_length().into_iter().map(|it| {
        let lengths = Lengths {
            source: it.source_length,
            target: it.target_length,
        };
        (lengths, it.mult_adds)
    });
    let known: Vec<(Lengths, f64)> = known.collect();
    let mut defaults: Vec<Lengths> = known.iter().map(|(lengths, _)| *lengths).collect();
    if defaults.is_empty() {
        defaults.push(Lengths::PAPER);
    }
    // A text has one length.
    let source = if is_language_model {
        request.target_length
    } else {
        request.source_length
    };
    let mut asked: Vec<Lengths> = Vec::new();
    for lengths in defaults {
        let lengths = Lengths {
            source: source.unwrap_or(lengths.source),
            target: request.target_length.unwrap_or(lengths.target),
        };
        if !asked.contains(&lengths) {
            asked.push(lengths);
        }
    }
    let number_of = |asked: &Lengths| {
        known
            .iter()
            .find(|(lengths, _)| lengths == asked)
            .map(|(_, number)| *number)
    };
    asked
        .into_iter()
        .map(|lengths| (lengths, number_of(&lengths)))
        .collect()
}

fn split(cost: &Cost, convention: Convention) -> Split {
    let parts = |stack: &StackCost| {
        let parts = Part::ALL.into_iter().map(|part| PartCost {
            part,
            count: stack.count(part, convention),
        });
        parts.filter(|part| part.count != Count::default()).collect()
    };
    Split {
        total: cost.total(convention),
        encoder: parts(&cost.encoder),
        decoder: parts(&cost.decoder),
    }
}
