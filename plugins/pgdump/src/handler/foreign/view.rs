//! Views: PostgreSQL's queries are kept as documents, as a backup in our own format has them.

use reinstate_plugin::{Failure, Finding, Object, Outlook, Target};
use serde_json::json;

use crate::attributes::Attributes;
use crate::handler::reader::Reader;

pub(super) fn plan(object: &Object, entry: &Attributes, target: &Target) -> Outlook {
    let mut outlook = Outlook { bytes: entry.definition.len() as u64, ..Outlook::new() };
    outlook.findings.push(Finding::warning(
        "pgdump.not_kept",
        format!(
            "{} is not kept as a view: its query is PostgreSQL's, which {} does not understand; its definition is kept as a document",
            object.source, target.kind
        ),
        "Create it by hand after the restore, in the target's dialect",
    ));
    outlook
}

pub(super) fn begin(object: &Object, entry: &Attributes) -> Result<(), Failure> {
    match document(&object.source.kind, &entry.definition) {
        Some(document) => super::keep(&document),
        None => Ok(()),
    }
}

fn document(kind: &str, definition: &str) -> Option<String> {
    let (columns, query) = query(definition)?;
    let attributes = json!({ "columns": columns, "query": query });
    Some(json!({ "kind": kind, "dialect": "postgresql", "attributes": attributes }).to_string())
}

/// The columns and the query of `CREATE VIEW s.v (a, b) WITH (…) AS SELECT …;`.
fn query(definition: &str) -> Option<(Vec<String>, String)> {
    let statement = Reader::new(definition).statements().into_iter().next()?;
    let mut reader = statement;
    reader.accept("create").then_some(())?;
    let _ = reader.accept("or replace");
    reader.accept("view").then_some(())?;
    reader.qualified()?;
    let columns = if reader.peek()?.is_symbol('(') { reader.names()? } else { Vec::new() };
    reader.until(|reader| reader.sees("as"));
    reader.accept("as").then(|| (columns, reader.rest().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_taken_out_of_their_definitions() {
        for (definition, expected) in [
            (
                "CREATE VIEW t.circ_v AS\n SELECT id,\n    'a;b' AS as\n   FROM t.circ c;",
                Some((vec![], "SELECT id,\n    'a;b' AS as\n   FROM t.circ c")),
            ),
            (
                "CREATE VIEW v (\"A\", b) WITH (security_barrier='true') AS\n SELECT 1\n  WITH LOCAL CHECK OPTION;",
                Some((vec!["A".to_owned(), "b".to_owned()], "SELECT 1\n  WITH LOCAL CHECK OPTION")),
            ),
            ("CREATE TABLE v AS SELECT 1", None),
            ("", None),
        ] {
            let found = query(definition);
            assert_eq!(found, expected.map(|(columns, text)| (columns, text.to_owned())), "{definition}");
        }
    }
}
