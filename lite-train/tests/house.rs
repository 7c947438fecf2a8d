//! What the whole workspace promises: who depends on whom, and that every built-in experiment can be built.

use std::collections::BTreeSet;
use std::path::Path;

use experiments::Definition;
use lite_data::DataConfig;
use lite_eval::cost;
use lite_eval::decode::DecodeConfig;
use lite_model::cost::{PAPER_LENGTH, mult_adds, parameters};
use lite_model::{ModelConfig, VocabularySizes};
use lite_train::config::TrainConfig;

/// The arrows of ARCHITECTURE.md, and no others.
const ARROWS: [(&str, &[&str]); 5] = [
    ("lite-train", &["experiments", "lite-data", "lite-eval", "lite-model"]),
    ("lite-eval", &["experiments", "lite-data", "lite-model"]),
    ("lite-model", &[]),
    ("lite-data", &[]),
    ("experiments", &[]),
];

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let internal: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, expected) in ARROWS {
        let text = std::fs::read_to_string(root.join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let found: BTreeSet<&str> = ["dependencies", "dev-dependencies", "build-dependencies"]
            .iter()
            .filter_map(|table| manifest.get(*table)?.as_table())
            .flat_map(|table| table.keys())
            .filter_map(|dependency| internal.get(dependency.as_str()).copied())
            .collect();
        assert_eq!(
            found,
            expected.iter().copied().collect(),
            "internal dependencies of {name}"
        );
    }
}

fn definitions() -> Vec<Definition> {
    let list = experiments::list();
    assert!(!list.is_empty());
    list.iter()
        .map(|(name, _)| Definition::load(name, &[]).unwrap())
        .collect()
}

#[test]
fn every_section_of_every_experiment_is_understood() {
    for definition in definitions() {
        let name = &definition.name;
        definition.section::<DataConfig>("data").unwrap().validate().unwrap();
        definition.section::<TrainConfig>("train").unwrap().validate().unwrap();
        definition
            .section::<DecodeConfig>("decode")
            .unwrap()
            .validate()
            .unwrap();
        for arch in definition.archs() {
            let model: ModelConfig = definition.section(&format!("arch.{arch}")).unwrap();
            let sizes = cost::sizes(&definition, &arch, &[]).unwrap();
            model
                .validate(sizes)
                .unwrap_or_else(|error| panic!("{name}, {arch}: {error}"));
        }
    }
}

/// The definition of the paper whose architectures another one has on a corpus of its own: at 100M those of 90M and 87M.
fn same_pair(name: &str) -> Option<&'static str> {
    match name {
        "docs-enfr-100M" => Some("wmt14-enfr-100M"),
        "iwslt14-deen-50M-part" => Some("iwslt14-deen-50M"),
        _ => None,
    }
}

#[test]
fn architectures_that_are_compared_cost_the_same() {
    for definition in definitions() {
        let is_published = |arch| {
            definition
                .paper(arch)
                .is_some_and(|numbers| numbers.mult_adds.is_some())
        };
        if is_published("lite") {
            // What is compared then is the publication's choice.
            continue;
        }
        let cost = |arch: &str| {
            let model: ModelConfig = definition.section(&format!("arch.{arch}")).unwrap();
            let total = parameters(&model, VocabularySizes::joint(10_000)).total;
            (mult_adds(&model, PAPER_LENGTH, PAPER_LENGTH) as f64, total as f64)
        };
        let name = &definition.name;
        let transformer = cost("transformer");
        for arch in definition.archs().iter().filter(|arch| *arch != "transformer") {
            let other = cost(arch);
            let what = format!("{name}, {arch}: {other:?} {transformer:?}");
            if name.starts_with("multi30k") {
                // Published at a budget of parameters, embeddings included.
                assert!((other.1 / transformer.1 - 1.0).abs() < 0.02, "{what}");
                assert!(other.0 <= 1.01 * transformer.0, "{what}");
            } else if let Some(published) = same_pair(name) {
                let published = Definition::load(published, &[]).unwrap();
                for (arch, found) in [(arch.as_str(), other), ("transformer", transformer)] {
                    let model: ModelConfig = published.section(&format!("arch.{arch}")).unwrap();
                    let expected = mult_adds(&model, PAPER_LENGTH, PAPER_LENGTH) as f64;
                    // Norms before the layers add one at the end of each stack.
                    assert!((found.0 / expected - 1.0).abs() < 0.001, "{name}, {arch}: {found:?}");
                }
            } else {
                assert!((other.0 / transformer.0 - 1.0).abs() < 0.01, "{what}");
            }
        }
    }
}
