//! Entries of foreign backups: every place and compression they can have, and what is damaged about them.

use std::io::Write as _;

use super::*;
use crate::archive::Member;

const MEMBER: &str = "data";
const ALL: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Zlib, Compression::Lz4, Compression::Zstd];

/// What pg_dump and the like make of the bytes.
fn packed(bytes: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => gzip(bytes),
        Compression::Zlib => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => {
            let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// As blocks of `step` bytes, after `offset` other bytes and before some more.
fn blocks(bytes: &[u8], step: usize, width: usize, offset: usize) -> Vec<u8> {
    let mut out = vec![7; offset];
    for block in bytes.chunks(step).chain([&b""[..]]) {
        out.push(0);
        out.extend_from_slice(&(block.len() as u64).to_le_bytes()[..width]);
        out.extend_from_slice(block);
    }
    out.extend_from_slice(b"another entry");
    out
}

fn container(member: &[u8], limits: Limits) -> Archive {
    let tar = Build::default().file(MEMBER, member).end();
    Archive::from_stream(&tar[..], &OpenOptions { limits, ..OpenOptions::default() }).unwrap()
}

fn entry(extent: Extent, compression: Compression, bytes: Option<u64>) -> Entry {
    Entry {
        path: "data/t".into(),
        form: "postgres-copy-text".into(),
        bytes: bytes.unwrap_or(0),
        rows: None,
        sha256: None,
        stored: Some(Stored { member: MEMBER.into(), extent, compression, exact: bytes.is_some() }),
    }
}

fn read(archive: &Archive, entry: &Entry, max: usize) -> Fallible<Vec<u8>> {
    let mut payload = Payload::open(archive, entry, true)?;
    let mut all = Vec::new();
    loop {
        let bytes = payload.next(max)?;
        assert!(bytes.len() <= max);
        if bytes.is_empty() {
            assert!(payload.next(max)?.is_empty());
            return Ok(all);
        }
        all.extend_from_slice(&bytes);
    }
}

#[test]
fn every_place_and_compression_gives_the_same_bytes() {
    for content in [Vec::new(), b"1\ta\n\\.\n".to_vec(), rows(20_000), rows(LARGE)] {
        let length = content.len() as u64;
        for compression in ALL {
            let stored = packed(&content, compression);
            let size = stored.len() as u64;
            let shifted = [b"before".to_vec(), stored.clone(), b"after".to_vec()].concat();
            let places = [
                (stored.clone(), Extent::Whole),
                (shifted, Extent::Span { offset: 6, bytes: size }),
                (blocks(&stored, 4096, 4, 5), Extent::Blocks { offset: 5, width: 4 }),
                (blocks(&stored, 200, 1, 0), Extent::Blocks { offset: 0, width: 1 }),
                (blocks(&stored, 1 << 20, 8, 1), Extent::Blocks { offset: 1, width: 8 }),
            ];
            for (member, extent) in places {
                let archive = container(&member, Limits::default());
                for (bytes, max) in [(None, 256 << 10), (Some(length), 1000), (Some(length), 1 << 20)] {
                    let found = read(&archive, &entry(extent, compression, bytes), max).unwrap();
                    assert!(found == content, "{compression:?} {extent:?} {max}: {} bytes", found.len());
                }
            }
        }
    }
}

#[test]
fn what_is_stored_as_nothing_is_empty() {
    for compression in ALL {
        let archive = container(&blocks(b"", 1, 4, 0), Limits::default());
        for extent in [Extent::Span { offset: 3, bytes: 0 }, Extent::Blocks { offset: 0, width: 4 }] {
            assert_eq!(read(&archive, &entry(extent, compression, None), 10).unwrap(), b"");
            let error = read(&archive, &entry(extent, compression, Some(1)), 10).unwrap_err();
            assert!(error.to_string().contains("ends before the 1 bytes"), "{error}");
        }
        assert_eq!(
            read(&container(b"", Limits::default()), &entry(Extent::Whole, compression, None), 10).unwrap(),
            b""
        );
    }
}

#[test]
fn streams_that_are_cut_or_followed_by_something_are_damaged() {
    let content = rows(SMALL);
    for compression in ALL.into_iter().filter(|compression| *compression != Compression::None) {
        let stored = packed(&content, compression);
        let whole = |bytes: &[u8]| {
            let archive = container(bytes, Limits::default());
            read(&archive, &entry(Extent::Whole, compression, None), 1 << 20)
        };
        for length in (1..stored.len()).step_by(97).chain([stored.len() - 1, stored.len() - 4]) {
            match whole(&stored[..length]) {
                // Cut where one of two gzip members ends, there is nothing to see.
                Ok(found) => assert!(compression == Compression::Gzip && content.starts_with(&found), "{length}"),
                Err(error) => {
                    assert_eq!(error.code(), "archive.checksum_mismatch", "{compression:?} {length}: {error}")
                }
            }
        }
        for tail in [&b"x"[..], b"more than a few bytes of something else"] {
            let error = whole(&[&stored, tail].concat()).unwrap_err();
            assert_eq!(error.code(), "archive.checksum_mismatch", "{compression:?}: {error}");
            assert_eq!(error.details().entry.as_deref(), Some("data/t"));
        }
    }
    // Several frames, one after the other, are one stream, as the tools write and read them.
    for compression in [Compression::Gzip, Compression::Lz4, Compression::Zstd] {
        let stored = [packed(&content, compression), packed(&content, compression)].concat();
        let archive = container(&stored, Limits::default());
        let found = read(&archive, &entry(Extent::Whole, compression, None), 1 << 20).unwrap();
        assert!(found == content.repeat(2));
    }
}

#[test]
fn blocks_that_are_no_blocks_are_damaged() {
    let cases: [(&[u8], u8, &str); 7] = [
        (b"", 4, "failed to fill whole buffer"),
        (b"\0\x01\0\0", 4, "failed to fill whole buffer"),
        (b"\0\x05\0\0\0abc", 4, "inside a block"),
        (b"\0\x03\0\0\0abc", 4, "failed to fill whole buffer"),
        (b"\0\xff\xff\xff\xffabc", 4, "inside a block"),
        (b"\0\xff\xff\xff\xff\xff\xff\xff\xffabc", 8, "inside a block"),
        (b"\x01\x03\0\0\0abc\0\0\0\0\0", 4, "negative"),
    ];
    for (stored, width, reason) in cases {
        let archive = container(stored, Limits::default());
        for compression in [Compression::None, Compression::Zstd] {
            let extent = Extent::Blocks { offset: 0, width };
            let Err(error) = read(&archive, &entry(extent, compression, None), 100) else {
                // An uncompressed member without any bytes has no blocks either.
                assert!(stored.is_empty(), "{}", stored.escape_ascii());
                continue;
            };
            assert_eq!(error.code(), "archive.checksum_mismatch", "{}: {error}", stored.escape_ascii());
            let seen = compression == Compression::None;
            assert!(!seen || error.to_string().contains(reason), "{}: {error}", stored.escape_ascii());
        }
    }
}

#[test]
fn flipped_bits_never_panic_and_give_no_other_bytes() {
    let content = rows(60);
    for compression in ALL.into_iter().filter(|compression| *compression != Compression::None) {
        let stored = packed(&content, compression);
        for bit in 0..stored.len() * 8 {
            let mut stored = stored.clone();
            stored[bit / 8] ^= 1 << (bit % 8);
            let archive = container(&stored, Limits::default());
            match read(&archive, &entry(Extent::Whole, compression, None), 1 << 20) {
                Ok(found) => assert!(found == content, "{compression:?} {bit}"),
                Err(error) => {
                    let codes = ["archive.checksum_mismatch", "archive.limit"];
                    assert!(codes.contains(&error.code()), "{compression:?} {bit}: {error}");
                }
            }
        }
    }
}

#[test]
fn lengths_are_compared_where_the_backup_says_them() {
    let content = rows(50_000);
    let length = content.len() as u64;
    for compression in ALL {
        let archive = container(&packed(&content, compression), Limits::default());
        for (bytes, reason) in [(length - 1, "more than"), (0, "more than"), (length + 1, "ends before")] {
            let entry = entry(Extent::Whole, compression, Some(bytes));
            let mut payload = Payload::open(&archive, &entry, true).unwrap();
            let error = loop {
                match payload.next(1 << 20) {
                    Ok(bytes) => assert!(!bytes.is_empty()),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.code(), "archive.checksum_mismatch");
            assert!(error.to_string().contains(reason) && error.to_string().contains("the backup says"), "{error}");
            assert_eq!(payload.next(1).unwrap_err().to_string(), error.to_string());
        }
    }
}

#[test]
fn bombs_and_windows_have_limits() {
    let zeros = vec![0; 8 << 20];
    let tight = Limits { ratio: 100, ..Limits::default() };
    for compression in [Compression::Gzip, Compression::Zlib, Compression::Lz4, Compression::Zstd] {
        let archive = container(&packed(&zeros, compression), tight.clone());
        let error = read(&archive, &entry(Extent::Whole, compression, None), 1 << 20).unwrap_err();
        assert_eq!(error.code(), "archive.limit", "{compression:?}");
        assert!(error.to_string().contains("grows more than 100 times"), "{error}");
    }
    for (window, fine) in [(25, true), (26, false)] {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window).unwrap();
        encoder.write_all(b"x").unwrap();
        let archive = container(&encoder.finish().unwrap(), Limits::default());
        let found = read(&archive, &entry(Extent::Whole, Compression::Zstd, None), 10);
        assert_eq!(
            found.map_err(|error| error.code().to_owned()),
            if fine { Ok(b"x".to_vec()) } else { Err("archive.limit".into()) }
        );
    }
}

/// The archive's file that is open twice while a thread reads it.
#[test]
fn a_payload_that_is_dropped_leaves_no_thread_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let content = rows(LARGE);
    fs::write(&path, Build::default().file(MEMBER, &packed(&content, Compression::Zstd)).end()).unwrap();
    let archive = Archive::open(&Location::Path(path), &OpenOptions::default()).unwrap();
    let whole = entry(Extent::Whole, Compression::Zstd, None);
    let readers = archive.readers();
    for _ in 0..20 {
        let mut payload = Payload::open(&archive, &whole, true).unwrap();
        assert_eq!(payload.next(1 << 20).unwrap(), content[..256 << 10]);
        assert_eq!(archive.readers(), readers + 1);
        drop(payload);
        assert_eq!(archive.readers(), readers);
    }
}

fn object(kind: &str, name: &str, depends: &[(&str, &str)], entries: Vec<Entry>) -> Object {
    let schema = (kind != "role").then_some("public");
    Object {
        name: ObjectName::new(kind, schema, name),
        attributes: manifest::no_attributes(),
        depends: depends.iter().map(|(kind, name)| ObjectName::new(*kind, Some("public"), *name)).collect(),
        entries,
        section: Section::PreData,
    }
}

fn at(path: &str, offset: u64) -> Entry {
    Entry { path: path.into(), ..entry(Extent::Blocks { offset, width: 4 }, Compression::Gzip, None) }
}

#[test]
fn lengths_that_nobody_says_are_guessed_for_planning() {
    let archive = container(&[0; 1000], Limits::default());
    let span = entry(Extent::Span { offset: 0, bytes: 10 }, Compression::None, None);
    let entries = vec![at("b", 400), at("a", 100), span, at("c", 900)];
    let catalog = Catalog::of_layout(&archive, "x", backup(), vec![object("table", "t", &[], entries)]).unwrap();
    let bytes: Vec<u64> = catalog.objects[0].entries.iter().map(|entry| entry.bytes).collect();
    assert_eq!(bytes, [2500, 1500, 10, 500]);
    assert_eq!(catalog.totals().bytes, 4510);
}

#[test]
fn the_digest_is_over_everything_that_was_said() {
    let archive = container(&[0; 1000], Limits::default());
    let objects =
        || vec![object("table", "t", &[("table", "u")], vec![at("a", 100)]), object("table", "u", &[], vec![])];
    let digest = |archive: &Archive, backup: Backup, change: &dyn Fn(&mut Vec<Object>)| {
        let mut objects = objects();
        change(&mut objects);
        Catalog::of_layout(archive, "x", backup, objects).unwrap().digest
    };
    let first = digest(&archive, backup(), &|_| {});
    assert_eq!(first, digest(&archive, backup(), &|_| {}));
    let changes: [&dyn Fn(&mut Vec<Object>); 8] = [
        &|objects| objects[1].name.name.push('x'),
        &|objects| objects[0].depends.clear(),
        &|objects| objects[0].section = Section::Data,
        &|objects| objects[0].entries[0].rows = Some(0),
        &|objects| objects[0].entries[0].path.push('x'),
        &|objects| objects[0].entries[0] = at("a", 101),
        &|objects| objects[0].attributes = RawValue::from_string("{ }".into()).unwrap(),
        &|objects| objects.reverse(),
    ];
    for change in changes {
        assert_ne!(first, digest(&archive, backup(), change));
    }
    assert_ne!(first, digest(&container(&[0; 1001], Limits::default()), backup(), &|_| {}));
    assert_ne!(first, digest(&archive, Backup { id: "2".into(), ..backup() }, &|_| {}));
}

#[test]
fn roles_of_a_second_archive_come_first() {
    let archive = container(b"x", Limits::default());
    let of = |layout: &str, objects| Catalog::of_layout(&archive, layout, backup(), objects).unwrap();
    let main = || of("pgdump", vec![object("table", "t", &[], vec![]), object("role", "both", &[], vec![])]);
    let globals = of("pgdump", vec![object("role", "ann", &[], vec![]), object("role", "both", &[], vec![])]);
    let digests = (main().digest, globals.digest);
    let merged = main().merge(globals).unwrap();
    let names: Vec<_> = merged.objects.iter().map(|object| object.name.to_string()).collect();
    assert_eq!(names, ["role ann", "table public.t", "role both"]);
    assert!(merged.digest != digests.0 && merged.digest != digests.1);
    assert_eq!(merged.layout.as_deref(), Some("pgdump"));
    let other = of("mydump", vec![object("role", "ann", &[], vec![])]);
    assert_eq!(main().merge(other).unwrap_err().code(), "catalog.not_mergeable");
    let rows = of("pgdump", vec![object("table", "u", &[], vec![entry(Extent::Whole, Compression::None, None)])]);
    assert_eq!(main().merge(rows).unwrap_err().code(), "catalog.not_mergeable");
}

#[test]
fn verifying_reads_every_foreign_entry() {
    let content = rows(SMALL);
    let mut stored = packed(&content, Compression::Zstd);
    let last = stored.len() - 1;
    stored[last] ^= 1;
    let archive = container(&[content.clone(), stored.clone()].concat(), Limits::default());
    let Member { size, .. } = archive.member(MEMBER).unwrap().clone();
    let good = entry(Extent::Span { offset: 0, bytes: content.len() as u64 }, Compression::None, None);
    let bad = Extent::Span { offset: content.len() as u64, bytes: size - content.len() as u64 };
    let bad = Entry { path: "data/u".into(), ..entry(bad, Compression::Zstd, None) };
    let objects = vec![object("table", "t", &[], vec![good]), object("table", "u", &[], vec![bad])];
    let catalog = Catalog::of_layout(&archive, "x", backup(), objects).unwrap();
    let wrong = verify(&archive, &catalog, &mut |_| {}, &Cancel::default()).unwrap();
    let [wrong] = &wrong[..] else { panic!("{wrong:?}") };
    assert_eq!((wrong.code(), wrong.details().entry.as_deref()), ("archive.checksum_mismatch", Some("data/u")));
    assert_eq!(wrong.details().object.as_ref().unwrap().name, "u");
}
