//! Column options that only a changed server of somebody's knows: no other server, and so no restore of the whole statement, takes them.

use std::borrow::Cow;

use crate::handler::reader::Reader;

/// What PostgreSQL itself knows (`src/backend/access/common/reloptions.c`).
const KNOWN: [&str; 2] = ["n_distinct", "n_distinct_inherited"];

/// The definition without the statements that set such options.
pub(super) fn without(definition: &str) -> Cow<'_, str> {
    if foreign(definition).is_none() {
        return Cow::Borrowed(definition);
    }
    let statements = Reader::new(definition).statements();
    let kept = statements.iter().filter(|statement| foreign_option(statement).is_none());
    Cow::Owned(kept.map(|statement| format!("{};\n", statement.rest())).collect())
}

/// The name of the first such option.
pub(super) fn foreign(definition: &str) -> Option<String> {
    // Most definitions need not be taken apart.
    if !definition.contains(" SET (") {
        return None;
    }
    Reader::new(definition).statements().iter().find_map(foreign_option)
}

/// The option that the statement sets, `ALTER TABLE ONLY s.t ALTER COLUMN c SET (option=value)`, if PostgreSQL does not know it.
fn foreign_option(statement: &Reader<'_>) -> Option<String> {
    let mut reader = statement.clone();
    let altered = ["alter table", "alter foreign table", "alter materialized view"];
    altered.iter().any(|words| reader.accept(words)).then_some(())?;
    reader.accept("only");
    reader.qualified()?;
    reader.accept("alter column").then_some(())?;
    reader.name()?;
    (reader.accept("set") && reader.accept_symbol('(')).then_some(())?;
    let option = reader.name()?;
    reader.accept_symbol('=').then_some(())?;
    (!KNOWN.contains(&&*option)).then_some(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_server_knows_goes() {
        let definition = "CREATE TABLE t.x (\n    a integer\n);\nALTER TABLE ONLY t.x ALTER COLUMN a SET (pg_attver=85);\n\
                          ALTER TABLE ONLY t.x ALTER COLUMN a SET (n_distinct=5);\nALTER TABLE ONLY t.x ALTER COLUMN a SET STATISTICS 5;\n";
        assert_eq!(foreign(definition).as_deref(), Some("pg_attver"));
        assert_eq!(
            without(definition),
            definition.replace("ALTER TABLE ONLY t.x ALTER COLUMN a SET (pg_attver=85);\n", "")
        );
        let odd = &r#"ALTER TABLE ONLY "W S"."T.b ""q"" $x$; --" ALTER COLUMN "it's\n" SET (pg_attver=85);"#
            .replace("\\n", "\n");
        assert_eq!(without(odd), "");
        for kept in [
            "CREATE TABLE t.x ();",
            "ALTER TABLE ONLY t.x ALTER COLUMN a SET (n_distinct=-0.5);",
            "ALTER TABLE t.x SET (fillfactor=70);",
            "ALTER TABLE t.\" ALTER COLUMN \" SET (fillfactor=70);",
            "ALTER TABLE t.x ALTER COLUMN a SET DEFAULT f('b SET (c=d');",
            "COMMENT ON TABLE t.x IS 'ALTER TABLE ONLY t.x ALTER COLUMN a SET (pg_attver=85);",
        ] {
            assert!(matches!(without(kept), Cow::Borrowed(same) if same == kept), "{kept}");
        }
    }
}
