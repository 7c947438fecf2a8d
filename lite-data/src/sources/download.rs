//! Downloads that survive broken connections: into `NAME.part`, resumed, checked, then renamed.
//!
//! A file that changes at its address while it is fetched would be put together of two versions. A known hash finds that.
//! Without one, a part is resumed only if its server marks versions, by an ETag or a time: the mark is kept in
//! `NAME.part.mark` and sent along, so that another version is sent whole.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::StatusCode;

use super::held::Held;
use super::{Checked, check_file};
use crate::config::Remote;
use crate::error::DataError;
use crate::progress::Progress;
use crate::whole::with_ending;

/// How stubborn a download is.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Failures in a row, none of which brought a byte further, after which it gives up.
    pub attempts: u32,
    /// The first pause; each one after it is twice as long.
    pub first_pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry {
            attempts: 5,
            first_pause: Duration::from_secs(1),
        }
    }
}

/// Why one attempt ended early.
enum Failure {
    /// Worth another attempt.
    Passing(String),
    /// The server means it.
    Final(String),
    /// This machine is the trouble.
    Here(DataError),
}

/// Fetches a file to `path`. Nothing is ever found under `path` that was not checked.
pub(super) fn download(held: &Held, path: &Path, retry: &Retry, progress: &dyn Progress) -> Result<(), DataError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(DataError::io(folder))?;
    }
    let remote = &held.remote;
    let part = with_ending(path, ".part");
    let resumed = fs::metadata(&part).is_ok();
    progress.begin(&format!("downloading {}", remote.path), remote.size);
    // Nothing remembers the hash of a part.
    let checked = Checked::open(Path::new(""));
    let check = |part: &Path| check_file(part, held, &checked);
    let outcome = receive(remote, &part, retry, progress).and_then(|()| match check(&part) {
        // What an earlier run left may belong to another version of the file: once more from the first byte.
        Err(DataError::WrongFile { .. }) if resumed => {
            remove(&part)?;
            receive(remote, &part, retry, progress)?;
            check(&part)
        }
        outcome => outcome,
    });
    progress.end();
    if let Err(error) = outcome {
        if matches!(error, DataError::WrongFile { .. }) {
            remove(&part)?;
        }
        return Err(error);
    }
    fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .map_err(DataError::io(&part))?;
    fs::rename(&part, path).map_err(DataError::io(path))?;
    remove_file(&mark_path(&part))
}

/// Removes a part with its mark, the mark first.
fn remove(part: &Path) -> Result<(), DataError> {
    remove_file(&mark_path(part))?;
    remove_file(part)
}

fn remove_file(path: &Path) -> Result<(), DataError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataError::io(path)(error)),
        _ => Ok(()),
    }
}

fn mark_path(part: &Path) -> PathBuf {
    with_ending(part, ".mark")
}

/// The mark of the version that a part is of, if it came from that address.
fn kept_mark(part: &Path, url: &str) -> Option<String> {
    let text = fs::read_to_string(mark_path(part)).ok()?;
    let (from, mark) = text.trim_end_matches('\n').split_once('\n')?;
    let is_mark = from == url
        && mark
            .chars()
            .all(|character| character == ' ' || character.is_ascii_graphic());
    is_mark.then(|| mark.to_owned())
}

fn keep_mark(part: &Path, url: &str, mark: &str) -> Result<(), DataError> {
    let path = mark_path(part);
    fs::write(&path, format!("{url}\n{mark}\n")).map_err(DataError::io(&path))
}

