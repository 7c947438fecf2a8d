//! From a tree to the type that owns the section: unknown keys refused, every error at its line.
//!
//! A struct tells serde its fields, so an unknown key is found before it is read. Where serde does not ask for fields
//! (flattened structs, enums with a tag inside), each key is tried: it is known if reading fails once its value is
//! replaced by one that no type accepts.

use std::cell::RefCell;
use std::fmt::Display;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor,
};

use crate::error::nearest;
use crate::tree::{Entry, Node, Table, Value};
use crate::{DefinitionError, Place};

/// Reads `node`, which stands under the dotted key `path`.
pub(crate) fn read<T: DeserializeOwned>(node: &Node, path: &str) -> Result<T, DefinitionError> {
    let context = Context::default();
    let value =
        T::deserialize(Reader::root(node, &context)).map_err(|error| error.explain(path))?;
    for table in context.opaque.into_inner() {
        refuse_ignored::<T>(node, &table, path)?;
    }
    Ok(value)
}

/// Refuses the keys below `steps` that reading `T` pays no attention to.
fn refuse_ignored<T: DeserializeOwned>(
    root: &Node,
    steps: &[usize],
    path: &str,
) -> Result<(), DefinitionError> {
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

/// What was met while reading.
#[derive(Default)]
struct Context {
    /// Tables that were read without serde naming their fields.
    opaque: RefCell<Vec<Vec<usize>>>,
}

/// A value on its way into a type. `steps` are the positions of the children that lead to it.
#[derive(Clone)]
struct Reader<'a> {
    root: &'a Node,
    node: &'a Node,
    steps: Vec<usize>,
    context: &'a Context,
}

impl<'a> Reader<'a> {
    fn root(node: &'a Node, context: &'a Context) -> Self {
        Reader {
            root: node,
            node,
            steps: Vec::new(),
            context,
        }
    }

    fn child(&self, node: &'a Node, index: usize) -> Reader<'a> {
        let steps = self.steps.iter().copied().chain([index]).collect();
        Reader {
            root: self.root,
            node,
            steps,
            context: self.context,
        }
    }

    fn visit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(value) => visitor.visit_borrowed_str(value),
            Value::Array(nodes) => {
                let children = nodes
                    .iter()
                    .enumerate()
                    .map(|(index, node)| self.child(node, index));
                visitor.visit_seq(SeqDeserializer::new(children))
            }
            Value::Table(table) => {
                let children = table.0.iter().enumerate();
                let children = children
                    .map(|(index, entry)| (entry.key.as_str(), self.child(&entry.node, index)));
                visitor.visit_map(MapDeserializer::new(children))
            }
            // Bytes that are no text: even what takes text as bytes refuses them.
            Value::Poison => visitor.visit_bytes(b"\xff"),
        }
        .map_err(|error: ReadError| error.at(self.node, &self))
    }

    fn refuse_unknown(&self, fields: &'static [&'static str]) -> Result<(), ReadError> {
        let unknown = self
            .node
            .table()
            .and_then(|table| table.keys().find(|key| !fields.contains(key)));
        match unknown {
            Some(key) => {
                Err(<ReadError as de::Error>::unknown_field(key, fields).at(self.node, self))
            }
            None => Ok(()),
        }
    }
}

impl<'a> IntoDeserializer<'a, ReadError> for Reader<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if matches!(self.node.value, Value::Table(_)) {
            self.context.opaque.borrow_mut().push(self.steps.clone());
        }
        self.visit(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.refuse_unknown(fields)?;
        self.visit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let place = self.clone();
        visitor
            .visit_newtype_struct(self)
            .map_err(|error: ReadError| error.at(place.node, &place))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let place = self.clone();
        match &self.node.value {
            Value::String(name) => {
                let name: StrDeserializer<'_, ReadError> = name.as_str().into_deserializer();
                visitor.visit_enum(name)
            }
            Value::Table(table) if table.0.len() == 1 => visitor.visit_enum(Variant {
                name: table.0[0].key.as_str(),
                value: self.child(&table.0[0].node, 0),
            }),
            _ => Err(de::Error::invalid_type(
                self.node.unexpected(),
                &"a name, or a table of one name",
            )),
        }
        .map_err(|error: ReadError| error.at(place.node, &place))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

/// A variant written as `{ name = value }`.
struct Variant<'a> {
    name: &'a str,
    value: Reader<'a>,
}

impl<'a> de::EnumAccess<'a> for Variant<'a> {
    type Error = ReadError;
    type Variant = Reader<'a>;

    fn variant_seed<S: DeserializeSeed<'a>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Reader<'a>), ReadError> {
        let name: StrDeserializer<'_, ReadError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.value))
    }
}

impl<'a> de::VariantAccess<'a> for Reader<'a> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Err(
            <ReadError as de::Error>::invalid_type(self.node.unexpected(), &"the name alone")
                .at(self.node, &self),
        )
    }

    fn newtype_variant_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<S::Value, ReadError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _len: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.visit(visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.refuse_unknown(fields)?;
        self.visit(visitor)
    }
}

/// What went wrong, and as soon as that is known, at which value.
#[derive(Debug)]
struct ReadError {
    what: What,
    found: Option<Value>,
    at: Option<At>,
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
    fn at(mut self, node: &Node, reader: &Reader<'_>) -> ReadError {
        if self.at.is_some() {
            return self;
        }
        let key = dotted("", reader.root, &reader.steps);
        let mut at = At {
            place: node.place.clone(),
            key,
        };
        if let Some(table) = node.table() {
            let inside = match (&self.what, &self.found) {
                (What::UnknownKey { key, .. }, _) => {
                    table.get(key).map(|entry| entry.key_place.clone())
                }
                // The value went through a buffer of serde's: find it by what it is.
                (What::Other(_), Some(found)) => only_entry_with(table, found).map(|entry| {
                    at.key = join(&at.key, &entry.key);
                    entry.node.place.clone()
                }),
                _ => None,
            };
            at.place = inside.unwrap_or(at.place);
        }
        self.at = Some(at);
        self
    }

    fn explain(self, path: &str) -> DefinitionError {
        let at = self.at.unwrap_or(At {
            place: Place::File("definition".into()),
            key: String::new(),
        });
        let (place, key) = (at.place, join(path, &at.key));
        match self.what {
            What::UnknownKey {
                key: unknown,
                known,
            } => DefinitionError::UnknownKey {
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
            What::Other(message) => DefinitionError::Invalid {
                place,
                key,
                message,
            },
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
        let message = format!(
            "found {found}, expected {}",
            in_words(&expected.to_string())
        );
        ReadError::other(message, value_of(&found))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let names: Vec<_> = expected.iter().map(|name| format!("\"{name}\"")).collect();
        let suggestion = nearest(variant, expected.iter().copied());
        let suggestion =
            suggestion.map_or(String::new(), |name| format!(" (did you mean \"{name}\"?)"));
        let message = format!(
            "found \"{variant}\", expected one of {}{suggestion}",
            names.join(", ")
        );
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
    fn unexpected(&self) -> Unexpected<'_> {
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
