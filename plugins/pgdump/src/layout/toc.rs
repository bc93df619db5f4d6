//! The table of contents: every entry of the dump, its text in UTF-8.

use std::collections::HashMap;

use reinstate_plugin::Failure;

use super::encoding::Encoding;
use super::fault::{damaged, unsupported};
use super::header::{Format, Header};
use super::input::{Input, Offset};
use super::sql;

/// Memory that an entry takes beside its text, roughly, with the object that becomes of it.
const ENTRY_BYTES: u64 = 768;
/// Memory that a dependency takes.
const DEPENDENCY_BYTES: u64 = 16;

/// One entry.
#[derive(Debug, Default, Clone)]
pub(super) struct Entry {
    pub(super) dump_id: i64,
    pub(super) has_data: bool,
    pub(super) tag: String,
    pub(super) desc: String,
    /// 1 none, 2 before data, 3 data, 4 after data.
    pub(super) section: i64,
    pub(super) definition: String,
    pub(super) drop: String,
    pub(super) copy: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) tablespace: Option<String>,
    pub(super) access_method: Option<String>,
    pub(super) relkind: Option<char>,
    pub(super) owner: Option<String>,
    /// Positions of other entries of the table.
    pub(super) depends: Vec<u32>,
    pub(super) place: Place,
}

/// Where an entry's data are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the custom file.
    Offset(Offset),
    /// In a file beside the table of contents; empty where there are none.
    File(String),
}

impl Default for Place {
    fn default() -> Self {
        Self::File(String::new())
    }
}

/// The table of contents.
#[derive(Debug)]
pub(super) struct Toc {
    pub(super) entries: Vec<Entry>,
    pub(super) encoding: Encoding,
    pub(super) std_strings: bool,
    /// The search path under which everything was written; absent in old dumps, which set one for each entry.
    pub(super) search_path: Option<String>,
}

/// An entry whose text is still in the dump's encoding.
struct Raw {
    dump_id: i64,
    has_data: bool,
    tag: Vec<u8>,
    desc: String,
    section: i64,
    definition: Vec<u8>,
    drop: Vec<u8>,
    copy: Option<Vec<u8>>,
    schema: Option<Vec<u8>>,
    tablespace: Option<Vec<u8>>,
    access_method: Option<Vec<u8>>,
    relkind: i64,
    owner: Option<Vec<u8>>,
    depends: Vec<i64>,
    place: Place,
}

impl Toc {
    /// Reads it and leaves the input behind it.
    pub(super) fn read(input: &mut Input<'_>, header: &Header) -> Result<Self, Failure> {
        let raw = read_entries(input, header)?;
        let setting = |desc: &str| raw.iter().find(|entry| entry.desc == desc).map(|entry| literals(&entry.definition));
        let last = |literals: Vec<String>| literals.into_iter().next_back();
        let encoding = Encoding::named(&setting("ENCODING").and_then(last).unwrap_or_else(|| "UTF8".to_owned()));
        let std_strings = setting("STDSTRINGS").and_then(last).is_none_or(|value| value == "on");
        let search_path = setting("SEARCHPATH").and_then(last);
        let entries = decode(raw, &encoding)?;
        Ok(Self { entries, encoding, std_strings, search_path })
    }
}

/// The constants in a statement.
fn literals(statement: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(statement);
    sql::tokens(&text).filter_map(|token| token.literal()).collect()
}

fn read_entries(input: &mut Input<'_>, header: &Header) -> Result<Vec<Raw>, Failure> {
    let count = input.int()?;
    if count < 0 {
        return Err(damaged(format!("The table of contents states {count} entries")));
    }
    // No memory ahead of the bytes: the count can be anything.
    let mut entries = Vec::new();
    for _ in 0..count {
        input.take(ENTRY_BYTES)?;
        entries.push(read_entry(input, header)?);
    }
    Ok(entries)
}

