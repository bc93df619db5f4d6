//! Hostile and broken archives, each built here, and every container that a good one may come in.

use std::io::Read as _;

use tar::EntryType;

use super::build::{Build, gzip, zstd};
use super::*;

fn limits() -> Limits {
    Limits { members: 50, name_bytes: 200, container_bytes: 4 << 20, ratio: u64::MAX, ..Limits::default() }
}

fn options() -> OpenOptions {
    OpenOptions { limits: limits(), ..OpenOptions::default() }
}

/// Opens the bytes as a file of this name.
fn open_file(bytes: &[u8], options: &OpenOptions) -> Result<Archive> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    fs::write(&path, bytes).unwrap();
    Archive::open(&Location::Path(path), options)
}

/// Opens a tar file in every container that it can come in.
fn open_all(bytes: &[u8]) -> Vec<(&'static str, Result<Archive>)> {
    vec![
        ("file", open_file(bytes, &options())),
        ("gzip", open_file(&gzip(bytes), &options())),
        ("zstd", open_file(&zstd(bytes), &options())),
        ("stream", Archive::from_stream(bytes, &options())),
        ("gzip stream", Archive::from_stream(&gzip(bytes)[..], &options())),
        ("zstd stream", Archive::from_stream(&zstd(bytes)[..], &options())),
        ("trickle", Archive::from_stream(Trickle(bytes), &options())),
    ]
}

/// Gives a few bytes at a time, as pipes do.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(7);
        self.0.read(&mut buffer[..most])
    }
}

fn content(archive: &Archive, path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive.read(archive.member(path).unwrap()).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn start() -> Build {
    Build::default().file("a", b"first")
}

/// One of our own archives, as far as its container is concerned.
fn own() -> Build {
    Build::default().file(MANIFEST, b"{}")
}

#[test]
fn every_container_gives_the_same_members() {
    let long = format!("{}/{}", "p".repeat(90), "n".repeat(90));
    let large: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).take(1_500_000).collect();
    let bytes = start()
        .raw(b"d/", EntryType::Directory, b"", |_| {})
        .file("./d/b", b"")
        .pax(&[("path", &long), ("mtime", "1.5"), ("SCHILY.xattr.user.x", "y")])
        .file("short", b"third")
        .raw(b"././@LongLink", EntryType::GNULongName, b"d/long\0", |_| {})
        .file("cut", b"fourth")
        .file("d/c", &large)
        .raw(b"gnu", EntryType::Regular, b"x", |header| {
            let ustar = header.as_ustar_mut().unwrap();
            (ustar.magic, ustar.version) = (*b"ustar ", *b" \0");
        })
        .end();
    for (container, archive) in open_all(&bytes) {
        let archive = archive.unwrap_or_else(|error| panic!("{container}: {error}"));
        let paths: Vec<&str> = archive.members().iter().map(|member| member.path.as_str()).collect();
        assert_eq!(paths, ["a", "d/b", &long, "d/long", "d/c", "gnu"], "{container}");
        assert_eq!(content(&archive, "a"), b"first");
        assert_eq!(content(&archive, "d/b"), b"");
        assert_eq!(content(&archive, &long), b"third");
        assert_eq!(content(&archive, "d/long"), b"fourth");
        assert_eq!(content(&archive, "d/c"), large);
        assert!(archive.member("d").is_none() && archive.member("A").is_none());
    }
}

#[test]
fn members_are_read_side_by_side() {
    let body = |number: u8| vec![number; 100_000];
    let build = (0..10).fold(Build::default(), |build, number| build.file(&format!("m{number}"), &body(number)));
    let archive = open_file(&build.end(), &options()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..10 {
            let archive = &archive;
            scope.spawn(move || assert_eq!(content(archive, &format!("m{number}")), body(number)));
        }
    });
}

