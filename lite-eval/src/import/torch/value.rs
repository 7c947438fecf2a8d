//! Walking through what a checkpoint holds.

use super::container::Checkpoint;
use super::error::TorchError;
use super::objects::{Id, Node};
use super::pickle::describe;
use super::tensor::Tensor;

/// A value of a checkpoint.
#[derive(Clone, Copy)]
pub struct Value<'c, 'a> {
    pub(super) checkpoint: &'c Checkpoint<'a>,
    pub(super) id: Id,
}

impl<'c, 'a> Value<'c, 'a> {
    fn node(self) -> &'c Node<'a> {
        self.checkpoint.objects.node(self.id)
    }

    fn with(self, id: Id) -> Self {
        Self { id, ..self }
    }

    /// The entry of a dictionary, or the attribute of an object, by its name.
    pub fn get(self, key: &str) -> Option<Self> {
        // Of equal keys the last one counts.
        let found = self.pairs()?.iter().rev().find(
            |(name, _)| matches!(self.checkpoint.objects.node(*name), Node::Text(text) if *text == key.as_bytes()),
        );
        found.map(|&(_, value)| self.with(value))
    }

    /// The entries of a dictionary, or the attributes of an object, whose keys are text. `None` for anything else.
    pub fn entries(self) -> Option<impl Iterator<Item = (&'a str, Self)> + use<'c, 'a>> {
        let pairs = self.pairs()?.iter();
        Some(
            pairs.filter_map(move |&(key, value)| match self.checkpoint.objects.node(key) {
                Node::Text(text) => Some((std::str::from_utf8(text).ok()?, self.with(value))),
                _ => None,
            }),
        )
    }

    fn pairs(self) -> Option<&'c [(Id, Id)]> {
        match self.node() {
            Node::Dict(entries) => Some(entries),
            // The state of an object with slots is a pair; its first half are the attributes.
            Node::Object { state, .. } => match self.checkpoint.objects.node((*state)?) {
                Node::Dict(entries) => Some(entries),
                Node::Tuple(halves) => match self.checkpoint.objects.node(*halves.first()?) {
                    Node::Dict(entries) => Some(entries),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// The values of a list or tuple.
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = Self> + use<'c, 'a>> {
        match self.node() {
            Node::List(items) | Node::Tuple(items) => Some(items.iter().map(move |&id| self.with(id))),
            _ => None,
        }
    }

    /// Whether it is `None`.
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// Text.
    pub fn as_str(self) -> Option<&'a str> {
        match self.node() {
            Node::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// A truth value, also as `0` and `1`.
    pub fn as_bool(self) -> Option<bool> {
        match self.node() {
            Node::Bool(value) => Some(*value),
            Node::Int(0) => Some(false),
            Node::Int(1) => Some(true),
            _ => None,
        }
    }

    /// An integer.
    pub fn as_i64(self) -> Option<i64> {
        match self.node() {
            Node::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A number.
    pub fn as_f64(self) -> Option<f64> {
        match self.node() {
            Node::Float(value) => Some(*value),
            Node::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The module and name of a class or function.
    pub fn as_class(self) -> Option<(&'a [u8], &'a [u8])> {
        match self.node() {
            Node::Class(class) => Some((class.module, class.name)),
            _ => None,
        }
    }

    /// A tensor. `None` if it is something else.
    ///
    /// # Errors
    ///
    /// Its storage is not in the file or too short for it.
    pub fn as_tensor(self) -> Option<Result<Tensor<'a>, TorchError>> {
        let Node::Tensor(view) = self.node() else { return None };
        let Node::Storage(storage) = self.checkpoint.objects.node(view.storage) else {
            return None;
        };
        Some(
            self.checkpoint
                .data(storage)
                .and_then(|data| Tensor::new(view, storage, data)),
        )
    }

    /// What it is, in a few words for a message.
    pub fn describe(self) -> String {
        describe(&self.checkpoint.objects, self.id)
    }
}
