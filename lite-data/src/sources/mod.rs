//! The files that a corpus is made of: found on this machine, in a mirror, or downloaded; never used unchecked.

pub(crate) mod archive;
mod checked;
mod download;
mod held;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::config::{File, Given, JsonField, Remote, TableFile};
use crate::error::DataError;
use crate::progress::Progress;
pub(crate) use checked::Checked;
pub use download::Retry;
use held::Held;

/// Where files may come from.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// Where downloads are kept.
    pub downloads: PathBuf,
    /// A folder that holds the same files under their `path`, or side by side; asked before the network.
    pub mirror: Option<PathBuf>,
    /// Never use the network.
    pub offline: bool,
    /// How stubborn a download is.
    pub retry: Retry,
}

/// A file at hand, with the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the definition: the mirror path, or the local path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Hash of the bytes.
    pub sha256: String,
    /// Its lines are objects of JSON, of which this is the text.
    pub json: Option<JsonField>,
}

/// The name of the list of hashes in a folder.
pub(crate) const CHECKED: &str = ".checked.json";

/// Finds a file, downloading it if need be, and checks it.
pub fn fetch(file: &File, options: &SourceOptions, progress: &dyn Progress) -> Result<Found, DataError> {
    let checked = Checked::open(&options.downloads.join(CHECKED));
    match file {
        File::Local(path) => local(path, path.display().to_string(), &checked),
        File::Remote(remote) => fetch_remote(remote, options, &checked, progress),
        File::Given(given) => find_given(given, options, &checked),
        File::Field(field) => {
            let mut found = match &field.file {
                TableFile::Remote(remote) => fetch_remote(remote, options, &checked, progress),
                TableFile::Given(given) => find_given(given, options, &checked),
            }?;
            found.name += &format!("#{}", field.json.field);
            found.json = Some(field.json.clone());
            Ok(found)
        }
    }
}

fn local(path: &Path, name: String, checked: &Checked) -> Result<Found, DataError> {
    let (size, sha256, _) = checked.hash(path)?;
    Ok(Found {
        path: path.into(),
        name,
        size,
        sha256,
        json: None,
    })
}

fn find_given(given: &Given, options: &SourceOptions, checked: &Checked) -> Result<Found, DataError> {
    let places = places_of(given, options.mirror.as_deref());
    let Some(path) = places.iter().find(|path| path.is_file()) else {
        let places: Vec<String> = places.iter().map(|place| format!("`{}`", place.display())).collect();
        let origin = given.origin.as_ref().map(|origin| format!("it is {origin}; "));
        return Err(DataError::NotGiven {
            path: given.path.clone(),
            places: places.join(" or "),
            hint: format!(
                "{}name the folder that holds it with --mirror",
                origin.unwrap_or_default()
            ),
        });
    };
    let found = local(path, given.path.display().to_string(), checked)?;
    let wrong = |what, found: String, expected: String| DataError::WrongFile {
        path: path.clone(),
        what,
        found,
        expected,
        first: None,
    };
    if let Some(size) = given.size.filter(|size| *size != found.size) {
        return Err(wrong("size", found.size.to_string(), size.to_string()));
    }
    match &given.sha256 {
        Some(sha256) if !sha256.eq_ignore_ascii_case(&found.sha256) => {
            Err(wrong("sha256", found.sha256, sha256.clone()))
        }
        _ => Ok(found),
    }
}

fn fetch_remote(
    remote: &Remote,
    options: &SourceOptions,
    checked: &Checked,
    progress: &dyn Progress,
) -> Result<Found, DataError> {
    check_relative(&remote.path)?;
    if let Some(mirror) = &options.mirror {
        if let Some(path) = in_mirror(mirror, Path::new(&remote.path)) {
            return found(&path, &Held::by_definition(remote), checked);
        }
        progress.message(&format!(
            "`{}` is not in the mirror `{}`",
            remote.path,
            mirror.display()
        ));
    }
    let path = options.downloads.join(&remote.path);
    let held = Held::download(remote, &path);
    let missing = match &held.elsewhere {
        Some(url) => format!("`{}` was downloaded from `{url}`", path.display()),
        None => format!("`{}` is not there", path.display()),
    };
    if held.elsewhere.is_none() && path.is_file() {
        match found(&path, &held, checked) {
            Ok(found) => {
                // A folder that cannot be written is still of use.
                let _ = held.keep(&found.sha256);
                return Ok(found);
            }
            Err(error) if options.offline => return Err(error),
            Err(error) => progress.message(&format!("{error}; fetching it again")),
        }
    }
    if options.offline {
        return Err(DataError::Download {
            url: remote.url.clone(),
            message: format!("{missing}, and the network is off (offline)"),
            hint: format!(
                "leave --offline out, or name a folder that has `{}` with --mirror",
                remote.path
            ),
        });
    }
    if held.elsewhere.is_some() {
        progress.message(&format!("{missing}; fetching `{}`", remote.url));
    }
    download::download(&held, &path, &options.retry, progress)?;
    let found = found(&path, &held, checked)?;
    if held.remote.sha256.is_none() {
        progress.message(&format!(
            "`{}` has no known hash; its {} bytes have sha256 {}, which is held to from now on",
            remote.path, found.size, found.sha256
        ));
    }
    held.keep(&found.sha256)?;
    Ok(found)
}

