//! The learning rate as a function of the number of updates done (fairseq `lr_scheduler/`).

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::config::TrainConfigError;

/// A linear warm-up, then a decay. Keys that the kind has no use for are ignored.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ScheduleConfig {
    /// The decay. Default: inverse-sqrt
    #[serde(default)]
    pub kind: ScheduleKind,
    /// The rate at the end of the warm-up. Default: 5e-4
    #[serde(default = "default::peak")]
    pub peak: f64,
    /// The rate of the first update. Default: 1e-7
    #[serde(default = "default::initial")]
    pub initial: f64,
    /// Updates of the warm-up. Default: 4000
    #[serde(default = "default::warmup")]
    pub warmup: u64,
    /// Cosine: the rate at the end of a period. Default: 0
    #[serde(default)]
    pub minimum: f64,
    /// Cosine: updates of the first period, counted after the warm-up. Default: the updates that the warm-up leaves
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// Cosine: how much longer each period is than the one before. Default: 1
    #[serde(default = "default::unit")]
    pub t_mult: f64,
    /// Cosine: what a new period multiplies peak and minimum by. Default: 1
    #[serde(default = "default::unit")]
    pub shrink: f64,
}

/// How the rate falls.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// With the inverse square root of the number of updates.
    #[default]
    InverseSqrt,
    /// Along half a cosine, again in each period.
    Cosine,
}

impl ScheduleConfig {
    /// The rate of the update that follows `n` updates, of `updates` in all.
    pub fn rate(&self, n: u64, updates: u64) -> f64 {
        if n < self.warmup {
            return self.initial + n as f64 * (self.peak - self.initial) / self.warmup as f64;
        }
        match self.kind {
            ScheduleKind::InverseSqrt => {
                // Without a warm-up the rate falls from the first update on.
                let n = n.max(1) as f64;
                self.peak * (self.warmup.max(1) as f64).sqrt() * n.powf(-0.5)
            }
            ScheduleKind::Cosine => self.cosine((n - self.warmup) as f64, updates),
        }
    }

    fn cosine(&self, n: f64, updates: u64) -> f64 {
        let period = self
            .period
            .unwrap_or_else(|| updates.saturating_sub(self.warmup))
            .max(1) as f64;
        let (cycle, length, position) = if self.t_mult == 1.0 {
            let cycle = (n / period).floor();
            (cycle, period, n - period * cycle)
        } else {
            // The lengths of the periods are a geometric series.
            let ratio = self.t_mult;
            let cycle = ((1.0 - n / period * (1.0 - ratio)).ln() / ratio.ln()).floor();
            let begin = (1.0 - ratio.powf(cycle)) / (1.0 - ratio) * period;
            (cycle, ratio.powf(cycle) * period, n - begin)
        };
        let shrink = self.shrink.powf(cycle);
        let (minimum, peak) = (self.minimum * shrink, self.peak * shrink);
        minimum + 0.5 * (peak - minimum) * (1.0 + (PI * position / length).cos())
    }

    pub(crate) fn validate(&self) -> Result<(), TrainConfigError> {
        for (key, value) in [
            ("schedule.peak", self.peak),
            ("schedule.initial", self.initial),
            ("schedule.minimum", self.minimum),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(TrainConfigError {
                    key,
                    found: value.to_string(),
                    expected: "0 or more".into(),
                });
            }
        }
        if !(self.shrink > 0.0 && self.shrink.is_finite()) {
            return Err(TrainConfigError {
                key: "schedule.shrink",
                found: self.shrink.to_string(),
                expected: "more than 0".into(),
            });
        }
        // Periods that grow shorter have a finite sum, after which there is no rate.
        if !(self.t_mult >= 1.0 && self.t_mult.is_finite()) {
            return Err(TrainConfigError {
                key: "schedule.t_mult",
                found: self.t_mult.to_string(),
                expected: "1 or more".into(),
            });
        }
        Ok(())
    }
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::default(),
            peak: default::peak(),
            initial: default::initial(),
            warmup: default::warmup(),
            minimum: 0.0,
            period: None,
            t_mult: default::unit(),
            shrink: default::unit(),
        }
    }
}

mod default {
    pub fn peak() -> f64 {
        5e-4
    }
    pub fn initial() -> f64 {
        1e-7
    }
    pub fn warmup() -> u64 {
        4000
    }
    pub fn unit() -> f64 {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The authors' schedulers, `lr[n]` after `n` updates.
    #[derive(Deserialize)]
    struct Reference {
        settings: Settings,
        lr: BTreeMap<u64, f64>,
    }

    #[derive(Deserialize)]
    struct Settings {
        lr_scheduler: String,
        lr: [f64; 1],
        warmup_updates: u64,
        warmup_init_lr: f64,
        max_lr: Option<f64>,
        t_mult: Option<f64>,
        lr_period_updates: Option<f64>,
        lr_shrink: Option<f64>,
    }

    impl Settings {
        fn schedule(&self) -> ScheduleConfig {
            let is_cosine = self.lr_scheduler == "cosine";
            // fairseq: the key `lr` is the cosine's minimum; an initial rate of -1 stands for `lr`.
            let initial = if self.warmup_init_lr < 0.0 {
                self.lr[0]
            } else {
                self.warmup_init_lr
            };
            ScheduleConfig {
                kind: if is_cosine {
                    ScheduleKind::Cosine
                } else {
                    ScheduleKind::InverseSqrt
                },
                peak: self.max_lr.unwrap_or(self.lr[0]),
                initial,
                warmup: self.warmup_updates,
                minimum: self.lr[0],
                period: self.lr_period_updates.map(|period| period as u64),
                t_mult: self.t_mult.unwrap_or(1.0),
                shrink: self.lr_shrink.unwrap_or(1.0),
            }
        }
    }

    #[test]
    fn rates_are_the_references() {
        let text = include_str!("../tests/golden/lr_schedules.json");
        let references: BTreeMap<String, Reference> = serde_json::from_str(text).unwrap();
        assert_eq!(references.len(), 7);
        for (name, reference) in references {
            let schedule = reference.settings.schedule();
            for (n, expected) in reference.lr {
                let rate = schedule.rate(n, 50_000);
                // Both sides are f64; powers and logarithms may differ in the last places.
                assert!(
                    (rate - expected).abs() <= 1e-12 * expected,
                    "{name}, {n}: {rate} and not {expected}"
                );
            }
        }
    }

    #[test]
    fn periods_that_shorten_are_refused() {
        let schedule = |t_mult| ScheduleConfig {
            kind: ScheduleKind::Cosine,
            warmup: 0,
            period: Some(1000),
            t_mult,
            ..Default::default()
        };
        assert!(schedule(0.5).rate(2000, 5000).is_nan());
        assert_eq!(
            schedule(0.5).validate().map_err(|error| error.key),
            Err("schedule.t_mult")
        );
        assert!(schedule(2.0).validate().is_ok());
    }

    #[test]
    fn a_cosine_without_a_period_ends_with_training() {
        let schedule = ScheduleConfig {
            kind: ScheduleKind::Cosine,
            warmup: 10,
            ..Default::default()
        };
        assert!(schedule.rate(99, 100) < 1e-3 * schedule.peak);
        assert_eq!(schedule.rate(10, 100), schedule.peak);
    }
}
