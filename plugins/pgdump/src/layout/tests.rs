//! Real archives, read as the host would read them, against what other readers found in them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

use reinstate_plugin::{Compression, Extent, MemoryArchive, Payload};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::attributes::{Attributes, RoleAttributes};

mod make;
mod made;

/// Archives that come with the sources.
pub(crate) fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/pg")
}

/// All archives, where they are at hand.
pub(crate) fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    ["../shared/data/pg", "../../shared/data/pg"].into_iter().map(|path| root.join(path)).find(|path| path.exists())
}

pub(crate) fn load(path: &Path) -> MemoryArchive {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    if path.is_dir() {
        let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let named = |file: PathBuf| {
            (format!("{name}/{}", file.file_name().unwrap().to_str().unwrap()), std::fs::read(file).unwrap())
        };
        return MemoryArchive(files.into_iter().map(named).collect());
    }
    let bytes = std::fs::read(path).unwrap();
    if bytes.get(257..262) != Some(b"ustar") {
        return MemoryArchive(vec![(name, bytes)]);
    }
    let mut tar = tar::Archive::new(&bytes[..]);
    let members = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
    });
    MemoryArchive(members.collect())
}

fn open(archive: &MemoryArchive) -> (PgDump, Backup) {
    assert!(PgDump::recognise(archive).is_some());
    PgDump::open(archive).unwrap()
}

pub(crate) fn items(archive: &MemoryArchive) -> Vec<Item> {
    let (mut dump, _) = open(archive);
    let mut all = Vec::new();
    loop {
        let page = dump.objects(archive).unwrap();
        if page.is_empty() {
            return all;
        }
        assert!(page.len() <= PAGE_ITEMS);
        all.extend(page);
    }
}

fn attributes(item: &Item) -> Attributes {
    serde_json::from_str(&item.attributes).unwrap()
}

/// A payload's bytes, as the host would give them to the handler.
pub(crate) fn bytes(archive: &MemoryArchive, payload: &Payload) -> Vec<u8> {
    let (_, member) = archive.0.iter().find(|(path, _)| *path == payload.member).unwrap();
    let stored = match payload.extent {
        Extent::Whole => member.clone(),
        Extent::Span((offset, length)) => member[offset as usize..][..length as usize].to_vec(),
        Extent::Blocks((offset, width)) => blocks(&member[offset as usize..], usize::from(width)),
    };
    let mut out = Vec::new();
    match payload.compression {
        Compression::None => out = stored,
        Compression::Gzip => drop(flate2::read::MultiGzDecoder::new(&stored[..]).read_to_end(&mut out).unwrap()),
        Compression::Zlib => drop(flate2::read::ZlibDecoder::new(&stored[..]).read_to_end(&mut out).unwrap()),
        Compression::Lz4 => drop(lz4_flex::frame::FrameDecoder::new(&stored[..]).read_to_end(&mut out).unwrap()),
        Compression::Zstd => drop(zstd::Decoder::new(&stored[..]).unwrap().read_to_end(&mut out).unwrap()),
    }
    if let Some(stated) = payload.bytes {
        assert_eq!(stated, out.len() as u64, "{}", payload.path);
    }
    out
}

fn blocks(mut bytes: &[u8], width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let mut length = [0; 8];
        length[..width].copy_from_slice(&bytes[1..=width]);
        let length = u64::from_le_bytes(length) as usize;
        if length == 0 {
            return out;
        }
        out.extend(&bytes[1 + width..][..length]);
        bytes = &bytes[1 + width + length..];
    }
}

/// Length and digest.
fn measure(bytes: &[u8]) -> Value {
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    serde_json::json!({ "bytes": bytes.len(), "sha256": sha256 })
}

