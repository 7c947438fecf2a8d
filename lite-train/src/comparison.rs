//! The table at the end: what was trained, beside each other and beside the paper.

use std::time::Duration;

use experiments::{PaperNumbers, Record, Status};

use crate::report::{duration, thousands};

/// One architecture of the comparison.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was trained.
    pub record: Record,
    /// What the publication reports for it.
    pub paper: Option<PaperNumbers>,
}

/// The table as text, columns aligned.
pub fn table(title: &str, rows: &[Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let metrics: Vec<&str> = first.record.scores.iter().map(|score| score.name.as_str()).collect();
    let has_paper = rows.iter().any(|row| row.paper.is_some());
    let mut header = vec!["architecture", "parameters", "without embeddings", "Mult-Adds"];
    header.extend(&metrics);
    header.extend(has_paper.then_some("published"));
    header.extend(["updates", "training"]);
    let mut lines = vec![header.into_iter().map(str::to_owned).collect()];
    lines.extend(rows.iter().map(|row| cells(row, &metrics, has_paper)));
    let mut text = format!("{title}\n\n{}", aligned(&lines));
    let mut notes: Vec<String> = first
        .record
        .scores
        .iter()
        .map(|score| format!("{}: {}", score.name, score.signature))
        .collect();
    notes.extend(rows.iter().filter_map(|row| {
        let source = row.paper.as_ref()?.source.as_ref()?;
        Some(format!("published, {}: {source}", row.record.arch))
    }));
    if rows.iter().any(|row| row.record.status == Status::TimeBudget) {
        notes.push("*: the time budget ended before training did".into());
    }
    for note in notes {
        text.push_str(&format!("\n{note}"));
    }
    text.push('\n');
    text
}

fn cells(row: &Row, metrics: &[&str], has_paper: bool) -> Vec<String> {
    let record = &row.record;
    let mut cells = vec![
        record.arch.clone(),
        millions(record.parameters.total),
        millions(record.parameters.total - record.parameters.embedding),
        millions(record.mult_adds),
    ];
    cells.extend(metrics.iter().map(|name| {
        let score = record.scores.iter().find(|score| score.name == *name);
        score.map_or_else(|| "-".into(), |score| format!("{:.2}", score.value))
    }));
    if has_paper {
        let bleu = row.paper.as_ref().and_then(|paper| paper.bleu);
        cells.push(bleu.map_or_else(|| "-".into(), |bleu| format!("{bleu:.1} BLEU")));
    }
    let mark = if record.status == Status::TimeBudget { "*" } else { "" };
    cells.push(format!("{}{mark}", thousands(record.updates)));
    cells.push(duration(Duration::from_secs_f64(record.train_seconds)));
    cells
}

/// `2.60M`
fn millions(n: u64) -> String {
    format!("{:.2}M", n as f64 / 1e6)
}

/// The first column to the left, the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let n_columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            match column {
                0 => text.push_str(&format!("{cell:width$}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use experiments::{Hypotheses, Machine, ParameterCounts, Score};

    fn row(arch: &str, bleu: f64, status: Status, paper: Option<f64>) -> Row {
        let record = Record {
            experiment: "multi30k-enfr".into(),
            arch: arch.into(),
            date: String::new(),
            commit: String::new(),
            version: String::new(),
            status,
            definition: serde_json::json!({}),
            definition_hash: String::new(),
            overrides: vec![],
            seed: 1,
            device: "flex".into(),
            machine: Machine {
                cpu: String::new(),
                n_cores: 2,
                memory_bytes: 0,
                os: String::new(),
            },
            updates: 8000,
            target_tokens: 0,
            train_seconds: 3200.0,
            parameters: ParameterCounts {
                total: 2_605_056,
                embedding: 1_280_000,
                counted_as_paper: 1_325_056,
            },
            mult_adds: 42_200_000,
            data_hash: String::new(),
            curve: vec![],
            scores: vec![Score {
                name: "BLEU".into(),
                value: bleu,
                signature: "tok:none".into(),
                confidence: None,
            }],
            hypotheses: Hypotheses::default(),
        };
        let paper = paper.map(|bleu| PaperNumbers {
            bleu: Some(bleu),
            ..Default::default()
        });
        Row { record, paper }
    }

    #[test]
    fn architectures_stand_beside_each_other_and_the_paper() {
        let rows = [
            row("lite", 61.239, Status::Finished, None),
            row("transformer", 60.5, Status::TimeBudget, Some(61.8)),
        ];
        insta::assert_snapshot!(table("Multi30k English-French", &rows), @"");
    }
}
