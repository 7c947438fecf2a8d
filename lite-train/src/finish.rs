//! From a trained run to its record: the final weights, the test set decoded and scored.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use experiments::{
    Hypotheses, ParameterCounts, Record, RunDefinition, Score, Status, part_path, publish_file, write_atomically,
};
use lite_eval::metrics::score;
use lite_model::cost::{self, PAPER_LENGTH};
use lite_model::{Seq2Seq, weights};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::config::FinalWeights;
use crate::state::TrainState;
use crate::trainer::{Ending, Run};
use crate::update::materialised;
use crate::validate::{lines, sources};

/// What `scores.json` of a run folder holds.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Scores {
    /// Updates that were done when the test set was scored.
    pub update: u64,
    /// Scores of the test set, the main one first.
    pub scores: Vec<Score>,
    /// The record that was written.
    pub record: PathBuf,
}

/// The record of a run that was finished before, if nothing was trained since.
pub fn finished(run: &Run<'_>, state: &TrainState, ending: Ending) -> Option<Record> {
    let scores: Scores = serde_json::from_slice(&fs::read(run.folder.scores()).ok()?).ok()?;
    let record = Record::read(&scores.record).ok()?;
    (scores.update == state.update && record.status == status(ending)).then_some(record)
}

/// Takes the final weights, decodes and scores the test set, and writes everything down.
pub fn finish(
    run: &Run<'_>,
    definition: &RunDefinition,
    state: &TrainState,
    ending: Ending,
    results: &Path,
    progress: &mut dyn FnMut(usize),
) -> anyhow::Result<Record> {
    take_weights(run, state)?;
    let model = load(run)?;
    let references = run.prepared.references("test")?;
    let sources = sources(&run.prepared.test, references.len(), &run.model);
    let hypotheses = lines(
        &model,
        &run.model,
        &sources,
        &run.decode,
        run.prepared,
        &run.device,
        progress,
    );
    let settings = run.decode.metric_settings();
    let scores = run
        .decode
        .metrics
        .iter()
        .map(|&metric| score(metric, &hypotheses, &references, &settings));
    let scores: Vec<Score> = scores.collect::<Result<_, _>>()?;

    let path = run.folder.hypotheses();
    let text: String = hypotheses.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    let written = write_atomically(&path, |file| std::io::Write::write_all(file, text.as_bytes()));
    written.with_context(|| format!("`{}`", path.display()))?;
    let mut record = record(run, definition, state, ending, scores.clone());
    let record_path = record.write(results, &hypotheses)?;
    let scores = Scores {
        update: state.update,
        scores,
        record: fs::canonicalize(&record_path)?,
    };
    let path = run.folder.scores();
    write_atomically(&path, |file| Ok(serde_json::to_writer_pretty(file, &scores)?))
        .with_context(|| format!("`{}`", path.display()))?;
    Ok(record)
}

/// Makes `model.safetensors` of what the definition says a run ends with.
fn take_weights(run: &Run<'_>, state: &TrainState) -> anyhow::Result<()> {
    let checkpoints = Checkpoints::open(&run.folder)?;
    let last = state.update;
    let chosen = match run.train.weights {
        FinalWeights::Last => vec![checkpoints.get(last)],
        FinalWeights::Best => vec![checkpoints.get(state.best.map_or(last, |best| best.update))],
        FinalWeights::Average => run.averaged(&checkpoints.list()?, last),
    };
    for checkpoint in &chosen {
        checkpoint.verify()?;
    }
    let models: Vec<PathBuf> = chosen.iter().map(Checkpoint::model).collect();
    let models: Vec<&Path> = models.iter().map(PathBuf::as_path).collect();
    let path = run.folder.model();
    let part = part_path(&path);
    match models.as_slice() {
        [model] => drop(fs::copy(model, &part).with_context(|| format!("`{}`", part.display()))?),
        models => weights::average(models, &part)?,
    }
    publish_file(&part, &path).with_context(|| format!("`{}`", path.display()))
}

fn load(run: &Run<'_>) -> anyhow::Result<Seq2Seq> {
    let model = materialised(run.model.init(run.sizes(), &run.device)?);
    Ok(weights::load(model, &run.folder.model())?)
}

fn status(ending: Ending) -> Status {
    match ending {
        Ending::Done | Ending::Stopped => Status::Finished,
        Ending::TimeBudget => Status::TimeBudget,
    }
}

fn record(run: &Run<'_>, definition: &RunDefinition, state: &TrainState, ending: Ending, scores: Vec<Score>) -> Record {
    let parameters = cost::parameters(&run.model, run.sizes());
    Record {
        experiment: definition.experiment.clone(),
        arch: definition.arch.clone(),
        date: experiments::now(),
        commit: experiments::commit(),
        version: env!("CARGO_PKG_VERSION").into(),
        status: status(ending),
        definition: definition.definition.clone(),
        definition_hash: definition.definition_hash.clone(),
        overrides: definition.overrides.clone(),
        seed: definition.seed,
        device: run.device_name.clone(),
        machine: experiments::machine(),
        updates: state.update,
        target_tokens: state.target_tokens,
        train_seconds: state.seconds,
        parameters: ParameterCounts {
            total: parameters.total as u64,
            embedding: parameters.embedding as u64,
            counted_as_paper: parameters.counted as u64,
        },
        mult_adds: cost::mult_adds(&run.model, PAPER_LENGTH, PAPER_LENGTH),
        data_hash: run.prepared.hash.clone(),
        curve: state.curve.clone(),
        scores,
        hypotheses: Hypotheses::default(),
    }
}
