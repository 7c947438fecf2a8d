//! Data that fairseq's preprocessing wrote, read back as lines.

use std::fs;
use std::path::{Path, PathBuf};

use super::common::{program, stderr};
use super::{JOINED, SEPARATE, golden, text};

#[test]
fn binarised_data_are_the_lines_they_were_made_of() {
    let root = tempfile::tempdir().unwrap();
    for corpus in [JOINED, SEPARATE] {
        for side in ["src", "tgt"] {
            let file = |name: &str| golden(&format!("data/{corpus}/{name}")).unwrap();
            let index = file(&format!("bin/test.src-tgt.{side}.idx"));
            for path in [index.clone(), index.with_extension("bin"), index.with_extension("")] {
                let output = root.path().join("lines");
                let mut command = program(&["import", "--fairseq-data"]);
                command
                    .arg(path)
                    .arg("--dictionary")
                    .arg(file(&format!("bin/dict.{side}.txt")));
                command.arg("--out").arg(&output);
                let assert = command.assert().code(0);
                assert_eq!(stderr(&assert).lines().count(), 1);
                // A word outside the dictionary is <unk>.
                let dictionary = text(&file(&format!("bin/dict.{side}.txt")));
                let known: Vec<&str> = dictionary
                    .lines()
                    .map(|line| line.rsplit_once(' ').unwrap().0)
                    .collect();
                let expected: Vec<String> = text(&file(&format!("test.{side}")))
                    .lines()
                    .map(|line| {
                        let words = line
                            .split(' ')
                            .map(|word| if known.contains(&word) { word } else { "<unk>" });
                        words.collect::<Vec<_>>().join(" ")
                    })
                    .collect();
                assert_eq!(text(&output).lines().collect::<Vec<_>>(), expected);
            }
        }
    }
}

/// A `TNTIDX` index with its data, as fairseq's `IndexedDatasetBuilder` writes them: 32-bit ids plus one.
fn torchnet(folder: &Path, sentences: &[&[u32]]) -> PathBuf {
    let mut data = Vec::new();
    let mut offsets = vec![0u64];
    for ids in sentences {
        data.extend(ids.iter().flat_map(|id| (id + 1).to_le_bytes()));
        offsets.push(data.len() as u64 / 4);
    }
    let n = sentences.len() as u64;
    let dimensions = 0..=n;
    let sizes = sentences.iter().map(|ids| ids.len() as u64);
    let mut index = b"TNTIDX\0\0".to_vec();
    let numbers = [1, 4, 4, n, n]
        .into_iter()
        .chain(dimensions)
        .chain(offsets)
        .chain(sizes);
    index.extend(numbers.flat_map(u64::to_le_bytes));
    fs::write(folder.join("data.bin"), data).unwrap();
    fs::write(folder.join("data.idx"), index).unwrap();
    folder.join("data.idx")
}

#[test]
fn the_older_format_is_read_and_damage_is_named() {
    let root = tempfile::tempdir().unwrap();
    let dictionary = golden("data/joined/bin/dict.src.txt").unwrap();
    let read = |code| {
        let mut command = program(&["import", "--fairseq-data"]);
        command
            .arg(root.path().join("data.idx"))
            .arg("--dictionary")
            .arg(&dictionary);
        let assert = command.arg("--out").arg(root.path().join("lines")).assert().code(code);
        stderr(&assert)
    };
    let index = torchnet(root.path(), &[&[4, 5, 2], &[2], &[3, 4]]);
    let message = read(0);
    assert!(message.contains("1 sentences do not end in </s>"), "{message}");
    assert_eq!(text(&root.path().join("lines")), "für3 ba0\n\n<unk> für3\n");

    fs::remove_file(root.path().join("lines")).unwrap();
    torchnet(root.path(), &[&[4, 2], &[4, 97]]);
    let message = read(1);
    let expected = "sentence 1 (from 0): found id 97, expected one of the dictionary's 97 entries";
    assert!(message.contains(expected), "{message}");
    torchnet(root.path(), &[&[4, 2], &[4, 9, 8, 7, 2]]);
    let whole = fs::read(&index).unwrap();
    for length in 0..whole.len() {
        fs::write(&index, &whole[..length]).unwrap();
        if length % 16 == 0 {
            assert!(read(1).starts_with("error: `"), "cut to {length} bytes");
        }
        let found = lite_eval::import::binarised::Binarised::open(&index);
        assert!(found.is_err(), "cut to {length} bytes");
    }
    let mut many = whole.clone();
    many[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&index, &many).unwrap();
    assert!(read(1).contains("expected an index of 18446744073709551615 sentences"));
    fs::write(&index, &whole).unwrap();
    fs::write(index.with_extension("bin"), [5, 0, 0, 0, 3, 0, 0, 0, 9]).unwrap();
    assert!(
        read(1).contains("sentence 1 (from 0): found 5 tokens at byte 8"),
        "{}",
        read(1)
    );
    assert!(!root.path().join("lines").exists());
}
