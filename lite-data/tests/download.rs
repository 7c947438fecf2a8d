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
    /// At most so many bytes of a file with this ETag: from the first one, if a range of another version was asked for.
    Version(&'static str, &'static [u8], usize),
}

/// Serves `content`, one answer a request, the last answer for ever. Returns the address and the ranges asked for,
/// each with the version that it is asked of.
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
    let (mut range, mut only_if) = (String::new(), String::new());
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let line = line.to_lowercase();
        if let Some(value) = line.strip_prefix("range: ") {
            range = value.to_owned();
        } else if let Some(value) = line.strip_prefix("if-range: ") {
            only_if = value.to_owned();
        }
    }
    seen.lock()
        .unwrap()
        .push(format!("{range} {only_if}").trim().to_owned());
    let (content, tag) = match answer {
        Answer::Version(tag, content, _) => (content, Some(tag)),
        _ => (content, None),
    };
    let asked: Option<usize> = range
        .strip_prefix("bytes=")
        .filter(|_| only_if.is_empty() || tag == Some(only_if.as_str()))
        .and_then(|range| range.strip_suffix('-'))
        .and_then(|n| n.parse().ok());
    let start = asked.unwrap_or(0);
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
        Answer::Break(most) | Answer::Version(_, _, most) => most.min(body.len()),
        _ => sent.min(body.len()),
    };
    let tag = tag.map(|tag| format!("ETag: {tag}\r\n")).unwrap_or_default();
    write!(
        stream,
        "{status}\r\nContent-Length: {}\r\n{tag}Connection: close\r\n\r\n",
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

fn options(folder: &Path) -> SourceOptions {
    SourceOptions {
        downloads: folder.into(),
        mirror: None,
        offline: false,
        retry: Retry {
            attempts: 3,
            first_pause: Duration::from_millis(5),
        },
    }
}

fn get(folder: &Path, url: &str, sha256: Option<&str>) -> Result<Found, DataError> {
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
    fetch(&File::Remote(remote), &options(folder), &Silent)
}

/// A file of which a definition says nothing but where it is.
fn unknown(url: &str) -> File {
    File::Remote(Remote {
        url: url.into(),
        path: "corpus/file".into(),
        size: None,
        sha256: None,
    })
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

const OTHER: &[u8] = b"a file that was put in the place of the first one, some day, and is longer than it was\n";

#[test]
fn a_file_without_a_known_hash_is_held_to_its_first_download() {
    const ANSWERS: &[Answer] = &[Answer::Whole, Answer::Whole, Answer::Version("\"b\"", OTHER, 1000)];
    let folder = tempfile::tempdir().unwrap();
    let (url, ranges) = serve(CONTENT, ANSWERS);
    let options = options(folder.path());
    let get = || fetch(&unknown(&url), &options, &Silent);
    let first = get().unwrap();
    assert_eq!(std::fs::read(&first.path).unwrap(), CONTENT);
    assert_eq!(get().unwrap(), first);
    // Other bytes in its place are another file.
    std::fs::write(&first.path, "altered").unwrap();
    let offline = SourceOptions {
        offline: true,
        ..options.clone()
    };
    let error = fetch(&unknown(&url), &offline, &Silent).unwrap_err();
    assert!(matches!(error, DataError::WrongFile { what: "sha256", .. }), "{error}");
    assert_eq!(get().unwrap(), first);
    assert_eq!(ranges.lock().unwrap().len(), 2);
    // What its address gives later is not taken for it.
    std::fs::write(&first.path, "altered").unwrap();
    let error = get().unwrap_err();
    assert!(
        error.to_string().ends_with(&format!(", expected {}", first.sha256)),
        "{error}"
    );
    let kept = folder.path().join("corpus/file.sha256");
    let hint = error.hint().unwrap();
    assert!(hint.contains(&format!("`{}`", kept.display())), "{hint}");
    assert!(hint.contains(&format!("`{}`", first.path.display())), "{hint}");
    std::fs::remove_file(&kept).unwrap();
    std::fs::remove_file(&first.path).unwrap();
    assert_eq!(std::fs::read(get().unwrap().path).unwrap(), OTHER);
}

#[test]
fn a_part_without_a_known_hash_is_continued_only_if_it_is_of_the_same_version() {
    let check = |answers: &'static [Answer], part: Option<&str>, expected: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let corpus = folder.path().join("corpus");
        if let Some(part) = part {
            std::fs::create_dir_all(&corpus).unwrap();
            std::fs::write(corpus.join("file.part"), part).unwrap();
        }
        let (url, ranges) = serve(CONTENT, answers);
        let found = fetch(&unknown(&url), &options(folder.path()), &Silent).unwrap();
        assert_eq!(std::fs::read(found.path).unwrap(), CONTENT, "{answers:?}");
        assert_eq!(*ranges.lock().unwrap(), expected, "{answers:?}");
        let left = std::fs::read_dir(corpus).unwrap().count();
        assert_eq!(left, 2, "only the file and its hash");
    };
    const SAME: &[Answer] = &[
        Answer::Version("\"a\"", CONTENT, 10),
        Answer::Version("\"a\"", CONTENT, 1000),
    ];
    check(SAME, None, &["", "bytes=10- \"a\""]);
    const REPLACED: &[Answer] = &[
        Answer::Version("\"b\"", OTHER, 10),
        Answer::Version("\"a\"", CONTENT, 1000),
    ];
    check(REPLACED, None, &["", "bytes=10- \"b\""]);
    // A weak mark, or none.
    const WEAK: &[Answer] = &[Answer::Version("w/\"b\"", OTHER, 10), Answer::Whole];
    check(WEAK, None, &["", ""]);
    check(&[Answer::Break(10), Answer::Whole], None, &["", ""]);
    check(&[Answer::Whole], Some("of another program"), &[""]);
}

#[test]
fn another_address_is_another_file() {
    const ANSWERS: &[Answer] = &[Answer::Version("\"b\"", OTHER, 1000)];
    let folder = tempfile::tempdir().unwrap();
    let (old, _) = serve(CONTENT, &[Answer::Whole]);
    let (new, ranges) = serve(CONTENT, ANSWERS);
    let options = options(folder.path());
    fetch(&unknown(&old), &options, &Silent).unwrap();
    let offline = SourceOptions {
        offline: true,
        ..options.clone()
    };
    let error = fetch(&unknown(&new), &offline, &Silent).unwrap_err().to_string();
    assert!(error.contains(&format!("downloaded from `{old}`")), "{error}");
    let found = fetch(&unknown(&new), &options, &Silent).unwrap();
    assert_eq!(std::fs::read(&found.path).unwrap(), OTHER);
    // An older version kept the hash alone; the address is added.
    let kept = folder.path().join("corpus/file.sha256");
    std::fs::write(&kept, &found.sha256).unwrap();
    assert_eq!(fetch(&unknown(&new), &options, &Silent).unwrap(), found);
    assert_eq!(ranges.lock().unwrap().len(), 1);
    assert!(std::fs::read_to_string(&kept).unwrap().contains(&new));
}
