//! What a validation measures: loss, perplexity, and BLEU where the definition asks for it.

use burn::tensor::{Device, Tensor};
use lite_data::progress::Silent;
use lite_data::{Batch, Prepared};
use lite_eval::decode::DecodeConfig;
use lite_eval::evaluate::{EvaluateError, Split, decode_split};
use lite_eval::metrics::{Metric, score};
use lite_eval::workers::Workers;
use lite_model::{ModelConfig, Seq2Seq};

use crate::config::{ValidationBleu, ValidationConfig};
use crate::state::Window;
use crate::trainee::Trainee;

/// Loss of `model`, which must not be on a training device, over batches.
pub fn loss<M: Trainee>(
    model: &M,
    batches: &[Batch],
    label_smoothing: f64,
    device: &Device,
    workers: &Workers,
) -> Window {
    let mut window = Window::default();
    let work = |_, batch: &Batch| {
        let sums = model.sums(batch, label_smoothing, device);
        (read_sums(sums), batch.n_tokens as u64)
    };
    workers.each(batches.iter().collect(), work, |([loss, nll], n_tokens)| {
        window.add(loss, nll, n_tokens);
    });
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
) -> Result<Option<f64>, EvaluateError> {
    let metric = match config.bleu {
        ValidationBleu::None => return Ok(None),
        ValidationBleu::Tokenised => Metric::Bleu,
        ValidationBleu::Sacrebleu => Metric::SacreBleu,
    };
    let mut references = prepared.references(Split::Valid.name())?;
    if config.sentences > 0 {
        references.truncate(config.sentences);
    }
    let decode = DecodeConfig {
        beam: config.beam,
        ..decode.clone()
    };
    let n = references.len();
    let hypotheses = decode_split(model, model_config, prepared, Split::Valid, n, &decode, device, &Silent);
    Ok(Some(
        score(metric, &hypotheses, &references, &decode.metric_settings())?.value,
    ))
}

/// Loss and likelihood, read from the device.
pub(crate) fn read_sums(sums: Tensor<1>) -> [f64; 2] {
    let values = sums.into_data();
    let values = values.as_slice::<f32>().expect("sums are f32");
    [f64::from(values[0]), f64::from(values[1])]
}
