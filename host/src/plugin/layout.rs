//! Asks layouts what a foreign backup holds: one instance recognises it, reads it and gives its objects.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::bindings::layouts::exports::reinstate::plugin::layout as guest;
use super::capability::archive::Container;
use super::guest::{Guest, Instance, Rest};
use super::state::{Phase, State};
use super::text::harmless;
use super::{Limits, Plugin, convert};
use crate::archive::{Archive, MANIFEST};
use crate::cancel::Cancel;
use crate::catalog::{Backup, Catalog, Compression, Entry, Extent, Object, Section, Stored};
use crate::error::{Error, Result};

/// Objects of one backup.
const OBJECTS: usize = 2_000_000;
/// A table of contents is read as a whole, where a handler sees one object: so many times the memory and the bytes in a call.
const ROOM: usize = 2;
const CALL_ROOM: usize = 4;
/// Bytes of a backup's name, its source and the like.
const TEXT_BYTES: usize = 1024;

/// The catalog by the first layout that recognises the archive.
pub(super) fn read<'a>(
    layouts: impl Iterator<Item = &'a Arc<Plugin>>,
    archive: &Arc<Archive>,
    cancel: &Cancel,
) -> Result<Catalog> {
    let (mut asked, mut failed) = (Vec::new(), None);
    for plugin in layouts {
        cancel.check()?;
        match recognise(plugin.guest()?, archive, cancel) {
            Ok(Some(open)) => return open.catalog(&plugin.inspection.name, archive, cancel),
            Ok(None) => asked.push(plugin.inspection.name.as_str()),
            Err(error) if error.is_resumable() => return Err(error),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| unrecognised(archive, &asked)))
}

fn unrecognised(archive: &Archive, asked: &[&str]) -> Error {
    let location = archive.location();
    let layouts = match asked {
        [] => "and no plugin reads foreign backups".to_owned(),
        asked => format!("and is no backup that these layouts know: {}", asked.join(", ")),
    };
    let message = format!(
        "{location} is not an archive of reinstate: it has no {MANIFEST}, {layouts}; \
         `reinstate pack DIR -o FILE` makes an archive from a plain directory, \
         and a script of SQL statements is for the client of its own database (psql, say)"
    );
    Error::new("catalog.unrecognised", message)
}

/// An instance that has recognised its archive.
struct Recognised {
    instance: Instance,
    who: Arc<str>,
}

fn recognise(guest: &Guest, archive: &Arc<Archive>, cancel: &Cancel) -> Result<Option<Recognised>> {
    let limits = Arc::new(limits(&guest.limits));
    let mut state = State::new(Arc::clone(&guest.who), limits, cancel.clone(), None);
    state.container = Some(Container::new(Arc::clone(archive)));
    let instance = guest.start(state)?;
    let (instance, answer) = instance
        .call(Phase::Recognise, &mut Rest::default(), |exports, store| exports.layout()?.call_recognise(store).map(Ok));
    let answer = answer?;
    Ok(instance.filter(|_| answer.is_some()).map(|instance| Recognised { instance, who: Arc::clone(&guest.who) }))
}

fn limits(limits: &Limits) -> Limits {
    Limits {
        memory_bytes: limits.memory_bytes.saturating_mul(ROOM),
        hostcall_bytes: limits.hostcall_bytes.saturating_mul(CALL_ROOM),
        ..limits.clone()
    }
}

impl Recognised {
    fn catalog(self, layout: &str, archive: &Archive, cancel: &Cancel) -> Result<Catalog> {
        let Self { instance, who } = self;
        let mut rest = Rest::default();
        let (instance, opened) =
            instance.call(Phase::Open, &mut rest, |exports, store| exports.layout()?.call_open(store));
        let backup = backup(opened?);
        let mut open = Open { instance, who, objects: Vec::new(), bytes: 0, limit: archive.limits().manifest_bytes };
        while open.more(&mut rest)? {
            cancel.check()?;
        }
        Catalog::of_layout(archive, layout, backup, open.objects)
    }
}

