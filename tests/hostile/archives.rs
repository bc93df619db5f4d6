//! Containers that break the reader's rules.

use tar::EntryType;

use super::craft::{Build, Parts, gzip, wide, zstd};
use super::scene::{Expected, Scene};
use super::support::logical_content;

struct Case<'a> {
    what: &'static str,
    bytes: Vec<u8>,
    code: &'static str,
    /// Part of the entry's name.
    entry: &'a str,
}

fn case<'a>(what: &'static str, bytes: Vec<u8>, code: &'static str, entry: &'a str) -> Case<'a> {
    Case { what, bytes, code, entry }
}

const ENTRY: &str = "archive.bad_entry";

/// Each is a good archive to which something was added.
fn names(start: &Parts) -> Vec<Case<'_>> {
    let named = |name: &[u8]| start.open_end().raw(name, EntryType::Regular, b"x", |_| {}).end();
    let long = |name: &[u8]| start.open_end().raw(b"@long", EntryType::GNULongName, name, |_| {}).file("b", b"x").end();
    let file = |name: &str| start.open_end().file(name, b"x");
    let first = start.members[0].0.as_str();
    vec![
        case("dot dot", named(b"../b"), ENTRY, "../b"),
        case("dot dot inside", named(b"a/../../b"), ENTRY, "a/../../b"),
        case("absolute", named(b"/etc/passwd"), ENTRY, "/etc/passwd"),
        case("drive", named(b"C:/x"), ENTRY, "C:/x"),
        case("backslash", named(b"..\\b"), ENTRY, "b"),
        case("NUL", named(b"b\0c"), ENTRY, "b"),
        case("terminal escape", named(b"b\x1b[2Jc"), ENTRY, "b\\u{1b}[2Jc"),
        case("not UTF-8", named(b"b\xff"), ENTRY, "b"),
        case("4 kB", long(&b"b/".repeat(2048)), ENTRY, "b/b/b"),
        case("long name out", long(b"/etc/passwd\0"), ENTRY, "/etc/passwd"),
        case("again", file(first).end(), ENTRY, first),
        case("the manifest again", file("manifest.json").end(), ENTRY, "manifest.json"),
        case("case twin", file("Manifest.json").end(), ENTRY, "Manifest.json"),
        case("composed twins", file("\u{e9}").file("e\u{301}", b"").end(), ENTRY, "e"),
        case("not in the manifest", file("data/extra").end(), ENTRY, "data/extra"),
    ]
}

fn types(start: &Parts) -> Vec<Case<'_>> {
    let typed = |sort| {
        let link = |header: &mut tar::Header| header.set_link_name("/etc/passwd").expect("it fits");
        start.open_end().raw(b"b", sort, b"", link).end()
    };
    let device =
        |sort| start.open_end().raw(b"b", sort, b"", |header| header.set_device_major(1).expect("ustar")).end();
    vec![
        case("hard link", typed(EntryType::Link), ENTRY, "b"),
        case("symbolic link", typed(EntryType::Symlink), ENTRY, "b"),
        case("character device", device(EntryType::Char), ENTRY, "b"),
        case("block device", device(EntryType::Block), ENTRY, "b"),
        case("FIFO", typed(EntryType::Fifo), ENTRY, "b"),
        case("sparse", typed(EntryType::GNUSparse), ENTRY, "b"),
        case("long link", typed(EntryType::GNULongLink), ENTRY, "b"),
        case("unknown type", typed(EntryType::new(b'!')), ENTRY, "b"),
        case("global PAX header", typed(EntryType::XGlobalHeader), ENTRY, "b"),
        case("folder out", start.open_end().raw(b"../d/", EntryType::Directory, b"", |_| {}).end(), ENTRY, "../d"),
    ]
}

fn pax(start: &Parts) -> Vec<Case<'_>> {
    let pax = |records: &[(&str, &str)]| start.open_end().pax(records).file("b", b"x").end();
    let raw = |body: &[u8]| start.open_end().raw(b"x", EntryType::XHeader, body, |_| {}).file("b", b"x").end();
    vec![
        case("name out", pax(&[("path", "../b")]), ENTRY, "../b"),
        case("name with NUL", pax(&[("path", "b\0c")]), ENTRY, "b"),
        case("key twice", pax(&[("path", "b"), ("path", "c")]), ENTRY, "x"),
        case("link", pax(&[("linkpath", "/etc/passwd")]), ENTRY, "x"),
        case("sparse", pax(&[("GNU.sparse.major", "1")]), ENTRY, "x"),
        case("nonsense", raw(b"nonsense"), ENTRY, "x"),
        case("too long a record", raw(b"99 path=b\n"), ENTRY, "x"),
        case("16 EiB", pax(&[("size", "18446744073709551615")]), "archive.limit", "b"),
        case("header and then the end", start.open_end().pax(&[("path", "b")]).end(), ENTRY, ""),
    ]
}

