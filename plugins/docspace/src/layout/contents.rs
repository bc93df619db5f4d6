//! What the archive's members are: tables, stored files, lists of them.

use std::collections::BTreeMap;

use reinstate_plugin::{ArchiveReader, Member};

/// The member whose presence makes an archive a whole server's dump.
const DUMP: &str = "dump";
/// Bytes of a table that are looked at to recognise it.
const HEAD: u32 = 4096;

/// Which backup it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// One portal's: tables are XML.
    Portal,
    /// A whole server's: tables are MySQL's text.
    Dump,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct TableMembers {
    pub(super) name: String,
    /// Its definition; of a portal's table, that is where its rows are.
    pub(super) scheme: Option<Member>,
    pub(super) data: Option<Member>,
}

/// The members by what they are.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) sort: Sort,
    /// In the container's order.
    pub(super) tables: Vec<TableMembers>,
    /// Stored files, with their places in the server's storage.
    pub(super) files: Vec<(String, Member)>,
    /// Lists of stored files.
    pub(super) lists: Vec<Member>,
    /// A table that two members hold, which cannot be.
    pub(super) twice: Option<String>,
}

impl Contents {
    /// Nothing when it is no backup of DocSpace.
    pub(super) fn recognise(archive: &dyn ArchiveReader) -> Option<Self> {
        let members = archive.members();
        let is_marked = members.iter().any(|member| member.path == DUMP);
        let sort = if is_marked { Sort::Dump } else { Sort::Portal };
        let contents = Self::of(sort, members);
        let is_one = match sort {
            Sort::Dump => says_true(archive) && contents.tables.iter().any(|table| table.scheme.is_some()),
            Sort::Portal => contents
                .tables
                .first()
                .and_then(|table| table.data.as_ref())
                .is_some_and(|table| is_xml(archive, table)),
        };
        is_one.then_some(contents)
    }

    fn of(sort: Sort, members: Vec<Member>) -> Self {
        let mut contents = Self { sort, tables: Vec::new(), files: Vec::new(), lists: Vec::new(), twice: None };
        let mut places = BTreeMap::new();
        for member in members {
            let parts: Vec<&str> = member.path.split('/').collect();
            match (sort, &parts[..]) {
                (_, ["storage", "restore_info" | "missing_info"]) => contents.lists.push(member),
                (_, ["databases", folder, table]) => {
                    let (folder, table) = ((*folder).to_owned(), (*table).to_owned());
                    contents.table(&mut places, &folder, table, member);
                }
                (_, ["databases", ..]) | (Sort::Dump, [DUMP]) => {}
                (Sort::Dump, ["storage", ..]) => {
                    let place = member.path["storage/".len()..].to_owned();
                    contents.files.push((place, member));
                }
                (Sort::Portal, [_, _, ..]) => contents.files.push((member.path.clone(), member)),
                _ => {}
            }
        }
        contents
    }

    fn table(&mut self, places: &mut BTreeMap<String, usize>, folder: &str, name: String, member: Member) {
        let place = *places.entry(name.clone()).or_insert_with(|| {
            self.tables.push(TableMembers { name: name.clone(), scheme: None, data: None });
            self.tables.len() - 1
        });
        let is_data = match (self.sort, folder) {
            (Sort::Portal, _) | (Sort::Dump, "data") => true,
            (Sort::Dump, "scheme") => false,
            (Sort::Dump, _) => return,
        };
        let table = &mut self.tables[place];
        let slot = if is_data { &mut table.data } else { &mut table.scheme };
        if slot.replace(member).is_some() {
            self.twice = Some(name);
        }
    }

    /// The members of a table.
    pub(super) fn named(&self, name: &str) -> Option<&TableMembers> {
        self.tables.iter().find(|table| table.name == name)
    }
}

fn says_true(archive: &dyn ArchiveReader) -> bool {
    archive.head(DUMP, 16).is_ok_and(|text| without_mark(&text).trim_ascii().eq_ignore_ascii_case(b"true"))
}

/// Without the mark of UTF-8 that .NET may write first.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Whether it begins as a table with its schema does.
fn is_xml(archive: &dyn ArchiveReader, member: &Member) -> bool {
    let Ok(head) = archive.head(&member.path, HEAD) else { return false };
    let text = without_mark(&head).trim_ascii_start();
    text.starts_with(b"<") && memchr::memmem::find(text, b":schema").is_some()
}
