//! Downloads from a server that the test starts: it breaks connections, ignores ranges, sends other bytes.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lite_data::progress::Silent;
use lite_data::{DataError, File, Found, Remote, Retry, SourceOptions, fetch};
use sha2::{Digest, Sha256};

/// What the server does with one request.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// Everything that was asked for.
    Whole,
    /// At most this many bytes, then the connection ends.
    Break(usize),
    /// Everything from the first byte, whatever range was asked for.
    IgnoreRange,
    /// A range that begins elsewhere.
    WrongRange,
    /// A status line.
    Status(&'static str),
}

/// Serves `content`, one answer a request, the last answer for ever. Returns the address and the ranges asked for.
fn serve(content: &'static [u8], answers: &'static [Answer]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ranges);
    std::thread::spawn(move || {
        for (request, stream) in listener.incoming().enumerate() {
            let answer = answers[request.min(answers.len() - 1)];
            let _ = respond(stream.unwrap(), content, answer, &seen);
        }
    });
    (url, ranges)
}

fn respond(mut stream: TcpStream, content: &[u8], answer: Answer, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut range = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
            range = value.to_owned();
        }
    }
    seen.lock().unwrap().push(range.clone());
    let asked = range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'))
        .and_then(|n| n.parse().ok());
    let start: usize = asked.unwrap_or(0);
    let whole = "HTTP/1.1 200 OK".to_owned();
    let (status, start, sent) = match answer {
        Answer::Status(status) => (format!("HTTP/1.1 {status}"), content.len(), 0),
        Answer::IgnoreRange => (whole, 0, content.len()),
        _ if asked.is_none() => (whole, 0, content.len()),
        Answer::WrongRange => (partial(1, content.len()), 1, content.len()),
        _ => (partial(start, content.len()), start, content.len()),
    };
    let body = &content[start..];
    let sent = match answer {
        Answer::Break(most) => most.min(body.len()),
        _ => sent.min(body.len()),
    };
    write!(
        stream,
        "{status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body[..sent])?;
    stream.flush()
}

fn partial(start: usize, length: usize) -> String {
    format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{length}",
        length - 1
    )
}

const CONTENT: &[u8] = b"two young , white males are outside near many bushes .\nseveral men\n";

fn get(folder: &Path, url: &str, sha256: Option<&str>) -> Result<Found, DataError> {
    let options = SourceOptions {
        downloads: folder.into(),
        mirror: None,
        offline: false,
        retry: Retry {
            attempts: 3,
            first_pause: Duration::from_millis(5),
        },
    };
    let right: String = Sha256::digest(CONTENT)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let remote = Remote {
        url: url.into(),
        path: "corpus/file".into(),
        size: Some(CONTENT.len() as u64),
        sha256: Some(sha256.unwrap_or(&right).into()),
    };
    fetch(&File::Remote(remote), &options, &Silent)
}

fn check(answers: &'static [Answer], expected_ranges: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (url, ranges) = serve(CONTENT, answers);
    let found = get(folder.path(), &url, None).unwrap();
    assert_eq!(std::fs::read(found.path).unwrap(), CONTENT);
    assert_eq!(*ranges.lock().unwrap(), expected_ranges, "{answers:?}");
    assert!(!folder.path().join("corpus/file.part").exists());
    // The second time nothing is asked for.
    get(folder.path(), &url, None).unwrap();
    assert_eq!(ranges.lock().unwrap().len(), expected_ranges.len());
}

#[test]
fn a_whole_answer_is_taken() {
    check(&[Answer::Whole], &[""]);
}

#[test]
fn a_broken_connection_resumes_at_the_missing_byte() {
    check(
        &[Answer::Break(10), Answer::Break(20), Answer::Whole],
        &["", "bytes=10-", "bytes=30-"],
    );
}

#[test]
fn a_server_that_ignores_ranges_is_read_from_the_start() {
    check(&[Answer::Break(10), Answer::IgnoreRange], &["", "bytes=10-"]);
}

