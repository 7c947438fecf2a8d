//! The container of torch 0.1.10 to 1.5: pickles of a magic number, a protocol, the machine, the object and the keys of
//! its storages; then for each key a count and the numbers.

use std::collections::HashMap;

use super::super::error::{TorchError, shown};
use super::super::objects::{Node, Objects};
use super::super::pickle::unpickle;
use super::super::read::Reader;

/// `0x1950a86a20f9469cfc6c`, which is no 64-bit number.
const MAGIC: [u8; 15] = *b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
const PROTOCOL: i64 = 1001;

type Storages<'a> = HashMap<&'a [u8], &'a [u8]>;

pub(super) fn read(bytes: &[u8]) -> Result<(Objects<'_>, Storages<'_>), TorchError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(TorchError::at(0, "another pickle", "the magic number of torch.save"));
    }
    let at = MAGIC.len();
    let (protocol, at) = unpickle(bytes, at)?;
    match protocol.node(protocol.root) {
        Node::Int(PROTOCOL) => {}
        _ => return Err(TorchError::at(at, "another protocol", format!("{PROTOCOL}"))),
    }
    let (machine, at) = unpickle(bytes, at)?;
    check_byte_order(&machine, at)?;
    let (objects, at) = unpickle(bytes, at)?;
    let (keys, at) = unpickle(bytes, at)?;
    let storages = read_storages(bytes, at, &objects, &keys)?;
    Ok((objects, storages))
}

fn check_byte_order(machine: &Objects<'_>, at: usize) -> Result<(), TorchError> {
    let Node::Dict(entries) = machine.node(machine.root) else {
        return Err(TorchError::at(
            at,
            "another value",
            "a dictionary that describes the machine",
        ));
    };
    let is_big = entries.iter().any(|&(key, value)| {
        matches!(machine.node(key), Node::Text(b"little_endian")) && matches!(machine.node(value), Node::Bool(false))
    });
    if is_big {
        return Err(TorchError::at(at, "numbers in big-endian order", "little-endian order"));
    }
    Ok(())
}

fn read_storages<'a>(
    bytes: &'a [u8],
    at: usize,
    objects: &Objects<'a>,
    keys: &Objects<'a>,
) -> Result<Storages<'a>, TorchError> {
    let declared = objects.storages()?;
    let Node::List(keys_in_order) = keys.node(keys.root) else {
        return Err(TorchError::at(at, "another value", "a list of the storages' keys"));
    };
    let mut reader = Reader::new(bytes, at);
    let mut storages = HashMap::new();
    for &key in keys_in_order {
        let &Node::Text(key) = keys.node(key) else {
            return Err(TorchError::at(
                reader.position(),
                "another value",
                "the key of a storage",
            ));
        };
        let place = format!("storage `{}`", shown(key));
        let Some(&(dtype, n_elements)) = declared.get(key) else {
            return Err(TorchError::new(place, "no tensor that uses it", "one"));
        };
        let found = reader.u64()?;
        if found != n_elements {
            let expected = format!("{n_elements} as its tensors say");
            return Err(TorchError::new(place, format!("{found} elements"), expected));
        }
        let size = n_elements.saturating_mul(dtype.size() as u64);
        storages.insert(key, reader.take(size)?);
    }
    Ok(storages)
}
