//! What a score is computed from, line by line: the numbers of a corpus are the sums of those of its lines, so any
//! choice of lines can be scored without reading the text again.

use experiments::Score;
use rayon::prelude::*;

use super::tokenised::{self, Statistics};
use super::{Metric, MetricError, MetricSettings, chrf, compound, rouge, sacre, ter};

/// The largest table of the words of a hypothesis against those of its reference. TER and ROUGE-Lsum lay it out in memory, TER
/// with 16 bytes a cell, and lines are scored side by side.
pub(super) const MOST_CELLS: usize = 9_000_000;

/// The numbers of each line for one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    metric: Metric,
    signature: String,
    width: usize,
    /// `width` numbers a line.
    rows: Vec<f64>,
}

impl Lines {
    /// Counts what `metric` needs of parallel lines.
    pub fn new(
        metric: Metric,
        hypotheses: &[String],
        references: &[String],
        settings: &MetricSettings,
    ) -> Result<Self, MetricError> {
        check_parallel(hypotheses, references)?;
        check_lengths(metric, hypotheses, references, settings)?;
        let lowercase = settings.lowercase;
        let (signature, width, rows) = match metric {
            Metric::Bleu => {
                let rows = tokenised::sentences(hypotheses, references, lowercase);
                (tokenised::signature(lowercase, false), tokenised::WIDTH, flat(rows))
            }
            Metric::BleuCompound => {
                let (left, right) = (compound::split_all(hypotheses), compound::split_all(references));
                let rows = tokenised::sentences(&left, &right, lowercase);
                (tokenised::signature(lowercase, true), tokenised::WIDTH, flat(rows))
            }
            Metric::SacreBleu => {
                let metric = sacre::metric(settings.tokenize, lowercase);
                let rows = each(hypotheses, references, |h, r| sacre::line(&metric, h, r));
                (metric.signature(1), sacre::WIDTH, rows)
            }
            Metric::Chrf => {
                let rows = each(hypotheses, references, |h, r| chrf::line(h, r, lowercase));
                (chrf::signature(lowercase), chrf::WIDTH, rows)
            }
            Metric::Ter => (ter::signature(), ter::WIDTH, each(hypotheses, references, ter::line)),
            Metric::Rouge1 | Metric::Rouge2 | Metric::RougeL | Metric::RougeLSum => {
                let scorer = rouge::Rouge::new(metric, settings);
                let rows = each(hypotheses, references, |h, r| scorer.line(h, r));
                (scorer.signature(settings), rouge::WIDTH, rows)
            }
        };
        Ok(Self {
            metric,
            signature,
            width,
            rows,
        })
    }

    /// What is measured.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// How many lines there are: one or more.
    pub fn len(&self) -> usize {
        self.rows.len() / self.width
    }

    /// Never: without lines there is nothing to score.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The score of all lines with its name and signature.
    pub fn score(&self) -> Score {
        Score {
            name: self.metric.name().into(),
            value: self.value(0..self.len()),
            signature: self.signature.clone(),
            confidence: None,
        }
    }

    /// The score of a corpus of these lines; one may be in it more than once.
    pub fn value(&self, lines: impl IntoIterator<Item = usize>) -> f64 {
        let mut sums = vec![0.0; self.width];
        for line in lines {
            for (sum, number) in sums.iter_mut().zip(self.row(line)) {
                *sum += number;
            }
        }
        self.metric.value(&sums, false)
    }

    /// The score of one line, smoothed where the metric has a way of its own to score a sentence.
    pub fn line(&self, line: usize) -> f64 {
        self.metric.value(self.row(line), true)
    }

    fn row(&self, line: usize) -> &[f64] {
        &self.rows[line * self.width..][..self.width]
    }
}

impl Metric {
    fn value(self, sums: &[f64], is_line: bool) -> f64 {
        match self {
            Self::Bleu | Self::BleuCompound => {
                let statistics = Statistics::from_numbers(sums);
                if is_line {
                    statistics.sentence_bleu(tokenised::MAX_ORDER).value
                } else {
                    statistics.bleu(tokenised::MAX_ORDER).value
                }
            }
            Self::SacreBleu => sacre::value(sums, is_line),
            Self::Chrf => chrf::value(sums),
            Self::Ter => ter::value(sums),
            Self::Rouge1 | Self::Rouge2 | Self::RougeL | Self::RougeLSum => rouge::value(sums),
        }
    }
}

fn flat(rows: Vec<Statistics>) -> Vec<f64> {
    rows.iter().flat_map(Statistics::numbers).collect()
}

fn each<const WIDTH: usize>(
    hypotheses: &[String],
    references: &[String],
    row: impl Fn(&str, &String) -> [f64; WIDTH] + Sync,
) -> Vec<f64> {
    let pairs = hypotheses.par_iter().zip(references);
    pairs
        .flat_map_iter(|(hypothesis, reference)| row(hypothesis, reference))
        .collect()
}

fn check_parallel(hypotheses: &[String], references: &[String]) -> Result<(), MetricError> {
    if hypotheses.len() != references.len() {
        return Err(MetricError::Unequal {
            hypotheses: hypotheses.len(),
            references: references.len(),
        });
    }
    if hypotheses.is_empty() {
        Err(MetricError::Empty)
    } else {
        Ok(())
    }
}

/// Refuses lines whose table of words would be too large, where the metric has one.
fn check_lengths(
    metric: Metric,
    hypotheses: &[String],
    references: &[String],
    settings: &MetricSettings,
) -> Result<(), MetricError> {
    if !matches!(metric, Metric::Ter | Metric::RougeLSum) {
        return Ok(());
    }
    let n_words = |text: &str| match metric {
        Metric::Ter => ter::n_words(text),
        _ => rouge::n_words(text, settings.stem),
    };
    for (i, (hypothesis, reference)) in hypotheses.iter().zip(references).enumerate() {
        // A word has a byte or more.
        if hypothesis.len().saturating_mul(reference.len()) <= MOST_CELLS {
            continue;
        }
        let (hypothesis, reference) = (n_words(hypothesis), n_words(reference));
        if hypothesis.saturating_mul(reference) > MOST_CELLS {
            return Err(MetricError::TooLong {
                line: i + 1,
                hypothesis,
                reference,
                metric: metric.name(),
            });
        }
    }
    Ok(())
}
