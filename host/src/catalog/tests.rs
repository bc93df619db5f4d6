//! Archives written and read again through every container, and archives that were changed in between.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::archive::build::{Build, gzip, zstd};
use crate::archive::{Limits, OpenOptions};
use crate::backup::{Writer, Written};
use crate::cancel::Cancel;
use crate::error::Error;
use crate::source::Location;

use super::manifest::{NAME, SUM_NAME};
use super::payload::Payload;
use super::*;

mod foreign;

fn backup() -> Backup {
    Backup {
        name: "shop".into(),
        id: "1".into(),
        created: "2024-01-01T00:00:00Z".into(),
        position: Some("0/16B3748".into()),
        source: "sqlite".into(),
        dialect: "sqlite".into(),
    }
}

fn rows(count: u32) -> Vec<u8> {
    (0..count).flat_map(|n| format!("{n},{}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
}

/// Rows of the large entry: more than a compressor takes at once; and of the same entry in small archives.
const LARGE: u32 = 200_000;
const SMALL: u32 = 1000;

/// Three objects, three entries: one with this many rows, one small, one empty.
fn write(path: &Path, large: u32) -> Written {
    let mut writer = Writer::create(path, false).unwrap();
    let user = ObjectName::new("user", None, "réader");
    writer.object(user.clone(), vec![]).unwrap();
    writer.attributes(RawValue::from_string(r#"{"login":true}"#.into()).unwrap()).unwrap();
    writer.object(ObjectName::new("table", Some("main"), "actor"), vec![user]).unwrap();
    for (count, form) in [(large, "csv"), (10, "csv")] {
        let mut entry = writer.entry(form).unwrap();
        entry.write_all(&rows(count)).unwrap();
        entry.finish(Some(count.into())).unwrap();
    }
    writer.attributes(RawValue::from_string("{\"columns\": [1,\n2]}".into()).unwrap()).unwrap();
    writer.object(ObjectName::new("function_environment", None, "env"), vec![]).unwrap();
    writer.entry("bytes").unwrap().finish(None).unwrap();
    writer.finish(backup()).unwrap()
}

fn small_archive() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    write(&path, SMALL);
    fs::read(path).unwrap()
}

fn open(bytes: &[u8]) -> Fallible<Archive> {
    Archive::from_stream(bytes, &OpenOptions::default())
}

fn read_all(archive: &Archive, entry: &Entry, max: usize) -> Fallible<Vec<u8>> {
    let mut payload = Payload::open(archive, entry, true)?;
    let mut all = Vec::new();
    loop {
        let bytes = payload.next(max)?;
        assert!(bytes.len() <= max);
        assert!(bytes.len() == max || bytes.is_empty() || (all.len() + bytes.len()) as u64 == entry.bytes, "not full");
        if bytes.is_empty() {
            assert!(payload.next(max)?.is_empty());
            return Ok(all);
        }
        all.extend_from_slice(&bytes);
    }
}

fn findings(archive: &Archive, catalog: &Catalog) -> Vec<Error> {
    let mut seen = 0;
    let bad = verify(archive, catalog, &mut |bytes| seen += bytes, &Cancel::default()).unwrap();
    assert!(!bad.is_empty() || seen == catalog.totals().bytes);
    bad
}

fn check_whole(archive: &Archive, written: &Written) {
    let catalog = Catalog::read(archive).unwrap();
    assert_eq!((&catalog.backup, catalog.digest), (&backup(), written.digest));
    let totals = Totals { objects: 3, entries: 3, rows: 200_010, bytes: written.bytes };
    assert_eq!(catalog.totals(), totals);
    let actor = &catalog.objects[1];
    assert_eq!(actor.name.to_string(), "table main.actor");
    assert_eq!(actor.attributes.get(), "{\"columns\": [1,\n2]}");
    assert_eq!(actor.depends, [catalog.objects[0].name.clone()]);
    assert_eq!(actor.entries[0].path, "data/000002-actor/000000.csv.zst");
    for max in [1 << 10, 256 << 10, 1 << 24] {
        assert_eq!(read_all(archive, &actor.entries[0], max).unwrap(), rows(LARGE));
    }
    assert_eq!(read_all(archive, &actor.entries[1], 7).unwrap(), rows(10));
    assert_eq!(read_all(archive, &catalog.objects[2].entries[0], 7).unwrap(), b"");
    assert!(findings(archive, &catalog).is_empty());
}

#[test]
fn what_is_written_is_read_through_every_container() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let written = write(&path, LARGE);
    let bytes = fs::read(&path).unwrap();
    assert_eq!((written.archive_bytes, written.rows), (bytes.len() as u64, 200_010));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");
    for bytes in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
        check_whole(&open(&bytes).unwrap(), &written);
        // Detected by content: the name says tar.
        fs::write(&path, &bytes).unwrap();
        check_whole(&Archive::open(&Location::Path(path.clone()), &OpenOptions::default()).unwrap(), &written);
    }
    let unpacked = folder.path().join("unpacked");
    tar::Archive::new(&bytes[..]).unpack(&unpacked).unwrap();
    check_whole(&Archive::open(&Location::Path(unpacked), &OpenOptions::default()).unwrap(), &written);
}

#[test]
fn equal_content_gives_equal_bytes() {
    assert_eq!(small_archive(), small_archive());
}

/// The archive with its manifest changed, its digest made to fit, and its members as `change` leaves them.
fn remade(edit: impl Fn(String) -> String, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> Vec<u8> {
    let bytes = small_archive();
    let archive = open(&bytes).unwrap();
    let mut build = Build::default();
    let mut sum = String::new();
    for member in archive.members() {
        let mut body = Vec::new();
        std::io::Read::read_to_end(&mut archive.read(member).unwrap(), &mut body).unwrap();
        if member.path == NAME {
            body = edit(String::from_utf8(body).unwrap()).into_bytes();
            sum = manifest::sum(Digest::of(&body));
        } else if member.path == SUM_NAME {
            body = sum.clone().into_bytes();
        }
        if let Some(body) = change(&member.path, body) {
            build = build.file(&member.path, &body);
        }
    }
    build.end()
}

fn keep(_: &str, body: Vec<u8>) -> Option<Vec<u8>> {
    Some(body)
}

#[test]
fn a_manifest_that_does_not_fit_its_archive_is_refused() {
    const TEN: &str = "data/000002-actor/000001.csv.zst";
    let edited = |from: &'static str, to: &'static str| {
        remade(
            move |text| {
                assert!(text.contains(from), "{from}");
                text.replacen(from, to, 1)
            },
            keep,
        )
    };
    let without = |name: &'static str| remade(|text| text, move |path, body| (path != name).then_some(body));
    let bytes = small_archive();
    let extra = [&bytes[..bytes.len() - 1024], &Build::default().file("data/extra", b"x").end()].concat();
    let cases = [
        ("no manifest", without(NAME), "catalog.unrecognised", "reinstate pack"),
        ("no digest", without(SUM_NAME), "archive.entry_missing", SUM_NAME),
        ("no entry", without(TEN), "archive.entry_missing", TEN),
        ("an entry too many", extra, "archive.bad_entry", "`data/extra` is refused"),
        ("an entry out", edited(TEN, "../../etc/passwd"), "archive.entry_missing", "../../etc/passwd"),
        ("an entry twice", edited(TEN, "data/000002-actor/000000.csv.zst"), "catalog.bad_manifest", "twice"),
        ("the manifest as entry", edited(TEN, NAME), "catalog.bad_manifest", "twice"),
        ("other case", edited(TEN, "data/000002-ACTOR/000001.csv.zst"), "archive.entry_missing", "ACTOR"),
        (
            "an object twice",
            edited("\"kind\":\"function_environment\",\"name\":\"env\"", "\"kind\":\"user\",\"name\":\"réader\""),
            "catalog.bad_manifest",
            "two objects called user réader",
        ),
        ("wrong totals", edited("\"rows\":10,", "\"rows\":11,"), "catalog.bad_manifest", "rows in total"),
        ("another version", edited("\"version\":1", "\"version\":7"), "catalog.bad_manifest", "version 7"),
        ("another format", edited("reinstate-archive", "other-archive"), "catalog.bad_manifest", "other-archive"),
        ("no JSON", edited("{", "<"), "catalog.bad_manifest", "understood"),
        (
            "wrong digest",
            remade(
                |text| text,
                |path, body| Some(if path == SUM_NAME { body.to_ascii_uppercase()[1..].to_vec() } else { body }),
            ),
            "catalog.checksum_mismatch",
            SUM_NAME,
        ),
        (
            "a digest of another file",
            remade(
                |text| text,
                |path, body| {
                    Some(if path == SUM_NAME {
                        String::from_utf8(body).unwrap().replace("manifest", "another!").into()
                    } else {
                        body
                    })
                },
            ),
            "catalog.checksum_mismatch",
            SUM_NAME,
        ),
    ];
    for (what, bytes, code, reason) in cases {
        let error = Catalog::read(&open(&bytes).unwrap()).unwrap_err();
        assert_eq!(error.code(), code, "{what}: {error}");
        assert!(error.to_string().contains(reason), "{what}: {error}");
    }
}

#[test]
fn manifests_have_a_limit_and_bombs_are_seen_before_they_are_read() {
    let bytes = small_archive();
    let tight = |limits| Archive::from_stream(&bytes[..], &OpenOptions { limits, ..OpenOptions::default() }).unwrap();
    let error = Catalog::read(&tight(Limits { manifest_bytes: 100, ..Limits::default() })).unwrap_err();
    assert_eq!((error.code(), error.details().entry.as_deref()), ("archive.limit", Some(NAME)));
    let bomb = remade(
        |text| {
            let length = rows(SMALL).len();
            let total = length + rows(10).len();
            let text = text.replace(&format!("\"bytes\":{length}"), "\"bytes\":9000000000000");
            text.replace(&format!("\"bytes\":{total}"), &format!("\"bytes\":{}", 9_000_000_000_000 + rows(10).len()))
        },
        keep,
    );
    let error = Catalog::read(&open(&bomb).unwrap()).unwrap_err();
    assert_eq!(error.code(), "archive.limit", "{error}");
    assert!(error.to_string().contains("9000000000000"));
}

#[test]
fn a_damaged_manifest_is_told_at_every_bit() {
    let bytes = small_archive();
    let length = open(&bytes).unwrap().member(NAME).unwrap().size as usize;
    for at in 512..512 + length {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let error = Catalog::read(&open(&bytes).unwrap()).unwrap_err();
        assert_eq!(error.code(), "catalog.checksum_mismatch");
    }
}

#[test]
fn a_damaged_payload_is_told_at_every_byte() {
    let bytes = small_archive();
    let archive = open(&bytes).unwrap();
    let catalog = Catalog::read(&archive).unwrap();
    let entry = &catalog.objects[1].entries[1];
    let mut packed = Vec::new();
    std::io::Read::read_to_end(&mut archive.read(archive.member(&entry.path).unwrap()).unwrap(), &mut packed).unwrap();
    let start = bytes.windows(packed.len()).position(|window| window == packed).unwrap();
    for bit in start * 8..(start + packed.len()) * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let archive = open(&bytes).unwrap();
        // Some bits of a frame mean nothing (how its window is stated); then the bytes are the right ones.
        match read_all(&archive, entry, 64) {
            Ok(bytes) => assert_eq!(bytes, rows(10)),
            Err(error) => {
                assert!(["archive.checksum_mismatch", "archive.limit"].contains(&error.code()), "{error}");
                assert_eq!(error.details().entry.as_deref(), Some(entry.path.as_str()));
            }
        }
    }
}

/// One entry whose member and record are as given.
fn payload(member: &[u8], name: &str, length: u64, content: &[u8]) -> Fallible<Vec<u8>> {
    let archive = open(&Build::default().file(name, member).end()).unwrap();
    let sha256 = Digest::of(content);
    read_all(
        &archive,
        &Entry { path: name.into(), form: "csv".into(), bytes: length, rows: None, sha256: Some(sha256), stored: None },
        100,
    )
}

#[test]
fn a_payload_never_gives_more_or_less_than_the_manifest_says() {
    let content = rows(100);
    let length = content.len() as u64;
    let packed = ::zstd::bulk::compress(&content, 3).unwrap();
    let unstated = ::zstd::stream::encode_all(&content[..], 3).unwrap();
    assert_eq!(payload(&packed, "a.zst", length, &content).unwrap(), content);
    assert_eq!(payload(&unstated, "a.zst", length, &content).unwrap(), content);
    assert_eq!(payload(&content, "a", length, &content).unwrap(), content);
    let cut = &unstated[..unstated.len() - 1];
    let cases: [(&str, &[u8], &str, u64, &str); 13] = [
        ("short", &content, "a", length + 1, "ends before"),
        ("long", &content, "a", length - 1, "more than"),
        ("short frame", &unstated, "a.zst", length + 1, "ends before"),
        ("long frame", &unstated, "a.zst", length - 1, "more than"),
        ("nothing expected", &unstated, "a.zst", 0, "more than"),
        ("frame says otherwise", &packed, "a.zst", length + 1, "zstd frame says"),
        ("frame cut", cut, "a.zst", length, "ends before"),
        ("frame cut, one byte short", cut, "a.zst", length - 1, "ends before"),
        ("empty member", b"", "a.zst", length, "ends before"),
        ("empty member, nothing expected", b"", "a.zst", 0, "ends before"),
        ("no zstd", &content, "a.zst", length, "broken"),
        ("bytes after", &[&unstated[..], b"x"].concat(), "a.zst", length, "bytes follow"),
        ("frame after", &[&unstated[..], &unstated[..]].concat(), "a.zst", length, "bytes follow"),
    ];
    for (what, member, name, length, reason) in cases {
        let error = payload(member, name, length, &content).unwrap_err();
        assert_eq!(error.code(), "archive.checksum_mismatch", "{what}");
        assert!(error.to_string().contains(reason), "{what}: {error}");
    }
    let error = payload(&packed, "a.zst", length, b"other").unwrap_err();
    assert!(error.to_string().contains("SHA-256"), "{error}");
}

#[test]
fn a_window_beyond_the_limit_is_refused() {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(b"x").unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(payload(&packed, "a.zst", 1, b"x").unwrap_err().code(), "archive.limit");
}

#[test]
fn after_an_error_there_is_nothing_but_the_error() {
    let content = rows(1000);
    let archive = open(&Build::default().file("a", &content).end()).unwrap();
    let (bytes, sha256) = (content.len() as u64, Digest::of(b"other"));
    let entry = Entry { path: "a".into(), form: "csv".into(), bytes, rows: None, sha256: Some(sha256), stored: None };
    let mut payload = Payload::open(&archive, &entry, true).unwrap();
    let mut given = 0;
    let first = loop {
        match payload.next(1000) {
            Ok(bytes) => given += bytes.len(),
            Err(error) => break error,
        }
    };
    assert!(given < content.len(), "the last bytes are not given away");
    assert_eq!(payload.next(1000).unwrap_err().to_string(), first.to_string());
    let mut unchecked = Payload::open(&archive, &entry, false).unwrap();
    assert_eq!(unchecked.next(1 << 20).unwrap(), content);
}

#[test]
fn verifying_lists_every_bad_entry() {
    let broken = remade(
        |text| text,
        |path, mut body| {
            if path.ends_with(".csv.zst") {
                let last = body.len() - 1;
                body[last] ^= 1;
            }
            Some(body)
        },
    );
    let archive = open(&broken).unwrap();
    let catalog = Catalog::read(&archive).unwrap();
    let bad = findings(&archive, &catalog);
    let entries: Vec<_> = bad.iter().map(|error| error.details().entry.clone().unwrap()).collect();
    assert_eq!(entries, ["data/000002-actor/000000.csv.zst", "data/000002-actor/000001.csv.zst"]);
    assert!(bad.iter().all(|error| error.details().object.as_ref().unwrap().name == "actor"));
    let cancel = Cancel::default();
    cancel.cancel();
    assert_eq!(verify(&archive, &catalog, &mut |_| {}, &cancel).unwrap_err().code(), "restore.cancelled");
}

#[test]
fn a_cut_archive_is_told_at_every_block() {
    let bytes = remade(|text| text, keep);
    for length in (0..bytes.len()).step_by(512) {
        let error = open(&bytes[..length]).unwrap_err();
        assert_eq!(error.code(), "archive.truncated", "{length}: {error}");
    }
}
