//! Runs that were not trained.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use experiments::{Definition, RunDefinition, RunFolder};
use lite_data::progress::Silent;
use lite_data::{PrepareOptions, prepare};
use lite_eval::device::DeviceName;
use lite_eval::run::seal_weights;
use lite_model::{ModelConfig, Task, VocabularySizes, weights};

/// A device's generator belongs to the process, and weights are drawn when they are first asked for: who seeds it draws all of
/// them before another test does.
static GENERATOR: Mutex<()> = Mutex::new(());

/// The folder of a run with random weights, `tiny`: its definition and its prepared corpus stand in `root` too.
pub fn untrained(root: &Path, definition: &str, arch: &str, overrides: &[&str]) -> PathBuf {
    let path = root.join("tiny.toml");
    std::fs::write(&path, definition).unwrap();
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let definition = Definition::load(path.to_str().unwrap(), &overrides).unwrap();
    let options = PrepareOptions {
        data_root: root.join("data"),
        mirror: None,
        offline: true,
    };
    let prepared = prepare(&definition.section("data").unwrap(), &options, &Silent).unwrap();
    let folder = RunFolder::new(root, "tiny", arch);
    folder.create().unwrap();
    let run = RunDefinition::new(&definition, arch, 1).unwrap();
    run.write(&folder.definition()).unwrap();
    prepared.tokeniser.save(&folder.tokeniser()).unwrap();
    prepared.source_vocabulary.save(&folder.source_vocabulary()).unwrap();
    prepared.target_vocabulary.save(&folder.target_vocabulary()).unwrap();
    let sizes = VocabularySizes {
        source: prepared.source_vocabulary.len(),
        target: prepared.target_vocabulary.len(),
    };
    let device = DeviceName::Flex.open().unwrap();
    let config: ModelConfig = definition.section(&format!("arch.{arch}")).unwrap();
    let turn = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(7);
    let saved = match config.task {
        Task::Seq2Seq => weights::save(&config.init(sizes, &device).unwrap(), &folder.model()),
        Task::LanguageModel => {
            let model = config.init_language_model(sizes.target, &device).unwrap();
            weights::save(&model, &folder.model())
        }
    };
    drop(turn);
    saved.unwrap();
    seal_weights(&folder.model()).unwrap();
    folder.root().to_path_buf()
}
