//! A table as aligned text, Markdown or LaTeX.

use std::fmt::Write;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Columns aligned with spaces.
    #[default]
    Text,
    /// A table of GitHub's Markdown.
    Markdown,
    /// A `tabular` that needs no package.
    Latex,
}

/// Rows of cells under a header; the first columns are text, the others numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct TextTable {
    header: Vec<String>,
    n_text_columns: usize,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table without rows.
    pub fn new(header: &[&str], n_text_columns: usize) -> Self {
        Self {
            header: header.iter().map(|&name| name.to_owned()).collect(),
            n_text_columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row of as many cells as the header has.
    pub fn push(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.header.len(), "cells of a row");
        self.rows.push(cells);
    }

    /// The table, each line with its end.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Markdown => self.markdown(),
            Format::Latex => self.latex(),
        }
    }

    fn text(&self) -> String {
        let width = |column: usize| {
            let rows = self.rows.iter().chain([&self.header]);
            rows.map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        self.lines(|row| {
            let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, &width))| {
                if i < self.n_text_columns {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .concat()
    }

    fn markdown(&self) -> String {
        let mut lines = self.lines(|row| {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |", cells.join(" | "))
        });
        let rules = (0..self.header.len()).map(|i| if i < self.n_text_columns { "---" } else { "---:" });
        lines.insert(1, format!("|{}|\n", rules.collect::<Vec<_>>().join("|")));
        lines.concat()
    }

    fn latex(&self) -> String {
        let n_numbers = self.header.len() - self.n_text_columns;
        let mut lines = self.lines(|row| {
            let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
            format!("{} \\\\", cells.join(" & "))
        });
        lines.insert(1, "\\hline\n".into());
        let mut text = String::new();
        let columns = "l".repeat(self.n_text_columns) + &"r".repeat(n_numbers);
        let _ = writeln!(text, "\\begin{{tabular}}{{{columns}}}");
        text.push_str(&lines.concat());
        text.push_str("\\end{tabular}\n");
        text
    }

    /// Header and rows, each a line.
    fn lines(&self, line: impl Fn(&[String]) -> String) -> Vec<String> {
        let rows = [&self.header].into_iter().chain(&self.rows);
        rows.map(|row| line(row) + "\n").collect()
    }
}

/// Text as LaTeX shows it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', character]),
            // A sign, not a hyphen.
            '-' if escaped.is_empty() && text.len() > 1 => escaped.push_str("$-$"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TextTable {
        let mut table = TextTable::new(&["name", "cost"], 1);
        table.push(vec!["a_b|c".into(), "5%".into()]);
        table.push(vec!["d".into(), "-0.25".into()]);
        table
    }

    #[test]
    fn three_formats() {
        assert_eq!(
            table().render(Format::Text),
            "name    cost\na_b|c     5%\nd      -0.25\n"
        );
        assert_eq!(
            table().render(Format::Markdown),
            "| name | cost |\n|---|---:|\n| a_b\\|c | 5% |\n| d | -0.25 |\n"
        );
        assert_eq!(
            table().render(Format::Latex),
            "\\begin{tabular}{lr}\nname & cost \\\\\n\\hline\na\\_b|c & 5\\% \\\\\nd & $-$0.25 \\\\\n\\end{tabular}\n"
        );
    }
}
