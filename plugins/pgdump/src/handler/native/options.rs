//! Column options that only a changed server of somebody's knows: no other server, and so no restore of the whole statement, takes them.

use std::borrow::Cow;

/// What PostgreSQL itself knows (`src/backend/access/common/reloptions.c`).
const KNOWN: [&str; 2] = ["n_distinct", "n_distinct_inherited"];

/// The definition without such options. `pg_dump` writes each on a line of its own.
pub(super) fn without(definition: &str) -> Cow<'_, str> {
    if foreign(definition).next().is_none() {
        return Cow::Borrowed(definition);
    }
    let kept = definition.split_inclusive('\n').filter(|line| option(line).is_none_or(is_known));
    Cow::Owned(kept.collect())
}

/// The names of such options.
pub(super) fn foreign(definition: &str) -> impl Iterator<Item = &str> {
    definition.lines().filter_map(option).filter(|name| !is_known(name))
}

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// The option that a line sets: a line as `pg_dump` writes it and nothing else, so that no line within a constant is taken for one.
fn option(line: &str) -> Option<&str> {
    let rest = line.trim_end().strip_prefix("ALTER ")?.strip_suffix(");")?;
    let (column, option) = rest.rsplit_once(" SET (")?;
    let (name, value) = option.split_once('=')?;
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let whole = column.contains(" ALTER COLUMN ") && !column.contains([';', '\'']) && is_word(name) && is_word(value);
    whole.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_server_knows_goes() {
        let definition = "CREATE TABLE t.x (\n    a integer\n);\nALTER TABLE ONLY t.x ALTER COLUMN a SET (pg_attver=85);\n\
                          ALTER TABLE ONLY t.x ALTER COLUMN a SET (n_distinct=5);\nALTER TABLE ONLY t.x ALTER COLUMN a SET STATISTICS 5;\n";
        assert_eq!(foreign(definition).collect::<Vec<_>>(), ["pg_attver"]);
        assert_eq!(
            without(definition),
            definition.replace("ALTER TABLE ONLY t.x ALTER COLUMN a SET (pg_attver=85);\n", "")
        );
        for kept in [
            "CREATE TABLE t.x ();",
            "ALTER TABLE ONLY t.x ALTER COLUMN a SET (n_distinct=-0.5);",
            "ALTER TABLE t.x SET (fillfactor=70);",
            "ALTER TABLE t.x ALTER COLUMN a SET DEFAULT f('b SET (c=d');",
            "COMMENT ON TABLE t.x IS 'ALTER TABLE ONLY t.x ALTER COLUMN a SET (pg_attver=85);",
        ] {
            assert!(matches!(without(kept), Cow::Borrowed(same) if same == kept), "{kept}");
        }
    }
}
