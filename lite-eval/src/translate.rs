//! A set of sources through a model: sorted by length, decoded in batches, a batch a core, given back in their order.

use burn::tensor::Device;
use lite_data::EOS;
use lite_model::{ModelConfig, Seq2Seq};

use crate::batches::{cut, order, source_tensor};
use crate::decode::DecodeConfig;
use crate::search::{Hypothesis, ModelStepper, Projection, beam_search};
use crate::workers::Workers;

/// Translates `sources`, each of which ends in `</s>`; for each, `config.n_best` hypotheses or fewer, best first.
///
/// `model_config` is what `model` was built from; it bounds lengths. Every time that `n` more sentences are done,
/// `progress(n)` is called.
///
/// # Panics
///
/// A source is empty or longer than the model's positions: see [`fit`].
pub fn translate(
    model: &Seq2Seq,
    model_config: &ModelConfig,
    sources: &[Vec<u32>],
    config: &DecodeConfig,
    device: &Device,
    progress: &mut dyn FnMut(usize),
) -> Vec<Vec<Hypothesis>> {
    translate_beside(model, model_config, sources, None, config, device, progress)
}

/// As [`translate`], with the lengths of the reference translations, by which fairseq's `generate.py` orders sources of
/// equal length. Where padding leaks into a convolution, the batch is part of the result.
pub fn translate_beside(
    model: &Seq2Seq,
    model_config: &ModelConfig,
    sources: &[Vec<u32>],
    target_lengths: Option<&[usize]>,
    config: &DecodeConfig,
    device: &Device,
    progress: &mut dyn FnMut(usize),
) -> Vec<Vec<Hypothesis>> {
    let lengths: Vec<usize> = sources.iter().map(Vec::len).collect();
    let order = order(&lengths, target_lengths);
    let workers = Workers::for_device(device);
    let longest = |batch: &[usize]| batch.iter().map(|&i| sources[i].len()).max().unwrap_or(0);
    let mut pieces: Vec<Piece<'_>> = cut(&order, config.batch_size)
        .into_iter()
        .map(|batch| Piece {
            rows: batch,
            max_length: config.max_length(longest(batch), model_config.max_target_positions),
        })
        .collect();
    if pieces.len() < workers.n_threads() && !model_config.depends_on_padding() {
        pieces = pieces
            .iter()
            .flat_map(|piece| piece.split(workers.n_threads()))
            .collect();
    }
    // The longest first, so that no core is left with one at the end.
    pieces.reverse();
    let mut results = vec![Vec::new(); sources.len()];
    let projection = Projection::new(model);
    workers.each(
        pieces,
        |_, piece| {
            let rows: Vec<Vec<u32>> = piece.rows.iter().map(|&i| sources[i].clone()).collect();
            let hypotheses = translate_batch(
                model,
                &projection,
                model_config,
                &rows,
                piece.max_length,
                config,
                device,
            );
            (piece.rows, hypotheses)
        },
        |(rows, hypotheses)| {
            for (&i, mut hypotheses) in rows.iter().zip(hypotheses) {
                hypotheses.truncate(config.n_best);
                results[i] = hypotheses;
            }
            progress(rows.len());
        },
    );
    results
}

/// Sentences that are decoded together, by their numbers.
struct Piece<'a> {
    rows: &'a [usize],
    /// Of the batch that they belong to, which may be larger.
    max_length: usize,
}

impl<'a> Piece<'a> {
    /// At most `n` pieces, none so small that its matrix products would wait for memory alone.
    fn split(&self, n: usize) -> impl Iterator<Item = Piece<'a>> + use<'a> {
        const SMALLEST: usize = 4;
        let max_length = self.max_length;
        let size = self.rows.len().div_ceil(n).max(SMALLEST);
        self.rows.chunks(size).map(move |rows| Piece { rows, max_length })
    }
}

fn translate_batch(
    model: &Seq2Seq,
    projection: &Projection,
    model_config: &ModelConfig,
    sources: &[Vec<u32>],
    max_length: usize,
    config: &DecodeConfig,
    device: &Device,
) -> Vec<Vec<Hypothesis>> {
    for source in sources {
        let length = source.len();
        assert!(
            (1..=model_config.max_source_positions).contains(&length),
            "a source of {length} tokens, but the model has {} positions",
            model_config.max_source_positions
        );
    }
    let (tokens, padding) = source_tensor(sources, config.source_padding, device);
    let mut stepper = ModelStepper::new(model, projection, tokens, padding);
    beam_search(&mut stepper, sources.len(), max_length, config)
}

/// Cuts a source to what the model has positions for, keeping its `</s>`. Says how long it was if it had to.
pub fn fit(source: &mut Vec<u32>, max_source_positions: usize) -> Option<usize> {
    let length = source.len();
    if length <= max_source_positions {
        return None;
    }
    source.truncate(max_source_positions - 1);
    source.push(EOS);
    Some(length)
}
