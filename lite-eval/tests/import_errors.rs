//! What cannot be imported is named, with what was expected, and leaves nothing behind.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{program, stderr};
use tempfile::TempDir;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/fairseq")
        .join(path)
}

/// A checkpoint of the older container, which has no checksums: 89 source and 97 target entries.
const CHECKPOINT: &str = "mb_light_iwslt/checkpoint_cuda_like.pt";

struct Import {
    root: TempDir,
    checkpoint: Vec<u8>,
    arguments: Vec<PathBuf>,
}

impl Import {
    fn new() -> Self {
        let dictionary = |side| fixture(&format!("data/separate/bin/dict.{side}.txt"));
        Self {
            root: tempfile::tempdir().unwrap(),
            checkpoint: fs::read(fixture(CHECKPOINT)).unwrap(),
            arguments: vec![
                "--source-dictionary".into(),
                dictionary("src"),
                "--target-dictionary".into(),
                dictionary("tgt"),
            ],
        }
    }

    /// Puts other bytes of the same number in place of all that equal `found`.
    fn replace(mut self, found: &[u8], other: &[u8]) -> Self {
        assert_eq!(found.len(), other.len());
        let places: Vec<usize> = (0..self.checkpoint.len() - found.len())
            .filter(|&at| self.checkpoint[at..].starts_with(found))
            .collect();
        assert!(!places.is_empty(), "nothing to replace");
        for at in places {
            self.checkpoint[at..at + found.len()].copy_from_slice(other);
        }
        self
    }

    /// Sets a small number in `args`.
    fn with_number(mut self, key: &str, value: u8) -> Self {
        let name = [&b"X"[..], &(key.len() as u32).to_le_bytes(), key.as_bytes()].concat();
        let at = (0..self.checkpoint.len())
            .find(|&at| self.checkpoint[at..].starts_with(&name))
            .unwrap();
        // Behind the name the memo is written, then the number: `q` and a byte, or `r` and four; `K` and the number.
        let memo = at + name.len();
        let number = memo + if self.checkpoint[memo] == b'q' { 2 } else { 5 };
        assert_eq!(self.checkpoint[number], b'K', "{key} is no small number");
        self.checkpoint[number + 1] = value;
        self
    }

    fn with(mut self, arguments: &[PathBuf]) -> Self {
        self.arguments = arguments.to_vec();
        self
    }

