//! Tables: their rows from `tables/`, their definitions from `columns.json`, `constraints.json` and `indexes.json`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::backup::Writer;
use crate::backup::attributes::{Index, Table, Values, raw};
use crate::catalog::ObjectName;
use crate::error::Result;
use crate::sql::index::create_index;

use super::constraints::{self, Constraint};
use super::definitions::plain_secret;
use super::documents;
use super::input::bad;
use super::{Source, rows, secrets, types};

const CONSTRAINTS: &str = "constraints.json";
const INDEXES: &str = "indexes.json";
const SUBSCRIPTIONS: &str = "subscriptions.json";

/// Writes every table.
pub(crate) fn pack(writer: &mut Writer, source: &Source<'_>, notes: &mut Vec<String>) -> Result<()> {
    let mut definitions = definitions(source, notes)?;
    let subscribed = &source.contents.documents.subscriptions;
    if let Some(other) = subscribed.iter().find(|one| !source.contents.tables.contains_key(&one.table)) {
        return Err(bad(
            SUBSCRIPTIONS,
            format!("A subscription is for the table {}, which is not packed", other.table),
        ));
    }
    for (name, file) in &source.contents.tables {
        let mut table = definitions.remove(name.as_str()).unwrap_or_default();
        writer.object(source.object("table", name), depends(source, name, &table))?;
        let known = source.contents.documents.columns.get(name);
        let known = known.map(|columns| columns.iter().map(types::column).collect());
        table.columns = rows::pack(writer, source.input, file, known)?.columns;
        check_columns(name, &table)?;
        number_rows(&mut table);
        table.subscriptions = subscriptions(source, name)?;
        writer.attributes(raw(&table)?)?;
    }
    Ok(())
}

/// The table's subscriptions to data sources.
fn subscriptions(source: &Source<'_>, table: &str) -> Result<Vec<Value>> {
    let of_table = source.contents.documents.subscriptions.iter().filter(|one| one.table == table);
    let mut subscriptions: Vec<Value> = Vec::new();
    for documents::Subscription { datasource, state, options, .. } in of_table {
        let mut subscription = json!({ "datasource": datasource, "state": state });
        if !options.is_empty() {
            subscription["options"] = json!(options);
        }
        if let Some(pointer) = subscription.as_object().and_then(secrets::plain) {
            let pointer = format!("/{}{pointer}", subscriptions.len());
            return Err(plain_secret(SUBSCRIPTIONS, &source.object("table", table), &pointer));
        }
        subscriptions.push(subscription);
    }
    Ok(subscriptions)
}

/// What the documents say of each table besides its columns.
fn definitions<'a>(source: &'a Source<'_>, notes: &mut Vec<String>) -> Result<BTreeMap<&'a str, Table>> {
    let documents = &source.contents.documents;
    let mut tables: BTreeMap<&str, Table> = BTreeMap::new();
    for name in source.contents.tables.keys() {
        tables.insert(name, Table::default());
    }
    for name in documents.columns.keys() {
        if !tables.contains_key(name.as_str()) {
            let fix = "add a file that holds the line of column names, or take the table out";
            return Err(bad("columns.json", format!("The table {name} has no file in tables/; {fix}")));
        }
    }
    for document in &documents.constraints {
        let name = document.name.as_deref().unwrap_or("without a name");
        if document.table == "-" {
            notes
                .push(format!("{CONSTRAINTS}: {name} (a check of a domain; the columns keep their values without it)"));
            continue;
        }
        let table = tables.get_mut(document.table.as_str());
        let table = table.ok_or_else(|| {
            bad(CONSTRAINTS, format!("{name} is for the table {}, which is not packed", document.table))
        })?;
        constraint(source, document, table, notes)
            .map_err(|message| bad(CONSTRAINTS, format!("{name} of table {}: {message}", document.table)))?;
    }
    for document in &documents.indexes {
        let table = tables.get_mut(document.table.as_str()).ok_or_else(|| {
            bad(INDEXES, format!("{} is for the table {}, which is not packed", document.name, document.table))
        })?;
        table.indexes.extend(index(source, document, notes)?);
    }
    Ok(tables)
}

