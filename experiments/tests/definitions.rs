//! Loading: the built-in definitions, parents, overrides, hashes.

use std::fs;
use std::path::{Path, PathBuf};

use experiments::{Definition, RunDefinition, list};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path: PathBuf = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn load(path: &str, overrides: &[&str]) -> Definition {
    let overrides: Vec<String> = overrides.iter().map(|it| (*it).to_string()).collect();
    Definition::load(path, &overrides).unwrap()
}

#[test]
fn every_definition_loads() {
    let listed = list();
    let names: Vec<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "cnndm-800M",
        "docs-enfr-100M",
        "iwslt14-deen-110M",
        "iwslt14-deen-200M",
        "iwslt14-deen-50M-part",
        "iwslt14-deen-50M",
        "multi30k-ende",
        "multi30k-enfr-short",
        "multi30k-enfr",
        "quick",
        "samsum-100M",
        "wikitext103-1150M",
        "wikitext2-10M",
        "wmt14-enfr-100M",
        "wmt14-enfr-300M",
        "wmt14-enfr-500M",
        "wmt14-enfr-base",
        "wmt16-ende-100M",
        "wmt16-ende-300M",
        "wmt16-ende-500M",
        "wmt16-ende-base",
    ];
    assert_eq!(names, expected);
    for (name, title) in &listed {
        let definition = load(name, &[]);
        assert_eq!(&definition.name, name);
        assert!(!title.is_empty(), "{name} has no title");
        let archs = definition.archs();
        assert!(archs.starts_with(&["lite".into(), "transformer".into()]), "{name}");
        let of_archs = archs.iter().map(|arch| format!("arch.{arch}"));
        for section in ["data".into(), "train".into()].into_iter().chain(of_archs) {
            let table: serde_json::Map<String, Value> = definition.section(&section).unwrap();
            assert!(!table.is_empty(), "{name}: [{section}] is empty");
        }
        for arch in definition.archs() {
            assert!(RunDefinition::new(&definition, &arch, 1).is_ok());
        }
    }
}

#[test]
fn parents_load_alone() {
    for name in [
        "iwslt14-deen.base",
        "multi30k-enfr.base",
        "multi30k.base",
        "wmt14-enfr.base",
        "wmt16-ende.base",
    ] {
        assert_eq!(
            load(name, &[]).title(),
            "",
            "{name}: a title would hide that a child has none"
        );
    }
}

#[test]
fn the_published_numbers_have_a_source() {
    for (name, _) in list() {
        let definition = load(&name, &[]);
        for arch in definition.archs() {
            if let Some(paper) = definition.paper(&arch) {
                assert!(paper.source.is_some(), "{name} [paper.{arch}]");
            }
        }
    }
    let paper = load("wmt14-enfr-100M", &[]).paper("lite").unwrap();
    assert_eq!((paper.mult_adds, paper.bleu), (Some(90e6), Some(35.3)));
    assert_eq!(load("quick", &[]).paper("lite"), None);

    let summaries = load("cnndm-800M", &[])
        .paper("transformer")
        .unwrap()
        .mult_adds_by_length();
    let lengths = summaries
        .iter()
        .map(|it| (it.source_length, it.target_length, it.mult_adds));
    assert_eq!(
        lengths.collect::<Vec<_>>(),
        [(30, 60, 2.0e9), (100, 60, 3.6e9), (1000, 60, 29.9e9)]
    );
}

