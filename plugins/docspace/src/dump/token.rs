//! MySQL's text, token by token: strict, and within limits.

use std::io::BufRead;

use reinstate_plugin::Failure;

use crate::fault::{bad_statement, cut, not_utf8, reading, shown, too_large};

/// Bytes of a constant.
const CONSTANT: usize = 16 << 20;
/// Bytes of a word or a name; MySQL's have at most 64 letters.
const WORD: usize = 256;

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A word, as it is written.
    Word(String),
    /// A name in backquotes, without them.
    Name(String),
    /// A number, without its sign.
    Number(String),
    /// A string, its escapes undone.
    Text(Vec<u8>),
    /// Bytes as hexadecimal digits.
    Bytes(Vec<u8>),
    /// Anything else: one character.
    Symbol(u8),
    End,
}

impl Token {
    /// Whether it is that keyword, in capitals.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// As it may be shown.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::Word(text) | Self::Name(text) | Self::Number(text) => shown(text.as_bytes()),
            Self::Text(bytes) | Self::Bytes(bytes) => shown(bytes),
            Self::Symbol(symbol) => shown(&[*symbol]),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Text that is being read; one token can be looked at before it is taken.
pub(super) struct Tokens<B> {
    source: B,
    ahead: Option<Token>,
}

impl<B: BufRead> Tokens<B> {
    pub(super) fn new(source: B) -> Self {
        Self { source, ahead: None }
    }

    pub(super) fn peek(&mut self) -> Result<&Token, Failure> {
        let token = match self.ahead.take() {
            Some(token) => token,
            None => self.read()?,
        };
        Ok(self.ahead.insert(token))
    }

    pub(super) fn next(&mut self) -> Result<Token, Failure> {
        match self.ahead.take() {
            Some(token) => Ok(token),
            None => self.read(),
        }
    }

    /// Takes that keyword if it comes next.
    pub(super) fn accept(&mut self, keyword: &str) -> Result<bool, Failure> {
        let seen = self.peek()?.is(keyword);
        if seen {
            self.ahead = None;
        }
        Ok(seen)
    }

    /// Takes that character if it comes next.
    pub(super) fn accept_symbol(&mut self, symbol: u8) -> Result<bool, Failure> {
        let seen = *self.peek()? == Token::Symbol(symbol);
        if seen {
            self.ahead = None;
        }
        Ok(seen)
    }

    /// That keyword must come next.
    pub(super) fn expect(&mut self, keyword: &str) -> Result<(), Failure> {
        if self.accept(keyword)? { Ok(()) } else { Err(self.unexpected(keyword)) }
    }

    /// That character must come next.
    pub(super) fn expect_symbol(&mut self, symbol: u8) -> Result<(), Failure> {
        if self.accept_symbol(symbol)? { Ok(()) } else { Err(self.unexpected(&char::from(symbol).to_string())) }
    }

    /// A name, in backquotes or without them.
    pub(super) fn name(&mut self) -> Result<String, Failure> {
        match self.next()? {
            Token::Word(name) | Token::Name(name) => Ok(name),
            token => {
                self.ahead = Some(token);
                Err(self.unexpected("a name"))
            }
        }
    }

    /// The failure that something else comes next.
    pub(super) fn unexpected(&mut self, wanted: &str) -> Failure {
        match self.ahead.take() {
            None | Some(Token::End) => cut("a statement"),
            Some(token) => bad_statement(format!("`{}` stands where {wanted} should", token.brief())),
        }
    }

    fn read(&mut self) -> Result<Token, Failure> {
        self.skip_space()?;
        let Some(byte) = self.byte()? else { return Ok(Token::End) };
        self.source.consume(1);
        match byte {
            b'`' => self.quoted_name(),
            b'\'' | b'"' => self.text(byte),
            b'0'..=b'9' => self.number(byte),
            byte if is_word(byte) => self.word(byte),
            byte => Ok(Token::Symbol(byte)),
        }
    }

    fn byte(&mut self) -> Result<Option<u8>, Failure> {
        Ok(self.source.fill_buf().map_err(reading)?.first().copied())
    }

    fn taken(&mut self) -> Result<u8, Failure> {
        let byte = self.byte()?.ok_or_else(|| cut("a constant or a name"))?;
        self.source.consume(1);
        Ok(byte)
    }

    /// White space, a mark of UTF-8 at the beginning, and comments.
    fn skip_space(&mut self) -> Result<(), Failure> {
        while let Some(byte) = self.byte()? {
            let (is_comment, is_space) = (matches!(byte, b'#' | b'-' | b'/'), byte.is_ascii_whitespace());
            if !is_comment && !is_space && !b"\xef\xbb\xbf".contains(&byte) {
                break;
            }
            if is_comment && !self.skip_comment(byte)? {
                break;
            }
            if !is_comment {
                self.source.consume(1);
            }
        }
        Ok(())
    }

