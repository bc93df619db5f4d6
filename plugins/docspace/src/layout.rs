//! Understands backups of DocSpace: tells which tables, people and stored files an archive holds, and where their bytes are.

use std::collections::VecDeque;

use reinstate_plugin::{ArchiveReader, Backup, Failure, Item, Layout};

use crate::attributes::DIALECT;
use crate::fault::damaged;

mod contents;
mod files;
mod names;
mod people;
mod stored;
mod tables;

use contents::{Contents, Sort};
use files::Directories;
use tables::Tables;

/// Most objects that are given at once.
const PAGE_ITEMS: usize = 500;
/// Bytes of attributes behind which no further object is added to what is given at once.
const PAGE_BYTES: usize = 4 << 20;
/// The schema that tables are in: the server has one database, and folders of the backup are no part of tables' names.
const SCHEMA: &str = "docspace";
/// The backup does not say when it was taken.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// The layout of DocSpace.
#[derive(Debug)]
pub struct DocSpace {
    tables: Tables,
    rest: VecDeque<Item>,
}

impl Layout for DocSpace {
    fn recognise(archive: &dyn ArchiveReader) -> Option<String> {
        let contents = Contents::recognise(archive)?;
        let what = match contents.sort {
            Sort::Portal => "DocSpace portal",
            Sort::Dump => "DocSpace server",
        };
        Some(format!("{what}, {} tables, {} stored files", contents.tables.len(), contents.files.len()))
    }

    fn open(archive: &dyn ArchiveReader) -> Result<(Self, Backup), Failure> {
        let Some(contents) = Contents::recognise(archive) else {
            return Err(damaged("The archive is no backup of DocSpace"));
        };
        let name = match contents.sort {
            Sort::Portal => people::alias(archive, &contents)?.unwrap_or_else(|| "portal".to_owned()),
            Sort::Dump => "workspace".to_owned(),
        };
        let mut rest: VecDeque<Item> = people::items(archive, &contents)?.into();
        rest.extend(Directories::find(archive, &contents)?.items());
        let tables = Tables::new(contents);
        let backup = Backup {
            name,
            id: NO_TIME.trim_end_matches('Z').to_owned(),
            created: NO_TIME.to_owned(),
            position: None,
            source: "docspace".to_owned(),
            dialect: DIALECT.to_owned(),
        };
        Ok((Self { tables, rest }, backup))
    }

    fn objects(&mut self, archive: &dyn ArchiveReader) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < PAGE_ITEMS && bytes < PAGE_BYTES {
            let item = match self.tables.next(archive)? {
                Some(item) => item,
                None => match self.rest.pop_front() {
                    Some(item) => item,
                    None => break,
                },
            };
            bytes += item.attributes.len() + 256 * item.payloads.len();
            items.push(item);
        }
        Ok(items)
    }
}

#[cfg(test)]
pub(crate) use tests::fixture;

#[cfg(test)]
mod tests;
