//! Which sensitivity of pruning the validation set bears (Han et al. 2015 find it by layer; here one number serves all, since
//! it is relative to each layer's own spread).

use experiments::ScanPoint;

use super::weights::Weights;

/// Sensitivities that are tried, in standard deviations: each a step above the one before.
const STEP: f64 = 0.1;
/// At this one a normal distribution keeps 5 % of its weights.
const LAST: f64 = 2.0;
/// The scan ends behind as many in a row that lose too much: one alone may be chance.
const ENOUGH: usize = 2;

/// What a scan is to find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanSettings {
    /// How much of the main score may be lost.
    pub tolerance: f64,
    /// Whether less of the score is better.
    pub less_is_better: bool,
}

/// Tries ever higher sensitivities. The first point is that of codes alone; the sensitivity is the highest whose score is within
/// the tolerance of it.
pub fn scan<E>(
    weights: &Weights,
    settings: ScanSettings,
    mut score: impl FnMut(&Weights) -> Result<f64, E>,
) -> Result<(f64, Vec<ScanPoint>), E> {
    let mut points: Vec<ScanPoint> = Vec::new();
    let mut chosen = 0.0;
    let mut n_lost = 0;
    let mut step = 0;
    while f64::from(step) * STEP <= LAST && n_lost < ENOUGH {
        // A multiple, so that the numbers are those that are printed.
        let sensitivity = f64::from(step) / (1.0 / STEP).round();
        let pruned = weights.clone().pruned(sensitivity);
        let point = ScanPoint {
            sensitivity,
            sparsity: pruned.sparsity(),
            score: score(&pruned)?,
        };
        let first = points.first().map_or(point.score, |first| first.score);
        let lost = match settings.less_is_better {
            true => point.score - first,
            false => first - point.score,
        };
        points.push(point);
        if lost <= settings.tolerance {
            chosen = sensitivity;
            n_lost = 0;
        } else {
            n_lost += 1;
        }
        step += 1;
    }
    Ok((chosen, points))
}
