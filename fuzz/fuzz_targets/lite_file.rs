//! Any bytes through the readers of .lite files and of the weights in them: an answer or an error, in bounded time and memory.

#![no_main]

#[allow(dead_code, reason = "the program uses what is not used here")]
#[path = "../../lite-model/src/compress/mod.rs"]
mod compress;
#[allow(dead_code, reason = "the program uses what is not used here")]
#[path = "../../lite-eval/src/lite_file/container.rs"]
mod container;

use compress::Archive;
use compress::tensor::WEIGHTS_A_BYTE;
use container::{Container, MAGIC};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if bytes.starts_with(&MAGIC) {
        file(bytes);
    } else {
        weights(bytes);
    }
});

/// A file whose hashes are taken to be right: they would stop nearly every changed one at the door.
fn file(bytes: &[u8]) {
    if let Ok(container) = Container::parse(bytes) {
        // With its hashes right it is what was written.
        assert!(container.sizes().all(|(name, _)| container.has(name)));
    }
    let Ok(container) = Container::parse_with(bytes, false) else {
        return;
    };
    let mut stored = 0;
    for (name, size) in container.sizes() {
        stored += size;
        if let Ok(section) = container.read(name) {
            assert!(section.len() <= size.saturating_mul(1032));
        }
        if let Ok(section) = container.plain(name) {
            assert_eq!(section.len(), size);
            weights(section);
        }
    }
    assert!(stored <= bytes.len());
}

fn weights(bytes: &[u8]) {
    let Ok(archive) = Archive::parse(bytes) else {
        return;
    };
    let mut n_elements = 0;
    for entry in archive.entries() {
        n_elements += entry.n_elements();
        assert!(archive.get(entry.name()).is_some_and(|found| found.name() == entry.name()));
        if let Ok(values) = entry.values() {
            let floats = values.into_floats();
            assert_eq!(floats.len(), entry.n_elements());
        }
    }
    assert!(n_elements <= bytes.len() * WEIGHTS_A_BYTE);
}
