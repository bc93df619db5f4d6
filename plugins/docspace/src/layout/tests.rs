use std::io::Read as _;

use reinstate_plugin::MemoryArchive;
use serde_json::Value;

use super::*;

/// A fixture's members.
pub(crate) fn fixture(name: &str) -> MemoryArchive {
    let path = format!("{}/../../tests/data/docspace/{name}", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut members = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        members.push((path, bytes));
    }
    MemoryArchive(members)
}

fn golden() -> Value {
    let path = format!("{}/../../tests/data/docspace/golden.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn items(archive: &MemoryArchive) -> Result<Vec<Item>, Failure> {
    let (mut layout, _) = DocSpace::open(archive)?;
    let mut all = Vec::new();
    loop {
        let items = layout.objects(archive)?;
        if items.is_empty() {
            return Ok(all);
        }
        all.extend(items);
    }
}

fn attributes(item: &Item) -> Value {
    serde_json::from_str(&item.attributes).unwrap()
}

fn of_kind<'a>(items: &'a [Item], kind: &str) -> Vec<&'a Item> {
    items.iter().filter(|item| item.name.kind == kind).collect()
}

#[test]
fn everything_in_the_fixtures_is_found() {
    for (archive, sort) in [("portal.tar.gz", "portal"), ("dump.tar.gz", "dump")] {
        let golden = &golden()[sort];
        let items = items(&fixture(archive)).unwrap();
        let tables = of_kind(&items, "table");
        assert_eq!(tables.len(), golden["tables"].as_object().unwrap().len());
        for table in tables {
            let known = &golden["tables"][&table.name.name];
            let columns: Vec<Value> = attributes(table)["table"]["columns"]
                .as_array()
                .unwrap()
                .iter()
                .map(|column| column["name"].clone())
                .collect();
            assert_eq!(Value::Array(columns), known["columns"], "{}", table.name);
            let counted = table.payloads.first().and_then(|payload| payload.rows).unwrap_or(0);
            assert_eq!(Value::from(counted), known["rows"], "{}", table.name);
        }
        let users: serde_json::Map<String, Value> = of_kind(&items, "user")
            .iter()
            .map(|user| {
                let groups =
                    attributes(user)["memberships"].as_array().unwrap().iter().map(|of| of["role"].clone()).collect();
                (user.name.name.clone(), groups)
            })
            .collect();
        assert_eq!(Value::Object(users), golden["users"]);
        let mut roles: Vec<&str> = of_kind(&items, "role").iter().map(|role| role.name.name.as_str()).collect();
        roles.sort_unstable();
        assert_eq!(serde_json::json!(roles), golden["roles"]);
        let mut files = Vec::new();
        let mut missing = Vec::new();
        for directory in of_kind(&items, "directory") {
            let attributes = attributes(directory);
            let place = |name: &Value| format!("{}/{}", directory.name.name, name.as_str().unwrap());
            files.extend(attributes["files"].as_array().unwrap().iter().map(place));
            missing.extend(attributes["missing_files"].as_array().into_iter().flatten().map(place));
            assert_eq!(attributes["files"].as_array().unwrap().len(), directory.payloads.len());
        }
        files.sort_unstable();
        let known: Vec<&String> = golden["files"].as_object().unwrap().keys().collect();
        assert_eq!(files.iter().collect::<Vec<_>>(), known);
        let known: Vec<&str> = golden["missing"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(missing, known);
    }
}

#[test]
fn it_is_called_as_the_server_calls_it() {
    for (archive, name, recognised) in [
        ("portal.tar.gz", "gruen", "DocSpace portal, 18 tables, 6 stored files"),
        ("dump.tar.gz", "workspace", "DocSpace server, 18 tables, 6 stored files"),
    ] {
        let archive = fixture(archive);
        assert_eq!(DocSpace::recognise(&archive).as_deref(), Some(recognised));
        assert_eq!(DocSpace::open(&archive).unwrap().1.name, name);
    }
}

#[test]
fn users_may_sign_in_where_they_could_and_bring_no_hashes() {
    let items = items(&fixture("portal.tar.gz")).unwrap();
    for user in of_kind(&items, "user") {
        let attributes = attributes(user);
        assert_eq!(attributes["login"], Value::Bool(!user.name.name.contains('(')), "{}", user.name);
        assert!(attributes.get("password_hash").is_none() && !user.attributes.contains("bm90IGEg"));
        assert!(!user.depends.contains(&user.name));
    }
    let ann = items.iter().find(|item| item.name.name == "ann@example.com").unwrap();
    assert_eq!(attributes(ann)["memberships"][1]["admin"], Value::Bool(true));
    assert_eq!(attributes(ann)["memberships"].as_array().unwrap().len(), 2);
}

fn archive(members: &[(&str, &str)]) -> MemoryArchive {
    MemoryArchive(members.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
}

const TABLE: &str = "<NewDataSet><xs:schema xmlns:xs='x'><xs:element name='t'><xs:complexType><xs:sequence>\
    <xs:element name='id' type='xs:int'/></xs:sequence></xs:complexType></xs:element></xs:schema></NewDataSet>";

#[test]
fn other_archives_are_not_recognised() {
    for members in [
        &[][..],
        &[("storage/restore_info", "<storage_restore/>")],
        &[("files/a/b", "x"), ("storage/restore_info", "<storage_restore/>")],
        &[("databases/core/core_user", "id,name\n1,a")],
        &[("databases/core/core_user", "<html><body/></html>")],
        &[("databases/core", TABLE)],
        &[("dump", "True")],
        &[("dump", "False"), ("databases/scheme/t", "CREATE TABLE `t` (`a` int);")],
        &[("dump", "True"), ("databases/data/t", "REPLACE INTO `t` VALUES (1);")],
        &[("toc.dat", "PGDMP")],
    ] {
        assert_eq!(DocSpace::recognise(&archive(members)), None, "{members:?}");
    }
    assert!(DocSpace::recognise(&archive(&[("databases/core/t", TABLE)])).is_some());
}

#[test]
fn what_contradicts_itself_or_is_hostile_is_refused() {
    let bomb = "<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol1 '&lol;&lol;'>]><a xs:schema='x'>&lol1;</a>";
    let scheme = "CREATE TABLE `t` (`a` int);";
    let list = |inner: &str| format!("<storage_restore>{inner}</storage_restore>");
    let listed = list("<file><module>a</module></file>");
    let deep = list("<file><path><b>x</b></path></file>");
    for (members, code, entry) in [
        (&[("databases/core/t", bomb)][..], "docspace.bad_xml", Some("databases/core/t")),
        (&[("databases/core/t", TABLE), ("databases/files/t", TABLE)], "docspace.damaged", None),
        (&[("databases/core/t", &TABLE[..150])], "docspace.cut", Some("databases/core/t")),
        (&[("dump", "True"), ("databases/scheme/t", scheme), ("databases/data/u", "")], "docspace.damaged", None),
        (&[("dump", "True"), ("databases/scheme/u", scheme)], "docspace.bad_statement", Some("databases/scheme/u")),
        (&[("dump", "True"), ("databases/scheme/t", "CREATE TABLE `t` (")], "docspace.cut", Some("databases/scheme/t")),
        (
            &[("databases/core/t", TABLE), ("storage/restore_info", &listed)],
            "docspace.bad_xml",
            Some("storage/restore_info"),
        ),
        (
            &[("databases/core/t", TABLE), ("storage/restore_info", &deep)],
            "docspace.bad_xml",
            Some("storage/restore_info"),
        ),
        (&[("databases/core/t", TABLE), ("storage/restore_info", "")], "docspace.cut", Some("storage/restore_info")),
    ] {
        let failure = items(&archive(members)).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.entry.as_deref()), (code, entry), "{failure:?}");
    }
}

