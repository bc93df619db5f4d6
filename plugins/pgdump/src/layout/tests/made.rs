//! Archives that no server at hand writes: old versions, other encodings, odd and damaged ones.

use super::make::{Form, Line, archive};
use super::*;

const FORM: Form = Form { version: (1, 14), custom: true };
const UTF8: Line<'_> = Line {
    id: 1,
    desc: "ENCODING",
    schema: None,
    tag: b"ENCODING",
    section: 2,
    definition: b"SET client_encoding = 'UTF8';",
    copy: "",
    depends: &[],
    rows: None,
    large: &[],
    file: "",
};

fn table<'a>(id: i32, name: &'a str) -> Line<'a> {
    Line {
        id,
        desc: "TABLE",
        schema: Some("s"),
        tag: name.as_bytes(),
        section: 2,
        definition: b"CREATE TABLE",
        ..Line::default()
    }
}

fn rows<'a>(id: i32, name: &'a str, depends: &'a [i32], rows: &'a [&'a [u8]]) -> Line<'a> {
    Line {
        id,
        desc: "TABLE DATA",
        schema: Some("s"),
        tag: name.as_bytes(),
        section: 3,
        copy: "COPY s.t (a) FROM stdin;\n",
        depends,
        rows: Some(rows),
        ..Line::default()
    }
}

fn single(bytes: Vec<u8>) -> MemoryArchive {
    MemoryArchive(vec![("x.dump".to_owned(), bytes)])
}

fn small() -> Vec<Line<'static>> {
    vec![
        UTF8,
        table(10, "t"),
        Line {
            id: 11,
            desc: "BLOB",
            tag: b"3000000000",
            section: 2,
            definition: b"SELECT lo_create",
            ..Line::default()
        },
        rows(20, "t", &[10, 99], &[b"1\n", b"\\.\n\n\n"]),
        Line {
            id: 21,
            desc: "BLOBS",
            tag: b"BLOBS",
            section: 3,
            large: &[(3_000_000_000, b"abc"), (7, b"")],
            ..Line::default()
        },
        Line {
            id: 30,
            desc: "INDEX",
            schema: Some("s"),
            tag: b"i",
            section: 4,
            definition: b"CREATE INDEX i ON s.t (a);",
            depends: &[10],
            ..Line::default()
        },
    ]
}

#[test]
fn every_version_is_read() {
    for minor in 12..=16 {
        let archive = single(archive(Form { version: (1, minor), custom: true }, &small()));
        let items = items(&archive);
        let names: Vec<_> = items.iter().map(|item| item.name.to_string()).collect();
        assert_eq!(names, ["table s.t", "large_object 3000000000", "large_object BLOBS", "index s.i"]);
        assert_eq!(bytes(&archive, &items[0].payloads[0]), b"1\n\\.\n\n\n");
        assert_eq!(items[0].payloads[0].path, "x.dump#20");
        assert_eq!(bytes(&archive, &items[1].payloads[0]), b"abc");
        assert_eq!(items[1].payloads[0].path, "x.dump#21/3000000000");
        assert_eq!(bytes(&archive, &items[2].payloads[0]), b"");
        assert_eq!(items[3].depends, [items[0].name.clone()]);
        // Without an entry for the search path, each object has its schema's.
        assert_eq!(attributes(&items[0]).search_path.as_deref(), Some("\"s\", pg_catalog"));
    }
}

#[test]
fn what_comes_behind_the_data_is_not_looked_at() {
    let mut whole = archive(FORM, &small());
    whole.extend(b"PGDMP and anything \xff");
    assert_eq!(items(&single(whole)).len(), 4);
}

#[test]
fn text_in_another_encoding_becomes_utf8() {
    let mut lines = small();
    lines[0].definition = b"SET client_encoding = 'LATIN1';";
    lines[1].tag = b"caf\xe9";
    lines[3].tag = b"caf\xe9";
    let found = items(&single(archive(FORM, &lines)));
    assert_eq!((found[0].name.name.as_str(), found[0].payloads.len()), ("café", 1));
    assert_eq!(attributes(&found[0]).encoding, "LATIN1");
    lines[0].definition = b"SET client_encoding = 'EUC_JP';";
    let failure = PgDump::open(&single(archive(FORM, &lines))).unwrap_err();
    assert_eq!(failure.code, "pgdump.unsupported");
    assert!(failure.message.contains("--encoding=UTF8"), "{failure:?}");
}

#[test]
fn rows_that_go_through_a_root_wait_for_its_partitions() {
    let through = |id, name, depends, data| Line {
        definition: b"-- load via partition root s.root\n",
        ..rows(id, name, depends, data)
    };
    let attach = |id, name: &'static str, definition: &'static str, depends| Line {
        id,
        desc: "TABLE ATTACH",
        schema: Some("s"),
        tag: name.as_bytes(),
        section: 2,
        definition: definition.as_bytes(),
        depends,
        ..Line::default()
    };
    let lines = [
        UTF8,
        table(10, "root"),
        table(11, "p1"),
        table(12, "p2"),
        attach(13, "p1", "ALTER TABLE ONLY s.root ATTACH PARTITION s.p1 DEFAULT;", &[10, 11]),
        attach(14, "p2", "ALTER TABLE ONLY s.p1 ATTACH PARTITION s.p2 DEFAULT;", &[11, 12]),
        through(20, "p1", &[11], &[b"1\n\\.\n\n\n"]),
        through(21, "p2", &[12], &[b"2\n\\.\n\n\n"]),
    ];
    let found = items(&single(archive(FORM, &lines)));
    let rows = found.iter().find(|item| item.name.kind == "table_rows").unwrap();
    assert_eq!((rows.name.to_string().as_str(), rows.payloads.len()), ("table_rows s.root", 2));
    let needs: Vec<_> = rows.depends.iter().map(ToString::to_string).collect();
    assert_eq!(needs, ["table s.root", "table s.p1", "table s.p2", "table_attach s.p1", "table_attach s.p2"]);
    let attributes = attributes(rows);
    assert!(attributes.via_root && attributes.copy.is_none() && attributes.copies.len() == 2);
    assert_eq!(attributes.of.unwrap().to_string(), "table s.root");
    check_links(&found);
}

