//! What hangs on what: an index on its table, a comment on its object.

use std::collections::HashMap;

use reinstate_plugin::{ObjectName, Section};

use super::super::sql::{self, Qualified};
use super::super::toc::Entry;
use super::{Draft, Of};

/// Entries that others are parts of.
const RELATIONS: [&str; 4] = ["TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE"];

/// Fills in [`Draft::of`] and [`Draft::hanging`], and the section of what has none of its own.
pub(super) fn hang(drafts: &mut [Draft], entries: &[Entry], of_entry: &[Option<u32>]) {
    let found: Vec<Option<Of>> = {
        let names = by_name(drafts);
        let search = Search { drafts, entries, of_entry, names };
        (0..drafts.len() as u32).map(|at| search.of(at)).collect()
    };
    for (at, of) in found.into_iter().enumerate() {
        if let Some(Of::Draft(of)) = of {
            drafts[of as usize].hanging.push(at as u32);
            let section = drafts[of as usize].section;
            let entry = &entries[drafts[at].entry as usize];
            if matches!(entry.desc.as_str(), "COMMENT" | "SECURITY LABEL") {
                drafts[at].section = later(section, drafts[at].section);
            }
        }
        drafts[at].of = of;
    }
}

/// The later one of two sections.
fn later(one: Section, other: Section) -> Section {
    match (one, other) {
        (Section::PostData, _) | (_, Section::PostData) => Section::PostData,
        (Section::Data, _) | (_, Section::Data) => Section::Data,
        _ => Section::PreData,
    }
}

type Names<'a> = HashMap<(&'a str, Option<&'a str>, &'a str), u32>;

fn by_name(drafts: &[Draft]) -> Names<'_> {
    let mut names = HashMap::with_capacity(drafts.len());
    for (at, draft) in drafts.iter().enumerate() {
        let name = &draft.name;
        names.insert((name.kind.as_str(), name.schema.as_deref(), name.name.as_str()), at as u32);
    }
    names
}

struct Search<'a> {
    drafts: &'a [Draft],
    entries: &'a [Entry],
    of_entry: &'a [Option<u32>],
    names: Names<'a>,
}

impl<'a> Search<'a> {
    fn of(&self, at: u32) -> Option<Of> {
        let draft = &self.drafts[at as usize];
        let entry = &self.entries[draft.entry as usize];
        let found = match entry.desc.as_str() {
            "INDEX" | "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" | "DEFAULT" | "TRIGGER" | "POLICY"
            | "RULE" | "STATISTICS" | "ROW SECURITY" => self.relation(entry),
            "COMMENT" | "ACL" | "SECURITY LABEL" => self.dependency(entry, |other| other.desc != "ACL"),
            "STATISTICS DATA" => self.dependency(entry, |_| true).or_else(|| self.named("table", entry)),
            "SEQUENCE" => self.dependency(entry, |other| RELATIONS.contains(&other.desc.as_str())),
            "SEQUENCE SET" | "SEQUENCE OWNED BY" => {
                self.dependency(entry, |other| other.desc == "SEQUENCE").or_else(|| self.named("sequence", entry))
            }
            "MATERIALIZED VIEW DATA" => self.same(entry, "MATERIALIZED VIEW", "materialized_view"),
            "TABLE ATTACH" => self.same(entry, "TABLE", "table"),
            "INDEX ATTACH" => self.dependency(entry, |other| is_index(other, &entry.tag)),
            "PUBLICATION TABLE" | "PUBLICATION TABLES IN SCHEMA" => {
                self.dependency(entry, |other| other.desc == "PUBLICATION")
            }
            "SUBSCRIPTION TABLE" => self.dependency(entry, |other| other.desc == "SUBSCRIPTION"),
            "DATABASE PROPERTIES" => self.named("database", entry),
            "USER MAPPING" => self.server(entry),
            "TABLE DATA" if draft.name.kind == crate::kinds::TABLE_ROWS => self.root(draft, entry),
            _ => None,
        };
        // A hostile table of contents can let an entry hang on itself.
        found.filter(|of| *of != Of::Draft(at))
    }

