//! A run as one file: what it translates, what it weighs, and what is refused.

#[path = "../common/mod.rs"]
mod common;
mod refusals;
#[path = "../common/untrained.rs"]
mod untrained;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{floats, program, stderr, stdout};
use experiments::{CompressionRecord, RunDefinition, Score};
use lite_eval::lite_file::LiteFile;
use lite_eval::run::{Run, seal_weights};
use lite_model::compress::Values;
use lite_model::weights;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use untrained::untrained;

const LITE: &str =
    "architecture = \"lite\"\nd_model = 32\nd_ff = 48\nencoder_layers = 2\ndecoder_layers = 2\nn_heads = 4";
const EVOLVED: &str =
    "architecture = \"evolved\"\nd_model = 32\nd_ff = 48\nencoder_layers = 1\ndecoder_layers = 1\nn_heads = 4";

/// A run with random weights over a corpus of a few words, which stands beside it.
fn run(arch: &str) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let corpus = root.path().join("corpus.txt");
    let words = ["le", "chat", "noir", "dort", "bien", "ici", "et", "encore"];
    let line = |i: usize| {
        (0..=i % 5)
            .map(|j| words[(i * 3 + j * j) % 8])
            .collect::<Vec<_>>()
            .join(" ")
    };
    fs::write(&corpus, (0..12).map(|i| line(i) + "\n").collect::<String>()).unwrap();
    let corpus = corpus.to_str().unwrap();
    let mut toml = format!(
        "title = \"tiny\"\n[data]\nsource_language = \"fr\"\ntarget_language = \"en\"\ntokeniser = {{ kind = \"words\" }}\n\
         [decode]\nmax_length_b = 6\n[arch.tiny]\n{arch}\n"
    );
    for split in ["train", "valid", "test"] {
        toml += &format!("\n[data.files.{split}]\nsource = {corpus:?}\ntarget = {corpus:?}\n");
    }
    let folder = untrained(root.path(), &toml, "tiny", &[]);
    (root, folder)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn compressed(root: &TempDir, run: &Path, arguments: &[&str]) -> PathBuf {
    let out = root.path().join("model.lite");
    let mut command = program(&["compress", "--run", path(run), "--out", path(&out)]);
    command.args(["--data", path(&root.path().join("data")), "--offline"]);
    command.args(["--results", path(&root.path().join("results"))]);
    command.args(arguments).assert().code(0);
    out
}

const LINES: &str = "le chat noir\nici\n\nbien et encore le chat\n";

fn translated(flag: &str, model: &Path) -> String {
    translated_in("f32", flag, model)
}

fn translated_in(precision: &str, flag: &str, model: &Path) -> String {
    let mut command = program(&["translate", flag, path(model), "--json", "--precision", precision]);
    stdout(&command.write_stdin(LINES).assert().code(0))
}

#[test]
fn a_file_has_the_weights_that_its_codes_stand_for_and_translates_with_them() {
    for arch in [LITE, EVOLVED] {
        let (root, folder) = run(arch);
        let out = compressed(&root, &folder, &["--sparsity", "0.4", "--no-scores"]);
        let file = LiteFile::open(&out).unwrap();
        let original = floats(&folder.join("model.safetensors"));
        assert_eq!(file.tensors().len(), original.len());
        let (mut n_zeros, mut n_pruned) = (0, 0);
        let mut as_floats = Vec::new();
        for tensor in file.tensors() {
            let (shape, weights) = &original[&tensor.name];
            assert_eq!(&tensor.shape, shape);
            let values = tensor.values().unwrap();
            let is_coded = matches!(values, Values::Codes { .. });
            let is_pruned = shape.len() == 2 && !tensor.name.contains("embed");
            let values = values.into_floats();
            let largest = weights.iter().fold(0f32, |largest, x| largest.max(x.abs()));
            for (value, weight) in values.iter().zip(weights) {
                let is_zero = is_pruned && *value == 0.0;
                // A half-precision number, or a step of 255 from end to end of which k-means may leave half.
                let tolerance = if is_coded { largest / 100.0 } else { largest / 1000.0 };
                assert!(is_zero || (value - weight).abs() <= tolerance, "{}", tensor.name);
                n_zeros += usize::from(is_zero);
            }
            n_pruned += if is_pruned { values.len() } else { 0 };
            as_floats.push((tensor.name.clone(), tensor.shape.clone(), values));
        }
        let share = n_zeros as f64 / n_pruned as f64;
        assert!((share - 0.4).abs() < 0.03, "{share}");

        // Made again, it has the same bytes.
        let bytes = fs::read(&out).unwrap();
        assert!(fs::read(compressed(&root, &folder, &["--sparsity", "0.4", "--no-scores"])).unwrap() == bytes);
        // The same weights in a run folder.
        weights::write(&as_floats, &folder.join("model.safetensors")).unwrap();
        seal_weights(&folder.join("model.safetensors")).unwrap();
        assert_eq!(translated("--model", &out), translated("--run", &folder));
        // A file is computed in integers unless told otherwise.
        let mut command = program(&["translate", "--model", path(&out), "--json"]);
        let by_default = stdout(&command.write_stdin(LINES).assert().code(0));
        assert_eq!(by_default, translated_in("int8", "--run", &folder));
        assert_ne!(by_default, translated("--run", &folder));
    }
}

