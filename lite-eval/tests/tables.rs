//! The tables and figures that are committed are what the committed records say, and where they are not the program says so.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// `lite-eval` with these arguments, run in the repository's folder.
fn run(arguments: &[&str]) -> Output {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lite-eval"));
    command.args(arguments).current_dir(repository).output().unwrap()
}

#[test]
fn committed_tables_and_figures_are_fresh() {
    for command in ["tables", "plot"] {
        let output = run(&[command, "--check"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A document whose first table has another digit in its first row.
fn with_another_number(document: &str) -> String {
    let table = document.find("<!-- table:").expect("a table");
    let (before, table) = document.split_at(table);
    let (head, rows) = table.split_at(table.find("|---").expect("the rule under its head"));
    let at = rows.find(|c: char| c.is_ascii_digit()).expect("a number");
    assert!(at < rows.find("<!-- end -->").unwrap(), "the table has no number");
    let other = if rows.as_bytes()[at] == b'9' { "8" } else { "9" };
    [before, head, &rows[..at], other, &rows[at + 1..]].concat()
}

#[test]
fn a_table_that_is_not_what_the_records_say_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let readme = folder.path().join("copy.md");
    let fresh = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let check = |text: &str| {
        fs::write(&readme, text).unwrap();
        let output = run(&["tables", "--check", "--readme", readme.to_str().unwrap()]);
        assert_eq!(fs::read_to_string(&readme).unwrap(), text);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(&fresh), (Some(0), String::new()));
    let expected = format!("error: stale: `{}`; run `lite-eval tables`\n", readme.display());
    assert_eq!(check(&with_another_number(&fresh)), (Some(1), expected));
}
