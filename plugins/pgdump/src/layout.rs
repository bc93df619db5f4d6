//! Understands dumps: tells which objects an archive of pg_dump, or a script of roles, holds, and where their bytes are.

use reinstate_plugin::{ArchiveReader, Backup, Failure, Item, Layout};

use data::Data;
use find::{Files, Found};
use header::Header;
use input::Input;
use items::Dump;
use objects::Objects;
use toc::Toc;

mod data;
mod encoding;
mod fault;
mod find;
mod header;
mod input;
mod items;
mod objects;
mod script;
pub(crate) mod sql;
#[cfg(test)]
pub(crate) mod tests;
mod toc;

/// Most objects that are given at once.
const PAGE_ITEMS: usize = 2_000;
/// Bytes of attributes behind which no further object is added to what is given at once.
const PAGE_BYTES: usize = 4 << 20;
/// The SQL dialect of every statement.
const DIALECT: &str = "postgresql";
/// A time for backups that do not say when they were taken.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// The layout of dumps.
#[derive(Debug)]
pub struct PgDump {
    objects: Contents,
    /// How many objects were given.
    given: usize,
}

#[derive(Debug)]
enum Contents {
    Archive(Box<Dump>),
    Script(Vec<Item>),
}

impl Layout for PgDump {
    fn recognise(archive: &dyn ArchiveReader) -> Option<String> {
        find::recognise(archive)
    }

    fn open(archive: &dyn ArchiveReader) -> Result<(Self, Backup), Failure> {
        let (objects, backup) = match find::find(archive) {
            Some(Found::Archive(files)) => open_archive(archive, files)?,
            Some(Found::Script(member)) => {
                let (items, backup) = script::open(archive, &member)?;
                (Contents::Script(items), backup)
            }
            None => return Err(fault::unsupported("The archive is no dump of pg_dump or pg_dumpall --globals-only")),
        };
        Ok((Self { objects, given: 0 }, backup))
    }

    fn objects(&mut self, _: &dyn ArchiveReader) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < PAGE_ITEMS && bytes < PAGE_BYTES {
            let Some(item) = self.objects.item(self.given)? else { break };
            bytes += weight(&item);
            items.push(item);
            self.given += 1;
        }
        Ok(items)
    }
}

/// Bytes that an item takes, roughly.
fn weight(item: &Item) -> usize {
    item.attributes.len() + 64 * item.depends.len() + 128 * item.payloads.len()
}

impl Contents {
    fn item(&self, place: usize) -> Result<Option<Item>, Failure> {
        match self {
            Self::Archive(dump) => dump.item(place),
            Self::Script(items) => Ok(items.get(place).cloned()),
        }
    }
}

fn open_archive(archive: &dyn ArchiveReader, files: Files) -> Result<(Contents, Backup), Failure> {
    let main = files.main.clone();
    let mut input = Input::new(archive, &main.path, main.size);
    let header = Header::read(&mut input)?;
    let toc = Toc::read(&mut input, &header)?;
    let mut data = Data::locate(archive, &mut input, &files, &toc.entries, header.codec)?;
    let objects = Objects::build(&toc, &mut data)?;
    let backup = backup(header, &toc);
    Ok((Contents::Archive(Box::new(Dump { files, toc, data, objects })), backup))
}

fn backup(header: Header, toc: &Toc) -> Backup {
    let created = header.created.unwrap_or_else(|| NO_TIME.to_owned());
    let database = toc.encoding.decode(header.database.clone());
    let database = database.unwrap_or_else(|| String::from_utf8_lossy(&header.database).into_owned());
    let server = header.server.split_whitespace().next().unwrap_or_default().to_owned();
    Backup {
        name: if database.is_empty() { "dump".to_owned() } else { database },
        id: created.trim_end_matches('Z').to_owned(),
        created,
        position: None,
        source: format!("postgres {server}").trim_end().to_owned(),
        dialect: DIALECT.to_owned(),
    }
}
