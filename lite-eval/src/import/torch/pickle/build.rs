//! What is built when a pickle calls something: tensors, their storages, and ordered dictionaries. Everything else becomes an
//! object that nothing reads.

use super::super::error::TorchError;
use super::super::objects::{Id, Node, Storage, View};
use super::super::tensor::DType;
use super::Machine;

/// Axes of a tensor.
const MAX_AXES: usize = 16;

impl<'a> Machine<'a> {
    /// What calling a function would return: the functions that make tensors and dictionaries are known.
    pub(super) fn call(&mut self, function: Id, arguments: Id) -> Result<(), TorchError> {
        let known = match self.node(function) {
            Node::Class(class) => Some((class.module, class.name)),
            _ => None,
        };
        match known {
            Some((b"torch._utils", b"_rebuild_tensor" | b"_rebuild_tensor_v2")) => {
                let view = self.view(arguments);
                let view = view.ok_or_else(|| self.error("other arguments", "storage, offset, size and stride"))?;
                self.push(Node::Tensor(Box::new(view)));
            }
            Some((b"torch._utils", b"_rebuild_parameter")) => match self.items(arguments) {
                Some(&[tensor, ..]) => self.stack.push(tensor),
                _ => return Err(self.error("no arguments", "the tensor of a parameter")),
            },
            Some((b"collections", b"OrderedDict")) => {
                let entries = self.ordered(arguments)?;
                self.push(Node::Dict(entries));
            }
            Some((b"collections", b"defaultdict")) => self.push(Node::Dict(Vec::new())),
            Some((b"copy_reg" | b"copyreg", b"_reconstructor")) => match self.items(arguments) {
                Some(&[class, ..]) => self.push(Node::Object { class, state: None }),
                _ => return Err(self.error("no arguments", "a class")),
            },
            _ => self.push(Node::Object {
                class: function,
                state: None,
            }),
        }
        Ok(())
    }

    fn view(&self, arguments: Id) -> Option<View> {
        let &[storage, offset, shape, strides, ..] = self.items(arguments)? else {
            return None;
        };
        let (shape, strides) = (self.counts(shape)?, self.counts(strides)?);
        if !matches!(self.node(storage), Node::Storage(_)) || shape.len() != strides.len() {
            return None;
        }
        let offset = self.count(offset)?;
        Some(View {
            storage,
            offset,
            shape,
            strides,
        })
    }

    /// The entries that Python 2 passes to `OrderedDict`: a list of pairs.
    fn ordered(&mut self, arguments: Id) -> Result<Vec<(Id, Id)>, TorchError> {
        let list = self.items(arguments).and_then(|arguments| arguments.first().copied());
        let Some(n_items) = list.and_then(|list| self.items(list)).map(<[Id]>::len) else {
            return Ok(Vec::new());
        };
        // The list may be in the memo and copied again and again.
        self.spend(n_items)?;
        let pairs = list.and_then(|list| self.items(list)).unwrap_or_default().iter();
        let pairs: Option<Vec<(Id, Id)>> = pairs
            .map(|&pair| match self.items(pair) {
                Some(&[key, value]) => Some((key, value)),
                _ => None,
            })
            .collect();
        pairs.ok_or_else(|| self.error("other arguments", "a list of pairs"))
    }

    /// A persistent id: `("storage", class, key, location, n_elements, part)`. The location (`cuda:0`) means nothing here.
    pub(super) fn persistent(&mut self) -> Result<(), TorchError> {
        let id = self.pop()?;
        let storage = self.storage(id);
        let storage = storage.ok_or_else(|| self.error("a persistent id of another kind", "a storage's"))?;
        self.push(Node::Storage(Box::new(storage)));
        Ok(())
    }

    fn storage(&self, id: Id) -> Option<Storage<'a>> {
        let &[tag, class, key, _location, n_elements, ref part @ ..] = self.items(id)? else {
            return None;
        };
        let (&Node::Text(b"storage"), Node::Class(class), &Node::Text(key)) =
            (self.node(tag), self.node(class), self.node(key))
        else {
            return None;
        };
        let n_elements = self.count(n_elements)?;
        let part = match part.first().map(|&part| (self.node(part), self.items(part))) {
            None | Some((Node::None, _)) => (0, n_elements),
            Some((_, Some(&[_, offset, length]))) => (self.count(offset)?, self.count(length)?),
            Some(_) => return None,
        };
        let is_inside = part.0.checked_add(part.1).is_some_and(|end| end <= n_elements);
        (is_inside && class.module.starts_with(b"torch")).then_some(Storage {
            key,
            dtype: DType::of_storage(class.name)?,
            n_elements,
            part,
        })
    }

    fn items(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    fn count(&self, id: Id) -> Option<u64> {
        match self.node(id) {
            Node::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    fn counts(&self, id: Id) -> Option<Vec<u64>> {
        let items = self.items(id).filter(|items| items.len() <= MAX_AXES)?;
        items.iter().map(|&id| self.count(id)).collect()
    }
}
