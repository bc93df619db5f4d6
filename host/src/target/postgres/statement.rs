//! What the target must know of a guest's statements: what they tie together, create by the way, or set.

use crate::sql::{Dialect, Token, TokenKind, tokens};

const DIALECT: Dialect = Dialect::Postgresql;

/// A statement's tokens; none of one that cannot be cut, which the server refuses by itself.
fn cut(statements: &str) -> Vec<Token<'_>> {
    tokens(statements, DIALECT).unwrap_or_default()
}

fn are_words(tokens: &[Token<'_>], words: &[&str]) -> bool {
    tokens.len() >= words.len() && tokens.iter().zip(words).all(|(token, word)| token.is_word(word))
}

/// The `schema.name` that tokens begin with.
fn qualified(tokens: &[Token<'_>]) -> Option<(String, String)> {
    let [schema, dot, name, ..] = tokens else { return None };
    let is_name = |token: &Token<'_>| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
    let found = is_name(schema) && dot.is_symbol('.') && is_name(name);
    found.then(|| Some((schema.name(DIALECT)?, name.name(DIALECT)?)))?
}

/// Tables that statements alter, or tie to others: that foreign keys refer to, that partitions are attached to, that are inherited.
pub(super) fn ties(statements: &str) -> Vec<(String, String)> {
    let tokens = cut(statements);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let rest = &tokens[at..];
        let behind = [
            &["alter", "table", "if", "exists", "only"][..],
            &["alter", "table", "if", "exists"],
            &["alter", "table", "only"],
            &["alter", "table"],
            &["attach", "partition"],
            &["partition", "of"],
            &["references"],
            &["inherit"],
        ];
        let words = behind.into_iter().find(|words| are_words(rest, words));
        found.extend(words.and_then(|words| qualified(&rest[words.len()..])));
        if are_words(rest, &["inherits"]) {
            let parents = rest[1..].split(|token| matches!(token.text, "(" | ",")).skip(1);
            found.extend(parents.map_while(qualified));
        }
    }
    found
}

/// Whether a table is created that only its partitions hold rows of.
pub(super) fn is_partitioned(statements: &str) -> bool {
    let tokens = cut(statements);
    are_words(&tokens, &["create"]) && (0..tokens.len()).any(|at| are_words(&tokens[at..], &["partition", "by"]))
}

/// The name of the multirange type that comes along with a range type.
pub(super) fn multirange(statements: &str) -> Option<(String, String)> {
    let tokens = cut(statements);
    let at = tokens.iter().position(|token| token.is_word("multirange_type_name"))?;
    tokens.get(at + 2..).and_then(qualified)
}

/// The encoding of `SET client_encoding = …`, when that is all the statement says.
pub(super) fn encoding(statements: &str) -> Option<String> {
    let tokens = cut(statements);
    let [set, name, _, value] = tokens.split(|token| token.is_symbol(';')).next()? else { return None };
    let only = tokens.iter().filter(|token| !token.is_symbol(';')).count() == 4;
    let ours = only && set.is_word("set") && name.is_word("client_encoding");
    ours.then(|| value.text.trim_matches(['\'', '"']).to_owned())
}

/// Whether statements may set something for their session.
pub(super) fn sets(statements: &str) -> bool {
    let tokens = cut(statements);
    let first = tokens.first().is_some_and(|token| token.is_word("set") || token.is_word("reset"));
    first || tokens.iter().any(|token| token.is_word("set_config"))
}

/// A schema that is there already is as good as one that is created; only its `CREATE SCHEMA` would fail.
pub(super) fn tolerant(kind: &str, statements: &str) -> String {
    let tokens = cut(statements);
    let create = are_words(&tokens, &["create", "schema"]) && !are_words(&tokens[2..], &["if"]);
    match tokens.get(2).filter(|_| kind == "schema" && create) {
        Some(name) => format!("{}IF NOT EXISTS {}", &statements[..name.start], &statements[name.start..]),
        None => statements.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ties_tables_is_found() {
        let cases: &[(&str, &[&str])] = &[
            ("ALTER TABLE ONLY a.b ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES d.\"E\"(y)", &["a.b", "d.E"]),
            ("alter table if exists a.b attach partition c.d for values in (1)", &["a.b", "c.d"]),
            ("CREATE TABLE a.b (x int) INHERITS (c.d, e.f)", &["c.d", "e.f"]),
            ("CREATE TABLE a.b PARTITION OF c.d DEFAULT", &["c.d"]),
            ("CREATE INDEX i ON a.b (x)", &[]),
            ("COMMENT ON TABLE a.b IS 'ALTER TABLE x.y'", &[]),
            ("'", &[]),
        ];
        for (statement, expected) in cases {
            let found: Vec<_> = ties(statement).into_iter().map(|(schema, name)| format!("{schema}.{name}")).collect();
            assert_eq!(found, *expected, "{statement}");
        }
    }

    #[test]
    fn the_encoding_of_rows_is_no_statement() {
        for (statement, expected) in [
            ("SET client_encoding = 'LATIN1';", Some("LATIN1")),
            ("set client_encoding to utf8", Some("utf8")),
            ("SET client_encoding = 'a'; DROP TABLE t", None),
            ("SET search_path = ''", None),
            ("", None),
        ] {
            assert_eq!(encoding(statement).as_deref(), expected, "{statement}");
        }
    }

    #[test]
    fn a_schema_may_be_there_already() {
        assert_eq!(tolerant("schema", "CREATE SCHEMA a;\n"), "CREATE SCHEMA IF NOT EXISTS a;\n");
        assert_eq!(tolerant("schema", "CREATE SCHEMA IF NOT EXISTS a"), "CREATE SCHEMA IF NOT EXISTS a");
        assert_eq!(tolerant("table", "CREATE SCHEMA a"), "CREATE SCHEMA a");
        assert_eq!(tolerant("schema", "CREATE SCHEMA"), "CREATE SCHEMA");
    }

    #[test]
    fn what_comes_along_is_known() {
        let range = "CREATE TYPE a.r AS RANGE (subtype = integer, multirange_type_name = a.\"R s\")";
        assert_eq!(multirange(range), Some(("a".to_owned(), "R s".to_owned())));
        assert!(is_partitioned("CREATE TABLE a.b (x int) PARTITION BY RANGE (x)"));
        assert!(!is_partitioned("CREATE TABLE a.b (x int)"));
        assert!(sets("SELECT pg_catalog.set_config('search_path', '', false)") && !sets("ALTER TABLE a SET (x = 1)"));
    }
}