/// Everything that was found in the archive at `path`: header, entries, bytes.
fn check_golden(path: &Path, golden: &Value) {
    let archive = load(path);
    let (dump, backup) = open(&archive);
    let Contents::Archive(archived) = &dump.objects else { panic!("{path:?} is no archive") };
    assert_eq!(archived.toc.entries.len() as u64, golden["entries"].as_u64().unwrap(), "{path:?}");
    check_header(path, &archive, &backup, &golden["header"]);
    let (mut members, mut large) = (BTreeMap::new(), BTreeMap::new());
    let mut paths = BTreeSet::new();
    for item in items(&archive) {
        let attributes = attributes(&item);
        for (at, payload) in item.payloads.iter().enumerate() {
            assert!(paths.insert(payload.path.clone()), "{}", payload.path);
            let measured = measure(&bytes(&archive, payload));
            if item.name.kind == "large_object" {
                large.insert(attributes.large_objects[at].oid.to_string(), measured);
            } else {
                members.insert(format!("{}.{}", item.name.schema.as_deref().unwrap(), item.name.name), measured);
            }
        }
    }
    let unnumbered = |(name, value): (&String, &Value)| (name.split_once(' ').unwrap().1.to_owned(), value.clone());
    let expected: BTreeMap<_, _> = golden["members"].as_object().unwrap().iter().map(unnumbered).collect();
    assert_eq!(members, expected, "{path:?}");
    let expected: BTreeMap<_, _> = golden["large_objects"].as_object().unwrap().clone().into_iter().collect();
    assert_eq!(large, expected, "{path:?}");
}

fn check_header(path: &Path, archive: &MemoryArchive, backup: &Backup, golden: &Value) {
    assert_eq!(backup.name, golden["dbname"].as_str().unwrap(), "{path:?}");
    let server = golden["server"].as_str().unwrap().split(' ').next().unwrap();
    assert_eq!(backup.source, format!("postgres {server}"));
    let part = |at: usize| golden["created"][at].as_i64().unwrap();
    let (year, month, day) = (part(5) + 1900, part(4) + 1, part(3));
    let time = format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", part(2), part(1), part(0));
    assert_eq!((backup.id.clone(), backup.created.clone()), (time.clone(), format!("{time}Z")));
    let version = golden["version"].as_str().unwrap().rsplit_once('.').unwrap().0;
    let recognised = PgDump::recognise(archive).unwrap();
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("dir") => "directory",
        Some("tar") => "tar",
        _ => "custom",
    };
    assert_eq!(recognised, format!("pg_dump {kind} {version}"));
}

#[test]
fn every_byte_is_found() {
    let golden: Value = serde_json::from_slice(&std::fs::read(own().join("archives.golden.json")).unwrap()).unwrap();
    for (name, golden) in golden.as_object().unwrap() {
        check_golden(&own().join(name), golden);
    }
}

#[test]
fn every_byte_is_found_in_all_archives() {
    let Some(shared) = shared() else { return };
    let golden: Value = serde_json::from_slice(&std::fs::read(shared.join("golden/archives.json")).unwrap()).unwrap();
    for (name, golden) in golden.as_object().unwrap() {
        check_golden(&shared.join("archives").join(name), golden);
    }
}

/// Lines of `pg_restore -l`: `4243; 0 22590 TABLE DATA t a owner`.
fn check_list(archive: &Path, list: &str) {
    let items = items(&load(archive));
    let by_id: HashMap<i64, &Item> = items.iter().map(|item| (attributes(item).dump_id, item)).collect();
    let tables: HashMap<_, _> = items
        .iter()
        .filter(|item| matches!(item.name.kind.as_str(), "table" | "table_rows"))
        .map(|item| ((item.name.schema.as_deref(), item.name.name.as_str()), item))
        .collect();
    // A tag with a line end goes on in the next line, which has no number.
    for line in list.lines().filter(|line| line.split_once("; ").is_some_and(|(id, _)| id.parse::<i64>().is_ok())) {
        let (id, rest) = line.split_once("; ").unwrap();
        let rest = rest.splitn(3, ' ').nth(2).unwrap();
        if let Some(rows) = rest.strip_prefix("TABLE DATA ") {
            let filled = tables.iter().filter(|(_, item)| !item.payloads.is_empty());
            let named =
                |schema: &Option<&str>, name: &str| rows.starts_with(&format!("{} {name} ", schema.unwrap_or("-")));
            assert!(filled.into_iter().any(|((schema, name), _)| named(schema, name)), "{archive:?}: {line}");
            continue;
        }
        if rest.starts_with("BLOBS ") {
            assert!(items.iter().any(|item| item.name.kind == "large_object" && !item.payloads.is_empty()));
            continue;
        }
        let item = by_id.get(&id.parse().unwrap()).unwrap_or_else(|| panic!("{archive:?} lacks {line}"));
        let found = attributes(item);
        let schema = item.name.schema.as_deref().unwrap_or("-");
        let tag = found.tag.replace('\n', " ");
        let expected = format!("{} {schema} {tag} {}", found.desc, found.owner.as_deref().unwrap_or(""));
        assert_eq!(rest.trim_end(), expected.trim_end(), "{archive:?}");
        assert_eq!(item.name.kind, crate::kinds::of(&found.desc));
    }
}

