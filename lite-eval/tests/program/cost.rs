//! Parameters and Mult-Adds as they are printed.

use super::{program, stderr, stdout};

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

#[test]
fn a_length_that_is_not_given_is_the_publications() {
    let tokens = |experiment: &str, arguments: &[&str]| -> Vec<(u64, u64)> {
        let command = ["cost", "--exp", experiment, "--arch", "lite", "--json"];
        let rows = stdout(&program(&command).args(arguments).assert().code(0));
        let rows = rows.lines().map(|row| {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            let length = |key: &str| row[key].as_u64().unwrap();
            (length("source_length"), length("target_length"))
        });
        rows.collect()
    };
    // Summaries of 60 tokens, of articles of three lengths.
    assert_eq!(tokens("cnndm-800M", &["--source-length", "100"]), [(100, 60)]);
    assert_eq!(
        tokens("cnndm-800M", &["--target-length", "40"]),
        [(30, 40), (100, 40), (1000, 40)]
    );
    assert_eq!(tokens("quick", &["--source-length", "100"]), [(100, 30)]);
    assert_eq!(tokens("wikitext103-1150M", &["--target-length", "64"]), [(0, 64)]);
}

#[test]
fn what_cannot_be_counted_is_refused() {
    for (arguments, expected) in [
        (
            &["--exp", "wikitext103-1150M", "--source-length", "100"][..],
            "error: wikitext103-1150M, [arch.lite]: found --source-length 100, expected none: a language model has no \
             source\nhint: give the length of its text with --target-length\n",
        ),
        (
            &["--exp", "quick", "--vocabulary", "1000,2000,3000"],
            "error: --vocabulary: found 3 sizes, expected one for both sides, or SOURCE,TARGET\n",
        ),
        (
            &["--exp", "quick", "--set", "arch.lite.n_heads=3"],
            "error: override `arch.lite.n_heads=3`: `arch.lite.n_heads`: found 3, expected a divisor of d_model = 136\n",
        ),
    ] {
        assert_eq!(stderr(&program(&["cost"]).args(arguments).assert().code(2)), expected);
    }
}