    /// The object of the first dependency that is such an entry.
    fn dependency(&self, entry: &Entry, fits: impl Fn(&Entry) -> bool) -> Option<Of> {
        let mut others = entry.depends.iter().filter(|at| fits(&self.entries[**at as usize]));
        others.find_map(|at| self.of_entry[*at as usize]).map(Of::Draft)
    }

    /// The dependency of that sort with the same schema and tag, or else the object of that name.
    fn same(&self, entry: &Entry, desc: &str, kind: &str) -> Option<Of> {
        let same = |other: &Entry| other.desc == desc && other.tag == entry.tag && other.schema == entry.schema;
        self.dependency(entry, same).or_else(|| self.named(kind, entry))
    }

    /// The object of that kind that is called like the entry.
    fn named(&self, kind: &str, entry: &Entry) -> Option<Of> {
        Some(self.find(kind, entry.schema.as_deref(), &entry.tag))
    }

    fn find(&self, kind: &str, schema: Option<&str>, name: &str) -> Of {
        match self.names.get(&(kind, schema, name)) {
            Some(at) => Of::Draft(*at),
            None => Of::Outside(ObjectName {
                kind: kind.to_owned(),
                schema: schema.map(str::to_owned),
                name: name.to_owned(),
            }),
        }
    }

    /// The table or view that something is a part of: as its statement says, as its tag says, or the first that it needs.
    fn relation(&self, entry: &Entry) -> Option<Of> {
        let is_relation = |other: &Entry| RELATIONS.contains(&other.desc.as_str());
        let named = match entry.desc.as_str() {
            "ROW SECURITY" => Some((entry.schema.clone(), entry.tag.clone())),
            desc => sql::subject(desc, &entry.definition),
        };
        let Some((schema, name)) = named else {
            let tagged = |other: &Entry| is_relation(other) && is_tagged(entry, other);
            return self.dependency(entry, tagged).or_else(|| self.dependency(entry, is_relation));
        };
        let schema: Qualified = (schema.or_else(|| entry.schema.clone()), name);
        let same = |other: &Entry| is_relation(other) && (&other.schema, &other.tag) == (&schema.0, &schema.1);
        self.dependency(entry, same).or_else(|| Some(self.any_relation(schema.0.as_deref(), &schema.1)))
    }

    fn any_relation(&self, schema: Option<&str>, name: &str) -> Of {
        let kinds = ["table", "view", "materialized_view", "foreign_table"];
        let known = kinds.into_iter().map(|kind| self.find(kind, schema, name)).find(|of| matches!(of, Of::Draft(_)));
        known.unwrap_or_else(|| self.find("table", schema, name))
    }

    /// `USER MAPPING someone SERVER name` has no dependency in the table of contents.
    fn server(&self, entry: &Entry) -> Option<Of> {
        let starts = entry.tag.match_indices(" SERVER ").map(|(at, word)| at + word.len());
        starts.map(|at| self.find("server", None, &entry.tag[at..])).find(|of| matches!(of, Of::Draft(_)))
    }

    fn root(&self, draft: &Draft, entry: &Entry) -> Option<Of> {
        let foreign = self.dependency(entry, |other| other.desc == "FOREIGN TABLE");
        foreign.or_else(|| Some(self.find("table", draft.name.schema.as_deref(), &draft.name.name)))
    }
}

/// `table name`.
fn is_tagged(entry: &Entry, table: &Entry) -> bool {
    entry.schema == table.schema && entry.tag.strip_prefix(&table.tag).is_some_and(|rest| rest.starts_with(' '))
}

/// An index, or a constraint with an index of its own, of that name.
fn is_index(entry: &Entry, name: &str) -> bool {
    match entry.desc.as_str() {
        "INDEX" => entry.tag == name,
        "CONSTRAINT" => entry.tag.strip_suffix(name).is_some_and(|table| table.ends_with(' ')),
        _ => false,
    }
}
