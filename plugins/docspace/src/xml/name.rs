//! Names as .NET's `XmlConvert.EncodeLocalName` writes them: what XML allows in no name is `_xHHHH_`.

/// The name behind an encoded one. What is no escape stays as it is.
pub(crate) fn decode(name: &str) -> String {
    let mut decoded = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("_x") {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        match escape(rest) {
            Some((letter, length)) => {
                decoded.push(letter);
                rest = &rest[length..];
            }
            None => {
                decoded.push('_');
                rest = &rest[1..];
            }
        }
    }
    decoded + rest
}

/// The letter at the front, and the bytes of its escape: four digits, or eight for letters beyond them.
fn escape(text: &str) -> Option<(char, usize)> {
    [4, 8].into_iter().find_map(|digits| {
        let (hex, end) = (text.get(2..2 + digits)?, 2 + digits);
        let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let letter = char::from_u32(u32::from_str_radix(hex, 16).ok().filter(|_| is_hex)?)?;
        (text.as_bytes().get(end) == Some(&b'_')).then_some((letter, end + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn escapes_become_letters_and_nothing_else_does() {
        for (name, expected) in [
            ("last_x0020_message", "last message"),
            ("_x0032_nd", "2nd"),
            ("a_x005F_x0020_", "a_x0020_"),
            ("_x0001F600_", "\u{1f600}"),
            ("größe", "größe"),
            ("_x", "_x"),
            ("_x00", "_x00"),
            ("_x+020_", "_x+020_"),
            ("_xD800_", "_xD800_"),
            ("_xüüüü_", "_xüüüü_"),
            ("a_x_x0041_", "a_xA"),
            ("", ""),
        ] {
            assert_eq!(decode(name), expected, "{name}");
        }
    }
}
