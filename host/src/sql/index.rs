//! `CREATE INDEX` statements.

use crate::backup::attributes::{Index, IndexColumn};

use super::{Cursor, Dialect, Token, TokenKind, tokens};

/// An index as its statement describes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CreatedIndex {
    /// The table, as it is written without its schema.
    pub(crate) table: String,
    /// The index.
    pub(crate) index: Index,
    /// Parts of the statement that were left out and change no result of any query.
    pub(crate) notes: Vec<String>,
}

/// Reads the statement. Fails on what an archive has no words for.
pub(crate) fn create_index(statement: &str, dialect: Dialect) -> Result<CreatedIndex, String> {
    let tokens = tokens(statement, dialect)?;
    let mut cursor = Cursor::new(&tokens, dialect);
    let mut notes = Vec::new();
    cursor.expect("CREATE")?;
    let unique = cursor.accept("UNIQUE");
    cursor.expect("INDEX")?;
    let _ = cursor.accept("CONCURRENTLY");
    let _ = cursor.accept("IF NOT EXISTS");
    let (_, name) = cursor.qualified()?;
    cursor.expect("ON")?;
    let _ = cursor.accept("ONLY");
    let (_, table) = cursor.qualified()?;
    if cursor.accept("USING") {
        let method = cursor.name()?;
        if !method.eq_ignore_ascii_case("btree") {
            return Err(format!("the index method {method} cannot be carried"));
        }
    }
    let terms = cursor.group()?.items();
    let columns = terms.into_iter().map(|item| term(item, statement, dialect, &mut notes)).collect::<Result<_, _>>()?;
    let condition = storage(&mut cursor, statement, &mut notes)?;
    Ok(CreatedIndex { table, index: Index { name, columns, unique, condition }, notes })
}

/// What follows the terms: how PostgreSQL stores the index, and the condition.
fn storage(cursor: &mut Cursor<'_>, statement: &str, notes: &mut Vec<String>) -> Result<Option<String>, String> {
    loop {
        if cursor.accept("WHERE") {
            return Ok(Some(cursor.text(statement)));
        } else if cursor.accept("INCLUDE") {
            cursor.group()?;
            notes.push("INCLUDE".to_owned());
        } else if cursor.accept("NULLS DISTINCT") {
            // That is what every other index does too.
        } else if cursor.accept("WITH") {
            cursor.group()?;
            notes.push("WITH".to_owned());
        } else if cursor.accept("TABLESPACE") {
            cursor.name()?;
            notes.push("TABLESPACE".to_owned());
        } else {
            return cursor.end().map(|()| None);
        }
    }
}

fn term(item: Cursor<'_>, source: &str, dialect: Dialect, notes: &mut Vec<String>) -> Result<IndexColumn, String> {
    let mut tokens = item.rest();
    if let [rest @ .., nulls, place] = tokens
        && nulls.is_word("NULLS")
        && (place.is_word("FIRST") || place.is_word("LAST"))
    {
        notes.push(format!("NULLS {}", place.text.to_uppercase()));
        tokens = rest;
    }
    let mut descending = false;
    if let [rest @ .., last] = tokens
        && !rest.is_empty()
        && (last.is_word("ASC") || last.is_word("DESC"))
    {
        descending = last.is_word("DESC");
        tokens = rest;
    }
    let (tokens, collation) = collation(tokens, dialect);
    let (term, expression) = match dialect {
        Dialect::Sqlite => sqlite_term(tokens, source)?,
        Dialect::Postgresql => postgresql_term(tokens, source)?,
    };
    Ok(IndexColumn { term, expression, descending, collation })
}

