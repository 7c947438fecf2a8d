//! Records come back as they were written, and what was changed by hand is refused.

use std::fs;
use std::path::{Path, PathBuf};

use experiments::{
    CurvePoint, Definition, Hypotheses, Interval, Machine, ParameterCounts, Record, RunDefinition, RunError, RunFolder,
    Score, Status,
};
use proptest::prelude::*;
use tempfile::TempDir;

fn record() -> Record {
    let definition = Definition::load("quick", &["train.updates=3".into()]).unwrap();
    let run = RunDefinition::new(&definition, "lite", 1).unwrap();
    Record {
        experiment: run.experiment,
        arch: run.arch,
        date: "2026-01-31T12:00:00Z".into(),
        commit: "0123456789".into(),
        version: "0.1.0".into(),
        status: Status::Finished,
        definition: run.definition,
        definition_hash: run.definition_hash,
        overrides: run.overrides,
        seed: run.seed,
        device: "flex".into(),
        machine: Machine {
            cpu: "a processor".into(),
            n_cores: 2,
            memory_bytes: 1 << 33,
            os: "an OS".into(),
        },
        tokens_per_batch: None,
        updates: 3,
        target_tokens: 6000,
        train_seconds: 1.25,
        parameters: ParameterCounts {
            total: 30,
            embedding: 10,
            counted_as_paper: 20,
        },
        mult_adds: 90_000_000,
        data_hash: "ab".into(),
        curve: vec![CurvePoint {
            update: 3,
            tokens: 6000,
            seconds: 1.25,
            train_loss: 7.1,
            valid_loss: 6.9,
            valid_perplexity: 0.1 + 0.2,
            valid_bleu: Some(3.5),
        }],
        scores: vec![Score {
            name: "sacrebleu".into(),
            value: 12.345,
            signature: "nrefs:1|case:mixed".into(),
            confidence: Some(Interval {
                low: 11.0,
                high: 13.0,
                level: 0.95,
            }),
        }],
        hypotheses: Hypotheses::default(),
    }
}

fn lines() -> Vec<String> {
    vec!["un chat".into(), String::new(), "deux é".into()]
}

#[test]
fn a_record_round_trips() {
    let results = TempDir::new().unwrap();
    let mut record = record();
    let path = record.write(results.path(), &lines()).unwrap();
    assert_eq!(path, results.path().join("quick/lite/2026-01-31-0123456789.json"));
    assert_eq!(record.hypotheses.file, "2026-01-31-0123456789.hyp.gz");

    let read = Record::read_all(results.path()).unwrap();
    assert_eq!(read, [(path.clone(), record.clone())]);
    assert_eq!(record.read_hypotheses(&path).unwrap(), lines());
    assert_eq!(record.score("sacrebleu").map(|score| score.value), Some(12.345));
    assert!(record.score("chrf").is_none());
    #[derive(serde::Deserialize)]
    struct Train {
        updates: u64,
        #[serde(flatten)]
        _rest: std::collections::BTreeMap<String, serde_json::Value>,
    }
    assert_eq!(record.section::<Train>("train").unwrap().updates, 3);
}

#[test]
fn a_second_record_of_the_day_has_a_number() {
    let results = TempDir::new().unwrap();
    let mut written = Vec::new();
    for hour in [9, 13, 11] {
        let mut record = record();
        record.date = format!("2026-01-31T{hour:02}:00:00Z");
        written.push(record.write(results.path(), &lines()).unwrap());
    }
    let names: Vec<_> = written
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "2026-01-31-0123456789",
            "2026-01-31-0123456789-2",
            "2026-01-31-0123456789-3"
        ]
    );
    let dates: Vec<_> = Record::read_all(results.path())
        .unwrap()
        .into_iter()
        .map(|(_, record)| record.date)
        .collect();
    assert!(dates.is_sorted() && dates.len() == 3, "{dates:?}");
}

#[test]
fn records_that_are_written_at_once_have_names_of_their_own() {
    let results = TempDir::new().unwrap();
    let texts: Vec<String> = (0..6).map(|seed| format!("of seed {seed}")).collect();
    std::thread::scope(|scope| {
        for text in &texts {
            scope.spawn(|| record().write(results.path(), std::slice::from_ref(text)).unwrap());
        }
    });
    let mut found: Vec<String> = Record::read_all(results.path())
        .unwrap()
        .into_iter()
        .flat_map(|(path, record)| record.read_hypotheses(&path).unwrap())
        .collect();
    found.sort();
    assert_eq!(found, texts);
}

#[test]
fn overrides_of_other_architectures_are_none_of_a_run() {
    let overrides = [
        "arch.lite.dropout=0.1",
        "arch.transformer.dropout=0.2",
        "train.updates=3",
    ];
    let definition = Definition::load("quick", &overrides.map(str::to_owned)).unwrap();
    let run = RunDefinition::new(&definition, "lite", 1).unwrap();
    assert_eq!(run.overrides, [overrides[0], overrides[2]]);
}

#[test]
fn no_folder_is_no_record() {
    assert!(Record::read_all(Path::new("no/such/folder")).unwrap().is_empty());
}

