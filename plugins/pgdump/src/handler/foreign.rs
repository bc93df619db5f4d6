//! Targets that are not PostgreSQL: tables with their rows, and what is told of all that they cannot keep.

use reinstate_plugin::{Counts, Failure, Finding, LeaveOut, Object, Outlook, Target, definitions};

use super::{leaves_out, no_such_part, unreadable};
use crate::attributes::Attributes;
use crate::kinds;

mod column;
mod inserts;
mod statement;
mod table;
mod view;

#[cfg(test)]
pub(super) use table::decode;

/// Kinds that became part of their table, or have no meaning without PostgreSQL's own ways of keeping rows.
const PARTS: [&str; 10] = [
    "CHECK CONSTRAINT",
    "CONSTRAINT",
    "DEFAULT",
    "FK CONSTRAINT",
    "INDEX",
    "INDEX ATTACH",
    "SEQUENCE OWNED BY",
    "SEQUENCE SET",
    "STATISTICS DATA",
    "TABLE ATTACH",
];

pub(super) fn plan(object: &Object, entry: &Attributes, target: &Target) -> Result<Outlook, Failure> {
    let mut outlook = match object.source.kind.as_str() {
        kinds::TABLE => table::plan(object, entry, target)?,
        "view" => view::plan(object, entry, target),
        _ => Outlook::new(),
    };
    outlook.findings.extend(unreadable(object, entry));
    outlook.findings.extend(not_kept(object, entry));
    Ok(outlook)
}

pub(super) fn begin(object: &Object, entry: &Attributes, target: &Target) -> Result<(), Failure> {
    match object.source.kind.as_str() {
        _ if object.rows_only => Ok(()),
        kinds::TABLE => table::begin(object, entry, target),
        "view" => view::begin(object, entry),
        _ => Ok(()),
    }
}

pub(super) fn restore(object: &Object, entry: &Attributes, target: &Target, part: u32) -> Result<Counts, Failure> {
    object.part(part)?;
    match object.source.kind.as_str() {
        kinds::TABLE => table::restore(object, entry, target, part),
        // The plan said that they are not kept.
        kinds::TABLE_ROWS | kinds::LARGE_OBJECT => Ok(Counts { rows: 0, bytes: 0 }),
        _ => Err(no_such_part(object)),
    }
}

pub(super) fn end(object: &Object, entry: &Attributes, target: &Target) -> Result<(), Failure> {
    if object.source.kind == kinds::TABLE && !object.rows_only { table::end(object, entry, target) } else { Ok(()) }
}

pub(super) fn verify(object: &Object, entry: &Attributes, target: &Target) -> Result<Vec<Finding>, Failure> {
    if object.source.kind == kinds::TABLE { table::verify(object, entry, target) } else { Ok(Vec::new()) }
}

/// What the target has no word for. Nothing is done for such an object.
fn not_kept(object: &Object, entry: &Attributes) -> Option<Finding> {
    let desc = entry.desc.as_str();
    let why = match desc {
        _ if matches!(object.source.kind.as_str(), kinds::TABLE | "view") || PARTS.contains(&desc) => return None,
        "ACL" | "DEFAULT ACL" if leaves_out(object, LeaveOut::PRIVILEGES) => return None,
        "COMMENT" if leaves_out(object, LeaveOut::COMMENTS) => return None,
        "SCHEMA" | "DATABASE" | "DATABASE PROPERTIES" => return None,
        "SEQUENCE" => "the target has no sequences; automatic keys go on behind the largest one",
        "MATERIALIZED VIEW" | "MATERIALIZED VIEW DATA" => "the target has no materialized views",
        "BLOB" | "BLOB METADATA" | "BLOBS" => "the target has no large objects; what they hold is left out",
        "TABLE DATA" if object.source.kind == kinds::TABLE_ROWS => {
            "its rows are to be sorted into partitions, or belong to another server; they are left out"
        }
        "FUNCTION" | "PROCEDURE" | "AGGREGATE" | "TRIGGER" | "RULE" => "it is written for PostgreSQL",
        "TYPE" | "DOMAIN" => "the target has no such types; its values are kept as text",
        _ => "the target has no word for it",
    };
    Some(Finding::warning(
        "pgdump.not_kept",
        format!("{} is not kept: {why}", object.source),
        "Restore into PostgreSQL where it is needed, or make it by hand",
    ))
}

/// Stages a definition document; a target that keeps none has been told of what it does not get.
fn keep(document: &str) -> Result<(), Failure> {
    match definitions::put(document) {
        Err(failure) if failure.code != "target.unsupported" => Err(failure),
        _ => Ok(()),
    }
}
