//! The token store: all pairs of a split in one memory-mapped file.
//!
//! Layout, little-endian: a header of 128 bytes (magic, version, counts, SHA-256 of all else), the tokens as
//! `u32` (the source and then the target of pair 0, of pair 1, ..), padding to 8 bytes, then `2 n + 1` offsets as `u64`:
//! pair `i` has its source at `offsets[2 i]..offsets[2 i + 1]` and its target from there to `offsets[2 i + 2]`.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::sources::hexadecimal;

#[cfg(target_endian = "big")]
compile_error!("the token store is mapped as little-endian numbers");

const MAGIC: [u8; 8] = *b"LITEPAIR";
const VERSION: u32 = 1;
const HEADER: usize = 128;

#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: u32,
    bytes_per_token: u32,
    n_pairs: u64,
    n_source_tokens: u64,
    n_target_tokens: u64,
    largest_id: u64,
    sha256: [u8; 32],
    reserved: [u8; 48],
}

/// All pairs of a split. The file is mapped, not read: memory stays flat however long the corpus is.
pub struct PairStore {
    path: PathBuf,
    map: Mmap,
    header: Header,
    n_tokens: usize,
}

impl std::fmt::Debug for PairStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "PairStore(`{}`, {} pairs)", self.path.display(), self.len())
    }
}

impl PairStore {
    /// Opens a store after checking its size, offsets and hash.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let store = Self::map(path)?;
        let damaged = |message: String| DataError::damaged(path, message);
        let mut hash = Sha256::new();
        hash.update(&store.map[HEADER..]);
        hash.update(bytemuck::bytes_of(&Header {
            sha256: [0; 32],
            ..store.header
        }));
        let found = hexadecimal(&hash.finalize());
        let wanted = hexadecimal(&store.header.sha256);
        if found != wanted {
            return Err(damaged(format!(
                "altered: its contents have sha256 {found}, its header says {wanted}"
            )));
        }
        store.check_contents().map_err(damaged)?;
        Ok(store)
    }

    /// Opens a store whose bytes were held to a hash elsewhere. It is looked through only if the bytes were read for
    /// that, and not known to be unchanged: then nothing of it is read at all, however long it is.
    pub(crate) fn open_hashed(path: &Path, was_read: bool) -> Result<Self, DataError> {
        let store = Self::map(path)?;
        if was_read {
            store
                .check_contents()
                .map_err(|message| DataError::damaged(path, message))?;
        }
        Ok(store)
    }

    /// Maps a file that has the size that its header asks for.
    fn map(path: &Path) -> Result<Self, DataError> {
        let damaged = |message: String| DataError::damaged(path, message);
        let file = File::open(path).map_err(DataError::io(path))?;
        // SAFETY: The file was renamed to its final name when it was complete, and this program never writes to it
        // again; memory maps have no stronger guarantee against other programs.
        let map = unsafe { Mmap::map(&file) }.map_err(DataError::io(path))?;
        if map.len() < HEADER {
            return Err(damaged(format!(
                "{} bytes, a token store has at least {HEADER}",
                map.len()
            )));
        }
        let header: Header = bytemuck::pod_read_unaligned(&map[..HEADER]);
        if header.magic != MAGIC {
            return Err(damaged("this is no token store".into()));
        }
        if (header.version, header.bytes_per_token) != (VERSION, 4) {
            return Err(damaged(format!(
                "token store version {}, expected {VERSION}",
                header.version
            )));
        }
        let expected = expected_size(&header).ok_or_else(|| damaged("impossible counts in its header".into()))?;
        if expected != map.len() as u64 {
            return Err(damaged(format!(
                "{} bytes, expected {expected}: truncated or altered",
                map.len()
            )));
        }
        let n_tokens = (header.n_source_tokens + header.n_target_tokens) as usize;
        Ok(PairStore {
            path: path.to_path_buf(),
            map,
            header,
            n_tokens,
        })
    }

    /// A store in a temporary file, for tests and for pairs that were made in memory.
    pub fn from_pairs(path: &Path, pairs: &[(Vec<u32>, Vec<u32>)]) -> Result<Self, DataError> {
        let mut writer = StoreWriter::create(path)?;
        for (source, target) in pairs {
            writer.push(source, target)?;
        }
        writer.finish()?;
        Self::open(path)
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.header.n_pairs as usize
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Source and target of a pair, each with its final `</s>`. Panics if there is no such pair.
    pub fn pair(&self, index: usize) -> (&[u32], &[u32]) {
        let offsets = &self.offsets()[2 * index..2 * index + 3];
        let tokens = self.tokens();
        (
            &tokens[offsets[0] as usize..offsets[1] as usize],
            &tokens[offsets[1] as usize..offsets[2] as usize],
        )
    }

    /// Lengths of source and target of a pair, each with its final `</s>`.
    pub fn lengths(&self, index: usize) -> (usize, usize) {
        let offsets = &self.offsets()[2 * index..2 * index + 3];
        ((offsets[1] - offsets[0]) as usize, (offsets[2] - offsets[1]) as usize)
    }

    /// All targets one after another, where no pair has a source: the store of a corpus of one side.
    pub fn text(&self) -> Option<&[u32]> {
        (self.header.n_source_tokens == 0).then(|| self.tokens())
    }

    /// Tokens of all sources.
    pub fn n_source_tokens(&self) -> u64 {
        self.header.n_source_tokens
    }

    /// Tokens of all targets.
    pub fn n_target_tokens(&self) -> u64 {
        self.header.n_target_tokens
    }

    /// The largest id in the store.
    pub fn largest_id(&self) -> u64 {
        self.header.largest_id
    }

    fn tokens(&self) -> &[u32] {
        // The map begins at a page and the header has 128 bytes, so that the cast cannot fail.
        bytemuck::cast_slice(&self.map[HEADER..HEADER + 4 * self.n_tokens])
    }

    fn offsets(&self) -> &[u64] {
        bytemuck::cast_slice(&self.map[HEADER + (4 * self.n_tokens).next_multiple_of(8)..])
    }

    /// Holds the offsets, and what the header says, to the tokens: what reads them relies on both.
    fn check_contents(&self) -> Result<(), String> {
        let offsets = self.offsets();
        let ordered = offsets.is_sorted() && offsets.first() == Some(&0);
        if !ordered || offsets.last() != Some(&(self.n_tokens as u64)) {
            return Err("its offsets do not fit its tokens".into());
        }
        let source_ends = offsets.windows(2).step_by(2);
        let n_source_tokens: u64 = source_ends.map(|ends| ends[1] - ends[0]).sum();
        let largest_id = self.tokens().iter().max().map_or(0, |&id| u64::from(id));
        let header = &self.header;
        if (n_source_tokens, largest_id) != (header.n_source_tokens, header.largest_id) {
            return Err(format!(
                "{n_source_tokens} source tokens and largest id {largest_id}, its header says {} and {}",
                header.n_source_tokens, header.largest_id
            ));
        }
        Ok(())
    }
}

