//! Scores as text.

use std::io::Write;

use experiments::Score;
use lite_eval::metrics::differences::LineDifference;

use super::Against;
use crate::program::print_table;

/// A row a score.
pub fn scores(scores: &[Score]) -> anyhow::Result<()> {
    let with_intervals = scores.iter().any(|score| score.confidence.is_some());
    let mut header = vec!["score", "value", "signature"];
    if with_intervals {
        header.insert(2, "95% interval");
    }
    let rows = scores.iter().map(|score| {
        let mut row = vec![
            score.name.clone(),
            format!("{:.2}", score.value),
            score.signature.clone(),
        ];
        if with_intervals {
            row.insert(2, interval(score));
        }
        row
    });
    print_table(&header, &rows.collect::<Vec<_>>())
}

fn interval(score: &Score) -> String {
    let ends = score
        .confidence
        .map(|interval| format!("{:.2} to {:.2}", interval.low, interval.high));
    ends.unwrap_or_default()
}

/// A row a score of both systems, their signatures, and the lines that differ most.
pub fn comparison(scores: &[Score], against: &Against) -> anyhow::Result<()> {
    let rows = scores.iter().zip(&against.scores).zip(&against.comparisons);
    let rows = rows.map(|((score, baseline), comparison)| {
        let ends = comparison.confidence;
        vec![
            score.name.clone(),
            format!("{:.2}", score.value),
            interval(score),
            format!("{:.2}", baseline.value),
            interval(baseline),
            format!("{:+.2}", comparison.difference),
            format!("{:+.2} to {:+.2}", ends.low, ends.high),
            format!("{:.4}", comparison.p_value),
        ]
    });
    let header = [
        "score",
        "system",
        "95% interval",
        "baseline",
        "95% interval",
        "difference",
        "95% interval",
        "p",
    ];
    print_table(&header, &rows.collect::<Vec<_>>())?;
    let mut out = std::io::stdout().lock();
    writeln!(out)?;
    for score in scores {
        writeln!(out, "{}: {}", score.name, score.signature)?;
    }
    drop(out);
    differences(against)
}

fn differences(against: &Against) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for shown in &against.differences {
        let LineDifference {
            line,
            system,
            baseline,
            difference,
        } = shown.scores;
        let by = against.differences_by;
        writeln!(
            out,
            "\nline {line}: {by} {system:.2} against {baseline:.2} ({difference:+.2})"
        )?;
        writeln!(out, "  reference  {}", shown.reference)?;
        writeln!(out, "  system     {}", shown.system_text)?;
        writeln!(out, "  baseline   {}", shown.baseline_text)?;
    }
    Ok(())
}
