//! Safetensors under fairseq's names and in its layout, a tied matrix once.
//!
//! | file | what it is |
//! |---|---|
//! | `model.safetensors` | the weights, in single precision |
//! | `dict.LANGUAGE.txt` | fairseq's dictionaries; one, `dict.txt`, of a language model |
//! | `tokeniser.model` | as in a run folder |
//! | `config.json` | the run's definition: the architecture is in `definition.arch` |

use std::path::Path;

use lite_model::{Task, weights};

use super::{ExportError, Exported, folder, write};

/// The weights.
pub const MODEL: &str = "model.safetensors";
/// The definition.
pub const CONFIG: &str = "config.json";
/// The tokeniser.
pub const TOKENISER: &str = "tokeniser.model";

/// Names of the dictionaries of source and target, which are one for a language model, or where languages have no names.
pub fn dictionaries(task: Task, languages: [&str; 2]) -> [String; 2] {
    let name = |side: &str, language: &str| match language {
        "" => format!("dict.{side}.txt"),
        language => format!("dict.{language}.txt"),
    };
    let [source, target] = languages;
    match task {
        Task::LanguageModel => ["dict.txt", "dict.txt"].map(str::to_owned),
        Task::Seq2Seq if source == target => ["dict.source.txt", "dict.target.txt"].map(str::to_owned),
        Task::Seq2Seq => [name("source", source), name("target", target)],
    }
}

impl Exported {
    /// Writes the folder, which must not be there yet.
    pub fn write_safetensors(&self, output: &Path) -> Result<(), ExportError> {
        folder(output, |part| {
            weights::write(&self.tensors, &part.join(MODEL))?;
            self.definition.write(&part.join(CONFIG))?;
            write(&part.join(TOKENISER), self.text.tokeniser.bytes())?;
            let [source, target] = dictionaries(self.model.task, self.languages());
            write(&part.join(source), self.text.source.to_text().as_bytes())?;
            write(&part.join(target), self.text.target.to_text().as_bytes())
        })
    }

    fn languages(&self) -> [&str; 2] {
        languages(&self.definition.definition)
    }
}

/// The languages in the `[data]` table of a definition.
pub fn languages(definition: &serde_json::Value) -> [&str; 2] {
    let data = definition.get("data");
    ["source_language", "target_language"].map(|key| {
        let language = data.and_then(|data| data.get(key)?.as_str());
        // It becomes part of a file's name.
        let is_plain = |language: &&str| {
            language
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        language.filter(is_plain).unwrap_or_default()
    })
}
