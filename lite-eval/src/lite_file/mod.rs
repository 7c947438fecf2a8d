//! FILE.lite: a model in one file, with everything that running it takes.
//!
//! - [`container`]: sections with their hashes
//! - [`LiteFile`]: a file that was opened and checked; its tensors are read from the map one by one
//! - [`Contents`]: what a file is made of
//!
//! | section | what it is |
//! |---|---|
//! | `about` | JSON: the experiment and architecture, and how the weights were compressed |
//! | `architecture` | JSON: the `[arch]` table, and the sizes of the vocabularies |
//! | `data` | JSON: the `[data]` table, of which reading lines takes the rules |
//! | `decode` | JSON: the `[decode]` table, the defaults of the search |
//! | `tokeniser` | as in a run folder |
//! | `vocabulary.source` | as in a run folder; left out where it is the target's |
//! | `vocabulary.target` | as in a run folder |
//! | `weights` | [`lite_model::compress::archive`] |

pub mod container;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use experiments::{DefinitionError, RunDefinition};
use lite_data::{DataConfig, DataError, LineRules, Tokeniser, Vocabulary};
use lite_model::compress::tensor::{Encoding, unpack_values};
use lite_model::compress::{Archive, PackedError, Values};
use lite_model::error::ConfigError;
use lite_model::weights::Source;
use lite_model::{ModelConfig, Task, VocabularySizes};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::decode::{DecodeConfig, DecodeConfigError};
use crate::limits;
use crate::run::Text;
use container::{Container, ContainerError, Section};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LiteFileError {
    /// The operating system refused to read it.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The container.
    #[error("`{}`: {error}", path.display())]
    Container {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: ContainerError,
    },
    /// The weights.
    #[error("`{}`, section `weights`, {error}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PackedError,
    },
    /// A section of JSON or of text.
    #[error("`{}`, section `{section}`: {message}", path.display())]
    Section {
        /// The file.
        path: PathBuf,
        /// The section.
        section: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A table with a key that is not known or a value that cannot be.
    #[error("`{}`: {error}", path.display())]
    Definition {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: Box<DefinitionError>,
    },
    /// The search's defaults.
    #[error("`{}`: {error}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: DecodeConfigError,
    },
    /// The architecture.
    #[error("`{}`, section `architecture`: {error}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: ConfigError,
    },
    /// The tokeniser or a vocabulary.
    #[error("in `{}`: {error}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which section.
        error: Box<DataError>,
    },
}

/// Where weights come from and what was done to them.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct About {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the architecture.
    pub arch: String,
    /// sha256 of the weights that were compressed, as a file of safetensors.
    pub weights_sha256: String,
    /// How they were compressed, for people.
    pub compression: Json,
}

/// What a file is made of.
#[derive(Debug)]
pub struct Contents<'a> {
    /// Where the weights come from.
    pub about: &'a About,
    /// The architecture.
    pub model: &'a ModelConfig,
    /// The `[data]` table.
    pub data: &'a Json,
    /// The `[decode]` table.
    pub decode: &'a Json,
    /// The tokeniser.
    pub tokeniser: &'a Tokeniser,
    /// The vocabulary of the source; of a language model the target's.
    pub source: &'a Vocabulary,
    /// The vocabulary of the target.
    pub target: &'a Vocabulary,
    /// An archive of tensors.
    pub weights: Vec<u8>,
}

/// The section of the architecture.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchitectureSection {
    model: Json,
    vocabulary_sizes: VocabularySizes,
}

const ABOUT: &str = "about";
const ARCHITECTURE: &str = "architecture";
const DATA: &str = "data";
const DECODE: &str = "decode";
const TOKENISER: &str = "tokeniser";
const SOURCE: &str = "vocabulary.source";
const TARGET: &str = "vocabulary.target";
const WEIGHTS: &str = "weights";

impl Contents<'_> {
    /// The sections in their order in a file. The same contents give the same bytes.
    pub fn sections(self) -> Vec<Section> {
        let text = |name, value: &Json| Section::deflated(name, value.to_string().as_bytes());
        let architecture = json!({
            "model": self.model,
            "vocabulary_sizes": { "source": self.source.len(), "target": self.target.len() },
        });
        let [source, target] = [self.source, self.target].map(Vocabulary::to_text);
        let mut sections = vec![
            text(ABOUT, &json!(self.about)),
            text(ARCHITECTURE, &architecture),
            text(DATA, self.data),
            text(DECODE, self.decode),
            Section::deflated(TOKENISER, self.tokeniser.bytes()),
        ];
        if source != target {
            sections.push(Section::deflated(SOURCE, source.as_bytes()));
        }
        sections.push(Section::deflated(TARGET, target.as_bytes()));
        // Last, so that nothing has to move when they are written anew.
        sections.push(Section::plain(WEIGHTS, self.weights));
        sections
    }
}

