//! What a run is: its definition, corpus, devices and folder.

use std::time::Duration;

use burn::tensor::Device;
use experiments::RunFolder;
use lite_data::Prepared;
use lite_eval::decode::DecodeConfig;
use lite_model::device::is_host;
use lite_model::{ModelConfig, VocabularySizes};

use crate::checkpoint::Checkpoint;
use crate::config::{FinalWeights, TrainConfig};
use crate::state::TrainState;

/// Everything that a run is made of.
#[derive(Debug)]
pub struct Run<'a> {
    /// The `[train]` section.
    pub train: TrainConfig,
    /// The architecture.
    pub model: ModelConfig,
    /// The `[decode]` section.
    pub decode: DecodeConfig,
    /// The corpus.
    pub prepared: &'a Prepared,
    /// Where the run is kept.
    pub folder: RunFolder,
    /// Devices by name that share its updates, the main one first; without autodiff.
    pub devices: Vec<(String, Device)>,
    /// The commit of the source tree when the program began.
    pub commit: String,
    /// The seed of everything random.
    pub seed: u64,
    /// Most tokens that are computed at once.
    pub tokens_per_batch: usize,
    /// How long training may take over all restarts.
    pub time_budget: Option<Duration>,
}

/// Sizes of the vocabularies of a prepared corpus.
pub fn vocabulary_sizes(prepared: &Prepared) -> VocabularySizes {
    VocabularySizes {
        source: prepared.source_vocabulary.len(),
        target: prepared.target_vocabulary.len(),
    }
}

/// Tokens that are computed at once where the command line does not say.
///
/// A processor's cores take a batch each, so there a large update makes some sixteen of them and a small one as many as
/// are worth a core. Their number must not follow the machine: dropout is drawn batch by batch.
/// Other devices take a batch each in turn, so of these there are at least as many as there are devices.
pub fn default_tokens_per_batch(train: &TrainConfig, devices: &[(String, Device)]) -> usize {
    if is_host(&devices[0].1) {
        (train.tokens_per_update / 16).clamp(512, 4096)
    } else {
        (train.tokens_per_update / devices.len()).clamp(512, 4096)
    }
}

/// How training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All updates are done.
    Done,
    /// Early stopping.
    Stopped,
    /// The time is over.
    TimeBudget,
}

impl Run<'_> {
    /// Sizes of the vocabularies.
    pub fn sizes(&self) -> VocabularySizes {
        vocabulary_sizes(self.prepared)
    }

    /// The main device.
    pub fn device(&self) -> &Device {
        &self.devices[0].1
    }

    /// The names of all of them, as they are written on the command line.
    pub fn device_names(&self) -> String {
        let names: Vec<&str> = self.devices.iter().map(|(name, _)| name.as_str()).collect();
        names.join(",")
    }

    /// Whether a checkpoint is one of those that are averaged.
    pub(crate) fn is_regular(&self, update: u64, last: u64) -> bool {
        update.is_multiple_of(self.train.checkpoint_every) || update == last
    }

    /// The checkpoints that make the average of a run whose last update is `last`, oldest first.
    pub fn averaged(&self, checkpoints: &[Checkpoint], last: u64) -> Vec<Checkpoint> {
        let regular = checkpoints
            .iter()
            .filter(|c| c.update <= last && self.is_regular(c.update, last));
        let regular: Vec<Checkpoint> = regular.cloned().collect();
        regular[regular.len().saturating_sub(self.train.average)..].to_vec()
    }

    /// The updates whose checkpoints a run keeps where it stands: the newest, the best, and those that an average may need.
    pub(crate) fn kept(&self, checkpoints: &[Checkpoint], state: &TrainState) -> Vec<u64> {
        let update = state.update;
        // Later ones are damaged, or the run would not stand here.
        let until = checkpoints.partition_point(|checkpoint| checkpoint.update <= update);
        let newest = &checkpoints[until.saturating_sub(self.train.keep_checkpoints)..until];
        let mut kept: Vec<u64> = newest.iter().map(|checkpoint| checkpoint.update).collect();
        kept.extend(state.best.map(|best| best.update));
        if self.train.weights == FinalWeights::Average {
            kept.extend(
                self.averaged(checkpoints, update)
                    .iter()
                    .map(|checkpoint| checkpoint.update),
            );
        }
        kept
    }
}
