//! Makes a catalog of the objects that a layout found in a foreign backup, and believes only what can be true.

use std::collections::{BTreeMap, HashSet};

use sha2::{Digest as _, Sha256};

use crate::archive::Archive;
use crate::error::{Error, Result};

use super::manifest::{add_up, check_word, is_object, shown};
use super::{Backup, Catalog, Compression, Digest, Entry, Extent, Object, ObjectName, Section, Stored};

/// Bytes of a name: routines are called with the types of all their arguments.
const NAME_BYTES: usize = 8192;

impl Catalog {
    /// A catalog of the objects that the layout of that name gave, in their order. Entries say where they are
    /// ([`Entry::stored`]); where they do not say how long they are ([`Stored::exact`]), it is guessed here.
    ///
    /// Fails with `plugin.bad_answer` or `archive.entry_missing` when something cannot be true. Dependencies on objects that the
    /// backup does not hold are dropped.
    pub fn of_layout(archive: &Archive, layout: &str, backup: Backup, mut objects: Vec<Object>) -> Result<Self> {
        let bad = |object: &ObjectName, reason: String| {
            Error::new("plugin.bad_answer", format!("The layout {layout} {reason}")).object(object)
        };
        let mut paths = HashSet::new();
        for object in &objects {
            check_object(object).map_err(|reason| bad(&object.name, reason))?;
            for entry in &object.entries {
                check_entry(archive, entry)
                    .map_err(|error| error.object(&object.name).entry(&entry.path))?
                    .map_err(|reason| bad(&object.name, reason).entry(&entry.path))?;
                if !paths.insert(entry.path.as_str()) {
                    return Err(bad(&object.name, format!("gave two entries the path {}", entry.path)));
                }
            }
        }
        drop(paths);
        drop_foreign_dependencies(&mut objects)
            .map_err(|twin| bad(&twin, format!("gave two objects the name {}", shown(&twin))))?;
        let digest = digest(archive, layout, &backup, &objects);
        guess_lengths(archive, &mut objects);
        if add_up(&objects).is_none() {
            let message = format!("The layout {layout} gave sizes that add up to more than 2^64");
            return Err(Error::new("plugin.bad_answer", message));
        }
        Ok(Self { backup, objects, digest, layout: Some(layout.to_owned()) })
    }
}

fn check_object(object: &Object) -> Result<(), String> {
    let name = &object.name;
    check_word("kind", &name.kind).map_err(|reason| format!("gave an object of a kind that cannot be: {reason}"))?;
    let texts = [Some(&name.name), name.schema.as_ref()];
    if texts.into_iter().flatten().any(|text| text.len() > NAME_BYTES || text.contains('\0')) {
        return Err(format!("gave an object whose name is longer than {NAME_BYTES} bytes or contains NUL"));
    }
    if name.schema.as_deref() == Some("") {
        return Err("gave an object in a schema without a name".to_owned());
    }
    if !is_object(&object.attributes) {
        return Err("gave attributes that are not a JSON object".to_owned());
    }
    Ok(())
}

/// The inner result is what the layout did wrong, the outer one what is wrong with the archive.
fn check_entry(archive: &Archive, entry: &Entry) -> Result<Result<(), String>> {
    if let Err(reason) = check_word("form", &entry.form) {
        return Ok(Err(format!("gave an entry of a form that cannot be: {reason}")));
    }
    let Some(stored) = &entry.stored else {
        return Ok(Err("gave an entry that is nowhere".to_owned()));
    };
    let Some(member) = archive.member(&stored.member) else {
        let message =
            format!("The archive does not hold {}, which its own contents name", stored.member.escape_debug());
        return Err(Error::new("archive.entry_missing", message));
    };
    let (end, width) = match stored.extent {
        Extent::Whole => (Some(member.size), 1),
        Extent::Span { offset, bytes } => (offset.checked_add(bytes), 1),
        Extent::Blocks { offset, width } => (Some(offset), width),
    };
    if end.is_none_or(|end| end > member.size) {
        let message = format!("The archive was cut: an entry lies behind the end of {}", stored.member.escape_debug());
        return Err(Error::new("archive.truncated", message));
    }
    Ok(if (1..=8).contains(&width) { Ok(()) } else { Err(format!("gave blocks with lengths of {width} bytes")) })
}

