//! SQLite's tokens, as `sqlite3GetToken` of its `tokenize.c` cuts them: enough to find names in stored statements and to
//! see whether a fragment of SQL can be put between parentheses without getting out.

use std::borrow::Cow;
use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a bare name.
    Word,
    /// A name in `""`, `` ` ` `` or `[]`.
    Quoted,
    /// `'…'` or `x'…'`.
    Text,
    /// A number.
    Number,
    /// One character of anything else.
    Mark,
}

/// A token and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// As it is written.
    pub(crate) text: &'a str,
    /// Where, in bytes.
    pub(crate) at: Range<usize>,
}

impl Token<'_> {
    /// Whether it is that keyword; give it in capitals.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether it is that character.
    pub(crate) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    /// The name it stands for, where a name may stand.
    pub(crate) fn name(&self) -> Option<Cow<'_, str>> {
        match self.kind {
            Kind::Word => Some(Cow::Borrowed(self.text)),
            Kind::Quoted | Kind::Text => Some(dequote(self.text)),
            Kind::Number | Kind::Mark => None,
        }
    }

    /// Whether it is a name equal to `name` in SQLite's eyes.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.name().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}

fn dequote(text: &str) -> Cow<'_, str> {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    match text.as_bytes().first() {
        Some(quote @ (b'"' | b'`' | b'\'')) => {
            let quote = char::from(*quote);
            let double: String = [quote, quote].iter().collect();
            if inner.contains(&double) {
                Cow::Owned(inner.replace(&double, &quote.to_string()))
            } else {
                Cow::Borrowed(inner)
            }
        }
        Some(b'[') => Cow::Borrowed(inner),
        _ => Cow::Borrowed(text),
    }
}

/// Cuts a text into its tokens; space and comments are left out. Fails on quotes and comments that do not end, and on NUL,
/// at which SQLite stops reading.
pub(crate) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, &'static str> {
    let bytes = sql.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (kind, end) = next(bytes, at)?;
        if let Some(kind) = kind {
            found.push(Token { kind, text: &sql[at..end], at: at..end });
        }
        at = end;
    }
    Ok(found)
}

/// The token (or, with no kind, the space or comment) that begins at `at`, and where it ends. Ends lie between characters,
/// because every byte of a character beyond ASCII belongs to a word, a quote or a comment.
fn next(bytes: &[u8], at: usize) -> Result<(Option<Kind>, usize), &'static str> {
    let following = bytes.get(at + 1).copied();
    Ok(match bytes[at] {
        0 => return Err("it has a NUL in it"),
        b' ' | b'\t' | b'\n' | b'\r' | 0x0c => (None, at + 1),
        b'-' if following == Some(b'-') => (None, line_end(bytes, at)),
        b'/' if following == Some(b'*') => (None, comment_end(bytes, at)?),
        quote @ (b'\'' | b'"' | b'`') => {
            (Some(if quote == b'\'' { Kind::Text } else { Kind::Quoted }), quoted_end(bytes, at + 1, quote)?)
        }
        b'[' => (Some(Kind::Quoted), bracket_end(bytes, at)?),
        b'x' | b'X' if following == Some(b'\'') => (Some(Kind::Text), quoted_end(bytes, at + 2, b'\'')?),
        b'0'..=b'9' => (Some(Kind::Number), run(bytes, at, |b| is_word(b) || b == b'.')),
        b'.' if following.is_some_and(|b| b.is_ascii_digit()) => {
            (Some(Kind::Number), run(bytes, at, |b| is_word(b) || b == b'.'))
        }
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => (Some(Kind::Word), run(bytes, at, is_word)),
        _ => (Some(Kind::Mark), at + 1),
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn run(bytes: &[u8], at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[at..].iter().position(|&byte| !belongs(byte)).map_or(bytes.len(), |length| at + length)
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, |byte| byte != b'\n')
}

fn comment_end(bytes: &[u8], at: usize) -> Result<usize, &'static str> {
    let inside = bytes.get(at + 2..).unwrap_or_default();
    inside.windows(2).position(|pair| pair == b"*/").map(|length| at + 2 + length + 2).ok_or("a comment does not end")
}

fn quoted_end(bytes: &[u8], mut at: usize, quote: u8) -> Result<usize, &'static str> {
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == 0 {
            return Err("it has a NUL in it");
        }
        if byte == quote {
            if bytes.get(at) != Some(&quote) {
                return Ok(at);
            }
            at += 1;
        }
    }
    Err("a quote does not end")
}

fn bracket_end(bytes: &[u8], at: usize) -> Result<usize, &'static str> {
    bytes[at..].iter().position(|&byte| byte == b']').map(|length| at + length + 1).ok_or("a quote does not end")
}

/// Whether `text` can be put between parentheses and stays there: its own are balanced, it does not end the statement.
/// It may end in a line comment, so a line end must follow it.
pub(crate) fn check_fragment(text: &str) -> Result<(), &'static str> {
    let tokens = tokens(text)?;
    let mut depth = 0_usize;
    for token in &tokens {
        match token.text {
            _ if token.kind != Kind::Mark => {}
            "(" => depth += 1,
            ")" => depth = depth.checked_sub(1).ok_or("it closes a parenthesis that it did not open")?,
            ";" => return Err("it ends the statement"),
            _ => {}
        }
    }
    match (depth, tokens.is_empty()) {
        (0, false) => Ok(()),
        (0, true) => Err("it is empty"),
        _ => Err("it opens a parenthesis that it does not close"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_as_sqlite_cuts_them() {
        let cut = |sql| tokens(sql).unwrap().iter().map(|token| token.text.to_owned()).collect::<Vec<_>>();
        assert_eq!(cut("a.b>=1.5e3--x\n+'it''s'"), ["a", ".", "b", ">", "=", "1.5e3", "+", "'it''s'"]);
        assert_eq!(cut("[a b]`c``d`\"e\"\"f\"x'00'/* ; */ß$1"), ["[a b]", "`c``d`", "\"e\"\"f\"", "x'00'", "ß$1"]);
        assert_eq!(cut("t .5 -- end"), ["t", ".5"]);
    }

    #[test]
    fn names_lose_their_quotes() {
        for (sql, name) in
            [("a", "a"), ("\"a\"\"b\"", "a\"b"), ("[a\"b]", "a\"b"), ("`a``b`", "a`b"), ("'a''b'", "a'b"), ("\"\"", "")]
        {
            assert_eq!(tokens(sql).unwrap()[0].name().unwrap(), name);
        }
    }

    #[test]
    fn fragments_cannot_get_out() {
        for good in ["1", "(a) + (b)", "a = ')'", "a = \";\"", "a > 0 -- fine", "[;)]", "coalesce(a, '/*')"] {
            assert_eq!(check_fragment(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            " ",
            "-- only",
            "1)",
            "1) CHECK (0",
            "(1",
            "1; DROP TABLE t",
            "'",
            "\"",
            "`",
            "[",
            "1 /* ",
            "a\0",
            "'\0'",
            ")(",
        ] {
            assert!(check_fragment(bad).is_err(), "{bad}");
        }
    }
}
