//! Any bytes through the reader of checkpoints: an answer or an error, in bounded time and memory.

#![no_main]

#[allow(dead_code, unused_imports, reason = "the import uses what is not used here")]
#[path = "../../lite-eval/src/import/torch/mod.rs"]
mod torch;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// What a reader of the values does, for every value there is.
fn walk(bytes: &[u8]) {
    let Ok(checkpoint) = torch::Checkpoint::parse(bytes) else {
        return;
    };
    let mut n_elements = 0;
    for value in checkpoint.values() {
        value.describe();
        let _ = (value.is_none(), value.as_str(), value.as_bool());
        let _ = (value.as_i64(), value.as_f64(), value.as_class());
        let _ = value.get("args").and_then(|args| args.get("arch"));
        let n_items = value.items().map_or(0, |items| items.count());
        let n_entries = value.entries().map_or(0, |entries| entries.count());
        assert!(n_items + n_entries <= 1 << 22);
        if let Some(Ok(tensor)) = value.as_tensor() {
            // No tensor is larger than the file.
            assert!(tensor.n_elements() * tensor.dtype().size() <= bytes.len());
            n_elements += tensor.n_elements();
            if n_elements < 1 << 16 {
                assert_eq!(tensor.to_f32().len(), tensor.n_elements());
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| walk(bytes));

// Checksums would stop nearly every changed archive at the door, so they are put right after a change.
fuzz_mutator!(
    |data: &mut [u8], size: usize, max_size: usize, _seed: u32| {
        let size = fuzzer_mutate(data, size, max_size);
        repair_checksums(&mut data[..size]);
        size
    }
);

fn repair_checksums(bytes: &mut [u8]) {
    let number = |bytes: &[u8], at: usize, n: usize| {
        let bytes = bytes.get(at..at.checked_add(n)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    };
    let mut at = 0;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.windows(4).position(|bytes| bytes == b"PK\x01\x02"))
    {
        at += found;
        let checksum = (|| {
            let (size, local) = (number(bytes, at + 24, 4)?, number(bytes, at + 42, 4)?);
            let skipped = number(bytes, local + 26, 2)? + number(bytes, local + 28, 2)?;
            let start = local + 30 + skipped;
            Some(crc32fast::hash(bytes.get(start..start.checked_add(size)?)?))
        })();
        if let (Some(checksum), Some(field)) = (checksum, bytes.get_mut(at + 16..at + 20)) {
            field.copy_from_slice(&checksum.to_le_bytes());
        }
        at += 4;
    }
}
