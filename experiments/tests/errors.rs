//! What a user reads when a definition is wrong: one snapshot of all of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use experiments::Definition;
use serde::Deserialize;
use tempfile::TempDir;

/// A section with everything that serde offers and a config may use.
#[derive(Deserialize, Debug)]
#[expect(dead_code, reason = "only reading is tested")]
struct Train {
    updates: u64,
    #[serde(default)]
    dropout: f64,
    #[serde(default)]
    weights: Weights,
    #[serde(default)]
    schedule: Option<Schedule>,
    #[serde(default)]
    kernel_sizes: Vec<usize>,
    #[serde(default)]
    tagged: Option<Tagged>,
    #[serde(default)]
    flat: Option<Outer>,
    #[serde(default)]
    file: Option<File>,
    #[serde(default)]
    archives: Vec<Schedule>,
    #[serde(default)]
    by_name: BTreeMap<String, f64>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(rename_all = "kebab-case")]
enum Weights {
    #[default]
    Best,
    Average,
}

#[derive(Deserialize, Debug)]
#[expect(dead_code, reason = "only reading is tested")]
struct Schedule {
    peak: f64,
}

#[derive(Deserialize, Debug)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(dead_code, reason = "only reading is tested")]
enum Tagged {
    Cosine { period: u64 },
    Constant,
}

#[derive(Deserialize, Debug)]
#[expect(dead_code, reason = "only reading is tested")]
struct Outer {
    outer: u64,
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Deserialize, Debug)]
#[expect(dead_code, reason = "only reading is tested")]
struct Inner {
    inner: u64,
}

#[derive(Deserialize, Debug)]
#[serde(untagged)]
#[expect(dead_code, reason = "only reading is tested")]
enum File {
    Path(String),
    Remote { url: String, size: u64 },
}

/// Loads the text as `x.toml`, reads `[train]`, and gives the error as a user sees it.
fn error(text: &str, overrides: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.toml");
    fs::write(&path, text).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|it| (*it).to_string()).collect();
    let error = Definition::load(path.to_str().unwrap(), &overrides)
        .and_then(|definition| definition.section::<Train>("train"))
        .expect_err(text);
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn sections() {
    let sections = [
        "# A key that is misspelt.\n[train]\nupdates = 1\ndroput = 0.1",
        "[train]\nupdates = 1\nunrelated = 0.1",
        "[train]\nupdates = 1\n[train.schedule]\npeek = 0.1",
        "[train]\nupdates = 1\nschedule.peek = 0.1",
        "[train]\nupdates = 1\nschedule = { peak = 1, warmup = 3 }",
        "[train]\nupdates = 1\n[[train.archives]]\npeak = 1\n[[train.archives]]\npeak = 1\npeek = 1",
        "[train]\ndropout = 0.1",
        "title = 'no such table'",
        "[train]\nupdates = 1\n\n[train.schedule]",
        "[train]\nupdates = 'many'",
        "[train]\nupdates = 1.5",
        "[train]\nupdates = -1",
        "[train]\nupdates = 1\ndropout = true",
        "[train]\nupdates = 1\nkernel_sizes = [3,\n 7,\n 'x']",
        "[train]\nupdates = 1\nkernel_sizes = 3",
        "[train]\nupdates = 1\nschedule = 3",
        "[train]\nupdates = 1\nweights = 'averge'",
        "[train]\nupdates = 1\nweights = 3",
        "[train]\nupdates = 1\nby_name.a = 1\nby_name.b = 'x'",
        "[train]\nupdates = 1\n[train.tagged]\nkind = 'cosine'\nperiod = 3\nperoid = 4",
        "[train]\nupdates = 1\n[train.tagged]\nkind = 'cosine'\nperiod = 'x'",
        "[train]\nupdates = 1\n[train.tagged]\nkind = 'cosin'\nperiod = 3",
        "[train]\nupdates = 1\n[train.flat]\nouter = 1\ninner = 2\nouther = 3",
        "[train]\nupdates = 1\n[train.flat]\nouter = 1\ninner = 'x'",
        "[train]\nupdates = 1\n[train.flat]\nouter = 1",
        "[train]\nupdates = 1\nfile = { url = 'a', size = 1, sise = 2 }",
        "[train]\nupdates = 1\n\nfile = { url = 'a' }",
    ];
    let mut report = String::new();
    for text in sections {
        writeln!(report, "{text}\n--> {}\n", error(text, &[])).unwrap();
    }
    insta::assert_snapshot!(report);
}

#[test]
fn what_is_right_is_read() {
    let text = "[train]\nupdates = 1\nweights = 'average'\nkernel_sizes = [3]\nby_name.a = 1\nfile = 'x'\n\
                tagged = { kind = 'constant' }\nflat = { outer = 1, inner = 2 }\n[[train.archives]]\npeak = 1\n";
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.toml");
    fs::write(&path, text).unwrap();
    let definition = Definition::load(path.to_str().unwrap(), &[]).unwrap();
    let train: Train = definition.section("train").unwrap();
    assert!(matches!(train.weights, Weights::Average), "{train:?}");
    assert!(matches!(train.tagged, Some(Tagged::Constant)), "{train:?}");
}

