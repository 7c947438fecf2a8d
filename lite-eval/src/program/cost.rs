//! `lite-eval cost`: parameters and Mult-Adds of definitions, beside the published numbers.

use std::io::{self, Write};

use clap::ValueEnum;
use experiments::{Definition, DefinitionError};
use lite_eval::cost::{CostError, CostRow, Quantity, Request, parts, published, rows, totals};
use lite_eval::text_table;
use lite_model::cost::Convention;

use super::errors::usage_if;
use super::print_json;

/// Print parameters and Mult-Adds beside the published numbers
///
/// `parameters` and `Mult-Adds` are counted as the paper counts: without embedding tables (an output projection that is no
/// embedding counts), vocabulary projection, softmax, biases, activations, and the sums over taps of lightweight and
/// dynamic convolutions; attention is the full square. `all` leaves nothing out. `base by ours` is transformer base's
/// Mult-Adds divided by the row's.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval cost --paper\n  \
                        lite-eval cost --exp wmt14-enfr-base --parts\n  \
                        lite-eval cost --exp wmt14-enfr-100M --source-length 100")]
pub struct Arguments {
    /// Experiment: a built-in name or a .toml file; may be repeated
    #[arg(long = "exp", value_name = "NAME", required_unless_present = "paper")]
    experiments: Vec<String>,
    /// Every experiment and architecture with published Mult-Adds: the rows of the paper's tables
    #[arg(long, conflicts_with_all = ["experiments", "arch", "overrides"])]
    paper: bool,
    /// One architecture, or all
    #[arg(long, value_name = "NAME", default_value = "all")]
    arch: String,
    /// Source tokens [default: the publication's, else 30]
    #[arg(long, alias = "src-len", value_name = "N")]
    source_length: Option<usize>,
    /// Target tokens, or those of a language model's text [default: the publication's, else 30]
    #[arg(long, alias = "tgt-len", value_name = "N")]
    target_length: Option<usize>,
    /// Entries of both vocabularies, or SOURCE,TARGET [default: the publication's, else the definition's]
    #[arg(long, alias = "vocab", value_name = "N", value_delimiter = ',')]
    vocabulary: Vec<usize>,
    /// Change a value of the definition
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Split by stack and part too
    #[arg(long)]
    parts: bool,
    /// How tables are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print JSON, a row a line, parts included
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, Default)]
enum Format {
    #[default]
    Text,
    Markdown,
    Latex,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rows = all_rows(arguments)?;
    if arguments.json {
        return rows.iter().try_for_each(print_json);
    }
    let format = match arguments.format {
        Format::Text => text_table::Format::Text,
        Format::Markdown => text_table::Format::Markdown,
        Format::Latex => text_table::Format::Latex,
    };
    let mut out = io::stdout().lock();
    write!(out, "{}", totals(&rows).render(format))?;
    if arguments.parts {
        for (title, quantity, convention) in [
            ("Mult-Adds as the paper counts", Quantity::MultAdds, Convention::AsPaper),
            ("All Mult-Adds", Quantity::MultAdds, Convention::Everything),
            ("All parameters", Quantity::Parameters, Convention::Everything),
        ] {
            let table = parts(&rows, quantity, convention).render(format);
            write!(out, "\n{title}\n\n{table}")?;
        }
    }
    Ok(())
}

fn all_rows(arguments: &Arguments) -> anyhow::Result<Vec<CostRow>> {
    let request = Request {
        source_length: arguments.source_length,
        target_length: arguments.target_length,
        vocabulary: arguments.vocabulary.clone(),
    };
    let selected = if arguments.paper {
        published()?
    } else {
        let load = |name: &String| {
            let definition = Definition::load(name, &arguments.overrides)?;
            let archs = definition.select_archs(&arguments.arch)?;
            anyhow::Ok((definition, archs))
        };
        arguments.experiments.iter().map(load).collect::<Result<_, _>>()?
    };
    // What is wrong with an architecture is the command line's if that changed it.
    let is_changed = !arguments.overrides.is_empty() || !arguments.vocabulary.is_empty();
    let is_of_definition = |error: &_| matches!(error, CostError::Definition(DefinitionError::Invalid { .. }));
    let blame = |error: CostError| usage_if(is_changed && is_of_definition(&error))(error);
    let mut found = Vec::new();
    for (definition, archs) in &selected {
        for arch in archs {
            found.extend(rows(definition, arch, &request).map_err(blame)?);
        }
    }
    Ok(found)
}
