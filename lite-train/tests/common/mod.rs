//! A tiny experiment on disk, and the program that trains it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Words of a toy language: the target is the source reversed, in capitals.
const WORDS: [&str; 12] = [
    "red", "green", "blue", "cat", "dog", "bird", "sees", "hears", "finds", "a", "the", "one",
];

/// A folder with a corpus, a definition of it, and the folders that the program writes.
pub struct Experiment {
    folder: TempDir,
}

impl Experiment {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (split, first, n) in [("train", 0, 300), ("valid", 1000, 20), ("test", 2000, 20)] {
            let sentences: Vec<Vec<&str>> = (first..first + n).map(sentence).collect();
            let source: String = sentences.iter().map(|words| words.join(" ") + "\n").collect();
            let reversed = |words: &Vec<&str>| words.iter().rev().map(|word| word.to_uppercase()).collect::<Vec<_>>();
            let target: String = sentences.iter().map(|words| reversed(words).join(" ") + "\n").collect();
            fs::write(folder.path().join(format!("{split}.en")), source).unwrap();
            fs::write(folder.path().join(format!("{split}.xx")), target).unwrap();
        }
        fs::write(folder.path().join("toy.toml"), DEFINITION).unwrap();
        Self { folder }
    }

    /// An experiment with language models: a text of one side, empty lines among
    /// others.
    #[allow(
        dead_code,
        reason = "each test file is a crate of its own, and not all need both experiments"
    )]
    pub fn of_text() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (split, first, n) in [("train", 0, 200), ("valid", 1000, 30), ("test", 2000, 30)] {
            let lines = (first..first + n).map(|number| match number % 7 {
                0 => "\n".to_owned(),
                // Longer than the model's 24 positions.
                1 => sentence(number).join(" ").repeat(30) + " .\n",
                _ => sentence(number).join(" ") + " .\n",
            });
            fs::write(folder.path().join(format!("{split}.txt")), lines.collect::<String>()).unwrap();
        }
        fs::write(folder.path().join("toy.toml"), DEFINITION_OF_TEXT).unwrap();
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program on this experiment, its runs in `runs`.
    pub fn command(&self, runs: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lite-train"));
        command
            .current_dir(self.path())
            .args(["--exp", "toy.toml", "--offline", "--runs", runs])
            .args(arguments);
        command
    }

    /// Runs the program to its end and returns what it printed.
    pub fn train(&self, runs: &str, arguments: &[&str]) -> (String, String) {
        let output = self.command(runs, arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        (String::from_utf8(output.stdout).unwrap(), stderr)
    }

    pub fn run_folder(&self, runs: &str, arch: &str) -> PathBuf {
        self.path().join(runs).join("toy").join(arch)
    }
}

/// The sentence of a number, always the same.
fn sentence(number: usize) -> Vec<&'static str> {
    let mut state = number as u64 + 1;
    let mut draw = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let length = 2 + draw(7);
    (0..length).map(|_| WORDS[draw(WORDS.len())]).collect()
}

const DEFINITION: &str = r#"
title = "A toy"

[data]
source_language = "en"
target_language = "xx"

[data.tokeniser]
kind = "words"

[data.files]
train = { source = "train.en", target = "train.xx" }
valid = { source = "valid.en", target = "valid.xx" }
test = { source = "test.en", target = "test.xx" }

[train]
updates = 24
tokens_per_update = 300
tokens_per_group = 100
validate_every = 8
checkpoint_every = 3
keep_checkpoints = 2
average = 3
log_every = 4

[train.schedule]
peak = 5e-3
warmup = 10

[train.validation]
bleu = "tokenised"

[decode]
beam = 2
max_length_b = 20
metrics = ["bleu", "chrf"]

[arch.lite]
architecture = "lite"
d_model = 64
d_ff = 64
encoder_layers = 1
decoder_layers = 1
n_heads = 4
kernel_sizes = [3]
dropout = 0.2
attention_dropout = 0.1
weight_dropout = 0.1

[arch.transformer]
architecture = "transformer"
d_model = 64
d_ff = 64
encoder_layers = 1
decoder_layers = 1
n_heads = 4
dropout = 0.2
"#;

const DEFINITION_OF_TEXT: &str = r#"
title = "A toy text"

[data]
target_language = "en"

[data.tokeniser]
kind = "words"

[data.files]
train = { target = "train.txt" }
valid = { target = "valid.txt" }
test = { target = "test.txt" }

[train]
updates = 24
tokens_per_update = 96
tokens_per_group = 24
label_smoothing = 0.0
clip_norm = 0.1
validate_every = 8
checkpoint_every = 3
keep_checkpoints = 2
weights = "last"
log_every = 4

[train.optimiser]
kind = "nag"

[train.schedule]
kind = "cosine"
peak = 0.5
warmup = 4

[decode.perplexity]
context_window = 16

[arch.lite]
architecture = "lite"
task = "language-model"
d_model = 64
d_ff = 64
decoder_layers = 1
kernel_sizes = [3]
dropout = 0.2
attention_dropout = 0.1
weight_dropout = 0.1
pre_norm = true
max_target_positions = 24

# Of the second word of a cluster training counts the cluster alone: here it is filling.
[arch.lite.adaptive_input]
cutoffs = [16]

[arch.lite.adaptive_softmax]
cutoffs = [16]
dropout = 0.1
tie_weights = true
tie_projections = true
"#;