    /// Whether a comment was there, and is skipped. A sign of a number is none.
    fn skip_comment(&mut self, first: u8) -> Result<bool, Failure> {
        if first == b'-' {
            // What stands before a number is taken as a symbol; the server writes no comments of this sort.
            return Ok(false);
        }
        self.source.consume(1);
        if first == b'#' {
            while self.byte()?.is_some_and(|byte| byte != b'\n') {
                self.source.consume(1);
            }
            return Ok(true);
        }
        if self.taken()? != b'*' {
            return Err(bad_statement("`/` stands where no comment begins"));
        }
        let mut last = 0;
        loop {
            let byte = self.taken()?;
            if (last, byte) == (b'*', b'/') {
                return Ok(true);
            }
            last = byte;
        }
    }

    fn quoted_name(&mut self) -> Result<Token, Failure> {
        let mut name = Vec::new();
        loop {
            let byte = self.taken()?;
            if byte == b'`' && self.byte()? != Some(b'`') {
                return utf8(name).map(Token::Name);
            }
            if byte == b'`' {
                self.source.consume(1);
            }
            push(&mut name, byte, WORD)?;
        }
    }

    fn word(&mut self, first: u8) -> Result<Token, Failure> {
        let mut word = vec![first];
        while let Some(byte) = self.byte()?.filter(|byte| is_word(*byte)) {
            self.source.consume(1);
            push(&mut word, byte, WORD)?;
        }
        if word.eq_ignore_ascii_case(b"x") && self.byte()? == Some(b'\'') {
            self.source.consume(1);
            return match self.text(b'\'')? {
                Token::Text(digits) => bytes(&digits),
                token => Ok(token),
            };
        }
        utf8(word).map(Token::Word)
    }

    fn number(&mut self, first: u8) -> Result<Token, Failure> {
        if first == b'0' && self.byte()? == Some(b'x') {
            self.source.consume(1);
            return self.hex();
        }
        let mut number = vec![first];
        while let Some(byte) = self.byte()? {
            let is_sign = matches!(byte, b'+' | b'-') && number.last().is_some_and(|last| matches!(last, b'e' | b'E'));
            if !is_word(byte) && byte != b'.' && !is_sign {
                break;
            }
            self.source.consume(1);
            push(&mut number, byte, WORD)?;
        }
        utf8(number).map(Token::Number)
    }

    /// Digits behind `0x`, which may be none: that is how the server writes no bytes at all.
    fn hex(&mut self) -> Result<Token, Failure> {
        let mut digits = Vec::new();
        loop {
            let available = self.source.fill_buf().map_err(reading)?;
            let length = available.iter().position(|byte| !is_word(*byte)).unwrap_or(available.len());
            let ended = length < available.len() || available.is_empty();
            digits.extend_from_slice(&available[..length]);
            self.source.consume(length);
            if digits.len() / 2 > CONSTANT {
                return Err(too_long());
            }
            if ended {
                return bytes(&digits);
            }
        }
    }

    /// A string up to its quote; backslashes and doubled quotes undone.
    fn text(&mut self, quote: u8) -> Result<Token, Failure> {
        let mut text = Vec::new();
        loop {
            let available = self.source.fill_buf().map_err(reading)?;
            if available.is_empty() {
                return Err(cut("a string"));
            }
            let found = memchr::memchr2(quote, b'\\', available);
            let length = found.unwrap_or(available.len());
            text.extend_from_slice(&available[..length]);
            let special = available.get(length).copied();
            self.source.consume(length + usize::from(special.is_some()));
            if text.len() > CONSTANT {
                return Err(too_long());
            }
            match special {
                None => {}
                Some(b'\\') => self.escape(&mut text)?,
                Some(_) if self.byte()? == Some(quote) => {
                    self.source.consume(1);
                    text.push(quote);
                }
                Some(_) => return Ok(Token::Text(text)),
            }
        }
    }

