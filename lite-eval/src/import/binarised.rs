//! fairseq's binarised data (`preprocess.py`): sentences as numbers in a `.bin`, where they stand in an `.idx`
//! (fairseq `indexed_dataset.py`). Both formats: `MMIDIDX` of `--dataset-impl mmap`, and `TNTIDX` of `cached` and `lazy`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use experiments::write_atomically;
use lite_data::{EOS, Vocabulary};
use memmap2::Mmap;

use super::error::ImportError;

const MEMORY_MAPPED: &[u8] = b"MMIDIDX\0\0";
const TORCHNET: &[u8] = b"TNTIDX\0\0";

/// Sentences of a binarised file.
#[derive(Debug)]
pub struct Binarised {
    index_path: PathBuf,
    data_path: PathBuf,
    index: Mmap,
    data: Option<Mmap>,
    format: Format,
    number: Number,
    n_sentences: usize,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    /// Sizes as `i32`, then positions in bytes as `i64`, from here on.
    MemoryMapped { at: usize },
    /// Offsets of dimensions, offsets of data in elements, sizes, each `i64`; every number is one more than the id.
    TorchNet { at: usize, n_sizes: usize },
}

/// How an id is written.
#[derive(Debug, Clone, Copy)]
struct Number {
    size: usize,
    is_signed: bool,
}

/// What [`Binarised::write_lines`] wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines, a sentence each.
    pub n_lines: usize,
    /// Sentences that did not end in `</s>`, which their lines will end in when they are read.
    pub n_open: usize,
    /// Tokens that a reader of text takes for unknown: `<s>`, `<pad>`, and `</s>` inside a sentence.
    pub n_special: usize,
}

impl Binarised {
    /// Opens a pair of files by their common prefix, or by either of them.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let prefix = match path.extension() {
            Some(extension) if extension == "idx" || extension == "bin" => path.with_extension(""),
            _ => path.to_path_buf(),
        };
        let index_path = prefix.with_added_extension("idx");
        let data_path = prefix.with_added_extension("bin");
        let Some(index) = map(&index_path)? else {
            return Err(ImportError::content(&index_path, "byte 0", "an empty file", "an index"));
        };
        let data = map(&data_path)?;
        let (format, number, n_sentences) = header(&index).map_err(|(at, found, expected)| {
            ImportError::content(&index_path, format!("byte {at}"), found, expected)
        })?;
        Ok(Self {
            index_path,
            data_path,
            index,
            data,
            format,
            number,
            n_sentences,
        })
    }

    /// How many sentences there are.
    #[expect(clippy::len_without_is_empty, reason = "nothing asks whether a test set is empty")]
    pub fn len(&self) -> usize {
        self.n_sentences
    }

    /// The ids of sentence `i`, counted from 0.
    ///
    /// # Errors
    ///
    /// It lies outside the `.bin`, or an id is no number from 0 to 2^32.
    pub fn sentence(&self, i: usize) -> Result<Vec<u32>, ImportError> {
        let damaged = |found: String, expected: &str| {
            let place = format!("sentence {i} (from 0)");
            ImportError::content(&self.index_path, place, found, expected)
        };
        let (start, n_tokens) = self
            .extent(i)
            .ok_or_else(|| damaged("a position below 0".into(), "0 or more"))?;
        let data = self.data.as_deref().unwrap_or_default();
        let end = n_tokens
            .checked_mul(self.number.size)
            .and_then(|size| start.checked_add(size));
        let Some(bytes) = end.and_then(|end| data.get(start..end)) else {
            let expected = format!(
                "something inside the {} bytes of `{}`",
                data.len(),
                self.data_path.display()
            );
            return Err(damaged(format!("{n_tokens} tokens at byte {start}"), &expected));
        };
        let shift = match self.format {
            Format::MemoryMapped { .. } => 0,
            Format::TorchNet { .. } => 1,
        };
        let id = |bytes| u32::try_from(self.number.read(bytes).wrapping_sub(shift)).ok();
        let ids: Option<Vec<u32>> = bytes.chunks_exact(self.number.size).map(id).collect();
        ids.ok_or_else(|| damaged("an id below 0".into(), "0 or more"))
    }

    /// Where a sentence begins in the data, in bytes, and how many tokens it has.
    fn extent(&self, i: usize) -> Option<(usize, usize)> {
        let long = |at: usize| usize::try_from(i64::from_le_bytes(array(&self.index, at))).ok();
        match self.format {
            Format::MemoryMapped { at } => {
                let n_tokens = i32::from_le_bytes(array(&self.index, at + 4 * i));
                let start = long(at + 4 * self.n_sentences + 8 * i)?;
                Some((start, usize::try_from(n_tokens).ok()?))
            }
            Format::TorchNet { at, n_sizes } => {
                let dimensions = at + 8 * i;
                let offsets = dimensions + 8 * (self.n_sentences + 1);
                let sizes = at + 16 * (self.n_sentences + 1);
                let dimension = long(dimensions)?;
                let is_line = dimension < n_sizes && long(dimensions + 8)? == dimension + 1;
                let n_tokens = is_line.then(|| long(sizes + 8 * dimension)).flatten()?;
                Some((long(offsets)?.checked_mul(self.number.size)?, n_tokens))
            }
        }
    }

    /// Writes every sentence as a line of tokens between spaces, without the final `</s>`.
    pub fn write_lines(&self, vocabulary: &Vocabulary, output: &Path) -> Result<Written, ImportError> {
        let mut failure = None;
        let mut written = Written::default();
        let result = write_atomically(output, |file| {
            for i in 0..self.n_sentences {
                match self.line(i, vocabulary, &mut written) {
                    Ok(line) => writeln!(file, "{line}")?,
                    Err(error) => {
                        failure = Some(error);
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                }
            }
            Ok(())
        });
        match (failure, result) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(written),
            (None, Err(source)) => Err(ImportError::Io {
                path: output.into(),
                source,
            }),
        }
    }

    fn line(&self, i: usize, vocabulary: &Vocabulary, written: &mut Written) -> Result<String, ImportError> {
        let ids = self.sentence(i)?;
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary.len()) {
            let place = format!("sentence {i} (from 0)");
            let expected = format!("one of the dictionary's {} entries", vocabulary.len());
            return Err(ImportError::content(
                &self.data_path,
                place,
                format!("id {id}"),
                expected,
            ));
        }
        let tokens = match ids.split_last() {
            Some((&EOS, tokens)) => tokens,
            _ => {
                written.n_open += 1;
                &ids
            }
        };
        written.n_lines += 1;
        written.n_special += tokens.iter().filter(|id| **id <= EOS).count();
        let pieces: Vec<&str> = tokens.iter().map(|&id| vocabulary.piece(id)).collect();
        Ok(pieces.join(" "))
    }
}