#[test]
fn steps_are_recorded_with_sizes_that_add_up() {
    let (root, folder) = run(LITE);
    let out = compressed(&root, &folder, &["--tolerance", "100"]);
    let records = CompressionRecord::read_all(&root.path().join("results")).unwrap();
    let [(_, record)] = &records[..] else {
        panic!("{records:?}")
    };
    let names: Vec<&str> = record.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "float32",
            "8 bits",
            "8 bits + pruning",
            "8 bits + pruning + entropy coding"
        ]
    );
    for step in &record.steps {
        let sum: u64 = step.parts.iter().map(|part| part.bytes).sum();
        assert_eq!(sum, step.size.file_bytes, "{}", step.name);
        assert_eq!(step.scores[0].name, "sacreBLEU");
        assert!(step.scores[0].confidence.is_some());
    }
    assert_eq!(
        record.steps[0].size.counted_bytes,
        4 * record.parameters.counted_as_paper
    );
    assert!(record.steps[..3].is_sorted_by(|a, b| a.size.counted_bytes > b.size.counted_bytes));
    let [.., pruned, last] = &record.steps[..] else {
        unreachable!()
    };
    assert_eq!(pruned.scores, last.scores);
    let names = |scores: &[Score]| scores.iter().map(|score| score.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&record.int8_scores), names(&last.scores));
    assert_eq!(last.size.file_bytes, fs::metadata(&out).unwrap().len());
    // With such a tolerance the scan goes to its end.
    assert_eq!((record.scan.len(), record.settings.sensitivity), (21, 2.0));
    assert!(record.scan.is_sorted_by(|a, b| a.sparsity <= b.sparsity));
    // transformer base: 44.1M weights of four bytes.
    let base = record.baseline.unwrap();
    assert_eq!(base.counted_bytes / 1_000_000, 176);

    // Scored again from the file: as it is computed by default, and in floats.
    for (arguments, precision, expected) in [
        (&[] as &[&str], "int8", &record.int8_scores),
        (&["--precision", "f32"], "f32", &last.scores),
    ] {
        let mut command = program(&["evaluate", "--model", path(&out), "--json", "--offline"]);
        command
            .args(["--data", path(&root.path().join("data"))])
            .args(arguments);
        let found: Json = serde_json::from_str(&stdout(&command.assert().code(0))).unwrap();
        assert_eq!(found["precision"], precision);
        assert_eq!(found["scores"][0]["value"].as_f64().unwrap(), expected[0].value);
    }
    assert!(!folder.join("scores.json").exists());
}

/// Parameters of transformer base (Vaswani et al. 2017) beside its table of words.
fn transformer_base() -> u64 {
    let linear = |from: u64, to: u64| (from + 1) * to;
    let attention = 4 * linear(512, 512);
    let feed_forward = linear(512, 2048) + linear(2048, 512);
    let norm = 2 * 512;
    let encoder_layer = attention + feed_forward + 2 * norm;
    let decoder_layer = 2 * attention + feed_forward + 3 * norm;
    6 * (encoder_layer + decoder_layer)
}

#[test]
fn sizes_are_those_of_the_weights() {
    let (root, folder) = run(LITE);
    let out = root.path().join("model.lite");
    let mut command = program(&["compress", "--sparsity", "0", "--no-scores", "--json"]);
    command.arg("--run").arg(&folder).arg("--out").arg(&out);
    let record: CompressionRecord = serde_json::from_str(&stdout(&command.assert().code(0))).unwrap();
    let [float32, codes, _] = &record.steps[..] else {
        panic!("{:?}", record.steps)
    };
    let (mut n_embedded, mut n_coded, mut n_halves) = (0, 0, 0);
    for tensor in LiteFile::open(&out).unwrap().tensors() {
        let n = tensor.shape.iter().product::<usize>() as u64;
        match tensor.values().unwrap() {
            _ if tensor.name.contains(".embed_tokens.") => n_embedded += n,
            Values::Codes { .. } => n_coded += n,
            Values::Floats(_) => n_halves += n,
        }
    }
    assert!(n_coded > 0 && n_halves > 0, "{n_coded} {n_halves}");
    // The paper counts weights without embeddings and codebooks: floats of 4 bytes, then codes of one where they save
    // something, and halves of two.
    let n_counted = n_coded + n_halves;
    assert_eq!(float32.size.counted_bytes, 4 * n_counted);
    assert_eq!(codes.size.counted_bytes, n_coded + 2 * n_halves);
    // What the ratios are to: floats of transformer base, its table with as many words of 512 channels instead of 32, and in
    // its file what ours has beside weights.
    let base = record.baseline.unwrap();
    let n_embedded_in_base = n_embedded / 32 * 512;
    let beside_weights = float32.size.file_bytes - 4 * (n_counted + n_embedded);
    assert_eq!(base.counted_bytes, 4 * transformer_base());
    assert_eq!(
        base.file_bytes,
        4 * (transformer_base() + n_embedded_in_base) + beside_weights
    );
}

