//! The statements that make an object, each with its scope and what takes it back.

use reinstate_plugin::sql::Scope;
use reinstate_plugin::{Failure, LeaveOut, Object, Target};

use super::{large_objects, options, owner, scope};
use crate::attributes::Attributes;
use crate::handler::leaves_out;
use crate::handler::reader::Reader;
use crate::kinds;
use crate::layout::sql::quote;

/// Statements that belong in one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statements {
    pub(super) text: String,
    pub(super) scope: Scope,
    /// What takes them back where they reach outside the stage.
    pub(super) undo: Option<String>,
}

/// Everything that is to be executed for the object, rows apart.
pub(super) fn of(object: &Object, entry: &Attributes, target: &Target) -> Result<Vec<Statements>, Failure> {
    if is_left_out(object, entry) || is_of_the_database(entry) || object.source.kind == kinds::TABLESPACE {
        return Ok(Vec::new());
    }
    if object.source.kind == kinds::LARGE_OBJECT {
        return Ok(large_objects::create(object, entry).into_iter().collect());
    }
    let scope = scope::of(object, entry, target);
    let mut all = Vec::new();
    if let Some(text) = definition(entry) {
        all.push(Statements { text, undo: undo(entry, &scope), scope: scope.clone() });
    }
    let owner = owner::statement(entry, object.source.schema.as_deref());
    if let Some(text) = owner.filter(|_| !leaves_out(object, LeaveOut::OWNERS) && has_definition(entry)) {
        add_owner(&mut all, text, scope);
    }
    Ok(all)
}

/// Whether the dump's word for the entry is known.
pub(super) fn is_known(entry: &Attributes) -> bool {
    kinds::KINDS.iter().any(|kind| kind.desc == entry.desc)
}

/// The database and what hangs on it: the one that is restored into has settings of its own, as pg_restore sees it when it does not
/// create the database.
pub(super) fn is_of_the_database(entry: &Attributes) -> bool {
    let hangs = matches!(entry.desc.as_str(), "COMMENT" | "ACL" | "SECURITY LABEL");
    matches!(entry.desc.as_str(), "DATABASE" | "DATABASE PROPERTIES") || hangs && entry.tag.starts_with("DATABASE ")
}

fn is_left_out(object: &Object, entry: &Attributes) -> bool {
    match entry.desc.as_str() {
        "ACL" | "DEFAULT ACL" if leaves_out(object, LeaveOut::PRIVILEGES) => true,
        "COMMENT" if leaves_out(object, LeaveOut::COMMENTS) => true,
        // These are rows: they come with the others and go with them.
        "SEQUENCE SET" | "MATERIALIZED VIEW DATA" | "BLOB" | "BLOB METADATA" | "BLOBS" => object.definitions_only,
        "ACL" | "COMMENT" | "SECURITY LABEL" if entry.tag.starts_with("LARGE OBJECT") => object.definitions_only,
        _ => object.rows_only,
    }
}

/// Old dumps describe the schema `public` with a comment: the server has it already.
fn has_definition(entry: &Attributes) -> bool {
    !entry.definition.trim().is_empty()
}

fn definition(entry: &Attributes) -> Option<String> {
    let definition = entry.definition.trim();
    if definition.is_empty() || definition.starts_with("--") {
        return None;
    }
    match entry.desc.as_str() {
        "SCHEMA" => Some(schema(entry)),
        // The server's own comment on its own schema, which only the schema's owner could repeat.
        "COMMENT" if entry.tag == "SCHEMA public" && definition.ends_with("IS 'standard public schema';") => None,
        "EXTENSION" if !definition.contains(" IF NOT EXISTS ") => {
            Some(definition.replacen("CREATE EXTENSION ", "CREATE EXTENSION IF NOT EXISTS ", 1))
        }
        "PROCEDURAL LANGUAGE" => Some(definition.replacen(
            "CREATE ",
            "CREATE OR REPLACE ",
            usize::from(!definition.contains(" OR REPLACE ")),
        )),
        _ => Some(stored(entry, options::without(definition).trim_end())),
    }
}

/// `CREATE SCHEMA IF NOT EXISTS`: the server comes with some, and another table's restore may have made it. Very old dumps name the
/// owner, which has a statement of its own.
fn schema(entry: &Attributes) -> String {
    format!("CREATE SCHEMA IF NOT EXISTS {};", quote(&entry.tag))
}

/// The definition with where and how it is stored, as pg_restore says it (`_selectTablespace`, `_selectTableAccessMethod`).
fn stored(entry: &Attributes, definition: &str) -> String {
    let mut text = String::new();
    if let Some(tablespace) = entry.tablespace.as_deref().filter(|name| !name.is_empty()) {
        text.push_str(&format!("SET LOCAL default_tablespace = {};\n", quote(tablespace)));
    }
    let method = entry.access_method.as_deref().filter(|name| !name.is_empty());
    let is_partitioned = entry.relkind == Some('p');
    if let Some(method) = method.filter(|method| !is_partitioned && *method != "heap") {
        text.push_str(&format!("SET LOCAL default_table_access_method = {};\n", quote(method)));
    }
    text.push_str(definition);
    if let (Some(method), true, Some((schema, name))) = (method, is_partitioned, created_table(definition)) {
        let schema = schema.map(|schema| format!("{}.", quote(&schema))).unwrap_or_default();
        text.push_str(&format!("\nALTER TABLE {schema}{} SET ACCESS METHOD {};", quote(&name), quote(method)));
    }
    text
}

fn created_table(definition: &str) -> Option<(Option<String>, String)> {
    let mut reader = Reader::new(definition);
    reader.accept("create").then_some(())?;
    let _ = reader.accept("unlogged");
    reader.accept("table").then(|| reader.qualified())?
}

/// What the dump itself says drops it; inside the stage nothing needs to be taken back.
fn undo(entry: &Attributes, scope: &Scope) -> Option<String> {
    let outside = matches!(scope, Scope::Database | Scope::Foundation);
    let drop = entry.drop.trim();
    (outside && !drop.is_empty() && !drop.starts_with("--")).then(|| drop.to_owned())
}

/// The owner is set where the object is made; of a schema, which may have been there, with the switch.
fn add_owner(all: &mut Vec<Statements>, text: String, scope: Scope) {
    match all.last_mut() {
        Some(last) if scope != Scope::Foundation => {
            last.text.push('\n');
            last.text.push_str(&text);
        }
        _ => {
            let scope = if scope == Scope::Foundation { Scope::Database } else { scope };
            all.push(Statements { text, scope, undo: None });
        }
    }
}

/// A name, with its schema where one is written.
pub(super) type Qualified = (Option<String>, String);

/// The tables of `ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (…) REFERENCES b …`.
pub(super) fn tables_of_foreign_key(definition: &str) -> Vec<Qualified> {
    let mut reader = Reader::new(definition);
    if !reader.accept("alter table") {
        return Vec::new();
    }
    let _ = reader.accept("only");
    let mut tables: Vec<Qualified> = reader.qualified().into_iter().collect();
    reader.until(|reader| reader.sees("references"));
    if reader.accept("references") {
        tables.extend(reader.qualified());
    }
    tables.dedup();
    tables
}

/// The parent and the partition of `ALTER TABLE ONLY parent ATTACH PARTITION child …`.
pub(super) fn attached(definition: &str) -> Option<Vec<Qualified>> {
    let mut reader = Reader::new(definition);
    reader.accept("alter table").then_some(())?;
    let _ = reader.accept("only");
    let parent = reader.qualified()?;
    reader.accept("attach partition").then_some(())?;
    Some(vec![parent, reader.qualified()?])
}
