use reinstate_plugin::{ArchiveReader as _, Entry, Layout as _, ObjectName, Severity};

use super::*;
use crate::DocSpace;
use crate::layout::fixture;

/// A table of a fixture as the handler gets it, with its bytes.
fn table(archive: &str, name: &str) -> (Object, Vec<u8>) {
    let archive = fixture(archive);
    let (mut layout, backup) = DocSpace::open(&archive).unwrap();
    let items = layout.objects(&archive).unwrap();
    let item = items.into_iter().find(|item| item.name.kind == "table" && item.name.name == name).unwrap();
    let payload = item.payloads[0].clone();
    let entry = Entry { path: payload.path, form: payload.form, bytes: 0, exact: true, rows: payload.rows };
    let object = Object { entries: vec![entry], dialect: backup.dialect, ..Object::new(item.name, &item.attributes) };
    let bytes = archive.head(&payload.member, u32::MAX).unwrap();
    (object, bytes)
}

fn lines(object: &Object, bytes: &[u8]) -> Result<String, Failure> {
    let attributes = Attributes::of(object)?;
    let names = attributes.names();
    let form = object.entries[0].form.clone();
    let rows = open(&form, bytes, object, &names)?;
    let mut lines = Lines::new(rows, shapes(&attributes, form == XML), &names);
    let mut all = Vec::new();
    loop {
        let chunk = lines.chunk()?;
        if chunk.is_empty() {
            return Ok(String::from_utf8(all).unwrap());
        }
        all.extend_from_slice(&chunk);
    }
}

#[test]
fn both_sorts_of_tables_give_the_same_lines() {
    for name in [
        "tenants_quota",
        "core_settings",
        "core_userphoto",
        "core_usergroup",
        "audit_events",
        "ai_chats",
        "webstudio_settings",
    ] {
        let of = |archive: &str| {
            let (object, bytes) = table(archive, name);
            lines(&object, &bytes).unwrap()
        };
        let portal = of("portal.tar.gz");
        assert!(!portal.is_empty());
        assert_eq!(portal, of("dump.tar.gz"), "{name}");
    }
    let (object, bytes) = table("portal.tar.gz", "tenants_quota");
    assert_eq!(
        lines(&object, &bytes).unwrap(),
        "-3\tstartup\t\\N\tfree,oauth,file_size:5120,total_size:2147483648,manager:3,room:12\t0.00\t\tf\n\
         1\tdefault\tthe portal's own\taudit,ldap,sso,manager:1\t12345678.90\t1002\tt\n"
    );
}

#[test]
fn a_bad_value_names_its_row_and_column() {
    for (archive, from, to) in
        [("portal.tar.gz", "<tenant>1<", "<tenant>one<"), ("dump.tar.gz", "(1,'default'", "('one','default'")]
    {
        let (object, bytes) = table(archive, "tenants_quota");
        let text = String::from_utf8(bytes).unwrap().replace(from, to);
        let failure = lines(&object, text.as_bytes()).unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.row, failure.column.as_deref()),
            ("docspace.bad_value", Some(2), Some("tenant"))
        );
    }
}

#[test]
fn a_cut_table_is_never_whole() {
    for archive in ["portal.tar.gz", "dump.tar.gz"] {
        let (object, bytes) = table(archive, "core_usergroup");
        let whole = lines(&object, &bytes).unwrap();
        let trimmed = bytes.trim_ascii_end().len();
        for length in 0..trimmed {
            match lines(&object, &bytes[..length]) {
                Err(failure) => assert!(failure.code.starts_with("docspace."), "{failure:?}"),
                // Nothing at all is how a dump writes no rows.
                Ok(rows) => assert!(archive == "dump.tar.gz" && length == 0 && rows.is_empty(), "{archive}: {length}"),
            }
        }
        assert_eq!(lines(&object, &bytes[..trimmed]).unwrap(), whole);
    }
}

#[test]
fn damaged_bytes_never_panic() {
    for (archive, name) in [("portal.tar.gz", "core_settings"), ("dump.tar.gz", "core_settings")] {
        let (object, bytes) = table(archive, name);
        for at in 0..bytes.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                if let Err(failure) = lines(&object, &damaged) {
                    assert!(failure.code.starts_with("docspace."), "{failure:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_lost_is_told_once() {
    let (object, _) = table("dump.tar.gz", "files_file");
    let outlook = DocSpaceHandler::plan(&object, &Target::named("sqlite", "sqlite")).unwrap();
    let [finding] = &outlook.findings[..] else { panic!("{:?}", outlook.findings) };
    assert_eq!((finding.code.as_str(), finding.severity), ("docspace.not_kept", Severity::Note));
    assert!(
        finding.message.contains("the index `title`") && finding.message.contains("fulltext"),
        "{}",
        finding.message
    );
    assert_eq!(outlook.rows, 6040);
}

#[test]
fn a_table_needs_those_it_refers_to() {
    let (object, _) = table("dump.tar.gz", "files_folder_tree");
    let outlook = DocSpaceHandler::plan(&object, &Target::named("postgres", "postgresql")).unwrap();
    let name = ObjectName { kind: "table".into(), schema: Some("docspace".into()), name: "files_folder".into() };
    assert_eq!(outlook.dependencies, [name]);
}