#[test]
fn files() {
    let files = [
        "[train\nupdates = 1",
        "[train]\nupdates = 1\nupdates = 2",
        "[train]\nupdates = \"é\" 3",
        "[train]\nupdates = 99999999999999999999",
        "[train]\ndropout = inf",
        "titel = 'x'",
        "[trian]\nupdates = 1",
        "title = 3",
        "train = 3",
        "arch = 3",
        "[arch]\nlite = 3",
        "[arch.'/home/me']\nd_model = 8",
        "[arch.'lite.v2']\nd_model = 8",
        "[arch.lite]\n[paper.lit]\nbleu = 1",
        "[arch.lite]\n[paper.lite]\nblue = 1",
        "[arch.lite]\n[paper.lite]\nbleu = '35'",
        "extends = 'quik'",
        "extends = 3",
        "extends = 'x'",
    ];
    let mut report = String::new();
    for text in files {
        writeln!(report, "{text}\n--> {}\n", error(text, &[])).unwrap();
    }
    insta::assert_snapshot!(report);
}

#[test]
fn overrides() {
    let text = "[train]\nupdates = 1\n[arch.lite]\nd_model = 8\n[arch.transformer]\nd_model = 8\n";
    let overrides = [
        "train.updats=2",
        "train.updates=many",
        "train.updates",
        "updates=2",
        "train.=2",
        "trian.updates=2",
        "title=x",
        "train.updates.x=2",
        "arch.lit.d_model=2",
        "arch.d_model=2",
        "train=3",
    ];
    let mut report = String::new();
    for it in overrides {
        writeln!(report, "{it}\n--> {}\n", error(text, &[it])).unwrap();
    }
    insta::assert_snapshot!(report);
}

#[test]
fn values_that_cannot_be_used_are_refused_at_their_line() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "parent.toml",
        "[train]\nupdates = 0\n\ntagged.kind = 'cosine'\n[arch.lite]\nd_model = 7\nn_heads = 2",
    );
    write("x.toml", "extends = 'parent'\n\n[arch.lite]\nd_model = 9");
    let path = folder.path().join("x.toml");
    let overrides = ["arch.lite.n_heads=4".to_owned()];
    let definition = Definition::load(path.to_str().unwrap(), &overrides).unwrap();
    for (key, place) in [
        ("arch.lite.d_model", "`x.toml` line 4"),
        ("arch.lite.n_heads", "override `arch.lite.n_heads=4`"),
        ("train.updates", "`parent.toml` line 2"),
        ("train.tagged.kind", "`parent.toml` line 4"),
        ("train.tagged.kind.of", "`x.toml`"),
        ("train.average", "`x.toml`"),
        ("decode.beam", "`x.toml`"),
    ] {
        let (section, rest) = key.split_once('.').unwrap();
        let error = definition.refuse(section, rest, "0", "1 or more").to_string();
        let error = error.replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(error, format!("{place}: `{key}`: found 0, expected 1 or more"));
    }
}

#[test]
fn names() {
    let mut report = String::new();
    for name in ["qick", "multi30k-enfrr", "wmt14", "zzz", "no/such.toml"] {
        let error = Definition::load(name, &[]).unwrap_err();
        writeln!(report, "{name}\n--> {error}\n").unwrap();
    }
    let quick = Definition::load("quick", &[]).unwrap();
    for arch in ["lit", "lstm"] {
        writeln!(report, "{arch}\n--> {}\n", quick.select_archs(arch).unwrap_err()).unwrap();
    }
    assert_eq!(quick.select_archs("all").unwrap(), ["lite", "transformer"]);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.toml");
    fs::write(&path, "title = 'x'").unwrap();
    let none = Definition::load(path.to_str().unwrap(), &[]).unwrap();
    let error = none.select_archs("all").unwrap_err().to_string();
    let error = error.replace(&format!("{}/", folder.path().display()), "");
    writeln!(report, "all of none\n--> {error}\n").unwrap();
    assert_eq!(quick.select_archs("lite").unwrap(), ["lite"]);
    insta::assert_snapshot!(report);
}

#[test]
fn circles() {
    let folder = TempDir::new().unwrap();
    for (name, parent) in [("a", "b"), ("b", "c"), ("c", "b")] {
        let text = format!("extends = '{parent}'\n");
        fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    }
    let path = folder.path().join("a.toml");
    let error = Definition::load(path.to_str().unwrap(), &[]).unwrap_err().to_string();
    let error = error.replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(
        error,
        "definitions extend each other in a circle: b.toml -> c.toml -> b.toml"
    );
}
