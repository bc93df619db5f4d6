//! What PostgreSQL's literals and quoted names stand for, and how names and texts are written.

/// A name in quotes: safe whatever it is called.
pub(crate) fn quoted_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in quotes, for a session with standard strings.
pub(crate) fn quoted_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The text that a literal stands for, its parts on several lines joined; `None` for bits and bytes, and for escapes that stand for
/// no text.
pub(super) fn value(literal: &str) -> Option<String> {
    match literal.as_bytes().first()? {
        b'$' => {
            let tag = 2 + literal[1..].find('$')?;
            literal.get(tag..literal.len() - tag).map(str::to_owned)
        }
        b'\'' => joined(literal, 0, &standard),
        b'n' | b'N' => joined(literal, 1, &standard),
        b'e' | b'E' => joined(literal, 1, &escaped),
        b'u' | b'U' => unicode(&joined(literal, 2, &standard)?),
        _ => None,
    }
}

/// The name that `U&"…"` stands for.
pub(super) fn unicode_name(quoted: &str) -> Option<String> {
    let inner = quoted.get(3..quoted.len() - 1)?;
    unicode(&inner.replace("\"\"", "\""))
}

/// Reads the strings that make one literal, each with `read`, which takes the text behind the opening quote and gives its value and
/// what follows the closing quote.
fn joined(literal: &str, prefix: usize, read: &dyn Fn(&str, &mut String) -> Option<usize>) -> Option<String> {
    let mut text = String::new();
    let mut rest = literal.get(prefix..)?;
    while let Some(open) = opening(rest) {
        let inner = &rest[open + 1..];
        let close = read(inner, &mut text)?;
        rest = &inner[close + 1..];
    }
    Some(text)
}

/// Where the next string opens, comments between passed over: they may hold quotes.
fn opening(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += match rest.as_bytes().first()? {
            b'\'' => return Some(at),
            b'-' => rest.find(['\n', '\r'])?,
            _ => 1,
        };
    }
}

fn standard(inner: &str, text: &mut String) -> Option<usize> {
    let mut characters = inner.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\'' && characters.next_if(|(_, next)| *next == '\'').is_none() {
            return Some(at);
        }
        text.push(c);
    }
    None
}

/// Reads a string in which backslashes escape. Octal and hexadecimal bytes beyond ASCII are taken for characters that no name or
/// setting of ours has.
fn escaped(inner: &str, text: &mut String) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &inner[at..];
        let c = rest.chars().next()?;
        match c {
            '\\' => at += escape(rest, text)?,
            '\'' if rest[1..].starts_with('\'') => {
                text.push('\'');
                at += 2;
            }
            '\'' => return Some(at),
            _ => {
                text.push(c);
                at += c.len_utf8();
            }
        }
    }
}

/// Length of the escape that the text begins with.
fn escape(text: &str, to: &mut String) -> Option<usize> {
    let kind = text[1..].chars().next()?;
    let digits = |from: usize, most: usize, radix: u32| {
        let digits = text.as_bytes()[from..].iter().take(most).take_while(|byte| char::from(**byte).is_digit(radix));
        digits.count()
    };
    let number = |from: usize, count: usize, radix| u32::from_str_radix(text.get(from..from + count)?, radix).ok();
    let (length, code) = match kind {
        '0'..='7' => {
            let count = digits(1, 3, 8);
            (1 + count, number(1, count, 8)? & 0xff)
        }
        'x' if digits(2, 2, 16) > 0 => {
            let count = digits(2, 2, 16);
            (2 + count, number(2, count, 16)?)
        }
        'u' => (6, number(2, 4, 16)?),
        'U' => (10, number(2, 8, 16)?),
        'b' => (2, 8),
        'f' => (2, 12),
        'n' => (2, 10),
        'r' => (2, 13),
        't' => (2, 9),
        'v' => (2, 11),
        other => (1 + other.len_utf8(), u32::from(other)),
    };
    to.push(char::from_u32(code)?);
    Some(length)
}

/// Resolves the escapes of `U&`, with the backslash as their mark.
fn unicode(text: &str) -> Option<String> {
    let mut found = String::new();
    let mut rest = text;
    while let Some(mark) = rest.find('\\') {
        found.push_str(&rest[..mark]);
        let after = &rest[mark + 1..];
        let (code, length) = match after.as_bytes().first()? {
            b'\\' => (u32::from('\\'), 1),
            b'+' => (u32::from_str_radix(after.get(1..7)?, 16).ok()?, 7),
            _ => (u32::from_str_radix(after.get(..4)?, 16).ok()?, 4),
        };
        found.push(char::from_u32(code)?);
        rest = &after[length..];
    }
    found.push_str(rest);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, tokens};
    use super::*;

    #[test]
    fn literals_give_their_text() {
        let cases = [
            ("'it''s \\'", Some("it's \\")),
            ("N'n'", Some("n")),
            ("'a' -- it's\n 'b'", Some("ab")),
            (r"E'a\'b\\\n\x41\101\u0042\U00000043\q'", Some("a'b\\\nAABCq")),
            ("e'a'\n'\\tb'", Some("a\tb")),
            (r"U&'\0041\\\+000042'", Some("A\\B")),
            ("$$it's$$", Some("it's")),
            ("$x$a$$b$x$", Some("a$$b")),
            ("$$$$", Some("")),
            ("b'01'", None),
            ("x'01'", None),
            (r"U&'\zzzz'", None),
            (r"E'\U00ffffff'", None),
            (r"E'\u00é'", None),
        ];
        for (literal, expected) in cases {
            let tokens = tokens(literal, Dialect::Postgresql).unwrap();
            assert_eq!(tokens.len(), 1, "{literal}");
            assert_eq!(tokens[0].value().as_deref(), expected, "{literal}");
        }
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for text in ["", "plain", "My \"Schema\"", "it's", "back\\slash", "$$", "雪\n"] {
            let literal = quoted_literal(text);
            let tokens_of = |text: &str| tokens(text, Dialect::Postgresql).unwrap()[0].value();
            assert_eq!(tokens_of(&literal).as_deref(), Some(text));
            let name = quoted_name(text);
            let token = tokens(&name, Dialect::Postgresql).unwrap()[0];
            assert_eq!(token.name(Dialect::Postgresql).as_deref(), Some(text));
        }
        let unicode = tokens(r#"U&"d\0061t\+000061""#, Dialect::Postgresql).unwrap()[0];
        assert_eq!(unicode.name(Dialect::Postgresql).as_deref(), Some("data"));
    }
}
