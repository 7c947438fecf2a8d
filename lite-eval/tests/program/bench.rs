//! What `lite-eval bench` prints and writes; its times are looked at by nobody here.

use std::fs;
use std::process::{Command, Stdio};

use super::{program, stderr, stdout};

#[test]
fn a_benchmark_prints_the_keys_of_its_peers() {
    let sizes = [
        "--d-model",
        "16",
        "--layers",
        "1",
        "--vocab",
        "40",
        "--batch",
        "2",
        "--steps",
        "2",
    ];
    for task in ["train", "greedy", "beam"] {
        let json = program(&["bench", task, "--json", "--threads", "1", "--tgt-len", "6"])
            .args(sizes)
            .assert()
            .code(0);
        let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
        assert_eq!(json["task"], task);
        for (key, expected) in [
            ("d_model", 16),
            ("d_ff", 16),
            ("layers", 1),
            ("heads", 4),
            ("vocab", 40),
            ("batch", 2),
            ("src_len", 32),
            ("tgt_len", 6),
            ("threads", 1),
        ] {
            assert_eq!(json[key], expected, "{task} {key}");
        }
        assert_eq!(json["seconds"].as_array().unwrap().len(), 2);
        let rate = 12.0 / json["median_seconds"].as_f64().unwrap();
        assert!(
            (json["tokens_per_second"].as_f64().unwrap() / rate - 1.0).abs() < 1e-6,
            "{task}"
        );
        assert!(json["peak_rss_mib"].as_f64().is_none_or(|mib| mib > 1.0), "{task}");
    }
}

#[test]
fn growth_is_written_with_its_figure() {
    let out = tempfile::tempdir().unwrap();
    let sizes = [
        "--values",
        "2,4",
        "--arch",
        "lite,evolved",
        "--d-model",
        "16",
        "--vocab",
        "40",
    ];
    let json = program(&[
        "bench",
        "scale",
        "--json",
        "--threads",
        "1",
        "--batch",
        "1",
        "--steps",
        "1",
        "--out",
    ])
    .arg(out.path())
    .args(sizes)
    .assert()
    .code(0);
    let printed: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    let written = fs::read_to_string(out.path().join("scale-greedy-length.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), printed);
    let points = printed["points"].as_array().unwrap();
    assert_eq!(points.len(), 4);
    for (point, (arch, length)) in points
        .iter()
        .zip([("lite", 2), ("evolved", 2), ("lite", 4), ("evolved", 4)])
    {
        assert_eq!(
            (point["arch"].as_str(), &point["found"]["tgt_len"]),
            (Some(arch), &length.into())
        );
    }
    assert!(out.path().join("scale-greedy-length.svg").exists());
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let sizes = [
        "--d-model",
        "16",
        "--vocab",
        "40",
        "--batch",
        "1",
        "--threads",
        "1",
        "--steps",
        "1",
    ];
    for arguments in [
        &["bench", "greedy", "--layers", "1"][..],
        &["bench", "pair", "--task", "greedy", "--rounds", "1", "--out", out],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
        command.args(arguments).args(sizes);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {message}");
    }
}

#[cfg(unix)]
#[test]
fn workloads_are_timed_beside_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let peer = folder.path().join("peer.sh");
    // It takes as many seconds as the model is wide.
    fs::write(
        &peer,
        "echo \"{\\\"median_seconds\\\": $1, \\\"peak_rss_mib\\\": 7.0, \\\"dtype\\\": \\\"$2\\\"}\"\n",
    )
    .unwrap();
    let pair = |beside: &str| {
        let mut command = program(&["bench", "pair", "--task", "greedy", "--arch", "lite,transformer"]);
        command.args(["--d-model", "16,32", "--vocab", "100", "--batch", "2", "--threads", "1"]);
        command.args(["--rounds", "2", "--steps", "1", "--name", "tiny", "--beside", beside]);
        command.args(["--out", folder.path().to_str().unwrap()]);
        command.assert()
    };
    let beside = format!("Peer=sh {} {{d_model}} {{dtype}}", peer.display());
    let table = stdout(&pair(&beside).code(0));
    assert!(!folder.path().join("tiny.json.part").exists());
    assert!(table.contains("Peer f32, s"), "{table}");
    let record = fs::read(folder.path().join("tiny.json")).unwrap();
    let pairs: lite_eval::bench::pair::Pairs = serde_json::from_slice(&record).unwrap();
    let models: Vec<(&str, usize)> = pairs.rows.iter().map(|row| (row.arch.as_str(), row.d_model)).collect();
    assert_eq!(
        models,
        [("lite", 16), ("lite", 32), ("transformer", 16), ("transformer", 32)]
    );
    for row in &pairs.rows {
        let [ours, other] = &row.programs[..] else {
            panic!("{row:?}")
        };
        assert_eq!((row.vocab, row.batch, row.threads), (100, 2, 1));
        assert_eq!((ours.seconds.len(), ours.peak_rss_mib.is_some()), (2, true));
        assert_eq!(other.seconds, [row.d_model as f64; 2]);
        assert!(row.gain().unwrap() > 1.0);
    }

    let wrong = stderr(&pair("Peer=sh peer.sh {width}").code(2));
    assert!(
        wrong.contains("`{width}` in the command is none of the workload's keys"),
        "{wrong}"
    );
    let silent = stderr(&pair("Peer=true").code(1));
    assert!(silent.contains("Peer: expected one JSON object"), "{silent}");
    let absent = stderr(&pair("Peer=no-such-program-here").code(1));
    assert!(absent.contains("Peer: `no-such-program-here`"), "{absent}");
}
