//! An SQL expression's words, numbers, texts and signs, as far as dialects agree on them.

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Digits, with a fraction or exponent where there is one.
    Number(String),
    /// A text, without quotes.
    Text(String),
    /// A keyword, or a name without quotes.
    Word(String),
    /// A name that was quoted.
    Name(String),
    Symbol(&'static str),
}

/// Longest first.
const SYMBOLS: [&str; 18] =
    ["::", "||", "<=", ">=", "<>", "!=", "==", "(", ")", "[", "]", ",", "=", "<", ">", "+", "-", "*"];

/// The pieces of `text`. Fails on what only one dialect has.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '0'..='9' | '.' => number(rest)?,
            '\'' => {
                let (text, after) = quoted(rest, '\'', '\'')?;
                (Token::Text(text), after)
            }
            '"' => name(rest, '"', '"')?,
            '`' => name(rest, '`', '`')?,
            '[' if !ends_in_array(&tokens) => name(rest, '[', ']')?,
            _ if first.is_alphabetic() || first == '_' => word(rest)?,
            _ => symbol(rest)?,
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// Whether `[` belongs to a PostgreSQL array (`ARRAY[…]`, `text[]`) and does not quote a name.
fn ends_in_array(tokens: &[Token]) -> bool {
    let is_type = |token: Option<&Token>| matches!(token, Some(Token::Symbol("::")));
    match tokens {
        [.., Token::Word(word)] if word.eq_ignore_ascii_case("array") => true,
        [.., before, Token::Word(_)] => is_type(Some(before)) || tokens.iter().any(|token| is_type(Some(token))),
        [.., Token::Symbol(")" | "]")] => tokens.iter().any(|token| is_type(Some(token))),
        _ => false,
    }
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(text);
    if text[end..].starts_with('.') {
        end += 1 + digits(&text[end + 1..]);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        end += 1 + sign + digits(&text[end + 1 + sign..]);
    }
    let (number, after) = text.split_at(end);
    let is_cut = after.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '.');
    if is_cut || number.parse::<f64>().is_err() {
        return Err("it has a number that dialects write in different ways".to_owned());
    }
    Ok((Token::Number(number.to_owned()), after))
}

/// Reads up to the closing quote; a doubled one stands for itself.
fn quoted(text: &str, open: char, close: char) -> Result<(String, &str), String> {
    let mut inner = String::new();
    let mut rest = &text[open.len_utf8()..];
    loop {
        let end = rest.find(close).ok_or("a quote has no end")?;
        inner.push_str(&rest[..end]);
        rest = &rest[end + close.len_utf8()..];
        if close == ']' || !rest.starts_with(close) {
            return Ok((inner, rest));
        }
        inner.push(close);
        rest = &rest[close.len_utf8()..];
    }
}

fn name(text: &str, open: char, close: char) -> Result<(Token, &str), String> {
    quoted(text, open, close).map(|(name, after)| (Token::Name(name), after))
}

fn word(text: &str) -> Result<(Token, &str), String> {
    let end = text.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    // E'…', X'…', B'…', U&'…' are texts of one dialect; a dollar quotes or numbers in another.
    if after.starts_with(['\'', '$', '&']) {
        return Err(format!("it has a literal that begins with `{word}`"));
    }
    Ok((Token::Word(word.to_owned()), after))
}

fn symbol(text: &str) -> Result<(Token, &str), String> {
    if text.starts_with("--") || text.starts_with("->") {
        return Err("it has a comment or an operator that is not portable".to_owned());
    }
    let known = SYMBOLS.into_iter().find(|symbol| text.starts_with(symbol));
    let Some(symbol) = known else {
        let first: String = text.chars().take(1).collect();
        return Err(format!("`{first}` is not portable"));
    };
    Ok((Token::Symbol(symbol), &text[symbol.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_told_apart() {
        let word = |text: &str| Token::Word(text.to_owned());
        let symbol = Token::Symbol;
        for (text, expected) in [
            ("", vec![]),
            ("a>=1.5e-3", vec![word("a"), symbol(">="), Token::Number("1.5e-3".into())]),
            (" 'it''s' ", vec![Token::Text("it's".into())]),
            ("\"a\"\"b\"", vec![Token::Name("a\"b".into())]),
            ("[a b]", vec![Token::Name("a b".into())]),
            ("`a`", vec![Token::Name("a".into())]),
            ("x::text[]", vec![word("x"), symbol("::"), word("text"), symbol("["), symbol("]")]),
            ("ARRAY[1]", vec![word("ARRAY"), symbol("["), Token::Number("1".into()), symbol("]")]),
            ("é || _b", vec![word("é"), symbol("||"), word("_b")]),
        ] {
            assert_eq!(tokens(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_one_dialect_alone_has_is_refused() {
        for text in [
            "'a",
            "\"a",
            "[a",
            "E'\\n'",
            "x'00'",
            "$1",
            "$$a$$",
            "a$b$",
            "a ~ 'b'",
            "a -> 'b'",
            "1 -- c",
            "a /* c */",
            "0x1f",
            "1_000",
            "1.2.3",
            ".",
            "a ? b",
            "a; b",
            "a % 2",
            "a / 2",
            "@x",
            ":x",
            "a & 1",
            "\u{0}",
        ] {
            assert!(tokens(text).is_err(), "{text}: {:?}", tokens(text));
        }
    }
}
