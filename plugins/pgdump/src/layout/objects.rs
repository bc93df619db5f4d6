//! The objects of a dump: entries put together, named, and with what must be there before each.

use std::collections::{HashMap, HashSet};

use reinstate_plugin::{Failure, ObjectName, Section};

use crate::kinds::{self, LARGE_OBJECT, TABLE, TABLE_ROWS};

use super::data::{Data, Large};
use super::sql::{self, Qualified};
use super::toc::{Entry, Toc};

mod hang;
mod links;
mod partitions;

/// Longest name in bytes that the host takes, with room for a number; routines carry their arguments' types.
const LONGEST_NAME: usize = 8_000;

/// An object that is to be given to the host.
#[derive(Debug)]
pub(super) struct Draft {
    /// The entry that describes it.
    pub(super) entry: u32,
    /// Entries with its rows.
    pub(super) rows: Vec<u32>,
    /// Its large objects, each with the entry that holds it.
    pub(super) large: Vec<(u32, Large)>,
    pub(super) name: ObjectName,
    pub(super) section: Section,
    /// Drafts that must be there before it, ascending, never itself.
    pub(super) depends: Vec<u32>,
    pub(super) of: Option<Of>,
    /// Drafts that hang on it.
    pub(super) hanging: Vec<u32>,
}

/// What an object hangs on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Of {
    /// An object of the dump.
    Draft(u32),
    /// One that the dump lacks.
    Outside(ObjectName),
}

/// All objects.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) drafts: Vec<Draft>,
    /// The order in which they are given.
    pub(super) order: Vec<u32>,
}

impl Draft {
    fn new(entry: u32, of_entry: &Entry, kind: &str, name: (Option<&str>, &str)) -> Self {
        let name = ObjectName { kind: kind.to_owned(), schema: name.0.map(str::to_owned), name: name.1.to_owned() };
        let section = section(of_entry);
        let (rows, large, depends, hanging) = Default::default();
        Self { entry, rows, large, name, section, depends, of: None, hanging }
    }
}

/// Entries that are settings of the session and no objects.
fn is_setting(entry: &Entry) -> bool {
    matches!(entry.desc.as_str(), "ENCODING" | "STDSTRINGS" | "SEARCHPATH")
}

fn section(entry: &Entry) -> Section {
    match (entry.desc.as_str(), entry.section) {
        ("DEFAULT ACL" | "EVENT TRIGGER", _) | (_, 4) => Section::PostData,
        ("BLOB", _) | (_, 3) => Section::Data,
        _ => Section::PreData,
    }
}

impl Objects {
    /// Puts them together; takes the large objects from `data`.
    pub(super) fn build(toc: &Toc, data: &mut Data) -> Result<Self, Failure> {
        let mut builder = Builder::new(&toc.entries);
        builder.add_definitions();
        builder.add_rows();
        builder.add_large_objects(data);
        let (mut drafts, of_entry) = (builder.drafts, builder.of_entry);
        make_unique(&mut drafts, &toc.entries);
        hang::hang(&mut drafts, &toc.entries, &of_entry);
        links::link(&mut drafts, &toc.entries, &of_entry)?;
        let order = order(&drafts, &toc.entries);
        Ok(Self { drafts, order })
    }
}

struct Builder<'a> {
    entries: &'a [Entry],
    drafts: Vec<Draft>,
    /// The draft that an entry became part of.
    of_entry: Vec<Option<u32>>,
}

impl<'a> Builder<'a> {
    fn new(entries: &'a [Entry]) -> Self {
        Self { entries, drafts: Vec::new(), of_entry: vec![None; entries.len()] }
    }

    fn add(&mut self, at: u32, draft: Draft) -> u32 {
        let number = self.drafts.len() as u32;
        self.drafts.push(draft);
        self.of_entry[at as usize] = Some(number);
        number
    }

