//! What one run trains: the definition with its overrides, narrowed to one architecture.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::definition::hash_of;
use crate::tree::{Node, Table, Value};
use crate::{Definition, DefinitionError, Place, RunError, read, write_atomically};

/// What `definition.json` of a run folder holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDefinition {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the architecture.
    pub arch: String,
    /// The resolved definition with this architecture alone, as [`Definition::for_arch`] gives it.
    pub definition: Json,
    /// sha256 of what in `definition` changes a result.
    pub definition_hash: String,
    /// The overrides that are in `definition`, as typed.
    pub overrides: Vec<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// Hash of the prepared data that it is trained on; none of a run that comes from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_hash: Option<String>,
}

impl RunDefinition {
    /// The run of one architecture of a definition.
    pub fn new(definition: &Definition, arch: &str, seed: u64) -> Result<RunDefinition, DefinitionError> {
        definition.check_arch(arch)?;
        let resolved = definition.for_arch(arch);
        Ok(RunDefinition {
            experiment: definition.name.clone(),
            arch: arch.to_owned(),
            definition_hash: hash_of(&resolved),
            definition: resolved,
            overrides: overrides_of(definition, arch),
            seed,
            data_hash: None,
        })
    }

    /// The run of a definition that was resolved elsewhere: a table with the sections `data`, `decode` and `arch`.
    pub fn resolved(experiment: &str, arch: &str, definition: Json) -> RunDefinition {
        RunDefinition {
            experiment: experiment.to_owned(),
            arch: arch.to_owned(),
            definition_hash: hash_of(&definition),
            definition,
            overrides: Vec::new(),
            seed: 0,
            data_hash: None,
        }
    }

    /// Writes the file, atomically.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| RunError::Unwritable {
            message: format!("the definition is no JSON: {error}"),
        })?;
        write_atomically(path, |file| writeln!(file, "{text}")).map_err(RunError::io(path))
    }

    /// Reads the file; a definition that does not have its hash is an error.
    pub fn read(path: &Path) -> Result<RunDefinition, RunError> {
        let text = fs::read_to_string(path).map_err(RunError::io(path))?;
        let run: RunDefinition = serde_json::from_str(&text).map_err(|error| RunError::Unreadable {
            path: path.to_path_buf(),
            line: error.line(),
            message: error.to_string(),
        })?;
        let found = hash_of(&run.definition);
        if found != run.definition_hash {
            return Err(RunError::Altered {
                path: path.to_path_buf(),
                what: "the definition",
                found,
                expected: run.definition_hash,
            });
        }
        Ok(run)
    }

    /// Reads a section: `arch`, `data`, `decode` or `train`. Unknown keys are refused, an absent section is empty.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, DefinitionError> {
        section_of(&self.definition, name)
    }
}

/// The overrides of a definition but for those of its other architectures.
fn overrides_of(definition: &Definition, arch: &str) -> Vec<String> {
    let is_of_another = |text: &str| {
        definition.archs().iter().any(|other| {
            let rest = text
                .trim_start()
                .strip_prefix("arch.")
                .and_then(|text| text.strip_prefix(other.as_str()));
            other != arch && rest.is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let overrides = definition.overrides().iter();
    overrides.filter(|text| !is_of_another(text)).cloned().collect()
}

/// Reads a section of a definition that was resolved for one architecture.
pub(crate) fn section_of<T: DeserializeOwned>(definition: &Json, name: &str) -> Result<T, DefinitionError> {
    let place = Place::File("definition.json".into());
    let node = match definition.get(name) {
        Some(json) => Node::from_json(json, &place),
        None => Node {
            value: Value::Table(Table::default()),
            place,
        },
    };
    read::read(&node, name)
}
