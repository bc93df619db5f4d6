//! Plans, restores and verifies a table.

use reinstate_plugin::portable::{Portable, TableAttributes};
use reinstate_plugin::rows::{self, Field};
use reinstate_plugin::tables::{self, Summary};
use reinstate_plugin::{Counts, Failure, Finding, Object, ObjectName, Outlook, Target, declared_rows, definitions};

use crate::{document, subscriptions};

/// Bytes a row takes in an index beside its keys, roughly.
const INDEX_ROW_BYTES: u64 = 16;

pub(crate) fn plan(object: &Object, target: &Target) -> Result<Outlook, Failure> {
    let attributes: TableAttributes = object.parse_attributes()?;
    let rows = if object.definitions_only { 0 } else { declared_rows(&object.entries).unwrap_or(0) };
    let mut outlook = Outlook { rows, bytes: bytes(object, &attributes, rows), ..Outlook::new() };
    for name in attributes.foreign_keys.iter().map(|key| referenced(object, key.schema.as_deref(), &key.table)) {
        if name != object.source {
            outlook.depend_on(name);
        }
    }
    outlook.findings = unknown_forms(object);
    for name in subscriptions::sources(&attributes, object) {
        outlook.depend_on(name);
    }
    outlook.findings.extend(subscriptions::finding(&attributes, object));
    outlook.findings.extend(subscriptions::plain_secret(&attributes, object));
    let table = Portable::of(attributes, object, target);
    outlook.findings.extend(table.findings());
    // Where only rows are added, the target's own names count.
    outlook.findings.extend(table.long_names(object, target).filter(|_| !object.rows_only));
    Ok(outlook)
}

pub(crate) fn begin(object: &Object, target: &Target) -> Result<(), Failure> {
    let attributes: TableAttributes = object.parse_attributes()?;
    if let Some(secret) = subscriptions::plain_secret(&attributes, object) {
        return Err(Failure::new(&secret.code, secret.message));
    }
    let subscriptions = subscriptions::staged(&attributes, object, target);
    let table = Portable::of(attributes, object, target);
    tables::create("", &table.definition)?;
    let whole = !table.left_out.is_empty();
    if !whole && subscriptions.is_empty() {
        return Ok(());
    }
    let kept = document::keep_text(&document::of_table(object, whole, &subscriptions)?)?;
    if kept || subscriptions.is_empty() { Ok(()) } else { Err(subscriptions::not_kept(object)) }
}

pub(crate) fn restore(object: &Object, target: &Target, part: u32) -> Result<Counts, Failure> {
    let fields: Vec<Field> = Portable::of(object.parse_attributes()?, object, target).fields;
    rows::restore(object, target, part, "", &fields)
}

pub(crate) fn end(object: &Object, target: &Target) -> Result<(), Failure> {
    let table = Portable::of(object.parse_attributes()?, object, target);
    if !table.indexes.is_empty() {
        tables::create_indexes("", &table.indexes)?;
    }
    for trigger in &table.triggers {
        tables::create_trigger("", &trigger.name, &trigger.statement)?;
    }
    Ok(())
}

pub(crate) fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure> {
    let attributes: TableAttributes = object.parse_attributes()?;
    let subscriptions = subscriptions::staged(&attributes, object, target);
    let table = Portable::of(attributes, object, target);
    let columns = table.definition.columns.into_iter().map(|column| column.name).collect();
    let mut findings = differences(object, columns, &tables::summarize("")?);
    if !subscriptions.is_empty() {
        findings.extend(subscriptions::difference(&subscriptions, definitions::get()?.as_deref()));
    }
    Ok(findings)
}

/// The table that a foreign key refers to, as the archive names it.
fn referenced(object: &Object, schema: Option<&str>, table: &str) -> ObjectName {
    let mut name = object.sibling("table", table);
    if let Some(schema) = schema {
        name.schema = Some(schema.to_owned());
    }
    name
}

/// Rows take somewhat more than their text; each index takes its keys again.
fn bytes(object: &Object, attributes: &TableAttributes, rows: u64) -> u64 {
    if object.definitions_only {
        return object.attributes.len() as u64;
    }
    let data = object.entry_bytes();
    let keys = attributes.primary_key.iter().chain(&attributes.uniques).map(|key| key.columns.len());
    let keyed: usize = keys.chain(attributes.indexes.iter().map(|index| index.columns.len())).sum();
    let indexes = attributes.indexes.len() + attributes.uniques.len() + usize::from(attributes.primary_key.is_some());
    let share = data / attributes.columns.len().max(1) as u64;
    let table = data.saturating_add(data / 5);
    table
        .saturating_add(share.saturating_mul(keyed as u64))
        .saturating_add(rows.saturating_mul(INDEX_ROW_BYTES).saturating_mul(indexes as u64))
}

