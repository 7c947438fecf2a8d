//! From a tree to the type that owns the section: unknown keys refused, every error at its line.
//!
//! A struct tells serde its fields, so an unknown key is found before it is read. Where serde does not ask for fields
//! (flattened structs, enums with a tag inside), each key is tried: it is known if reading fails once its value is
//! replaced by one that no type accepts.

mod deserialiser;
mod error;

use serde::de::DeserializeOwned;

use crate::DefinitionError;
use crate::tree::{Node, Value};

use self::deserialiser::{Context, Reader};

/// Reads `node`, which stands under the dotted key `path`.
pub(crate) fn read<T: DeserializeOwned>(node: &Node, path: &str) -> Result<T, DefinitionError> {
    let context = Context::default();
    let reader = Reader::root(node, &context);
    let value = T::deserialize(reader.clone()).map_err(|error| error.at(&reader).explain(path))?;
    for table in context.opaque.into_inner() {
        refuse_ignored::<T>(node, &table, path)?;
    }
    Ok(value)
}

/// Refuses the keys below `steps` that reading `T` pays no attention to.
fn refuse_ignored<T: DeserializeOwned>(root: &Node, steps: &[usize], path: &str) -> Result<(), DefinitionError> {
    let node = descend(root, steps);
    for child in 0..children(node) {
        let steps: Vec<usize> = steps.iter().copied().chain([child]).collect();
        if let Value::Table(table) = &node.value {
            let mut poisoned = root.clone();
            descend_mut(&mut poisoned, &steps).value = Value::Poison;
            if T::deserialize(Reader::root(&poisoned, &Context::default())).is_ok() {
                let entry = &table.0[child];
                return Err(DefinitionError::UnknownKey {
                    place: entry.key_place.clone(),
                    table: dotted(path, root, &steps[..steps.len() - 1]),
                    key: entry.key.clone(),
                    nearest: None,
                });
            }
        }
        refuse_ignored::<T>(root, &steps, path)?;
    }
    Ok(())
}

fn children(node: &Node) -> usize {
    match &node.value {
        Value::Table(table) => table.0.len(),
        Value::Array(nodes) => nodes.len(),
        _ => 0,
    }
}

fn descend<'t>(root: &'t Node, steps: &[usize]) -> &'t Node {
    steps.iter().fold(root, |node, &step| match &node.value {
        Value::Table(table) => &table.0[step].node,
        Value::Array(nodes) => &nodes[step],
        _ => node,
    })
}

fn descend_mut<'t>(root: &'t mut Node, steps: &[usize]) -> &'t mut Node {
    let Some((&step, rest)) = steps.split_first() else {
        return root;
    };
    match &mut root.value {
        Value::Table(table) => descend_mut(&mut table.0[step].node, rest),
        Value::Array(nodes) => descend_mut(&mut nodes[step], rest),
        _ => unreachable!("steps lead through tables and arrays"),
    }
}

/// The key of the node that `steps` lead to: `path.a.b[2]`.
fn dotted(path: &str, root: &Node, steps: &[usize]) -> String {
    let mut key = path.to_owned();
    let mut node = root;
    for &step in steps {
        match &node.value {
            Value::Table(table) => {
                key = join(&key, &table.0[step].key);
                node = &table.0[step].node;
            }
            Value::Array(nodes) => {
                key = format!("{key}[{step}]");
                node = &nodes[step];
            }
            _ => break,
        }
    }
    key
}

fn join(path: &str, key: &str) -> String {
    match (path.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (_, true) => path.to_owned(),
        _ => format!("{path}.{key}"),
    }
}
