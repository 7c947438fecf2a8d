//! `lite-eval plot`: figures, from records.

use experiments::{CompressionRecord, Record};
use lite_eval::plot::{compression_figures, figures};

use super::ResultsArguments;
use super::tables::publish;

/// Draw the records: learning curves into results/figures/EXPERIMENT.svg, and scores of compressed models over their size into
/// EXPERIMENT-compression.svg beside it
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval plot --results results")]
pub struct Arguments {
    #[command(flatten)]
    results: ResultsArguments,
    /// Change nothing; fail if a figure is not what the records say
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let results = &arguments.results.results;
    let mut figures = figures(&Record::read_all(results)?)?;
    figures.extend(compression_figures(&CompressionRecord::read_all(results)?)?);
    let folder = results.join("figures");
    let files: Vec<_> = figures
        .into_iter()
        .map(|(name, svg)| (folder.join(name), svg))
        .collect();
    publish(&files, arguments.check, "lite-eval plot")
}
