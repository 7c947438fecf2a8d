//! `lite-eval cost`: parameters and Mult-Adds of a definition's architectures.

use experiments::{Definition, PaperNumbers};
use lite_eval::bench::vocabulary_sizes;
use lite_model::{ModelConfig, cost};
use serde::Serialize;

use super::{print_json, print_table};

/// Print parameters and Mult-Adds, counted as the paper counts, beside the published numbers
///
/// Parameters are without embedding tables (an output projection that is no embedding counts); Mult-Adds are without the
/// vocabulary projection and the convolutions' sums over taps.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval cost --exp wmt14-enfr-100M --source-length 100")]
pub struct Arguments {
    /// Experiment: a built-in name or a .toml file
    #[arg(long = "exp", value_name = "NAME")]
    experiment: String,
    /// One architecture, or all
    #[arg(long, value_name = "NAME", default_value = "all")]
    arch: String,
    /// Source tokens
    #[arg(long, value_name = "N", default_value_t = cost::PAPER_LENGTH)]
    source_length: usize,
    /// Target tokens
    #[arg(long, value_name = "N", default_value_t = cost::PAPER_LENGTH)]
    target_length: usize,
    /// Pieces of both vocabularies, or SOURCE,TARGET [default: the definition's]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    vocabulary: Vec<usize>,
    /// Change a value of the definition
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Cost {
    experiment: String,
    arch: String,
    source_length: usize,
    target_length: usize,
    parameters: cost::Parameters,
    mult_adds: u64,
    published: PaperNumbers,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let definition = Definition::load(&arguments.experiment, &arguments.overrides)?;
    let sizes = vocabulary_sizes(&definition, &arguments.vocabulary)?;
    let mut costs = Vec::new();
    for arch in definition.select_archs(&arguments.arch)? {
        let config: ModelConfig = definition.section(&format!("arch.{arch}"))?;
        config.validate(sizes)?;
        costs.push(Cost {
            experiment: definition.name.clone(),
            source_length: arguments.source_length,
            target_length: arguments.target_length,
            parameters: cost::parameters(&config, sizes),
            mult_adds: cost::mult_adds(&config, arguments.source_length, arguments.target_length),
            published: definition.paper(&arch).unwrap_or_default(),
            arch,
        });
    }
    if arguments.json {
        return costs.iter().try_for_each(print_json);
    }
    let millions = |value: f64| format!("{:.2}M", value / 1e6);
    let published = |value: Option<f64>| value.map_or_else(|| "-".into(), millions);
    let is_paper_length = [arguments.source_length, arguments.target_length] == [cost::PAPER_LENGTH; 2];
    let rows = costs.iter().map(|cost| {
        vec![
            cost.arch.clone(),
            millions(cost.parameters.counted as f64),
            published(cost.published.parameters),
            millions(cost.parameters.total as f64),
            millions(cost.mult_adds as f64),
            published(cost.published.mult_adds.filter(|_| is_paper_length)),
        ]
    });
    let header = [
        "architecture",
        "parameters",
        "published",
        "with embeddings",
        "Mult-Adds",
        "published",
    ];
    print_table(&header, &rows.collect::<Vec<_>>())
}
