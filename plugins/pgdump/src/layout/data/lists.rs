//! Data in files beside the table of contents; large objects by lists of them.

use reinstate_plugin::{ArchiveReader, Compression, Failure};

use super::super::fault::{damaged, too_large};
use super::super::find::Files;
use super::super::input::Input;
use super::super::toc::{Entry, Place};
use super::{Data, Large, SUFFIXES, Spot, missing};

/// Memory that a large object's place takes.
const LARGE_BYTES: u64 = 64;
/// The list in dumps of servers up to 16, which had one for all.
const ONE_LIST: &str = "blobs.toc";
/// The longest list that is read.
const LONGEST_LIST: u64 = 64 << 20;

pub(super) fn locate(
    archive: &dyn ArchiveReader,
    input: &mut Input<'_>,
    files: &Files,
    entries: &[Entry],
) -> Result<Data, Failure> {
    let mut data = Data::default();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.has_data) {
        let at = at as u32;
        let Place::File(name) = &entry.place else { continue };
        if entry.desc == "BLOBS" {
            data.large.insert(at, large_objects(archive, input, files, entry, name)?);
            continue;
        }
        let own = format!("{}.dat", entry.dump_id);
        let name = if name.is_empty() { &own } else { name };
        let spot =
            file(files, name).ok_or_else(|| missing(entry, &format!("there is no file {}", name.escape_debug())))?;
        data.rows.insert(at, spot);
    }
    Ok(data)
}

/// A file by its name without the suffix.
fn file(files: &Files, name: &str) -> Option<Spot> {
    SUFFIXES.iter().find_map(|(suffix, compression)| {
        let at = files.find(&format!("{name}{suffix}"))?;
        // An empty large object is an empty file, which is no stream of any compression.
        let empty = files.members[at as usize].size == 0;
        let compression = if empty { Compression::None } else { *compression };
        Some(Spot { at: at.into(), empty, compression })
    })
}

/// Lines of a number and a file's name.
fn large_objects(
    archive: &dyn ArchiveReader,
    input: &mut Input<'_>,
    files: &Files,
    entry: &Entry,
    name: &str,
) -> Result<Vec<Large>, Failure> {
    let own = format!("blobs_{}.toc", entry.dump_id);
    let candidates = [Some(name).filter(|name| name.ends_with(".toc")), Some(&own), Some(ONE_LIST)];
    let list = candidates.into_iter().flatten().find_map(|name| files.find(name));
    let list = list.ok_or_else(|| missing(entry, &format!("there is no file {own} or {ONE_LIST}")))?;
    let list = &files.members[list as usize];
    if list.size > LONGEST_LIST {
        return Err(too_large(format!("{} is larger than {} MiB", list.path, LONGEST_LIST >> 20)));
    }
    let text = archive.head(&list.path, list.size as u32)?;
    let text = String::from_utf8_lossy(&text);
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        input.take(LARGE_BYTES)?;
        found.push(large_object(files, entry, line, &list.path)?);
    }
    Ok(found)
}

fn large_object(files: &Files, entry: &Entry, line: &str, list: &str) -> Result<Large, Failure> {
    let wrong = || {
        let line: String = line.escape_debug().take(100).collect();
        damaged(format!("{list} has the line `{line}`, which is not a large object's number and file"))
    };
    let (oid, name) = line.split_once(' ').ok_or_else(wrong)?;
    let oid = oid.parse().ok().filter(|oid| *oid != 0).ok_or_else(wrong)?;
    let spot = file(files, name);
    let spot = spot.ok_or_else(|| {
        missing(entry, &format!("there is no file {} of the large object {oid}", name.escape_debug()))
    })?;
    Ok(Large { oid, spot })
}