/// A file that was opened: its hashes are right, and its tensors are those that its architecture asks for.
#[derive(Debug)]
pub struct LiteFile {
    /// Where the weights come from.
    pub about: About,
    /// The run that it stands for: sections `data`, `decode` and `arch`.
    pub definition: RunDefinition,
    /// The architecture.
    pub model: ModelConfig,
    /// Entries of the vocabularies.
    pub sizes: VocabularySizes,
    /// The `[data]` table.
    pub data: DataConfig,
    /// The defaults of the search.
    pub decode: DecodeConfig,
    /// The tokeniser and vocabularies.
    pub text: Text,
    tensors: Vec<PackedTensor>,
    parts: Vec<(String, usize)>,
    path: PathBuf,
}

/// A tensor in the map of a file.
#[derive(Debug, Clone)]
pub struct PackedTensor {
    map: Arc<Mmap>,
    bytes: Range<usize>,
    /// Its name in the reference.
    pub name: String,
    /// Its shape in the reference.
    pub shape: Vec<usize>,
    n_elements: usize,
    encoding: Encoding,
}

impl PackedTensor {
    /// How many weights it has.
    pub fn n_elements(&self) -> usize {
        self.n_elements
    }

    /// Its numbers: floats, or a codebook with a code for each weight.
    pub fn values(&self) -> Result<Values, PackedError> {
        let bytes = &self.map[self.bytes.clone()];
        let values = unpack_values(self.encoding, bytes, self.n_elements);
        leave(&self.map);
        values.map_err(|error| PackedError {
            place: format!("tensor `{}`", self.name),
            ..error
        })
    }
}

/// Takes a map that was read from out of the process's memory: unpacked, its bytes are not needed beside what they became.
/// Read again, they come from the file. The whole map, since Linux brings pages in by blocks that hold many tensors.
fn leave(map: &Mmap) {
    #[cfg(unix)]
    // SAFETY: a map of a file that is never written loses nothing but its pages. That they stay is no error.
    let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    #[cfg(not(unix))]
    let _ = map;
}

impl LiteFile {
    /// Maps a file and checks it. Weights stay packed and where they are.
    pub fn open(path: &Path) -> Result<Self, LiteFileError> {
        let io = |source| LiteFileError::Io {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            let error = ContainerError {
                place: "header".into(),
                found: "an empty file".into(),
                expected: "a .lite file".into(),
            };
            return Err(LiteFileError::Container {
                path: path.into(),
                error,
            });
        }
        // SAFETY: as for any map, nobody may cut the file meanwhile; what it says is checked wherever it is read.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Self::read(Arc::new(map), path)
    }