/// `(what, archive, code, part of the message)`
fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let typed = |sort| start().raw(b"b", sort, b"", |header| header.set_link_name("/etc/passwd").unwrap()).end();
    let named = |name: &[u8]| start().raw(name, EntryType::Regular, b"x", |_| {}).end();
    let pax = |records: &[(&str, &str)]| start().pax(records).file("b", b"x").end();
    let pax_raw = |body: &[u8]| start().raw(b"x", EntryType::XHeader, body, |_| {}).file("b", b"x").end();
    let long = |name: &[u8]| start().raw(b"././@LongLink", EntryType::GNULongName, name, |_| {}).file("b", b"x").end();
    let sized =
        |size: &[u8; 12]| start().raw(b"b", EntryType::Regular, b"x", |header| header.as_old_mut().size = *size).end();
    let many = |count: usize| (0..count).fold(Build::default(), |build, n| build.file(&format!("m{n}"), b"")).end();
    let entry = "archive.bad_entry";
    vec![
        ("dot dot", named(b"../b"), entry, "Entry 2 `../b` is refused: its name contains `..`"),
        ("dot dot inside", named(b"a/../../b"), entry, "`..`"),
        ("absolute", named(b"/etc/passwd"), entry, "absolute"),
        ("drive", named(b"C:/x"), entry, "drive"),
        ("backslash", named(b"..\\b"), entry, "backslash"),
        ("NUL inside the field", named(b"b\0c"), entry, "NUL"),
        ("control characters", named(b"b\x1b[2J"), entry, "control"),
        ("not UTF-8", named(b"b\xff"), entry, "UTF-8"),
        ("empty name", named(b""), entry, "empty"),
        ("a file that ends in a slash", named(b"b/"), entry, "empty or"),
        ("hard link", typed(EntryType::Link), entry, "hard link"),
        ("symbolic link", typed(EntryType::Symlink), entry, "symbolic link"),
        ("character device", typed(EntryType::Char), entry, "character device"),
        ("block device", typed(EntryType::Block), entry, "block device"),
        ("FIFO", typed(EntryType::Fifo), entry, "FIFO"),
        ("contiguous", typed(EntryType::Continuous), entry, "contiguous"),
        ("sparse", typed(EntryType::GNUSparse), entry, "sparse"),
        ("long link", typed(EntryType::GNULongLink), entry, "link"),
        ("unknown type", typed(EntryType::new(b'!')), entry, "unknown type"),
        ("global PAX header", typed(EntryType::XGlobalHeader), entry, "global PAX"),
        (
            "same name twice",
            start().file("b", b"").file("a", b"").end(),
            entry,
            "Entry 3 `a` is refused: it has the same name as entry 1",
        ),
        ("same name, spelled in PAX", start().pax(&[("path", "a")]).file("b", b"").end(), entry, "same name"),
        ("same name with ./", start().file("./a", b"").end(), entry, "same name"),
        ("case twins", start().file("A", b"").end(), entry, "some file systems"),
        ("composed twins", start().file("\u{e9}", b"").file("e\u{301}", b"").end(), entry, "some file systems"),
        ("file and folder", start().file("a/b", b"").end(), entry, "folder"),
        ("folder with dot dot", start().raw(b"../d/", EntryType::Directory, b"", |_| {}).end(), entry, "`..`"),
        (
            "folder with a size",
            start().raw(b"d/", EntryType::Directory, b"x", |_| {}).end(),
            entry,
            "folder with a size",
        ),
        (
            "folder with a PAX size",
            start().pax(&[("size", "5")]).raw(b"d/", EntryType::Directory, b"", |_| {}).end(),
            entry,
            "folder with a size",
        ),
        ("PAX name out", pax(&[("path", "../b")]), entry, "`..`"),
        ("PAX name with NUL", pax(&[("path", "b\0c")]), entry, "NUL"),
        ("PAX key twice", pax(&[("path", "b"), ("path", "c")]), entry, "`path` twice"),
        ("PAX link", pax(&[("linkpath", "/etc/passwd")]), entry, "link"),
        ("PAX sparse", pax(&[("GNU.sparse.major", "1")]), entry, "sparse"),
        ("PAX empty value", pax(&[("path", "")]), entry, "malformed"),
        ("PAX nonsense", pax_raw(b"nonsense"), entry, "malformed"),
        ("PAX too long a record", pax_raw(b"99 path=b\n"), entry, "malformed"),
        ("PAX empty", pax_raw(b""), entry, "empty"),
        ("PAX huge", pax_raw(&vec![b'1'; 70_000]), entry, "64 KiB"),
        (
            "two PAX headers",
            start().pax(&[("path", "b")]).pax(&[("size", "1")]).file("b", b"x").end(),
            entry,
            "two PAX",
        ),
        ("PAX header and then the end", start().pax(&[("path", "b")]).end(), entry, "archive ends"),
        ("long name out", long(b"/etc/passwd\0"), entry, "absolute"),
        ("long name with NUL", long(b"b\0c\0"), entry, "NUL"),
        ("long name beyond the limit", long(&[b"b/".repeat(150), b"b".to_vec()].concat()), entry, "limit is 200"),
        (
            "two long names",
            start()
                .raw(b"l", EntryType::GNULongName, b"b\0", |_| {})
                .raw(b"l", EntryType::GNULongName, b"c\0", |_| {})
                .file("b", b"")
                .end(),
            entry,
            "two long names",
        ),
        (
            "long name and PAX name",
            start().raw(b"l", EntryType::GNULongName, b"b\0", |_| {}).pax(&[("path", "c")]).file("b", b"").end(),
            entry,
            "PAX name",
        ),
        (
            "wrong checksum",
            start()
                .unsummed(b"b", EntryType::Regular, b"", |header| {
                    header.set_cksum();
                    header.as_old_mut().name[0] = b'c';
                })
                .end(),
            entry,
            "checksum",
        ),
        ("no checksum", start().unsummed(b"b", EntryType::Regular, b"", |_| {}).end(), entry, "checksum"),
        (
            "no magic",
            start().raw(b"b", EntryType::Regular, b"", |header| header.as_ustar_mut().unwrap().magic = [0; 6]).end(),
            entry,
            "ustar",
        ),
        ("negative size", sized(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), entry, "size"),
        ("size is no number", sized(b"0000000000x\0"), entry, "size"),
        ("8 EiB", sized(b"\x80\0\0\0\x80\0\0\0\0\0\0\0"), "archive.limit", "9223372036854775808 bytes"),
        ("16 EiB", sized(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), "archive.limit", "18446744073709551615 bytes"),
        ("16 EiB in PAX", pax(&[("size", "18446744073709551615")]), "archive.limit", "bytes"),
        ("too many entries", many(51), "archive.limit", "more than 50 entries"),
        ("body cut short", sized(b"00000100000\0"), "archive.truncated", "inside entry 2 `b`"),
        ("nothing", Vec::new(), "archive.truncated", "empty"),
        ("no end blocks", own().0, "archive.truncated", "end blocks"),
        ("one end block", own().body(&[0; 512]).0, "archive.truncated", "end blocks"),
        (
            "a member after one end block",
            own().body(&[0; 512]).file("b", b"").end(),
            "archive.trailing_data",
            "goes on",
        ),
        ("data after the end", [own().end(), b"x".to_vec()].concat(), "archive.trailing_data", "follow"),
        ("an archive after the end", [own().end(), start().end()].concat(), "archive.trailing_data", "follow"),
        ("endless zeros", [own().end(), vec![0; 2 << 20]].concat(), "archive.trailing_data", "follow"),
        ("nothing but zeros", vec![0; 2 << 20], "archive.trailing_data", "follow"),
        ("a few bytes", b"name,age\n".to_vec(), "archive.unrecognised", "no archive"),
        ("no tar", b"name,age\n".repeat(100), "archive.unrecognised", "no archive"),
    ]
}