fn constraint(
    source: &Source<'_>,
    document: &documents::Constraint,
    table: &mut Table,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let parsed = constraints::parse(&document.definition, document.name.as_deref(), source.settings.sql())?;
    let kind = match parsed.constraint {
        Constraint::Primary(key) => {
            if table.primary_key.replace(key).is_some() {
                return Err("The table has a second primary key".to_owned());
            }
            "p"
        }
        Constraint::Unique(key) => {
            table.uniques.push(key);
            "u"
        }
        Constraint::Check(check) => {
            table.checks.push(check);
            "c"
        }
        Constraint::Foreign(mut key) => {
            key.schema = key.schema.filter(|schema| !source.is_own_schema(schema, &key.table));
            table.foreign_keys.push(key);
            "f"
        }
        Constraint::NotNull => "n",
    };
    if document.kind != kind {
        return Err(format!("The kind is {}, and its text is of kind {kind}", document.kind));
    }
    let name = document.name.as_deref().unwrap_or("without a name");
    notes.extend(parsed.notes.iter().map(|note| format!("{CONSTRAINTS}: {note} of {name}")));
    Ok(())
}

/// The index, unless it only makes queries faster in a way that an archive has no words for.
fn index(source: &Source<'_>, document: &documents::Index, notes: &mut Vec<String>) -> Result<Option<Index>> {
    let name = &document.name;
    let Some(definition) = &document.definition else {
        if document.columns.is_empty() {
            return Err(bad(INDEXES, format!("{name} has neither a definition nor columns")));
        }
        let (columns, unique) = (document.columns.clone(), document.unique);
        return Ok(Some(Index { name: name.clone(), columns, unique, condition: document.condition.clone() }));
    };
    let parsed = match create_index(definition, source.settings.sql()) {
        Ok(parsed) => parsed,
        Err(reason) if definition.trim_start().to_ascii_uppercase().starts_with("CREATE INDEX") => {
            notes.push(format!("{INDEXES}: {name} ({reason})"));
            return Ok(None);
        }
        Err(reason) => return Err(bad(INDEXES, format!("{name}: {reason}"))),
    };
    if parsed.table != document.table || parsed.index.name != *name {
        let (table, index) = (&parsed.table, &parsed.index.name);
        return Err(bad(
            INDEXES,
            format!("{name} of table {} has the definition of {index} of table {table}", document.table),
        ));
    }
    notes.extend(parsed.notes.iter().map(|note| format!("{INDEXES}: {note} of {name}")));
    Ok(Some(parsed.index))
}

/// Tables of this folder that the foreign keys refer to.
fn depends(source: &Source<'_>, name: &str, table: &Table) -> Vec<ObjectName> {
    let parents: BTreeSet<&str> =
        table.foreign_keys.iter().filter(|key| key.schema.is_none()).map(|key| key.table.as_str()).collect();
    let packed = parents.into_iter().filter(|parent| *parent != name && source.contents.tables.contains_key(*parent));
    packed.map(|parent| source.object("table", parent)).collect()
}

/// Every column that a constraint or an index names must be there.
fn check_columns(name: &str, table: &Table) -> Result<()> {
    let columns: BTreeSet<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let keys = table.primary_key.iter().chain(&table.uniques).flat_map(|key| &key.columns);
    let foreign = table.foreign_keys.iter().flat_map(|key| &key.columns);
    for column in keys.chain(foreign) {
        if !columns.contains(column.as_str()) {
            return Err(bad(CONSTRAINTS, format!("The table {name} has no column {column}")));
        }
    }
    let terms = table.indexes.iter().flat_map(|index| &index.columns).filter(|term| !term.expression);
    for term in terms {
        if !columns.contains(term.term.as_str()) {
            return Err(bad(INDEXES, format!("The table {name} has no column {}", term.term)));
        }
    }
    Ok(())
}

/// A primary key that takes its numbers from a sequence is numbered by the target: the sequence itself is not in the folder.
fn number_rows(table: &mut Table) {
    let Some(key) = &mut table.primary_key else { return };
    let [only] = key.columns.as_slice() else { return };
    let column = table.columns.iter_mut().find(|column| column.name == *only && column.values == Values::Integer);
    let Some(column) = column else { return };
    if column.default.as_deref().is_some_and(|default| default.trim_start().starts_with("nextval(")) {
        column.default = None;
        key.automatic = true;
    }
}
