//! What serde says is wrong, and the line it is wrong at.

use std::fmt::Display;

use serde::de::{self, Expected, Unexpected};

use super::deserialiser::Reader;
use super::{dotted, join};
use crate::error::nearest;
use crate::tree::{Entry, Node, Table, Value};
use crate::{DefinitionError, Place};

/// What went wrong, and as soon as that is known, at which value.
#[derive(Debug)]
pub(super) struct ReadError {
    what: What,
    found: Option<Value>,
    at: Option<Box<At>>,
}

#[derive(Debug)]
struct At {
    place: Place,
    /// Dotted key below the section.
    key: String,
}

#[derive(Debug)]
enum What {
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    MissingKey(&'static str),
    Other(String),
}

impl ReadError {
    /// Notes the place, unless one further inside is known.
    pub fn at(mut self, reader: &Reader<'_>) -> ReadError {
        if self.at.is_some() {
            return self;
        }
        let key = dotted("", reader.root, &reader.steps);
        let mut at = At {
            place: reader.node.place.clone(),
            key,
        };
        if let Some(table) = reader.node.table() {
            let inside = match (&self.what, &self.found) {
                (What::UnknownKey { key, .. }, _) => table.get(key).map(|entry| entry.key_place.clone()),
                // The value went through a buffer of serde's: find it by what it is.
                (What::Other(_), Some(found)) => only_entry_with(table, found).map(|entry| {
                    at.key = join(&at.key, &entry.key);
                    entry.node.place.clone()
                }),
                _ => None,
            };
            at.place = inside.unwrap_or(at.place);
        }
        self.at = Some(Box::new(at));
        self
    }

    pub fn explain(self, path: &str) -> DefinitionError {
        let (place, key) = match self.at {
            Some(at) => (at.place, join(path, &at.key)),
            None => (Place::File("definition".into()), path.to_owned()),
        };
        match self.what {
            What::UnknownKey { key: unknown, known } => DefinitionError::UnknownKey {
                place,
                table: key,
                nearest: nearest(&unknown, known.iter().copied()),
                key: unknown,
            },
            What::MissingKey(missing) => DefinitionError::MissingKey {
                place,
                table: key,
                key: missing.to_owned(),
            },
            What::Other(message) => DefinitionError::Invalid { place, key, message },
        }
    }

    fn other(message: String, found: Option<Value>) -> ReadError {
        ReadError {
            what: What::Other(message),
            found,
            at: None,
        }
    }
}

impl de::Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        ReadError::other(message.to_string(), None)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let message = format!("found {found}, expected {}", in_words(&expected.to_string()));
        ReadError::other(message, value_of(&found))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let names: Vec<_> = expected.iter().map(|name| format!("\"{name}\"")).collect();
        let suggestion = nearest(variant, expected.iter().copied());
        let suggestion = suggestion.map_or(String::new(), |name| format!(" (did you mean \"{name}\"?)"));
        let message = format!("found \"{variant}\", expected one of {}{suggestion}", names.join(", "));
        ReadError::other(message, Some(Value::String(variant.to_owned())))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        ReadError {
            what: What::UnknownKey {
                key: field.to_owned(),
                known: expected,
            },
            found: None,
            at: None,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        ReadError {
            what: What::MissingKey(field),
            found: None,
            at: None,
        }
    }
}

impl Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for ReadError {}

impl Node {
    pub(super) fn unexpected(&self) -> Unexpected<'_> {
        match &self.value {
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Integer(value) => Unexpected::Signed(*value),
            Value::Float(value) => Unexpected::Float(*value),
            Value::String(value) => Unexpected::Str(value),
            Value::Array(_) => Unexpected::Seq,
            Value::Table(_) => Unexpected::Map,
            Value::Poison => Unexpected::Other("nothing"),
        }
    }
}

/// Rust's names of number types, as people say them.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn value_of(found: &Unexpected<'_>) -> Option<Value> {
    match found {
        Unexpected::Bool(value) => Some(Value::Bool(*value)),
        Unexpected::Signed(value) => Some(Value::Integer(*value)),
        Unexpected::Unsigned(value) => i64::try_from(*value).ok().map(Value::Integer),
        Unexpected::Float(value) => Some(Value::Float(*value)),
        Unexpected::Str(value) => Some(Value::String((*value).to_owned())),
        _ => None,
    }
}

fn only_entry_with<'t>(table: &'t Table, value: &Value) -> Option<&'t Entry> {
    let mut entries = table.0.iter().filter(|entry| entry.node.value == *value);
    let entry = entries.next()?;
    entries.next().is_none().then_some(entry)
}