/// Takes `COLLATE name` or `COLLATE schema.name` off the end.
fn collation<'a>(tokens: &'a [Token<'a>], dialect: Dialect) -> (&'a [Token<'a>], Option<String>) {
    let Some(at) = tokens.iter().rposition(|token| token.is_word("COLLATE")).filter(|at| *at > 0) else {
        return (tokens, None);
    };
    let mut name = Cursor::new(&tokens[at + 1..], dialect);
    match name.qualified() {
        Ok((_, collation)) if name.is_empty() => (&tokens[..at], Some(collation)),
        _ => (tokens, None),
    }
}

fn sqlite_term(tokens: &[Token<'_>], source: &str) -> Result<(String, bool), String> {
    let cursor = Cursor::new(tokens, Dialect::Sqlite);
    let mut whole = cursor;
    if let Ok(inner) = whole.group()
        && whole.is_empty()
    {
        // Parentheses around all of it say nothing.
        return Ok((inner.text(source), true));
    }
    match tokens {
        [] => Err("a term of the index is empty".to_owned()),
        [only] if let Some(name) = only.name(Dialect::Sqlite) => Ok((name, false)),
        _ => Ok((cursor.text(source), true)),
    }
}

/// A column, a function's call, or an expression in parentheses; what follows it would be an operator class.
fn postgresql_term(tokens: &[Token<'_>], source: &str) -> Result<(String, bool), String> {
    let mut cursor = Cursor::new(tokens, Dialect::Postgresql);
    let term = if tokens.first().is_some_and(|token| token.is_symbol('(')) {
        (cursor.group()?.text(source), true)
    } else {
        let (_, name) = cursor.qualified()?;
        match cursor.group() {
            Err(_) => (name, false),
            Ok(_) => {
                (Cursor::new(&tokens[..tokens.len() - cursor.rest().len()], Dialect::Postgresql).text(source), true)
            }
        }
    };
    match cursor.peek(0) {
        Some(token) if token.kind == TokenKind::Word => {
            Err(format!("the operator class {} cannot be carried", token.text))
        }
        _ => cursor.end().map(|()| term),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(term: &str, expression: bool, descending: bool, collation: Option<&str>) -> IndexColumn {
        IndexColumn { term: term.into(), expression, descending, collation: collation.map(str::to_owned) }
    }

    #[test]
    fn statements_of_both_dialects_are_understood() {
        let found = create_index(
            "CREATE UNIQUE INDEX \"i\" ON t (a COLLATE NOCASE DESC, [b c], lower(a) || 'x', (a > 0) ASC, (a) + (b)) WHERE a IS NOT NULL -- x",
            Dialect::Sqlite,
        )
        .unwrap();
        assert_eq!(found.table, "t");
        assert!(found.index.unique);
        assert_eq!(found.index.condition.as_deref(), Some("a IS NOT NULL"));
        assert_eq!(
            found.index.columns,
            [
                column("a", false, true, Some("NOCASE")),
                column("b c", false, false, None),
                column("lower(a) || 'x'", true, false, None),
                column("a > 0", true, false, None),
                column("(a) + (b)", true, false, None),
            ]
        );
        let found = create_index(
            "CREATE INDEX i ON public.t USING btree (last_name, lower(a) DESC NULLS LAST, ((a + b)), c COLLATE pg_catalog.\"C\") INCLUDE (d) WHERE (a > 0)",
            Dialect::Postgresql,
        )
        .unwrap();
        assert_eq!(found.notes, ["NULLS LAST", "INCLUDE"]);
        assert_eq!(found.index.condition.as_deref(), Some("(a > 0)"));
        assert_eq!(
            found.index.columns,
            [
                column("last_name", false, false, None),
                column("lower(a)", true, true, None),
                column("(a + b)", true, false, None),
                column("c", false, false, Some("C")),
            ]
        );
    }

    #[test]
    fn what_has_no_words_is_refused() {
        for text in [
            "CREATE INDEX i ON t USING gin (a)",
            "CREATE INDEX i ON t (a text_pattern_ops)",
            "CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT",
            "CREATE INDEX i ON t ()",
            "CREATE INDEX i ON t (a",
            "CREATE TABLE t (a)",
            "",
        ] {
            assert!(create_index(text, Dialect::Postgresql).is_err(), "{text}");
        }
    }
}
