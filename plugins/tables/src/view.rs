//! Plans, restores and verifies a view.

use reinstate_plugin::dialect::{self, Passage};
use reinstate_plugin::{Failure, Finding, Object, Outlook, Target, definitions, tables};

use crate::attributes::ViewAttributes;
use crate::document;

/// Dependencies are the archive's `depends`, which the host adds itself.
pub(crate) fn plan(object: &Object, target: &Target) -> Result<Outlook, Failure> {
    let view: ViewAttributes = object.parse_attributes()?;
    let mut outlook = Outlook { bytes: object.attributes.len() as u64, ..Outlook::new() };
    if !object.entries.is_empty() {
        outlook.findings.push(Finding::refusal(
            "view.unexpected_entry",
            format!("{} comes with {} entries; a view has no rows of its own", object.source, object.entries.len()),
            "Exclude it, or take the backup again",
        ));
    }
    if !is_live(&view, object, target) {
        outlook.findings.push(Finding::warning(
            "view.not_portable",
            format!(
                "{} is written in the dialect {}, which the target does not understand; its definition is kept as a document",
                object.source,
                dialect::named(view.dialect(object))
            ),
            "Create it by hand after the restore, in the target's dialect",
        ));
        return Ok(outlook);
    }
    outlook.findings.extend(mapped_schemas(&view.query, target).map(|(from, into)| {
        Finding::warning(
            "view.names_mapped_schema",
            format!("The query of {} may name the schema `{from}`, which is restored as `{into}`", object.source),
            "Look at the view after the restore, or restore without mapping the schema",
        )
    }));
    Ok(outlook)
}

pub(crate) fn begin(object: &Object, target: &Target) -> Result<(), Failure> {
    let view: ViewAttributes = object.parse_attributes()?;
    if is_live(&view, object, target) {
        return tables::create_view(&view.columns, &view.query);
    }
    if !document::keep(&of_its_dialect(&view, object)?)? {
        let message = format!("The target neither understands nor keeps {}; exclude it", object.source);
        return Err(Failure::new("view.not_portable", message));
    }
    Ok(())
}

pub(crate) fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure> {
    let view: ViewAttributes = object.parse_attributes()?;
    if !is_live(&view, object, target) {
        let expected = document::of(&of_its_dialect(&view, object)?)?;
        return Ok(different_document(&expected, definitions::get()?.as_deref()).into_iter().collect());
    }
    match tables::summarize("") {
        Ok(staged) => Ok(different_columns(&view.columns, &staged.columns).into_iter().collect()),
        // A target may make views only with the switch; its rehearsal then tells what is wrong.
        Err(failure) if failure.code == "target.unsupported" => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

fn is_live(view: &ViewAttributes, object: &Object, target: &Target) -> bool {
    dialect::passage(view.dialect(object), &target.dialect) == Passage::AsIs
}

/// The object as an archive in the query's dialect would have it, so that its document is the same however often it is backed up.
fn of_its_dialect(view: &ViewAttributes, object: &Object) -> Result<Object, Failure> {
    let mut object = object.clone();
    if let Some(dialect) = &view.dialect {
        let mut attributes: serde_json::Map<String, serde_json::Value> = object.parse_attributes()?;
        attributes.remove("dialect");
        object.attributes = serde_json::Value::Object(attributes).to_string();
        object.dialect.clone_from(dialect);
    }
    Ok(object)
}

/// Mapped schemas that occur in the query before a dot.
fn mapped_schemas<'a>(query: &'a str, target: &'a Target) -> impl Iterator<Item = &'a (String, String)> {
    let query = query.to_lowercase();
    target.schema_map.iter().filter(move |(from, _)| {
        let from = from.to_lowercase();
        query.contains(&format!("{from}.")) || query.contains(&format!("{from}\"."))
    })
}

fn different_document(expected: &str, staged: Option<&str>) -> Option<Finding> {
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    if staged.is_some_and(|staged| parsed(staged) == parsed(expected)) {
        return None;
    }
    Some(Finding::refusal("view.document", "The view's document is not staged as it should be", "Restore it again"))
}

fn different_columns(expected: &[String], staged: &[String]) -> Option<Finding> {
    if expected.is_empty() || expected == staged {
        return None;
    }
    let message = format!("The view has the columns {}, the archive says {}", staged.join(", "), expected.join(", "));
    Some(Finding::refusal("view.columns", message, "Look whether a table it reads was left out or has changed"))
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::{Entry, ObjectName, Severity};

    use super::*;

    fn view(dialect: &str, query: &str) -> Object {
        let name = ObjectName { kind: "view".into(), schema: Some("main".into()), name: "v".into() };
        let attributes = serde_json::json!({ "columns": ["a"], "query": query }).to_string();
        Object { dialect: dialect.into(), ..Object::new(name, &attributes) }
    }

    fn codes(object: &Object, target: &Target) -> Vec<(String, Severity)> {
        let findings = plan(object, target).unwrap().findings;
        findings.into_iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn a_view_lives_where_its_dialect_is_understood() {
        let target = Target::named("sqlite", "sqlite");
        assert!(codes(&view("sqlite", "SELECT 1"), &target).is_empty());
        let expected = [("view.not_portable".to_owned(), Severity::Warning)];
        assert_eq!(codes(&view("postgresql", "SELECT 1"), &target), expected);
        assert_eq!(codes(&view("sqlite", "SELECT 1"), &Target::named("store", "")), expected);
    }

    #[test]
    fn a_view_may_have_a_dialect_of_its_own() {
        let foreign = view("postgresql", "SELECT 1");
        let mut again = view("sqlite", "SELECT 1");
        again.attributes = r#"{"columns": ["a"], "dialect": "postgresql", "query": "SELECT 1"}"#.to_owned();
        let target = Target::named("sqlite", "sqlite");
        assert_eq!(codes(&again, &target), codes(&foreign, &target));
        let attributes: ViewAttributes = again.parse_attributes().unwrap();
        let document = document::of(&of_its_dialect(&attributes, &again).unwrap()).unwrap();
        assert_eq!(document, document::of(&foreign).unwrap());
        assert!(codes(&again, &Target::named("postgres", "postgresql")).is_empty());
    }

    #[test]
    fn a_query_that_names_a_mapped_schema_is_told() {
        let map = vec![("old".to_owned(), "new".to_owned())];
        let target = Target { schema_map: map, ..Target::named("sqlite", "sqlite") };
        for (query, named) in
            [("SELECT * FROM old.t", true), ("SELECT * FROM \"OLD\".t", true), ("SELECT old FROM t", false)]
        {
            assert_eq!(!codes(&view("sqlite", query), &target).is_empty(), named, "{query}");
        }
    }

    #[test]
    fn entries_of_a_view_are_refused() {
        let mut object = view("sqlite", "SELECT 1");
        object.entries.push(Entry { path: "x".into(), form: "csv".into(), bytes: 1, exact: true, rows: None });
        let expected = [("view.unexpected_entry".to_owned(), Severity::Refusal)];
        assert_eq!(codes(&object, &Target::named("sqlite", "sqlite")), expected);
    }

    #[test]
    fn differences_are_told() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(different_columns(&[], &names(&["a"])).is_none());
        assert!(different_columns(&names(&["a"]), &names(&["a"])).is_none());
        assert!(different_columns(&names(&["a"]), &names(&["b"])).is_some());
        assert!(different_document(r#"{"a":1}"#, Some(r#"{ "a": 1 }"#)).is_none());
        assert!(different_document(r#"{"a":1}"#, Some(r#"{"a":2}"#)).is_some());
        assert!(different_document(r#"{"a":1}"#, None).is_some());
    }
}
