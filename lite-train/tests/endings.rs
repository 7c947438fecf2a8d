//! What a run ends with: which weights, and when it stops by itself.

mod common;

use std::fs;
use std::path::PathBuf;

use common::Experiment;
use lite_model::weights;
use serde_json::Value;

/// Trains `lite` with some settings. Returns its record and the folder.
fn trained(experiment: &Experiment, settings: &[&str]) -> (Value, PathBuf) {
    let settings = settings.iter().flat_map(|setting| ["--set", *setting]);
    let arguments: Vec<&str> = ["--arch", "lite", "--json"].into_iter().chain(settings).collect();
    let (found, _) = experiment.train("runs", &arguments);
    let found: Value = serde_json::from_str(&found).unwrap();
    (found["runs"][0].clone(), experiment.run_folder("runs", "lite"))
}

/// The numbers of a file of weights, tensor by tensor in the order of their names.
fn numbers(path: PathBuf) -> Vec<f32> {
    let (mut tensors, _) = weights::read_all(&path).unwrap();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    tensors.into_iter().flat_map(|(_, _, values)| values).collect()
}

/// Fewer checkpoints are kept than are averaged, and those of validations are no part of the average.
#[test]
fn the_average_is_of_the_last_regular_checkpoints() {
    let experiment = Experiment::new();
    let (_, folder) = trained(&experiment, &["train.keep_checkpoints=1", "train.validate_every=5"]);
    let parts = ["00000018", "00000021", "00000024"]
        .map(|name| numbers(folder.join("checkpoints").join(name).join("model.safetensors")));
    let average = numbers(folder.join("model.safetensors"));
    assert_eq!(average.len(), parts[0].len());
    for (i, found) in average.iter().enumerate() {
        let mean = parts.iter().map(|part| f64::from(part[i])).sum::<f64>() / 3.0;
        assert!(
            (f64::from(*found) - mean).abs() <= 1e-6 * mean.abs().max(1.0),
            "{found} {mean}"
        );
    }
    assert!(parts[0] != parts[2]);
}

/// The first update has a rate of nearly nothing, those that follow one that spoils every weight.
#[test]
fn the_best_weights_are_those_of_the_best_validation() {
    let experiment = Experiment::new();
    let (record, folder) = trained(
        &experiment,
        &[
            "train.weights=best",
            "train.updates=6",
            "train.validate_every=1",
            "train.keep_checkpoints=1",
            "train.schedule.warmup=6",
            "train.schedule.peak=10",
        ],
    );
    let losses = record["curve"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["valid_loss"].as_f64());
    let losses: Vec<f64> = losses.map(|loss| loss.unwrap_or(f64::INFINITY)).collect();
    assert_eq!(losses.len(), 6);
    assert!(losses[1..].iter().all(|loss| *loss > losses[0]), "{losses:?}");
    let read = |path: &str| fs::read(folder.join(path)).unwrap();
    assert!(read("model.safetensors") == read("checkpoints/00000001/model.safetensors"));
}

/// Nothing is learnt, so that no validation is better than the first.
#[test]
fn a_run_that_grows_no_better_ends_when_its_patience_does() {
    let experiment = Experiment::new();
    let (record, _) = trained(
        &experiment,
        &[
            "train.updates=60",
            "train.schedule.peak=0",
            "train.schedule.initial=0",
            "train.early_stopping.metric=loss",
            "train.early_stopping.patience=2",
        ],
    );
    assert_eq!(
        (&record["updates"], &record["status"]),
        (&24.into(), &"finished".into())
    );
}
