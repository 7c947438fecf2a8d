//! How long work tells what it is doing: on a terminal one moving line, elsewhere plain lines.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where messages and the state of long work go.
pub trait Progress: Sync {
    /// Something that a person should read once.
    fn message(&self, text: &str);
    /// A piece of work starts; `total` in the unit of `advance`, if it is known.
    fn begin(&self, what: &str, total: Option<u64>);
    /// `done` of the total is done.
    fn advance(&self, done: u64);
    /// The piece of work is over.
    fn end(&self);
}

/// Says nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn message(&self, _text: &str) {}
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _done: u64) {}
    fn end(&self) {}
}

/// Writes to stderr: a bar on a terminal, otherwise a line every ten seconds.
#[derive(Debug, Default)]
pub struct Stderr {
    work: Mutex<Option<Work>>,
}

#[derive(Debug)]
struct Work {
    what: String,
    total: Option<u64>,
    told: Instant,
    bar: Option<ProgressBar>,
}

impl Stderr {
    /// A new one; nothing is shown until work begins.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(&self, act: impl FnOnce(&mut Option<Work>)) {
        // A panic elsewhere must not hide messages: the state of a poisoned lock is still good.
        act(&mut self.work.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

impl Progress for Stderr {
    fn message(&self, text: &str) {
        self.with(|work| match work.as_ref().and_then(|work| work.bar.as_ref()) {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        });
    }

    fn begin(&self, what: &str, total: Option<u64>) {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let template = match total {
                Some(_) => "{msg} · {human_pos}/{human_len} · {eta} left",
                None => "{msg} · {human_pos} · {elapsed}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            bar
        });
        self.with(|work| {
            *work = Some(Work {
                what: what.to_owned(),
                total,
                told: Instant::now(),
                bar,
            })
        });
    }

    fn advance(&self, done: u64) {
        self.with(|work| {
            let Some(work) = work else { return };
            if let Some(bar) = &work.bar {
                bar.set_position(done);
            } else if work.told.elapsed() > Duration::from_secs(10) {
                work.told = Instant::now();
                match work.total {
                    Some(total) => eprintln!("{} · {done}/{total}", work.what),
                    None => eprintln!("{} · {done}", work.what),
                }
            }
        });
    }

    fn end(&self) {
        self.with(|work| {
            if let Some(bar) = work.take().and_then(|work| work.bar) {
                bar.finish_and_clear();
            }
        });
    }
}
