//! Names and pieces of SQL that an archive brings: checked before they become part of a statement of ours.
//!
//! An expression cannot end the statement it is put into: it is cut into tokens by the server's own rules, its brackets close, and it has no
//! semicolon. Whole statements go to the server one at a time by the extended protocol, which takes exactly one.

use crate::error::{Error, Result};
use crate::sql::{Cursor, Dialect, Token, TokenKind, tokens};

use super::placement::quoted;

/// Longer names are cut short by the server, and two of them may become one.
pub(super) const NAME_BYTES: usize = 63;

/// The error of what the server would not take.
pub(super) fn bad(message: impl Into<String>) -> Error {
    Error::new("target.bad_definition", message)
}

/// A name in quotes, if it is one that the server keeps as it is.
pub(super) fn ident(name: &str) -> Result<String> {
    let shown = name.escape_debug();
    if name.is_empty() || name.contains('\0') {
        return Err(bad(format!("`{shown}` cannot be the name of anything in PostgreSQL; give it another name")));
    }
    if name.len() > NAME_BYTES {
        let length = name.len();
        return Err(bad(format!(
            "The name `{shown}` is {length} bytes long, and PostgreSQL keeps {NAME_BYTES}; give it a shorter name"
        )));
    }
    Ok(quoted(name))
}

/// Names in quotes, with commas between them.
pub(super) fn idents<S: AsRef<str>>(names: &[S]) -> Result<String> {
    Ok(names.iter().map(|name| ident(name.as_ref())).collect::<Result<Vec<_>>>()?.join(", "))
}

/// An expression in parentheses of its own; `what` it is for messages.
pub(super) fn expression(text: &str, what: &str) -> Result<String> {
    whole(text).map_err(|why| bad(format!("{what} is no expression: {why}")))?;
    // A comment at its end must not swallow the parenthesis.
    Ok(format!("({text}\n)"))
}

/// A piece of a statement whose brackets close and that has no semicolon.
pub(super) fn whole(text: &str) -> Result<Vec<Token<'_>>, String> {
    let tokens = tokens(text, Dialect::Postgresql)?;
    let mut open = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == TokenKind::Symbol) {
        match token.text {
            "(" => open.push(")"),
            "[" => open.push("]"),
            ")" | "]" if open.pop() != Some(token.text) => return Err("a bracket closes that is not open".to_owned()),
            ";" => return Err("it has a semicolon".to_owned()),
            "\0" => return Err("it has a byte of zero".to_owned()),
            _ => {}
        }
    }
    match (open.is_empty(), tokens.is_empty()) {
        (false, _) => Err("a bracket does not close".to_owned()),
        (_, true) => Err("it is empty".to_owned()),
        _ => Ok(tokens),
    }
}

/// One statement without the semicolon that may end it.
pub(super) fn statement(text: &str) -> &str {
    text.trim_end().trim_end_matches(';').trim_end()
}

/// A statement with the name of what it is about put in place of the one that is written, in `schema.name`; `header` reads up to that name.
/// Fails with a reason.
pub(super) fn renamed(
    text: &str,
    name: &str,
    header: impl Fn(&mut Cursor<'_>) -> Result<(), String>,
) -> Result<(String, Written), String> {
    let tokens = tokens(text, Dialect::Postgresql)?;
    let mut cursor = Cursor::new(&tokens, Dialect::Postgresql);
    header(&mut cursor)?;
    let start = cursor.peek(0).ok_or("it ends early")?.start;
    let (_, written) = cursor.qualified()?;
    let end = cursor.peek(0).map_or(text.len(), |token| token.start);
    let changed = format!("{}{name} {}", &text[..start], &text[end..]);
    Ok((changed, Written { name: written }))
}

/// What a statement called something.
pub(super) struct Written {
    pub(super) name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_or_refused() {
        assert_eq!(ident("a\"b").unwrap(), "\"a\"\"b\"");
        assert_eq!(ident(&"n".repeat(63)).unwrap().len(), 65);
        for name in [String::new(), "a\0b".to_owned(), "n".repeat(64), "ü".repeat(32)] {
            assert_eq!(ident(&name).unwrap_err().code(), "target.bad_definition", "{name}");
        }
    }

    #[test]
    fn an_expression_cannot_end_its_statement() {
        for good in ["a > 0", "f(a, ')') -- over", "'a;b'", "$x$;)$x$", "a[1] /* ; */", "(a)"] {
            assert!(expression(good, "It").is_ok(), "{good}");
        }
        for hostile in
            ["", "-- only", "a); DROP TABLE b; --", "a) (b", "a;", "'open", "a /* open", "(a]", "E'\\'", "$x$ open"]
        {
            assert!(expression(hostile, "It").is_err(), "{hostile}");
        }
    }

    #[test]
    fn the_name_of_what_a_statement_makes_is_replaced() {
        let header = |cursor: &mut Cursor<'_>| cursor.expect("CREATE FUNCTION");
        let (changed, written) = renamed("CREATE FUNCTION Public.\"F x\"(a int) RETURNS int", "s.f", header).unwrap();
        assert_eq!(changed, "CREATE FUNCTION s.f (a int) RETURNS int");
        assert_eq!(written.name, "F x");
        assert!(renamed("CREATE FUNCTION", "s.f", header).is_err());
        assert!(renamed("DROP FUNCTION f", "s.f", header).is_err());
    }
}