fn read_entry(input: &mut Input<'_>, header: &Header) -> Result<Raw, Failure> {
    let dump_id = input.int()?;
    let has_data = input.int()? != 0;
    let _table_oid = input.string()?;
    let _oid = input.string()?;
    let tag = input.string()?.unwrap_or_default();
    let desc = String::from_utf8_lossy(&input.string()?.unwrap_or_default()).into_owned();
    let section = input.int()?;
    let definition = input.string()?.unwrap_or_default();
    let drop = input.string()?.unwrap_or_default();
    let copy = input.string()?.filter(|text| !text.is_empty());
    let schema = input.string()?.filter(|text| !text.is_empty());
    let tablespace = input.string()?;
    let access_method = if header.version >= (1, 14) { input.string()? } else { None };
    let relkind = if header.version >= (1, 16) { input.int()? } else { 0 };
    let owner = input.string()?;
    let _with_oids = input.string()?;
    let depends = read_dependencies(input)?;
    let place = match header.format {
        Format::Custom => Place::Offset(input.offset()?),
        Format::Files => Place::File(String::from_utf8_lossy(&input.string()?.unwrap_or_default()).into_owned()),
    };
    Ok(Raw {
        dump_id,
        has_data,
        tag,
        desc,
        section,
        definition,
        drop,
        copy,
        schema,
        tablespace,
        access_method,
        relkind,
        owner,
        depends,
        place,
    })
}

/// Numbers of entries in decimal, ended by an absent string.
fn read_dependencies(input: &mut Input<'_>) -> Result<Vec<i64>, Failure> {
    let mut depends = Vec::new();
    while let Some(digits) = input.string()? {
        input.take(DEPENDENCY_BYTES)?;
        let number = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok());
        depends.push(number.ok_or_else(|| {
            let digits = String::from_utf8_lossy(&digits).chars().take(20).collect::<String>();
            damaged(format!("A dependency is `{}`, which is no entry's number", digits.escape_debug()))
        })?);
    }
    Ok(depends)
}

fn decode(raw: Vec<Raw>, encoding: &Encoding) -> Result<Vec<Entry>, Failure> {
    let mut places = HashMap::with_capacity(raw.len());
    for (at, entry) in raw.iter().enumerate() {
        if places.insert(entry.dump_id, at as u32).is_some() {
            return Err(damaged(format!("The table of contents has the entry {} twice", entry.dump_id)));
        }
    }
    raw.into_iter().map(|entry| decode_entry(entry, encoding, &places)).collect()
}

fn decode_entry(raw: Raw, encoding: &Encoding, places: &HashMap<i64, u32>) -> Result<Entry, Failure> {
    let (dump_id, desc) = (raw.dump_id, raw.desc);
    let text = |bytes: Vec<u8>| {
        if bytes.contains(&0) {
            return Err(damaged(format!("Entry {dump_id} ({}) holds text with a NUL", desc.escape_debug())));
        }
        encoding.decode(bytes).ok_or_else(|| {
            let message = format!("Entry {dump_id} ({}) holds text that is not {}", desc.escape_debug(), encoding.name);
            unsupported(format!("{message} as far as it can be read; take the dump with --encoding=UTF8"))
        })
    };
    let present = |bytes: Option<Vec<u8>>| bytes.filter(|bytes| !bytes.is_empty()).map(text).transpose();
    Ok(Entry {
        dump_id,
        has_data: raw.has_data,
        tag: text(raw.tag)?,
        section: raw.section,
        definition: text(raw.definition)?,
        drop: text(raw.drop)?,
        copy: present(raw.copy)?,
        schema: present(raw.schema)?,
        tablespace: present(raw.tablespace)?,
        access_method: present(raw.access_method)?,
        relkind: u8::try_from(raw.relkind).ok().filter(|kind| *kind != 0).map(char::from),
        owner: present(raw.owner)?,
        depends: positions(&raw.depends, places),
        place: raw.place,
        desc,
    })
}

/// Entries that the table holds, each once; others are boundaries of sections, which are not written.
fn positions(depends: &[i64], places: &HashMap<i64, u32>) -> Vec<u32> {
    let mut positions: Vec<u32> = depends.iter().filter_map(|id| places.get(id).copied()).collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}