#[test]
fn hostile_archives_are_refused_in_every_container() {
    for (what, bytes, code, reason) in hostile() {
        for (container, archive) in open_all(&bytes) {
            let error = archive.err().unwrap_or_else(|| panic!("{what} was accepted as {container}"));
            assert_eq!(error.code(), code, "{what}, {container}: {error}");
            assert!(error.to_string().contains(reason), "{what}, {container}: {error}");
            assert!(!error.to_string().contains(char::is_control), "{what}: {error:?}");
        }
    }
}

#[test]
fn the_limits_are_reached_and_not_crossed() {
    let fifty = (0..50).fold(Build::default(), |build, n| build.file(&format!("m{n}"), b"")).end();
    assert_eq!(open_file(&fifty, &options()).unwrap().members().len(), 50);
    let padded = [start().end(), vec![0; 10 << 10]].concat();
    assert!(open_all(&padded).into_iter().all(|(_, archive)| archive.is_ok()));
}

/// A PAX size with a header's size of 0: a reader that takes the 0 sees the body's content as members.
#[test]
fn a_pax_size_counts_also_where_the_header_says_zero() {
    let inner = Build::default().file("smuggled", b"x").0;
    let size = inner.len().to_string();
    let bytes = start()
        .pax(&[("size", &size)])
        .raw(b"b", EntryType::Regular, b"", |header| header.set_size(0))
        .body(&inner)
        .file("c", b"last")
        .end();
    for (container, archive) in open_all(&bytes) {
        let archive = archive.unwrap();
        let paths: Vec<&str> = archive.members().iter().map(|member| member.path.as_str()).collect();
        assert_eq!(paths, ["a", "b", "c"], "{container}");
        assert_eq!(content(&archive, "b"), inner);
    }
}

