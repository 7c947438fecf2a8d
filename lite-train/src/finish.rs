//! From a trained run to its record: the final weights, the test set decoded and scored, or its perplexity.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use experiments::{
    Hypotheses, ParameterCounts, Record, RunDefinition, RunFolder, Score, Status, part_path, publish_file,
    write_atomically,
};
use lite_data::Progress;
use lite_eval::run::seal_weights;
use lite_model::cost::{self, PAPER_LENGTH};
use lite_model::weights;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::config::FinalWeights;
use crate::run::{Ending, Run};
use crate::state::TrainState;
use crate::trainee::Trainee;
use crate::update::materialised;

/// `finished.json` of a run folder: what was scored, and where its record is.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Finished {
    update: u64,
    record: PathBuf,
}

/// The record of the run in a folder and its path, if it was finished and its record is still there.
pub fn record_of(folder: &RunFolder) -> Option<(PathBuf, Record)> {
    let finished: Finished = serde_json::from_slice(&fs::read(finished_path(folder)).ok()?).ok()?;
    let record = Record::read(&finished.record).ok()?;
    (record.updates == finished.update).then_some((finished.record, record))
}

/// The record of a run that was finished before and its path, if nothing was trained since.
pub fn finished(run: &Run<'_>, state: &TrainState, ending: Ending) -> Option<(PathBuf, Record)> {
    let (path, record) = record_of(&run.folder)?;
    let is_there = run.folder.model().is_file() && run.folder.hypotheses().is_file();
    let is_this = record.seed == run.seed && record.data_hash == run.prepared.hash;
    (is_there && is_this && record.updates == state.update && record.status == status(ending)).then_some((path, record))
}

/// Sees to it that the record at `path` is among those of `results`, where it may not have been written.
///
/// # Errors
///
/// Those of reading its translations and of writing.
pub fn keep_in(results: &Path, path: &Path, record: &Record) -> anyhow::Result<()> {
    let folder = results.join(&record.experiment).join(&record.arch);
    let is_this = |found: Record| {
        let of = |record: &Record| (record.seed, record.date.clone(), record.hypotheses.sha256.clone());
        of(&found) == of(record)
    };
    // Under whatever name: it may have been taken there.
    let mut names = fs::read_dir(&folder).into_iter().flatten().flatten();
    if !names.any(|entry| Record::read(&entry.path()).is_ok_and(is_this)) {
        record.clone().write(results, &record.read_hypotheses(path)?)?;
    }
    Ok(())
}

/// Takes the final weights, decodes and scores the test set, and writes everything down.
pub fn finish<M: Trainee>(
    run: &Run<'_>,
    definition: &RunDefinition,
    state: &TrainState,
    ending: Ending,
    results: &Path,
    progress: &dyn Progress,
) -> anyhow::Result<Record> {
    take_weights(run, state)?;
    let evaluation = load::<M>(run)?.evaluate(run, progress)?;
    evaluation.write(&run.folder)?;
    let mut record = record(run, definition, state, ending, evaluation.scores);
    let path = record.write(results, &evaluation.hypotheses)?;
    let finished = Finished {
        update: state.update,
        record: fs::canonicalize(&path)?,
    };
    let path = finished_path(&run.folder);
    write_atomically(&path, |file| Ok(serde_json::to_writer_pretty(file, &finished)?))
        .with_context(|| format!("`{}`", path.display()))?;
    Ok(record)
}

fn finished_path(folder: &RunFolder) -> PathBuf {
    folder.root().join("finished.json")
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
    publish_file(&part, &path).with_context(|| format!("`{}`", path.display()))?;
    Ok(seal_weights(&path)?)
}

fn load<M: Trainee>(run: &Run<'_>) -> anyhow::Result<M> {
    let model = materialised(M::init(&run.model, run.sizes(), run.device())?);
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
        commit: run.commit.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        status: status(ending),
        definition: definition.definition.clone(),
        definition_hash: definition.definition_hash.clone(),
        overrides: definition.overrides.clone(),
        seed: definition.seed,
        device: run.device_names(),
        machine: experiments::machine(),
        tokens_per_batch: Some(run.tokens_per_batch as u64),
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
