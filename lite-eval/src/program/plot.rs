//! `lite-eval plot`: learning curves, from records.

use experiments::Record;
use lite_eval::plot::figures;

use super::ResultsArguments;
use super::tables::publish;

/// Draw the learning curves of the records into results/figures/EXPERIMENT.svg
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
    let figures = figures(&Record::read_all(results)?)?;
    let folder = results.join("figures");
    let files: Vec<_> = figures
        .into_iter()
        .map(|(name, svg)| (folder.join(name), svg))
        .collect();
    publish(&files, arguments.check, "lite-eval plot")
}
