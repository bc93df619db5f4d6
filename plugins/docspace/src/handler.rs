//! Restores tables: their definitions as far as targets have words for them, their rows decoded.

use std::cell::Cell;
use std::io::BufRead;

use reinstate_plugin::portable::Portable;
use reinstate_plugin::rows::copy_text::{self, Ending};
use reinstate_plugin::rows::{COPY_TEXT, Field};
use reinstate_plugin::tables::Summary;
use reinstate_plugin::{
    Counts, Description, EntryReader, Failure, Finding, Handler, Kind, Object, Outlook, Target, declared_rows,
    definitions, description, entries, tables,
};
use serde_json::json;

use crate::attributes::{Attributes, DIALECT, SQL, XML};
use crate::convert::Shape;
use crate::dump::Dump;
use crate::portal::Portal;
use crate::rows::Rows;

mod lines;

use lines::Lines;

/// The handler of tables.
#[derive(Debug)]
pub struct DocSpaceHandler;

impl Handler for DocSpaceHandler {
    fn describe() -> Description {
        description!(Kind::in_schema("table"))
    }

    fn plan(object: &Object, target: &Target) -> Result<Outlook, Failure> {
        let attributes = Attributes::of(object)?;
        let mut outlook = Outlook { bytes: object.attributes.len() as u64, ..Outlook::new() };
        if !object.definitions_only {
            outlook.rows = declared_rows(&object.entries).unwrap_or(0);
            outlook.bytes = object.entry_bytes().saturating_add(object.entry_bytes() / 5);
        }
        for key in &attributes.table.foreign_keys {
            let name = object.sibling("table", &key.table);
            if name != object.source {
                outlook.depend_on(name);
            }
        }
        outlook.findings = unknown_forms(object);
        let table = portable(&attributes, object, target);
        if !object.rows_only {
            outlook.findings.extend(not_kept(object, target, &left_out(&attributes, &table)));
            outlook.findings.extend(table.long_names(object, target));
        }
        Ok(outlook)
    }

    fn begin(object: &Object, target: &Target) -> Result<(), Failure> {
        let attributes = Attributes::of(object)?;
        let table = portable(&attributes, object, target);
        tables::create("", &table.definition)?;
        if left_out(&attributes, &table).is_empty() {
            return Ok(());
        }
        match definitions::put(&document(object, &attributes)) {
            Err(failure) if failure.code != "target.unsupported" => Err(failure),
            _ => Ok(()),
        }
    }

    fn restore(object: &Object, target: &Target, part: u32) -> Result<Counts, Failure> {
        let read = |max| entries::read(part, max);
        let restored = rows(object, target, part, read).map_err(|failure| failure.in_part(object, part));
        restored
    }

    fn end(object: &Object, target: &Target) -> Result<(), Failure> {
        let indexes = portable(&Attributes::of(object)?, object, target).indexes;
        if indexes.is_empty() { Ok(()) } else { tables::create_indexes("", &indexes) }
    }

    fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure> {
        let expected = portable(&Attributes::of(object)?, object, target).definition.columns;
        Ok(differences(object, expected.into_iter().map(|column| column.name).collect(), &tables::summarize("")?))
    }
}

fn portable(attributes: &Attributes, object: &Object, target: &Target) -> Portable {
    let object = Object { dialect: DIALECT.to_owned(), ..object.clone() };
    Portable::of(attributes.table.clone(), &object, target)
}

/// All that the target is not given, in words.
fn left_out(attributes: &Attributes, table: &Portable) -> Vec<String> {
    let mut all = attributes.left_out.clone();
    all.extend(table.left_out.iter().map(|left_out| left_out.what.clone()));
    all
}

/// Decodes an entry: into COPY text first, which every target takes in its own way.
fn rows(
    object: &Object,
    target: &Target,
    part: u32,
    mut read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
) -> Result<Counts, Failure> {
    let attributes = Attributes::of(object)?;
    let names = attributes.names();
    let bytes = Cell::new(0);
    let source = EntryReader::new(|max| {
        let chunk = read(max)?;
        bytes.set(bytes.get() + chunk.len() as u64);
        Ok(chunk)
    });
    let form = object.part(part)?.form.as_str();
    let mut lines = Lines::new(open(form, source, object, &names)?, shapes(&attributes, form == XML), &names);
    let fields = portable(&attributes, object, target).fields;
    let counts = append(&fields, &names, target, |_| lines.chunk())?;
    Ok(Counts { bytes: bytes.get(), ..counts })
}

