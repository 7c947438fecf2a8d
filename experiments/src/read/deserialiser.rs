//! A tree as serde reads it.

use std::cell::RefCell;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::error::ReadError;
use crate::tree::{Node, Value};

/// What was met while reading.
#[derive(Default)]
pub(super) struct Context {
    /// Tables that were read without serde naming their fields.
    pub opaque: RefCell<Vec<Vec<usize>>>,
}

/// A value on its way into a type. `steps` are the positions of the children that lead to it.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    pub root: &'a Node,
    pub node: &'a Node,
    pub steps: Vec<usize>,
    context: &'a Context,
}

impl<'a> Reader<'a> {
    pub fn root(node: &'a Node, context: &'a Context) -> Self {
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
            Value::Array(_) | Value::Table(_) => {
                let children = Children {
                    of: self.clone(),
                    next: 0,
                };
                match &self.node.value {
                    Value::Array(_) => visitor.visit_seq(children),
                    _ => visitor.visit_map(children),
                }
            }
            // Bytes that are no text: even what takes text as bytes refuses them.
            Value::Poison => visitor.visit_bytes(b"\xff"),
        }
        .map_err(|error: ReadError| error.at(&self))
    }

    fn refuse_unknown(&self, fields: &'static [&'static str]) -> Result<(), ReadError> {
        let unknown = self
            .node
            .table()
            .and_then(|table| table.keys().find(|key| !fields.contains(key)));
        match unknown {
            Some(key) => Err(<ReadError as de::Error>::unknown_field(key, fields).at(self)),
            None => Ok(()),
        }
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
            .map_err(|error: ReadError| error.at(&place))
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
        .map_err(|error: ReadError| error.at(&place))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

/// The entries of a table or the items of a list, one after the other. An error inside one is placed there, also
/// where serde buffers a value first and reads it later.
struct Children<'a> {
    of: Reader<'a>,
    next: usize,
}

impl<'a> Children<'a> {
    fn read<S: DeserializeSeed<'a>>(&mut self, node: &'a Node, seed: S) -> Result<S::Value, ReadError> {
        let child = self.of.child(node, self.next);
        self.next += 1;
        seed.deserialize(child.clone()).map_err(|error| error.at(&child))
    }
}

impl<'a> de::SeqAccess<'a> for Children<'a> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Value::Array(nodes) = &self.of.node.value else {
            return Ok(None);
        };
        nodes.get(self.next).map(|node| self.read(node, seed)).transpose()
    }
}

impl<'a> de::MapAccess<'a> for Children<'a> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let entry = self.of.node.table().and_then(|table| table.0.get(self.next));
        let key = entry.map(|entry| -> StrDeserializer<'_, ReadError> { entry.key.as_str().into_deserializer() });
        key.map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        match self.of.node.table().and_then(|table| table.0.get(self.next)) {
            Some(entry) => self.read(&entry.node, seed),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
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

    fn variant_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<(S::Value, Reader<'a>), ReadError> {
        let name: StrDeserializer<'_, ReadError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.value))
    }
}

impl<'a> de::VariantAccess<'a> for Reader<'a> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Err(<ReadError as de::Error>::invalid_type(self.node.unexpected(), &"the name alone").at(&self))
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