    fn entry(&self, at: u32) -> &'a Entry {
        &self.entries[at as usize]
    }

    /// Positions of the entries with one of these words.
    fn with_desc(&self, desc: &'static str) -> impl Iterator<Item = u32> + use<'a> {
        let entries = self.entries;
        (0..entries.len() as u32).filter(move |at| entries[*at as usize].desc == desc)
    }

    fn add_definitions(&mut self) {
        for (at, entry) in self.entries.iter().enumerate() {
            if is_setting(entry) || matches!(entry.desc.as_str(), "TABLE DATA" | "BLOBS") {
                continue;
            }
            let kind = kinds::of(&entry.desc);
            let draft = Draft::new(at as u32, entry, &kind, (entry.schema.as_deref(), &entry.tag));
            self.add(at as u32, draft);
        }
    }

    /// Rows go to their table; those that go in through another one are objects of their own.
    fn add_rows(&mut self) {
        let tables = self.tables_by_name();
        let mut roots: HashMap<Qualified, u32> = HashMap::new();
        for at in self.with_desc("TABLE DATA") {
            let entry = self.entry(at);
            if let Some((schema, name)) = sql::root(&entry.definition) {
                let root = (schema.or_else(|| entry.schema.clone()), name);
                let draft = roots.get(&root).copied().unwrap_or_else(|| self.rows_of(at, &root));
                roots.insert(root, draft);
                self.of_entry[at as usize] = Some(draft);
                self.drafts[draft as usize].rows.push(at);
                continue;
            }
            let key = (entry.schema.as_deref(), entry.tag.as_str());
            let table = tables.get(&key).filter(|table| self.drafts[**table as usize].rows.is_empty());
            let draft = match table {
                Some(table) => *table,
                None if self.fills_foreign_table(entry) => self.rows_of(at, &(entry.schema.clone(), entry.tag.clone())),
                None => self.add(at, Draft::new(at, entry, TABLE, (entry.schema.as_deref(), &entry.tag))),
            };
            self.of_entry[at as usize] = Some(draft);
            self.drafts[draft as usize].rows.push(at);
        }
    }

    fn tables_by_name(&self) -> HashMap<(Option<&'a str>, &'a str), u32> {
        let key = |at: u32| (self.entry(at).schema.as_deref(), self.entry(at).tag.as_str());
        self.with_desc("TABLE").filter_map(|at| Some((key(at), self.of_entry[at as usize]?))).collect()
    }

    fn fills_foreign_table(&self, entry: &Entry) -> bool {
        entry.depends.iter().any(|at| self.entry(*at).desc == "FOREIGN TABLE")
    }

    fn rows_of(&mut self, at: u32, (schema, name): &Qualified) -> u32 {
        let draft = Draft::new(at, self.entry(at), TABLE_ROWS, (schema.as_deref(), name));
        self.add(at, draft)
    }

    /// Large objects go to the entry that describes them, where there is one.
    fn add_large_objects(&mut self, data: &mut Data) {
        let described = self.large_by_number();
        for at in self.with_desc("BLOBS") {
            let entry = self.entry(at);
            let group = entry.depends.iter().find(|at| self.entry(**at).desc == "BLOB METADATA");
            let mut home = group.and_then(|at| self.of_entry[*at as usize]);
            for large in data.take_large(at) {
                let draft = match described.get(&large.oid).copied().or(home) {
                    Some(draft) => draft,
                    None => self.add(at, Draft::new(at, entry, LARGE_OBJECT, (None, &entry.tag))),
                };
                if !described.contains_key(&large.oid) {
                    home = Some(draft);
                }
                self.drafts[draft as usize].large.push((at, large));
            }
            self.of_entry[at as usize] = self.of_entry[at as usize].or(home);
        }
    }

    /// Large objects with an entry each, as servers up to 16 write them.
    fn large_by_number(&self) -> HashMap<u32, u32> {
        let number = |at: u32| self.entry(at).tag.parse().ok();
        self.with_desc("BLOB").filter_map(|at| Some((number(at)?, self.of_entry[at as usize]?))).collect()
    }
}

/// Gives a name that is taken already, is empty or too long, the entry's number.
fn make_unique(drafts: &mut [Draft], entries: &[Entry]) {
    let mut taken = HashSet::new();
    let mut by_entry: Vec<&mut Draft> = drafts.iter_mut().collect();
    by_entry.sort_by_key(|draft| draft.entry);
    for draft in by_entry {
        let name = &mut draft.name;
        let long = name.name.len() > LONGEST_NAME;
        name.name.truncate(name.name.floor_char_boundary(LONGEST_NAME));
        if long || name.name.is_empty() {
            append_number(name, &entries[draft.entry as usize]);
        }
        while !taken.insert((name.kind.clone(), name.schema.clone(), name.name.clone())) {
            append_number(name, &entries[draft.entry as usize]);
        }
    }
}

fn append_number(name: &mut ObjectName, entry: &Entry) {
    let space = if name.name.is_empty() { "" } else { " " };
    name.name.push_str(&format!("{space}#{}", entry.dump_id));
}

/// pg_restore's order: everything, then privileges, then what must see all of it.
fn order(drafts: &[Draft], entries: &[Entry]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..drafts.len() as u32).collect();
    order.sort_by_key(|at| {
        let draft = &drafts[*at as usize];
        (pass(draft, drafts, entries), draft.entry)
    });
    order
}

fn pass(draft: &Draft, drafts: &[Draft], entries: &[Entry]) -> u8 {
    let entry = &entries[draft.entry as usize];
    match entry.desc.as_str() {
        "ACL" | "DEFAULT ACL" => 2,
        "EVENT TRIGGER" | "MATERIALIZED VIEW DATA" => 3,
        "STATISTICS DATA" if entry.section == 4 => 3,
        "COMMENT" | "SECURITY LABEL" => match draft.of {
            Some(Of::Draft(of)) if entries[drafts[of as usize].entry as usize].desc == "EVENT TRIGGER" => 3,
            _ => 1,
        },
        _ => 1,
    }
}