#[test]
fn the_same_run_writes_the_same_bytes() {
    let bytes = || {
        let results = TempDir::new().unwrap();
        let path = record().write(results.path(), &lines()).unwrap();
        (
            fs::read(&path).unwrap(),
            fs::read(path.with_extension("hyp.gz")).unwrap(),
        )
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_loss_that_is_no_number_is_kept() {
    let results = TempDir::new().unwrap();
    let mut record = record();
    record.curve[0].train_loss = f64::NAN;
    record.curve[0].valid_perplexity = f64::INFINITY;
    let path = record.write(results.path(), &lines()).unwrap();
    let read = Record::read(&path).unwrap();
    assert!(read.curve[0].train_loss.is_nan() && read.curve[0].valid_perplexity.is_nan());
}

#[test]
fn a_line_break_in_a_hypothesis_is_refused() {
    let results = TempDir::new().unwrap();
    let error = record()
        .write(results.path(), &["a".into(), "b\nc".into()])
        .unwrap_err();
    assert_eq!(error.to_string(), "hypothesis 2 holds a line break");
    assert!(Record::read_all(results.path()).unwrap().is_empty());
}

/// Writes a record, changes the files, and gives what reading says, hashes left out.
fn after(change: impl Fn(&Path, &Path)) -> String {
    let results = TempDir::new().unwrap();
    let path = record().write(results.path(), &lines()).unwrap();
    change(&path, &path.with_extension("hyp.gz"));
    let error = Record::read_all(results.path()).unwrap_err();
    let text = match error {
        RunError::Altered { path, what, .. } => format!("{}: {what} was altered", path.display()),
        error => error.to_string(),
    };
    text.replace(&format!("{}/", results.path().display()), "")
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn what_was_altered_is_named() {
    let json = "quick/lite/2026-01-31-0123456789.json";
    let gz = "quick/lite/2026-01-31-0123456789.hyp.gz";
    assert_eq!(
        after(|path, _| replace(path, "12.345", "99.9")),
        format!("{json}: the record was altered")
    );
    assert_eq!(
        after(|path, _| replace(path, "\"seed\"", "\"sead\"")),
        format!("{json}: the record was altered")
    );
    let truncated = after(|path, _| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, &text[..text.len() / 2]).unwrap();
    });
    assert!(truncated.starts_with(&format!("`{json}` line ")), "{truncated}");
    // Hypotheses of another run, well-formed.
    let swapped = after(|_, gz| {
        let other = TempDir::new().unwrap();
        let path = record().write(other.path(), &["other".to_string()]).unwrap();
        fs::copy(path.with_extension("hyp.gz"), gz).map(drop).unwrap();
    });
    assert_eq!(swapped, format!("{gz}: the text in it was altered"));
    let cut = after(|_, gz| {
        let bytes = fs::read(gz).unwrap();
        fs::write(gz, &bytes[..bytes.len() - 9]).unwrap();
    });
    assert!(cut.starts_with(&format!("`{gz}`: ")), "{cut}");
    let gone = after(|_, gz| fs::remove_file(gz).unwrap());
    assert!(gone.starts_with(&format!("`{gz}`: ")), "{gone}");
}

#[test]
fn formatting_is_no_alteration() {
    let results = TempDir::new().unwrap();
    let path = record().write(results.path(), &lines()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    fs::write(&path, value.to_string()).unwrap();
    assert!(Record::read(&path).is_ok());
}

#[test]
fn a_run_folder_names_its_files() {
    let runs = TempDir::new().unwrap();
    let folder = RunFolder::new(runs.path(), "quick", "lite");
    assert_eq!(folder.root(), runs.path().join("quick/lite"));
    let missing = RunFolder::open(folder.root()).unwrap_err().to_string();
    assert!(
        missing.ends_with("is no run folder: `definition.json` is missing in it"),
        "{missing}"
    );
    folder.create().unwrap();
    fs::write(folder.definition(), "{}").unwrap();
    assert_eq!(RunFolder::open(folder.root()).unwrap(), folder);
    let name = |path: PathBuf| path.strip_prefix(folder.root()).unwrap().to_str().unwrap().to_owned();
    assert_eq!(name(folder.checkpoint(12_400)), "checkpoints/00012400");
    assert_eq!(name(folder.model()), "model.safetensors");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Numbers of any size come back bit for bit, or the hash would not hold.
    #[test]
    fn numbers_survive(seconds in any::<f64>().prop_filter("finite", |it| it.is_finite()), mult_adds in any::<u64>(),
                       hypotheses in prop::collection::vec("[^\n]{0,20}", 0..5)) {
        let results = TempDir::new().unwrap();
        let mut record = record();
        record.train_seconds = seconds;
        record.mult_adds = mult_adds;
        let path = record.write(results.path(), &hypotheses).unwrap();
        let read = Record::read(&path).unwrap();
        prop_assert_eq!(&read, &record);
        prop_assert_eq!(read.read_hypotheses(&path).unwrap(), hypotheses);
    }
}
