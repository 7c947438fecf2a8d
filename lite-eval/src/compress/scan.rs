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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A matrix from which every sensitivity takes more than the one before.
    fn weights() -> Weights {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let values = (1..=64).map(|i| (i * i) as f32 * if i % 2 == 0 { 1.0 } else { -1.0 });
        let matrix = ("encoder.layers.0.fc1.weight".to_owned(), vec![8, 8], values.collect());
        lite_model::weights::write(&[matrix], &path).unwrap();
        Weights::read(&path).unwrap()
    }

    /// Scans with these scores for one sensitivity after the other, of which a tenth may be lost. Returns what is chosen, and how
    /// many of the scores were asked for.
    fn scan_of(scores: &[f64], less_is_better: bool) -> (f64, usize) {
        let settings = ScanSettings {
            tolerance: 0.1,
            less_is_better,
        };
        let mut left = scores.iter();
        let mut scored = Vec::new();
        let (chosen, points) = scan(&weights(), settings, |pruned| {
            scored.push(pruned.sparsity());
            Ok::<_, Infallible>(*left.next().unwrap())
        })
        .unwrap();
        let found: Vec<(f64, f64)> = points.iter().map(|point| (point.sparsity, point.score)).collect();
        let expected: Vec<(f64, f64)> = scored.iter().copied().zip(scores.iter().copied()).collect();
        assert_eq!(found, expected);
        // A score is that of weights of which ever more are zero; of the first none are.
        assert!(scored[0] == 0.0 && scored.is_sorted_by(|a, b| a < b), "{scored:?}");
        (chosen, points.len())
    }

    #[test]
    fn the_last_sensitivity_within_the_tolerance_is_chosen() {
        for (scores, expected) in [
            // One that loses too much is passed over, two in a row end the scan, whatever would come.
            (&[60.0, 59.95, 59.85, 59.92, 59.0, 58.9, 70.0][..], (0.3, 6)),
            (&[60.0, 59.0, 59.0, 60.0], (0.0, 3)),
            // A loss is one against codes alone, also where each step loses little.
            (&[60.0, 59.96, 59.92, 59.88, 59.84, 60.0], (0.2, 5)),
            // What is gained is not lost, and raises no bar.
            (&[60.0, 70.0, 59.95, 59.0, 59.0], (0.2, 5)),
            (&[60.0; 30], (2.0, 21)),
        ] {
            assert_eq!(scan_of(scores, false), expected, "{scores:?}");
            let mirrored: Vec<f64> = scores.iter().map(|score| 120.0 - score).collect();
            assert_eq!(scan_of(&mirrored, true), expected, "{mirrored:?}");
        }
    }
}
