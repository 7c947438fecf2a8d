//! All tensors of a model, one after the other: what the section of weights of a file holds.
//!
//! A u32 says how many; each is the length of its name (u16), the name, its encoding (u8), the number of its
//! dimensions (u8), these (u64 each), the number of its bytes (u64), and these bytes. Names ascend.

use super::error::{PackedError, shown, wrong};
use super::tensor::{Encoding, PackedBytes, Values, WEIGHTS_A_BYTE, unpack_values};

/// More dimensions than any tensor has.
const MOST_DIMENSIONS: usize = 8;

/// Tensors in bytes that are borrowed, such as those of a mapped file.
#[derive(Debug, Clone)]
pub struct Archive<'a> {
    entries: Vec<Entry<'a>>,
}

/// One tensor, still packed.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    name: &'a str,
    shape: Vec<usize>,
    n_elements: usize,
    encoding: Encoding,
    bytes: &'a [u8],
}

impl<'a> Archive<'a> {
    /// Finds the tensors and holds their sizes to their bytes. Nothing is unpacked.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PackedError> {
        let mut reader = Reader { bytes, at: 0 };
        let n = u32::from_le_bytes(reader.array()?);
        let mut entries: Vec<Entry<'a>> = Vec::new();
        for _ in 0..n {
            let entry = reader.entry()?;
            if let Some(last) = entries.last().filter(|last| last.name >= entry.name) {
                let found = format!("it behind `{}`", shown(last.name.as_bytes()));
                return Err(PackedError::new(
                    entry.place(),
                    found,
                    "names in their order, each once",
                ));
            }
            entries.push(entry);
        }
        if reader.at < bytes.len() {
            let found = format!("{} bytes behind the last tensor", bytes.len() - reader.at);
            return Err(reader.wrong(found, "none"));
        }
        Ok(Self { entries })
    }

    /// The tensors in the order of their names.
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Entry<'a>> {
        let found = self.entries.binary_search_by(|entry| entry.name.cmp(name));
        found.ok().map(|i| &self.entries[i])
    }
}

impl<'a> Entry<'a> {
    /// Its name in the reference.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its shape in the reference.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many weights it has: at most [`WEIGHTS_A_BYTE`] for each byte of the file.
    pub fn n_elements(&self) -> usize {
        self.n_elements
    }

    /// How it is packed.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its numbers.
    pub fn values(&self) -> Result<Values, PackedError> {
        unpack_values(self.encoding, self.bytes, self.n_elements).map_err(|error| PackedError {
            place: self.place(),
            ..error
        })
    }

    fn place(&self) -> String {
        format!("tensor `{}`", shown(self.name.as_bytes()))
    }
}

/// Writes an archive of tensors.
///
/// # Panics
///
/// Names do not ascend, or a tensor is beyond what the format can say.
pub fn write<'a>(tensors: impl ExactSizeIterator<Item = (&'a str, &'a [usize], &'a PackedBytes)>) -> Vec<u8> {
    let n = u32::try_from(tensors.len()).expect("tensors in 32 bits");
    let mut archive = n.to_le_bytes().to_vec();
    let mut last = None;
    for (name, shape, packed) in tensors {
        assert!(last < Some(name), "`{name}` behind {last:?}");
        last = Some(name);
        archive.extend(u16::try_from(name.len()).expect("a short name").to_le_bytes());
        archive.extend(name.as_bytes());
        archive.push(match packed.encoding {
            Encoding::Floats => 0,
            Encoding::Halves => 1,
            Encoding::Codes => 2,
        });
        assert!(shape.len() <= MOST_DIMENSIONS, "shape {shape:?}");
        archive.push(shape.len() as u8);
        archive.extend(shape.iter().flat_map(|&n| (n as u64).to_le_bytes()));
        archive.extend((packed.bytes.len() as u64).to_le_bytes());
        archive.extend(&packed.bytes);
    }
    archive
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self, found: impl Into<String>, expected: impl Into<String>) -> PackedError {
        PackedError::new(format!("byte {}", self.at), found, expected)
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], PackedError> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..n) else {
            return Err(self.wrong(format!("{} bytes to the end", rest.len()), format!("{n}")));
        };
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackedError> {
        Ok(self.take(N)?.try_into().expect("as many as were taken"))
    }

    fn entry(&mut self) -> Result<Entry<'a>, PackedError> {
        let name_len = u16::from_le_bytes(self.array()?);
        let name = self.take(name_len.into())?;
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(self.wrong(format!("name `{}`", shown(name)), "UTF-8"));
        };
        let place = format!("tensor `{}`", shown(name.as_bytes()));
        let named = |error: PackedError| PackedError {
            place: place.clone(),
            ..error
        };
        let [encoding, n_dimensions] = self.array()?;
        let encoding = match encoding {
            0 => Encoding::Floats,
            1 => Encoding::Halves,
            2 => Encoding::Codes,
            other => return wrong(format!("encoding {other}"), "0, 1 or 2").map_err(named),
        };
        if usize::from(n_dimensions) > MOST_DIMENSIONS {
            return wrong(
                format!("{n_dimensions} dimensions"),
                format!("at most {MOST_DIMENSIONS}"),
            )
            .map_err(named);
        }
        let mut shape = Vec::with_capacity(n_dimensions.into());
        let mut n_elements = Some(1usize);
        for _ in 0..n_dimensions {
            let n = u64::from_le_bytes(self.array()?);
            let n = usize::try_from(n).unwrap_or(usize::MAX);
            n_elements = n_elements.and_then(|product| product.checked_mul(n));
            shape.push(n);
        }
        let n_bytes = u64::from_le_bytes(self.array()?);
        let rest = self.bytes.len() - self.at;
        let Some(n_bytes) = usize::try_from(n_bytes).ok().filter(|&n| n <= rest) else {
            return wrong(format!("{rest} bytes to the end"), n_bytes.to_string()).map_err(named);
        };
        let bytes = self.take(n_bytes)?;
        let least = |n: usize| match encoding {
            Encoding::Floats => n.checked_mul(4),
            Encoding::Halves => n.checked_mul(2),
            Encoding::Codes => Some(n.div_ceil(WEIGHTS_A_BYTE)),
        };
        match n_elements.and_then(|n| Some((n, least(n)?))) {
            Some((n_elements, least)) if least <= n_bytes => Ok(Entry {
                name,
                shape,
                n_elements,
                encoding,
                bytes,
            }),
            _ => {
                let n = n_elements.map_or_else(|| format!("shape {shape:?}"), |n| format!("{n} weights"));
                wrong(format!("{n} in {n_bytes} bytes"), "as many as the bytes can hold").map_err(named)
            }
        }
    }
}

#[cfg(test)]
mod tests;
