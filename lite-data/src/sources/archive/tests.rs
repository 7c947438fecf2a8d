//! Good archives, and hostile ones.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use tar::{Builder, EntryType, Header};

use super::*;

/// What an archive is made of: a name and its contents; a target instead of contents makes a link.
enum Item<'a> {
    File(&'a str, &'a [u8]),
    Link(&'a str, &'a str),
}
use Item::{File as F, Link as L};

fn tar(items: &[Item]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for item in items {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        let (name, bytes): (&str, &[u8]) = match *item {
            F(name, bytes) => (name, bytes),
            L(name, target) => {
                header.set_entry_type(EntryType::Symlink);
                header.set_link_name(target).unwrap();
                (name, &[])
            }
        };
        header.set_size(bytes.len() as u64);
        if name.len() < 100 {
            // Written as it is: the crate's own way refuses names that climb out.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, bytes).unwrap();
        } else {
            builder.append_data(&mut header, name, bytes).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(items: &[Item]) -> Vec<u8> {
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let (name, bytes, mode): (&str, &[u8], u32) = match *item {
            F(name, bytes) => (name, bytes, 0o100_644),
            L(name, target) => (name, target.as_bytes(), LINK_MODE),
        };
        // Stored and deflated in turn.
        let (method, packed) = if index % 2 == 0 {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            (8u16, encoder.finish().unwrap())
        } else {
            (0, bytes.to_vec())
        };
        let at = file.len() as u32;
        let mut common = Vec::new();
        common.extend([20, 0, 0, 0]);
        common.extend(method.to_le_bytes());
        common.extend([0; 4]);
        common.extend(crc32fast::hash(bytes).to_le_bytes());
        common.extend((packed.len() as u32).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(packed);
        list.extend(b"PK\x01\x02\x14\x03");
        list.extend(&common);
        list.extend([0; 6]);
        list.extend((mode << 16).to_le_bytes());
        list.extend(at.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let at = file.len() as u32;
    let n = (items.len() as u16).to_le_bytes();
    file.extend(&list);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(n);
    file.extend(n);
    file.extend((list.len() as u32).to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    file
}

const LINK_MODE: u32 = 0o120_777;

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("archive"), bytes).unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        Case { folder }
    }

    /// Unpacks `x.en` (or `x.en.gz`) to `0` and `x.fr` to `1`.
    fn unpack(&self, limits: &Limits) -> Result<Vec<String>, String> {
        let member = |names: &[&str], to: &str| Member {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            to: self.folder.path().join("out").join(to),
        };
        let members = [member(&["x.en", "x.en.gz"], "0"), member(&["x.fr"], "1")];
        unpack(&self.folder.path().join("archive"), &members, limits).map_err(|error| error.to_string())
    }

    /// Names and contents of what was written.
    fn out(&self) -> Vec<(String, Vec<u8>)> {
        let mut out: Vec<_> = fs::read_dir(self.folder.path().join("out"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read(entry.path()).unwrap(),
                )
            })
            .collect();
        out.sort();
        out
    }
}

/// The same items in each container.
fn containers(items: &[Item]) -> [(&'static str, Vec<u8>); 3] {
    [("tar", tar(items)), ("tar.gz", gz(&tar(items))), ("zip", zip(items))]
}

const EN: &[u8] = b"a dog\nthe house\n";
const FR: &[u8] = "un chien\nla maison \u{e9}\n".as_bytes();

fn whole() -> Vec<(String, Vec<u8>)> {
    vec![("0".into(), EN.to_vec()), ("1".into(), FR.to_vec())]
}

#[test]
fn members_are_unpacked_below_any_folder_and_out_of_gzip() {
    let long = format!("{}/x.fr", "folder/".repeat(40));
    let zipped = gz(EN);
    for (english, contents) in [("x.en", EN), ("./x.en", EN), ("a/x.en", EN), ("a/b/x.en.gz", &zipped)] {
        for french in ["x.fr", &long] {
            let items = [
                F("a/readme", b"text"),
                F(english, contents),
                F("a/prefix-x.fr", b"another"),
                L("a/link", "/etc/passwd"),
                F(french, FR),
            ];
            for (kind, bytes) in containers(&items) {
                let case = Case::new(&bytes);
                let names = case.unpack(&Limits::default()).unwrap();
                assert_eq!(names, [english.trim_start_matches("./"), french], "{kind}");
                assert_eq!(case.out(), whole(), "{kind}");
            }
        }
    }
}

#[test]
fn a_gzipped_file_is_its_own_archive() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("x.en.gz");
    fs::write(&archive, gz(EN)).unwrap();
    let member = Member {
        names: vec!["x.en".into()],
        to: folder.path().join("0"),
    };
    unpack(&archive, &[member], &Limits::default()).unwrap();
    assert_eq!(fs::read(folder.path().join("0")).unwrap(), EN);
}

#[test]
fn hostile_archives_are_refused() {
    let check = |items: &[Item], expected: &str| {
        for (kind, bytes) in containers(items) {
            let case = Case::new(&bytes);
            let error = case.unpack(&Limits::default()).unwrap_err();
            assert!(error.contains(expected), "{kind}: {error}");
            assert!(case.out().iter().all(|file| whole().contains(file)), "{kind}");
        }
    };
    for name in ["../x.en", "/x.en", "a/../../x.en", "C:/x.en", "..\\x.en", "\\x.en"] {
        check(&[F(name, EN), F("x.fr", FR)], "leads out of the archive");
        check(&[F("x.en", EN), F("x.fr", FR), F(name, EN)], "leads out of the archive");
    }
    check(
        &[L("x.en", "/etc/passwd"), F("x.fr", FR)],
        "`x.en` is a link or a device",
    );
    check(
        &[F("x.en", EN), F("x.fr", FR), F("x.en", FR)],
        "which of them is wanted",
    );
    check(
        &[F("x.en", EN), F("a/x.en", EN), F("x.fr", FR)],
        "`x.en` and `a/x.en`: which",
    );
    check(
        &[F("x.en", EN), F("x.en.gz", EN), F("x.fr", FR)],
        "which of them is wanted",
    );
    check(&[F("x.en", EN), F("y.fr", FR)], "no `x.fr` in it; it has y.fr");
    check(&[F("x.en.gz", EN), F("x.fr", FR)], "`x.en.gz`: ");
}

#[test]
fn what_comes_out_is_limited_by_what_went_in() {
    let zeros = vec![0; 8 << 20];
    let zipped = gz(&zeros);
    let limits = Limits {
        ratio: 20,
        least: 1 << 20,
        ..Limits::default()
    };
    let mut n_checked = 0;
    for items in [
        [F("x.en", &zeros), F("x.fr", FR)],
        [F("x.en.gz", &zipped), F("x.fr", FR)],
        [F("unwanted", &zeros), F("x.fr", FR)],
    ] {
        let [(_, plain), (_, gzipped), (_, zip)] = containers(&items);
        // A plain tar is as large as what comes out of it, but for gzipped members; of a zip only what is wanted comes out.
        let unwanted = matches!(items[0], F("unwanted", _));
        let nested = matches!(items[0], F("x.en.gz", _));
        for bytes in [nested.then_some(plain), Some(gzipped), (!unwanted).then_some(zip)]
            .into_iter()
            .flatten()
        {
            let case = Case::new(&bytes);
            let error = case.unpack(&limits).unwrap_err();
            assert!(error.contains("this is no text"), "{error}");
            assert!(case.out().is_empty(), "something was left behind");
            n_checked += 1;
        }
    }
    assert_eq!(n_checked, 6);
    let many: Vec<Item> = (0..20).map(|_| F("other", b"")).collect();
    for (kind, bytes) in containers(&many) {
        let few = Limits {
            entries: 10,
            ..Limits::default()
        };
        assert!(
            Case::new(&bytes)
                .unpack(&few)
                .unwrap_err()
                .ends_with("more than 10 entries"),
            "{kind}"
        );
    }
}

#[test]
fn truncated_and_altered_archives_leave_nothing_half() {
    for (kind, bytes) in containers(&[F("x.en", EN), F("x.fr", FR)]) {
        for length in (0..bytes.len()).step_by(7) {
            let case = Case::new(&bytes[..length]);
            let outcome = case.unpack(&Limits::default());
            let out = case.out();
            assert!(
                out.iter().all(|file| whole().contains(file)),
                "{kind} {length}: {out:?}"
            );
            // Only the empty blocks at the end of a tar are of no matter.
            assert!(outcome.is_err() || (kind == "tar" && out == whole()), "{kind} {length}");
        }
    }
    let bytes = zip(&[F("x.en", EN), F("x.fr", FR)]);
    for position in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[position] ^= 0x10;
        let case = Case::new(&altered);
        let _ = case.unpack(&Limits::default());
        assert!(case.out().iter().all(|file| whole().contains(file)), "{position}");
    }
}

#[test]
fn what_is_no_archive_is_named() {
    let check = |bytes: &[u8], expected: &str| {
        let error = Case::new(bytes).unpack(&Limits::default()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(
        b"<!DOCTYPE html><html>",
        "it begins with `<!DOCTYPE html><html>`, expected .tar",
    );
    check(b"BZh91AY", "packed by bzip2, xz or 7z, expected .tar");
    check(b"", "an empty file");
    check(&[0; 4096], "no archive");
    // A name of more than 64 KiB.
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(100_000);
    header.set_cksum();
    builder.append(&header, &vec![b'a'; 100_000][..]).unwrap();
    check(&builder.into_inner().unwrap(), "a name of more than 65536 bytes");
}
