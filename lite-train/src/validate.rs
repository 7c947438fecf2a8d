//! What a validation measures: loss, perplexity, and BLEU where the definition asks for it.

use burn::tensor::Device;
use lite_data::{Batch, PairStore, Prepared};
use lite_eval::decode::DecodeConfig;
use lite_eval::metrics::{Metric, score};
use lite_eval::{fit, translate};
use lite_model::{ModelConfig, Seq2Seq};

use crate::config::{ValidationBleu, ValidationConfig};
use crate::loss::label_smoothed_sums;
use crate::state::Window;
use crate::update::features;

/// Loss of `model`, which must not be on a training device, over batches.
pub fn loss(model: &Seq2Seq, batches: &[Batch], label_smoothing: f64, device: &Device) -> Window {
    let mut window = Window::default();
    for batch in batches {
        let features = features(model, batch, device);
        let sums = label_smoothed_sums(features, model.projection(), &batch.target_output, label_smoothing);
        let [loss, nll] = read_sums(sums);
        window.add(loss, nll, batch.n_tokens as u64);
    }
    window
}

/// BLEU on the validation set, or `None` if the definition follows none.
pub fn bleu(
    model: &Seq2Seq,
    model_config: &ModelConfig,
    config: &ValidationConfig,
    decode: &DecodeConfig,
    prepared: &Prepared,
    device: &Device,
) -> anyhow::Result<Option<f64>> {
    let metric = match config.bleu {
        ValidationBleu::None => return Ok(None),
        ValidationBleu::Tokenised => Metric::Bleu,
        ValidationBleu::Sacrebleu => Metric::SacreBleu,
    };
    let mut references = prepared.references("valid")?;
    if config.sentences > 0 {
        references.truncate(config.sentences);
    }
    let decode = DecodeConfig {
        beam: config.beam,
        n_best: 1,
        ..decode.clone()
    };
    let sources = sources(&prepared.valid, references.len(), model_config);
    let hypotheses = lines(model, model_config, &sources, &decode, prepared, device, &mut |_| {});
    Ok(Some(
        score(metric, &hypotheses, &references, &decode.metric_settings())?.value,
    ))
}

/// The first `n` sources of a store, cut to the positions that the model has.
pub(crate) fn sources(store: &PairStore, n: usize, model_config: &ModelConfig) -> Vec<Vec<u32>> {
    let source = |index| {
        let mut source = store.pair(index).0.to_vec();
        fit(&mut source, model_config.max_source_positions);
        source
    };
    (0..n.min(store.len())).map(source).collect()
}

/// Translations as text, in order.
pub(crate) fn lines(
    model: &Seq2Seq,
    model_config: &ModelConfig,
    sources: &[Vec<u32>],
    decode: &DecodeConfig,
    prepared: &Prepared,
    device: &Device,
    progress: &mut dyn FnMut(usize),
) -> Vec<String> {
    let translations = translate(model, model_config, sources, decode, device, progress);
    let text = |tokens: &[u32]| prepared.tokeniser.decode(&prepared.target_vocabulary.decode(tokens));
    translations
        .iter()
        .map(|best| best.first().map_or_else(String::new, |h| text(&h.tokens)))
        .collect()
}

/// Loss and likelihood, read from the device.
pub(crate) fn read_sums(sums: burn::tensor::Tensor<1>) -> [f64; 2] {
    let values = sums.into_data();
    let values = values.as_slice::<f32>().expect("sums are f32");
    [f64::from(values[0]), f64::from(values[1])]
}
