//! Schemas of which there is something to say: those that were restored as objects, those with a comment, and empty ones.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::backup::Writer;
use crate::backup::attributes::raw;
use crate::catalog::ObjectName;
use crate::error::Result;

use super::documents::{self, Restored};
use super::{OWN, Source};

/// Every schema with its comment, and whether nothing is in it. `public` is there in every database.
fn query() -> String {
    format!(
        "SELECT n.nspname, nullif(obj_description(n.oid, 'pg_namespace'), 'standard public schema'),
            n.nspname <> 'public'
            AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid)
            AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid)
            AND NOT EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = n.oid)
        FROM pg_namespace n WHERE {OWN} ORDER BY n.nspname"
    )
}

/// Writes them, with what their documents say; a comment is what the database has by now.
pub(super) fn write(source: &mut Source, writer: &mut Writer, restored: &[Restored]) -> Result<()> {
    let inhabited: BTreeSet<&str> = restored.iter().filter_map(Restored::schema).collect();
    for row in source.ask(&query(), &[])? {
        let (name, comment, empty): (String, Option<String>, bool) = (row.get(0), row.get(1), row.get(2));
        let object = ObjectName::new("schema", None, &name);
        let document = documents::of(restored, &object).and_then(Restored::document);
        if document.is_none() && comment.is_none() && (!empty || inhabited.contains(name.as_str())) {
            continue;
        }
        let mut attributes = document.unwrap_or_default();
        match comment {
            Some(comment) => attributes.insert("comment".to_owned(), Value::String(comment)),
            None => attributes.remove("comment"),
        };
        writer.object(object, Vec::new())?;
        writer.attributes(raw(&attributes)?)?;
    }
    Ok(())
}