    /// What stands behind a backslash. `\uHHHH` is no escape of MySQL's; the server writes it for characters that its serializer escapes.
    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Failure> {
        match self.taken()? {
            b'0' => text.push(0),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'Z' => text.push(26),
            b'u' => {
                let mut unit = self.unit()?;
                if (0xd800..0xdc00).contains(&unit) && (self.taken()?, self.taken()?) == (b'\\', b'u') {
                    unit = 0x10000 + ((unit - 0xd800) << 10) + (self.unit()?.wrapping_sub(0xdc00) & 0x3ff);
                }
                let letter = char::from_u32(unit).ok_or_else(|| bad_statement("`\\u` is followed by no character"))?;
                text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            // These two keep their backslash outside patterns.
            byte @ (b'%' | b'_') => text.extend_from_slice(&[b'\\', byte]),
            byte => text.push(byte),
        }
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, Failure> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.taken()?).to_digit(16);
            unit = unit << 4 | digit.ok_or_else(|| bad_statement("`\\u` is not followed by four digits"))?;
        }
        Ok(unit)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn push(text: &mut Vec<u8>, byte: u8, most: usize) -> Result<(), Failure> {
    if text.len() >= most {
        return Err(too_large(format!("A name, a word or a number is longer than {most} bytes")));
    }
    text.push(byte);
    Ok(())
}

fn too_long() -> Failure {
    too_large(format!("A value is longer than {} MiB", CONSTANT >> 20))
}

fn utf8(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| not_utf8("A name"))
}

fn bytes(digits: &[u8]) -> Result<Token, Failure> {
    let bad = || bad_statement(format!("`0x{}` is not pairs of hexadecimal digits", shown(digits)));
    let (pairs, []) = digits.as_chunks::<2>() else { return Err(bad()) };
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.iter().map(byte).collect::<Option<_>>().map(Token::Bytes).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn tokens(text: &[u8]) -> Result<Vec<Token>, Failure> {
        // A buffer of three bytes cuts everywhere.
        let mut tokens = Tokens::new(BufReader::with_capacity(3, text));
        let mut all = Vec::new();
        loop {
            match tokens.next()? {
                Token::End => return Ok(all),
                token => all.push(token),
            }
        }
    }

    #[test]
    fn every_sort_of_token_is_read() {
        let text = |text: &str| Token::Text(text.into());
        for (written, expected) in [
            ("REPLACE Into_1", vec![Token::Word("REPLACE".into()), Token::Word("Into_1".into())]),
            ("`a``b`.`größe`", vec![Token::Name("a`b".into()), Token::Symbol(b'.'), Token::Name("größe".into())]),
            (
                "-1.5E+20,0",
                vec![
                    Token::Symbol(b'-'),
                    Token::Number("1.5E+20".into()),
                    Token::Symbol(b','),
                    Token::Number("0".into()),
                ],
            ),
            (
                "0xfF00 0x, X'0a'",
                vec![Token::Bytes(vec![255, 0]), Token::Bytes(vec![]), Token::Symbol(b','), Token::Bytes(vec![10])],
            ),
            (r"'it\'s' 'it''s' '\\' ''", vec![text("it's"), text("it's"), text("\\"), text("")]),
            (r#""a\"b" '\r\n\t\0\Z\b\f\%\_\x'"#, vec![text("a\"b"), text("\r\n\t\0\u{1a}\u{8}\u{c}\\%\\_x")]),
            (r"'\u2028\ud83d\ude00' 'ü;--/*'", vec![text("\u{2028}\u{1f600}"), text("ü;--/*")]),
            ("\u{feff}/*!50100 x*/ # y\n;", vec![Token::Symbol(b';')]),
            ("", vec![]),
        ] {
            assert_eq!(tokens(written.as_bytes()).unwrap(), expected, "{written}");
        }
    }

    #[test]
    fn what_is_broken_or_endless_is_refused() {
        let long = format!("'{}'", "x".repeat(CONSTANT + 1));
        let hex = format!("0x{}", "00".repeat(CONSTANT + 1));
        let word = "x".repeat(WORD + 1);
        for (written, code) in [
            ("'abc", "docspace.cut"),
            (r"'abc\", "docspace.cut"),
            ("`abc", "docspace.cut"),
            ("/* abc", "docspace.cut"),
            ("/ abc", "docspace.bad_statement"),
            ("0x0", "docspace.bad_statement"),
            ("0xgg", "docspace.bad_statement"),
            ("x'0'", "docspace.bad_statement"),
            (r"'\u00g0'", "docspace.bad_statement"),
            (r"'\udc00'", "docspace.bad_statement"),
            (r"'\ud83d\n'", "docspace.bad_statement"),
            (&long, "docspace.too_large"),
            (&hex, "docspace.too_large"),
            (&word, "docspace.too_large"),
        ] {
            assert_eq!(tokens(written.as_bytes()).unwrap_err().code, code, "{}", &written[..written.len().min(40)]);
        }
        assert_eq!(tokens(b"`\xff`").unwrap_err().code, "docspace.not_utf8");
        assert_eq!(tokens(b"'\xff'").unwrap(), [Token::Text(vec![255])]);
    }
}
