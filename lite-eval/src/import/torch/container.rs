//! The two containers of `torch.save`: a zip archive, and before torch 1.6 a stream of pickles.

mod legacy;
mod zip;

use std::collections::HashMap;

use super::error::{TorchError, shown};
use super::objects::{Objects, Storage};
use super::pickle::unpickle;
use super::value::Value;

/// What a file of `torch.save` holds. It borrows the bytes of the file.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    pub(super) objects: Objects<'a>,
    storages: HashMap<&'a [u8], &'a [u8]>,
}

impl<'a> Checkpoint<'a> {
    /// Reads the structure of a file; its numbers stay where they are.
    ///
    /// # Errors
    ///
    /// The bytes are no such file, or are damaged.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TorchError> {
        if zip::is_zip(bytes) {
            return Self::from_zip(bytes);
        }
        if bytes.first() == Some(&0x80) {
            return legacy::read(bytes).map(|(objects, storages)| Self { objects, storages });
        }
        let found = match bytes {
            [] => "an empty file".into(),
            _ if bytes.get(257..262) == Some(b"ustar") => "a tar archive of torch before 0.1.10".into(),
            _ => format!("`{}`", shown(&bytes[..bytes.len().min(8)])),
        };
        Err(TorchError::at(0, found, "a file of torch.save"))
    }

    fn from_zip(bytes: &'a [u8]) -> Result<Self, TorchError> {
        let archive = zip::Archive::parse(bytes)?;
        let order = archive.entry(b"byteorder");
        if let Some(order) = order.transpose()?.filter(|order| *order != b"little") {
            return Err(TorchError::new(
                "`byteorder`",
                format!("`{}`", shown(order)),
                "`little`",
            ));
        }
        let pickle = archive
            .entry(b"data.pkl")
            .ok_or_else(|| TorchError::new("the zip archive", "no `data.pkl`", "one"))??;
        let (objects, _) = unpickle(pickle, 0).map_err(|error| TorchError {
            place: format!("`data.pkl`, {}", error.place),
            ..error
        })?;
        let mut storages = HashMap::new();
        for key in objects.storages()?.into_keys() {
            let name = [b"data/", key].concat();
            // A storage that is absent matters only to whoever asks for it.
            if let Some(data) = archive.entry(&name) {
                storages.insert(key, data?);
            }
        }
        Ok(Self { objects, storages })
    }

    /// What was saved.
    pub fn root(&self) -> Value<'_, 'a> {
        Value {
            checkpoint: self,
            id: self.objects.root,
        }
    }

    /// Every value, in the order in which they were built.
    pub fn values(&self) -> impl Iterator<Item = Value<'_, 'a>> {
        (0..self.objects.nodes.len()).map(|i| Value {
            checkpoint: self,
            id: super::objects::Id(i as u32),
        })
    }

    /// The bytes of a whole storage.
    pub(super) fn data(&self, storage: &Storage<'a>) -> Result<&'a [u8], TorchError> {
        let place = || format!("storage `{}`", shown(storage.key));
        let data = self.storages.get(storage.key);
        let data = data.ok_or_else(|| TorchError::new(place(), "nothing", "its numbers"))?;
        let size = storage.n_elements.checked_mul(storage.dtype.size() as u64);
        match size.and_then(|size| data.get(..usize::try_from(size).ok()?)) {
            Some(data) => Ok(data),
            None => {
                let expected = format!("{} elements of {}", storage.n_elements, storage.dtype);
                Err(TorchError::new(place(), format!("{} bytes", data.len()), expected))
            }
        }
    }
}
