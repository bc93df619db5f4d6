//! Statements that make a piece of a table: its triggers, and what the typed definition has no words for (indexes of other methods, exclusion
//! constraints, policies, rules, comments). Each is one statement that begins as such a statement does and names this table.

use crate::error::Result;
use crate::sql::Cursor;

use super::super::documents;
use super::super::fragment::{self, bad};
use super::super::work::PostgresWork;
use super::{place, run};

pub(super) fn create(work: &mut PostgresWork, table: &str, name: &str, statement: &str) -> Result<()> {
    documents::writes(work)?;
    let place = place(work, table)?;
    let (shown, live) = (name.escape_debug().to_string(), &place.live);
    let text = fragment::statement(statement);
    let refused = |why: String| bad(format!("`{shown}` of table {live} cannot be used: {why}"));
    let (renamed, written) = fragment::renamed(text, &place.sql, header).map_err(refused)?;
    if written.name != place.name && written.name != work.step.object.name {
        return Err(bad(format!("`{shown}` of table {live} is about `{}`", written.name.escape_debug())));
    }
    run(work, &renamed, &format!("PostgreSQL does not take `{shown}` of table {live}"))
}

/// Reads up to the table's name.
fn header(cursor: &mut Cursor<'_>) -> Result<(), String> {
    if cursor.accept("ALTER TABLE") {
        let _ = cursor.accept("ONLY");
        return Ok(());
    }
    if cursor.accept("COMMENT ON") {
        // `COLUMN schema.table.column`: the column follows the table.
        if cursor.accept("TABLE") || cursor.accept("COLUMN") {
            return Ok(());
        }
        for kind in ["CONSTRAINT", "TRIGGER", "RULE", "POLICY"] {
            if cursor.accept(kind) {
                cursor.name()?;
                return cursor.expect("ON");
            }
        }
        return Err("it comments on something else".to_owned());
    }
    if cursor.accept("GRANT") {
        while !cursor.accept("ON TABLE") {
            cursor.next().ok_or("it names no table")?;
        }
        return Ok(());
    }
    cursor.expect("CREATE")?;
    let _ = cursor.accept("OR REPLACE");
    let named = ["CONSTRAINT TRIGGER", "TRIGGER", "POLICY", "UNIQUE INDEX", "INDEX"];
    if named.iter().any(|words| cursor.accept(words)) {
        cursor.name()?;
    } else if cursor.accept("RULE") {
        cursor.name()?;
        cursor.expect("AS ON")?;
    } else {
        return Err("it makes something else".to_owned());
    }
    // The events of a trigger and of a rule stand before the table.
    let word = if cursor.at("ON") { "ON" } else { last_on(cursor) };
    while !cursor.at(word) {
        cursor.next().ok_or("it names no table")?;
    }
    cursor.expect(word)?;
    let _ = cursor.accept("ONLY");
    Ok(())
}

/// A rule's table follows TO, every other's ON.
fn last_on(cursor: &Cursor<'_>) -> &'static str {
    const EVENTS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];
    let is_rule = EVENTS.iter().any(|event| cursor.at(event)) && cursor.peek(1).is_some_and(|next| next.is_word("TO"));
    if is_rule { "TO" } else { "ON" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_found_in_every_statement_of_a_piece() {
        let cases = [
            ("CREATE TRIGGER a BEFORE UPDATE OF b ON public.t FOR EACH ROW EXECUTE FUNCTION f()", "t"),
            ("CREATE CONSTRAINT TRIGGER a AFTER INSERT ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f()", "t"),
            ("create or replace trigger a instead of insert on \"T\" execute procedure f()", "T"),
            ("CREATE INDEX i ON ONLY public.t USING gist (a)", "t"),
            ("CREATE UNIQUE INDEX i ON t (a) INCLUDE (b)", "t"),
            ("CREATE POLICY p ON s.t FOR SELECT USING (true)", "t"),
            ("CREATE RULE r AS ON DELETE TO s.t DO INSTEAD NOTHING", "t"),
            ("ALTER TABLE ONLY s.t ADD CONSTRAINT e EXCLUDE USING gist (a WITH &&)", "t"),
            ("COMMENT ON TABLE s.t IS 'x'", "t"),
            ("COMMENT ON COLUMN s.t.a IS 'x'", "t"),
            ("GRANT SELECT, UPDATE (a) ON TABLE s.t TO PUBLIC", "t"),
            ("COMMENT ON CONSTRAINT c ON s.t IS 'x'", "t"),
        ];
        for (statement, table) in cases {
            let (changed, written) = fragment::renamed(statement, "X.Y", header).unwrap();
            assert_eq!(written.name, table, "{statement}");
            assert!(changed.contains("X.Y"), "{changed}");
        }
        for other in [
            "DROP TABLE t",
            "CREATE TABLE t (a int)",
            "CREATE TRIGGER",
            "ALTER SYSTEM SET a = 1",
            "COMMENT ON DATABASE d IS ''",
            "CREATE INDEX i",
            "",
        ] {
            assert!(fragment::renamed(other, "x", header).is_err(), "{other}");
        }
    }
}