#[test]
fn every_line_of_the_list_is_an_object() {
    let Some(shared) = shared() else { return };
    for list in std::fs::read_dir(shared.join("golden/toc")).unwrap() {
        let list = list.unwrap().path();
        let name = list.file_stem().unwrap().to_str().unwrap().to_owned();
        let database = name.split('.').next().unwrap();
        let text = std::fs::read_to_string(&list).unwrap();
        check_list(&shared.join("archives").join(database).join(&name), &text);
    }
}

/// Dependencies are objects of the archive, nothing needs itself round about, and names are given once.
fn check_links(items: &[Item]) {
    let names: BTreeMap<String, usize> =
        items.iter().enumerate().map(|(at, item)| (item.name.to_string(), at)).collect();
    assert_eq!(names.len(), items.len());
    let needs: Vec<Vec<usize>> =
        items.iter().map(|item| item.depends.iter().map(|name| names[&name.to_string()]).collect()).collect();
    let mut done = vec![false; items.len()];
    loop {
        let free: Vec<usize> =
            (0..items.len()).filter(|at| !done[*at] && needs[*at].iter().all(|other| done[*other])).collect();
        if free.is_empty() {
            break;
        }
        free.into_iter().for_each(|at| done[at] = true);
    }
    let stuck: Vec<_> =
        items.iter().zip(&done).filter(|(_, done)| !**done).map(|(item, _)| item.name.to_string()).collect();
    assert!(stuck.is_empty(), "{stuck:?}");
}

#[test]
fn links_of_all_archives_lead_to_an_order() {
    check_links(&items(&load(&own().join("torture.pg17.zstd.dump"))));
    let Some(shared) = shared() else { return };
    for folder in std::fs::read_dir(shared.join("archives")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        for archive in std::fs::read_dir(folder).unwrap() {
            let archive = archive.unwrap().path();
            if archive.extension().is_none_or(|extension| extension != "sql") {
                check_links(&items(&load(&archive)));
            }
        }
    }
}

#[test]
fn what_hangs_together_is_said() {
    let items = items(&load(&own().join("torture.pg17.zstd.dump")));
    let find = |name: &str| items.iter().find(|item| item.name.to_string() == name).unwrap_or_else(|| panic!("{name}"));
    let needs = |one: &str, other: &str| find(one).depends.iter().any(|name| name.to_string() == other);
    for (one, other) in [
        ("sequence_value t.gen_s_seq", "sequence t.gen_s_seq"),
        ("sequence_owned_by t.gen_s_seq", "table t.gen"),
        ("user_mapping USER MAPPING t_reader SERVER srv0", "server srv0"),
        ("index t.at_brin", "table t.alltypes"),
        ("constraint t.part part_pkey", "table_attach t.part_2023_rest_0"),
        ("constraint t.part_2023_eu part_2023_eu_pkey", "table_attach t.part_2023_eu"),
        ("index_attach t.part_2023_eu_pkey", "constraint t.part_2023_eu part_2023_eu_pkey"),
        ("materialized_view_rows t.mv", "table_attach t.part_2023_rest_0"),
        ("materialized_view_rows t.mv", "privileges t.TABLE part"),
        ("materialized_view_rows t.mv2", "materialized_view_rows t.mv"),
        ("large_object 70001..70003", ""),
        ("comment LARGE OBJECT 70003", "large_object 70001..70003"),
    ] {
        assert!(other.is_empty() || needs(one, other), "{one} does not need {other}: {:?}", find(one).depends);
    }
    let of = |name: &str| attributes(find(name)).of.map(|of| of.to_string());
    for (one, other) in [
        ("index t.at_expr", "table t.alltypes"),
        ("foreign_key t.a a_b_fk", "table t.a"),
        ("foreign_key t.b b_a_id_fkey", "table t.b"),
        ("trigger t.dropped tr \"1\"", "table t.dropped"),
        ("rule t.v2 ru", "view t.v2"),
        ("policy t.rls p_sel", "table t.rls"),
        ("row_security t.rls", "table t.rls"),
        ("statistics t.st", "table t.dropped"),
        ("default t.v1 b", "view t.v1"),
        ("sequence t.alltypes_id_seq", "table t.alltypes"),
        ("comment t.TRIGGER trg_on_gen ON gen", "trigger t.gen trg_on_gen"),
        ("privileges t.COLUMN dropped.a", "table t.dropped"),
        ("privileges LARGE OBJECT 70002", "large_object 70002"),
        ("publication_table t.pub0 a", "publication pub0"),
        ("database_properties torture", "database torture"),
    ] {
        assert_eq!(of(one).as_deref(), Some(other), "{one}");
    }
    let gen_table = attributes(find("table t.gen"));
    assert!(gen_table.parts_of_it.iter().any(|part| part.contains("SET DEFAULT nextval")));
    assert!(gen_table.parts_of_it.iter().any(|part| part.contains("ADD GENERATED")));
    assert!(gen_table.parts_of_it.iter().any(|part| part.contains("ADD CONSTRAINT gen_w_h_key")));
    assert!(gen_table.copy.unwrap().starts_with("COPY t.gen ("));
    assert_eq!(gen_table.search_path.as_deref(), Some(""));
    let place = |name: &str| items.iter().position(|item| item.name.to_string() == name).unwrap();
    assert!(place("privileges SCHEMA t") > place("publication pub0"));
    assert!(place("event_trigger evt") > place("default_privileges DEFAULT PRIVILEGES FOR FUNCTIONS"));
}