#[test]
fn names_are_given_once() {
    let long = "é".repeat(5_000);
    let lines =
        [UTF8, table(10, "t"), table(11, "t"), table(12, "t #13"), table(13, "t"), table(14, ""), table(15, &long)];
    let found = items(&single(archive(FORM, &lines)));
    let names: Vec<_> = found.iter().map(|item| item.name.name.as_str()).collect();
    assert_eq!(names[..5], ["t", "t #11", "t #13", "t #13 #13", "#14"][..]);
    assert!(names[5].len() < 8_100 && names[5].ends_with(" #15"));
}

#[test]
fn files_that_are_missing_are_named() {
    let form = Form { version: (1, 16), custom: false };
    let line = Line { rows: None, file: "20.dat", ..rows(20, "t", &[], &[]) };
    let toc = archive(form, &[UTF8, line]);
    let open = |members: &[(&str, &[u8])]| {
        let members = members.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        let archive = MemoryArchive(members);
        PgDump::open(&archive).map(|_| items(&archive))
    };
    let failure = open(&[("d/toc.dat", &toc), ("20.dat", b"")]).unwrap_err();
    assert_eq!(failure.code, "pgdump.data_missing");
    assert!(failure.message.contains("TABLE DATA s.t") && failure.message.contains("20.dat"), "{failure:?}");
    let twice = archive(form, &[UTF8, line, Line { id: 21, tag: b"u", ..line }]);
    assert_eq!(open(&[("toc.dat", &twice), ("20.dat", b"")]).unwrap_err().code, "pgdump.damaged");
    for (name, bytes, compression) in [
        ("d/20.dat", &b"x"[..], Compression::None),
        ("d/20.dat.gz", b"x", Compression::Gzip),
        ("d/20.dat.lz4", b"x", Compression::Lz4),
        ("d/20.dat.zst", b"x", Compression::Zstd),
        ("d/20.dat.zst", b"", Compression::None),
    ] {
        let items = open(&[(name, bytes), ("d/toc.dat", &toc), ("d/._20.dat", b"")]).unwrap();
        assert_eq!((items[0].payloads[0].compression, items[0].payloads[0].member.as_str()), (compression, name));
    }
}

#[test]
fn damage_is_told() {
    let good = archive(FORM, &small());
    let code = |bytes: Vec<u8>| PgDump::open(&single(bytes)).unwrap_err().code;
    assert_eq!(code(good[..good.len() - 3].to_vec()), "pgdump.damaged");
    let mut lines = small();
    lines[1].id = 20;
    assert_eq!(code(archive(FORM, &lines)), "pgdump.damaged");
    let mut lines = small();
    lines[1].tag = b"a\0b";
    assert_eq!(code(archive(FORM, &lines)), "pgdump.damaged");
    let mut lines = small();
    lines[4].large = &[(7, b""), (7, b"")];
    assert_eq!(code(archive(FORM, &lines)), "pgdump.damaged");
    let mut count = good.clone();
    // The number of entries comes behind the header.
    let at = good.windows(8).position(|window| window == b"ENCODING").unwrap() - 32;
    assert_eq!(count[at..at + 5], [0, 6, 0, 0, 0]);
    count[at + 1..at + 5].fill(0xff);
    assert_eq!(code(count), "pgdump.damaged");
    let mut other = good;
    other[6] = 17;
    assert_eq!(code(other), "pgdump.unsupported");
}

#[test]
fn an_entry_that_needs_itself_needs_nothing() {
    let lines = [UTF8, Line { depends: &[10, 11], ..table(10, "a") }, Line { depends: &[10], ..table(11, "b") }];
    let found = items(&single(archive(FORM, &lines)));
    assert_eq!(found[0].depends, [found[1].name.clone()]);
    assert_eq!(found[1].depends, [found[0].name.clone()]);
}

/// Every byte changed in turn, and the file cut off everywhere: a failure or other objects, but never a panic.
#[test]
fn no_damage_is_too_much() {
    let good = archive(Form { version: (1, 16), custom: true }, &small());
    for at in 0..good.len() {
        try_all(good[..at].to_vec());
        for change in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= change;
            try_all(bad);
        }
    }
}

fn try_all(bytes: Vec<u8>) {
    let archive = single(bytes);
    let _ = PgDump::recognise(&archive);
    if let Ok((mut dump, _)) = PgDump::open(&archive) {
        while dump.objects(&archive).is_ok_and(|page| !page.is_empty()) {}
    }
}
