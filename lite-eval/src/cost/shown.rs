//! Rows of costs as tables.

use lite_model::cost::{Convention, Count, Part, StackCost};

use super::CostRow;
use crate::tables::count;
use crate::text_table::TextTable;

/// Totals of all rows beside the published numbers.
pub fn totals(rows: &[CostRow]) -> TextTable {
    let header = [
        "experiment",
        "architecture",
        "tokens",
        "parameters",
        "paper",
        "difference",
        "Mult-Adds",
        "paper",
        "difference",
        "base by ours",
        "all parameters",
        "all Mult-Adds",
    ];
    let mut table = TextTable::new(&header, 2);
    for row in rows {
        let parameters = row.as_paper.total.parameters as f64;
        let mult_adds = row.mult_adds as f64;
        let [experiment, arch, tokens] = row.names();
        table.push(vec![
            experiment,
            arch,
            tokens,
            count(parameters),
            published_count(row.published.parameters),
            difference(parameters, row.published.parameters),
            count(mult_adds),
            published_count(row.published_mult_adds),
            difference(mult_adds, row.published_mult_adds),
            row.base_by_ours.map_or_else(dash, |ratio| format!("{ratio:.2}")),
            count(row.everything.total.parameters as f64),
            count(row.everything.total.mult_adds as f64),
        ]);
    }
    table
}

/// What a table of parts shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Mult-Adds.
    MultAdds,
    /// Parameters.
    Parameters,
}

/// All rows by stack and part, each with its share of the model.
pub fn parts(rows: &[CostRow], quantity: Quantity, convention: Convention) -> TextTable {
    let number = |count: Count| match quantity {
        Quantity::MultAdds => count.mult_adds,
        Quantity::Parameters => count.parameters,
    };
    let mut shown = Part::ALL.to_vec();
    shown.retain(|&part| rows.iter().any(|row| number(row.cost.part(part, convention)) > 0));
    let mut header = vec!["experiment", "architecture", "tokens", "stack"];
    header.extend(shown.iter().map(|part| part.name()));
    header.push("total");
    let mut table = TextTable::new(&header, 2);
    for row in rows {
        let cost = &row.cost;
        let total = number(cost.total(convention));
        let mut push = |stack: &str, of_part: &dyn Fn(Part) -> Count, of_stack: Count| {
            let [experiment, arch, tokens] = row.names();
            let mut cells = vec![experiment, arch, tokens, stack.to_owned()];
            cells.extend(shown.iter().map(|&part| share(number(of_part(part)), total)));
            cells.push(share(number(of_stack), total));
            table.push(cells);
        };
        for (name, stack) in [("encoder", &cost.encoder), ("decoder", &cost.decoder)] {
            if *stack != StackCost::default() {
                push(name, &|part| stack.count(part, convention), stack.total(convention));
            }
        }
        push("both", &|part| cost.part(part, convention), cost.total(convention));
    }
    table
}

impl CostRow {
    fn names(&self) -> [String; 3] {
        let tokens = match self.source_length {
            0 => self.target_length.to_string(),
            source => format!("{source}+{}", self.target_length),
        };
        [self.experiment.clone(), self.arch.clone(), tokens]
    }
}

fn dash() -> String {
    "-".into()
}

/// A number with the digits that it is published with.
fn published_count(value: Option<f64>) -> String {
    value.map_or_else(dash, |value| match value {
        v if v >= 1e9 => format!("{}G", v / 1e9),
        v => format!("{}M", v / 1e6),
    })
}

fn difference(ours: f64, published: Option<f64>) -> String {
    published.map_or_else(dash, |published| {
        let percent = format!("{:+.1}%", 100.0 * (ours / published - 1.0));
        if percent.ends_with("0.0%") && percent.len() == 5 {
            "0.0%".into()
        } else {
            percent
        }
    })
}

fn share(value: u64, total: u64) -> String {
    if value == 0 {
        return dash();
    }
    format!("{} {:.0}%", count(value as f64), 100.0 * value as f64 / total as f64)
}
