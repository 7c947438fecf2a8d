//! A run folder or a .lite file, opened: the model with everything between text and its tokens.

use std::fs;
use std::path::{Path, PathBuf};

use burn::store::ModuleSnapshot;
use burn::tensor::Device;
use experiments::{DefinitionError, RunDefinition, RunError, RunFolder, hash_bytes, write_atomically};
use lite_data::{DataConfig, DataError, EOS, LineRules, LongSources, Tokeniser, Vocabulary};
use lite_model::error::{ConfigError, WeightsError};
use lite_model::{LanguageModel, ModelConfig, Seq2Seq, Task, VocabularySizes, load_int8, weights};

use crate::decode::{DecodeConfig, DecodeConfigError};
use crate::limits::check_data;
use crate::lite_file::{LiteFile, LiteFileError};
use crate::precision::Precision;

/// Between text and ids, as a run was trained.
#[derive(Debug)]
pub struct Text {
    /// Cuts lines into pieces.
    pub tokeniser: Tokeniser,
    /// Numbers the pieces of sources.
    pub source: Vocabulary,
    /// Numbers the pieces of targets.
    pub target: Vocabulary,
    /// What is done to a line before the tokeniser.
    pub rules: LineRules,
}

/// A run with its trained model: one that can translate, or a language model.
#[derive(Debug)]
pub struct Run<M = Seq2Seq> {
    /// Where it stands; a file has no folder.
    pub folder: Option<RunFolder>,
    /// What was trained; of a file the sections that running it takes.
    pub definition: RunDefinition,
    /// Its `[data]` section.
    pub data: DataConfig,
    /// Its `[decode]` section.
    pub decode: DecodeConfig,
    /// Its architecture.
    pub model_config: ModelConfig,
    /// Its tokeniser and vocabularies.
    pub text: Text,
    /// Its weights on the device.
    pub model: M,
}

/// Why a run folder or a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or its definition.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A section of the definition.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The `[decode]` section.
    #[error(transparent)]
    Decode(#[from] DecodeConfigError),
    /// The tokeniser or a vocabulary.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The architecture.
    #[error("[arch]")]
    Model(#[from] ConfigError),
    /// The weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The weights are not those that were written.
    #[error("weights `{}` were altered: found sha256 {found}, expected {expected}", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// The hash of what is there.
        found: String,
        /// The hash that was written beside it.
        expected: String,
    },
    /// The file.
    #[error(transparent)]
    File(Box<LiteFileError>),
    /// The weights in the file.
    #[error(transparent)]
    Packed(WeightsError),
}

impl From<LiteFileError> for OpenError {
    fn from(error: LiteFileError) -> Self {
        Self::File(Box::new(error))
    }
}

/// What the model of a run folder or of a .lite file predicts.
pub fn task(path: &Path) -> Result<Task, OpenError> {
    if path.is_file() {
        return Ok(LiteFile::open(path)?.model.task);
    }
    Ok(Run::describe(path)?.model_config.task)
}

impl Run<Seq2Seq> {
    /// Opens the folder of a run that can translate, or a .lite file, and loads its weights.
    pub fn open(path: &Path, device: &Device) -> Result<Self, OpenError> {
        Self::open_with(path, |config, sizes| config.init(sizes, device))
    }

    /// The same with its model in `precision`. One of 8 bits comes from a .lite file straight, without floats in between.
    pub fn open_in(precision: Precision, path: &Path, device: &Device) -> Result<Self, OpenError> {
        if precision != Precision::Int8 || !path.is_file() {
            let mut run = Self::open(path, device)?;
            run.model = precision.of(run.model, &run.model_config)?;
            return Ok(run);
        }
        let file = LiteFile::open(path)?;
        let model = file.model.init(file.sizes, device)?;
        let model = load_int8(model, file.sources(), path).map_err(OpenError::Packed)?;
        Ok(Self::of_file(file, model))
    }
}

impl<M> Run<M> {
    /// The longest source in tokens, `</s>` counted, that is taken whole: as many as the model has positions, or as its
    /// definition cuts articles to (`data.long_sources = "cut"`).
    pub fn max_source_tokens(&self) -> usize {
        let positions = self.model_config.max_source_positions;
        match self.data.long_sources {
            LongSources::Cut => positions.min(self.data.max_source_tokens),
            LongSources::Drop => positions,
        }
    }

    /// What a file says, with its model.
    fn of_file(file: LiteFile, model: M) -> Self {
        Self {
            folder: None,
            definition: file.definition,
            data: file.data,
            decode: file.decode,
            model_config: file.model,
            text: file.text,
            model,
        }
    }

    /// The same run with what `f` makes of its model.
    pub fn map_model<N>(self, f: impl FnOnce(M, &ModelConfig) -> N) -> Run<N> {
        Run {
            model: f(self.model, &self.model_config),
            folder: self.folder,
            definition: self.definition,
            data: self.data,
            decode: self.decode,
            model_config: self.model_config,
            text: self.text,
        }
    }
}