fn unknown_forms(object: &Object) -> Vec<Finding> {
    let unknown = object.entries.iter().filter(|entry| !rows::is_form(&entry.form));
    let finding = |entry: &reinstate_plugin::Entry| {
        Finding::refusal(
            "table.unknown_form",
            format!(
                "The entry {} of {} has the form `{}`, which cannot be read",
                entry.path, object.source, entry.form
            ),
            "Pack the table as CSV or Arrow, or exclude it",
        )
    };
    unknown.map(finding).collect()
}

fn differences(object: &Object, columns: Vec<String>, staged: &Summary) -> Vec<Finding> {
    let mut findings = Vec::new();
    let expected = if object.definitions_only { Some(0) } else { declared_rows(&object.entries) };
    if let Some(expected) = expected.filter(|expected| *expected != staged.rows) {
        findings.push(Finding::refusal(
            "table.row_count",
            format!("{} rows are staged, the archive says {expected}", staged.rows),
            "Verify the archive; if it is whole, restore the table again",
        ));
    }
    if columns != staged.columns {
        findings.push(Finding::refusal(
            "table.columns",
            format!("The columns {} are staged, they should be {}", staged.columns.join(", "), columns.join(", ")),
            "Restore the table again; if it stays, report it",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::{Entry, Severity};

    use super::*;

    const ATTRIBUTES: &str = r#"{
        "columns": [{"name": "id", "values": "integer"}, {"name": "a", "values": "text"}],
        "primary_key": {"columns": ["id"]},
        "foreign_keys": [{"columns": ["a"], "table": "other"}, {"columns": ["a"], "table": "other"},
                         {"columns": ["a"], "table": "t"}, {"columns": ["a"], "schema": "main", "table": "t"},
                         {"columns": ["a"], "schema": "far", "table": "t"}],
        "indexes": [{"name": "i", "columns": [{"term": "a"}]}]}"#;

    fn table(forms: &[&str]) -> Object {
        let name = ObjectName { kind: "table".into(), schema: Some("main".into()), name: "t".into() };
        let entry =
            |form: &&str| Entry { path: "t.0".into(), form: (*form).into(), bytes: 1000, exact: true, rows: Some(10) };
        Object { entries: forms.iter().map(entry).collect(), ..Object::new(name, ATTRIBUTES) }
    }

    #[test]
    fn a_table_needs_those_it_refers_to_once_and_never_itself() {
        let outlook = plan(&table(&[]), &Target::named("sqlite", "sqlite")).unwrap();
        let names: Vec<_> = outlook.dependencies.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["table main.other", "table far.t"]);
    }

    #[test]
    fn rows_and_bytes_are_predicted() {
        let target = Target::named("sqlite", "sqlite");
        let outlook = plan(&table(&["csv", "csv"]), &target).unwrap();
        assert_eq!(outlook.rows, 20);
        assert_eq!(outlook.bytes, 2400 + 2 * 1000 + 20 * 16 * 2);
        let mut only = table(&["csv"]);
        only.definitions_only = true;
        let outlook = plan(&only, &target).unwrap();
        assert_eq!((outlook.rows, outlook.bytes), (0, ATTRIBUTES.len() as u64));
        let mut huge = table(&["csv", "csv"]);
        huge.entries.iter_mut().for_each(|entry| (entry.bytes, entry.rows) = (u64::MAX, Some(u64::MAX)));
        assert_eq!(plan(&huge, &target).unwrap().bytes, u64::MAX);
    }

    #[test]
    fn a_form_that_cannot_be_read_is_refused_before_anything_is_written() {
        let findings = plan(&table(&["csv", "parquet"]), &Target::named("sqlite", "sqlite")).unwrap().findings;
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].code.as_str(), findings[0].severity), ("table.unknown_form", Severity::Refusal));
    }

    #[test]
    fn what_is_staged_is_compared_with_the_archive() {
        let columns = || vec!["id".to_owned(), "a".to_owned()];
        let codes = |object: &Object, rows, staged: Vec<String>| -> Vec<String> {
            let findings = differences(object, columns(), &Summary { columns: staged, rows });
            findings.into_iter().map(|finding| finding.code).collect()
        };
        let mut object = table(&["csv", "csv"]);
        assert!(codes(&object, 20, columns()).is_empty());
        assert_eq!(codes(&object, 19, columns()), ["table.row_count"]);
        assert_eq!(codes(&object, 20, vec!["a".into(), "id".into()]), ["table.columns"]);
        object.entries[1].rows = None;
        assert!(codes(&object, 7, columns()).is_empty());
        object.definitions_only = true;
        assert!(codes(&object, 0, columns()).is_empty());
        assert_eq!(codes(&object, 20, columns()), ["table.row_count"]);
    }
}
