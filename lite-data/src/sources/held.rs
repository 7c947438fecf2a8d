//! What a file of the network is held to: the size and hash of its definition, or the hash of its first download.
//!
//! That hash is kept in `FILE.sha256`, with the address that the file came from on a second line; one of an older version has
//! no second line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Remote;
use crate::error::DataError;
use crate::whole::{with_ending, write_whole};

/// A file and what it is held to.
pub struct Held {
    /// The file, with the hash that it must have, if one is known.
    pub remote: Remote,
    /// Where the hash of its first download is kept; nothing if the definition has a hash.
    pub first: Option<PathBuf>,
    /// Where another file came from that has its path now.
    pub elsewhere: Option<String>,
    is_kept: bool,
}

impl Held {
    /// What the definition says, and nothing else.
    pub fn by_definition(remote: &Remote) -> Self {
        Held {
            remote: remote.clone(),
            first: None,
            elsewhere: None,
            is_kept: true,
        }
    }

    /// What is known of a file that is downloaded to `path`.
    pub fn download(remote: &Remote, path: &Path) -> Self {
        let mut held = Self::by_definition(remote);
        if remote.sha256.is_some() {
            return held;
        }
        let first = with_ending(path, ".sha256");
        let text = fs::read_to_string(&first).unwrap_or_default();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (sha256, url) = (lines.next(), lines.next());
        if url.is_some_and(|url| url != remote.url) {
            held.elsewhere = url.map(str::to_owned);
        } else {
            held.remote.sha256 = sha256.map(str::to_owned);
        }
        held.is_kept = url == Some(remote.url.as_str());
        held.first = Some(first);
        held
    }

    /// Keeps the hash of a first download, if it is not kept.
    pub fn keep(&self, sha256: &str) -> Result<(), DataError> {
        match &self.first {
            Some(first) if !self.is_kept => write_whole(first, format!("{sha256}\n{}\n", self.remote.url).as_bytes()),
            _ => Ok(()),
        }
    }
}