#[test]
fn a_wrong_range_is_not_appended() {
    check(
        &[Answer::Break(10), Answer::WrongRange, Answer::Whole],
        &["", "bytes=10-", ""],
    );
}

#[test]
fn passing_failures_are_tried_again() {
    check(
        &[
            Answer::Status("503 Service Unavailable"),
            Answer::Break(0),
            Answer::Whole,
        ],
        &["", "", ""],
    );
}

#[test]
fn hopeless_downloads_are_given_up() {
    let check = |answers: &'static [Answer], expected: &str, n_requests: usize| {
        let folder = tempfile::tempdir().unwrap();
        let (url, ranges) = serve(CONTENT, answers);
        let error = get(folder.path(), &url, None).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().unwrap().contains("--mirror"), "{error}");
        assert_eq!(ranges.lock().unwrap().len(), n_requests);
        assert!(!folder.path().join("corpus/file").exists());
    };
    check(&[Answer::Status("404 Not Found")], "the server answered 404", 1);
    check(&[Answer::Break(0)], "after 3 attempts without a new byte", 3);
    check(
        &[Answer::Break(5), Answer::Break(0)],
        "after 3 attempts without a new byte",
        3,
    );
}

#[test]
fn a_wrong_hash_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = serve(CONTENT, &[Answer::Whole]);
    let error = get(folder.path(), &url, Some("00ff")).unwrap_err();
    assert!(matches!(error, DataError::WrongFile { what: "sha256", .. }), "{error}");
    let left: Vec<_> = std::fs::read_dir(folder.path().join("corpus")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_longer_file_is_refused() {
    static LONGER: [u8; 1000] = [b'x'; 1000];
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = serve(&LONGER, &[Answer::Whole]);
    let error = get(folder.path(), &url, None).unwrap_err();
    assert!(matches!(error, DataError::WrongFile { what: "size", .. }), "{error}");
    assert!(
        std::fs::read_dir(folder.path().join("corpus"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn what_another_version_left_is_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("corpus")).unwrap();
    std::fs::write(folder.path().join("corpus/file.part"), "other bytes").unwrap();
    let (url, ranges) = serve(CONTENT, &[Answer::Whole]);
    let found = get(folder.path(), &url, None).unwrap();
    assert_eq!(std::fs::read(found.path).unwrap(), CONTENT);
    assert_eq!(*ranges.lock().unwrap(), ["bytes=11-", ""]);
    // An altered file under the final name is replaced too.
    std::fs::write(folder.path().join("corpus/file"), "altered").unwrap();
    assert_eq!(
        std::fs::read(get(folder.path(), &url, None).unwrap().path).unwrap(),
        CONTENT
    );
}

#[test]
fn a_file_without_a_known_hash_is_held_to_its_first_download() {
    let folder = tempfile::tempdir().unwrap();
    let (url, ranges) = serve(CONTENT, &[Answer::Break(10), Answer::Whole]);
    let options = SourceOptions {
        downloads: folder.path().to_path_buf(),
        mirror: None,
        offline: false,
        retry: Retry {
            attempts: 3,
            first_pause: Duration::from_millis(5),
        },
    };
    let file = File::Remote(Remote {
        url,
        path: "corpus/file".into(),
        size: None,
        sha256: None,
    });
    let first = fetch(&file, &options, &Silent).unwrap();
    assert_eq!(std::fs::read(&first.path).unwrap(), CONTENT);
    assert_eq!(*ranges.lock().unwrap(), ["", "bytes=10-"]);
    assert_eq!(fetch(&file, &options, &Silent).unwrap(), first);
    // Other bytes in its place are another file.
    std::fs::write(&first.path, "other").unwrap();
    let offline = SourceOptions {
        offline: true,
        ..options.clone()
    };
    let error = fetch(&file, &offline, &Silent).unwrap_err();
    assert!(matches!(error, DataError::WrongFile { what: "sha256", .. }), "{error}");
    assert_eq!(fetch(&file, &options, &Silent).unwrap(), first);
}