/// What marks the version that an answer is of. A weak ETag promises no equal bytes.
fn mark_of<T>(response: &ureq::http::Response<T>) -> Option<&str> {
    let tag = header(response, "etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| header(response, "last-modified"))
}

/// Attempts until `part` has all bytes.
fn receive(remote: &Remote, part: &Path, retry: &Retry, progress: &dyn Progress) -> Result<(), DataError> {
    let mut furthest = 0;
    let mut failures = 0;
    loop {
        let message = match attempt(remote, part, progress) {
            Ok(()) => return Ok(()),
            Err(Failure::Here(error)) => return Err(error),
            Err(Failure::Final(message)) => return Err(give_up(remote, message)),
            Err(Failure::Passing(message)) => message,
        };
        let length = fs::metadata(part).map(|metadata| metadata.len()).unwrap_or(0);
        if length > furthest {
            furthest = length;
            failures = 0;
        }
        failures += 1;
        if failures >= retry.attempts {
            return Err(give_up(
                remote,
                format!("{message} (after {failures} attempts without a new byte)"),
            ));
        }
        let pause = retry.first_pause * 2u32.saturating_pow(failures - 1).min(64);
        progress.message(&format!("`{}`: {message}; trying again in {pause:?}", remote.url));
        std::thread::sleep(pause);
    }
}

fn give_up(remote: &Remote, message: String) -> DataError {
    DataError::Download {
        url: remote.url.clone(),
        message,
        hint: format!(
            "fetch it by other means and name its folder with --mirror (it is looked for as `{}`)",
            remote.path
        ),
    }
}

/// One request, from the byte that is missing.
fn attempt(remote: &Remote, part: &Path, progress: &dyn Progress) -> Result<(), Failure> {
    let here = |error| Failure::Here(DataError::io(part)(error));
    let mut have = fs::metadata(part).map(|metadata| metadata.len()).unwrap_or(0);
    let has_hash = remote.sha256.is_some();
    let mark = if has_hash { None } else { kept_mark(part, &remote.url) };
    let is_unknown = !has_hash && mark.is_none();
    if have > 0 && (is_unknown || remote.size.is_some_and(|size| have > size)) {
        remove(part).map_err(Failure::Here)?;
        have = 0;
    }
    if remote.size == Some(have) {
        // Also an empty file has to exist.
        OpenOptions::new().create(true).append(true).open(part).map_err(here)?;
        return Ok(());
    }

    let mut request = agent().get(&remote.url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
        if let Some(mark) = &mark {
            request = request.header("If-Range", mark.as_str());
        }
    }
    let response = request.call().map_err(|error| Failure::Passing(error.to_string()))?;
    let status = response.status();
    let append = match status {
        StatusCode::OK => false,
        StatusCode::PARTIAL_CONTENT => {
            let range = response
                .headers()
                .get("content-range")
                .and_then(|value| value.to_str().ok())
                .unwrap_or("");
            if !range.starts_with(&format!("bytes {have}-")) {
                remove(part).map_err(Failure::Here)?;
                return Err(Failure::Passing(format!(
                    "asked for bytes from {have}, was sent `{range}`"
                )));
            }
            if let (Some(kept), Some(now)) = (&mark, mark_of(&response))
                && kept != now
            {
                remove(part).map_err(Failure::Here)?;
                return Err(Failure::Passing("was sent bytes of another version".into()));
            }
            true
        }
        // Of a file of unknown size, all may be here already.
        StatusCode::RANGE_NOT_SATISFIABLE if remote.size.is_none() && total(&response) == Some(have) => return Ok(()),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            remove(part).map_err(Failure::Here)?;
            return Err(Failure::Passing("the server has no such byte range".into()));
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            return Err(Failure::Passing(format!("the server answered {status}")));
        }
        _ if status.is_server_error() => return Err(Failure::Passing(format!("the server answered {status}"))),
        _ => return Err(Failure::Final(format!("the server answered {status}"))),
    };

    let mut options = OpenOptions::new();
    let mut file = if append {
        options.append(true).open(part).map_err(here)?
    } else {
        have = 0;
        // A mark stands beside bytes of its own version or none, whenever this is killed.
        remove_file(&mark_path(part)).map_err(Failure::Here)?;
        let file = options.write(true).create(true).truncate(true).open(part);
        let file = file.map_err(here)?;
        if let Some(mark) = mark_of(&response).filter(|_| !has_hash) {
            keep_mark(part, &remote.url, mark).map_err(Failure::Here)?;
        }
        file
    };
    // Where the definition names no size, the server may.
    let size = remote.size.or(match status {
        StatusCode::PARTIAL_CONTENT => total(&response),
        _ => header(&response, "content-length").and_then(|length| length.parse().ok()),
    });
    // One byte more than expected is enough to know that the file is another one.
    let most = size.map_or(u64::MAX, |size| size.saturating_sub(have).saturating_add(1));
    let mut body = response.into_body().into_reader().take(most);
    let of = |have: u64| match size {
        Some(size) => format!("{have} of {size} bytes"),
        None => format!("{have} bytes"),
    };
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = match body.read(&mut buffer) {
            Ok(0) if size.is_some_and(|size| have < size) => {
                return Err(Failure::Passing(format!("the connection ended after {}", of(have))));
            }
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) => return Err(Failure::Passing(format!("{error} after {}", of(have)))),
        };
        file.write_all(&buffer[..n]).map_err(here)?;
        have += n as u64;
        progress.advance(have.min(size.unwrap_or(u64::MAX)));
    }
}

fn header<'a, T>(response: &'a ureq::http::Response<T>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// The size of the whole file, behind the slash of `bytes 5-9/10` or `bytes */10`.
fn total<T>(response: &ureq::http::Response<T>) -> Option<u64> {
    header(response, "content-range")?.rsplit_once('/')?.1.parse().ok()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        // The bytes are counted and hashed as the server keeps them.
        .accept_encoding("identity")
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        // A server that falls silent is left, and asked again for the rest.
        .timeout_per_read(Some(Duration::from_secs(60)))
        .user_agent(concat!("lite-data/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}
