//! Tables as objects, one after the other.

use std::collections::HashSet;

use reinstate_plugin::{ArchiveReader, Compression, Extent, Failure, Item, Member, ObjectName, Payload, Section};

use crate::attributes::{Attributes, SQL, XML};
use crate::fault::damaged;

use super::contents::{Contents, Sort, TableMembers};
use super::names::Names;
use super::{SCHEMA, stored};

/// Bytes of a table whose rows are counted here, and of all that are: counting reads them.
const COUNTED: u64 = 4 << 20;
const COUNTED_ALL: u64 = 32 << 20;

/// The tables that are still to be given.
#[derive(Debug)]
pub(super) struct Tables {
    sort: Sort,
    /// The next one last.
    left: Vec<TableMembers>,
    known: HashSet<String>,
    /// Names of tables and indexes, which share a space.
    names: Names,
    counted: u64,
    twice: Option<String>,
}

impl Tables {
    pub(super) fn new(contents: Contents) -> Self {
        let Contents { sort, tables: mut left, twice, .. } = contents;
        left.reverse();
        let mut names = Names::default();
        left.iter().for_each(|table| names.reserve(&table.name));
        let known = left.iter().map(|table| table.name.clone()).collect();
        Self { sort, left, known, names, counted: 0, twice }
    }

    /// The next table. Fails where the backup contradicts itself.
    pub(super) fn next(&mut self, archive: &dyn ArchiveReader) -> Result<Option<Item>, Failure> {
        if let Some(name) = self.twice.take() {
            return Err(damaged(format!("The archive holds the table {} twice", name.escape_debug())));
        }
        while let Some(table) = self.left.pop() {
            if let Some(item) = self.item(archive, &table)? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    fn item(&mut self, archive: &dyn ArchiveReader, table: &TableMembers) -> Result<Option<Item>, Failure> {
        let Some(stored) = stored::open(archive, self.sort, table)? else {
            return Err(damaged(format!(
                "The archive holds rows of the table {} and no definition",
                table.name.escape_debug()
            )));
        };
        let mut attributes = stored.attributes.clone();
        self.name_indexes(&table.name, &mut attributes);
        self.leave_out_keys(&mut attributes);
        let rows = if self.is_small(table) { stored.count() } else { None };
        let depends = attributes.table.foreign_keys.iter().map(|key| name_of(&key.table)).collect();
        let attributes = serde_json::to_string(&attributes)
            .map_err(|error| damaged(format!("A definition cannot be written: {error}")))?;
        Ok(Some(Item {
            name: name_of(&table.name),
            attributes,
            section: Section::PreData,
            depends,
            payloads: table.data.iter().map(|data| self.payload(data, rows)).collect(),
        }))
    }

    /// In MySQL the names of indexes are their table's own, elsewhere they are not.
    fn name_indexes(&mut self, table: &str, attributes: &mut Attributes) {
        for index in &mut attributes.table.indexes {
            index.name = self.names.numbered(&format!("{table}_{}", index.name));
        }
    }

    /// Keys that lead to tables which the backup does not hold.
    fn leave_out_keys(&self, attributes: &mut Attributes) {
        let Attributes { table, left_out } = attributes;
        table.foreign_keys.retain(|key| {
            let is_known = self.known.contains(&key.table);
            if !is_known {
                left_out.push(format!("the foreign key to {}, which the backup does not hold", key.table));
            }
            is_known
        });
    }

    fn is_small(&mut self, table: &TableMembers) -> bool {
        let size = table.data.as_ref().map_or(0, |data| data.size);
        let is_small = size <= COUNTED && self.counted + size <= COUNTED_ALL;
        if is_small {
            self.counted += size;
        }
        is_small
    }

    fn payload(&self, member: &Member, rows: Option<u64>) -> Payload {
        let form = if self.sort == Sort::Portal { XML } else { SQL };
        Payload {
            path: member.path.clone(),
            member: member.path.clone(),
            extent: Extent::Whole,
            compression: Compression::None,
            form: form.to_owned(),
            bytes: Some(member.size),
            rows,
        }
    }
}

fn name_of(table: &str) -> ObjectName {
    ObjectName { kind: "table".to_owned(), schema: Some(SCHEMA.to_owned()), name: table.to_owned() }
}
