//! The dump's encoding: its text as UTF-8.

/// An encoding that text can be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    /// Bytes as they are: UTF-8, and SQL_ASCII where it happens to be.
    Utf8,
    /// ISO 8859-1: every byte is the character of its number.
    Latin1,
    /// ISO 8859-15: as above with eight others.
    Latin9,
    Windows1252,
    /// Only what all encodings of a server share.
    Ascii,
}

/// How the dump writes text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoding {
    /// PostgreSQL's word for it.
    pub(super) name: String,
    table: Table,
}

impl Encoding {
    /// The encoding of that name, which may be one that only ASCII can be read from.
    pub(super) fn named(name: &str) -> Self {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let table = match plain.to_ascii_uppercase().as_str() {
            "UTF8" | "UNICODE" | "SQLASCII" => Table::Utf8,
            "LATIN1" | "ISO88591" => Table::Latin1,
            "LATIN9" | "ISO885915" => Table::Latin9,
            "WIN1252" | "WINDOWS1252" => Table::Windows1252,
            _ => Table::Ascii,
        };
        Self { name: name.to_owned(), table }
    }

    /// The text; nothing when it cannot be said in UTF-8.
    pub(super) fn decode(&self, bytes: Vec<u8>) -> Option<String> {
        if bytes.is_ascii() || self.table == Table::Utf8 {
            return String::from_utf8(bytes).ok();
        }
        bytes.into_iter().map(|byte| self.table.character(byte)).collect()
    }
}

impl Table {
    fn character(self, byte: u8) -> Option<char> {
        match self {
            Self::Latin1 => Some(char::from(byte)),
            Self::Latin9 => Some(match byte {
                0xa4 => '€',
                0xa6 => 'Š',
                0xa8 => 'š',
                0xb4 => 'Ž',
                0xb8 => 'ž',
                0xbc => 'Œ',
                0xbd => 'œ',
                0xbe => 'Ÿ',
                _ => char::from(byte),
            }),
            Self::Windows1252 if (0x80..0xa0).contains(&byte) => {
                let characters = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";
                characters.chars().nth(usize::from(byte - 0x80)).filter(|character| *character != '\0')
            }
            Self::Windows1252 => Some(char::from(byte)),
            Self::Utf8 | Self::Ascii => byte.is_ascii().then(|| char::from(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_utf8_or_nothing() {
        for (encoding, bytes, expected) in [
            ("UTF8", "naïve 雪".as_bytes(), Some("naïve 雪")),
            ("UTF8", b"\xe9", None),
            ("SQL_ASCII", "é".as_bytes(), Some("é")),
            ("SQL_ASCII", b"\xe9", None),
            ("LATIN1", b"caf\xe9 \x80", Some("café \u{80}")),
            ("LATIN9", b"\xa4 \xe9", Some("€ é")),
            ("WIN1252", b"\x80\x8a\x9f \xe9", Some("€ŠŸ é")),
            ("WIN1252", b"\x81", None),
            ("EUC_JP", b"plain", Some("plain")),
            ("EUC_JP", b"\xa4\xa2", None),
        ] {
            assert_eq!(Encoding::named(encoding).decode(bytes.to_vec()).as_deref(), expected, "{encoding} {bytes:?}");
        }
    }
}
