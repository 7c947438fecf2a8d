//! `lite-eval metrics`: scores of two files of lines.

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use experiments::Score;
use lite_eval::metrics::sacre::Tokenize;
use lite_eval::metrics::{Metric, MetricSettings, score};
use serde::Serialize;

use super::{print_json, print_table, read_lines};

/// Score translations against references, line by line
///
/// BLEU is the paper's: fairseq's score.py over the text's own tokens; "compounds split" is its variant for English-German.
/// sacreBLEU tokenises by itself.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval metrics --hypotheses output.fr --references test.fr")]
pub struct Arguments {
    /// File of translations
    #[arg(long, value_name = "FILE")]
    hypotheses: PathBuf,
    /// File of references, as many lines
    #[arg(long, value_name = "FILE")]
    references: PathBuf,
    /// How sacreBLEU splits a line into tokens
    #[arg(long, value_name = "NAME", default_value = "13a")]
    tokenize: TokenizeName,
    /// Ignore case
    #[arg(long)]
    lowercase: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
struct Scores {
    lines: usize,
    scores: Vec<Score>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let hypotheses = read_lines(&arguments.hypotheses)?;
    let references = read_lines(&arguments.references)?;
    let settings = MetricSettings {
        tokenize: arguments.tokenize.into(),
        lowercase: arguments.lowercase,
    };
    let place = || {
        format!(
            "`{}` against `{}`",
            arguments.hypotheses.display(),
            arguments.references.display()
        )
    };
    let scores: Result<Vec<Score>, _> = Metric::ALL
        .iter()
        .map(|&metric| score(metric, &hypotheses, &references, &settings))
        .collect();
    let scores = scores.with_context(place)?;
    if arguments.json {
        return print_json(&Scores {
            lines: hypotheses.len(),
            scores,
        });
    }
    let rows = scores
        .into_iter()
        .map(|score| vec![score.name, format!("{:.2}", score.value), score.signature]);
    print_table(&["score", "value", "signature"], &rows.collect::<Vec<_>>())
}
