//! Cuts a text into the statements that PostgreSQL's grammar sees in it.

use super::{Cursor, Dialect, Token, tokens};

/// The statements of a text, without the `;` between them and without comments around them; empty ones are left out.
///
/// Fails when the text is not made of whole tokens, or when a parenthesis or the body of a routine does not end.
pub(crate) fn split(text: &str) -> Result<Vec<&str>, String> {
    let tokens = tokens(text, Dialect::Postgresql)?;
    let span = |statement: &[Token<'_>]| Some((statement.first()?.start, statement.last()?.end()));
    Ok(statements(&tokens)?.into_iter().filter_map(span).filter_map(|(start, end)| text.get(start..end)).collect())
}

/// The same of a text that is cut into tokens; no statement is empty.
pub(super) fn statements<'a>(tokens: &'a [Token<'a>]) -> Result<Vec<&'a [Token<'a>]>, String> {
    let mut found = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let end = statement_end(rest)?;
        found.push(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    found.retain(|statement| !statement.is_empty());
    Ok(found)
}

/// Where the first statement ends: its `;`, or the last token's end.
fn statement_end(tokens: &[Token<'_>]) -> Result<usize, String> {
    let routine = makes_routine(tokens);
    let (mut depth, mut in_body) = (0_usize, false);
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        if token.is_symbol('(') {
            depth += 1;
        } else if token.is_symbol(')') {
            depth = depth.checked_sub(1).ok_or("a parenthesis closes that was not opened")?;
        } else if depth == 0 && in_body {
            // Statements of a body all end in `;`, so that an END behind anything else ends a CASE or is a name.
            let starts = before.is_some_and(|before| before.is_symbol(';') || before.is_word("ATOMIC"));
            in_body = !(starts && token.is_word("END"));
        } else if depth == 0 && routine && token.is_word("ATOMIC") {
            in_body = before.is_some_and(|before| before.is_word("BEGIN"));
        } else if depth == 0 && token.is_symbol(';') {
            return Ok(at);
        }
    }
    match (depth, in_body) {
        (0, false) => Ok(tokens.len()),
        (0, true) => Err("the body of a routine does not end".to_owned()),
        _ => Err("a parenthesis does not close".to_owned()),
    }
}

/// Whether a routine is created: only there `BEGIN ATOMIC` opens a body.
fn makes_routine(tokens: &[Token<'_>]) -> bool {
    let mut cursor = Cursor::new(tokens, Dialect::Postgresql);
    let created = cursor.accept("CREATE OR REPLACE") || cursor.accept("CREATE");
    created && (cursor.at("FUNCTION") || cursor.at("PROCEDURE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_where_the_server_ends_them() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" ; ;; -- nothing\n", &[]),
            ("-- a\nSELECT 1 /* b */; /* c */ SELECT ';' -- d", &["SELECT 1", "SELECT ';'"]),
            ("a \"x;y\" $$;$$ E'\\';' ; b", &["a \"x;y\" $$;$$ E'\\';'", "b"]),
            (
                "CREATE RULE r AS ON UPDATE TO v DO ALSO (NOTIFY a; NOTIFY b); x",
                &["CREATE RULE r AS ON UPDATE TO v DO ALSO (NOTIFY a; NOTIFY b)", "x"],
            ),
            (
                "CREATE FUNCTION f(begin atomic) RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; x",
                &[
                    "CREATE FUNCTION f(begin atomic) RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END",
                    "x",
                ],
            ),
            (
                "create or replace procedure p() begin/**/atomic end; ALTER SYSTEM SET a = 1",
                &["create or replace procedure p() begin/**/atomic end", "ALTER SYSTEM SET a = 1"],
            ),
            // Labels that look like the words of a CASE open and close nothing.
            (
                "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1 AS case; SELECT 2 end; END; ALTER SYSTEM",
                &["CREATE FUNCTION f() BEGIN ATOMIC SELECT 1 AS case; SELECT 2 end; END", "ALTER SYSTEM"],
            ),
            // Outside routines these words are names.
            ("SELECT 1 FROM begin atomic; ALTER SYSTEM", &["SELECT 1 FROM begin atomic", "ALTER SYSTEM"]),
            (
                "CREATE FUNCTION f() RETURNS int AS 'x', atomic; y",
                &["CREATE FUNCTION f() RETURNS int AS 'x', atomic", "y"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text).unwrap(), *expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_end_is_refused() {
        for text in [
            "(a",
            "a)",
            "a; (b; c",
            "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; x",
            "'",
            "CREATE FUNCTION f() BEGIN ATOMIC END (",
        ] {
            assert!(split(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nested_statements_are_one() {
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..500 {
            let statements: Vec<String> = (0..=random(4)).map(|_| nested(&mut random, 4)).collect();
            let text = statements.join(" ;-- end\n");
            assert_eq!(split(&text).unwrap(), statements, "{text}");
        }
    }

    /// A statement with quotes, parentheses and bodies, each with `;` in it.
    fn nested(random: &mut dyn FnMut(u64) -> u64, depth: u32) -> String {
        if depth == 0 {
            return "x".to_owned();
        }
        let inner = nested(random, depth - 1);
        match random(7) {
            0 => format!("a ({inner}; b)"),
            1 => format!("a $q{depth}$ ; {inner} ' $q{depth}$"),
            2 => format!("a '{};' b", inner.replace('\'', "''")),
            3 => format!("a \";{}\" b", inner.replace('"', "\"\"")),
            4 => format!("a /* {} ; */ b", inner.replace(['/', '*'], "")),
            5 if !inner.contains("CREATE") => {
                format!("CREATE FUNCTION f() BEGIN ATOMIC {inner}; SELECT CASE WHEN 1 THEN 2 END; END")
            }
            6 if inner.contains("CREATE") => inner,
            6 => format!("b {inner} c"),
            _ => format!("c ({inner})"),
        }
    }
}
