//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use lite_eval::precision::Precision;
use lite_train::devices::{Place, Places, PlacesError};

/// Prepares the corpus of an experiment, trains its architectures (resuming what is there), decodes and scores the
/// test set, writes the records and prints the comparison.
#[derive(Parser, Debug)]
#[command(
    name = "lite-train",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  lite-train --exp quick\n  lite-train --exp quick --arch lite --set train.updates=200 --restart"
)]
pub struct Args {
    /// Something else than training
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Experiment: a built-in name (see --list) or the path of a .toml file
    #[arg(long, value_name = "NAME", required_unless_present_any = ["list", "fine_tune"])]
    pub exp: Option<String>,
    /// Prepares the corpus, checks the definition against it, and ends
    #[arg(long)]
    pub prepare_only: bool,
    /// Architecture of the experiment, or `all` of them, one after the other
    #[arg(long, default_value = "all")]
    pub arch: String,
    /// Device that computes: flex, ndarray, wgpu or cuda, as far as they are compiled in. Several, between commas, share
    /// every update: cuda:0,cuda:1, or the addresses that `lite-train serve` writes, ws://HOST:PORT
    #[arg(long, default_value = "flex", value_name = "DEVICES")]
    pub device: Places,
    /// So many devices of the one kind that --device names
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub devices: u16,
    /// Folder with files of corpora, asked before the network
    #[arg(long, value_name = "DIR")]
    pub mirror: Option<PathBuf>,
    /// Never use the network
    #[arg(long)]
    pub offline: bool,
    /// Folder for downloads and prepared corpora
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Folder for runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Folder for records
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Seed of everything random; a second one needs --runs of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Changes a key of the definition, such as train.updates=100; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What linear layers and the vocabulary projection are computed in, f32 or bf16: train.precision of the definition
    #[arg(long, value_name = "PRECISION")]
    pub precision: Option<Precision>,
    /// Training time of each architecture over all restarts, such as 90m, 2h or 1h30m; then it is scored as it is
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub time_budget: Option<Duration>,
    /// Discards what is there of the run and begins again
    #[arg(long)]
    pub restart: bool,
    /// Lists the built-in experiments
    #[arg(long)]
    pub list: bool,
    /// Tokens that are computed at once, on a CPU by each core: less needs less memory [default: 4096, or less for
    /// small updates on a CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub tokens_per_batch: Option<u32>,
    /// Prints the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Trains on as the folder says: `lite-eval compress --fine-tune` makes it
    #[arg(long, value_name = "DIR", hide = true, conflicts_with = "exp")]
    pub fine_tune: Option<PathBuf>,
}

/// What the program does beside training.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Lends a device of this machine to trainings elsewhere
    ///
    /// Writes the address for their --device, and computes for them until it is told to end. Where it listens on all
    /// addresses of this machine, 0.0.0.0, put the machine's name in its place there. Beyond this machine it listens
    /// only with a word in the environment, LITE_TRAIN_TOKEN, that they have in theirs too. What is sent is not
    /// encrypted: for networks that one trusts.
    #[command(after_help = "Examples:\n  lite-train serve\n  \
        LITE_TRAIN_TOKEN=word lite-train serve --device cuda:1 --listen 0.0.0.0:3000")]
    Serve {
        /// Device that computes: flex, ndarray, wgpu, cuda or cuda:1
        #[arg(long, default_value = "flex")]
        device: Place,
        /// Address to listen on; with port 0 any that is free
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
        listen: SocketAddr,
    },
}

impl Args {
    /// Changes of keys of the definition.
    pub fn overrides(&self) -> Vec<String> {
        let precision = self.precision.map(|precision| format!("train.precision={precision}"));
        precision.into_iter().chain(self.set.iter().cloned()).collect()
    }

    /// The devices that are asked for.
    pub fn places(&self) -> Result<Places, PlacesError> {
        self.device.clone().times(self.devices.into())
    }
}

/// `90m`, `2h`, `45s`, `1h30m`
fn parse_duration(text: &str) -> Result<Duration, String> {
    let refuse = || format!("`{text}` is no time; write 90m, 2h or 1h30m");
    let mut seconds = 0u64;
    let mut digits = String::new();
    for character in text.chars() {
        let unit = match character {
            '0'..='9' => {
                digits.push(character);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return Err(refuse()),
        };
        let number: u64 = digits.parse().map_err(|_| refuse())?;
        seconds = number
            .checked_mul(unit)
            .and_then(|more| seconds.checked_add(more))
            .ok_or_else(refuse)?;
        digits.clear();
    }
    if text.is_empty() || !digits.is_empty() {
        Err(refuse())
    } else {
        Ok(Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [("90m", 5400), ("1h30m", 5400), ("45s", 45), ("2h", 7200)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "90", "m", "1.5h", "-3m", "99999999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
