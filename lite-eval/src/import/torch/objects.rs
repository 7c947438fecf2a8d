//! What a pickle builds, as a graph of nodes with numbers: a value that is used twice, or contains itself, costs nothing.

use std::collections::HashMap;

use super::error::{TorchError, shown};
use super::tensor::DType;

/// A node's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) u32);

/// One value. Text and bytes stay where they are in the file.
#[derive(Debug)]
pub(super) enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits.
    Huge,
    Float(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set,
    Dict(Vec<(Id, Id)>),
    Class(Box<Class<'a>>),
    /// An object of a class that is not known here, or what a function would have returned.
    Object {
        class: Id,
        state: Option<Id>,
    },
    Storage(Box<Storage<'a>>),
    Tensor(Box<View>),
}

/// A class or function by its name.
#[derive(Debug)]
pub(super) struct Class<'a> {
    pub(super) module: &'a [u8],
    pub(super) name: &'a [u8],
}

/// A run of numbers outside the pickle.
#[derive(Debug)]
pub(super) struct Storage<'a> {
    pub(super) key: &'a [u8],
    pub(super) dtype: DType,
    /// Elements of the whole storage that stands under `key`.
    pub(super) n_elements: u64,
    /// The part of it that this is: first element and number of elements. Files of the first torch versions have parts.
    pub(super) part: (u64, u64),
}

/// A tensor: which elements of a storage, in which order.
#[derive(Debug)]
pub(super) struct View {
    pub(super) storage: Id,
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
}

/// All nodes of a pickle.
#[derive(Debug)]
pub(super) struct Objects<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) root: Id,
}

impl<'a> Objects<'a> {
    pub(super) fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    /// Every storage by its key. One key with two types or sizes is an error.
    pub(super) fn storages(&self) -> Result<HashMap<&'a [u8], (DType, u64)>, TorchError> {
        let mut storages = HashMap::new();
        for node in &self.nodes {
            let Node::Storage(storage) = node else { continue };
            let declared = (storage.dtype, storage.n_elements);
            let first = *storages.entry(storage.key).or_insert(declared);
            if first != declared {
                return Err(TorchError::new(
                    format!("storage `{}`", shown(storage.key)),
                    format!("{} elements of {}", declared.1, declared.0),
                    format!("{} of {} as before", first.1, first.0),
                ));
            }
        }
        Ok(storages)
    }
}
