//! `log.jsonl`: what happened in a run, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

/// An open log.
#[derive(Debug)]
pub struct Log {
    file: File,
}

/// A line of the log.
#[derive(Serialize, Debug, Clone)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A program starts or resumes the run.
    Start {
        /// Updates that were done before.
        update: u64,
        /// UTC.
        date: String,
        /// Backend.
        device: String,
    },
    /// Some updates were made.
    Train {
        /// The last of them.
        update: u64,
        /// Pass over the data.
        epoch: u64,
        /// Mean label-smoothed loss a token, in nats.
        loss: f64,
        /// Mean negative log-likelihood a token, in nats.
        nll: f64,
        /// The last learning rate.
        rate: f64,
        /// Target tokens a second.
        tokens_per_second: f64,
        /// Share of the time that went into choosing and reading batches.
        loading_share: f64,
        /// Seconds of training so far.
        seconds: f64,
    },
    /// A validation.
    Validation {
        /// After which update.
        update: u64,
        /// Mean label-smoothed loss a token, in nats.
        loss: f64,
        /// Without label smoothing.
        perplexity: f64,
        /// Where it was measured.
        #[serde(skip_serializing_if = "Option::is_none")]
        bleu: Option<f64>,
        /// Whether no validation before was better.
        is_best: bool,
        /// Seconds of training so far.
        seconds: f64,
    },
}

impl Log {
    /// Opens the log of a run that goes on after `update`; what an interrupted program did after that is taken out.
    pub fn open(path: &Path, update: u64) -> io::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let kept: Vec<&str> = text.lines().filter(|line| is_kept(line, update)).collect();
                experiments::write_atomically(path, |file| kept.iter().try_for_each(|line| writeln!(file, "{line}")))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            file: OpenOptions::new().create(true).append(true).open(path)?,
        })
    }

    /// Appends a line.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

fn is_kept(line: &str, update: u64) -> bool {
    // A line that was cut off is no JSON.
    serde_json::from_str::<Value>(line).is_ok_and(|value| {
        value
            .get("update")
            .and_then(Value::as_u64)
            .is_some_and(|at| at <= update)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_after_the_checkpoint_is_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        std::fs::write(&path, "{\"update\":3}\n{\"update\":9}\n{\"upd").unwrap();
        let mut log = Log::open(&path, 5).unwrap();
        log.write(&Event::Start {
            update: 5,
            date: "now".into(),
            device: "flex".into(),
        })
        .unwrap();
        let expected = "{\"update\":3}\n{\"event\":\"start\",\"update\":5,\"date\":\"now\",\"device\":\"flex\"}\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }
}
