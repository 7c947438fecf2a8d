//! What the tests of metrics read.
#![allow(dead_code, reason = "each test program uses a part")]

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A file of the real corpora, where they stand beside the checkout.
pub fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(name);
    path.exists().then_some(path)
}

pub fn json<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&std::fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

pub fn lines(path: &Path) -> Vec<String> {
    split(&std::fs::read_to_string(path).unwrap())
}

pub fn gzip_lines(path: &Path) -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    split(&text)
}

fn split(text: &str) -> Vec<String> {
    text.trim_end_matches('\n').split('\n').map(String::from).collect()
}

/// Makes a system of a reference, as `fixtures/make_metrics.py` does.
pub struct Noise(pub u64);

impl Noise {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn line(&mut self, line: &str) -> String {
        let mut words = Vec::new();
        for word in line.split(' ') {
            match self.below(16) {
                0 => {}
                1 => words.extend([word.to_string(), word.into()]),
                2 => words.push(format!("{word}s")),
                3 => words.push(word.chars().rev().collect()),
                _ => words.push(word.into()),
            }
        }
        if words.len() > 1 && self.below(3) == 0 {
            let start = 1 + self.below(words.len() - 1);
            words.rotate_left(start);
        }
        words.join(" ")
    }

    pub fn lines(mut self, lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| self.line(line)).collect()
    }
}
