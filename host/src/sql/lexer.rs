//! Cuts texts into tokens by the rules of SQLite's tokenizer and of PostgreSQL's `scan.l`, in one pass and without recursion.
//!
//! Strings are standard ones: a session in which `standard_conforming_strings` is off reads another language.

use super::{Dialect, Token, TokenKind};

/// Cuts a text into tokens, comments and space left out. Fails on quotes and comments that do not end, and on what the
/// server takes for no token.
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
        return Ok(line_comment(text, dialect));
    }
    if text.starts_with("/*") {
        return comment(text, dialect);
    }
    // Other characters that look like space belong to names.
    Ok(length_while(text, |c| c.is_ascii_whitespace() || c == '\u{b}'))
}

fn line_comment(text: &str, dialect: Dialect) -> usize {
    // A carriage return ends the line too: what follows it is not hidden.
    let ends = |c| c == '\n' || (c == '\r' && dialect == Dialect::Postgresql);
    text.find(ends).map_or(text.len(), |end| end + 1)
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
    match dialect {
        Dialect::Sqlite => sqlite(text),
        Dialect::Postgresql => postgresql(text),
    }
}

fn sqlite(text: &str) -> Result<(TokenKind, usize), String> {
    let mut characters = text.chars();
    let first = characters.next().unwrap_or_default();
    let second = characters.next();
    match first {
        '\'' => Ok((TokenKind::Literal, quoted(text, '\'', false)?)),
        '"' | '`' => Ok((TokenKind::Quoted, quoted(text, first, false)?)),
        '[' => {
            let end = text.find(']').ok_or("a quoted name does not end")?;
            Ok((TokenKind::Quoted, end + 1))
        }
        'e' | 'E' | 'x' | 'X' | 'b' | 'B' | 'n' | 'N' if second == Some('\'') => {
            Ok((TokenKind::Literal, 1 + quoted(&text[1..], '\'', false)?))
        }
        _ if is_word_start(first) => Ok((TokenKind::Word, length_while(text, is_word_part))),
        _ if first.is_ascii_digit() => Ok((TokenKind::Number, loose_number(text))),
        '.' if second.is_some_and(|c| c.is_ascii_digit()) => Ok((TokenKind::Number, loose_number(text))),
        _ => Ok((TokenKind::Symbol, first.len_utf8())),
    }
}

