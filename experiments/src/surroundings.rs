//! Which source, which machine, and when: what a record says about where its numbers come from.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The commit of the source tree that this program was built in, as the tree stands when this is called: ten digits of git's
/// HEAD, `+dirty` after it if the tree differs (results and documents aside, which change no number), `unknown` where git
/// cannot say. A program that is older than its tree says what the tree is.
pub fn commit() -> String {
    let Some(head) = git(&["rev-parse", "--short=10", "HEAD"]) else {
        return "unknown".into();
    };
    let watched = [
        "status",
        "--porcelain",
        "--",
        ":/",
        ":(exclude,top)results",
        ":(exclude,top)*.md",
    ];
    match git(&watched) {
        Some(changes) if changes.is_empty() => head,
        _ => format!("{head}+dirty"),
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR")])
        .args(arguments)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The machine that something ran on, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Cores this program may use.
    pub n_cores: usize,
    /// Bytes of memory, 0 if unknown.
    pub memory_bytes: u64,
    /// Operating system and architecture.
    pub os: String,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores", self.cpu, self.n_cores)?;
        if self.memory_bytes > 0 {
            write!(f, ", {:.0} GiB", self.memory_bytes as f64 / f64::from(1 << 30))?;
        }
        write!(f, ", {}", self.os)
    }
}

/// Describes this machine from `/proc` and `/etc/os-release`; what is not there is `unknown`.
pub fn machine() -> Machine {
    let cpu = field("/proc/cpuinfo", "model name", ':').unwrap_or_else(|| "unknown processor".into());
    let memory = field("/proc/meminfo", "MemTotal", ':');
    let kibibytes = memory.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    let os = field("/etc/os-release", "PRETTY_NAME", '=').unwrap_or_else(|| std::env::consts::OS.into());
    Machine {
        cpu,
        n_cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: kibibytes.unwrap_or(0) * 1024,
        os: format!("{} {}", os.trim_matches('"'), std::env::consts::ARCH),
    }
}

/// The value of the first `name<separator>value` line of a file.
fn field(path: &str, name: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The present moment in UTC, `2026-01-31T12:00:00Z`.
pub fn now() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    timestamp(seconds)
}

/// Seconds since 1970 as a date and time of the Gregorian calendar.
fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counted from 1 March of the year 0, so that a leap day is the last of its year (Hinnant, "days_from_civil").
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_those_of_date() {
        // date -u -d @N +%FT%TZ
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(seconds), expected);
        }
    }

    #[test]
    fn the_commit_is_short_or_unknown() {
        let commit = commit();
        let digits = commit.trim_end_matches("+dirty");
        assert!(
            commit == "unknown" || digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{commit}"
        );
    }

    #[test]
    fn the_machine_is_described() {
        let machine = machine();
        assert!(machine.n_cores > 0);
        assert!(!machine.to_string().contains('"'));
    }
}
