//! Parameters and Mult-Adds as they are printed.

use super::{program, stdout};

#[test]
fn cost_shows_the_paper_beside_ours() {
    let arguments = ["cost", "--exp", "wmt14-enfr-100M", "--vocabulary", "32768"];
    insta::assert_snapshot!("cost", stdout(&program(&arguments).assert().code(0)));
    let json = stdout(&program(&arguments).arg("--json").assert().code(0));
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        (
            first["source_length"].as_u64(),
            first["published"]["mult_adds"].as_f64()
        ),
        (Some(30), Some(90e6))
    );
    let parts = first["as_paper"]["decoder"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["part"] == "cross-attention"));
    assert_eq!(first["mult_adds"], first["as_paper"]["mult_adds"]);
}

#[test]
fn cost_splits_figure_2_by_part() {
    let experiment = ["cost", "--exp", "wmt14-enfr-base", "--vocabulary", "32768"];
    let text = stdout(&program(&experiment).arg("--parts").assert().code(0));
    insta::assert_snapshot!("cost-parts", text);
    for format in ["markdown", "latex"] {
        let arguments = ["--arch", "transformer", "--format", format];
        let table = stdout(&program(&experiment).args(arguments).assert().code(0));
        insta::assert_snapshot!(format!("cost-{format}"), table);
    }
}

#[test]
fn cost_shows_every_row_of_the_paper() {
    insta::assert_snapshot!("cost-paper", stdout(&program(&["cost", "--paper"]).assert().code(0)));
    // At other lengths there is nothing to compare, except where they are those of a row.
    let arguments = [
        "--exp",
        "cnndm-800M",
        "--exp",
        "quick",
        "--source-length",
        "100",
        "--target-length",
        "60",
    ];
    let text = stdout(&program(&["cost"]).args(arguments).assert().code(0));
    insta::assert_snapshot!("cost-lengths", text);
}
