//! `lite-eval compare`: whether the architectures of an experiment differ, from their records.

use anyhow::ensure;
use experiments::Definition;
use lite_data::DataConfig;
use lite_data::progress::Stderr;
use lite_eval::compare::compare_all;
use lite_eval::evaluate::Split;
use lite_eval::metrics::bootstrap::Bootstrap;

use super::{BootstrapArguments, CorpusArguments, ResultsArguments, print_json, print_table};

/// Compare the architectures of an experiment with its transformer, and write what the tables say of it
///
/// A paired bootstrap over the lines of the test set (Koehn 2004) of the translations in the records; of several seeds it
/// compares the mean scores. The corpus is prepared where it is not, for its references. lite-train does this when it ends.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval compare --exp multi30k-enfr")]
pub struct Arguments {
    /// Experiment: a built-in name or the path of a .toml file
    #[arg(long, value_name = "NAME")]
    exp: String,
    #[command(flatten)]
    bootstrap: BootstrapArguments,
    #[command(flatten)]
    corpus: CorpusArguments,
    #[command(flatten)]
    results: ResultsArguments,
    /// Print JSON, a comparison a line
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let definition = Definition::load(&arguments.exp, &[])?;
    let data: DataConfig = definition.section("data")?;
    let prepared = arguments.corpus.prepare(&data, &Stderr::default())?;
    let references = prepared.references(Split::Test.name())?;
    let bootstrap = Bootstrap::from(&arguments.bootstrap);
    let results = &arguments.results.results;
    let found = compare_all(results, &definition.name, &prepared.hash, &references, bootstrap)?;
    ensure!(
        !found.is_empty(),
        "`{}` has no translations of {} to compare: a transformer's and another architecture's of this corpus\n\
         hint: lite-train --exp {} trains and translates both",
        results.display(),
        definition.name,
        arguments.exp
    );
    let mut rows = Vec::new();
    for comparison in &found {
        let path = comparison.write(results)?;
        eprintln!(
            "{} against {}: `{}`",
            comparison.arch,
            comparison.baseline,
            path.display()
        );
        if arguments.json {
            print_json(comparison)?;
        }
        rows.extend(comparison.differences.iter().map(|difference| {
            vec![
                format!("{} against {}", comparison.arch, comparison.baseline),
                difference.name.clone(),
                format!("{:+.2}", difference.difference),
                format!(
                    "[{:+.2}, {:+.2}]",
                    difference.confidence.low, difference.confidence.high
                ),
                format!("{:.3}", difference.p_value),
            ]
        }));
    }
    if arguments.json {
        return Ok(());
    }
    print_table(&["", "metric", "difference", "95 %", "p"], &rows)
}
