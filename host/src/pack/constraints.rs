//! Constraints as PostgreSQL writes them (`pg_get_constraintdef`), taken apart.

use crate::backup::attributes::{Check, ForeignKey, Key};
use crate::sql::references::{deferral, references};
use crate::sql::{Cursor, Dialect, tokens};

/// A constraint of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Constraint {
    Primary(Key),
    Unique(Key),
    Check(Check),
    Foreign(ForeignKey),
    /// `NOT NULL`, which the columns say already.
    NotNull,
}

/// A constraint, and parts of its text that an archive has no words for and that no row depends on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) constraint: Constraint,
    pub(crate) notes: Vec<&'static str>,
}

/// Reads a constraint's text. A foreign key's `schema` is as it is written.
pub(crate) fn parse(definition: &str, name: Option<&str>, dialect: Dialect) -> Result<Parsed, String> {
    let tokens = tokens(definition, dialect)?;
    let mut cursor = Cursor::new(&tokens, dialect);
    let name = name.map(str::to_owned);
    let mut notes = Vec::new();
    let constraint = if cursor.accept("PRIMARY KEY") {
        Constraint::Primary(key(&mut cursor, name, &mut notes)?)
    } else if cursor.accept("UNIQUE") {
        let _ = cursor.accept("NULLS DISTINCT");
        Constraint::Unique(key(&mut cursor, name, &mut notes)?)
    } else if cursor.accept("CHECK") {
        Constraint::Check(Check { name, expression: cursor.group()?.text(definition) })
    } else if cursor.accept("FOREIGN KEY") {
        Constraint::Foreign(foreign_key(&mut cursor, name, &mut notes)?)
    } else if cursor.accept("NOT NULL") {
        cursor.name()?;
        Constraint::NotNull
    } else {
        return Err("PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY is expected".to_owned());
    };
    for (words, note) in [("NO INHERIT", "NO INHERIT"), ("NOT VALID", "NOT VALID")] {
        if cursor.accept(words) {
            notes.push(note);
        }
    }
    cursor.end()?;
    Ok(Parsed { constraint, notes })
}

fn key(cursor: &mut Cursor<'_>, name: Option<String>, notes: &mut Vec<&'static str>) -> Result<Key, String> {
    let columns = cursor.names()?;
    if cursor.accept("INCLUDE") {
        cursor.group()?;
        notes.push("INCLUDE");
    }
    let mut deferred = false;
    while deferral(cursor, &mut deferred) {}
    if deferred {
        notes.push("INITIALLY DEFERRED");
    }
    Ok(Key { name, columns, automatic: false })
}

fn foreign_key(
    cursor: &mut Cursor<'_>,
    name: Option<String>,
    notes: &mut Vec<&'static str>,
) -> Result<ForeignKey, String> {
    let columns = cursor.names()?;
    let found = references(cursor)?;
    if !found.columns.is_empty() && found.columns.len() != columns.len() {
        return Err("it refers to another number of columns than it has".to_owned());
    }
    if found.matches_full && columns.len() > 1 {
        notes.push("MATCH FULL");
    }
    Ok(ForeignKey {
        name,
        columns,
        schema: found.schema,
        table: found.table,
        references: found.columns,
        on_update: found.on_update.to_owned(),
        on_delete: found.on_delete.to_owned(),
        deferred: found.deferred,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Parsed, String> {
        parse(text, Some("c"), Dialect::Postgresql)
    }

    fn key(columns: &[&str]) -> Key {
        Key { name: Some("c".into()), columns: columns.iter().map(|c| (*c).to_owned()).collect(), automatic: false }
    }

    #[test]
    fn constraints_are_taken_apart() {
        let cases = [
            ("PRIMARY KEY (a, \"B c\")", Constraint::Primary(key(&["a", "B c"])), &[] as &[&str]),
            (
                "UNIQUE (a) INCLUDE (b) DEFERRABLE INITIALLY DEFERRED",
                Constraint::Unique(key(&["a"])),
                &["INCLUDE", "INITIALLY DEFERRED"],
            ),
            (
                "CHECK (((a > 0) AND (b <> ')'::text))) NOT VALID",
                Constraint::Check(Check {
                    name: Some("c".into()),
                    expression: "((a > 0) AND (b <> ')'::text))".into(),
                }),
                &["NOT VALID"],
            ),
            ("NOT NULL a", Constraint::NotNull, &[]),
            (
                "FOREIGN KEY (x, y) REFERENCES other.t(a, b) MATCH FULL ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
                Constraint::Foreign(ForeignKey {
                    name: Some("c".into()),
                    columns: vec!["x".into(), "y".into()],
                    schema: Some("other".into()),
                    table: "t".into(),
                    references: vec!["a".into(), "b".into()],
                    on_update: "NO ACTION".into(),
                    on_delete: "SET NULL".into(),
                    deferred: true,
                }),
                &["MATCH FULL"],
            ),
        ];
        for (text, constraint, notes) in cases {
            assert_eq!(parsed(text).unwrap(), Parsed { constraint, notes: notes.to_vec() }, "{text}");
        }
    }

    #[test]
    fn texts_that_are_not_understood_are_refused() {
        for text in [
            "",
            "PRIMARY KEY",
            "PRIMARY KEY ()",
            "PRIMARY KEY (lower(a))",
            "UNIQUE NULLS NOT DISTINCT (a)",
            "CHECK (a > 0",
            "CHECK (a > 0) MAYBE",
            "EXCLUDE USING gist (a WITH &&)",
            "FOREIGN KEY (a, b) REFERENCES t(a)",
            "FOREIGN KEY (a) REFERENCES t(a) ON DELETE EXPLODE",
            "FOREIGN KEY (a) REFERENCES t(a) NOT ENFORCED",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
