//! `lite-eval metrics`: scores of a file of lines, and how it compares with another.

mod print;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use experiments::{Difference, Score};
use lite_eval::metrics::bootstrap::Bootstrap;
use lite_eval::metrics::differences::{LineDifference, largest};
use lite_eval::metrics::sacre::Tokenize;
use lite_eval::metrics::{Lines, Metric, MetricSettings};
use serde::Serialize;

use super::lines::read_lines;
use super::{BootstrapArguments, print_json};

/// Score translations or summaries against references, line by line
///
/// BLEU is the paper's: fairseq's score.py over the text's own tokens; "compounds split" is its variant for English-German.
/// sacreBLEU tokenises by itself; chrF2 and TER are sacreBLEU's. ROUGE is the F1 of rouge-score; ROUGE-Lsum is what
/// files2rouge calls ROUGE-L. Of TER less is better, of the others more.
///
/// With --baseline, two systems are compared by paired bootstrap resampling as sacreBLEU's --paired-bs does it: p is how
/// probable so large a difference would be if they were equally good.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    lite-eval metrics --metrics sacrebleu,ter,rouge \\\n    \
    --hypotheses lite-eval/tests/fixtures/summaries.system.txt \\\n    \
    --baseline lite-eval/tests/fixtures/summaries.baseline.txt \\\n    \
    --references lite-eval/tests/fixtures/summaries.references.txt")]
pub struct Arguments {
    /// File of translations
    #[arg(long, value_name = "FILE")]
    hypotheses: PathBuf,
    /// File of references, as many lines
    #[arg(long, alias = "reference", value_name = "FILE")]
    references: PathBuf,
    /// File of another system's translations to compare with
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Which scores, with commas between: bleu, bleu-compound, sacrebleu, chrf, ter, rouge1, rouge2, rougeL, rougeLsum
    /// or rouge for the last four; all if not given
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = named)]
    metrics: Vec<Named>,
    /// How sacreBLEU splits a line into tokens
    #[arg(long, value_name = "NAME", default_value = "13a")]
    tokenize: TokenizeName,
    /// Ignore case in BLEU and chrF; TER and ROUGE always do
    #[arg(long)]
    lowercase: bool,
    /// Compare stems in ROUGE
    #[arg(long)]
    stem: bool,
    /// Token that ends a sentence, for ROUGE-Lsum
    #[arg(long, value_name = "TOKEN", default_value = ".")]
    sentence_end: String,
    /// Add 95% confidence intervals by bootstrap resampling
    #[arg(long)]
    confidence: bool,
    #[command(flatten)]
    bootstrap: BootstrapArguments,
    /// With --baseline: show this many lines in which the systems differ most
    #[arg(long, value_name = "N", default_value_t = 3, requires = "baseline")]
    differences: usize,
    /// With --baseline: the score that says which lines these are
    #[arg(long, value_name = "NAME", default_value = "chrf", value_parser = named_one, requires = "baseline")]
    differences_by: Metric,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a key stands for.
#[derive(Debug, Clone)]
struct Named(Vec<Metric>);

fn named(key: &str) -> Result<Named, String> {
    let known = || format!("expected one of {}", Metric::KEYS.join(", "));
    Metric::named(key).map(Named).ok_or_else(known)
}

fn named_one(key: &str) -> Result<Metric, String> {
    match named(key)?.0[..] {
        [metric] => Ok(metric),
        _ => Err("that is several; name one of them".into()),
    }
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum TokenizeName {
    #[value(name = "13a")]
    V13a,
    Intl,
    Char,
    None,
}

impl From<TokenizeName> for Tokenize {
    fn from(name: TokenizeName) -> Self {
        match name {
            TokenizeName::V13a => Self::V13a,
            TokenizeName::Intl => Self::Intl,
            TokenizeName::Char => Self::Char,
            TokenizeName::None => Self::None,
        }
    }
}

#[derive(Serialize)]
struct Report {
    lines: usize,
    scores: Vec<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Against>,
}

/// The system beside the baseline.
#[derive(Serialize)]
struct Against {
    scores: Vec<Score>,
    comparisons: Vec<Difference>,
    differences_by: &'static str,
    differences: Vec<Shown>,
}

/// A line with its texts.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    scores: LineDifference,
    reference: String,
    system_text: String,
    baseline_text: String,
}

impl Arguments {
    fn metrics(&self) -> Vec<Metric> {
        let mut metrics: Vec<Metric> = Vec::new();
        for &metric in self.metrics.iter().flat_map(|named| &named.0) {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        if metrics.is_empty() {
            Metric::ALL.into()
        } else {
            metrics
        }
    }

    fn settings(&self) -> MetricSettings {
        MetricSettings {
            tokenize: self.tokenize.into(),
            lowercase: self.lowercase,
            stem: self.stem,
            sentence_end: self.sentence_end.clone(),
        }
    }

    fn count(
        &self,
        metrics: &[Metric],
        path: &Path,
        hypotheses: &[String],
        references: &[String],
    ) -> anyhow::Result<Vec<Lines>> {
        let settings = self.settings();
        let count = |&metric| Lines::new(metric, hypotheses, references, &settings);
        let place = || format!("`{}` against `{}`", path.display(), self.references.display());
        metrics.iter().map(count).collect::<Result<_, _>>().with_context(place)
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let hypotheses = read_lines(&arguments.hypotheses)?;
    let references = read_lines(&arguments.references)?;
    let metrics = arguments.metrics();
    let system = arguments.count(&metrics, &arguments.hypotheses, &hypotheses, &references)?;
    let mut report = Report {
        lines: hypotheses.len(),
        scores: Vec::new(),
        baseline: None,
    };
    if let Some(path) = &arguments.baseline {
        let texts = read_lines(path)?;
        let baseline = arguments.count(&metrics, path, &texts, &references)?;
        let by = [arguments.differences_by];
        let line_scores = arguments.count(&by, &arguments.hypotheses, &hypotheses, &references)?;
        let baseline_line_scores = arguments.count(&by, path, &texts, &references)?;
        let differences = largest(&line_scores[0], &baseline_line_scores[0], arguments.differences);
        let shown = differences.into_iter().map(|scores| Shown {
            scores,
            reference: references[scores.line - 1].clone(),
            system_text: hypotheses[scores.line - 1].clone(),
            baseline_text: texts[scores.line - 1].clone(),
        });
        let (scores, baseline_scores, comparisons) = Bootstrap::from(&arguments.bootstrap).paired(&system, &baseline);
        report.scores = scores;
        report.baseline = Some(Against {
            scores: baseline_scores,
            comparisons,
            differences_by: arguments.differences_by.name(),
            differences: shown.collect(),
        });
    } else if arguments.confidence {
        report.scores = Bootstrap::from(&arguments.bootstrap).confidence(&system);
    } else {
        report.scores = system.iter().map(Lines::score).collect();
    }
    if arguments.json {
        return print_json(&report);
    }
    match &report.baseline {
        Some(against) => print::comparison(&report.scores, against),
        None => print::scores(&report.scores),
    }
}
