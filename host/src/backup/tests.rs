//! What the writer refuses, and what it leaves behind when it does.

use std::os::unix::fs::symlink;

use std::fs::{self, File};

use crate::catalog::manifest::{NAME, SUM_NAME};

use super::*;

fn backup() -> Backup {
    Backup {
        name: "b".into(),
        id: "1".into(),
        created: "2024-01-01T00:00:00Z".into(),
        position: None,
        source: "x".into(),
        dialect: String::new(),
    }
}

fn table(name: &str) -> ObjectName {
    ObjectName::new("table", Some("main"), name)
}

fn count(folder: &tempfile::TempDir) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn an_existing_file_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    fs::write(&path, "old").unwrap();
    assert_eq!(Writer::create(&path, false).err().unwrap().code(), "backup.exists");
    let writer = Writer::create(&path, true).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old", "nothing changes before the end");
    writer.finish(backup()).unwrap();
    assert_ne!(fs::read(&path).unwrap(), b"old");
    assert_eq!(count(&folder), 1);
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = Writer::create(&path, false).unwrap();
    fs::write(&path, "other").unwrap();
    assert_eq!(writer.finish(backup()).unwrap_err().code(), "backup.exists");
    assert_eq!(fs::read(&path).unwrap(), b"other");
    assert_eq!(count(&folder), 1);
}

#[test]
fn only_regular_files_are_ever_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    symlink("/dev/null", &link).unwrap();
    for path in [folder.path(), Path::new("/dev/null"), &link] {
        assert_eq!(Writer::create(path, true).err().unwrap().code(), "backup.exists", "{}", path.display());
    }
    assert_eq!(Writer::create(&folder.path().join("no/a.tar"), false).err().unwrap().code(), "host.io");
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&folder.path().join("a.tar"), false).unwrap();
    writer.object(table("a"), vec![]).unwrap();
    writer.entry("csv").unwrap().write_all(&vec![1; 5 << 20]).unwrap();
    assert_eq!(count(&folder), 0);
    drop(writer);
    assert_eq!(count(&folder), 0);
}

#[test]
fn an_entry_that_is_given_up_was_never_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let mut writer = Writer::create(&path, false).unwrap();
    writer.object(table("a"), vec![]).unwrap();
    let noise: Vec<u8> = (0..1_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    writer.entry("csv").unwrap().write_all(&noise).unwrap();
    let mut entry = writer.entry("csv").unwrap();
    entry.write_all(b"a\n1\n").unwrap();
    entry.finish(Some(1)).unwrap();
    assert_eq!(writer.finish(backup()).unwrap().bytes, 4);
    let names: Vec<String> = tar::Archive::new(File::open(&path).unwrap())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, [NAME, SUM_NAME, "data/000001-a/000000.csv.zst"]);
}

#[test]
fn what_a_reader_would_refuse_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&folder.path().join("a.tar"), false).unwrap();
    let json = |text: &str| RawValue::from_string(text.into()).unwrap();
    assert_eq!(writer.attributes(json("{}")).unwrap_err().code(), "host.internal");
    assert!(writer.entry("csv").is_err());
    writer.object(table("a"), vec![]).unwrap();
    assert_eq!(writer.object(table("a"), vec![]).unwrap_err().code(), "pack.bad_input");
    assert!(writer.object(ObjectName::new("", None, "a"), vec![]).is_err());
    assert!(writer.object(table("a\0b"), vec![]).is_err());
    assert!(writer.object(table("b"), vec![ObjectName::new("a b", None, "c")]).is_err());
    assert!(writer.entry("no word").is_err());
    assert!(writer.attributes(json("[]")).is_err());
    writer.attributes(json(" {}")).unwrap();
    let written = writer.finish(backup()).unwrap();
    assert_eq!((written.objects, written.bytes), (1, 0));
}
