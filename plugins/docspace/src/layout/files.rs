//! Stored files, as directories: an object for what lies below a folder of the server's storage.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use reinstate_plugin::{
    ArchiveReader, Compression, Extent, Failure, Item, Member, MemberReader, ObjectName, Payload, Section,
};
use serde_json::json;

use crate::fault::{bad_xml, too_large};
use crate::xml::{Event, Tag, Xml, local};

use super::contents::Contents;

/// Files of an object: each part of it is restored with the whole list at hand.
const MOST: usize = 500;
/// Files that lists name.
const LISTED: usize = 2_000_000;
/// Bytes of a place in the storage.
const LONGEST: usize = 4096;

/// What lies in a directory.
#[derive(Debug, Default)]
struct Directory {
    /// Names with their members.
    files: Vec<(String, Member)>,
    /// Names that the server's lists have and the archive has not.
    missing: Vec<String>,
}

/// All directories by their names.
#[derive(Debug, Default)]
pub(super) struct Directories(BTreeMap<String, Directory>);

impl Directories {
    /// Sorts the files into directories, and holds them against the server's lists.
    pub(super) fn find(archive: &dyn ArchiveReader, contents: &Contents) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mut missing = BTreeSet::new();
        let known: HashSet<&str> = contents.files.iter().map(|(place, _)| place.as_str()).collect();
        for list in &contents.lists {
            read(archive, list, |place| {
                if !known.contains(place.as_str()) {
                    missing.insert(place);
                }
                if missing.len() > LISTED { Err(too_large("The list names too many files")) } else { Ok(()) }
            })
            .map_err(|failure| failure.entry(&list.path))?;
        }
        for (place, member) in &contents.files {
            let (directory, name) = split(place);
            found.0.entry(directory.to_owned()).or_default().files.push((name.to_owned(), member.clone()));
        }
        for place in missing {
            let (directory, name) = split(&place);
            found.0.entry(directory.to_owned()).or_default().missing.push(name.to_owned());
        }
        Ok(found)
    }

    /// The directories as objects; a large one is several.
    pub(super) fn items(self) -> impl Iterator<Item = Item> {
        self.0.into_iter().flat_map(|(name, directory)| {
            let parts = directory.files.len().max(directory.missing.len()).div_ceil(MOST);
            (0..parts).map(move |part| {
                let name = if part == 0 { name.clone() } else { format!("{name} #{}", part + 1) };
                item(name, chunk(&directory.files, part), chunk(&directory.missing, part))
            })
        })
    }
}

fn chunk<T>(all: &[T], part: usize) -> &[T] {
    let from = (part * MOST).min(all.len());
    &all[from..(from + MOST).min(all.len())]
}

/// The directory, at most two names deep, and what a file is called in it.
fn split(place: &str) -> (&str, &str) {
    let slashes: Vec<usize> = place.match_indices('/').map(|(at, _)| at).take(2).collect();
    match slashes.last() {
        Some(at) => (&place[..*at], &place[at + 1..]),
        None => (".", place),
    }
}

fn item(name: String, files: &[(String, Member)], missing: &[String]) -> Item {
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let mut attributes = json!({ "files": names });
    if !missing.is_empty() {
        attributes["missing_files"] = json!(missing);
    }
    Item {
        name: ObjectName { kind: "directory".to_owned(), schema: None, name },
        attributes: attributes.to_string(),
        section: Section::Data,
        depends: Vec::new(),
        payloads: files.iter().map(|(_, member)| payload(member)).collect(),
    }
}

fn payload(member: &Member) -> Payload {
    Payload {
        path: member.path.clone(),
        member: member.path.clone(),
        extent: Extent::Whole,
        compression: Compression::None,
        form: "bytes".to_owned(),
        bytes: Some(member.size),
        rows: None,
    }
}

/// Reads a list: a root, and an element `file` for each file, with the parts of its place.
fn read(
    archive: &dyn ArchiveReader,
    list: &Member,
    mut take: impl FnMut(String) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut xml = Xml::new(MemberReader::new(archive, &list.path));
    let (mut depth, mut place, mut part) = (0, Place::default(), None);
    let mut files = 0;
    loop {
        match xml.next()? {
            Event::Open(tag) => {
                depth += 1;
                match (depth, local(&tag.name)) {
                    (1, _) => {}
                    (2, "file") => place = Place::of(&tag),
                    (3, name) => part = Some(name.to_owned()),
                    _ => return Err(bad_xml("The list of files has an element where none should be").row(files + 1)),
                }
            }
            Event::Text(text) => place.add(part.as_deref(), &text).map_err(|failure| failure.row(files + 1))?,
            Event::Close => {
                if depth == 2 {
                    files += 1;
                    let place = std::mem::take(&mut place).joined();
                    let place = place.ok_or_else(|| bad_xml("A file of the list has no path").row(files))?;
                    take(place)?;
                }
                (depth, part) = (depth - 1, None);
            }
            Event::End => return Ok(()),
        }
    }
}

/// Where a file is in the server's storage.
#[derive(Debug, Default)]
struct Place {
    module: String,
    domain: String,
    path: String,
}

impl Place {
    fn of(tag: &Tag) -> Self {
        let part = |name: &str| tag.get(name).unwrap_or_default().to_owned();
        Self { module: part("module"), domain: part("domain"), path: part("path") }
    }

    fn add(&mut self, part: Option<&str>, text: &str) -> Result<(), Failure> {
        let part = match part {
            Some("module") => &mut self.module,
            Some("domain") => &mut self.domain,
            Some("path") => &mut self.path,
            _ => return Ok(()),
        };
        part.push_str(text);
        if part.len() > LONGEST { Err(too_large("A file's place is too long")) } else { Ok(()) }
    }

    /// Nothing without a path.
    fn joined(self) -> Option<String> {
        let parts = [&self.module, &self.domain, &self.path].map(|part| part.trim().trim_matches('/').to_owned());
        let is_there = !parts[2].is_empty();
        is_there.then(|| parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
    }
}
