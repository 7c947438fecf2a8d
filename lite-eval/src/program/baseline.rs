//! `lite-eval baseline`: summaries that are taken out of the text, scored as a model's are.

use anyhow::ensure;
use experiments::{Definition, Record, machine};
use lite_data::progress::Stderr;
use lite_data::{DataConfig, Progress, Units};
use lite_eval::baseline::Baseline;
use lite_eval::decode::DecodeConfig;
use lite_eval::evaluate::Split;
use serde_json::json;

use super::evaluate::SplitName;
use super::{CorpusArguments, ResultsArguments, print_json, print_table};

/// Score the first or longest turns or sentences of a text as its summary, and write records of the test set
///
/// Units are turns where the definition keeps line breaks (`line_break`), sentences elsewhere. longest-N takes those with
/// the most words, the longest first. The summaries are text of the corpus, so that a record holds their scores alone.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval baseline --exp samsum-100M --mirror ~/corpora")]
pub struct Arguments {
    /// Experiment: a built-in name or the path of a .toml file
    #[arg(long, value_name = "NAME")]
    exp: String,
    /// lead-N or longest-N; may be repeated [default: lead-3 and longest-3]
    #[arg(long, value_name = "KIND")]
    kind: Vec<Baseline>,
    /// Which split; of valid no record is written
    #[arg(long, default_value = "test")]
    split: SplitName,
    #[command(flatten)]
    corpus: CorpusArguments,
    #[command(flatten)]
    results: ResultsArguments,
    /// Change a value of the definition
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print JSON, a baseline a line
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let definition = Definition::load(&arguments.exp, &arguments.overrides)?;
    let data: DataConfig = definition.section("data")?;
    let decode = DecodeConfig::of(&definition)?;
    let progress = Stderr::default();
    let prepared = arguments.corpus.prepare(&data, &progress)?;
    let units = Units::of_sources(&data);
    let kinds = match arguments.kind.as_slice() {
        [] => &[Baseline::Lead(3), Baseline::Longest(3)],
        kinds => kinds,
    };
    let split = Split::from(arguments.split);
    let mut rows = Vec::new();
    for baseline in kinds {
        let found = baseline.evaluate(&prepared, &units, split, &decode)?;
        if split == Split::Test {
            let mut record: Record = found.record(&definition, &units, &prepared, machine());
            ensure!(
                definition.check_arch(&record.arch).is_err(),
                "`{}` is also an architecture of {}",
                record.arch,
                definition.name
            );
            // The summaries are text of the corpus, which is not ours to pass on; the rule makes them again.
            let path = record.write(&arguments.results.results, &[])?;
            progress.message(&format!("{baseline}: `{}`", path.display()));
        }
        if arguments.json {
            let kind = baseline.to_string();
            print_json(&json!({ "baseline": kind, "unit": units.name(), "split": split, "scores": found.scores }))?;
        }
        let scores = found.scores.iter().map(|score| format!("{:.2}", score.value));
        rows.push([baseline.to_string()].into_iter().chain(scores).collect());
    }
    if arguments.json {
        return Ok(());
    }
    let names = decode.metrics.iter().map(|metric| metric.name());
    let header: Vec<&str> = [split.name()].into_iter().chain(names).collect();
    print_table(&header, &rows)?;
    eprintln!("units: {}s", units.name());
    Ok(())
}