#[test]
fn children_go_over_their_parents_key_by_key() {
    let folder = TempDir::new().unwrap();
    write(
        &folder,
        "parent.toml",
        "title = 'parent'\n[train]\nupdates = 1\nlist = [1, 2, 3]\n[train.schedule]\npeak = 0.1\nwarmup = 5\n\
         [arch.b]\nd_model = 8\n[arch.a]\nd_model = 4\n",
    );
    let child = write(
        &folder,
        "child.toml",
        "extends = 'parent'\n[train]\nlist = [4]\nschedule.peak = 0.2\n[arch.a]\nd_ff = 2\n[arch.c]\nd_model = 1\n",
    );
    let definition = load(&child, &[]);
    assert_eq!(
        definition.resolved(),
        json!({
            "title": "parent",
            "train": {"updates": 1, "list": [4], "schedule": {"peak": 0.2, "warmup": 5}},
            "arch": {"b": {"d_model": 8}, "a": {"d_model": 4, "d_ff": 2}, "c": {"d_model": 1}},
        })
    );
    assert_eq!(definition.name, "child");
    assert_eq!(definition.archs(), ["b", "a", "c"]);
    assert_eq!(definition.for_arch("a")["arch"], json!({"d_model": 4, "d_ff": 2}));
}

#[test]
fn a_child_that_names_another_file_has_nothing_of_the_first() {
    let folder = TempDir::new().unwrap();
    write(
        &folder,
        "parent.toml",
        "[data.files]\ntrain = { source = { path = 'a.gz', size = 3, field = 'x' }, target = { url = 'b', sha256 = 'ff' } }",
    );
    let child = "extends = 'parent'\n[data.files]\ntrain = { source = { path = 'c' }, target = { size = 5 } }";
    let child = write(&folder, "child.toml", child);
    assert_eq!(
        load(&child, &[]).resolved()["data"]["files"]["train"],
        json!({ "source": { "path": "c" }, "target": { "url": "b", "sha256": "ff", "size": 5 } })
    );
}

#[test]
fn a_file_may_extend_a_built_in_definition() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "mine.toml", "extends = 'quick'\n[train]\nupdates = 7\n");
    let (mine, quick) = (load(&path, &[]), load("quick", &[]));
    assert_eq!(mine.hash(), load("quick", &["train.updates=7"]).hash());
    assert_eq!(mine.title(), quick.title());
}

#[test]
fn overrides_are_toml_values_or_else_words() {
    let definition = load(
        "quick",
        &[
            "train.updates=100",
            "train.schedule.kind=cosine",
            "train.schedule.peak = 1e-3",
            "arch.lite.kernel_sizes=[3, 5]",
            "arch.lite.glu=false",
            "data.files.train.source=my/train.en",
            "data.tokeniser={ kind = \"words\" }",
            "decode.metrics=",
        ],
    );
    let resolved = definition.resolved();
    assert_eq!(resolved["train"]["updates"], json!(100));
    assert_eq!(resolved["train"]["schedule"]["kind"], json!("cosine"));
    assert_eq!(resolved["train"]["schedule"]["peak"], json!(1e-3));
    assert_eq!(resolved["arch"]["lite"]["kernel_sizes"], json!([3, 5]));
    assert_eq!(resolved["arch"]["lite"]["glu"], json!(false));
    assert_eq!(resolved["data"]["files"]["train"]["source"], json!("my/train.en"));
    assert_eq!(resolved["data"]["tokeniser"]["kind"], json!("words"));
    assert_eq!(resolved["decode"]["metrics"], json!(""));
    assert_eq!(definition.overrides().len(), 8);
}

#[test]
fn an_absent_section_has_its_defaults() {
    #[derive(Deserialize)]
    #[serde(default)]
    struct Decode {
        beam: usize,
    }
    impl Default for Decode {
        fn default() -> Self {
            Decode { beam: 4 }
        }
    }
    let folder = TempDir::new().unwrap();
    let definition = load(&write(&folder, "bare.toml", "[arch.lite]\n"), &[]);
    assert_eq!(definition.section::<Decode>("decode").unwrap().beam, 4);
}

