//! Views, from `views.json`.

use std::collections::BTreeSet;

use crate::backup::Writer;
use crate::backup::attributes::{View, raw};
use crate::catalog::ObjectName;
use crate::error::Result;
use crate::sql::reads::reads;
use crate::sql::tokens;

use super::input::bad;
use super::{Source, documents};

const VIEWS: &str = "views.json";

/// Writes every view.
pub(crate) fn pack(writer: &mut Writer, source: &Source<'_>) -> Result<()> {
    let views = &source.contents.documents.views;
    let names: BTreeSet<&str> = views.iter().map(|view| view.name.as_str()).collect();
    if let Some(taken) = names.iter().find(|name| source.contents.tables.contains_key(**name)) {
        return Err(bad(VIEWS, format!("{taken} is a table too; give the view another name")));
    }
    for view in views {
        let query = view.definition.trim().trim_end_matches(';').trim_end();
        writer.object(source.object("view", &view.name), depends(source, view, query, &names)?)?;
        writer.attributes(raw(&View { columns: view.columns.clone(), query: query.to_owned() })?)?;
    }
    Ok(())
}

/// Tables and views of this folder that the query reads.
fn depends(
    source: &Source<'_>,
    view: &documents::View,
    query: &str,
    views: &BTreeSet<&str>,
) -> Result<Vec<ObjectName>> {
    let dialect = source.settings.sql();
    let tokens = tokens(query, dialect).map_err(|message| bad(VIEWS, format!("{}: {message}", view.name)))?;
    let mut found = BTreeSet::new();
    for (schema, name) in reads(&tokens, dialect) {
        if schema.is_some_and(|schema| !source.is_own_schema(&schema, &name)) {
            continue;
        }
        if source.contents.tables.contains_key(&name) {
            found.insert(source.object("table", &name));
        } else if views.contains(name.as_str()) && name != view.name {
            found.insert(source.object("view", &name));
        }
    }
    Ok(found.into_iter().collect())
}