    fn read(map: Arc<Mmap>, path: &Path) -> Result<Self, LiteFileError> {
        let in_container = |error| LiteFileError::Container {
            path: path.into(),
            error,
        };
        let container = Container::parse(&map).map_err(in_container)?;
        leave(&map);
        let parts = container.sizes().map(|(name, size)| (name.to_owned(), size)).collect();
        let sections = Sections {
            container: &container,
            path,
        };
        let about: About = sections.json(ABOUT)?;
        let architecture: ArchitectureSection = sections.json(ARCHITECTURE)?;
        let definition = RunDefinition::resolved(
            &about.experiment,
            &about.arch,
            json!({
                "data": sections.json::<Json>(DATA)?,
                "decode": sections.json::<Json>(DECODE)?,
                "arch": architecture.model,
            }),
        );
        let in_table = |error| LiteFileError::Definition {
            path: path.into(),
            error: Box::new(error),
        };
        let data: DataConfig = definition.section("data").map_err(in_table)?;
        let decode: DecodeConfig = definition.section("decode").map_err(in_table)?;
        let model: ModelConfig = definition.section("arch").map_err(in_table)?;
        let sizes = architecture.vocabulary_sizes;
        decode.validate().map_err(|error| LiteFileError::Decode {
            path: path.into(),
            error,
        })?;
        limits::check_data(&data).map_err(|error| LiteFileError::Data {
            path: path.into(),
            error: Box::new(error),
        })?;

        let weights = container.plain(WEIGHTS).map_err(in_container)?;
        let archive = Archive::parse(weights).map_err(|error| LiteFileError::Weights {
            path: path.into(),
            error,
        })?;
        let shapes: Vec<(&str, &[usize])> = archive.entries().iter().map(|e| (e.name(), e.shape())).collect();
        limits::check_model(&model, sizes, &shapes).map_err(|refused| match refused {
            limits::Refused::Config(error) => LiteFileError::Model {
                path: path.into(),
                error,
            },
            limits::Refused::Tensors { place, found, expected } => LiteFileError::Weights {
                path: path.into(),
                error: PackedError { place, found, expected },
            },
        })?;
        let text = sections.text(&model, &data, sizes)?;
        let tensors = archive.entries().iter().map(|entry| {
            let begin = entry.bytes().as_ptr() as usize - map.as_ptr() as usize;
            PackedTensor {
                map: map.clone(),
                bytes: begin..begin + entry.bytes().len(),
                name: entry.name().to_owned(),
                shape: entry.shape().to_vec(),
                n_elements: entry.n_elements(),
                encoding: entry.encoding(),
            }
        });
        Ok(Self {
            about,
            definition,
            model,
            sizes,
            data,
            decode,
            text,
            tensors: tensors.collect(),
            parts,
            path: path.into(),
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its tensors in the order of their names.
    pub fn tensors(&self) -> &[PackedTensor] {
        &self.tensors
    }

    /// Names and sizes of its sections.
    pub fn parts(&self) -> &[(String, usize)] {
        &self.parts
    }

    /// Its tensors, each unpacked when it is asked for.
    pub fn sources(&self) -> Vec<Source> {
        let source = |tensor: &PackedTensor| {
            let packed = tensor.clone();
            Source {
                name: tensor.name.clone(),
                shape: tensor.shape.clone(),
                read: Box::new(move || packed.values().map_err(|error| error.to_string())),
            }
        };
        self.tensors.iter().map(source).collect()
    }
}

/// Sections that are text.
struct Sections<'a> {
    container: &'a Container<'a>,
    path: &'a Path,
}

impl Sections<'_> {
    fn wrong(&self, section: &'static str, message: impl ToString) -> LiteFileError {
        LiteFileError::Section {
            path: self.path.into(),
            section,
            message: message.to_string(),
        }
    }

    fn read(&self, section: &'static str) -> Result<Vec<u8>, LiteFileError> {
        self.container.read(section).map_err(|error| LiteFileError::Container {
            path: self.path.into(),
            error,
        })
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, section: &'static str) -> Result<T, LiteFileError> {
        serde_json::from_slice(&self.read(section)?).map_err(|error| self.wrong(section, error))
    }

    fn text(&self, model: &ModelConfig, data: &DataConfig, sizes: VocabularySizes) -> Result<Text, LiteFileError> {
        let in_data = |error| LiteFileError::Data {
            path: self.path.into(),
            error: Box::new(error),
        };
        let vocabulary = |section: &'static str, expected: usize| {
            let text = String::from_utf8(self.read(section)?).map_err(|error| self.wrong(section, error))?;
            let vocabulary = Vocabulary::from_text(&text, Path::new(section)).map_err(in_data)?;
            if vocabulary.len() == expected {
                return Ok(vocabulary);
            }
            let message = format!("found {} entries, expected {expected}", vocabulary.len());
            Err(self.wrong(section, message))
        };
        let target = vocabulary(TARGET, sizes.target)?;
        let source = match self.container.has(SOURCE) && model.task == Task::Seq2Seq {
            true => vocabulary(SOURCE, sizes.source)?,
            false => target.clone(),
        };
        if source.len() != sizes.source {
            let message = format!("found none, expected one of {} entries", sizes.source);
            return Err(self.wrong(SOURCE, message));
        }
        Ok(Text {
            tokeniser: Tokeniser::from_bytes(self.read(TOKENISER)?, Path::new(TOKENISER)).map_err(in_data)?,
            source,
            target,
            rules: LineRules::new(data).map_err(in_data)?,
        })
    }
}
