//! Which tables are partitions of which, and what attaches them.

use std::collections::{HashMap, HashSet};

use super::super::sql::{self, Qualified};
use super::super::toc::Entry;
use super::Draft;

/// The partitions of a dump.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    /// Of each partitioned table: its partitions, each with the draft that attaches it.
    children: HashMap<u32, Vec<(u32, u32)>>,
    /// Of each partition: the draft that attaches it.
    attached_by: HashMap<u32, u32>,
}

impl Partitions {
    /// Reads them from the statements: of entries of their own from 14 on, at the end of the table's before.
    pub(super) fn of(drafts: &[Draft], entries: &[Entry]) -> Self {
        let mut tables: HashMap<(Option<&str>, &str), u32> = HashMap::new();
        for (at, draft) in drafts.iter().enumerate() {
            if entries[draft.entry as usize].desc == "TABLE" {
                tables.insert((draft.name.schema.as_deref(), &draft.name.name), at as u32);
            }
        }
        let mut partitions = Self::default();
        for (at, draft) in drafts.iter().enumerate() {
            let entry = &entries[draft.entry as usize];
            if !matches!(entry.desc.as_str(), "TABLE" | "TABLE ATTACH") {
                continue;
            }
            let find = |(schema, name): &Qualified| {
                tables.get(&(schema.as_deref().or(entry.schema.as_deref()), name.as_str())).copied()
            };
            let Some((parent, child)) = sql::attached(&entry.definition) else { continue };
            let Some(child) = find(&child) else { continue };
            partitions.attached_by.insert(child, at as u32);
            if let Some(parent) = find(&parent) {
                partitions.children.entry(parent).or_default().push((child, at as u32));
            }
        }
        partitions
    }

    /// What attaches this table and, at any depth, its partitions.
    pub(super) fn attaching(&self, table: u32) -> Vec<u32> {
        let mut found: Vec<u32> = self.attached_by.get(&table).copied().into_iter().collect();
        let mut seen = HashSet::from([table]);
        let mut open = vec![table];
        while let Some(table) = open.pop() {
            for (child, by) in self.children.get(&table).into_iter().flatten() {
                if seen.insert(*child) {
                    found.push(*by);
                    open.push(*child);
                }
            }
        }
        found
    }
}
