//! The training split, update by update.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use lite_data::{BatchConfig, BpeDropout, PairStore, Rows, Update, UpdatePlan, updates};

use crate::run::Run;

/// What a run learns from. An update is a pure function of (seed, epoch, place in the epoch).
#[derive(Debug)]
pub struct Feed<'a> {
    store: &'a PairStore,
    rows: Rows<'a>,
    config: BatchConfig,
    dropout: Option<BpeDropout>,
    seed: u64,
}

impl<'a> Feed<'a> {
    /// Of a run that learns from `rows` of its training split. An error if the tokeniser can do no BPE-dropout.
    pub fn new(run: &Run<'a>, rows: Rows<'a>) -> anyhow::Result<Self> {
        let config = BatchConfig {
            tokens_per_update: run.train.tokens_per_update,
            tokens_per_group: run.train.tokens_per_group,
            tokens_per_batch: run.tokens_per_batch,
            max_source: run.model.max_source_positions,
            max_target: run.model.max_target_positions,
        };
        let probability = run.train.bpe_dropout;
        let dropout = (probability > 0.0).then(|| BpeDropout::new(run.prepared, probability, &config, run.seed));
        Ok(Feed {
            store: &run.prepared.train,
            rows,
            config,
            dropout: dropout.transpose().context("train.bpe_dropout")?,
            seed: run.seed,
        })
    }

    /// The updates of an epoch, one or more.
    pub fn plans(&self, epoch: u64) -> anyhow::Result<Vec<UpdatePlan>> {
        let plans = updates(self.rows, &self.config, self.seed, epoch);
        ensure!(
            !plans.is_empty(),
            "the training set has no sentence pair that the model has positions for"
        );
        Ok(plans)
    }

    /// Reads an update of that epoch.
    pub fn load(&self, plan: &UpdatePlan, epoch: u64) -> Update {
        match &self.dropout {
            Some(dropout) => plan.load_drawn(self.store, &dropout.epoch(epoch), self.config.tokens_per_batch),
            None => plan.load(self.rows),
        }
    }
}

/// What went into choosing and reading batches: since the last line of the log, and since this program began.
#[derive(Debug, Default)]
pub(crate) struct Loading {
    line: Duration,
    pub all: Duration,
}

impl Loading {
    pub fn add(&mut self, began: Instant) {
        let took = began.elapsed();
        self.line += took;
        self.all += took;
    }

    pub fn end_line(&mut self) -> Duration {
        std::mem::take(&mut self.line)
    }
}
