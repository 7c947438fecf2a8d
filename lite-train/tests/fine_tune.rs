//! Training on with weights that are held or tied, as `lite-eval compress --fine-tune` asks for it.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::Experiment;
use lite_eval::compress::tune::{Request, TuneFolder};
use lite_eval::compress::weights::{CodeSettings, Weights};
use lite_model::compress::Start;
use lite_model::weights::{self, NamedTensor};

/// What becomes of `weights` in a few updates.
fn tuned(experiment: &Experiment, run: &Path, weights: &[NamedTensor], codes: &[NamedTensor]) -> Vec<NamedTensor> {
    let folder = TuneFolder(experiment.path().join("tune"));
    fs::create_dir_all(&folder.0).unwrap();
    let request = Request {
        run: run.to_path_buf(),
        updates: 4,
        rate: 0.5,
    };
    fs::write(folder.request(), serde_json::to_vec(&request).unwrap()).unwrap();
    weights::write(weights, &folder.weights()).unwrap();
    weights::write(codes, &folder.codes()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lite-train"))
        .current_dir(experiment.path())
        .args(["--offline", "--fine-tune", "tune"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut tensors, _) = weights::read_all(&folder.tuned()).unwrap();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    tensors
}

#[test]
fn held_weights_stay_zero_and_those_of_one_code_stay_equal() {
    let experiment = Experiment::new();
    experiment.train("runs", &["--arch", "lite", "--set", "train.updates=6"]);
    let run = experiment.run_folder("runs", "lite");
    let weights = Weights::read(&run.join("model.safetensors")).unwrap().pruned(0.6);
    assert!(weights.sparsity() > 0.2);

    let (before, masks) = (weights.tensors(), weights.masks());
    let after = tuned(&experiment, &run, &before, &masks);
    assert_eq!(after.len(), before.len());
    let (mut n_moved, mut n_held) = (0, 0);
    for (((name, _, before), (_, _, mask)), (_, _, after)) in before.iter().zip(&masks).zip(&after) {
        let is_pruned = mask.contains(&0.0);
        for ((before, mask), after) in before.iter().zip(mask).zip(after) {
            assert_eq!(*mask == 0.0, is_pruned && *before == 0.0, "{name}");
            assert!(*mask != 0.0 || *after == 0.0, "{name} was held");
            n_moved += usize::from(before != after);
            n_held += usize::from(*mask == 0.0);
        }
    }
    assert!(n_moved > 1000 && n_held > 1000, "{n_moved} {n_held}");

    let settings = CodeSettings {
        bits: 3,
        embedding_bits: 3,
        start: Start::Linear,
    };
    let coded = weights.coded(settings, true);
    let (before, codes) = (coded.tensors(), coded.codes());
    let after = tuned(&experiment, &run, &before, &codes);
    let (mut n_moved, mut n_tied, mut n_zeros) = (0, 0, 0);
    for (((name, _, before), (_, _, codes)), (_, _, after)) in before.iter().zip(&codes).zip(&after) {
        let mut values = HashMap::new();
        for ((before, code), after) in before.iter().zip(codes).zip(after) {
            n_moved += usize::from(before != after);
            n_zeros += usize::from(*code == 0.0);
            if *code != -1.0 {
                n_tied += 1;
                let value = *values.entry(*code as i32).or_insert(*after);
                assert_eq!(value, *after, "{name}, code {code}");
            }
        }
        if let Some(zero) = values.get(&0) {
            assert_eq!(*zero, 0.0, "{name}");
        }
    }
    assert!(
        n_moved > 1000 && n_tied > 10_000 && n_zeros > 1000,
        "{n_moved} {n_tied} {n_zeros}"
    );
}
