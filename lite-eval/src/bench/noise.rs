//! What else kept the machine busy while something was timed, from `/proc`.

use std::fs;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Ticks of the kernel's accounting a second, the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Who else computed, each as a share of all cores' time.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Other processes of this machine.
    pub others: f64,
    /// Other machines on the same host, as far as it tells.
    pub stolen: f64,
}

impl Noise {
    /// What is worth a warning: more than a twentieth.
    const LOUD: f64 = 0.05;

    /// Says what disturbed a measurement, if anything did.
    pub fn warning(&self, spread: f64) -> Option<String> {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let mut reasons = Vec::new();
        if self.others > Self::LOUD {
            reasons.push(format!("other processes took {} of the cores", percent(self.others)));
        }
        if self.stolen > Self::LOUD {
            reasons.push(format!("the host took {}", percent(self.stolen)));
        }
        if spread > 4.0 * Self::LOUD {
            reasons.push(format!("repetitions differ by {}", percent(spread)));
        }
        (!reasons.is_empty()).then(|| format!("the machine is noisy: {}", reasons.join(", ")))
    }

    /// What the kernel counted between two moments, `seconds` apart on a machine of `n_cores`.
    fn between(before: Ticks, after: Ticks, seconds: f64, n_cores: f64) -> Self {
        let all = seconds * TICKS_PER_SECOND * n_cores;
        let share = |ticks: f64| (ticks / all).clamp(0.0, 1.0);
        let (busy, own) = (after.busy - before.busy, after.own - before.own);
        Self {
            others: share(busy - own),
            stolen: share(after.stolen - before.stolen),
        }
    }
}

/// A moment to compare a later one with.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    start: Instant,
    before: Ticks,
}

#[derive(Debug, Clone, Copy)]
struct Ticks {
    busy: f64,
    stolen: f64,
    own: f64,
}

impl Watch {
    /// Starts to watch, where there is a `/proc`.
    pub fn start() -> Option<Self> {
        Some(Self {
            start: Instant::now(),
            before: Ticks::now()?,
        })
    }

    /// What happened since; nothing can be said of less than a tenth of a second.
    pub fn stop(self) -> Option<Noise> {
        let seconds = self.start.elapsed().as_secs_f64();
        if seconds < 0.1 {
            return None;
        }
        let n_cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        Some(Noise::between(self.before, Ticks::now()?, seconds, n_cores))
    }
}

impl Ticks {
    fn now() -> Option<Self> {
        // user nice system idle iowait irq softirq steal
        let machine = fs::read_to_string("/proc/stat").ok()?;
        let fields = numbers(machine.lines().next()?.strip_prefix("cpu ")?);
        let [user, nice, system, _, _, irq, softirq, stolen, ..] = fields[..] else {
            return None;
        };
        // Behind the name, which may hold anything: state, ten numbers, then user and system ticks.
        let own = fs::read_to_string("/proc/self/stat").ok()?;
        let own = own.rsplit_once(')')?.1;
        let own = numbers(own.trim_start().split_once(' ')?.1);
        Some(Self {
            busy: user + nice + system + irq + softirq,
            stolen,
            own: own.get(10)? + own.get(11)?,
        })
    }
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().map_while(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_machine_is_worth_no_warning() {
        let quiet = Noise {
            others: 0.01,
            stolen: 0.0,
        };
        assert_eq!(quiet.warning(0.05), None);
        let loud = Noise {
            others: 0.42,
            stolen: 0.07,
        };
        assert_eq!(
            loud.warning(0.5).unwrap(),
            "the machine is noisy: other processes took 42 % of the cores, the host took 7 %, repetitions differ by 50 %"
        );
    }

    #[test]
    fn own_work_is_no_noise() {
        let ticks = |busy, stolen, own| Ticks { busy, stolen, own };
        // Two seconds of four cores are 800 ticks.
        let found = |after| {
            let Noise { others, stolen } = Noise::between(ticks(1000.0, 50.0, 300.0), after, 2.0, 4.0);
            [others, stolen]
        };
        assert_eq!(found(ticks(1500.0, 50.0, 800.0)), [0.0, 0.0]);
        assert_eq!(found(ticks(1500.0, 130.0, 600.0)), [0.25, 0.1]);
        // The two files are read one after the other, so that ours may be ahead.
        assert_eq!(found(ticks(1300.0, 50.0, 610.0)), [0.0, 0.0]);
        assert_eq!(found(ticks(9000.0, 9000.0, 300.0)), [1.0, 1.0]);
    }

    #[test]
    fn own_work_is_counted() {
        let Some(watch) = Watch::start() else { return };
        let mut x = 1u64;
        while watch.start.elapsed().as_secs_f64() < 0.15 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        assert_ne!(x, 0);
        let before = watch.before.own;
        let after = Ticks::now().unwrap().own;
        assert!(after > before, "{before} {after}");
        assert!(watch.stop().is_some());
    }
}
