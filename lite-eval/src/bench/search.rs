//! Greedy and beam search to a fixed length.

use burn::tensor::Device;
use lite_model::error::ConfigError;

use super::{Task, Tokens, Workload};
use crate::decode::DecodeConfig;
use crate::translate::Translator;

pub(super) fn prepare(
    workload: &Workload,
    mut tokens: Tokens,
    device: &Device,
) -> Result<Box<dyn FnMut()>, ConfigError> {
    let (config, sizes) = (workload.model.clone(), workload.sizes);
    let model = workload.precision.of(config.init(sizes, device)?, &config)?;
    let translator = Translator::new(model, &config, device);
    let (batch, source_length, target_length) = (workload.batch, workload.source_length, workload.target_length);
    let decode = DecodeConfig {
        beam: if workload.task == Task::Greedy {
            1
        } else {
            workload.beam
        },
        batch_size: batch,
        length_penalty: workload.length_penalty,
        min_length: target_length - 1,
        max_length_a: 0.0,
        max_length_b: target_length - 1,
        ..DecodeConfig::default()
    };
    Ok(Box::new(move || {
        let sources: Vec<_> = (0..batch)
            .map(|_| tokens.sentence(sizes.source, source_length))
            .collect();
        let found = translator.translate(&sources, None, &decode, &mut |_| {});
        let is_whole = |hypotheses: &Vec<crate::Hypothesis>| hypotheses[0].tokens.len() == target_length;
        assert!(found.iter().all(is_whole), "a search that ends early does less work");
    }))
}