#[test]
fn a_cut_archive_is_told_at_every_block() {
    let bytes = own().pax(&[("path", "long/name")]).file("b", &[7; 1500]).file("c", b"x").end();
    for length in (0..bytes.len()).step_by(512).flat_map(|block| [block, block + 1, block + 511]) {
        let cut = &bytes[..length.min(bytes.len() - 1)];
        for (container, archive) in open_all(cut) {
            let code = archive.map(|_| ()).expect_err(container).code().to_owned();
            assert!(["archive.truncated", "archive.unrecognised"].contains(&&*code), "{container} {length}: {code}");
        }
    }
    for packed in [gzip(&bytes), zstd(&bytes)] {
        for length in 1..packed.len() {
            let error = Archive::from_stream(&packed[..length], &options()).unwrap_err();
            // Two members or frames: cut at the border, the tar inside is what ends early.
            let codes = ["archive.truncated", "archive.corrupt", "archive.unrecognised"];
            assert!(codes.contains(&error.code()), "{length}: {error:?}");
        }
    }
}

/// Other programs write ends as they like, and copies of their archives were cut off or grew.
#[test]
fn ends_of_foreign_archives_are_taken_as_they_are() {
    let foreign = start().file("b", b"second");
    let whole = foreign.clone().end();
    let ends = [
        foreign.clone().0,
        foreign.clone().body(&[0; 512]).0,
        foreign.body(&[0; 512]).file("c", b"hidden").end(),
        [whole.clone(), b"x".to_vec()].concat(),
        [whole.clone(), start().end()].concat(),
        [whole.clone(), vec![0; 2 << 20]].concat(),
    ];
    for (number, bytes) in ends.iter().enumerate() {
        for (container, archive) in open_all(bytes) {
            let archive = archive.unwrap_or_else(|error| panic!("{number}, {container}: {error}"));
            let paths: Vec<&str> = archive.members().iter().map(|member| member.path.as_str()).collect();
            assert_eq!(paths, ["a", "b"], "{number}, {container}");
            assert_eq!(content(&archive, "b"), b"second");
        }
    }
    // What is missing inside is missing all the same.
    let error = open_file(&whole[..1024 + 515], &options()).unwrap_err();
    assert_eq!(error.code(), "archive.truncated");
}

/// Packed again on other systems: below a folder, with the files that macOS adds and the headers that it writes.
#[test]
fn archives_that_were_packed_again_are_read() {
    let bytes = Build::default()
        .raw(b"./dump/", EntryType::Directory, b"", |_| {})
        .pax(&[("LIBARCHIVE.xattr.com.apple.provenance", "AQAA"), ("mtime", "1700000000.5")])
        .file("./dump/._toc.dat", b"\0\x05\x16\x07")
        .pax(&[("SCHILY.xattr.com.apple.quarantine", "0081;66;Safari;"), ("path", "./dump/toc.dat")])
        .file("dump/toc", b"PGDMP")
        .file("./dump/3000.dat.gz", b"x")
        .end();
    for (container, archive) in open_all(&bytes) {
        let archive = archive.unwrap_or_else(|error| panic!("{container}: {error}"));
        let paths: Vec<&str> = archive.members().iter().map(|member| member.path.as_str()).collect();
        assert_eq!(paths, ["dump/._toc.dat", "dump/toc.dat", "dump/3000.dat.gz"], "{container}");
        assert_eq!(content(&archive, "dump/toc.dat"), b"PGDMP");
    }
}

