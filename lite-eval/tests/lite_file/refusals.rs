//! Files that are damaged, and files whose hashes are right and whose claims are not.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use lite_eval::lite_file::container::{Container, Section, write};
use lite_model::compress::{Archive, PackedBytes, archive};
use serde_json::{Value as Json, json};

use super::common::{program, stderr};
use super::{LITE, compressed, path, run};

/// What the program says of a file, soon.
fn refusal(file: &Path) -> String {
    let began = Instant::now();
    let message = stderr(
        &program(&["translate", "--model", path(file)])
            .write_stdin("le\n")
            .assert()
            .code(1),
    );
    assert!(began.elapsed() < Duration::from_secs(10), "{message}");
    message.lines().next().unwrap().replace(path(file), "FILE")
}

#[test]
fn damaged_files_are_named_and_refused() {
    let (root, folder) = run(LITE);
    let out = compressed(&root, &folder, &["--sparsity", "0.4", "--no-scores"]);
    let sound = fs::read(&out).unwrap();
    let broken = root.path().join("broken.lite");
    let message = |bytes: &[u8]| {
        fs::write(&broken, bytes).unwrap();
        refusal(&broken)
    };
    let mut newer = sound.clone();
    newer[8] = 9;
    assert_eq!(
        message(&newer),
        "error: `FILE`: header: found format version 9, which a newer program wrote, expected version 1"
    );
    assert_eq!(
        message(&sound[..sound.len() / 2]),
        format!(
            "error: `FILE`: header: found a truncated file of {} bytes, expected {} bytes",
            sound.len() / 2,
            sound.len()
        )
    );
    assert_eq!(
        message(b""),
        "error: `FILE`: header: found an empty file, expected a .lite file"
    );
    let container = Container::parse(&sound).unwrap();
    for (name, size) in container.sizes() {
        // Sections are where the table says; their middle is found by their bytes.
        let begin = position(&sound, &container, name);
        let mut flipped = sound.clone();
        flipped[begin + size / 2] ^= 0x10;
        assert_eq!(
            message(&flipped),
            format!("error: `FILE`: section `{name}`: found bytes that were altered, expected those of its sha256")
        );
    }
}

/// Where a section begins: after the table they follow each other at multiples of 64.
fn position(bytes: &[u8], container: &Container<'_>, name: &str) -> usize {
    let n = container.sizes().count();
    let mut end = 24 + 88 * n + 32;
    for (other, size) in container.sizes() {
        let begin = end.next_multiple_of(64);
        if other == name {
            return begin;
        }
        end = begin + size;
    }
    panic!("no section {name} in {} bytes", bytes.len())
}

/// The file with other sections; every hash is right.
fn forged(file: &Path, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let container = Container::parse(&bytes).unwrap();
    let names = [
        "about",
        "architecture",
        "data",
        "decode",
        "tokeniser",
        "vocabulary.target",
        "weights",
    ];
    let sections = names.map(|name| {
        let section = change(name, container.read(name).unwrap());
        match name {
            "weights" => Section::plain(name, section),
            _ => Section::deflated(name, &section),
        }
    });
    write(&sections)
}

#[test]
fn what_a_file_claims_is_held_to_what_it_has() {
    let (root, folder) = run(LITE);
    let out = compressed(&root, &folder, &["--sparsity", "0.4", "--no-scores"]);
    let broken = root.path().join("forged.lite");
    let with_json = |section: &'static str, change: &dyn Fn(&mut Json)| {
        let bytes = forged(&out, |name, bytes| {
            if name != section {
                return bytes;
            }
            let mut value: Json = serde_json::from_slice(&bytes).unwrap();
            change(&mut value);
            value.to_string().into_bytes()
        });
        fs::write(&broken, bytes).unwrap();
        refusal(&broken)
    };
    for (key, value, message) in [
        (
            "d_model",
            json!(1_000_000),
            "`max_source_positions`: found 1024 of 1000000 channels",
        ),
        (
            "d_model",
            json!(64),
            "tensor `encoder.embed_tokens.weight`: found shape",
        ),
        (
            "d_model",
            json!(1u64 << 40),
            "`d_model`: found 1099511627776, expected 16777216 or less",
        ),
        (
            "encoder_layers",
            json!(1u64 << 40),
            "`encoder_layers`: found 1099511627776, expected no more than the",
        ),
        (
            "max_source_positions",
            json!(1 << 23),
            "`max_source_positions`: found 8388608 of 32 channels",
        ),
        ("encoder_layers", json!(1), "tensor `encoder.layers.1."),
        ("d_modell", json!(1), "`d_modell`"),
    ] {
        let found = with_json("architecture", &|section| section["model"][key] = value.clone());
        assert!(found.contains(message), "{key}: {found}");
    }
    let found = with_json("decode", &|section| section["beam"] = json!(1u64 << 40));
    assert!(
        found.contains("decode.beam: found 1099511627776, expected 1024 or less"),
        "{found}"
    );
    let found = with_json("decode", &|section| section["batch_size"] = json!(1u64 << 61));
    assert!(
        found.contains("decode.batch_size: found 2305843009213693952"),
        "{found}"
    );
    let found = with_json("data", &|section| {
        section["long_sources"] = json!("cut");
        section["max_source_tokens"] = json!(0);
    });
    assert!(
        found.contains("[data]: max_source_tokens: found 0, expected 2"),
        "{found}"
    );
    let found = with_json("architecture", &|section| {
        section["vocabulary_sizes"]["target"] = json!(9)
    });
    assert!(found.contains("vocabulary"), "{found}");

    // 10^12 weights, of a matrix that the architecture asks for.
    let bytes = forged(&out, |name, bytes| match name {
        "weights" => {
            let parsed = Archive::parse(&bytes).unwrap();
            let name = parsed.entries()[0].name();
            let packed = PackedBytes::floats(&[0.0; 16]);
            archive::write([(name, &[1_000_000usize, 1_000_000][..], &packed)].into_iter())
        }
        _ => bytes,
    });
    fs::write(&broken, bytes).unwrap();
    let found = refusal(&broken);
    assert!(found.contains("section `weights`, tensor `"), "{found}");
    assert!(found.contains("found 1000000000000 weights in 64 bytes"), "{found}");
    // A deflated section that goes on and on.
    let bytes = forged(&out, |name, bytes| match name {
        "tokeniser" => vec![b'a'; 50_000_000],
        _ => bytes,
    });
    fs::write(&broken, bytes).unwrap();
    assert!(refusal(&broken).contains("`tokeniser`"));
}
