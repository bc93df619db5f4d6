//! The clause of a foreign key that follows its columns: `REFERENCES …`, the same in every dialect.

use super::Cursor;

/// What a foreign key refers to, and what happens when that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct References {
    /// As it is written; absent when it is not.
    pub(crate) schema: Option<String>,
    /// The referenced table.
    pub(crate) table: String,
    /// Its columns; empty means its primary key.
    pub(crate) columns: Vec<String>,
    /// In capitals.
    pub(crate) on_update: &'static str,
    /// In capitals.
    pub(crate) on_delete: &'static str,
    /// Checked at the end of the transaction.
    pub(crate) deferred: bool,
    /// `MATCH FULL` was written.
    pub(crate) matches_full: bool,
}

/// Reads the clause; what follows it is left to the caller.
pub(crate) fn references(cursor: &mut Cursor<'_>) -> Result<References, String> {
    cursor.expect("REFERENCES")?;
    let (schema, table) = cursor.qualified()?;
    let listed = cursor.peek(0).is_some_and(|token| token.is_symbol('('));
    let columns = if listed { cursor.names()? } else { Vec::new() };
    let mut found = References {
        schema,
        table,
        columns,
        on_update: "NO ACTION",
        on_delete: "NO ACTION",
        deferred: false,
        matches_full: false,
    };
    while clause(cursor, &mut found)? {}
    Ok(found)
}

fn clause(cursor: &mut Cursor<'_>, found: &mut References) -> Result<bool, String> {
    if cursor.accept("ON DELETE") {
        found.on_delete = action(cursor)?;
    } else if cursor.accept("ON UPDATE") {
        found.on_update = action(cursor)?;
    } else if cursor.accept("ON INSERT") {
        // SQLite reads it and does nothing with it.
        action(cursor)?;
    } else if cursor.accept("MATCH") {
        found.matches_full = cursor.name()?.eq_ignore_ascii_case("full");
    } else {
        return Ok(deferral(cursor, &mut found.deferred));
    }
    Ok(true)
}

/// Takes `[NOT] DEFERRABLE` and `INITIALLY …`; says whether it was there.
pub(crate) fn deferral(cursor: &mut Cursor<'_>, deferred: &mut bool) -> bool {
    if cursor.accept("NOT DEFERRABLE") {
        // SQLite takes `NOT DEFERRABLE INITIALLY DEFERRED`, and the first part wins.
        let _ = cursor.accept("INITIALLY DEFERRED") || cursor.accept("INITIALLY IMMEDIATE");
        *deferred = false;
    } else if cursor.accept("INITIALLY DEFERRED") {
        *deferred = true;
    } else if cursor.accept("INITIALLY IMMEDIATE") {
        *deferred = false;
    } else {
        return cursor.accept("DEFERRABLE");
    }
    true
}

fn action(cursor: &mut Cursor<'_>) -> Result<&'static str, String> {
    const ACTIONS: [&str; 5] = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];
    let action = ACTIONS.into_iter().find(|action| cursor.accept(action)).ok_or("an action is missing after ON")?;
    if cursor.peek(0).is_some_and(|token| token.is_symbol('(')) {
        return Err(format!("{action} of some of the columns cannot be carried"));
    }
    Ok(action)
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, tokens};
    use super::*;

    fn read(text: &str) -> Result<References, String> {
        let tokens = tokens(text, Dialect::Postgresql)?;
        let mut cursor = Cursor::new(&tokens, Dialect::Postgresql);
        let found = references(&mut cursor)?;
        cursor.end().map(|()| found)
    }

    #[test]
    fn clauses_are_understood() {
        let cases: &[(&str, (Option<&str>, &str, &[&str], &str, &str, bool))] = &[
            (
                "REFERENCES city(city_id) ON UPDATE CASCADE ON DELETE RESTRICT",
                (None, "city", &["city_id"], "CASCADE", "RESTRICT", false),
            ),
            (
                "references Public.\"My City\" (\"A b\", c) match full on delete set null initially deferred",
                (Some("public"), "My City", &["A b", "c"], "NO ACTION", "SET NULL", true),
            ),
            ("REFERENCES t DEFERRABLE INITIALLY IMMEDIATE", (None, "t", &[], "NO ACTION", "NO ACTION", false)),
            ("REFERENCES t DEFERRABLE INITIALLY DEFERRED", (None, "t", &[], "NO ACTION", "NO ACTION", true)),
            ("REFERENCES t NOT DEFERRABLE INITIALLY DEFERRED", (None, "t", &[], "NO ACTION", "NO ACTION", false)),
            (
                "REFERENCES t ON DELETE SET DEFAULT ON UPDATE NO ACTION",
                (None, "t", &[], "NO ACTION", "SET DEFAULT", false),
            ),
        ];
        for (text, (schema, table, columns, on_update, on_delete, deferred)) in cases {
            let found = read(text).unwrap();
            assert_eq!(found.schema.as_deref(), *schema, "{text}");
            assert_eq!(found.table, *table, "{text}");
            assert_eq!(found.columns, *columns, "{text}");
            assert_eq!(
                (found.on_update, found.on_delete, found.deferred),
                (*on_update, *on_delete, *deferred),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "REFERENCES",
            "REFERENCES t(",
            "REFERENCES t()",
            "REFERENCES t(a b)",
            "REFERENCES t ON DELETE",
            "REFERENCES t ON DELETE EXPLODE",
            "REFERENCES t ON DELETE SET NULL (a)",
            "REFERENCES t SOMETIMES",
            "REFERENCES 'a",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