impl Number {
    /// By fairseq's code of a type.
    fn of_code(code: u64) -> Option<Self> {
        let (size, is_signed) = match code {
            1 => (1, false),
            2 => (1, true),
            3 => (2, true),
            4 => (4, true),
            5 => (8, true),
            8 => (2, false),
            _ => return None,
        };
        Some(Self { size, is_signed })
    }

    fn read(self, bytes: &[u8]) -> i64 {
        let fill = if self.is_signed && bytes[self.size - 1] & 0x80 != 0 {
            0xff
        } else {
            0
        };
        let mut wide = [fill; 8];
        wide[..self.size].copy_from_slice(bytes);
        i64::from_le_bytes(wide)
    }
}

/// The file's bytes; none if it is empty, which no map can be.
fn map(path: &Path) -> Result<Option<Mmap>, ImportError> {
    let in_file = |source| ImportError::Io {
        path: path.into(),
        source,
    };
    let file = File::open(path).map_err(in_file)?;
    if file.metadata().map_err(in_file)?.len() == 0 {
        return Ok(None);
    }
    // SAFETY: as for any map, nobody may cut the file meanwhile; what it says is checked wherever it is read.
    unsafe { Mmap::map(&file) }.map(Some).map_err(in_file)
}

/// # Panics
///
/// The bytes end before; [`header`] has held the tables to the size of the index.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

type Wrong = (usize, String, String);

fn header(index: &[u8]) -> Result<(Format, Number, usize), Wrong> {
    let long = |at: usize| match index.get(at..at + 8) {
        Some(_) => Ok(u64::from_le_bytes(array(index, at))),
        None => Err((at, "the end".to_owned(), "8 bytes".to_owned())),
    };
    let number = |at, code: u64| {
        let number = Number::of_code(code);
        number.ok_or_else(|| {
            (
                at,
                format!("type {code}"),
                "a type of integers (1, 2, 3, 4, 5 or 8)".to_owned(),
            )
        })
    };
    // The tables must be there before anything is computed from their sizes.
    let holds = |at, count: u64, size: u128| {
        if u128::from(count) * size <= (index.len() - at) as u128 {
            return Ok(count as usize);
        }
        let expected = format!("an index of {count} sentences");
        Err((at, format!("{} bytes to the end", index.len() - at), expected))
    };
    let version = |at| match long(at)? {
        1 => Ok(()),
        other => Err((at, format!("version {other}"), "version 1".to_owned())),
    };
    if index.starts_with(MEMORY_MAPPED) {
        version(9)?;
        let code = *index.get(17).ok_or((17, "the end".to_owned(), "a type".to_owned()))?;
        let n_sentences = long(18)?;
        let format = Format::MemoryMapped { at: 26 };
        return Ok((format, number(17, code.into())?, holds(26, n_sentences, 12)?));
    }
    if index.starts_with(TORCHNET) {
        version(8)?;
        let number = number(16, long(16)?)?;
        let (n_sentences, n_sizes) = (long(32)?, long(40)?);
        holds(48, n_sizes, 8)?;
        let n_sentences = holds(48, n_sentences, 16)?;
        let needed = 16 * (n_sentences as u128 + 1) + 8 * u128::from(n_sizes);
        holds(48, 1, needed)?;
        let format = Format::TorchNet {
            at: 48,
            n_sizes: n_sizes as usize,
        };
        return Ok((format, number, n_sentences));
    }
    let expected = "an index of fairseq (`MMIDIDX` or `TNTIDX`)";
    Err((0, "something else".to_owned(), expected.to_owned()))
}
