//! The tables and figures that are committed are what the committed records say.

use std::path::Path;
use std::process::Command;

#[test]
fn committed_tables_and_figures_are_fresh() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for command in ["tables", "plot"] {
        let output = Command::new(env!("CARGO_BIN_EXE_lite-eval"))
            .args([command, "--check"])
            .current_dir(repository)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
