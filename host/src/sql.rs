//! Statements of SQL, cut into tokens: enough to take definitions apart without changing a letter of their expressions.

pub(crate) mod cursor;
pub(crate) mod index;
mod lexer;
mod literal;
pub(crate) mod place;
pub(crate) mod reach;
pub(crate) mod reads;
pub(crate) mod references;
#[cfg(test)]
mod samples;
mod split;

pub(crate) use cursor::Cursor;
pub(crate) use lexer::tokens;
pub(crate) use split::split;

/// Words behind which a query's list of tables has ended.
pub(crate) const BEHIND_TABLES: [&str; 14] = [
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "WINDOW",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "VALUES",
    "RETURNING",
    "FOR",
];

/// Whose rules of quoting and comments hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Dollar quotes, `E''`, nested comments, unquoted names in lower case.
    Postgresql,
    /// `[name]` and `` `name` ``, names keep their case.
    Sqlite,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or a name that is not quoted.
    Word,
    /// A quoted name.
    Quoted,
    /// A literal in quotes, its prefix included, and what PostgreSQL joins to it across lines.
    Literal,
    /// A number.
    Number,
    /// Any other character.
    Symbol,
}

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: TokenKind,
    /// As it is written.
    pub(crate) text: &'a str,
    /// Where it begins, in bytes.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// Whether it is that keyword, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is that character.
    pub(crate) fn is_symbol(&self, symbol: char) -> bool {
        self.kind == TokenKind::Symbol && self.text.starts_with(symbol)
    }

    /// Where it ends, in bytes.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The text that a literal of PostgreSQL stands for; `None` for bits, bytes, and what is no literal.
    pub(crate) fn value(&self) -> Option<String> {
        if self.kind == TokenKind::Literal { literal::value(self.text) } else { None }
    }

    /// The name it stands for, its quotes taken off; `None` for what cannot be a name.
    pub(crate) fn name(&self, dialect: Dialect) -> Option<String> {
        let inner = || self.text.get(1..self.text.len() - 1).unwrap_or_default();
        match (self.kind, dialect) {
            // The server folds letters of ASCII only, whatever the language.
            (TokenKind::Word, Dialect::Postgresql) => Some(self.text.to_ascii_lowercase()),
            (TokenKind::Word, Dialect::Sqlite) => Some(self.text.to_owned()),
            (TokenKind::Quoted, _) if self.text.starts_with('[') => Some(inner().to_owned()),
            (TokenKind::Quoted, _) if self.text.starts_with('`') => Some(inner().replace("``", "`")),
            (TokenKind::Quoted, Dialect::Postgresql) if !self.text.starts_with('"') => literal::unicode_name(self.text),
            (TokenKind::Quoted, _) => Some(inner().replace("\"\"", "\"")),
            // SQLite takes a string where only a name can stand.
            (TokenKind::Literal, Dialect::Sqlite) if self.text.starts_with('\'') => Some(inner().replace("''", "'")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, dialect: Dialect) -> Vec<&str> {
        tokens(text, dialect).unwrap().iter().map(|token| token.text).collect()
    }

    #[test]
    fn statements_are_cut_where_the_dialect_says() {
        let (pg, lite) = (Dialect::Postgresql, Dialect::Sqlite);
        let cases: &[(Dialect, &str, &[&str])] = &[
            (pg, "a<=1.5e-3 -- b\n/* c /* d */ e */f", &["a", "<", "=", "1.5e-3", "f"]),
            (lite, "a /* b /* c */ d", &["a", "d"]),
            (lite, "a /* never ends", &["a"]),
            (pg, "'it''s' E'\\'' \"a\"\"b\"", &["'it''s'", "E'\\''", "\"a\"\"b\""]),
            (lite, "x'00ff' [a b] `c``d` e", &["x'00ff'", "[a b]", "`c``d`", "e"]),
            (pg, "$x$ it's $y$ $x$ $$'$$ $1 a[1]", &["$x$ it's $y$ $x$", "$$'$$", "$1", "a", "[", "1", "]"]),
            (pg, "0x1e+2 .5 é\u{1f600}", &["0x1e", "+", "2", ".5", "é\u{1f600}"]),
            (pg, "", &[]),
        ];
        for (dialect, text, expected) in cases {
            assert_eq!(texts(text, *dialect), *expected, "{text}");
        }
    }

    #[test]
    fn names_lose_their_quotes() {
        let cases = [
            (Dialect::Postgresql, "Actor", Some("actor")),
            (Dialect::Sqlite, "Actor", Some("Actor")),
            (Dialect::Postgresql, "\"A\"\"b\"", Some("A\"b")),
            (Dialect::Sqlite, "[A b]", Some("A b")),
            (Dialect::Sqlite, "`a``b`", Some("a`b")),
            (Dialect::Sqlite, "'a''b'", Some("a'b")),
            (Dialect::Postgresql, "'a'", None),
            (Dialect::Sqlite, "1", None),
        ];
        for (dialect, text, expected) in cases {
            let token = tokens(text, dialect).unwrap()[0];
            assert_eq!(token.name(dialect).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_end_is_refused() {
        for text in ["'a", "\"a", "/* a", "$q$ a", "E'\\'"] {
            assert!(tokens(text, Dialect::Postgresql).is_err(), "{text}");
        }
        assert!(tokens("[a", Dialect::Sqlite).is_err());
    }
}
