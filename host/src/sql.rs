//! Statements of SQL, cut into tokens: enough to take definitions apart without changing a letter of their expressions.

pub(crate) mod cursor;
pub(crate) mod index;
pub(crate) mod reach;
pub(crate) mod reads;
pub(crate) mod references;

pub(crate) use cursor::Cursor;

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
    /// A literal in quotes, its prefix included.
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

    /// The name it stands for, its quotes taken off; `None` for what cannot be a name.
    pub(crate) fn name(&self, dialect: Dialect) -> Option<String> {
        let inner = || self.text.get(1..self.text.len() - 1).unwrap_or_default();
        match (self.kind, dialect) {
            (TokenKind::Word, Dialect::Postgresql) => Some(self.text.to_lowercase()),
            (TokenKind::Word, Dialect::Sqlite) => Some(self.text.to_owned()),
            (TokenKind::Quoted, _) if self.text.starts_with('[') => Some(inner().to_owned()),
            (TokenKind::Quoted, _) if self.text.starts_with('`') => Some(inner().replace("``", "`")),
            (TokenKind::Quoted, _) => Some(inner().replace("\"\"", "\"")),
            // SQLite takes a string where only a name can stand.
            (TokenKind::Literal, Dialect::Sqlite) if self.text.starts_with('\'') => Some(inner().replace("''", "'")),
            _ => None,
        }
    }
}

/// Cuts a text into tokens, comments and space left out. Fails on quotes and comments that do not end.
pub(crate) fn tokens(text: &str, dialect: Dialect) -> Result<Vec<Token<'_>>, String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match space(rest, dialect)? {
            0 => {
                let (kind, length) = token(rest, dialect)?;
                found.push(Token { kind, text: &rest[..length], start: at });
                length
            }
            length => length,
        };
        at += length;
    }
    Ok(found)
}

/// Length of the white space or comment that the text begins with.
fn space(text: &str, dialect: Dialect) -> Result<usize, String> {
    if text.starts_with("--") {
        return Ok(text.find('\n').map_or(text.len(), |end| end + 1));
    }
    if text.starts_with("/*") {
        return comment(text, dialect);
    }
    // Other characters that look like space belong to names.
    Ok(length_while(text, |c| c.is_ascii_whitespace() || c == '\u{b}'))
}

fn comment(text: &str, dialect: Dialect) -> Result<usize, String> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (1, 2);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Ok(at);
                }
            }
            b"/*" if dialect == Dialect::Postgresql => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    match dialect {
        // SQLite lets the end of the text end a comment.
        Dialect::Sqlite => Ok(text.len()),
        Dialect::Postgresql => Err("a comment does not end".to_owned()),
    }
}

fn token(text: &str, dialect: Dialect) -> Result<(TokenKind, usize), String> {
    let mut characters = text.chars();
    let first = characters.next().unwrap_or_default();
    let second = characters.next();
    match first {
        '\'' => Ok((TokenKind::Literal, quoted(text, '\'', false)?)),
        '"' => Ok((TokenKind::Quoted, quoted(text, '"', false)?)),
        '`' if dialect == Dialect::Sqlite => Ok((TokenKind::Quoted, quoted(text, '`', false)?)),
        '[' if dialect == Dialect::Sqlite => {
            let end = text.find(']').ok_or("a quoted name does not end")?;
            Ok((TokenKind::Quoted, end + 1))
        }
        '$' if dialect == Dialect::Postgresql => {
            Ok(dollar(text)?.map_or((TokenKind::Symbol, 1), |n| (TokenKind::Literal, n)))
        }
        'e' | 'E' | 'x' | 'X' | 'b' | 'B' | 'n' | 'N' if second == Some('\'') => {
            let escapes = first.eq_ignore_ascii_case(&'e') && dialect == Dialect::Postgresql;
            Ok((TokenKind::Literal, 1 + quoted(&text[1..], '\'', escapes)?))
        }
        _ if is_word_start(first) => Ok((TokenKind::Word, length_while(text, is_word_part))),
        _ if first.is_ascii_digit() => Ok((TokenKind::Number, number(text))),
        '.' if second.is_some_and(|c| c.is_ascii_digit()) => Ok((TokenKind::Number, number(text))),
        _ => Ok((TokenKind::Symbol, first.len_utf8())),
    }
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_word_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || c == '$'
}

fn length_while(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

/// Length of a text in quotes; a doubled quote stands for itself.
fn quoted(text: &str, quote: char, escapes: bool) -> Result<usize, String> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if escapes && c == '\\' {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + quote.len_utf8());
        }
    }
    Err("a quote does not end".to_owned())
}

/// Length of a dollar-quoted text; `None` when the dollar does not begin one.
fn dollar(text: &str) -> Result<Option<usize>, String> {
    let tag_end = 1 + length_while(&text[1..], |c| is_word_part(c) && c != '$');
    if !text[tag_end..].starts_with('$') || text[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(None);
    }
    let tag = &text[..=tag_end];
    let body = &text[tag.len()..];
    let end = body.find(tag).ok_or("a dollar quote does not end")?;
    Ok(Some(tag.len() + end + tag.len()))
}

fn number(text: &str) -> usize {
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let mut before = ' ';
    text.find(|c: char| {
        let sign = (c == '+' || c == '-') && before.eq_ignore_ascii_case(&'e') && !hexadecimal;
        before = c;
        !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign)
    })
    .unwrap_or(text.len())
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
            (pg, "$x$ it's $y$ $x$ $$'$$ $1 a[1]", &["$x$ it's $y$ $x$", "$$'$$", "$", "1", "a", "[", "1", "]"]),
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
