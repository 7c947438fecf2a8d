//! The search's view of a model: on a CPU a decoder without tensors, elsewhere Burn's.

use burn::tensor::{Device, Int, Tensor, TensorData, Transaction};
use lite_model::host::{HostModel, HostState, LogitSink, Team};
use lite_model::{DecoderState, Seq2Seq};

use super::scan::settle;
use super::{Scan, Stepper};

/// A batch of sources in the middle of being decoded by a [`HostModel`].
pub struct HostStepper<'a> {
    model: &'a HostModel,
    state: HostState,
    team: Team,
}

impl<'a> HostStepper<'a> {
    /// Encodes `sources`, `[batch_size, source_length]`; `n_threads` threads divide each step.
    pub fn new(model: &'a HostModel, sources: Tensor<2, Int>, n_threads: usize) -> Self {
        let mut team = Team::new(n_threads);
        let state = model.begin(sources, &mut team);
        Self { model, state, team }
    }
}

impl Stepper for HostStepper<'_> {
    fn n_threads(&self) -> usize {
        self.team.n_threads()
    }

    fn step(&mut self, tokens: &[u32], rows: &[usize], scans: &mut [Scan<'_>]) -> Vec<usize> {
        let attended = self.model.step(tokens, rows, &mut self.state, &mut self.team, scans);
        settle(scans, |row, token| self.model.logit(&self.state, row, token));
        attended
    }
}

/// The output projection laid out as a step multiplies it: `[d_model, target_vocabulary]`, row by row.
///
/// A transposed view would be repacked in every step, which costs several times the product of a few rows.
#[derive(Debug, Clone)]
pub struct Projection(Option<Tensor<2>>);

impl Projection {
    /// Of a model, once for many batches.
    pub fn new(model: &Seq2Seq) -> Self {
        // Integers are packed in the model as a step reads them.
        if model.int8_projection().is_some() {
            return Self(None);
        }
        let weight = model.projection();
        let device = weight.device();
        // By way of the host: there, the transposed order becomes the order in memory.
        Self(Some(Tensor::from_data(weight.transpose().into_data(), &device)))
    }
}

/// A batch of sources in the middle of being decoded by a [`Seq2Seq`], on any device.
pub struct TensorStepper<'a> {
    model: &'a Seq2Seq,
    projection: &'a Projection,
    state: DecoderState,
    device: Device,
    /// Columns of padding on the left of each source.
    padding: Vec<usize>,
    /// The source of each row.
    sources: Vec<usize>,
}

impl<'a> TensorStepper<'a> {
    /// Encodes `sources`, `[batch_size, source_length]`, with `padding[i]` columns of padding on the left of row `i`.
    pub fn new(model: &'a Seq2Seq, projection: &'a Projection, sources: Tensor<2, Int>, padding: Vec<usize>) -> Self {
        let device = sources.device();
        let state = model.begin(&model.encode(sources));
        Self {
            model,
            projection,
            state,
            device,
            sources: (0..padding.len()).collect(),
            padding,
        }
    }

    fn select(&mut self, rows: &[usize]) {
        // Most steps of a single hypothesis keep every row where it is.
        if rows.iter().copied().eq(0..self.sources.len()) {
            return;
        }
        let indices: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
        let indices = TensorData::new(indices, [rows.len()]);
        let indices = Tensor::<1, Int>::from_data(indices, &self.device);
        let sources: Vec<usize> = rows.iter().map(|&row| self.sources[row]).collect();
        if sources == self.sources {
            self.state.reorder(indices);
        } else {
            self.state.select(indices);
            self.sources = sources;
        }
    }
}

impl Stepper for TensorStepper<'_> {
    fn step(&mut self, tokens: &[u32], rows: &[usize], scans: &mut [Scan<'_>]) -> Vec<usize> {
        self.select(rows);
        let tokens: Vec<i32> = tokens.iter().map(|&token| token as i32).collect();
        let tokens = TensorData::new(tokens, [rows.len(), 1]);
        let output = self
            .model
            .step(Tensor::<2, Int>::from_data(tokens, &self.device), &mut self.state);
        let [_, source_length] = output.attention.dims();
        let logits = match &self.projection.0 {
            Some(projection) => output.features.matmul(projection.clone()),
            None => self.model.logits(output.features),
        };
        let [_, vocabulary_size] = logits.dims();
        let [logits, attention] = Transaction::default()
            .register(logits)
            .register(output.attention)
            .execute()
            .try_into()
            .expect("two tensors in, two out");
        let logits = floats(logits);
        for (row, logits) in logits.chunks_exact(vocabulary_size).enumerate() {
            scans[0].take(row, 0, logits, 0.0);
        }
        floats(attention)
            .chunks_exact(source_length)
            .zip(&self.sources)
            .map(|(attention, source)| argmax(&attention[self.padding[*source]..]))
            .collect()
    }
}

fn floats(data: TensorData) -> Vec<f32> {
    data.convert::<f32>().try_into_vec().expect("converted to f32")
}

fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}