#[test]
fn a_single_file_is_one_member() {
    let script = b"--\n-- PostgreSQL database cluster dump\n--\nCREATE ROLE ann;\n".to_vec();
    let dump = [b"PGDMP".to_vec(), (0..300_000u32).flat_map(u32::to_le_bytes).collect()].concat();
    for bytes in [script, dump, b"PGDMP".to_vec()] {
        for (container, archive) in open_all(&bytes) {
            let archive = archive.unwrap_or_else(|error| panic!("{container}: {error}"));
            let members: Vec<_> = archive.members().iter().map(|member| (member.path.as_str(), member.size)).collect();
            assert_eq!(members, [(SINGLE, bytes.len() as u64)], "{container}");
            assert!(content(&archive, SINGLE) == bytes, "{container}");
            let member = archive.member(SINGLE).unwrap();
            for (offset, length) in [(0, 3), (2, 1 << 20), (bytes.len() as u64, 1), (u64::MAX, u64::MAX)] {
                let mut part = Vec::new();
                archive.section(member, offset, length).unwrap().read_to_end(&mut part).unwrap();
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let to = from.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(bytes.len());
                assert!(part == bytes[from..to], "{container} {offset}");
            }
        }
    }
    let stream = Archive::from_stream(&b"PGDMP..."[..], &options()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("kept");
    stream.keep_spool(&place).unwrap();
    assert_eq!(content(&Archive::open(&Location::Path(place), &options()).unwrap(), SINGLE), b"PGDMP...");
}

#[test]
fn a_single_file_has_limits_too() {
    let dump = [b"PGDMP".to_vec(), vec![0; 5 << 20]].concat();
    for (container, archive) in open_all(&dump) {
        assert_eq!(archive.unwrap_err().code(), "archive.limit", "{container}");
    }
    let tight = Limits { ratio: 100, ..Limits::default() };
    let tight = OpenOptions { limits: tight, ..OpenOptions::default() };
    assert_eq!(Archive::from_stream(&zstd(&dump)[..], &tight).unwrap_err().code(), "archive.limit");
    let spool = Limits { spool_bytes: 1000, ..Limits::default() };
    let spool = OpenOptions { limits: spool, ..OpenOptions::default() };
    assert_eq!(Archive::from_stream(&dump[..], &spool).unwrap_err().code(), "archive.limit");
    for packed in [gzip(&dump[..5000]), zstd(&dump[..5000])] {
        let error = Archive::from_stream(&packed[..packed.len() - 1], &options()).unwrap_err();
        assert_eq!(error.code(), "archive.truncated");
    }
}

/// What servers and their tools wrote, where it is at hand.
#[test]
fn archives_of_pg_dump_are_opened() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let places = ["../shared/data/pg/archives", "../../shared/data/pg/archives"];
    let Some(archives) = places.iter().map(|place| root.join(place)).find(|place| place.is_dir()) else { return };
    let mut opened = 0;
    let folders = fs::read_dir(&archives).unwrap().map(|entry| entry.unwrap().path());
    let inside = folders.filter(|path| path.is_dir()).flat_map(|path| fs::read_dir(path).unwrap());
    for place in inside.map(|entry| entry.unwrap().path()) {
        let archive = Archive::open(&Location::Path(place.clone()), &OpenOptions::default())
            .unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        let name = place.file_name().unwrap().to_str().unwrap();
        let expected = if name.ends_with(".dump") || name.ends_with(".sql") { SINGLE } else { "toc.dat" };
        assert!(archive.member(expected).is_some(), "{name}: {:?}", archive.members());
        opened += 1;
    }
    assert!(opened > 0);
}

#[test]
fn flipped_bits_never_panic() {
    let tar = start().pax(&[("path", "long/name")]).file("b", &[7; 100]).end();
    for bytes in [tar.clone(), gzip(&tar), zstd(&tar)] {
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = Archive::from_stream(&bytes[..], &options());
        }
    }
}

#[test]
fn bytes_behind_a_compressed_stream_are_refused() {
    let tar = own().end();
    for packed in [gzip(&tar), zstd(&tar)] {
        for tail in [&b"x"[..], b"more than a few bytes of something else"] {
            let error = Archive::from_stream(&[&packed, tail].concat()[..], &options()).unwrap_err();
            assert!(["archive.corrupt", "archive.truncated"].contains(&error.code()), "{error:?}");
        }
    }
    let hidden = [gzip(&tar), gzip(b"hidden")].concat();
    assert_eq!(Archive::from_stream(&hidden[..], &options()).unwrap_err().code(), "archive.trailing_data");
}

