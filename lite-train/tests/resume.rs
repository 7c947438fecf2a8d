//! A run that is killed at any moment and started again ends with the same weights, bit for bit.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::Experiment;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// A checkpoint after every update: kills are to hit writes too. Enough updates that a fast machine is not through
/// before it was killed often enough.
const OFTEN: [&str; 4] = ["--set", "train.checkpoint_every=1", "--set", "train.updates=80"];

fn folders(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect()
}

/// The update of the newest checkpoint; 0 where there is none.
fn newest(checkpoints: &Path) -> u64 {
    newest_but(checkpoints, u64::MAX)
}

/// The same, one left out.
fn newest_but(checkpoints: &Path, update: u64) -> u64 {
    let updates = folders(checkpoints).into_iter();
    updates
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
        .filter(|&found| found != update)
        .max()
        .unwrap_or(0)
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

/// Kills the program after a while, or as soon as `until` says so. Says whether it was still running.
fn kill(experiment: &Experiment, arguments: &[&str], mut until: impl FnMut(Duration) -> bool) -> bool {
    let mut command = experiment.command("killed", arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the program failed by itself: {status}");
            return false;
        }
        if until(began.elapsed()) {
            // SIGKILL: the program has no say in it.
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn killed_run_equals_whole_run(experiment: &Experiment, device: &str, arch: &str, more: &[&str], seed: u64) {
    let arguments = [&["--arch", arch, "--device", device], &OFTEN[..], more].concat();
    experiment.train("whole", &arguments);
    let checkpoints = experiment.run_folder("killed", arch).join("checkpoints");

    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // At random moments, before the first checkpoint and later: counted in checkpoints, so that the speed of the machine
    // makes no difference, and then by some milliseconds more.
    for _ in 0..4 {
        let goal = newest(&checkpoints) + random.random_range(0..8);
        let pause = Duration::from_millis(random.random_range(0..20));
        let mut reached = None;
        let was_running = kill(experiment, &arguments, |elapsed| {
            if reached.is_none() && (newest(&checkpoints) >= goal || elapsed.as_secs() > 30) {
                reached = Some(elapsed);
            }
            reached.is_some_and(|reached| elapsed >= reached + pause)
        });
        assert!(was_running, "the program was done before it was killed");
    }
    // Inside a checkpoint's write: once it is seen that a write has begun. It may end before the kill arrives.
    let mut hits = 0;
    for _ in 0..20 {
        let mut begun = false;
        if !kill(experiment, &arguments, |_| {
            std::mem::replace(&mut begun, folders(&checkpoints).iter().any(|path| is_part(path)))
        }) {
            break;
        }
        if folders(&checkpoints).iter().any(|path| is_part(path)) {
            hits += 1;
            break;
        }
    }
    assert!(hits > 0, "no kill hit the write of a checkpoint");
    experiment.train("killed", &arguments);
    let read = |runs: &str, file: &str| fs::read(experiment.run_folder(runs, arch).join(file)).unwrap();
    for file in [
        "model.safetensors",
        "hypotheses.txt",
        "checkpoints/00000080/optimiser.safetensors",
    ] {
        assert!(read("whole", file) == read("killed", file), "{file} differs");
    }
    // And tells the same of it, but for the time that it took.
    let told = |runs: &str| {
        let (found, _) = experiment.train(runs, &[&arguments[..], &["--json"]].concat());
        let found: Value = serde_json::from_str(&found).unwrap();
        let mut record = found["runs"][0].clone();
        for point in record["curve"].as_array_mut().expect("a curve") {
            point["seconds"] = Value::Null;
        }
        let state: Value = serde_json::from_slice(&read(runs, "checkpoints/00000080/state.json")).unwrap();
        let keys = ["curve", "target_tokens", "scores", "updates", "status"];
        (
            keys.map(|key| record[key].clone()),
            state["best"].clone(),
            state["patience"].clone(),
        )
    };
    assert_eq!(told("whole"), told("killed"));
    let leftovers = folders(&checkpoints).iter().filter(|path| is_part(path)).count();
    assert_eq!(leftovers, 0);
}

#[test]
fn lite_on_flex() {
    killed_run_equals_whole_run(&Experiment::new(), "flex", "lite", &[], 1);
}

#[test]
fn transformer_on_ndarray() {
    killed_run_equals_whole_run(&Experiment::new(), "ndarray", "transformer", &[], 2);
}

#[test]
fn language_model_on_flex() {
    killed_run_equals_whole_run(&Experiment::of_text(), "flex", "lite", &[], 3);
}

#[test]
fn with_bpe_dropout() {
    let more = [
        "data.tokeniser.kind=sentencepiece",
        "data.tokeniser.vocabulary_size=60",
        "train.bpe_dropout=0.3",
        // Validations between checkpoints, so that a kill may come behind either.
        "train.checkpoint_every=3",
        "train.validate_every=4",
    ];
    let more: Vec<&str> = more.into_iter().flat_map(|setting| ["--set", setting]).collect();
    killed_run_equals_whole_run(&Experiment::new(), "flex", "transformer", &more, 4);
}

#[test]
fn an_altered_checkpoint_is_named_and_the_one_before_is_used() {
    let experiment = Experiment::new();
    let arguments = ["--arch", "lite"];
    experiment.train("whole", &arguments);
    let folder = experiment.run_folder("whole", "lite");
    let model = fs::read(folder.join("model.safetensors")).unwrap();
    let last = folder.join("checkpoints/00000024/optimiser.safetensors");
    let mut bytes = fs::read(&last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&last, bytes).unwrap();
    let (_, stderr) = experiment.train("whole", &arguments);
    assert!(
        stderr.contains("00000024/optimiser.safetensors` was altered: sha256 "),
        "{stderr}"
    );
    assert!(
        stderr.contains("an older checkpoint is used\nresuming after update 21"),
        "{stderr}"
    );
    assert!(fs::read(folder.join("model.safetensors")).unwrap() == model);
}

#[test]
fn damaged_checkpoints_take_no_place_of_good_ones() {
    let experiment = Experiment::new();
    let settings = [
        "train.updates=80",
        "train.validate_every=80",
        "train.keep_checkpoints=1",
        "train.weights=last",
    ];
    let settings = settings.into_iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["--arch", "lite"].into_iter().chain(settings).collect();
    experiment.train("killed", &[&arguments[..], &["--time-budget", "0s"]].concat());
    // As if it had once been further, and what was written there were lost.
    let checkpoints = experiment.run_folder("killed", "lite").join("checkpoints");
    fs::create_dir(checkpoints.join("00000080")).unwrap();
    fs::write(checkpoints.join("00000080/manifest.json"), "damaged").unwrap();
    assert!(kill(&experiment, &arguments, |_| newest_but(&checkpoints, 80) >= 6));
    let (_, said) = experiment.train("killed", &arguments);
    assert!(said.contains("resuming after update "), "{said}");
    experiment.train("whole", &arguments);
    let model = |runs| fs::read(experiment.run_folder(runs, "lite").join("model.safetensors")).unwrap();
    assert!(model("killed") == model("whole"));
}

/// A limit on the size of files stands in for a full disk: writing fails in the middle of the optimiser's state.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    let experiment = Experiment::new();
    let arguments = ["--arch", "lite"];
    experiment.train("whole", &arguments);
    experiment.train("runs", &["--arch", "lite", "--time-budget", "0s"]);
    let folder = experiment.run_folder("runs", "lite");
    let size = |file: &str| {
        fs::metadata(folder.join("checkpoints/00000001").join(file))
            .unwrap()
            .len()
    };
    assert!(size("model.safetensors") + 1024 < size("optimiser.safetensors"));

    let command = experiment.command("runs", &arguments);
    let limit = (size("model.safetensors") + size("optimiser.safetensors")) / 2 / 512;
    let limited = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\""])
        .arg(limit.to_string())
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(experiment.path())
        .output()
        .unwrap();
    let error = String::from_utf8(limited.stderr).unwrap();
    assert_eq!(limited.status.code(), Some(1), "{error}");
    assert!(
        error.contains("the checkpoint after update 3 could not be written; older ones are kept"),
        "{error}"
    );
    assert_eq!(
        folders(&folder.join("checkpoints")),
        [folder.join("checkpoints/00000001")]
    );

    experiment.train("runs", &arguments);
    let model = |runs| fs::read(experiment.run_folder(runs, "lite").join("model.safetensors")).unwrap();
    assert!(model("runs") == model("whole"));
}

#[test]
fn the_number_of_threads_changes_no_weight() {
    let experiment = Experiment::new();
    let weights = |n_threads: &str| {
        // Some four batches an update.
        let arguments = ["--arch", "lite", "--tokens-per-batch", "80"];
        let mut command = experiment.command(n_threads, &arguments);
        let output = command.env("RAYON_NUM_THREADS", n_threads).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read(experiment.run_folder(n_threads, "lite").join("model.safetensors")).unwrap()
    };
    let alone = weights("1");
    for n_threads in ["2", "5"] {
        assert!(weights(n_threads) == alone, "{n_threads} threads");
    }
}
