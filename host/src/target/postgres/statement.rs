//! What the target must know of a guest's statements: what they tie together, create by the way, or set.

use std::borrow::Cow;

use crate::sql::{Dialect, Token, TokenKind, tokens};

const DIALECT: Dialect = Dialect::Postgresql;

/// Statements, cut into tokens once.
pub(super) struct Statements<'a> {
    text: &'a str,
    /// None of a text that cannot be cut, which the server refuses by itself.
    tokens: Vec<Token<'a>>,
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

impl<'a> Statements<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, tokens: tokens(text, DIALECT).unwrap_or_default() }
    }

    /// Tables that statements alter, or tie to others: that foreign keys refer to, that partitions are attached to, that are inherited.
    pub(super) fn ties(&self) -> Vec<(String, String)> {
        const BEFORE: [&[&str]; 8] = [
            &["alter", "table", "if", "exists", "only"],
            &["alter", "table", "if", "exists"],
            &["alter", "table", "only"],
            &["alter", "table"],
            &["attach", "partition"],
            &["partition", "of"],
            &["references"],
            &["inherit"],
        ];
        let mut found = Vec::new();
        for at in 0..self.tokens.len() {
            let rest = &self.tokens[at..];
            let words = BEFORE.into_iter().find(|words| are_words(rest, words));
            found.extend(words.and_then(|words| qualified(&rest[words.len()..])));
            if are_words(rest, &["inherits"]) {
                let parents = rest[1..].split(|token| matches!(token.text, "(" | ",")).skip(1);
                found.extend(parents.map_while(qualified));
            }
        }
        found
    }

    /// Whether a table is created, whatever else.
    pub(super) fn creates_table(&self) -> bool {
        let statements = self.tokens.split(|token| token.is_symbol(';'));
        statements.into_iter().any(|statement| {
            are_words(statement, &["create", "table"]) || are_words(statement, &["create", "unlogged", "table"])
        })
    }

    /// Whether a table is created that only its partitions hold rows of.
    pub(super) fn is_partitioned(&self) -> bool {
        let by = |at: usize| are_words(&self.tokens[at..], &["partition", "by"]);
        self.creates_table() && (0..self.tokens.len()).any(by)
    }

    /// The name of the multirange type that comes along with a range type.
    pub(super) fn multirange(&self) -> Option<(String, String)> {
        let at = self.tokens.iter().position(|token| token.is_word("multirange_type_name"))?;
        self.tokens.get(at + 2..).and_then(qualified)
    }

    /// The encoding of `SET client_encoding = …`, when that is all the statements say.
    pub(super) fn encoding(&self) -> Option<String> {
        let [set, name, _, value, rest @ ..] = self.tokens.as_slice() else { return None };
        let only = rest.iter().all(|token| token.is_symbol(';'));
        let ours = only && set.is_word("set") && name.is_word("client_encoding");
        ours.then(|| value.text.trim_matches(['\'', '"']).to_owned())
    }

    /// Whether something is given to a role, or taken from one.
    pub(super) fn gives(&self) -> bool {
        self.tokens.first().is_some_and(|token| token.is_word("grant") || token.is_word("revoke"))
    }

    /// Whether doing it twice is the same as doing it once: owners, privileges, comments.
    pub(super) fn can_be_repeated(&self) -> bool {
        let comments = self.tokens.first().is_some_and(|token| token.is_word("comment"));
        let owns = (0..self.tokens.len()).any(|at| are_words(&self.tokens[at..], &["owner", "to"]));
        self.gives() || comments || self.tokens.first().is_some_and(|token| token.is_word("alter")) && owns
    }

    /// Whether statements may set something for their session.
    pub(super) fn set_something(&self) -> bool {
        let first = self.tokens.first().is_some_and(|token| token.is_word("set") || token.is_word("reset"));
        first || self.tokens.iter().any(|token| token.is_word("set_config"))
    }

    /// Whether the name stands in them, as a word or a name in quotes.
    pub(super) fn name(&self, name: &str) -> bool {
        self.tokens.iter().any(|token| token.name(DIALECT).as_deref() == Some(name))
    }

    /// A schema that is there already is as good as one that is created; only its `CREATE SCHEMA` would fail.
    pub(super) fn tolerant(&self, kind: &str) -> Cow<'a, str> {
        let create = are_words(&self.tokens, &["create", "schema"]) && !are_words(&self.tokens[2..], &["if"]);
        match self.tokens.get(2).filter(|_| kind == "schema" && create) {
            Some(name) => format!("{}IF NOT EXISTS {}", &self.text[..name.start], &self.text[name.start..]).into(),
            None => self.text.into(),
        }
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
            let found: Vec<_> =
                Statements::of(statement).ties().into_iter().map(|(schema, name)| format!("{schema}.{name}")).collect();
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
            assert_eq!(Statements::of(statement).encoding().as_deref(), expected, "{statement}");
        }
    }

    #[test]
    fn a_schema_may_be_there_already() {
        assert_eq!(Statements::of("CREATE SCHEMA a;\n").tolerant("schema"), "CREATE SCHEMA IF NOT EXISTS a;\n");
        assert_eq!(Statements::of("CREATE SCHEMA IF NOT EXISTS a").tolerant("schema"), "CREATE SCHEMA IF NOT EXISTS a");
        assert_eq!(Statements::of("CREATE SCHEMA a").tolerant("table"), "CREATE SCHEMA a");
        assert_eq!(Statements::of("CREATE SCHEMA").tolerant("schema"), "CREATE SCHEMA");
    }

    #[test]
    fn what_comes_along_is_known() {
        let range = "CREATE TYPE a.r AS RANGE (subtype = integer, multirange_type_name = a.\"R s\")";
        assert_eq!(Statements::of(range).multirange(), Some(("a".to_owned(), "R s".to_owned())));
        assert!(Statements::of("CREATE TABLE a.b (x int) PARTITION BY RANGE (x)").is_partitioned());
        assert!(!Statements::of("CREATE TABLE a.b (x int)").is_partitioned());
        assert!(Statements::of("SELECT pg_catalog.set_config('search_path', '', false)").set_something());
        assert!(!Statements::of("ALTER TABLE a SET (x = 1)").set_something());
        assert!(Statements::of("ALTER TABLE a.b OWNER TO c").can_be_repeated());
        assert!(!Statements::of("ALTER TABLE a.b ADD CONSTRAINT c CHECK (d)").can_be_repeated());
        assert!(Statements::of("SET LOCAL a = b; CREATE UNLOGGED TABLE c ()").creates_table());
    }
}