/// An archive that a layout is listing.
struct Open {
    /// Gone after a fault.
    instance: Option<Instance>,
    who: Arc<str>,
    objects: Vec<Object>,
    /// What the objects take, roughly, and what they may.
    bytes: u64,
    limit: u64,
}

impl Open {
    /// Asks for the next objects; whether there were any.
    fn more(&mut self, rest: &mut Rest) -> Result<bool> {
        let gone = || Error::new("host.internal", "A layout's instance is gone");
        let instance = self.instance.take().ok_or_else(gone)?;
        let (instance, items) =
            instance.call(Phase::Objects, rest, |exports, store| exports.layout()?.call_objects(store));
        self.instance = instance;
        rest.log.clear();
        let items = items?;
        let are_there = !items.is_empty();
        for item in items {
            self.take(item)?;
        }
        Ok(are_there)
    }

    fn take(&mut self, item: guest::Item) -> Result<()> {
        let over = |what: String| Error::new("archive.limit", format!("{} gave {what}", self.who));
        if self.objects.len() >= OBJECTS {
            return Err(over(format!("more than {OBJECTS} objects")));
        }
        self.bytes = self.bytes.saturating_add(weight(&item));
        if self.bytes > self.limit {
            return Err(over(format!("objects of more than {} bytes", self.limit)));
        }
        let name = convert::host_name(item.name);
        let attributes = RawValue::from_string(item.attributes).map_err(|error| {
            let message = format!("{} gave attributes that are not JSON: {error}", self.who);
            Error::new("plugin.bad_answer", message).object(&name)
        })?;
        self.objects.push(Object {
            name,
            attributes,
            depends: item.depends.into_iter().map(convert::host_name).collect(),
            entries: item.payloads.into_iter().map(entry).collect(),
            section: section(item.section),
        });
        Ok(())
    }
}

/// Bytes that an object keeps, so that a layout cannot fill the host's memory.
fn weight(item: &guest::Item) -> u64 {
    let depends: usize = item.depends.iter().map(|name| 96 + name.kind.len() + name.name.len()).sum();
    let payloads: usize = item.payloads.iter().map(|payload| 256 + payload.path.len() + payload.member.len()).sum();
    (256 + item.name.name.len() + item.attributes.len() + depends + payloads) as u64
}

fn backup(backup: guest::Backup) -> Backup {
    let text = |text: String| harmless(&text, TEXT_BYTES);
    Backup {
        name: text(backup.name),
        id: text(backup.id),
        created: text(backup.created),
        position: backup.position.map(text),
        source: text(backup.source),
        dialect: text(backup.dialect),
    }
}

fn entry(payload: guest::Payload) -> Entry {
    Entry {
        path: harmless(&payload.path, TEXT_BYTES),
        form: payload.form,
        bytes: payload.bytes.unwrap_or(0),
        rows: payload.rows,
        sha256: None,
        stored: Some(Stored {
            member: payload.member,
            extent: extent(payload.extent),
            compression: compression(payload.compression),
            exact: payload.bytes.is_some(),
        }),
    }
}

fn extent(extent: guest::Extent) -> Extent {
    match extent {
        guest::Extent::Whole => Extent::Whole,
        guest::Extent::Span((offset, bytes)) => Extent::Span { offset, bytes },
        guest::Extent::Blocks((offset, width)) => Extent::Blocks { offset, width },
    }
}

fn compression(compression: guest::Compression) -> Compression {
    match compression {
        guest::Compression::None => Compression::None,
        guest::Compression::Gzip => Compression::Gzip,
        guest::Compression::Zlib => Compression::Zlib,
        guest::Compression::Lz4 => Compression::Lz4,
        guest::Compression::Zstd => Compression::Zstd,
    }
}

fn section(section: guest::Section) -> Section {
    match section {
        guest::Section::PreData => Section::PreData,
        guest::Section::Data => Section::Data,
        guest::Section::PostData => Section::PostData,
    }
}