    /// What the program says; nothing may be left behind.
    fn message(&self) -> String {
        let checkpoint = self.root.path().join("model.pt");
        fs::write(&checkpoint, &self.checkpoint).unwrap();
        let output = self.root.path().join("run");
        let mut command = program(&["import", "--fairseq"]);
        command.arg(&checkpoint).args(&self.arguments).arg("--out").arg(&output);
        let message = stderr(&command.assert().code(1));
        let left: Vec<PathBuf> = fs::read_dir(self.root.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(left, [checkpoint], "something is left behind");
        message.replace(self.root.path().to_str().unwrap(), "")
    }
}

#[test]
fn settings_that_are_not_known_here_are_named() {
    let check = |import: Import, expected: &str| {
        let message = import.message();
        assert!(message.starts_with("error: `/model.pt`, "), "{message}");
        assert!(message.contains(expected), "{message}\nexpected: {expected}");
    };
    check(
        Import::new().replace(
            b"transformer_multibranch_v2_iwslt_de_en",
            b"lightconv_multibranch_v2_iwslt_de_en__",
        ),
        "`args.arch`: found `lightconv_multibranch_v2_iwslt_de_en__`, expected `transformer_multibranch_v2`, `transformer` or `transformer_lm`, or a variant of them",
    );
    check(
        Import::new().replace(b"lightweight:default:16:4", b"lightweighx:default:16:4"),
        "_branch_type`: found 'lightweighx:default:16:4', expected a branch of type lightweight, dynamic or attn",
    );
    check(
        Import::new().replace(b"lightweight:default:16:4", b"lightweight:default:1x:4"),
        "expected type:kernel:dim:heads with positive numbers",
    );
    check(
        Import::new().replace(b"lightweight:default:16:4", b"lightweight:default:15:5"),
        "its settings as [arch]: `branches`: found 31 channels, expected d_model = 32 together",
    );
    check(
        Import::new().replace(b"X\x04\x00\x00\x00relu", b"X\x04\x00\x00\x00selu"),
        "`args.activation_fn`: found `selu`, expected relu, gelu, gelu_accurate, gelu_fast, tanh or linear",
    );
    check(
        Import::new().with_number("encoder_layers", 4),
        "`args.encoder_kernel_size_list`: found 3 entries, expected one, or one for each of 4 layers",
    );
    check(
        Import::new().with_number("decoder_layers", 0),
        "`args.decoder_layers`: found 0, expected a number from 1 to 1000",
    );
    check(
        Import::new()
            .replace(b"argparse\nNamespace", b"argparse\nNamespice")
            .replace(b"args", b"arxs"),
        "`args`: found nothing, expected the Namespace of the authors' fairseq (0.8)",
    );
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let check = |import: Import, expected: &str| {
        let message = import.message();
        assert!(
            message.starts_with(&format!("error: `/model.pt`, {expected}")),
            "{message}\nexpected: {expected}"
        );
    };
    check(
        Import::new().replace(b"encoder.layers.1.fc1.bias", b"encoder.layers.1.fc7.bias"),
        "tensor `encoder.layers.1.fc1.bias`: found nothing, expected every weight that the settings ask for (1 missing)",
    );
    check(
        Import::new().with_number("decoder_layers", 2),
        "tensor `decoder.layers.2.encoder_attn.k_proj.bias`: found shape [32], expected only weights that the settings \
         ask for (",
    );
    check(
        Import::new().replace(b"encoder.version", b"encoder.variant"),
        "tensor `encoder.variant`: found shape [1], expected only weights",
    );
    check(
        Import::new().with_number("encoder_ffn_embed_dim", 33),
        "tensor `encoder.layers.0.fc1.weight`: found shape [32, 32], expected shape [33, 32]",
    );
    check(
        Import::new().replace(b"lightweight:default:16:4", b"lightweight:default:16:2"),
        "tensor `encoder.layers.0.self_attn.branches.1.weight`: found shape [4, 3], expected shape [2, 1, 3]",
    );
    check(
        Import::new().replace(b"decoder.embed_tokens.weight", b"decoder.embed_tokens.height"),
        "tensor `decoder.embed_tokens.weight`: found nothing, expected an embedding",
    );
}

#[test]
fn dictionaries_are_asked_for_and_held_to_the_embeddings() {
    let dictionary = |side: &str| fixture(&format!("data/separate/bin/dict.{side}.txt"));
    let message = Import::new().with(&[]).message();
    assert_eq!(
        message,
        "error: `/model.pt`: a checkpoint does not hold its dictionaries: found none, expected dict.src.txt (89 entries) \
         and dict.tgt.txt (97 entries)\nhint: fairseq's preprocess.py writes dict.LANGUAGE.txt beside the binarised data; \
         give them with --source-dictionary and --target-dictionary, or a joined one with --dictionary\n"
    );
    let one = Import::new()
        .with(&["--source-dictionary".into(), dictionary("src")])
        .message();
    assert_eq!(one, message);
    let message = Import::new()
        .with(&["--dictionary".into(), dictionary("tgt")])
        .message();
    let expected = "dict.tgt.txt`: found 97 entries with the four special ones, expected 89 as the embedding has\n";
    assert!(message.ends_with(expected), "{message}");
    let short = tempfile::tempdir().unwrap();
    let path = short.path().join("dict.txt");
    let entries = fs::read_to_string(dictionary("src")).unwrap();
    fs::write(
        &path,
        entries
            .lines()
            .take(84)
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    )
    .unwrap();
    let message = Import::new().with(&["--dictionary".into(), path]).message();
    assert!(
        message.contains("found 88 entries with the four special ones, expected 89"),
        "{message}"
    );
}

#[test]
fn what_is_no_checkpoint_and_what_stands_in_the_way_is_named() {
    let message = Import::new()
        .replace(b"ctorch\nFloatStorage", b"ctorch\nQuantStorage")
        .message();
    let expected = ": found a persistent id of another kind, expected a storage's\n";
    assert!(
        message.starts_with("error: `/model.pt`: byte ") && message.ends_with(expected),
        "{message}"
    );
    let mut import = Import::new();
    import.checkpoint.truncate(100_000);
    let message = import.message();
    assert!(message.starts_with("error: `/model.pt`: byte "), "{message}");
    assert!(message.contains(" bytes to the end, expected "), "{message}");
    import.checkpoint = b"PK\x03\x04".to_vec();
    assert!(import.message().contains("expected the end record of a zip archive"));
    import.checkpoint = Vec::new();
    assert!(
        import
            .message()
            .contains("found an empty file, expected a file of torch.save")
    );

    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("precious"), "").unwrap();
    let mut command = program(&["import", "--fairseq"]);
    command
        .arg(fixture(CHECKPOINT))
        .args(&Import::new().arguments)
        .arg("--out")
        .arg(root.path());
    let message = stderr(&command.assert().code(1));
    assert!(
        message.contains("is there already: expected a path where nothing stands\nhint: "),
        "{message}"
    );
    assert!(root.path().join("precious").exists());
    let message = stderr(
        &program(&["import", "--fairseq", "nowhere.pt", "--out", "x"])
            .assert()
            .code(1),
    );
    assert!(message.starts_with("error: `nowhere.pt`: "), "{message}");
    program(&["import", "--out", "x"]).assert().code(2);
}

#[test]
fn commands_that_need_a_corpus_say_so_of_an_imported_run() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut command = program(&["import", "--fairseq"]);
    command
        .arg(fixture(CHECKPOINT))
        .args(&Import::new().arguments)
        .arg("--out")
        .arg(&run);
    command.assert().code(0);
    let mut command = program(&["evaluate", "--offline", "--run"]);
    let message = stderr(&command.arg(&run).assert().code(1));
    assert_eq!(
        message,
        "error: [data]: the run names no corpus, as imported runs do not\nhint: its test set can be given to `lite-eval \
         translate`, and the translations to `lite-eval metrics`\n"
    );
}
