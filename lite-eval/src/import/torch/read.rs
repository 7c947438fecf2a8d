//! Little-endian numbers from bytes that may end too soon.

use super::error::TorchError;

/// A position in the bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from `at`; the position in errors is the one in `bytes`.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next `n` bytes, without copying them.
    pub(super) fn take(&mut self, n: u64) -> Result<&'a [u8], TorchError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match usize::try_from(n).ok().and_then(|n| rest.get(..n)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(TorchError::at(
                self.at,
                format!("{} bytes to the end", rest.len()),
                format!("{n} more"),
            )),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], TorchError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, TorchError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, TorchError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, TorchError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, TorchError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The bytes up to a line feed, which is passed over.
    pub(super) fn line(&mut self) -> Result<&'a [u8], TorchError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return Err(TorchError::at(self.at, "the end", "a line"));
        };
        self.at += length + 1;
        Ok(&rest[..length])
    }
}