/// Where a file without an address may be: in the mirror, or under its path on this machine.
pub(crate) fn places_of(given: &Given, mirror: Option<&Path>) -> Vec<PathBuf> {
    let in_mirror = mirror.into_iter().flat_map(|mirror| places_in(mirror, &given.path));
    let mut places: Vec<PathBuf> = in_mirror.chain([given.path.clone()]).collect();
    places.dedup();
    places
}

/// Where a mirror may have a file: under its path, or by itself.
fn places_in(mirror: &Path, path: &Path) -> [PathBuf; 2] {
    [path.as_os_str(), path.file_name().unwrap_or_default()].map(|name| mirror.join(name))
}

/// Where a mirror has a file.
fn in_mirror(mirror: &Path, path: &Path) -> Option<PathBuf> {
    places_in(mirror, path).into_iter().find(|path| path.is_file())
}

/// A file that is as it has to be.
fn found(path: &Path, held: &Held, checked: &Checked) -> Result<Found, DataError> {
    let (size, sha256) = check_file(path, held, checked)?;
    Ok(Found {
        path: path.to_path_buf(),
        name: held.remote.path.clone(),
        size,
        sha256,
        json: None,
    })
}

/// A definition must not write outside of the download folder.
fn check_relative(path: &str) -> Result<(), DataError> {
    let normal = |part| matches!(part, std::path::Component::Normal(_));
    if path.is_empty() || !Path::new(path).components().all(normal) {
        return Err(DataError::Config {
            message: format!("path = \"{path}\" is not a plain relative path"),
            hint: "write it as `corpus/file.en`".into(),
        });
    }
    Ok(())
}

/// Holds a file to the size and hash that are known, as far as they are; returns both.
fn check_file(path: &Path, held: &Held, checked: &Checked) -> Result<(u64, String), DataError> {
    let size = fs::metadata(path).map_err(DataError::io(path))?.len();
    let wrong = |what, found: String, expected: String, first: Option<PathBuf>| {
        Err(DataError::WrongFile {
            path: path.to_path_buf(),
            what,
            found,
            expected,
            first,
        })
    };
    let Remote {
        size: known_size,
        sha256: known_sha256,
        ..
    } = &held.remote;
    if let Some(expected) = known_size.filter(|&expected| expected != size) {
        return wrong("size", size.to_string(), expected.to_string(), None);
    }
    let (size, sha256, _) = checked.hash(path)?;
    match known_sha256 {
        Some(expected) if !sha256.eq_ignore_ascii_case(expected) => {
            wrong("sha256", sha256, expected.clone(), held.first.clone())
        }
        _ => Ok((size, sha256)),
    }
}

