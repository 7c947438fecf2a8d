//! Where two definitions of a run differ.

use std::collections::BTreeSet;

use experiments::RunDefinition;
use serde_json::{Map, Value};

/// The keys that change a result and are not the same on both sides.
pub fn differing_keys(a: &RunDefinition, b: &RunDefinition) -> Vec<String> {
    let mut keys = Vec::new();
    if a.seed != b.seed {
        keys.push(format!("seed ({} there, {} here)", a.seed, b.seed));
    }
    if a.definition_hash != b.definition_hash {
        compare("", &a.definition, &b.definition, &mut keys);
    }
    keys
}

fn compare(path: &str, a: &Value, b: &Value, keys: &mut Vec<String>) {
    let empty = Map::new();
    let mut note = || {
        if a != b {
            keys.push(format!("{path} ({} there, {} here)", shown(a), shown(b)));
        }
    };
    let (Some(a_map), Some(b_map)) = (table(a, &empty), table(b, &empty)) else {
        return note();
    };
    let names: BTreeSet<&String> = a_map.keys().chain(b_map.keys()).collect();
    if names.is_empty() {
        // An empty table is not an absent one: `[data.moses.clean]` alone asks for cleaning.
        return note();
    }
    for name in names {
        // Titles and published numbers change nothing.
        if path.is_empty() && ["title", "paper"].contains(&name.as_str()) {
            continue;
        }
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let value = |map: &Map<String, Value>| map.get(name).cloned().unwrap_or(Value::Null);
        compare(&path, &value(a_map), &value(b_map), keys);
    }
}

/// A table that is absent on one side has no keys there.
fn table<'a>(value: &'a Value, empty: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        Value::Null => Some(empty),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    if value.is_null() {
        "absent".into()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named_by_their_keys() {
        let definition = |definition: Value, seed| RunDefinition {
            experiment: "quick".into(),
            arch: "lite".into(),
            definition_hash: definition.to_string(),
            definition,
            overrides: vec![],
            seed,
            data_hash: None,
        };
        let a =
            json!({ "title": "a", "train": { "updates": 5, "schedule": { "peak": 0.1 } }, "arch": { "d_model": 8 } });
        let b = json!({ "title": "b", "train": { "updates": 6 }, "arch": { "d_model": 8 } });
        assert_eq!(
            differing_keys(&definition(a.clone(), 1), &definition(b, 2)),
            [
                "seed (1 there, 2 here)",
                "train.schedule.peak (0.1 there, absent here)",
                "train.updates (5 there, 6 here)"
            ]
        );
        assert!(differing_keys(&definition(a.clone(), 1), &definition(a, 1)).is_empty());
        let clean = |clean: Value| definition(json!({ "data": { "moses": clean } }), 1);
        assert_eq!(
            differing_keys(
                &clean(json!({ "tokenise": true })),
                &clean(json!({ "tokenise": true, "clean": {} }))
            ),
            ["data.moses.clean (absent there, {} here)"]
        );
    }
}
