//! Holds a manifest against the archive that it came in: its digest, and that both name the same members.

use std::fmt::{self, Write as _};
use std::io::Read as _;

use crate::archive::stream::HARMLESS_BYTES;
use crate::archive::{Archive, Member};
use crate::error::{Error, Result};

use super::manifest::{self, NAME, SUM_NAME};
use super::{Digest, Entry, Object, ObjectName};

/// What compressed members are called.
pub(super) const COMPRESSED: &str = ".zst";

/// The manifest's bytes.
pub(super) fn manifest_bytes(archive: &Archive) -> Result<Vec<u8>> {
    let Some(member) = archive.member(NAME) else {
        let location = archive.location();
        let message = format!(
            "{location} is not an archive of reinstate: it has no {NAME}; \
             `reinstate pack DIR -o FILE` makes an archive from a plain directory"
        );
        return Err(Error::new("catalog.unrecognised", message));
    };
    let limit = archive.limits().manifest_bytes;
    if member.size > limit {
        let message = format!("{NAME} has {} bytes and the limit is {limit}", member.size);
        return Err(Error::new("archive.limit", message).entry(NAME));
    }
    read(archive, member)
}

/// Compares with the digest that came beside the manifest.
pub(super) fn check_digest(archive: &Archive, found: Digest) -> Result<()> {
    let missing = || Error::new("archive.entry_missing", format!("The archive has no {SUM_NAME}")).entry(SUM_NAME);
    let member = archive.member(SUM_NAME).ok_or_else(missing)?;
    let expected = manifest::sum(found);
    let stated = if member.size == expected.len() as u64 { read(archive, member)? } else { Vec::new() };
    if stated.eq_ignore_ascii_case(expected.as_bytes()) {
        return Ok(());
    }
    let message = format!(
        "{NAME} is not what {SUM_NAME} says: the archive is damaged or was changed; take it again from its source"
    );
    Err(Error::new("catalog.checksum_mismatch", message).entry(NAME))
}

fn read(archive: &Archive, member: &Member) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(member.size).unwrap_or(0));
    archive.read(member)?.read_to_end(&mut bytes).map_err(|error| {
        Error::new("archive.io", format!("{} cannot be read: {error}", member.path)).entry(&member.path)
    })?;
    Ok(bytes)
}

/// Every object once, every entry a member of its own, every member an entry.
pub(super) fn check_objects(archive: &Archive, objects: &[Object]) -> Result<()> {
    check_names(objects)?;
    let mut named = vec![false; archive.members().len()];
    for number in [NAME, SUM_NAME].into_iter().filter_map(|path| archive.position(path)) {
        named[number] = true;
    }
    // Members come in the manifest's order: the next one is the likeliest, and a comparison is all it takes.
    let mut likely = 0;
    for object in objects {
        for entry in &object.entries {
            likely = 1 + claim(archive, entry, likely, &mut named).map_err(|error| error.object(&object.name))?;
        }
    }
    match named.iter().position(|named| !named) {
        None => Ok(()),
        Some(number) => Err(unnamed(archive, number)),
    }
}

fn check_names(objects: &[Object]) -> Result<()> {
    let mut names: Vec<&ObjectName> = objects.iter().map(|object| &object.name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => {
            let message = format!("{NAME} has two objects called {}", manifest::shown(pair[0]));
            Err(Error::new("catalog.bad_manifest", message).object(pair[0]))
        }
    }
}

/// Marks the entry's member as named; gives its number.
fn claim(archive: &Archive, entry: &Entry, likely: usize, named: &mut [bool]) -> Result<usize> {
    let shown = Shown(&entry.path);
    let fail = |code: &'static str, message: String| Err(Error::new(code, message).entry(shown.to_string()));
    let is_likely = archive.members().get(likely).is_some_and(|member| member.path == entry.path);
    let Some(number) = (if is_likely { Some(likely) } else { archive.position(&entry.path) }) else {
        return fail(
            "archive.entry_missing",
            format!("{NAME} names the entry {shown}, which the archive does not hold"),
        );
    };
    if named[number] {
        return fail("catalog.bad_manifest", format!("{NAME} names the entry {shown} twice"));
    }
    named[number] = true;
    let stored = archive.members()[number].size;
    let ratio = archive.limits().ratio;
    if !entry.path.ends_with(COMPRESSED) {
        if entry.bytes != stored {
            let message = format!("The entry {shown} has {stored} bytes and {NAME} says {}", entry.bytes);
            return fail("archive.checksum_mismatch", message);
        }
    } else if entry.bytes > HARMLESS_BYTES && entry.bytes > stored.saturating_mul(ratio) {
        let message = format!(
            "The entry {shown} says that it grows from {stored} to {} bytes, more than {ratio} times",
            entry.bytes
        );
        return fail("archive.limit", message);
    }
    Ok(number)
}

fn unnamed(archive: &Archive, number: usize) -> Error {
    let name = Shown(&archive.members()[number].path);
    let message =
        format!("Entry {} `{name}` is refused: {NAME} does not name it; an archive holds nothing else", number + 1);
    Error::new("archive.bad_entry", message).entry(name.to_string())
}

/// A path for a message: escaped and cut, only when it is written.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_debug().take(300).try_for_each(|letter| f.write_char(letter))
    }
}