fn expected_size(header: &Header) -> Option<u64> {
    let tokens = header
        .n_source_tokens
        .checked_add(header.n_target_tokens)?
        .checked_mul(4)?;
    let offsets = header.n_pairs.checked_mul(2)?.checked_add(1)?.checked_mul(8)?;
    tokens
        .checked_next_multiple_of(8)?
        .checked_add(offsets)?
        .checked_add(HEADER as u64)
}

/// Writes a store pair by pair, to `NAME.part` until it is complete.
pub struct StoreWriter {
    path: PathBuf,
    part: PathBuf,
    offsets_part: PathBuf,
    tokens: BufWriter<File>,
    // Kept in a file of their own until the tokens are complete, so that memory stays flat.
    offsets: BufWriter<File>,
    hash: Sha256,
    header: Header,
}

impl StoreWriter {
    /// Begins a store.
    pub fn create(path: &Path) -> Result<Self, DataError> {
        let with_ending = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (part, offsets_part) = (with_ending(".part"), with_ending(".offsets.part"));
        let create = |path: &Path| {
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)
                .map_err(DataError::io(path))
        };
        let mut tokens = BufWriter::with_capacity(1 << 18, create(&part)?);
        tokens.write_all(&[0; HEADER]).map_err(DataError::io(&part))?;
        let mut offsets = BufWriter::with_capacity(1 << 16, create(&offsets_part)?);
        offsets
            .write_all(&0u64.to_le_bytes())
            .map_err(DataError::io(&offsets_part))?;
        let header = Header {
            magic: MAGIC,
            version: VERSION,
            bytes_per_token: 4,
            n_pairs: 0,
            n_source_tokens: 0,
            n_target_tokens: 0,
            largest_id: 0,
            sha256: [0; 32],
            reserved: [0; 48],
        };
        Ok(StoreWriter {
            path: path.into(),
            part,
            offsets_part,
            tokens,
            offsets,
            hash: Sha256::new(),
            header,
        })
    }

    /// Adds a pair; both sides end with `</s>`.
    pub fn push(&mut self, source: &[u32], target: &[u32]) -> Result<(), DataError> {
        for (side, n_tokens) in [
            (source, &mut self.header.n_source_tokens),
            (target, &mut self.header.n_target_tokens),
        ] {
            let bytes: &[u8] = bytemuck::cast_slice(side);
            self.tokens.write_all(bytes).map_err(DataError::io(&self.part))?;
            self.hash.update(bytes);
            *n_tokens += side.len() as u64;
            let largest = side.iter().max().copied().unwrap_or(0);
            self.header.largest_id = self.header.largest_id.max(u64::from(largest));
        }
        let end = self.header.n_source_tokens + self.header.n_target_tokens;
        let offsets = [end - target.len() as u64, end];
        self.offsets
            .write_all(bytemuck::cast_slice(&offsets))
            .map_err(DataError::io(&self.offsets_part))?;
        self.header.n_pairs += 1;
        Ok(())
    }

    /// Completes the store and gives it its name.
    pub fn finish(mut self) -> Result<(), DataError> {
        let n_tokens = self.header.n_source_tokens + self.header.n_target_tokens;
        let padding = vec![0; ((4 * n_tokens).next_multiple_of(8) - 4 * n_tokens) as usize];
        self.tokens.write_all(&padding).map_err(DataError::io(&self.part))?;
        self.hash.update(&padding);
        self.append_offsets().map_err(DataError::io(&self.part))?;
        self.hash.update(bytemuck::bytes_of(&self.header));
        self.header.sha256.copy_from_slice(&self.hash.finalize_reset());
        let header = bytemuck::bytes_of(&self.header);
        self.tokens
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.tokens.write_all(header))
            .and_then(|()| self.tokens.flush())
            .and_then(|()| self.tokens.get_ref().sync_all())
            .map_err(DataError::io(&self.part))?;
        fs::remove_file(&self.offsets_part).map_err(DataError::io(&self.offsets_part))?;
        fs::rename(&self.part, &self.path).map_err(DataError::io(&self.path))
    }

    fn append_offsets(&mut self) -> std::io::Result<()> {
        self.offsets.flush()?;
        let file = self.offsets.get_mut();
        file.seek(SeekFrom::Start(0))?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            self.hash.update(&buffer[..n]);
            self.tokens.write_all(&buffer[..n])?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> Vec<(Vec<u32>, Vec<u32>)> {
        vec![
            (vec![4, 5, 2], vec![70000, 2]),
            (vec![2], vec![2]),
            (vec![6, 2], vec![7, 8, 9, 2]),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.pairs");
        let store = PairStore::from_pairs(&path, &pairs()).unwrap();
        for (index, (source, target)) in pairs().iter().enumerate() {
            assert_eq!(store.pair(index), (source.as_slice(), target.as_slice()));
            assert_eq!(store.lengths(index), (source.len(), target.len()));
        }
        assert_eq!(
            (store.len(), store.n_source_tokens(), store.n_target_tokens()),
            (3, 6, 7)
        );
        assert_eq!(store.largest_id(), 70000);
        let files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(files, ["train.pairs"], "something was left behind");
        assert!(PairStore::from_pairs(&path, &[]).unwrap().is_empty());
    }

    #[test]
    fn truncated_and_altered_stores_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.pairs");
        drop(PairStore::from_pairs(&path, &pairs()).unwrap());
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(
                matches!(
                    PairStore::open(&path),
                    Err(DataError::Damaged { .. } | DataError::Io { .. })
                ),
                "{length}"
            );
        }
        for position in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[position] ^= 0x40;
            fs::write(&path, &altered).unwrap();
            assert!(
                matches!(PairStore::open(&path), Err(DataError::Damaged { .. })),
                "byte {position}"
            );
        }
    }
}