#[test]
fn the_hash_is_of_what_changes_a_result() {
    let folder = TempDir::new().unwrap();
    let hash = |text: &str| load(&write(&folder, "x.toml", text), &[]).hash();
    let plain = hash("[train]\na = 1\nb = 0.5\n[arch.x]\nk = [1, 2]\n");
    let same = [
        "arch.x.k=[ 1,2 ]\n[train]\n# words\nb = 5e-1\na = 0x1\n",
        "title = 'other'\n[train]\na = 1.0\nb = 0.5\n[arch.x]\nk = [1, 2]\n[paper.x]\nbleu = 99\n",
    ];
    for text in same {
        assert_eq!(hash(text), plain, "{text}");
    }
    let other = [
        "[train]\na = 2\nb = 0.5\n[arch.x]\nk = [1, 2]\n",
        "[train]\na = 1\nb = 0.5\n[arch.x]\nk = [2, 1]\n",
        "[train]\na = '1'\nb = 0.5\n[arch.x]\nk = [1, 2]\n",
        "[train]\na = 1\n[arch.x]\nk = [1, 2]\nb = 0.5\n",
    ];
    for text in other {
        assert_ne!(hash(text), plain, "{text}");
    }
}

#[test]
fn a_run_reads_the_sections_it_was_given() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Arch {
        d_model: usize,
        dropout: f64,
        kernel_sizes: Vec<usize>,
    }
    let folder = TempDir::new().unwrap();
    let text = "[arch.lite]\nd_model = 8\ndropout = 0\nkernel_sizes = [3]\n[arch.other]\nd_model = 1\n";
    let definition = load(&write(&folder, "run.toml", text), &["arch.lite.d_model=16"]);
    let run = RunDefinition::new(&definition, "lite", 7).unwrap();
    let path = folder.path().join("run/definition.json");
    run.write(&path).unwrap();
    let read = RunDefinition::read(&path).unwrap();
    assert_eq!(read, run);
    assert_eq!(read.overrides, ["arch.lite.d_model=16"]);
    let expected = Arch {
        d_model: 16,
        dropout: 0.0,
        kernel_sizes: vec![3],
    };
    assert_eq!(read.section::<Arch>("arch").unwrap(), expected);
    assert_eq!(definition.section::<Arch>("arch.lite").unwrap(), expected);

    let altered = fs::read_to_string(&path).unwrap().replace("16", "17");
    fs::write(&path, altered).unwrap();
    let error = RunDefinition::read(Path::new(&path)).unwrap_err().to_string();
    assert!(error.contains("was altered"), "{error}");
}

/// A value as it may stand in a definition, and its text in TOML.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        "[a-z \\\\\"'é\n]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is written as TOML, as a file or as an override, is what a section reads.
    #[test]
    fn values_survive(value in values()) {
        let folder = TempDir::new().unwrap();
        let toml_value = toml::Value::try_from(&value).unwrap();
        let text = toml::to_string(&json!({"train": {"key": value}, "arch": {"x": {}}})).unwrap();
        let from_file = load(&write(&folder, "v.toml", &text), &[]);
        prop_assert_eq!(&from_file.resolved()["train"]["key"], &value);

        let from_override = load(
            &write(&folder, "v.toml", "[arch.x]\n"),
            &[&format!("train.key={toml_value}")],
        );
        prop_assert_eq!(&from_override.resolved()["train"]["key"], &value);
        prop_assert_eq!(from_override.hash(), from_file.hash());

        let read: std::collections::BTreeMap<String, Value> = from_file.section("train").unwrap();
        prop_assert_eq!(&read["key"], &value);
    }

    /// Merging a definition over itself changes nothing.
    #[test]
    fn extending_oneself_by_a_copy_changes_nothing(value in values()) {
        let folder = TempDir::new().unwrap();
        let text = toml::to_string(&json!({"train": {"key": value}, "arch": {"x": {}}})).unwrap();
        let alone = load(&write(&folder, "alone.toml", &text), &[]);
        let twice = load(&write(&folder, "twice.toml", &format!("extends = 'alone'\n{text}")), &[]);
        prop_assert_eq!(alone.resolved(), twice.resolved());
    }

    /// No text makes the loader panic.
    #[test]
    fn any_text_is_an_answer(text in "[\\[\\]a-z.= 0-9\"'#\n{},-]{0,80}", key in ".{0,20}") {
        let folder = TempDir::new().unwrap();
        let _ = Definition::load(&write(&folder, "any.toml", &text), &[]);
        let _ = Definition::load("quick", &[key]);
    }
}
