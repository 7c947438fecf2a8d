//! How far a score or a difference can be trusted: bootstrap resampling of lines (Koehn 2004), as sacreBLEU's
//! `--confidence` and `--paired-bs` do it, with the same lines drawn for the same seed.
//!
//! sacreBLEU adds and divides resampled numbers in single precision, this in double: means and intervals differ in the
//! seventh digit. For two systems that are equal in every resample sacreBLEU says p = 1/1001; here it is 1.

use experiments::{Difference, Interval, Score};
use rayon::prelude::*;

use super::lines::Lines;
use crate::numpy::Generator;

/// The share of resamples between the ends of an interval.
const LEVEL: f64 = 0.95;

/// How lines are resampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// How many corpora are drawn, 1 or more. Default: 1000
    pub n_resamples: usize,
    /// Seed of the draws. Default: 12345, sacreBLEU's
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            n_resamples: 1000,
            seed: 12345,
        }
    }
}

impl Bootstrap {
    /// The scores with their confidence intervals.
    pub fn confidence(self, all: &[Lines]) -> Vec<Score> {
        let samples = self.resample(&all.iter().collect::<Vec<_>>());
        let scores = all.iter().zip(&samples);
        scores
            .map(|(lines, samples)| self.with_interval(lines, samples))
            .collect()
    }

    /// The scores of a system and of a baseline with their intervals, and metric by metric what lies between the two.
    ///
    /// # Panics
    ///
    /// If the two were not measured by the same metrics over as many lines.
    pub fn paired(self, system: &[Lines], baseline: &[Lines]) -> (Vec<Score>, Vec<Score>, Vec<Difference>) {
        assert_eq!(system.len(), baseline.len(), "the same metrics");
        let all: Vec<&Lines> = system.iter().chain(baseline).collect();
        let samples = self.resample(&all);
        let scores = all.iter().zip(&samples);
        let mut scores: Vec<Score> = scores
            .map(|(lines, samples)| self.with_interval(lines, samples))
            .collect();
        let baseline_scores = scores.split_off(system.len());
        let (samples, baseline_samples) = samples.split_at(system.len());
        let comparisons = (0..system.len()).map(|i| {
            assert_eq!(system[i].metric(), baseline[i].metric(), "the same metrics");
            let name = &scores[i].name;
            let difference = scores[i].value - baseline_scores[i].value;
            compare(
                name,
                difference,
                samples[i].iter().zip(&baseline_samples[i]).map(|(a, b)| a - b),
            )
        });
        let comparisons = comparisons.collect();
        (scores, baseline_scores, comparisons)
    }

    /// What lies, metric by metric, between the mean scores of a system and of a baseline that were trained several times.
    ///
    /// # Panics
    ///
    /// If one of them has no run, or two runs were not measured by the same metrics over as many lines.
    pub fn between(self, system: &[Vec<Lines>], baseline: &[Vec<Lines>]) -> Vec<Difference> {
        let n_metrics = system.first().expect("a run of the system").len();
        assert!(!baseline.is_empty(), "a run of the baseline");
        let runs = || system.iter().chain(baseline);
        assert!(runs().all(|run| run.len() == n_metrics), "the same metrics");
        let all: Vec<&Lines> = runs().flatten().collect();
        let samples = self.resample(&all);
        let mean = |values: &mut dyn ExactSizeIterator<Item = f64>| {
            let n = values.len() as f64;
            values.sum::<f64>() / n
        };
        (0..n_metrics)
            .map(|i| {
                let metric = system[0][i].metric();
                assert!(runs().all(|run| run[i].metric() == metric), "the same metrics");
                let of_metric: Vec<&Vec<f64>> = samples.iter().skip(i).step_by(n_metrics).collect();
                let (of_system, of_baseline) = of_metric.split_at(system.len());
                let differences = (0..self.n_resamples).map(|draw| {
                    mean(&mut of_system.iter().map(|samples| samples[draw]))
                        - mean(&mut of_baseline.iter().map(|samples| samples[draw]))
                });
                let score = |run: &Vec<Lines>| run[i].score().value;
                let found = mean(&mut system.iter().map(score)) - mean(&mut baseline.iter().map(score));
                compare(metric.name(), found, differences)
            })
            .collect()
    }

    /// The scores of the corpora that are drawn, for each of `all`; a draw takes the same lines of each.
    fn resample(self, all: &[&Lines]) -> Vec<Vec<f64>> {
        let n = all.first().map_or(0, |lines| lines.len());
        assert!(all.iter().all(|lines| lines.len() == n), "as many lines of each");
        let n_lines = u32::try_from(n).expect("fewer than 2^32 lines are in memory");
        let mut generator = Generator::new(self.seed);
        let mut drawn = vec![0; n];
        let mut samples = vec![Vec::with_capacity(self.n_resamples); all.len()];
        for _ in 0..self.n_resamples {
            drawn.fill_with(|| generator.below(n_lines) as usize);
            samples
                .par_iter_mut()
                .zip(all)
                .for_each(|(samples, lines)| samples.push(lines.value(drawn.iter().copied())));
        }
        samples
    }

    fn with_interval(self, lines: &Lines, samples: &[f64]) -> Score {
        let score = lines.score();
        // sacreBLEU's place for them in a signature.
        let drawn = format!("nrefs:1|bs:{}|seed:{}|", self.n_resamples, self.seed);
        Score {
            signature: score.signature.replacen("nrefs:1|", &drawn, 1),
            confidence: Some(interval(samples)),
            ..score
        }
    }
}

/// sacreBLEU: a fortieth of the resamples lies outside at each end.
fn interval(samples: &[f64]) -> Interval {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let outside = sorted.len() / 40;
    Interval {
        low: sorted[outside],
        high: sorted[sorted.len() - outside - 1],
        level: LEVEL,
    }
}

/// Of the difference that was found, and those of the corpora that were drawn.
fn compare(name: &str, difference: f64, differences: impl Iterator<Item = f64>) -> Difference {
    let differences: Vec<f64> = differences.collect();
    Difference {
        name: name.into(),
        difference,
        confidence: interval(&differences),
        p_value: p_value(&differences, difference),
    }
}

/// sacreBLEU's `paired_bs`: how often the absolute differences of resamples, moved so that their mean is 0, exceed the
/// one that was found. The ones that are added keep p above 0.
fn p_value(differences: &[f64], found: f64) -> f64 {
    if differences.iter().all(|&difference| difference == 0.0) {
        return 1.0;
    }
    let n = differences.len() as f64;
    let mean = differences.iter().map(|difference| difference.abs()).sum::<f64>() / n;
    let n_larger = differences
        .iter()
        .filter(|difference| difference.abs() - mean > found.abs())
        .count();
    (n_larger as f64 + 1.0) / (n + 1.0)
}
