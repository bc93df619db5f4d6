//! Reads a table where it is stored: for its definition, for its rows, for counting them.

use std::collections::HashMap;

use reinstate_plugin::{ArchiveReader, Failure, Member, MemberReader};

use crate::attributes::Attributes;
use crate::dump::{Created, Dump};
use crate::fault::bad_statement;
use crate::portal::Portal;
use crate::rows::{Rows, Value};

use super::contents::{Contents, Sort, TableMembers};

/// What a table is, and its rows.
pub(super) struct Stored<'a> {
    pub(super) attributes: Attributes,
    rows: Option<Box<dyn Rows + 'a>>,
}

/// Opens a table at its first row; nothing when the backup has no definition of it.
pub(super) fn open<'a>(
    archive: &'a dyn ArchiveReader,
    sort: Sort,
    table: &TableMembers,
) -> Result<Option<Stored<'a>>, Failure> {
    let reader = |member: &Member| MemberReader::new(archive, &member.path);
    let (Sort::Dump, Some(scheme)) = (sort, &table.scheme) else {
        let Some(data) = table.data.as_ref().filter(|_| sort == Sort::Portal) else { return Ok(None) };
        let (portal, schema) = Portal::open(reader(data)).map_err(|failure| failure.entry(&data.path))?;
        let attributes = Attributes { table: schema.table(), left_out: Vec::new() };
        return Ok(Some(Stored { attributes, rows: Some(Box::new(portal)) }));
    };
    let created = Created::read(reader(scheme)).map_err(|failure| failure.entry(&scheme.path))?;
    if !created.name.eq_ignore_ascii_case(&table.name) {
        return Err(bad_statement("The definition is that of another table").entry(&scheme.path));
    }
    let attributes = created.attributes();
    let names = attributes.names();
    let rows =
        table.data.as_ref().map(|data| Box::new(Dump::new(reader(data), &table.name, names)) as Box<dyn Rows + 'a>);
    Ok(Some(Stored { attributes, rows }))
}

impl Stored<'_> {
    /// How many rows there are; nothing when one of them cannot be read.
    pub(super) fn count(self) -> Option<u64> {
        let mut rows = self.rows?;
        let mut row = vec![Value::Null; self.attributes.table.columns.len()];
        let mut count = 0;
        while rows.next(&mut row).ok()? {
            count += 1;
        }
        Some(count)
    }
}

/// Calls `take` with each row of a table that the backup may have.
pub(super) fn each(
    archive: &dyn ArchiveReader,
    contents: &Contents,
    table: &str,
    mut take: impl FnMut(Record<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(members) = contents.named(table) else { return Ok(()) };
    let Some(Stored { attributes, rows: Some(mut rows) }) = open(archive, contents.sort, members)? else {
        return Ok(());
    };
    let names: HashMap<String, usize> =
        attributes.names().into_iter().enumerate().map(|(at, name)| (name.to_ascii_lowercase(), at)).collect();
    let mut row = vec![Value::Null; names.len()];
    let path = members.data.as_ref().map_or("", |member| member.path.as_str());
    while rows.next(&mut row).map_err(|failure| failure.entry(path))? {
        take(Record { names: &names, row: &row }).map_err(|failure| failure.entry(path))?;
    }
    Ok(())
}

/// A row with the names of its values.
pub(super) struct Record<'a> {
    names: &'a HashMap<String, usize>,
    row: &'a [Value],
}

impl Record<'_> {
    /// A value as text, where there is one that is not empty; the name in lower case.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let value = self.row.get(*self.names.get(name)?)?;
        value.text().filter(|text| !text.is_empty())
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    pub(super) fn is(&self, name: &str) -> bool {
        matches!(self.text(name).map(str::trim), Some("true" | "1"))
    }
}
