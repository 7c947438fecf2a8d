//! One workload by several programs, in turns: what other work on the machine costs falls on all of them.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::median;

/// The name of this program in a record.
pub const OURS: &str = "lite-eval";

/// Workloads that were timed in one go: a file of `results/bench`.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Pairs {
    /// When the last of them was measured, UTC.
    pub date: String,
    /// The source of this program.
    pub commit: String,
    /// The machine, and the instructions that it has.
    pub machine: String,
    /// Turns of each program.
    pub rounds: usize,
    /// The workloads.
    pub rows: Vec<Row>,
}

/// A workload and what each program took for it.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Row {
    /// `train`, `greedy` or `beam`.
    pub task: String,
    /// The architecture.
    pub arch: String,
    /// Its width.
    pub d_model: usize,
    /// Words.
    pub vocab: usize,
    /// Sentences.
    pub batch: usize,
    /// Cores.
    pub threads: usize,
    /// Ours first.
    pub programs: Vec<Timed>,
}

/// What a program took for a workload.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Timed {
    /// Its name.
    pub name: String,
    /// How it was called; of ours, the arguments.
    pub command: String,
    /// The arithmetic, where the program says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// The median seconds of each turn.
    pub seconds: Vec<f64>,
    /// The most memory of any turn, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_mib: Option<f64>,
    /// Of training, the share of a large matrix product's rate in each turn, where the program says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrix_share: Vec<f64>,
}

impl Timed {
    /// The median of the turns' medians.
    pub fn median(&self) -> f64 {
        median(&self.seconds)
    }

    /// The median of the turns' shares.
    pub fn matrix_share(&self) -> Option<f64> {
        (!self.matrix_share.is_empty()).then(|| median(&self.matrix_share))
    }

    /// Adds a turn.
    pub fn add(&mut self, found: &Json) -> Result<(), NoTime> {
        let seconds = found["median_seconds"].as_f64().ok_or(NoTime)?;
        self.seconds.push(seconds);
        let peak = found["peak_rss_mib"].as_f64();
        self.peak_rss_mib = self.peak_rss_mib.into_iter().chain(peak).reduce(f64::max);
        self.matrix_share.extend(found["matrix_share"].as_f64());
        let dtype = found.get("dtype").or_else(|| found.get("compute_type"));
        self.dtype = dtype.and_then(Json::as_str).map(str::to_owned);
        Ok(())
    }
}

/// A program that does not say what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found no number `median_seconds` in what it printed, expected one JSON object with it")]
pub struct NoTime;

impl Row {
    /// How many times as long as ours the fastest of the others takes.
    pub fn gain(&self) -> Option<f64> {
        let (ours, others) = self.programs.split_first()?;
        let fastest = others.iter().map(Timed::median).filter(|seconds| seconds.is_finite());
        Some(fastest.reduce(f64::min)? / ours.median())
    }
}

/// A command line for a workload: words apart by spaces, in which every `{KEY}` is what ours prints under that key.
///
/// # Errors
///
/// A key that ours does not print.
pub fn command_of(template: &str, ours: &Json) -> Result<Vec<String>, UnknownKey> {
    template.split_whitespace().map(|word| filled(word, ours)).collect()
}

/// A word with a value in the place of each key.
fn filled(word: &str, ours: &Json) -> Result<String, UnknownKey> {
    let mut filled = String::new();
    let mut rest = word;
    while let Some((before, behind)) = rest.split_once('{') {
        let (key, after) = behind.split_once('}').unwrap_or((behind, ""));
        filled.push_str(before);
        match ours.get(key) {
            Some(Json::String(value)) => filled.push_str(value),
            Some(Json::Number(value)) => filled.push_str(&value.to_string()),
            _ => return Err(UnknownKey(key.to_owned())),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A key in a command line that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{0}}}` in the command is none of the workload's keys, which are those of `lite-eval bench beam --json`")]
pub struct UnknownKey(pub String);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn timed(name: &str, seconds: &[f64]) -> Timed {
        Timed {
            name: name.into(),
            command: String::new(),
            dtype: None,
            seconds: seconds.into(),
            peak_rss_mib: None,
            matrix_share: Vec::new(),
        }
    }

    #[test]
    fn a_command_has_the_workloads_numbers() {
        let ours = json!({ "d_model": 128, "arch": "lite", "seconds": [1.0] });
        let command = command_of("python3 peer.py --d-model {d_model} --arch={arch}", &ours).unwrap();
        assert_eq!(command, ["python3", "peer.py", "--d-model", "128", "--arch=lite"]);
        let command = command_of("{arch}-{d_model}.sh --size={d_model}x{d_model}", &ours).unwrap();
        assert_eq!(command, ["lite-128.sh", "--size=128x128"]);
        for key in ["width", "seconds"] {
            for template in [format!("peer {{{key}}}"), format!("peer {{arch}}{{{key}}}")] {
                assert_eq!(
                    command_of(&template, &ours),
                    Err(UnknownKey(key.to_owned())),
                    "{template}"
                );
            }
        }
    }

    #[test]
    fn turns_are_added_up_and_the_fastest_other_counts() {
        let mut found = timed("peer", &[]);
        for (seconds, peak) in [(3.0, 10.0), (1.0, 30.0), (2.0, 20.0)] {
            found
                .add(&json!({ "median_seconds": seconds, "peak_rss_mib": peak, "compute_type": "int8", "matrix_share": seconds / 4.0 }))
                .unwrap();
        }
        assert_eq!((found.median(), found.peak_rss_mib), (2.0, Some(30.0)));
        assert_eq!(found.dtype.as_deref(), Some("int8"));
        assert_eq!(found.matrix_share(), Some(0.5));
        assert_eq!(found.add(&json!({ "seconds": 1.0 })), Err(NoTime));
        let row = Row {
            task: "beam".into(),
            arch: "lite".into(),
            d_model: 8,
            vocab: 8,
            batch: 1,
            threads: 1,
            programs: vec![timed(OURS, &[1.0, 2.0]), found, timed("slow", &[9.0])],
        };
        assert_eq!(row.gain(), Some(2.0 / 1.5));
    }
}
