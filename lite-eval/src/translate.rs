//! A set of sources through a model: sorted by length, decoded in batches, a batch a core, given back in their order.

use burn::tensor::Device;
use lite_data::EOS;
use lite_model::device::is_host;
use lite_model::host::HostModel;
use lite_model::{ModelConfig, Seq2Seq};

use crate::batches::{cut, order, source_tensor};
use crate::decode::DecodeConfig;
use crate::search::{HostStepper, Hypothesis, Projection, TensorStepper, beam_search};
use crate::workers::Workers;

/// A model that is ready to translate: on a CPU its weights are packed.
#[derive(Debug)]
pub struct Translator {
    decoder: Decoder,
    config: ModelConfig,
    device: Device,
    workers: Workers,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one")]
enum Decoder {
    Host(HostModel),
    Tensors { model: Seq2Seq, projection: Projection },
}

impl Translator {
    /// Whether the weights of such models are packed, and searches have memory of their own.
    pub fn packs(config: &ModelConfig, device: &Device) -> bool {
        is_host(device) && HostModel::computes(config)
    }

    /// Takes over a model, which `config` describes, on `device`.
    ///
    /// Weights that nobody else holds are packed in place of the model's own; else memory has them twice.
    pub fn new(model: Seq2Seq, config: &ModelConfig, device: &Device) -> Self {
        let model = if is_host(device) {
            HostModel::new(model, config)
        } else {
            Err(Box::new(model))
        };
        let decoder = match model {
            Ok(model) => Decoder::Host(model),
            Err(model) => Decoder::Tensors {
                projection: Projection::new(&model),
                model: *model,
            },
        };
        Self {
            decoder,
            config: config.clone(),
            device: device.clone(),
            workers: Workers::for_device(device),
        }
    }

    /// Translates `sources`, each of which ends in `</s>`; for each, `config.n_best` hypotheses or fewer, best first.
    ///
    /// `target_lengths` are the lengths of the reference translations, where there are any: by them fairseq's
    /// `generate.py` orders sources of equal length, and where padding leaks into a convolution, the batch is part of the
    /// result. Every time that `n` more sentences are done, `progress(n)` is called.
    ///
    /// # Panics
    ///
    /// A source is empty or longer than the model's positions: see [`fit`].
    pub fn translate(
        &self,
        sources: &[Vec<u32>],
        target_lengths: Option<&[usize]>,
        config: &DecodeConfig,
        progress: &mut dyn FnMut(usize),
    ) -> Vec<Vec<Hypothesis>> {
        let lengths: Vec<usize> = sources.iter().map(Vec::len).collect();
        let order = order(&lengths, target_lengths);
        let longest = |batch: &[usize]| batch.iter().map(|&i| sources[i].len()).max().unwrap_or(0);
        let mut pieces: Vec<Piece<'_>> = cut(&order, config.batch_size)
            .into_iter()
            .map(|batch| Piece {
                rows: batch,
                max_length: config.max_length(longest(batch), self.config.max_target_positions),
            })
            .collect();
        let n_threads = self.workers.n_threads();
        if pieces.len() < n_threads && !self.config.depends_on_padding() {
            pieces = pieces.iter().flat_map(|piece| piece.split(n_threads)).collect();
        }
        // The longest first, so that no core is left with one at the end.
        pieces.reverse();
        // Cores that have no piece of their own help with the steps of another.
        let threads_of_piece = (n_threads / pieces.len().max(1)).max(1);
        let mut results = vec![Vec::new(); sources.len()];
        self.workers.each(
            pieces,
            |_, piece| {
                let rows: Vec<Vec<u32>> = piece.rows.iter().map(|&i| sources[i].clone()).collect();
                let hypotheses = self.translate_batch(&rows, piece.max_length, config, threads_of_piece);
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

    fn translate_batch(
        &self,
        sources: &[Vec<u32>],
        max_length: usize,
        config: &DecodeConfig,
        n_threads: usize,
    ) -> Vec<Vec<Hypothesis>> {
        for source in sources {
            let length = source.len();
            assert!(
                (1..=self.config.max_source_positions).contains(&length),
                "a source of {length} tokens, but the model has {} positions",
                self.config.max_source_positions
            );
        }
        let (tokens, padding) = source_tensor(sources, config.source_padding, &self.device);
        match &self.decoder {
            Decoder::Host(model) => {
                let mut stepper = HostStepper::new(model, tokens, n_threads);
                beam_search(&mut stepper, sources.len(), max_length, config)
            }
            Decoder::Tensors { model, projection } => {
                let mut stepper = TensorStepper::new(model, projection, tokens, padding);
                beam_search(&mut stepper, sources.len(), max_length, config)
            }
        }
    }
}

/// Translates with a model that goes on being used: see [`Translator::translate`].
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

/// As [`translate`], with the lengths of the reference translations.
pub fn translate_beside(
    model: &Seq2Seq,
    model_config: &ModelConfig,
    sources: &[Vec<u32>],
    target_lengths: Option<&[usize]>,
    config: &DecodeConfig,
    device: &Device,
    progress: &mut dyn FnMut(usize),
) -> Vec<Vec<Hypothesis>> {
    let translator = Translator::new(model.clone(), model_config, device);
    translator.translate(sources, target_lengths, config, progress)
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

/// Cuts a source to what the model has positions for, keeping its `</s>`. Says how long it was if it had to.
pub fn fit(source: &mut Vec<u32>, max_source_positions: usize) -> Option<usize> {
    let length = source.len();
    if length <= max_source_positions {
        return None;
    }
    source.truncate(max_source_positions.saturating_sub(1));
    source.push(EOS);
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_cut_and_keeps_its_end() {
        let cut = |n_positions| {
            let mut source = vec![5, 6, 7, EOS];
            let length = fit(&mut source, n_positions);
            (length, source)
        };
        assert_eq!(cut(4), (None, vec![5, 6, 7, EOS]));
        assert_eq!(cut(3), (Some(4), vec![5, 6, EOS]));
        assert_eq!(cut(0), (Some(4), vec![EOS]));
    }
}
