//! The table of compression: the steps of a model in both countings, beside the paper's.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use experiments::{
    CompressionRecord, CompressionStep, Definition, DefinitionError, ModelSize, PublishedCompression, Score,
};

use crate::tables::thousands;
use crate::text_table::{Format, TextTable};

/// The steps of the records of one model, each once: all begin with the same floats.
pub fn steps_table(records: &[&CompressionRecord]) -> TextTable {
    let record = records[0];
    let first = record.steps.first().map(|step| step.size).unwrap_or_default();
    let scores = record.steps.first().map(|step| &step.scores[..]).unwrap_or_default();
    let mut header = vec![
        "step",
        "zeros",
        "counted as paper",
        "to itself",
        "to base",
        "file",
        "to itself",
        "to base",
    ];
    header.extend(scores.iter().map(|score| score.name.as_str()));
    let mut table = TextTable::new(&header, 1);
    if let Some(base) = record.baseline {
        let mut row = vec!["transformer base, float32".into(), "-".into()];
        let mut cells = sizes(base, base, base);
        // How many times smaller it is than the model says nothing.
        cells[1] = "-".into();
        cells[4] = "-".into();
        row.extend(cells);
        row.extend(scores.iter().map(|_| "-".into()));
        table.push(row);
    }
    let mut seen: Vec<(String, ModelSize)> = Vec::new();
    let mut push = |name: String, step: &CompressionStep, scores: &[Score]| {
        let mut row = vec![name, format!("{:.1} %", 100.0 * step.sparsity)];
        row.extend(sizes(step.size, first, record.baseline.unwrap_or_default()));
        row.extend(scores.iter().map(|score| match score.confidence {
            Some(interval) => format!("{:.2} ± {:.2}", score.value, (interval.high - interval.low) / 2.0),
            None => format!("{:.2}", score.value),
        }));
        table.push(row);
    };
    for record in records {
        for step in &record.steps {
            let own = (shown_name(record, step), step.size);
            if !seen.contains(&own) {
                push(own.0.clone(), step, &step.scores);
                seen.push(own);
            }
        }
        if let (Some(last), false) = (record.steps.last(), record.int8_scores.is_empty()) {
            let name = shown_name(record, last);
            push(format!("{name}, computed in 8 bits"), last, &record.int8_scores);
        }
    }
    table
}

/// Where k-means begins by default.
const START: &str = "linear";
/// The first learning rate of training by default, as a share of the highest of the run. Older records do not name it.
const RATE: f64 = 0.1;

/// A step's name, with how long its training was, and where k-means began if it was elsewhere than by default.
pub fn shown_name(record: &CompressionRecord, step: &CompressionStep) -> String {
    let updates = format!("{} updates{}", thousands(record.settings.fine_tune), rate(record));
    let name = step.name.replace("training", &updates);
    let start = &record.settings.start;
    // Floats have no codes.
    if start == START || !name.contains("bits") {
        return name;
    }
    match name.split_once(" + ") {
        Some((codes, rest)) => format!("{codes} from a {start} start + {rest}"),
        None => format!("{name} from a {start} start"),
    }
}

/// The learning rate of training, where it was another than by default.
fn rate(record: &CompressionRecord) -> String {
    let rate = record.settings.fine_tune_rate.filter(|&rate| rate != RATE);
    rate.map_or_else(String::new, |rate| format!(" from {rate} of the rate"))
}

/// Both sizes, each with how many times smaller that is than the model itself and than the baseline.
fn sizes(size: ModelSize, itself: ModelSize, base: ModelSize) -> [String; 6] {
    let times = |from: u64, to: u64| match from {
        0 => "-".into(),
        _ => format!("{:.1}", from as f64 / to.max(1) as f64),
    };
    [
        bytes(size.counted_bytes),
        times(itself.counted_bytes, size.counted_bytes),
        times(base.counted_bytes, size.counted_bytes),
        bytes(size.file_bytes),
        times(itself.file_bytes, size.file_bytes),
        times(base.file_bytes, size.file_bytes),
    ]
}

/// `9.70 MB`, of a million bytes each.
fn bytes(n: u64) -> String {
    let megabytes = n as f64 / 1e6;
    let decimals = match megabytes {
        m if m < 1.0 => 3,
        m if m < 99.95 => 2,
        _ => 1,
    };
    format!("{megabytes:.decimals$} MB")
}

/// The paper's steps, of which the first is the transformer that it compares with.
pub fn published() -> Result<Vec<PublishedCompression>, DefinitionError> {
    let numbers = |experiment: &str, arch: &str| -> Result<_, DefinitionError> {
        Ok(Definition::load(experiment, &[])?.paper(arch).unwrap_or_default())
    };
    let base = numbers("wmt14-enfr-base", "transformer")?;
    let base = PublishedCompression {
        step: "transformer base, float32".into(),
        megabytes: base.parameters.unwrap_or(0.0) * 4.0 / 1e6,
        bleu: base.bleu.unwrap_or(0.0),
    };
    let steps = numbers("wmt14-enfr-500M", "lite")?.compression;
    Ok([base].into_iter().chain(steps).collect())
}