#[test]
fn a_large_directory_is_several_and_indexes_keep_out_of_each_others_way() {
    let mut members = vec![("dump".to_owned(), b"True".to_vec())];
    for name in ["a", "a_b"] {
        let text = format!(
            "CREATE TABLE `{name}` (`x` int, KEY `b` (`x`), KEY `b_b` (`x`), FOREIGN KEY (`x`) REFERENCES `gone` (`x`));"
        );
        members.push((format!("databases/scheme/{name}"), text.into_bytes()));
    }
    members.extend((0..1100).map(|number| (format!("storage/files/folder_1/{number}"), Vec::new())));
    let items = items(&MemoryArchive(members)).unwrap();
    let directories: Vec<_> =
        of_kind(&items, "directory").iter().map(|item| (item.name.name.clone(), item.payloads.len())).collect();
    let named = |name: &str, files| (name.to_owned(), files);
    assert_eq!(
        directories,
        [named("files/folder_1", 500), named("files/folder_1 #2", 500), named("files/folder_1 #3", 100)]
    );
    let indexes: Vec<String> = of_kind(&items, "table")
        .iter()
        .flat_map(|table| attributes(table)["table"]["indexes"].as_array().unwrap().clone())
        .map(|index| index["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(indexes, ["a_b_2", "a_b_b", "a_b_b_2", "a_b_b_b"]);
    assert!(items[0].attributes.contains("the foreign key to gone") && items[0].depends.is_empty());
}
