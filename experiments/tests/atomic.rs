//! Nothing half-written stands under a final name.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use experiments::{part_path, publish_directory, publish_file, recover_directory, write_atomically};
use tempfile::TempDir;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_appears_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/folder/file.txt");
    write_atomically(&path, |file| file.write_all(b"whole")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    assert_eq!(names(path.parent().unwrap()), ["file.txt"]);
}

#[test]
fn a_failed_write_leaves_what_was_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file.txt");
    // As on a full disk: some bytes go out, then an error.
    let fail = |file: &mut io::BufWriter<fs::File>| {
        file.write_all(&[b'x'; 100_000])?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    };
    let error = write_atomically(&path, fail).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(names(folder.path()), [""; 0], "nothing under the final name, no part");

    write_atomically(&path, |file| file.write_all(b"old")).unwrap();
    write_atomically(&path, fail).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["file.txt"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_that_is_full_is_an_error() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file.txt");
    // Writes to /dev/full fail only when the buffer goes out, after `write` has returned.
    std::os::unix::fs::symlink("/dev/full", part_path(&path)).unwrap();
    let error = write_atomically(&path, |file| file.write_all(b"small")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(!path.exists());
}

#[test]
fn a_part_of_an_interrupted_write_is_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file.txt");
    fs::write(part_path(&path), "left by a killed process, and longer").unwrap();
    write_atomically(&path, |file| file.write_all(b"new")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["file.txt"]);
}

#[test]
fn a_finished_part_takes_the_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file.txt");
    fs::write(part_path(&path), "finished").unwrap();
    publish_file(&part_path(&path), &path).unwrap();
    assert_eq!(names(folder.path()), ["file.txt"]);
    assert!(publish_file(&part_path(&path), &path).is_err(), "there is no part");
    assert_eq!(fs::read(&path).unwrap(), b"finished");
}

fn make_folder(path: &Path, content: &str) {
    fs::create_dir_all(path.join("inner")).unwrap();
    fs::write(path.join("inner/file"), content).unwrap();
}

#[test]
fn a_folder_is_swapped_in() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("checkpoint");
    for content in ["first", "second"] {
        make_folder(&part_path(&path), content);
        publish_directory(&part_path(&path), &path).unwrap();
        assert_eq!(fs::read_to_string(path.join("inner/file")).unwrap(), content);
        assert_eq!(names(root.path()), ["checkpoint"]);
    }
    publish_directory(&root.path().join("absent"), &path).unwrap_err();
    assert_eq!(fs::read_to_string(path.join("inner/file")).unwrap(), "second");
}

#[test]
fn an_interrupted_swap_is_finished() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("checkpoint");
    // Killed after the old folder was set aside.
    make_folder(&root.path().join("checkpoint.old"), "old");
    recover_directory(&path).unwrap();
    assert_eq!(fs::read_to_string(path.join("inner/file")).unwrap(), "old");
    // Killed before the old folder was removed.
    make_folder(&root.path().join("checkpoint.old"), "older");
    recover_directory(&path).unwrap();
    assert_eq!(fs::read_to_string(path.join("inner/file")).unwrap(), "old");
    assert_eq!(names(root.path()), ["checkpoint"]);
    recover_directory(&path).unwrap();
}
