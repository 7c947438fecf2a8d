//! `KEY=VALUE` of the command line put over a definition.

use crate::error::nearest;
use crate::parse::parse_value;
use crate::tree::{Entry, Node, Table, Value};
use crate::{DefinitionError, Place};

/// The sections an override may change.
const SECTIONS: [&str; 4] = ["data", "train", "decode", "arch"];

/// Puts one override over the tree. Whether the last key exists is seen when its section is read.
pub(crate) fn apply(root: &mut Table, text: &str) -> Result<(), DefinitionError> {
    let refuse = |message: String| DefinitionError::Override {
        text: text.to_owned(),
        message,
    };
    let Some((path, value)) = text.split_once('=') else {
        return Err(refuse("expected KEY=VALUE, such as `train.updates=100`".into()));
    };
    let keys: Vec<&str> = path.trim().split('.').map(str::trim).collect();
    if keys.len() < 2 || keys.iter().any(|key| key.is_empty()) {
        return Err(refuse(format!(
            "`{}` is no key; expected SECTION.KEY, such as `train.updates`",
            path.trim()
        )));
    }
    if !SECTIONS.contains(&keys[0]) {
        let suggestion = suggest(keys[0], SECTIONS);
        return Err(refuse(format!(
            "no section is named `{}`{suggestion}; there are {}",
            keys[0],
            SECTIONS.join(", ")
        )));
    }
    if keys[0] == "arch" {
        let known: Vec<&str> = root
            .get("arch")
            .and_then(|entry| entry.node.table())
            .map_or(Vec::new(), |table| table.keys().collect());
        if keys.len() < 3 || !known.contains(&keys[1]) {
            let suggestion = suggest(keys[1], known.iter().copied());
            return Err(refuse(format!(
                "no architecture is named `{}`{suggestion}; write `arch.NAME.KEY` with NAME one of {}",
                keys[1],
                known.join(", ")
            )));
        }
    }
    let place = Place::Override(text.into());
    let mut node = parse_value(value.trim(), &place)?;
    for (depth, key) in keys.iter().enumerate().rev() {
        // A parent that is there must be a table: `train.updates.x=1` is a slip.
        if depth > 0 && lookup(root, &keys[..depth]).is_some_and(|found| found.table().is_none()) {
            return Err(refuse(format!(
                "`{}` is a single value, not a table",
                keys[..depth].join(".")
            )));
        }
        let entry = Entry {
            key: (*key).to_owned(),
            key_place: place.clone(),
            node,
        };
        node = Node {
            value: Value::Table(Table(vec![entry])),
            place: place.clone(),
        };
    }
    if let Value::Table(table) = node.value {
        root.merge(table);
    }
    Ok(())
}

fn lookup<'t>(root: &'t Table, keys: &[&str]) -> Option<&'t Node> {
    let (first, rest) = keys.split_first()?;
    let start = &root.get(first)?.node;
    rest.iter()
        .try_fold(start, |node, key| node.table()?.get(key).map(|entry| &entry.node))
}

fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or(String::new(), |name| format!(" (did you mean `{name}`?)"))
}
