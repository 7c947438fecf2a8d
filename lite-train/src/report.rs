//! What a person sees of a run: one moving line on a terminal, a plain line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lite_eval::tables::thousands;

/// Plain lines are this far apart.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// The line about a run's progress.
#[derive(Debug)]
pub struct Report {
    bar: Option<ProgressBar>,
    told: Option<Instant>,
}

/// The figures in the line.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Updates done.
    pub update: u64,
    /// Updates in all.
    pub updates: u64,
    /// Mean training loss a token.
    pub loss: f64,
    /// Target tokens a second.
    pub tokens_per_second: f64,
    /// Time to the end.
    pub left: Duration,
}

impl Report {
    /// A line on stderr.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self { bar, told: None }
    }

    /// A line that stays.
    pub fn message(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Shows figures, if it is time.
    pub fn show(&mut self, figures: Figures) {
        match &self.bar {
            Some(bar) => bar.set_message(line(figures)),
            None if self.told.is_none_or(|told| told.elapsed() >= PLAIN_INTERVAL) => {
                self.told = Some(Instant::now());
                eprintln!("{}", line(figures));
            }
            None => {}
        }
    }

    /// Takes the moving line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

fn line(figures: Figures) -> String {
    format!(
        "update {}/{} · loss {:.2} · {} tokens/s · {} left",
        thousands(figures.update),
        thousands(figures.updates),
        figures.loss,
        rate(figures.tokens_per_second),
        duration(figures.left),
    )
}

/// `31.2k`
fn rate(value: f64) -> String {
    if value >= 1000.0 {
        format!("{:.1}k", value / 1000.0)
    } else {
        format!("{value:.0}")
    }
}

/// `1h 12m`, `3m 20s`, `9s`
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m {seconds:02}s"),
        _ => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_reads_as_designed() {
        let figures = Figures {
            update: 12_400,
            updates: 50_000,
            loss: 4.2149,
            tokens_per_second: 31_249.0,
            left: Duration::from_secs(72 * 60 + 59),
        };
        assert_eq!(
            line(figures),
            "update 12,400/50,000 · loss 4.21 · 31.2k tokens/s · 1h 12m left"
        );
        assert_eq!(
            line(Figures {
                update: 7,
                updates: 999,
                tokens_per_second: 950.4,
                left: Duration::from_secs(61),
                ..figures
            }),
            "update 7/999 · loss 4.21 · 950 tokens/s · 1m 01s left"
        );
    }
}