/// As a bomb does: a body of zeros, as long as it is let.
#[test]
fn bombs_are_stopped_by_ratio_by_size_and_by_disk() {
    let header = Build::default().raw(b"b", EntryType::Regular, b"", |header| header.set_size(1 << 30)).0;
    let bomb = |pack: fn(&[u8]) -> Vec<u8>| pack(&[header.clone(), vec![0; 3 << 20]].concat());
    let roomy = Limits { container_bytes: 1 << 40, ..Limits::default() };
    let cases = [
        (Limits { ratio: 100, ..roomy.clone() }, "grows more than 100 times"),
        (Limits { container_bytes: 1 << 20, ..roomy.clone() }, "may have 1048576"),
        (Limits { spool_bytes: 2 << 20, ratio: u64::MAX, ..roomy }, "2097152 bytes of disk"),
    ];
    for (limits, reason) in cases {
        for packed in [bomb(gzip), bomb(zstd)] {
            let options = OpenOptions { limits: limits.clone(), ..OpenOptions::default() };
            let error = Archive::from_stream(&packed[..], &options).unwrap_err();
            assert_eq!(error.code(), "archive.limit");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}

#[test]
fn a_large_zstd_window_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    std::io::Write::write_all(&mut encoder, &start().end()).unwrap();
    let packed = encoder.finish().unwrap();
    let error = Archive::from_stream(&packed[..], &options()).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("window")), ("archive.limit", true), "{error}");
    let allowed = OpenOptions { limits: Limits { window_log: 27, ..limits() }, ..OpenOptions::default() };
    assert!(Archive::from_stream(&packed[..], &allowed).is_ok());
}

#[test]
fn a_stream_that_fails_or_is_stopped_says_so() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the pipe broke"))
        }
    }
    let error = Archive::from_stream(start().0.chain(Broken), &options()).unwrap_err();
    assert_eq!(error.code(), "archive.io");
    assert!(error.to_string().contains("the pipe broke"));
    let stopped = options();
    stopped.cancel.cancel();
    assert_eq!(Archive::from_stream(&start().end()[..], &stopped).unwrap_err().code(), "restore.cancelled");
    let nowhere = OpenOptions { spool: Some("/no/such/folder".into()), ..options() };
    assert_eq!(Archive::from_stream(&start().end()[..], &nowhere).unwrap_err().code(), "host.io");
}

#[test]
fn a_stream_can_be_kept_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("kept.tar");
    let spooled = OpenOptions { spool: Some(folder.path().into()), ..options() };
    let archive = Archive::from_stream(&gzip(&start().end())[..], &spooled).unwrap();
    assert_eq!((archive.location().as_str(), archive.is_stream()), ("-", true));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "a spool has no name");
    archive.keep_spool(&place).unwrap();
    assert_eq!((archive.location(), archive.is_stream()), (place.display().to_string(), false));
    // Again, over what is there: copied instead of linked.
    archive.keep_spool(&place).unwrap();
    assert_eq!(content(&archive, "a"), b"first");
    drop(archive);
    let again = Archive::open(&Location::Path(place), &options()).unwrap();
    assert_eq!(content(&again, "a"), b"first");
    again.keep_spool(Path::new("/no/such/folder/x")).expect("a file needs no keeping");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn places_without_an_archive_say_so() {
    let open = |place: &str| Archive::open(&place.into(), &options()).unwrap_err().code().to_owned();
    assert_eq!(open("/no/such/archive"), "archive.not_found");
    assert_eq!(open("/dev/null"), "archive.truncated");
    assert_eq!(open("/dev/zero"), "archive.trailing_data");
}

#[test]
fn a_pipe_with_a_name_is_a_stream() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, gzip(&start().end())).unwrap());
        let archive = Archive::open(&Location::Path(pipe.clone()), &options()).unwrap();
        assert!(archive.is_stream());
        assert_eq!(content(&archive, "a"), b"first");
    });
}

