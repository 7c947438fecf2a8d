//! `lite-train --fine-tune DIR`: the part of `lite-eval compress --fine-tune` that trains.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use experiments::{RunDefinition, RunFolder};
use lite_data::{DataConfig, PrepareOptions, prepare, progress};
use lite_eval::compress::tune::{Request, TuneFolder};
use lite_eval::decode::DecodeConfig;
use lite_model::ModelConfig;
use lite_train::config::TrainConfig;
use lite_train::devices::check_precision;
use lite_train::fine_tune::fine_tune;
use lite_train::report::{Figures, Report};
use lite_train::run::{Run, default_tokens_per_batch, vocabulary_sizes};

use crate::claim::same_data;
use crate::cli::Args;

/// Trains on as the folder says.
pub fn run(folder: &Path, args: &Args) -> anyhow::Result<()> {
    let folder = TuneFolder(folder.to_path_buf());
    let path = folder.request();
    let place = || format!("`{}`", path.display());
    let request: Request = serde_json::from_slice(&fs::read(&path).with_context(place)?).with_context(place)?;
    let run_folder = RunFolder::open(&request.run)?;
    let definition = RunDefinition::read(&run_folder.definition())?;
    let train: TrainConfig = definition.section("train")?;
    train.validate()?;
    let data: DataConfig = definition.section("data")?;
    let decode: DecodeConfig = definition.section("decode")?;
    let model: ModelConfig = definition.section("arch")?;
    let options = PrepareOptions {
        data_root: args.data.clone(),
        mirror: args.mirror.clone(),
        offline: args.offline,
    };
    let prepared = prepare(&data, &options, &progress::Stderr::new())?;
    same_data(&run_folder, &definition, &prepared)?;
    model.validate(vocabulary_sizes(&prepared))?;
    let devices = args.places()?.open()?;
    check_precision(train.precision, &devices)?;
    let run = Run {
        tokens_per_batch: match args.tokens_per_batch {
            Some(tokens) => tokens as usize,
            None => default_tokens_per_batch(&train, &devices),
        },
        train,
        model,
        decode,
        prepared: &prepared,
        folder: run_folder,
        devices,
        commit: experiments::commit(),
        seed: definition.seed,
        time_budget: None,
    };
    let mut report = Report::new();
    let began = Instant::now();
    fine_tune(&run, &folder, &request, &mut |update, loss| {
        let seconds = began.elapsed().as_secs_f64();
        let left = seconds / update as f64 * (request.updates - update) as f64;
        report.show(Figures {
            update,
            updates: request.updates,
            loss,
            tokens_per_second: update as f64 * run.train.tokens_per_update as f64 / seconds.max(1e-9),
            left: Duration::from_secs_f64(left),
        });
    })?;
    report.finish();
    Ok(())
}