fn postgresql(text: &str) -> Result<(TokenKind, usize), String> {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied().unwrap_or_default();
    match (at(0), at(1)) {
        (b'\'', _) => Ok((TokenKind::Literal, string(text, 0, false)?)),
        (b'"', _) => Ok((TokenKind::Quoted, quoted(text, '"', false)?)),
        (b'$', _) => dollar_or_parameter(text),
        (b'e' | b'E', b'\'') => Ok((TokenKind::Literal, string(text, 1, true)?)),
        (b'x' | b'X' | b'b' | b'B' | b'n' | b'N', b'\'') => Ok((TokenKind::Literal, string(text, 1, false)?)),
        (b'u' | b'U', b'&') if at(2) == b'\'' => Ok((TokenKind::Literal, string(text, 2, false)?)),
        (b'u' | b'U', b'&') if at(2) == b'"' => Ok((TokenKind::Quoted, 2 + quoted(&text[2..], '"', false)?)),
        (first, _) if first.is_ascii_digit() => Ok((TokenKind::Number, number(text)?)),
        (b'.', second) if second.is_ascii_digit() => Ok((TokenKind::Number, number(text)?)),
        (0, _) => Err("a zero byte is in it".to_owned()),
        _ => {
            let first = text.chars().next().unwrap_or_default();
            match is_word_start(first) {
                true => Ok((TokenKind::Word, length_while(text, is_word_part))),
                false => Ok((TokenKind::Symbol, first.len_utf8())),
            }
        }
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

/// Length of a string whose prefix has that many bytes, and of the strings that follow it on later lines: they are one with it, and
/// backslashes mean in them what they mean in the first.
fn string(text: &str, prefix: usize, escapes: bool) -> Result<usize, String> {
    let mut end = prefix + quoted(&text[prefix..], '\'', escapes)?;
    while let Some(gap) = continuation(&text[end..]) {
        end += gap + quoted(&text[end + gap..], '\'', escapes)?;
    }
    Ok(end)
}

/// Length of what is between two strings that are one: space and comments of lines, with the end of a line in it.
fn continuation(text: &str) -> Option<usize> {
    let (mut at, mut lines) = (0, false);
    loop {
        let rest = &text[at..];
        let length = match rest.as_bytes().first()? {
            b'\'' if lines => return Some(at),
            b'\n' | b'\r' => {
                lines = true;
                1
            }
            b' ' | b'\t' | b'\x0b' | b'\x0c' => 1,
            b'-' if rest.starts_with("--") => rest.find(['\n', '\r'])?,
            _ => return None,
        };
        at += length;
    }
}

/// A parameter (`$1`), a text in dollar quotes, or the character alone.
fn dollar_or_parameter(text: &str) -> Result<(TokenKind, usize), String> {
    let digits = length_while(&text[1..], |c| c.is_ascii_digit());
    if digits > 0 {
        return Ok((TokenKind::Symbol, without_junk(text, 1 + digits)?));
    }
    let tag_end = 1 + length_while(&text[1..], |c| is_word_part(c) && c != '$');
    if !text[tag_end..].starts_with('$') {
        return Ok((TokenKind::Symbol, 1));
    }
    let tag = &text[..=tag_end];
    let body = &text[tag.len()..];
    let end = body.find(tag).ok_or("a dollar quote does not end")?;
    Ok((TokenKind::Literal, tag.len() + end + tag.len()))
}

/// Length of a number of PostgreSQL. Letters right behind one are refused: servers before 15 read them as a word of its own, which
/// could begin a string in which backslashes escape, and later ones refuse them.
fn number(text: &str) -> Result<usize, String> {
    let bytes = text.as_bytes();
    if let (b'0', Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) = (bytes[0], bytes.get(1)) {
        return without_junk(text, 2 + length_while(&text[2..], |c| c.is_ascii_hexdigit() || c == '_'));
    }
    let digits = |from: usize| from + length_while(&text[from..], |c| c.is_ascii_digit() || c == '_');
    let mut end = digits(0);
    // `1..2` is two numbers with two points between them.
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    without_junk(text, end)
}

fn without_junk(text: &str, end: usize) -> Result<usize, String> {
    match text[end..].starts_with(is_word_start) {
        true => Err("letters follow a number".to_owned()),
        false => Ok(end),
    }
}

fn loose_number(text: &str) -> usize {
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

    const PG: Dialect = Dialect::Postgresql;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text, PG).unwrap().iter().map(|token| token.text).collect()
    }

    #[test]
    fn postgresql_is_cut_as_its_server_does() {
        let cases: &[(&str, &[&str])] = &[
            ("a--b\rc", &["a", "c"]),
            ("'a' -- x\n\t'b' c", &["'a' -- x\n\t'b'", "c"]),
            ("'a' 'b'", &["'a'", "'b'"]),
            ("'a' /* no */\n'b'", &["'a'", "'b'"]),
            ("E'a'\n'\\'; b' c", &["E'a'\n'\\'; b'", "c"]),
            ("'\\' c", &["'\\'", "c"]),
            ("e'\\\\' f", &["e'\\\\'", "f"]),
            ("name'\\' x", &["name", "'\\'", "x"]),
            ("U&'d\\0061' u&\"x\"\"y\" U & 'a'", &["U&'d\\0061'", "u&\"x\"\"y\"", "U", "&", "'a'"]),
            ("b'01' X'0f' N'n'", &["b'01'", "X'0f'", "N'n'"]),
            ("$1$$ x $$", &["$1", "$$ x $$"]),
            ("$é$ $e$ $é$", &["$é$ $e$ $é$"]),
            ("$a$$$a$", &["$a$$$a$"]),
            ("a$$b $$c$$", &["a$$b", "$$c$$"]),
            ("1.e5 1.5E-3 .5 0x1F 1_000 1.", &["1.e5", "1.5E-3", ".5", "0x1F", "1_000", "1."]),
            ("a::b[1] <> @-c", &["a", ":", ":", "b", "[", "1", "]", "<", ">", "@", "-", "c"]),
            ("*/*x*/+", &["*", "+"]),
            ("/*/ */ a", &["a"]),
            ("/* /* */ -- */ a", &["a"]),
        ];
        for (text, expected) in cases {
            assert_eq!(texts(text), *expected, "{text}");
        }
    }

    #[test]
    fn what_the_server_refuses_is_refused() {
        let cases = [
            "'a",
            "\"a",
            "E'\\'",
            "U&\"a",
            "/* /* */",
            "/*/",
            "$q$ a",
            "$$ a $",
            "'a'\n'b",
            // A word that is glued to a number would begin a string with escapes.
            "1E'\\'; DROP TABLE t; --'",
            "1e",
            "0xg",
            "1_E'\\''",
            "$1a",
            "a\0b",
        ];
        for text in cases {
            assert!(tokens(text, PG).is_err(), "{text}");
        }
    }

    #[test]
    fn tokens_and_gaps_cover_the_text() {
        let pieces = [
            "'a'",
            "E'\\''",
            "\"q\"",
            "$x$ ' $x$",
            "/* ' */",
            "--'\n",
            "\n",
            " ",
            "a",
            "1",
            ";",
            "(",
            ")",
            "é",
            "U&'x'",
            "::",
            ".",
        ];
        let mut state = 7_u64;
        for _ in 0..2000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            }
            let Ok(tokens) = tokens(&text, PG) else { continue };
            let mut end = 0;
            for token in &tokens {
                assert!(token.start >= end, "{text}");
                assert_eq!(&text[token.start..token.end()], token.text, "{text}");
                end = token.end();
            }
        }
    }

    #[test]
    fn long_hostile_texts_take_linear_time() {
        for piece in ["/*", "$a", "'a'\n", "'a' -- b\n", "((", "$$a$$", "--\r", "1.", "\"\"\""] {
            // Squared, this many bytes would take hours.
            let _ = tokens(&piece.repeat(200_000), PG);
        }
    }
}
