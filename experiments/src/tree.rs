//! A definition as a tree of values that know where they were written.

use serde_json::{Map, Value as Json};

use crate::Place;

/// A value and the place it was written at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub value: Value,
    pub place: Place,
}

/// A value of a definition. TOML's dates are kept as their text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Array(Vec<Node>),
    Table(Table),
    /// A value that no type reads: put in place of another to learn whether anything reads it.
    Poison,
}

/// Entries in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table(pub Vec<Entry>);

/// A key, where it stands, and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub key: String,
    pub key_place: Place,
    pub node: Node,
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.0.iter_mut().find(|entry| entry.key == key)
    }

    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let position = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(position))
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|entry| entry.key.as_str())
    }

    /// Puts `other` over `self`: tables merge key by key, everything else is replaced. So is a table that names a file, by
    /// another that does: size and hash are of the file, and not of its place in the definition.
    pub fn merge(&mut self, other: Table) {
        for entry in other.0 {
            match self.get_mut(&entry.key) {
                None => self.0.push(entry),
                Some(own) => match (&mut own.node.value, entry.node.value) {
                    (Value::Table(own_table), Value::Table(table))
                        if !(own_table.names_file() && table.names_file()) =>
                    {
                        own_table.merge(table);
                    }
                    (own_value, value) => {
                        *own_value = value;
                        own.node.place = entry.node.place;
                        own.key_place = entry.key_place;
                    }
                },
            }
        }
    }

    fn names_file(&self) -> bool {
        ["path", "url"].iter().any(|key| self.get(key).is_some())
    }

    pub fn to_json(&self) -> Json {
        let entries = self.0.iter().map(|entry| (entry.key.clone(), entry.node.to_json()));
        Json::Object(Map::from_iter(entries))
    }
}

impl Node {
    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Bool(value) => Json::from(*value),
            Value::Integer(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::String(value) => Json::from(value.as_str()),
            Value::Array(nodes) => Json::Array(nodes.iter().map(Node::to_json).collect()),
            Value::Table(table) => table.to_json(),
            Value::Poison => Json::Null,
        }
    }

    /// The tree of a JSON value, every node of it placed at `place`. Nulls in tables are absent keys.
    pub fn from_json(json: &Json, place: &Place) -> Node {
        let value = match json {
            Json::Null => Value::Poison,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Value::Integer(value),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(value) => Value::String(value.clone()),
            Json::Array(values) => Value::Array(values.iter().map(|value| Node::from_json(value, place)).collect()),
            Json::Object(map) => Value::Table(Table(
                map.iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_place: place.clone(),
                        node: Node::from_json(value, place),
                    })
                    .collect(),
            )),
        };
        Node {
            value,
            place: place.clone(),
        }
    }
}
