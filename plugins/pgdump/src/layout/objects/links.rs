//! What must be there before each object.
//!
//! The table of contents says so of most; what pg_restore gets by working in the table's order is added: it makes all
//! tables and attaches all partitions before it comes to anything behind the rows, it grants privileges behind that, and
//! it fills materialized views last.

use std::collections::HashMap;

use reinstate_plugin::{Failure, Section};

use crate::kinds::TABLE_ROWS;

use super::super::fault::too_large;
use super::super::sql;
use super::super::toc::Entry;
use super::partitions::Partitions;
use super::{Draft, Of};

/// Dependencies of all objects together, and steps of searching for them.
const MOST: usize = 4_000_000;

/// What must be there before a view is filled, of all that hangs on what it reads.
const BEFORE_FILLING: [&str; 5] = ["ACL", "RULE", "POLICY", "ROW SECURITY", "TABLE ATTACH"];

/// Fills in [`Draft::depends`].
pub(super) fn link(drafts: &mut [Draft], entries: &[Entry], of_entry: &[Option<u32>]) -> Result<(), Failure> {
    let mut linker = Linker {
        partitions: Partitions::of(drafts, entries),
        fills: fills(drafts, entries),
        extensions: of_desc(drafts, entries, "EXTENSION"),
        attached_indexes: attached_indexes(drafts, entries),
        left: MOST,
        drafts,
        entries,
        of_entry,
    };
    for at in 0..linker.drafts.len() as u32 {
        let needs = linker.direct(at);
        linker.set(at, needs)?;
    }
    for at in linker.fills.values().copied().collect::<Vec<_>>() {
        let needs = linker.before_filling(at)?;
        linker.set(at, needs)?;
    }
    Ok(())
}

/// What fills each materialized view.
fn fills(drafts: &[Draft], entries: &[Entry]) -> HashMap<u32, u32> {
    let mut fills = HashMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        if let (Some(Of::Draft(view)), "MATERIALIZED VIEW DATA") =
            (&draft.of, entries[draft.entry as usize].desc.as_str())
        {
            fills.insert(*view, at as u32);
        }
    }
    fills
}

/// The objects of one sort.
fn of_desc(drafts: &[Draft], entries: &[Entry], desc: &str) -> Vec<u32> {
    let fits = |draft: &Draft| entries[draft.entry as usize].desc == desc;
    drafts.iter().enumerate().filter(|(_, draft)| fits(draft)).map(|(at, _)| at as u32).collect()
}

/// The attachments that make partitioned keys whole; none where there are so many that every foreign key cannot wait for each.
fn attached_indexes(drafts: &[Draft], entries: &[Entry]) -> Vec<u32> {
    let attached = of_desc(drafts, entries, "INDEX ATTACH");
    let keys = of_desc(drafts, entries, "FK CONSTRAINT").len();
    if attached.len().saturating_mul(keys) > MOST / 4 { Vec::new() } else { attached }
}

struct Linker<'a> {
    drafts: &'a mut [Draft],
    entries: &'a [Entry],
    of_entry: &'a [Option<u32>],
    partitions: Partitions,
    fills: HashMap<u32, u32>,
    extensions: Vec<u32>,
    /// Attachments of partitions' indexes.
    attached_indexes: Vec<u32>,
    left: usize,
}

impl Linker<'_> {
    fn entry(&self, draft: u32) -> &Entry {
        &self.entries[self.drafts[draft as usize].entry as usize]
    }

    fn spend(&mut self, steps: usize) -> Result<(), Failure> {
        self.left = self
            .left
            .checked_sub(steps)
            .ok_or_else(|| too_large(format!("The objects of the archive have more than {MOST} dependencies")))?;
        Ok(())
    }

    fn set(&mut self, at: u32, mut needs: Vec<u32>) -> Result<(), Failure> {
        needs.sort_unstable();
        needs.dedup();
        needs.retain(|other| *other != at);
        self.spend(needs.len())?;
        self.drafts[at as usize].depends = needs;
        Ok(())
    }

    /// What its own entries say, and what follows from what it hangs on.
    fn direct(&self, at: u32) -> Vec<u32> {
        let draft = &self.drafts[at as usize];
        let entries =
            std::iter::once(&draft.entry).chain(&draft.rows).chain(draft.large.first().map(|(entry, _)| entry));
        let named = entries.flat_map(|entry| &self.entries[*entry as usize].depends);
        let mut needs: Vec<u32> = named.filter_map(|entry| self.of_entry[*entry as usize]).collect();
        // A dump does not say what is built on an extension's own types and operators.
        if !matches!(self.entry(at).desc.as_str(), "EXTENSION" | "SCHEMA") {
            needs.extend(&self.extensions);
        }
        // A partitioned key can be referred to when all its partitions' indexes are attached; dumps do not always say so.
        if self.entry(at).desc == "FK CONSTRAINT" {
            needs.extend(&self.attached_indexes);
        }
        let Some(Of::Draft(of)) = draft.of else {
            needs.extend(self.owner_of_sequence(at));
            return needs;
        };
        needs.push(of);
        needs.extend(self.owner_of_sequence(at));
        if draft.section == Section::PostData || draft.name.kind == TABLE_ROWS {
            needs.extend(self.partitions.attaching(of));
        }
        if self.entry(at).desc == "STATISTICS DATA" {
            needs.extend(self.filling(of));
        }
        needs
    }

    /// An owned sequence is told its column only when the table is there.
    fn owner_of_sequence(&self, at: u32) -> Option<u32> {
        let entry = self.entry(at);
        if entry.desc != "SEQUENCE OWNED BY" {
            return None;
        }
        let (schema, name) = sql::owner_of_sequence(&entry.definition)?;
        let schema = schema.or_else(|| entry.schema.clone());
        let sequence = match self.drafts[at as usize].of {
            Some(Of::Draft(sequence)) => sequence,
            _ => return None,
        };
        // The sequence itself needs the table in the table of contents.
        let needed = self.entry(sequence).depends.iter().filter_map(|entry| self.of_entry[*entry as usize]);
        let mut tables = needed.filter(|table| {
            let table = self.entry(*table);
            (&table.schema, &table.tag) == (&schema, &name)
        });
        tables.next()
    }

    /// What fills the materialized view that statistics are of, or that their index is of.
    fn filling(&self, of: u32) -> Option<u32> {
        let above = match self.drafts[of as usize].of {
            Some(Of::Draft(above)) => above,
            _ => of,
        };
        self.fills.get(&of).or_else(|| self.fills.get(&above)).copied()
    }

    /// Everything that the view's query reads, with privileges, rules and partitions: it runs as the view's owner.
    fn before_filling(&mut self, at: u32) -> Result<Vec<u32>, Failure> {
        let mut needs = self.drafts[at as usize].depends.clone();
        let mut seen = vec![false; self.drafts.len()];
        self.spend(seen.len() / 64)?;
        let mut open = needs.clone();
        while let Some(next) = open.pop() {
            if std::mem::replace(&mut seen[next as usize], true) {
                continue;
            }
            let draft = &self.drafts[next as usize];
            let steps = draft.depends.len() + draft.hanging.len();
            open.extend(&draft.depends);
            let hanging =
                draft.hanging.iter().filter(|other| BEFORE_FILLING.contains(&self.entry(**other).desc.as_str()));
            needs.extend(hanging);
            if self.entry(next).desc == "TABLE" {
                needs.extend(self.partitions.attaching(next));
            }
            self.spend(steps + 1)?;
        }
        Ok(needs)
    }
}
