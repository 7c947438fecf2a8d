//! The lines in which two systems differ most.

use serde::Serialize;

use super::lines::Lines;

/// A line by two systems.
#[derive(Serialize, Debug, Clone, Copy, PartialEq)]
pub struct LineDifference {
    /// Which line, from 1.
    pub line: usize,
    /// The system's score of the line.
    pub system: f64,
    /// The baseline's.
    pub baseline: f64,
    /// The system's less the baseline's.
    pub difference: f64,
}

/// The `n` lines whose scores are furthest apart, the furthest first; of equals the earlier. Lines with equal scores are
/// not among them.
pub fn largest(system: &Lines, baseline: &Lines, n: usize) -> Vec<LineDifference> {
    assert_eq!(system.len(), baseline.len(), "as many lines of each");
    let lines = (0..system.len()).map(|line| {
        let (system, baseline) = (system.line(line), baseline.line(line));
        LineDifference {
            line: line + 1,
            system,
            baseline,
            difference: system - baseline,
        }
    });
    let mut found: Vec<LineDifference> = lines.filter(|line| line.difference != 0.0).collect();
    found.sort_by(|a, b| b.difference.abs().total_cmp(&a.difference.abs()));
    found.truncate(n);
    found
}