#[test]
fn a_file_that_is_cut_while_it_is_open_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.tar");
    fs::write(&path, start().file("b", &[1; 5000]).end()).unwrap();
    let archive = Archive::open(&Location::Path(path.clone()), &options()).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(2000).unwrap();
    let mut bytes = Vec::new();
    let error = archive.read(archive.member("b").unwrap()).unwrap().read_to_end(&mut bytes).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

mod folders {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("data/1")).unwrap();
        fs::write(folder.path().join("manifest.json"), "{}").unwrap();
        fs::write(folder.path().join("data/1/b"), "second").unwrap();
        folder
    }

    fn open(folder: &tempfile::TempDir) -> Result<Archive> {
        Archive::open(&Location::Path(folder.path().into()), &options())
    }

    #[test]
    fn its_files_are_the_members() {
        let folder = folder();
        let archive = open(&folder).unwrap();
        let paths: Vec<&str> = archive.members().iter().map(|member| member.path.as_str()).collect();
        assert_eq!(paths, ["data/1/b", "manifest.json"]);
        assert_eq!(content(&archive, "data/1/b"), b"second");
    }

    #[test]
    fn a_folder_without_a_manifest_is_not_searched() {
        let folder = folder();
        fs::remove_file(folder.path().join("manifest.json")).unwrap();
        symlink("/etc", folder.path().join("data/link")).unwrap();
        assert!(open(&folder).unwrap().members().is_empty());
    }

    #[test]
    fn a_folder_of_pg_dump_is_an_archive() {
        let folder = folder();
        fs::rename(folder.path().join("manifest.json"), folder.path().join("toc.dat")).unwrap();
        let archive = open(&folder).unwrap();
        assert_eq!(archive.members().len(), 2);
        assert_eq!(content(&archive, "toc.dat"), b"{}");
        symlink("/etc/passwd", folder.path().join("3000.dat")).unwrap();
        assert_eq!(open(&folder).unwrap_err().code(), "archive.bad_entry");
        fs::remove_file(folder.path().join("3000.dat")).unwrap();
        fs::remove_file(folder.path().join("toc.dat")).unwrap();
        // A link in its place is found, and refused.
        symlink("data/1/b", folder.path().join("toc.dat")).unwrap();
        assert_eq!(open(&folder).unwrap_err().code(), "archive.bad_entry");
    }

    #[test]
    fn links_and_strange_files_are_refused() {
        let cases: [(fn(&Path), &str); 6] = [
            (|at| symlink("/etc/passwd", at.join("data/x")).unwrap(), "`data/x` is refused: it is a symbolic link"),
            (|at| symlink("/etc", at.join("data/x")).unwrap(), "symbolic link"),
            (|at| symlink("1/b", at.join("data/x")).unwrap(), "symbolic link"),
            (|at| drop(std::os::unix::net::UnixListener::bind(at.join("data/x")).unwrap()), "neither a regular file"),
            (|at| fs::write(at.join("data/a\\b"), "").unwrap(), "backslash"),
            (|at| fs::write(at.join("DATA"), "").unwrap(), "folder"),
        ];
        for (change, reason) in cases {
            let folder = folder();
            change(folder.path());
            let error = open(&folder).unwrap_err();
            assert_eq!(error.code(), "archive.bad_entry");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn what_is_put_in_place_of_a_file_later_is_not_read() {
        let cases: [fn(&Path); 4] = [
            |at| {
                fs::remove_file(at.join("data/1/b")).unwrap();
                symlink("/etc/passwd", at.join("data/1/b")).unwrap();
            },
            |at| {
                fs::rename(at.join("data/1"), at.join("data/2")).unwrap();
                symlink("2", at.join("data/1")).unwrap();
            },
            |at| fs::write(at.join("data/1/b"), "longer than before").unwrap(),
            |at| fs::remove_file(at.join("data/1/b")).unwrap(),
        ];
        for change in cases {
            let folder = folder();
            let archive = open(&folder).unwrap();
            change(folder.path());
            let error = archive.read(archive.member("data/1/b").unwrap()).map(|_| ()).unwrap_err();
            assert_eq!(error.code(), "archive.io");
        }
    }

    #[test]
    fn too_many_files_are_refused() {
        let folder = folder();
        (0..60).for_each(|n| fs::write(folder.path().join(format!("data/{n:03}")), "").unwrap());
        assert_eq!(open(&folder).unwrap_err().code(), "archive.limit");
    }
}
