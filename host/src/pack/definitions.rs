//! Definitions: credentials, data sources and everything else that is one document. What their members mean is for the plugin
//! `definitions`; what is looked at here is what must never get into an archive.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::backup::Writer;
use crate::backup::attributes::raw;
use crate::catalog::ObjectName;
use crate::error::{Error, Result};

use super::input::{Input, bad};
use super::{Source, secrets};

/// Files with the kinds of their elements, in the order in which they are packed, and whether these live in a schema.
const FILES: [(&str, &str, bool); 9] = [
    ("schemas.json", "schema", false),
    ("resource_groups.json", "resource_group", false),
    ("credentials.json", "credential", true),
    ("datasources.json", "datasource", true),
    ("datasinks.json", "datasink", true),
    ("monitors.json", "monitor", true),
    ("contexts.json", "context", true),
    ("catalogs.json", "catalog", false),
    ("directories.json", "directory", false),
];

/// The kind of the definitions in a file of that name.
pub(crate) fn kind(file: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, ..)| *name == file).map(|(_, kind, _)| *kind)
}

/// Reads a file of definitions. Messages show none of its values: one may be a secret.
pub(crate) fn read(input: &Input, file: &str) -> Result<Vec<Map<String, Value>>> {
    let Value::Array(items) = input.json(file)? else { return Err(bad(file, "This is no list of objects")) };
    let item = |(at, item): (usize, Value)| match item {
        Value::Object(document) => Ok(document),
        _ => Err(bad(file, format!("Element {} is no object", at + 1))),
    };
    items.into_iter().enumerate().map(item).collect()
}

/// Writes every definition: its members but for name and schema are the object's attributes.
pub(crate) fn pack(writer: &mut Writer, source: &Source<'_>) -> Result<()> {
    for (file, kind, in_schema) in FILES {
        let mut seen = BTreeSet::new();
        for document in source.contents.documents.definitions.get(kind).into_iter().flatten() {
            let mut document = document.clone();
            let name = name(source, (file, kind, in_schema), &mut document)?;
            if let Some(pointer) = secrets::plain(&document) {
                return Err(plain_secret(file, &name, &pointer));
            }
            if !seen.insert(name.clone()) {
                return Err(bad(file, format!("There are two of {name}")));
            }
            // What it refers to is said by its plugin.
            writer.object(name, Vec::new())?;
            writer.attributes(raw(&document)?)?;
        }
    }
    Ok(())
}

/// Takes name and schema out of the document. Messages show no other member.
fn name(
    source: &Source<'_>,
    (file, kind, in_schema): (&str, &str, bool),
    document: &mut Map<String, Value>,
) -> Result<ObjectName> {
    let Some(Value::String(name)) = document.remove("name").filter(|name| name.as_str() != Some("")) else {
        return Err(bad(file, format!("A {kind} has no `name`")));
    };
    if !in_schema {
        return Ok(ObjectName::new(kind, None, name));
    }
    match document.remove("schema") {
        None | Some(Value::Null) => Ok(source.object(kind, &name)),
        Some(Value::String(schema)) if !schema.is_empty() => Ok(ObjectName::new(kind, Some(&schema), name)),
        Some(_) => Err(bad(file, format!("The `schema` of {kind} {name} is no name"))),
    }
}

pub(super) fn plain_secret(file: &str, name: &ObjectName, pointer: &str) -> Error {
    let message = format!(
        "{file}: `{pointer}` of {name} is a secret that is not sealed; archives hold secrets only as {{\"sealed\", \"key\"}}, as the source sealed them"
    );
    Error::new("definition.plain_secret", message).object(name).entry(file)
}