impl Run<LanguageModel> {
    /// Opens the folder of a language model, whose vocabulary is that of the target, or its .lite file, and loads its
    /// weights.
    pub fn open_language_model(path: &Path, device: &Device) -> Result<Self, OpenError> {
        Self::open_with(path, |config, sizes| config.init_language_model(sizes.target, device))
    }
}

impl Run<()> {
    /// Opens the folder of a run of either task without its weights, which are held to their hash.
    pub fn describe(path: &Path) -> Result<Self, OpenError> {
        let folder = RunFolder::open(path)?;
        let definition = RunDefinition::read(&folder.definition())?;
        let data: DataConfig = definition.section("data")?;
        check_data(&data)?;
        let decode: DecodeConfig = definition.section("decode")?;
        decode.validate()?;
        let model_config: ModelConfig = definition.section("arch")?;
        let source = match model_config.task {
            Task::Seq2Seq => folder.source_vocabulary(),
            Task::LanguageModel => folder.target_vocabulary(),
        };
        let text = Text {
            tokeniser: Tokeniser::load(&folder.tokeniser())?,
            source: Vocabulary::load(&source)?,
            target: Vocabulary::load(&folder.target_vocabulary())?,
            rules: LineRules::new(&data)?,
        };
        check_weights(&folder.model())?;
        Ok(Self {
            folder: Some(folder),
            definition,
            data,
            decode,
            model_config,
            text,
            model: (),
        })
    }

    fn with_model<M>(self, model: M) -> Run<M> {
        self.map_model(|(), _| model)
    }
}

impl<M: ModuleSnapshot> Run<M> {
    fn open_with(
        path: &Path,
        init: impl FnOnce(&ModelConfig, VocabularySizes) -> Result<M, ConfigError>,
    ) -> Result<Self, OpenError> {
        if path.is_file() {
            return Self::open_file(path, init);
        }
        let run = Run::describe(path)?;
        let model = init(&run.model_config, run.text.sizes())?;
        let model = weights::load(model, &RunFolder::open(path)?.model())?;
        Ok(run.with_model(model))
    }

    fn open_file(
        path: &Path,
        init: impl FnOnce(&ModelConfig, VocabularySizes) -> Result<M, ConfigError>,
    ) -> Result<Self, OpenError> {
        let file = LiteFile::open(path)?;
        let model = init(&file.model, file.sizes)?;
        let model = weights::load_from(model, file.sources(), path).map_err(OpenError::Packed)?;
        Ok(Self::of_file(file, model))
    }
}

impl Text {
    /// Entries of the vocabularies.
    pub fn sizes(&self) -> VocabularySizes {
        VocabularySizes {
            source: self.source.len(),
            target: self.target.len(),
        }
    }

    /// The ids of a source line, `</s>` at the end.
    pub fn encode(&self, line: &str) -> Vec<u32> {
        self.source
            .encode(&self.tokeniser.encode(&self.rules.apply(line.to_owned())))
    }

    /// The ids of a source line that is cut into pieces already.
    pub fn encode_tokens(&self, line: &str) -> Vec<u32> {
        self.source.encode(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// The ids of a target line, `</s>` at the end.
    pub fn encode_target(&self, line: &str) -> Vec<u32> {
        self.target
            .encode(&self.tokeniser.encode(&self.rules.apply(line.to_owned())))
    }

    /// The ids of a target line that is cut into pieces already.
    pub fn encode_target_tokens(&self, line: &str) -> Vec<u32> {
        self.target.encode(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// The text of target ids.
    pub fn decode(&self, tokens: &[u32]) -> String {
        self.tokeniser.decode(&self.target.decode(tokens))
    }

    /// The pieces of target ids, `</s>` included.
    pub fn pieces(&self, tokens: &[u32]) -> Vec<&str> {
        tokens
            .iter()
            .map(|&id| if id == EOS { "</s>" } else { self.target.piece(id) })
            .collect()
    }
}

/// Where the hash of a file of weights stands: `model.safetensors.sha256`, in the format of `sha256sum`.
fn hash_path(weights: &Path) -> PathBuf {
    weights.with_added_extension("sha256")
}

/// Writes the hash of a file of weights beside it, so that a later reader can tell whether it was altered.
pub fn seal_weights(path: &Path) -> Result<(), RunError> {
    let in_file = |path: &Path| {
        let path = path.to_path_buf();
        move |source| RunError::Io { path, source }
    };
    let hash = hash_bytes(&fs::read(path).map_err(in_file(path))?);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let hash_path = hash_path(path);
    write_atomically(&hash_path, |file| {
        use std::io::Write;
        writeln!(file, "{hash}  {name}")
    })
    .map_err(in_file(&hash_path))
}

/// Holds a file of weights to the hash beside it, if there is one.
fn check_weights(path: &Path) -> Result<(), OpenError> {
    let Ok(text) = fs::read_to_string(hash_path(path)) else {
        return Ok(());
    };
    let expected = text.split_whitespace().next().unwrap_or_default().to_owned();
    let bytes = fs::read(path).map_err(|source| RunError::Io {
        path: path.into(),
        source,
    })?;
    let found = hash_bytes(&bytes);
    if found == expected {
        Ok(())
    } else {
        Err(OpenError::Altered {
            path: path.into(),
            found,
            expected,
        })
    }
}