fn shapes(attributes: &Attributes, base64: bool) -> Vec<Shape> {
    attributes.table.columns.iter().map(|column| Shape::of(column, base64)).collect()
}

fn open<'a>(
    form: &str,
    source: impl BufRead + 'a,
    object: &Object,
    names: &[String],
) -> Result<Box<dyn Rows + 'a>, Failure> {
    match form {
        XML => {
            let (portal, schema) = Portal::open(source)?;
            let found = schema.table().columns.into_iter().map(|column| column.name);
            if !found.eq(names.iter().cloned()) {
                return Err(crate::fault::damaged("The table has other columns than when the archive was opened"));
            }
            Ok(Box::new(portal))
        }
        SQL => Ok(Box::new(Dump::new(source, &object.source.name, names.to_vec()))),
        other => Err(Failure::new("docspace.unknown_form", format!("Rows in the form `{other}` cannot be read"))),
    }
}

fn append(
    fields: &[Field],
    names: &[String],
    target: &Target,
    read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
) -> Result<Counts, Failure> {
    if target.forms.iter().any(|form| form == COPY_TEXT) {
        return copy_text::pass(Ending::Open, read, |batch| tables::append("", names, COPY_TEXT, batch).map(|_| ()));
    }
    copy_text::decode(fields, Ending::Open, read, |batch, rows| {
        let taken = tables::append("", &[], "arrow", batch)?;
        if taken == rows {
            return Ok(());
        }
        Err(Failure::new("table.rows_not_taken", format!("The target took {taken} of {rows} rows")))
    })
}

fn unknown_forms(object: &Object) -> Vec<Finding> {
    let unknown = object.entries.iter().filter(|entry| !matches!(entry.form.as_str(), XML | SQL));
    let finding = |entry: &reinstate_plugin::Entry| {
        let message = format!("The entry {} of {} has the form `{}`", entry.path, object.source, entry.form);
        Finding::refusal("docspace.unknown_form", message, "Exclude the table")
    };
    unknown.map(finding).collect()
}

/// One finding for all that a table loses.
fn not_kept(object: &Object, target: &Target, left_out: &[String]) -> Option<Finding> {
    const MOST: usize = 20;
    if left_out.is_empty() {
        return None;
    }
    let more = left_out.len().saturating_sub(MOST);
    let mut list = left_out[..left_out.len().min(MOST)].join("; ");
    if more > 0 {
        list.push_str(&format!("; and {more} more"));
    }
    Some(Finding::note(
        "docspace.not_kept",
        format!("Of {} {} does not keep: {list}", object.source, target.kind),
        "Look whether the table is of use without it; its definition is kept as a document",
    ))
}

/// The table's definition in the words of our own archives, and what it says beyond them.
fn document(object: &Object, attributes: &Attributes) -> String {
    let kind = &object.source.kind;
    json!({ "kind": kind, "dialect": DIALECT, "attributes": attributes.table, "left_out": attributes.left_out })
        .to_string()
}

fn differences(object: &Object, columns: Vec<String>, staged: &Summary) -> Vec<Finding> {
    let mut findings = Vec::new();
    let expected = if object.definitions_only { Some(0) } else { declared_rows(&object.entries) };
    if let Some(expected) = expected.filter(|expected| *expected != staged.rows) {
        let message = format!("{} rows are staged, the archive has {expected}", staged.rows);
        findings.push(Finding::refusal(
            "table.row_count",
            message,
            "Verify the archive; if it is whole, restore the table again",
        ));
    }
    if columns != staged.columns {
        let message =
            format!("The columns {} are staged, they should be {}", staged.columns.join(", "), columns.join(", "));
        findings.push(Finding::refusal("table.columns", message, "Restore the table again; if it stays, report it"));
    }
    findings
}

#[cfg(test)]
mod tests;
