//! What a principal may do, as GRANT statements.

use crate::catalog::ObjectName;
use crate::error::Result;
use crate::plan::names::further_table;
use crate::sql::{Cursor, Dialect};
use crate::target::definition::Permission;

use super::super::fragment::{self, ident, idents};

/// A grant, and what takes it back.
#[derive(Debug, PartialEq)]
pub(super) struct Granted {
    pub(super) grant: String,
    pub(super) revoke: String,
    /// What of it comes from the archive.
    pub(super) given: String,
}

/// The words that PostgreSQL knows for a sort of objects.
fn words(sort: &str) -> &'static [&'static str] {
    match sort {
        "TABLE" => &["ALL", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"],
        "SEQUENCE" => &["ALL", "SELECT", "UPDATE", "USAGE"],
        "FUNCTION" | "PROCEDURE" => &["ALL", "EXECUTE"],
        "SCHEMA" => &["ALL", "CREATE", "USAGE"],
        _ => &["ALL", "USAGE"],
    }
}

/// The statement, in live names; `None` for what PostgreSQL has no word for, which stays in the document.
pub(super) fn statement(permission: &Permission, role: &str) -> Result<Option<Granted>> {
    let Some((sort, on, privilege)) = target(permission)? else { return Ok(None) };
    let Some(privilege) = privilege_words(&privilege, sort)? else { return Ok(None) };
    let option = if permission.grantable { " WITH GRANT OPTION" } else { "" };
    let grant = format!("GRANT {privilege} ON {sort} {on} TO {role}{option}");
    let revoke = format!("REVOKE {privilege} ON {sort} {on} FROM {role}");
    if sort != "SCHEMA" {
        return Ok(Some(Granted { given: grant.clone(), grant, revoke }));
    }
    // A schema comes and goes by itself: it may have another name here, or none.
    let exists = super::literal(on.trim_matches('"'));
    let guarded = |statement: &str| {
        format!(
            "DO $reinstate$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {exists}) THEN {statement}; END IF; END $reinstate$"
        )
    };
    Ok(Some(Granted { grant: guarded(&grant), revoke: guarded(&revoke), given: grant }))
}

/// The sort of object in PostgreSQL's word, its name, and the privilege. `USAGE ON SCHEMA name` has its object in the privilege: schemas are no
/// objects of an archive.
fn target(permission: &Permission) -> Result<Option<(&'static str, String, String)>> {
    let privilege = permission.privilege.trim();
    let Some(on) = &permission.on else {
        let Some((word, schema)) = privilege.split_once(" ON SCHEMA ") else { return Ok(None) };
        // A name that could end the block it is put into is none of ours.
        if schema.contains(['$', '"']) {
            return Ok(None);
        }
        return Ok(Some(("SCHEMA", ident(schema)?, word.to_owned())));
    };
    let sort = match on.kind.as_str() {
        "table" | "view" | "materialized_view" | "foreign_table" | "graph" => "TABLE",
        "sequence" => "SEQUENCE",
        "user_defined_function" | "aggregate" => "FUNCTION",
        "stored_procedure" => "PROCEDURE",
        "type" => "TYPE",
        "domain" => "DOMAIN",
        _ => return Ok(None),
    };
    Ok(Some((sort, named(on, sort)?, privilege.to_owned())))
}

fn named(on: &ObjectName, sort: &str) -> Result<String> {
    let schema = ident(on.schema.as_deref().unwrap_or("public"))?;
    if on.kind == "graph" {
        let tables =
            ["nodes", "edges"].map(|suffix| ident(&further_table(on, suffix)).map(|name| format!("{schema}.{name}")));
        return Ok(tables.into_iter().collect::<Result<Vec<_>>>()?.join(", "));
    }
    let routine = matches!(sort, "FUNCTION" | "PROCEDURE");
    let Some((name, arguments)) = on.name.split_once('(').filter(|_| routine) else {
        return Ok(format!("{schema}.{}", ident(&on.name)?));
    };
    let arguments = format!("({arguments}");
    fragment::whole(&arguments)
        .ok()
        .filter(|_| arguments.ends_with(')'))
        .ok_or_else(|| fragment::bad(format!("`{}` is no name of a routine", on.name.escape_debug())))?;
    Ok(format!("{schema}.{}{arguments}", ident(name)?))
}

/// `SELECT`, or of some columns only: `SELECT (a, b)`. `None` for words that PostgreSQL does not know.
fn privilege_words(privilege: &str, sort: &str) -> Result<Option<String>> {
    let Ok(tokens) = fragment::whole(privilege) else { return Ok(None) };
    let mut cursor = Cursor::new(&tokens, Dialect::Postgresql);
    let Some(word) = words(sort).iter().find(|word| cursor.accept(word)) else { return Ok(None) };
    let _ = cursor.accept("PRIVILEGES");
    if cursor.is_empty() {
        return Ok(Some((*word).to_owned()));
    }
    let columns = cursor.names().and_then(|names| cursor.end().map(|()| names));
    match columns {
        Ok(columns) if sort == "TABLE" => Ok(Some(format!("{word} ({})", idents(&columns)?))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(privilege: &str, on: Option<(&str, &str)>, grantable: bool) -> Option<String> {
        let on = on.map(|(kind, name)| ObjectName::new(kind, Some("s"), name));
        let permission = Permission { privilege: privilege.into(), on, grantable };
        statement(&permission, "\"r\"").unwrap().map(|granted| granted.grant)
    }

    #[test]
    fn words_that_postgresql_knows_become_grants() {
        let cases = [
            ("SELECT", Some(("table", "t")), false, "GRANT SELECT ON TABLE \"s\".\"t\" TO \"r\""),
            (
                "update (a, \"B\")",
                Some(("view", "v")),
                true,
                "GRANT UPDATE (\"a\", \"B\") ON TABLE \"s\".\"v\" TO \"r\" WITH GRANT OPTION",
            ),
            (
                "EXECUTE",
                Some(("user_defined_function", "f(integer, text)")),
                false,
                "GRANT EXECUTE ON FUNCTION \"s\".\"f\"(integer, text) TO \"r\"",
            ),
            ("ALL PRIVILEGES", Some(("stored_procedure", "p")), false, "GRANT ALL ON PROCEDURE \"s\".\"p\" TO \"r\""),
            (
                "SELECT",
                Some(("graph", "g")),
                false,
                "GRANT SELECT ON TABLE \"s\".\"g_nodes\", \"s\".\"g_edges\" TO \"r\"",
            ),
        ];
        for (privilege, on, grantable, expected) in cases {
            assert_eq!(granted(privilege, on, grantable).as_deref(), Some(expected));
        }
        assert!(granted("USAGE ON SCHEMA s", None, false).unwrap().contains("GRANT USAGE ON SCHEMA \"s\" TO \"r\""));
    }

    #[test]
    fn words_of_other_systems_stay_in_the_document() {
        for (privilege, on) in [
            ("admin", None),
            ("table_read", Some(("table", "t"))),
            ("SELECT; DROP TABLE t", Some(("table", "t"))),
            ("EXECUTE", Some(("table", "t"))),
            ("SELECT", Some(("dashboard", "d"))),
            ("USAGE ON SCHEMA a$reinstate$", None),
        ] {
            assert_eq!(granted(privilege, on, false), None, "{privilege}");
        }
        let hostile = ObjectName::new("user_defined_function", Some("s"), "f(int) TO x; DROP TABLE t");
        let permission = Permission { privilege: "EXECUTE".into(), on: Some(hostile), grantable: false };
        assert!(statement(&permission, "r").is_err());
    }
}
