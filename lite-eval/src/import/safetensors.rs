//! A folder of safetensors, as `lite-eval export` writes it, back to a run folder.

use std::path::Path;

use experiments::{RunDefinition, RunFolder, write_directory};
use lite_data::{DataConfig, Tokeniser, Vocabulary};
use lite_model::{ModelConfig, VocabularySizes, weights};

use super::{ImportError, Imported, refuse_existing};
use crate::decode::DecodeConfig;
use crate::export::safetensors::{CONFIG, MODEL, TOKENISER, dictionaries, languages};
use crate::limits::{Refused, check_data, check_model};
use crate::run::seal_weights;

/// Makes a run folder of `input`. If anything is wrong with it, nothing is left behind.
pub fn import_safetensors(input: &Path, output: &Path) -> Result<Imported, ImportError> {
    refuse_existing(output)?;
    let definition = RunDefinition::read(&input.join(CONFIG))?;
    let config: ModelConfig = definition.section("arch")?;
    let data: DataConfig = definition.section("data")?;
    check_data(&data)?;
    let decode: DecodeConfig = definition.section("decode")?;
    decode.validate().map_err(|error| ImportError::Decode {
        path: input.join(CONFIG),
        error,
    })?;
    let tokeniser = Tokeniser::load(&input.join(TOKENISER))?;
    let names = dictionaries(config.task, languages(&definition.definition));
    let [source, target] = names.map(|name| Vocabulary::load(&input.join(name)));
    let (source, target) = (source?, target?);
    let sizes = VocabularySizes {
        source: source.len(),
        target: target.len(),
    };
    let path = input.join(MODEL);
    let (mut tensors, _) = weights::read_all(&path)?;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let shapes: Vec<(&str, &[usize])> = tensors.iter().map(|(name, shape, _)| (&name[..], &shape[..])).collect();
    check_model(&config, sizes, &shapes).map_err(|refused| match refused {
        Refused::Config(error) => ImportError::Model {
            path: input.join(CONFIG),
            error,
        },
        Refused::Tensors { place, found, expected } => ImportError::content(&path, place, found, expected),
    })?;
    drop(shapes);

    write_directory(output, |part| -> Result<(), ImportError> {
        definition.write(&part.join("definition.json"))?;
        let folder = RunFolder::open(part)?;
        tokeniser.save(&folder.tokeniser())?;
        source.save(&folder.source_vocabulary())?;
        target.save(&folder.target_vocabulary())?;
        weights::write(&tensors, &folder.model())?;
        Ok(seal_weights(&folder.model())?)
    })?;
    Ok(Imported {
        architecture: definition.arch.clone(),
        config,
        sizes,
    })
}