fn sizes(start: &Parts) -> Vec<Case<'_>> {
    let sized = |size: &[u8; 12]| {
        start.open_end().raw(b"b", EntryType::Regular, b"x", |header| header.as_old_mut().size = *size).end()
    };
    let summed = start.open_end().unsummed(b"b", EntryType::Regular, b"", |header| {
        header.set_cksum();
        header.as_old_mut().name[0] = b'c';
    });
    let whole = start.made();
    let zeros = start.open_end().file("b", &vec![0; 64 << 20]).end();
    vec![
        case("header's checksum", summed.end(), ENTRY, "c"),
        case("negative", sized(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), ENTRY, "b"),
        case("8 EiB", sized(b"\x80\0\0\0\x80\0\0\0\0\0\0\0"), "archive.limit", "b"),
        case("body cut short", sized(b"00000100000\0"), "archive.truncated", "b"),
        case("cut anywhere", whole[..whole.len() / 2].to_vec(), "archive.truncated", ""),
        case("no end blocks", start.open_end().0, "archive.truncated", ""),
        case("one end block", start.open_end().body(&[0; 512]).0, "archive.truncated", ""),
        case("nothing", Vec::new(), "archive.truncated", ""),
        case("data after the end", [&whole[..], b"x"].concat(), "archive.trailing_data", ""),
        case("an archive after the end", [&whole[..], &whole[..]].concat(), "archive.trailing_data", ""),
        case("no archive", b"name,age\n".repeat(1000), "archive.unrecognised", ""),
        case("a bomb", ::zstd::bulk::compress(&zeros, 3).expect("compressed"), "archive.limit", ""),
    ]
}

fn compressed(start: &Parts) -> Vec<Case<'_>> {
    let whole = start.made();
    let (gz, zst) = (gzip(&whole), zstd(&whole));
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        bytes
    };
    vec![
        case("gzip cut", gz[..gz.len() - 9].to_vec(), "archive.truncated", ""),
        case("zstd cut", zst[..zst.len() - 9].to_vec(), "archive.truncated", ""),
        case("zstd flipped", flipped(&zst), "archive.corrupt", ""),
        case("zstd window", wide(&whole), "archive.limit", ""),
        case("gzip with junk behind it", [&gz[..], &b"junk".repeat(20)].concat(), "archive.corrupt", ""),
    ]
}

#[test]
fn broken_containers_are_refused_and_nothing_is_written() {
    let scene = Scene::new();
    let start = Parts::of(&scene.honest());
    for group in [names, types, pax, sizes, compressed] {
        for Case { what, bytes, code, entry } in group(&start) {
            let archive = scene.archive(&bytes);
            scene.fails(&archive, &[], Expected::refused(what, code).entry(entry));
        }
    }
}

#[test]
fn broken_containers_are_refused_on_standard_input() {
    let scene = Scene::new();
    let start = Parts::of(&scene.honest());
    for Case { what, bytes, code, .. } in types(&start).into_iter().chain(sizes(&start)) {
        let before = scene.content();
        let archive = scene.archive(&bytes);
        let line = format!("reinstate --json restore - --restore-policy replace --into {} < {archive}", scene.into);
        let outcome = scene.sandbox.shell(&line);
        assert_eq!((outcome.status, outcome.code().as_str()), (Some(3), code), "{what}: {outcome:#?}");
        assert_eq!(scene.content(), before, "{what}");
    }
    assert!(!scene.sandbox.path("state").exists(), "nothing is kept of what was refused");
}

#[test]
fn a_stream_is_spooled_within_its_limit() {
    let scene = Scene::new();
    let archive = scene.archive(&scene.honest());
    let before = scene.content();
    let line = format!("reinstate --json restore - --max-spool 4096 --into {} < {archive}", scene.into);
    let outcome = scene.sandbox.shell(&line).expect(3);
    assert_eq!(outcome.code(), "archive.limit");
    assert_eq!(scene.content(), before);
}

#[test]
fn links_in_an_unpacked_archive_are_refused() {
    let scene = Scene::new();
    let folder = scene.sandbox.path("unpacked");
    tar::Archive::new(&scene.honest()[..]).unpack(&folder).expect("unpacked");
    let place = scene.sandbox.text("unpacked");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("data/link")).expect("a link");
    scene.fails(&place, &[], Expected::refused("symbolic link", ENTRY).entry("data/link"));
    std::fs::remove_file(folder.join("data/link")).expect("removed");
    scene.restore(&place, &[]).expect(0);
}

/// Unusual, and right: readers that get these wrong are how hostile archives get in.
#[test]
fn what_is_only_unusual_is_restored() {
    let scene = Scene::new();
    let honest = scene.honest();
    let parts = Parts::of(&honest);
    let plain = scene.sandbox.target("plain.sqlite");
    let archive = scene.archive(&honest);
    scene.sandbox.json(&["restore", &archive, "--into", &plain]).expect(0);
    let expected = logical_content(&scene.sandbox.path("plain.sqlite"));

    let cases = [
        ("gzip of several members", gzip(&honest)),
        ("zstd of several frames", zstd(&honest)),
        ("sizes in PAX headers only", sizes_in_pax(&parts)),
        ("blocks of zeros behind it", [&honest[..], &[0; 10240]].concat()),
    ];
    for (what, bytes) in cases {
        let archive = scene.archive(&bytes);
        let name = format!("{what}.sqlite");
        scene.sandbox.json(&["restore", &archive, "--into", &scene.sandbox.target(&name)]).expect(0);
        assert_eq!(logical_content(&scene.sandbox.path(&name)), expected, "{what}");
    }
}

/// Headers that say 0 where the PAX header before them says the size: those who believe the header see the body as members.
fn sizes_in_pax(parts: &Parts) -> Vec<u8> {
    let end = parts.open_end().end();
    let mut build = Build::default();
    for member in tar::Archive::new(&end[..]).entries().expect("a tar file") {
        let mut member = member.expect("a member");
        let path = member.path().expect("a path").to_str().expect("UTF-8").to_owned();
        let mut body = Vec::new();
        std::io::Read::read_to_end(&mut member, &mut body).expect("a body");
        let length = body.len().to_string();
        build = build
            .pax(&[("size", &length)])
            .raw(path.as_bytes(), EntryType::Regular, &body, |header| header.set_size(0));
    }
    build.end()
}
