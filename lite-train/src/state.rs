//! Where a run stands: everything beside weights and moments that the next update depends on.

use std::path::Path;

use experiments::CurvePoint;
use serde::{Deserialize, Serialize};

use crate::config::{EarlyStoppingConfig, Selection, StoppingMetric};

/// The state of a run after an update.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
pub struct TrainState {
    /// Updates done.
    pub update: u64,
    /// The pass over the data that the next update belongs to.
    pub epoch: u64,
    /// The next update's number within it.
    pub next: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// Target tokens trained on.
    pub target_tokens: u64,
    /// Seconds of training, over all restarts.
    pub seconds: f64,
    /// Tokens that were computed at once, which what dropout draws depends on; 0 before the first checkpoint.
    #[serde(default)]
    pub tokens_per_batch: u64,
    /// The devices that computed, which it depends on too.
    #[serde(default)]
    pub devices: String,
    /// Training loss since the last validation.
    pub window: Window,
    /// The best validation so far, by the definition's `select`.
    pub best: Option<Best>,
    /// What early stopping has seen.
    pub patience: Patience,
    /// The learning curve.
    pub curve: Vec<CurvePoint>,
}

/// Summed training loss of some updates.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Default)]
pub struct Window {
    /// Label-smoothed loss.
    pub loss: f64,
    /// Negative log-likelihood.
    pub nll: f64,
    /// Target tokens.
    pub tokens: u64,
}

/// A validation that was better than all before.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// After which update.
    pub update: u64,
    /// Its loss, or its BLEU.
    pub value: f64,
}

/// What early stopping remembers.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Default)]
pub struct Patience {
    /// The best value so far.
    pub best: Option<f64>,
    /// Validations since.
    pub waited: u64,
    /// Whether that were too many.
    pub is_over: bool,
}

impl Window {
    /// Adds an update's sums.
    pub fn add(&mut self, loss: f64, nll: f64, tokens: u64) {
        self.loss += loss;
        self.nll += nll;
        self.tokens += tokens;
    }

    /// Mean loss a token; 0 of nothing.
    pub fn mean_loss(&self) -> f64 {
        if self.tokens == 0 {
            0.0
        } else {
            self.loss / self.tokens as f64
        }
    }
}

impl TrainState {
    /// Takes note of a validation. Says whether it is the best so far.
    pub fn add_validation(&mut self, point: CurvePoint, select: Selection, stopping: &EarlyStoppingConfig) -> bool {
        self.curve.push(point);
        self.window = Window::default();
        let metric = match stopping.metric {
            StoppingMetric::None => None,
            StoppingMetric::Loss => Some(Selection::Loss),
            StoppingMetric::Bleu => Some(Selection::Bleu),
        };
        if let Some(metric) = metric {
            let value = value_of(&point, metric);
            if is_better(value, self.patience.best, metric) {
                self.patience.best = Some(value);
                self.patience.waited = 0;
            } else {
                self.patience.waited += 1;
                self.patience.is_over = self.patience.waited >= stopping.patience;
            }
        }
        let value = value_of(&point, select);
        let is_best = is_better(value, self.best.map(|best| best.value), select);
        if is_best {
            self.best = Some(Best {
                update: point.update,
                value,
            });
        }
        is_best
    }

    /// Reads `state.json`.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// Writes `state.json`.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, serde_json::to_vec_pretty(self)?)
    }
}

fn value_of(point: &CurvePoint, metric: Selection) -> f64 {
    match metric {
        Selection::Loss => point.valid_loss,
        Selection::Bleu => point.valid_bleu.unwrap_or(0.0),
    }
}

/// What is no number is never better: nothing could be better than it later.
fn is_better(value: f64, best: Option<f64>, metric: Selection) -> bool {
    value.is_finite()
        && best.is_none_or(|best| match metric {
            Selection::Loss => value < best,
            Selection::Bleu => value > best,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(update: u64, loss: f64, bleu: f64) -> CurvePoint {
        CurvePoint {
            update,
            tokens: 0,
            seconds: 0.1,
            train_loss: 1.0 / 3.0,
            valid_loss: loss,
            valid_perplexity: 1.0,
            valid_bleu: Some(bleu),
        }
    }

    #[test]
    fn the_best_is_kept_and_patience_runs_out() {
        let mut state = TrainState::default();
        let stopping = EarlyStoppingConfig {
            metric: StoppingMetric::Bleu,
            patience: 2,
        };
        let mut add = |update, loss, bleu| state.add_validation(point(update, loss, bleu), Selection::Loss, &stopping);
        assert!(add(1, 3.0, 10.0));
        assert!(add(2, 2.0, 9.0));
        assert!(!add(3, 2.0, 11.0));
        assert!(!add(4, 2.5, 11.0));
        assert!(add(5, 1.5, 11.0));
        assert_eq!(state.best, Some(Best { update: 5, value: 1.5 }));
        assert!(state.patience.is_over);
    }

    #[test]
    fn a_loss_that_is_no_number_is_never_best_and_can_be_read_again() {
        let mut state = TrainState::default();
        let stopping = EarlyStoppingConfig {
            metric: StoppingMetric::Loss,
            patience: 3,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for (update, loss, is_best) in [(1, f64::NAN, false), (2, f64::INFINITY, false), (3, 2.0, true)] {
            assert_eq!(
                state.add_validation(point(update, loss, 0.0), Selection::Loss, &stopping),
                is_best
            );
            state.write(&path).unwrap();
            assert_eq!(TrainState::read(&path).unwrap().best, state.best);
        }
        assert_eq!(state.patience.best, Some(2.0));
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let mut state = TrainState {
            update: 3,
            seconds: 0.1 + 0.2,
            seed: u64::MAX,
            ..Default::default()
        };
        state.window.add(1.0 / 3.0, 1e-300, 7);
        state.add_validation(
            point(3, 0.1, 1e22 / 3.0),
            Selection::Loss,
            &EarlyStoppingConfig::default(),
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        state.write(&path).unwrap();
        assert_eq!(TrainState::read(&path).unwrap(), state);
    }
}
