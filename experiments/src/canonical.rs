//! Hashes of values that do not depend on how they were written.

use std::io::{self, Read};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// sha256 (hex) of a value's canonical JSON: keys sorted, no spaces, `1.0` and `1` alike.
pub fn hash_value(value: &Value) -> String {
    hash_bytes(canonical(value).to_string().as_bytes())
}

/// sha256 (hex) of some bytes.
pub fn hash_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// sha256 (hex) of all that a stream gives, which is not kept.
pub(crate) fn hash_stream(mut stream: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match stream.read(&mut block) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(n) => hasher.update(&block[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), canonical(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(entries))
        }
        Value::Array(values) => Value::Array(values.iter().map(canonical).collect()),
        Value::Number(number) => match number.as_f64() {
            // 2^53: up to here a float is a whole number in only one way.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}
