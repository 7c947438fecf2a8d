//! Training: loss, optimiser, schedule, updates, checkpoints, and the loop that ends in a scored model.
//!
//! - [`config`]: the `[train]` table; [`schedule`] is the learning rate in it.
//! - [`loss`]: what is minimised: lite-model's label-smoothed loss, and the language model's made of it.
//! - [`optimiser`] and [`clip`]: fairseq's Adam and accelerated gradient, and clipping by the global norm; [`update`] is one step with them.
//! - [`devices`]: one or several that share the update.
//! - `serve`, with the feature `remote`: the devices of this machine for trainings elsewhere.
//! - [`run`]: what a run is made of.
//! - [`trainee`]: what is trained, translation models and language models.
//! - [`feed`]: the training split, update by update.
//! - [`trainer`]: the loop over updates, with [`validate`], [`checkpoint`], [`state`], [`log`] and [`report`].
//! - [`fine_tune`]: training on with weights that are tied or held, for compression.
//! - [`finish`]: the final weights, the test set decoded and scored, the record.

pub mod checkpoint;
pub mod clip;
pub mod config;
pub mod devices;
pub mod feed;
pub mod fine_tune;
pub mod finish;
pub mod log;
pub mod loss;
pub mod optimiser;
pub mod report;
pub mod run;
pub mod schedule;
#[cfg(feature = "remote")]
pub mod serve;
pub mod state;
pub mod trainee;
pub mod trainer;
pub mod update;
pub mod validate;
