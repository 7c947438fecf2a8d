//! The table of workloads that several programs were timed with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::bench::pair::{OURS, Pairs, Timed};
use crate::text_table::{Format, TextTable};

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BenchRecordError {
    /// The operating system refused.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is none of ours.
    #[error("`{}`: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// Every `NAME.json` of paired timings in a folder, by name; no folder has none. Records of another kind are passed over.
pub fn read_all(folder: &Path) -> Result<Vec<(String, Pairs)>, BenchRecordError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| BenchRecordError::Io { path, source }
    };
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        let (Some(name), Some("json")) = (
            path.file_stem().and_then(|name| name.to_str()),
            path.extension().and_then(|ending| ending.to_str()),
        ) else {
            continue;
        };
        if name.starts_with("scale-") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(io(&path))?;
        let pairs = serde_json::from_str(&text).map_err(|error| BenchRecordError::Json {
            path: path.clone(),
            message: error.to_string(),
        })?;
        found.push((name.to_owned(), pairs));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// A row for each workload: seconds and memory of each program, and how many times faster ours is than the fastest other.
pub fn table(pairs: &Pairs) -> TextTable {
    let mut names: Vec<String> = Vec::new();
    for timed in pairs.rows.iter().flat_map(|row| &row.programs) {
        let name = title(timed);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut header = vec!["task", "model", "words", "batch", "threads"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    header.extend(names.iter().map(|name| format!("{name}, s")));
    header.extend(names.iter().map(|name| format!("{name}, MiB")));
    let has_others = names.len() > 1;
    if has_others {
        header.push("times as fast".into());
    }
    let has_shares = has_shares(pairs);
    if has_shares {
        header.push("of the matrix rate".into());
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = TextTable::new(&header, 2);
    for row in &pairs.rows {
        let of = |name: &String| row.programs.iter().find(|timed| title(timed) == *name);
        let mut cells = vec![
            row.task.clone(),
            format!("{} d{}", row.arch, row.d_model),
            row.vocab.to_string(),
            row.batch.to_string(),
            row.threads.to_string(),
        ];
        cells.extend(
            names
                .iter()
                .map(|name| of(name).map_or("-".into(), |timed| seconds(timed.median()))),
        );
        cells.extend(names.iter().map(|name| {
            let peak = of(name).and_then(|timed| timed.peak_rss_mib);
            peak.map_or("-".into(), |peak| format!("{peak:.0}"))
        }));
        if has_others {
            cells.push(row.gain().map_or("-".into(), |gain| format!("{gain:.2}")));
        }
        if has_shares {
            let share = row.programs.first().and_then(Timed::matrix_share);
            cells.push(share.map_or("-".into(), |share| format!("{:.0} %", 100.0 * share)));
        }
        table.push(cells);
    }
    table
}

/// What stands in the README.
pub fn fill(name: &str, records: &[(String, Pairs)]) -> String {
    let Some((_, pairs)) = records.iter().find(|(found, _)| found == name) else {
        return "No record yet.\n".into();
    };
    let day = pairs.date.split('T').next().unwrap_or_default();
    let has_others = pairs.rows.iter().any(|row| row.programs.len() > 1);
    format!(
        "{}\n- seconds of a batch, the median of {} turns{}; peak memory of the whole process\n{}- {}; {day}, commit {}\n",
        table(pairs).render(Format::Markdown),
        pairs.rounds,
        if has_others {
            " in which the programs took turns"
        } else {
            ""
        },
        if has_shares(pairs) { MATRIX_RATE } else { "" },
        pairs.machine,
        pairs.commit.get(..10).unwrap_or(&pairs.commit)
    )
}

/// What the column means.
const MATRIX_RATE: &str = "- of the matrix rate: operations a second of the step's matrix products, as a share of those that products of \
    1024 by 1024 reach on all cores in the same process\n";

fn has_shares(pairs: &Pairs) -> bool {
    let mut programs = pairs.rows.iter().flat_map(|row| &row.programs);
    programs.any(|timed| timed.matrix_share().is_some())
}

/// The program and its arithmetic.
fn title(timed: &Timed) -> String {
    match (timed.name.as_str(), timed.dtype.as_deref()) {
        (name, None) => name.to_owned(),
        (OURS, Some(dtype)) => format!("ours {dtype}"),
        (name, Some(dtype)) => format!("{name} {dtype}"),
    }
}

fn seconds(value: f64) -> String {
    match value {
        value if value < 0.1 => format!("{value:.4}"),
        value if value < 10.0 => format!("{value:.3}"),
        value => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::pair::Row;

    #[test]
    fn a_row_has_every_program_and_what_ours_gains() {
        let timed = |name: &str, dtype: &str, seconds: f64, peak: Option<f64>| Timed {
            name: name.into(),
            command: String::new(),
            dtype: Some(dtype.into()),
            seconds: vec![seconds],
            peak_rss_mib: peak,
            matrix_share: Vec::new(),
        };
        let row = |arch: &str, programs| Row {
            task: "beam".into(),
            arch: arch.into(),
            d_model: 128,
            vocab: 32_000,
            batch: 1,
            threads: 2,
            programs,
        };
        let ours = timed(OURS, "f32", 0.08, Some(70.4));
        let torch = timed("PyTorch", "f32", 0.2, Some(600.0));
        let pairs = Pairs {
            date: "2026-01-31T12:00:00Z".into(),
            commit: "0123456789abcdef".into(),
            machine: "a machine, avx2".into(),
            rounds: 3,
            rows: vec![
                row(
                    "transformer",
                    vec![ours.clone(), torch.clone(), timed("CTranslate2", "int8", 0.1, None)],
                ),
                row("lite", vec![ours, torch]),
            ],
        };
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("decoding.json"),
            serde_json::to_string(&pairs).unwrap(),
        )
        .unwrap();
        fs::write(folder.path().join("scale-beam-length.json"), "{}").unwrap();
        let records = read_all(folder.path()).unwrap();
        insta::assert_snapshot!(fill("decoding", &records));
        let mut alone = pairs.clone();
        alone.rows.truncate(1);
        alone.rows[0].programs.truncate(1);
        alone.rows[0].programs[0].matrix_share = vec![0.75, 0.85, 0.95];
        insta::assert_snapshot!(fill("training", &[("training".into(), alone)]));
        assert_eq!(fill("nothing", &records), "No record yet.\n");
        assert!(read_all(&folder.path().join("none")).unwrap().is_empty());

        fs::write(folder.path().join("broken.json"), "{}").unwrap();
        let error = read_all(folder.path()).unwrap_err().to_string();
        assert!(error.contains("broken.json`: missing field"), "{error}");
    }
}
