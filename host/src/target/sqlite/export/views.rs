//! Views, and what queries read.

use std::collections::{BTreeMap, BTreeSet};

use crate::backup::attributes::View;
use crate::catalog::ObjectName;
use crate::sql::reads::reads;
use crate::sql::{Cursor, Dialect, tokens};

use super::Item;
use crate::target::sqlite::name::{Dotted, fold};

/// A view's query and the columns that are named for it.
pub(crate) fn view(view: &Item) -> Result<View, String> {
    let tokens = tokens(&view.sql, Dialect::Sqlite)?;
    let mut cursor = Cursor::new(&tokens, Dialect::Sqlite);
    cursor.expect("CREATE VIEW")?;
    cursor.qualified()?;
    let columns = if cursor.at("AS") { Vec::new() } else { cursor.names()? };
    cursor.expect("AS")?;
    Ok(View { columns, query: cursor.text(&view.sql) })
}

/// The objects of this file that a query reads; `known` is by names in lower case.
pub(crate) fn depends(query: &str, own: &ObjectName, known: &BTreeMap<String, ObjectName>) -> Vec<ObjectName> {
    let Ok(tokens) = tokens(query, Dialect::Sqlite) else { return Vec::new() };
    let names = reads(&tokens, Dialect::Sqlite).into_iter();
    let names = names.filter(|(schema, _)| schema.as_deref().is_none_or(|schema| schema.eq_ignore_ascii_case("main")));
    let found: BTreeSet<&ObjectName> = names.filter_map(|(_, name)| known.get(&fold(&name))).collect();
    found.into_iter().filter(|name| *name != own).cloned().collect()
}

/// What a table or view is called in an archive.
pub(crate) fn object(kind: &str, item: &Item, dotted: &Dotted) -> ObjectName {
    let (schema, name) = dotted.split(&item.name);
    ObjectName::new(kind, Some(schema), name)
}