/// The section of `TABLES.md`, empty without a record. `published` are the paper's steps.
pub fn document(records: &[(PathBuf, CompressionRecord)], published: &[PublishedCompression]) -> String {
    let newest = newest(records);
    if newest.is_empty() {
        return String::new();
    }
    let mut text =
        String::from("\n## Compression\n\nPublished (paper, figure 5, WMT'14 English-French at 527M Mult-Adds):\n\n");
    text.push_str(&paper_table(published));
    for record in newest {
        let _ = write!(text, "\n### {}\n\n{}", title(record), table(record));
    }
    text
}

/// The tables of the README: the paper's, and of each experiment the newest record of each architecture.
pub fn fill(experiment: &str, records: &[(PathBuf, CompressionRecord)]) -> String {
    let rows: Vec<&CompressionRecord> = newest(records)
        .into_iter()
        .filter(|record| record.experiment == experiment)
        .collect();
    if rows.is_empty() {
        return "No record yet.\n".into();
    }
    let mut models: BTreeMap<(&str, &str), Vec<&CompressionRecord>> = BTreeMap::new();
    for record in rows {
        models
            .entry((&record.arch, &record.weights_sha256))
            .or_default()
            .push(record);
    }
    let tables: Vec<String> = models
        .into_iter()
        .map(|((arch, _), records)| {
            let mut text = format!(
                "{arch}:\n\n{}\n- {COUNTINGS}\n",
                steps_table(&records).render(Format::Markdown)
            );
            for record in &records {
                let name = record.steps.last().map(|step| shown_name(record, step));
                let name = name.unwrap_or_default();
                let _ = writeln!(text, "- {name}: {}; commit {}", settings(record), record.commit);
            }
            text
        })
        .collect();
    tables.join("\n")
}

/// What the two sizes are.
const COUNTINGS: &str =
    "counted as paper: weights alone, without embeddings, codebooks and the places of kept weights; file: every byte";

/// How a model was compressed.
fn settings(record: &CompressionRecord) -> String {
    let settings = &record.settings;
    let scanned = match record.scan.is_empty() {
        true => "",
        false => ", found on the validation set",
    };
    format!(
        "sensitivity {:.2}{scanned}; k-means from a {} start; {} updates of training{}",
        settings.sensitivity,
        settings.start,
        settings.fine_tune,
        rate(record)
    )
}

fn title(record: &CompressionRecord) -> String {
    format!("{} {}, {}", record.experiment, record.arch, {
        let last = record.steps.last();
        last.map_or("", |step| step.name.as_str())
    })
}

/// The newest of each experiment, architecture and settings.
pub(crate) fn newest(records: &[(PathBuf, CompressionRecord)]) -> Vec<&CompressionRecord> {
    let mut chosen: BTreeMap<_, &CompressionRecord> = BTreeMap::new();
    for (_, record) in records {
        let settings = &record.settings;
        let key = (
            &record.experiment,
            &record.arch,
            std::cmp::Reverse(settings.bits),
            settings.embedding_bits,
            settings.fine_tune,
            (settings.sensitivity * 1e6) as u64,
            &settings.start,
            settings.fine_tune_rate.map_or(0, |rate| ((rate - RATE) * 1e9) as i64),
        );
        let place = chosen.entry(key).or_insert(record);
        if record.date >= place.date {
            *place = record;
        }
    }
    chosen.into_values().collect()
}

/// What the paper reports.
pub fn paper_table(published: &[PublishedCompression]) -> String {
    let mut table = TextTable::new(
        &["published step", "counted as paper", "to itself", "to base", "BLEU"],
        1,
    );
    let [base, first] = [0, 1].map(|i| published.get(i).map_or(0.0, |step| step.megabytes));
    for step in published {
        let times = |from: f64| format!("{:.1}", from / step.megabytes);
        table.push(vec![
            step.step.clone(),
            format!("{} MB", step.megabytes),
            times(first),
            times(base),
            format!("{:.1}", step.bleu),
        ]);
    }
    table.render(Format::Markdown)
}

fn table(record: &CompressionRecord) -> String {
    let mut text = steps_table(&[record]).render(Format::Markdown);
    text.push('\n');
    for note in notes(record) {
        let _ = writeln!(text, "- {note}");
    }
    text
}

fn notes(record: &CompressionRecord) -> Vec<String> {
    let mut notes = vec![COUNTINGS.to_owned()];
    if let Some(last) = record.steps.last() {
        let parts: Vec<String> = last
            .parts
            .iter()
            .map(|part| format!("{} {}", part.name, bytes(part.bytes)))
            .collect();
        notes.push(format!("the last file: {}", parts.join(", ")));
    }
    notes.push(settings(record));
    for score in record.steps.last().into_iter().flat_map(|step| &step.scores) {
        notes.push(format!("{}: `{}`", score.name, score.signature));
    }
    let day = record.date.split('T').next().unwrap_or_default();
    notes.push(format!(
        "record: {day}, commit {}, {} on {}, weights {}",
        record.commit,
        record.device,
        record.machine,
        &record.weights_sha256[..record.weights_sha256.len().min(12)]
    ));
    notes
}

#[cfg(test)]
mod tests;