#[test]
fn rows_as_statements_are_said_to_be_some() {
    let Some(shared) = shared() else { return };
    for item in items(&load(&shared.join("archives/torture/torture.pg15.inserts.dump"))) {
        let attributes = attributes(&item);
        if item.name.kind == "table" && !item.payloads.is_empty() {
            assert!(attributes.row_statements && attributes.copy.is_none());
            assert_eq!(item.payloads[0].form, "sql");
        }
    }
}

#[test]
fn data_alone_are_tables_without_definitions() {
    let Some(shared) = shared() else { return };
    let items = items(&load(&shared.join("archives/torture/torture.pg15.data-only.tar")));
    let tables: Vec<_> = items.iter().filter(|item| item.name.kind == "table").collect();
    assert_eq!(tables.len(), 30);
    for table in tables {
        let attributes = attributes(table);
        assert_eq!((attributes.desc.as_str(), attributes.definition.as_str()), ("TABLE DATA", ""));
        assert!(attributes.copy.is_some() && table.payloads.len() == 1);
        assert_eq!(table.section, reinstate_plugin::Section::Data);
    }
}

#[test]
fn statistics_come_after_what_they_are_of() {
    let Some(shared) = shared() else { return };
    let items = items(&load(&shared.join("archives/torture/torture.pg18.with-stats.dump")));
    let needs = |one: &str, other: &str| {
        let item = items.iter().find(|item| item.name.to_string() == one).unwrap_or_else(|| panic!("{one}"));
        item.depends.iter().any(|name| name.to_string() == other)
    };
    assert!(needs("statistics_data t.mv", "materialized_view_rows t.mv"));
    assert!(needs("statistics_data t.a", "table t.a"));
    assert!(needs("statistics_data t.at_brin", "index t.at_brin"));
}

#[test]
fn scripts_of_globals_are_roles() {
    let mut scripts = vec![own().join("globals.pg18.sql")];
    scripts.extend(
        shared().into_iter().flat_map(|shared| {
            [13, 15, 17, 18].map(|version| shared.join(format!("archives/globals.pg{version}.sql")))
        }),
    );
    for script in scripts {
        let archive = load(&script);
        assert_eq!(PgDump::recognise(&archive).as_deref(), Some("pg_dumpall --globals-only"));
        let items = items(&archive);
        let names: Vec<_> = items.iter().map(|item| item.name.to_string()).collect();
        assert_eq!(names[..4], ["user T Weird \"Role\"", "user postgres", "role t_owner", "role t_reader"]);
        let role = |at: usize| serde_json::from_str::<RoleAttributes>(&items[at].attributes).unwrap();
        assert_eq!(role(0).connection_limit, Some(3));
        assert!(role(1).superuser && role(1).bypass_rls);
        assert_eq!(role(2).member_of[0].role, "t_reader");
        assert_eq!(role(3).settings, [(None, "statement_timeout".to_owned(), "'5min'".to_owned())]);
    }
}