#[test]
fn exported_safetensors_come_back() {
    for arch in [LITE, EVOLVED] {
        let (root, folder) = run(arch);
        let file = compressed(&root, &folder, &["--sparsity", "0", "--bits", "5", "--no-scores"]);
        for (i, (flag, model)) in [("--run", &folder), ("--model", &file)].into_iter().enumerate() {
            let [exported, again] = ["exported", "again"].map(|name| root.path().join(format!("{name}-{i}")));
            program(&["export", flag, path(model), "--format", "safetensors"])
                .args(["--out", path(&exported)])
                .assert()
                .code(0);
            program(&["import", "--safetensors", path(&exported), "--out", path(&again)])
                .assert()
                .code(0);
            assert_eq!(translated("--run", &again), translated(flag, model));
            let lines = fs::read_to_string(exported.join("dict.fr.txt"))
                .unwrap()
                .lines()
                .count();
            assert_eq!(lines + 4, Run::describe(&folder).unwrap().text.source.len());
        }
    }
    let (root, folder) = run(LITE);
    let out = root.path().join("ct2");
    let refused = program(&["export", "--run", path(&folder), "--format", "ctranslate2"])
        .args(["--out", path(&out)])
        .assert()
        .code(1);
    assert_eq!(
        stderr(&refused),
        "error: `architecture`: found lite, which CTranslate2 does not have; expected transformer\n"
    );
    assert!(!out.exists());
}

#[test]
fn an_exported_model_is_held_to_what_a_run_may_be() {
    let (root, folder) = run(LITE);
    let [exported, again] = ["exported", "again"].map(|name| root.path().join(name));
    program(&["export", "--run", path(&folder), "--format", "safetensors"])
        .args(["--out", path(&exported)])
        .assert()
        .code(0);
    let config = exported.join("config.json");
    let definition = RunDefinition::read(&config).unwrap();
    for (section, changes, expected) in [
        (
            "decode",
            json!({ "beam": 1u64 << 40 }),
            "config.json`: decode.beam: found 1099511627776, expected 1024 or less\n",
        ),
        (
            "data",
            json!({ "long_sources": "cut", "max_source_tokens": 1 }),
            "[data]: max_source_tokens: found 1, expected 2 or more, since long sources are cut to it\n",
        ),
    ] {
        let mut table = definition.definition.clone();
        let changes = changes.as_object().unwrap().clone();
        table[section].as_object_mut().unwrap().extend(changes);
        RunDefinition::resolved("tiny", "tiny", table).write(&config).unwrap();
        let mut command = program(&["import", "--safetensors", path(&exported), "--out", path(&again)]);
        let message = stderr(&command.assert().code(1));
        assert!(message.contains(expected) && !again.exists(), "{message}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let (root, folder) = run(LITE);
    let out = root.path().join("model.lite");
    let mut child = Command::new(env!("CARGO_BIN_EXE_lite-eval"))
        .args(["compress", "--sparsity", "0", "--no-scores", "--run", path(&folder)])
        .args(["--out", path(&out)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_run_without_a_corpus_takes_a_given_value_only() {
    let (root, folder) = run(LITE);
    let definition: RunDefinition = RunDefinition::read(&folder.join("definition.json")).unwrap();
    let mut table = definition.definition.clone();
    table["data"].as_object_mut().unwrap().remove("files");
    RunDefinition::resolved("fairseq", "tiny", table)
        .write(&folder.join("definition.json"))
        .unwrap();
    let refused = |arguments: &[&str]| {
        let out = root.path().join("none.lite");
        let mut command = program(&["compress", "--run", path(&folder), "--out", path(&out)]);
        let message = stderr(&command.args(arguments).assert().code(1));
        assert!(!out.exists());
        message
    };
    assert_eq!(
        refused(&[]),
        "error: the run names no corpus, so no sensitivity can be found on its validation set\n\
         hint: say how much becomes zero: --sparsity 0.44 is the paper's, --sparsity 0 prunes nothing\n"
    );
    assert_eq!(
        refused(&["--sparsity", "0.4", "--fine-tune", "10"]),
        "error: --fine-tune: the run names no corpus to train on, as imported runs do not\n"
    );
    let out = compressed(&root, &folder, &["--sensitivity", "0.5"]);
    assert!(LiteFile::open(&out).is_ok());
    assert!(
        CompressionRecord::read_all(&root.path().join("results"))
            .unwrap()
            .is_empty()
    );
}
