//! Objects as the host takes them: attributes and payloads.

use reinstate_plugin::{Failure, Item, ObjectName, Payload};

use crate::attributes::{Attributes, COPY_TEXT, LargeObject, STATEMENTS};
use crate::kinds::TABLE_ROWS;

use super::data::Data;
use super::fault::damaged;
use super::find::Files;
use super::objects::{Draft, Objects, Of};
use super::sql;
use super::toc::{Entry, Toc};

/// Sorts of entries whose statements make one table together with the table's own.
const PARTS: [&str; 5] = ["INDEX", "CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT", "DEFAULT"];

/// Everything that is known of a dump.
#[derive(Debug)]
pub(super) struct Dump {
    pub(super) files: Files,
    pub(super) toc: Toc,
    pub(super) data: Data,
    pub(super) objects: Objects,
}

impl Dump {
    /// The object at a place of the order; nothing behind the end.
    pub(super) fn item(&self, place: usize) -> Result<Option<Item>, Failure> {
        let Some(at) = self.objects.order.get(place) else {
            return Ok(None);
        };
        let draft = &self.objects.drafts[*at as usize];
        let (attributes, payloads) = (self.attributes(draft), self.payloads(draft));
        let attributes = serde_json::to_string(&attributes)
            .map_err(|error| damaged(format!("The attributes of {} cannot be written: {error}", draft.name)))?;
        let depends = draft.depends.iter().map(|other| self.objects.drafts[*other as usize].name.clone()).collect();
        Ok(Some(Item { name: draft.name.clone(), attributes, section: draft.section, depends, payloads }))
    }

    fn entry(&self, at: u32) -> &Entry {
        &self.toc.entries[at as usize]
    }

    fn attributes(&self, draft: &Draft) -> Attributes {
        let entry = self.entry(draft.entry);
        let copies: Vec<_> = draft.rows.iter().map(|rows| self.entry(*rows).copy.clone()).collect();
        let through_root = draft.name.kind == TABLE_ROWS;
        let comment_only = through_root || entry.desc == "TABLE DATA";
        Attributes {
            desc: entry.desc.clone(),
            dump_id: entry.dump_id,
            tag: entry.tag.clone(),
            owner: entry.owner.clone(),
            tablespace: entry.tablespace.clone(),
            access_method: entry.access_method.clone(),
            relkind: entry.relkind,
            definition: if comment_only { String::new() } else { entry.definition.clone() },
            drop: entry.drop.clone(),
            via_root: through_root && sql::root(&entry.definition).is_some(),
            of: draft.of.as_ref().map(|of| self.name(of)),
            encoding: self.toc.encoding.name.clone(),
            std_strings: self.toc.std_strings,
            search_path: self.search_path(entry),
            parts_of_it: self.parts(draft),
            refers_to_partitioned: self.partitioned(draft),
            row_statements: copies.iter().any(Option::is_none),
            copy: if through_root { None } else { copies.first().cloned().flatten() },
            copies: if through_root { copies.into_iter().flatten().collect() } else { Vec::new() },
            large_objects: self.large_objects(draft),
        }
    }

    fn name(&self, of: &Of) -> ObjectName {
        match of {
            Of::Draft(at) => self.objects.drafts[*at as usize].name.clone(),
            Of::Outside(name) => name.clone(),
        }
    }

    /// Dumps of old servers set one for each entry: its own schema.
    fn search_path(&self, entry: &Entry) -> Option<String> {
        let own = || entry.schema.as_ref().map(|schema| format!("{}, pg_catalog", sql::quote(schema)));
        self.toc.search_path.clone().or_else(own)
    }

    fn parts(&self, draft: &Draft) -> Vec<String> {
        if self.entry(draft.entry).desc != "TABLE" {
            return Vec::new();
        }
        let entries = draft.hanging.iter().map(|at| self.entry(self.objects.drafts[*at as usize].entry));
        let parts = entries.filter(|entry| {
            // A sequence behind an identity column is made by a statement about the table.
            PARTS.contains(&entry.desc.as_str())
                || (entry.desc == "SEQUENCE" && entry.definition.starts_with("ALTER TABLE "))
        });
        parts.map(|entry| entry.definition.trim_end().to_owned()).collect()
    }

    /// The partitioned tables that a table's foreign keys refer to.
    fn partitioned(&self, draft: &Draft) -> Vec<ObjectName> {
        let hanging = draft.hanging.iter().map(|at| &self.objects.drafts[*at as usize]);
        let keys = hanging.filter(|hanging| self.entry(hanging.entry).desc == "FK CONSTRAINT");
        let needed = keys.flat_map(|key| &key.depends).map(|at| &self.objects.drafts[*at as usize]);
        let partitioned = needed.filter(|other| {
            let entry = self.entry(other.entry);
            entry.desc == "TABLE" && sql::is_partitioned(&entry.definition)
        });
        let mut names: Vec<ObjectName> = Vec::new();
        for table in partitioned {
            if !names.contains(&table.name) {
                names.push(table.name.clone());
            }
        }
        names
    }

    /// Those with data, then those that are only described.
    fn large_objects(&self, draft: &Draft) -> Vec<LargeObject> {
        let entry = self.entry(draft.entry);
        let described = match entry.desc.as_str() {
            "BLOB" => &entry.tag,
            "BLOB METADATA" => &entry.definition,
            _ => "",
        };
        let mut numbers: Vec<u32> = draft.large.iter().map(|(_, large)| large.oid).collect();
        let mut with_data = numbers.clone();
        with_data.sort_unstable();
        let described = described.lines().filter_map(|number| number.trim().parse().ok());
        numbers.extend(described.filter(|number| with_data.binary_search(number).is_err()));
        numbers.into_iter().map(|oid| LargeObject { oid }).collect()
    }

    fn payloads(&self, draft: &Draft) -> Vec<Payload> {
        let rows = draft.rows.iter().filter_map(|at| {
            let entry = self.entry(*at);
            let form = if entry.copy.is_some() { COPY_TEXT } else { STATEMENTS };
            self.data.rows(&self.files, *at, entry, form)
        });
        let large = draft.large.iter().map(|(at, large)| self.data.large_object(&self.files, self.entry(*at), large));
        rows.chain(large).collect()
    }
}