/// Size and SHA-256 of a file, as lower-case hexadecimal digits.
pub fn hash_file(path: &Path) -> Result<(u64, String), DataError> {
    let mut file = fs::File::open(path).map_err(DataError::io(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut size = 0;
    loop {
        let n = file.read(&mut buffer).map_err(DataError::io(path))?;
        if n == 0 {
            return Ok((size, hexadecimal(&hash.finalize())));
        }
        hash.update(&buffer[..n]);
        size += n as u64;
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Opens a text file; gzip is recognised by its first bytes and read through.
pub fn open_text(path: &Path) -> Result<Box<dyn BufRead + Send>, DataError> {
    let file = fs::File::open(path).map_err(DataError::io(path))?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let is_gzip = reader
        .fill_buf()
        .map_err(DataError::io(path))?
        .starts_with(&[0x1f, 0x8b]);
    if is_gzip {
        Ok(Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader))))
    } else {
        Ok(Box::new(reader))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::progress::Silent;

    fn options(folder: &Path) -> SourceOptions {
        SourceOptions {
            downloads: folder.join("downloads"),
            mirror: None,
            offline: true,
            retry: Retry::default(),
        }
    }

    #[test]
    fn gzip_is_read_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text-without-ending");
        let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
        encoder.write_all("é\nb\n".as_bytes()).unwrap();
        encoder.finish().unwrap();
        let lines: Vec<String> = open_text(&path).unwrap().lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["é", "b"]);
    }

    #[test]
    fn a_mirror_is_checked_and_offline_refuses_the_network() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        let sha256 = hexadecimal(&Sha256::digest(b"abc"));
        let mut remote = Remote {
            url: "http://nowhere.invalid/a".into(),
            path: "c/a".into(),
            size: Some(3),
            sha256: Some(sha256.clone()),
        };
        let error = fetch(&File::Remote(remote.clone()), &options, &Silent).unwrap_err();
        assert!(error.to_string().contains("network is off"), "{error}");

        fs::create_dir_all(folder.path().join("mirror/c")).unwrap();
        fs::write(folder.path().join("mirror/c/a"), "abc").unwrap();
        options.mirror = Some(folder.path().join("mirror"));
        let found = fetch(&File::Remote(remote.clone()), &options, &Silent).unwrap();
        assert_eq!((found.size, found.sha256, found.name.as_str()), (3, sha256, "c/a"));

        remote.path = "elsewhere/a".into();
        fs::write(folder.path().join("mirror/a"), "abc").unwrap();
        let found = fetch(&File::Remote(remote.clone()), &options, &Silent).unwrap();
        assert_eq!(found.path, folder.path().join("mirror/a"));

        remote.sha256 = Some("00".into());
        let error = fetch(&File::Remote(remote.clone()), &options, &Silent).unwrap_err();
        assert!(matches!(error, DataError::WrongFile { what: "sha256", .. }), "{error}");
        remote.path = "../a".into();
        let error = fetch(&File::Remote(remote), &options, &Silent).unwrap_err();
        assert!(matches!(error, DataError::Config { .. }), "{error}");
    }

    #[test]
    fn a_file_without_an_address_is_looked_for_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        options.mirror = Some(folder.path().join("mirror"));
        let mut given = Given {
            path: "c/a".into(),
            size: Some(3),
            sha256: Some(hexadecimal(&Sha256::digest(b"abc"))),
            origin: Some("a.zip of http://nowhere.invalid, unpacked".into()),
        };
        let find = |given: &Given| fetch(&File::Given(given.clone()), &options, &Silent);
        let error = find(&given).unwrap_err();
        assert!(error.to_string().starts_with("`c/a` is neither"), "{error}");
        let hint = error.hint().unwrap();
        assert!(
            hint.starts_with("it is a.zip of") && hint.ends_with("--mirror"),
            "{hint}"
        );

        fs::create_dir_all(folder.path().join("mirror/c")).unwrap();
        fs::write(folder.path().join("mirror/c/a"), "abc").unwrap();
        assert_eq!(find(&given).unwrap().name, "c/a");
        // Or by itself, as what has an address.
        given.path = "elsewhere/b".into();
        let error = find(&given).unwrap_err().to_string();
        assert!(
            error.contains("mirror/elsewhere/b` or `") && error.ends_with("mirror/b` or `elsewhere/b`"),
            "{error}"
        );
        fs::write(folder.path().join("mirror/b"), "abc").unwrap();
        assert_eq!(find(&given).unwrap().path, folder.path().join("mirror/b"));
        given.path = "c/a".into();
        given.size = Some(4);
        assert!(matches!(find(&given), Err(DataError::WrongFile { what: "size", .. })));
        given.size = None;
        given.sha256 = Some("00".into());
        assert!(matches!(find(&given), Err(DataError::WrongFile { what: "sha256", .. })));
        given.sha256 = None;
        let json = JsonField {
            field: "x".into(),
            line_break: String::new(),
        };
        let field = File::Field(crate::config::Field {
            file: TableFile::Given(given),
            json: json.clone(),
        });
        let found = fetch(&field, &options, &Silent).unwrap();
        assert_eq!((found.name.as_str(), found.json), ("c/a#x", Some(json)));
    }
}