/// Fails with a name that two objects have.
fn drop_foreign_dependencies(objects: &mut [Object]) -> Result<(), ObjectName> {
    let names: Vec<ObjectName> = objects.iter().map(|object| object.name.clone()).collect();
    let mut known = HashSet::with_capacity(names.len());
    if let Some(twin) = names.iter().find(|name| !known.insert(*name)) {
        return Err(twin.clone());
    }
    for object in objects {
        let own = &object.name;
        object.depends.retain(|name| name != own && known.contains(name));
    }
    Ok(())
}

/// Lengths for planning, where the backup says none: what is stored, times what such data shrink by.
fn guess_lengths(archive: &Archive, objects: &mut [Object]) {
    let ends = block_ends(archive, objects);
    for entry in objects.iter_mut().flat_map(|object| &mut object.entries) {
        let Some(stored) = entry.stored.as_ref().filter(|stored| !stored.exact) else { continue };
        let size = archive.member(&stored.member).map_or(0, |member| member.size);
        let bytes = match stored.extent {
            Extent::Whole => size,
            Extent::Span { bytes, .. } => bytes,
            Extent::Blocks { offset, .. } => {
                let next = ends.get(stored.member.as_str()).and_then(|starts| {
                    let after = starts.partition_point(|start| *start <= offset);
                    starts.get(after).copied()
                });
                next.unwrap_or(size) - offset
            }
        };
        entry.bytes = bytes.saturating_mul(factor(stored.compression));
    }
}

/// Where the entries made of blocks begin, by member: each ends before the next.
fn block_ends(archive: &Archive, objects: &[Object]) -> BTreeMap<String, Vec<u64>> {
    let mut starts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for stored in objects.iter().flat_map(|object| &object.entries).filter_map(|entry| entry.stored.as_ref()) {
        if let Extent::Blocks { offset, .. } = stored.extent
            && archive.member(&stored.member).is_some()
        {
            starts.entry(stored.member.clone()).or_default().push(offset);
        }
    }
    starts.values_mut().for_each(|starts| starts.sort_unstable());
    starts
}

fn factor(compression: Compression) -> u64 {
    match compression {
        Compression::None => 1,
        Compression::Lz4 => 3,
        Compression::Gzip | Compression::Zlib => 5,
        Compression::Zstd => 6,
    }
}

/// Over the archive's members and everything that the layout said.
fn digest(archive: &Archive, layout: &str, backup: &Backup, objects: &[Object]) -> Digest {
    let mut sum = Sum(Sha256::new());
    sum.text("reinstate layout 1");
    sum.text(layout);
    sum.number(archive.members().len() as u64);
    for member in archive.members() {
        sum.text(&member.path);
        sum.number(member.size);
    }
    let Backup { name, id, created, position, source, dialect } = backup;
    [name, id, created, source, dialect].into_iter().for_each(|text| sum.text(text));
    sum.maybe(position.as_deref());
    sum.number(objects.len() as u64);
    objects.iter().for_each(|object| sum.object(object));
    Digest(sum.0.finalize().into())
}

/// Every value with its length or of a fixed one, so that no two sequences of values are the same bytes.
struct Sum(Sha256);

impl Sum {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text);
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn name(&mut self, name: &ObjectName) {
        self.text(&name.kind);
        self.maybe(name.schema.as_deref());
        self.text(&name.name);
    }

    fn object(&mut self, object: &Object) {
        self.name(&object.name);
        self.text(object.attributes.get());
        self.number(match object.section {
            Section::PreData => 0,
            Section::Data => 1,
            Section::PostData => 2,
        });
        self.number(object.depends.len() as u64);
        object.depends.iter().for_each(|name| self.name(name));
        self.number(object.entries.len() as u64);
        object.entries.iter().for_each(|entry| self.entry(entry));
    }

    fn entry(&mut self, entry: &Entry) {
        self.text(&entry.path);
        self.text(&entry.form);
        self.number(u64::from(entry.rows.is_some()));
        self.number(entry.rows.unwrap_or_default());
        let Some(Stored { member, extent, compression, exact }) = &entry.stored else { return };
        self.text(member);
        let (sort, offset, other) = match *extent {
            Extent::Whole => (0, 0, 0),
            Extent::Span { offset, bytes } => (1, offset, bytes),
            Extent::Blocks { offset, width } => (2, offset, u64::from(width)),
        };
        let compression = match compression {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Zlib => 2,
            Compression::Lz4 => 3,
            Compression::Zstd => 4,
        };
        let length = if *exact { entry.bytes } else { 0 };
        [sort, offset, other, compression, u64::from(*exact), length]
            .into_iter()
            .for_each(|number| self.number(number));
    }
}
