//! PAX records: `LENGTH KEY=VALUE`, one a line. Readers differ in what they make of bad ones, so bad ones are refused.

use std::collections::HashSet;

/// What the records of one extension say of the next member.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extension {
    /// Takes the place of the header's name.
    pub(super) path: Option<Vec<u8>>,
    /// Takes the place of the header's size, also where that is 0.
    pub(super) size: Option<u64>,
}

/// Reads all records. Times, owners and other attributes are skipped.
pub(super) fn parse(mut body: &[u8]) -> Result<Extension, String> {
    let mut extension = Extension::default();
    let mut seen = HashSet::new();
    if body.is_empty() {
        return Err("its PAX header is empty".into());
    }
    while !body.is_empty() {
        let (key, value, rest) = record(body).ok_or("its PAX header has a malformed record")?;
        let shown = || key.escape_ascii();
        // Some readers take the first, some the last.
        if !seen.insert(key) {
            return Err(format!("its PAX header has `{}` twice", shown()));
        }
        match key {
            b"path" => extension.path = Some(value.to_vec()),
            b"size" => extension.size = Some(decimal(value).ok_or("its PAX size is not a number")?),
            b"linkpath" => return Err("it is a link".into()),
            b"hdrcharset" if value != b"ISO-IR 10646 2000 UTF-8" => return Err("its PAX header is not UTF-8".into()),
            _ if key.starts_with(b"GNU.sparse.") => return Err("it is a sparse file".into()),
            _ => {}
        }
        body = rest;
    }
    Ok(extension)
}

/// The first record's key and value, and what follows it.
fn record(body: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = body.iter().take(8).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(&body[..space])?).ok()?;
    let (record, rest) = body.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    // An empty value means "as if there were no record": also one of the things that readers differ in.
    let plain = !key.is_empty() && !value.is_empty() && key.iter().all(u8::is_ascii_graphic);
    plain.then_some((key, value, rest))
}

/// Decimal digits without a sign or leading zeros.
fn decimal(digits: &[u8]) -> Option<u64> {
    let plain = digits == b"0" || !digits.starts_with(b"0");
    if !plain || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let cases: [(&[u8], Extension); 3] = [
            (b"9 path=a\n", Extension { path: Some(b"a".into()), size: None }),
            (b"15 mtime=1.234\n9 size=7\n", Extension { path: None, size: Some(7) }),
            (b"13 path=a\n=\n\n", Extension { path: Some(b"a\n=\n".into()), size: None }),
        ];
        for (body, expected) in cases {
            assert_eq!(parse(body).as_ref(), Ok(&expected), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn bad_records_are_refused() {
        let cases: [(&[u8], &str); 21] = [
            (b"", "empty"),
            (b"8 path=a", "malformed"),
            (b"11 path=a\n", "malformed"),
            (b"7 path=a\n", "malformed"),
            (b"09 path=a\n", "malformed"),
            (b"0 path=a\n", "malformed"),
            (b"-9 path=a\n", "malformed"),
            (b"9path=a\n", "malformed"),
            (b"1 \n", "malformed"),
            (b"2 \n", "malformed"),
            (b"5 =a\n", "malformed"),
            (b"8 path=\n", "malformed"),
            (b"7 path\n", "malformed"),
            (b"99999999999999999999 path=a\n", "malformed"),
            (b"9 path=a\n\0\0\0", "malformed"),
            (b"9 path=a\n9 path=a\n", "`path` twice"),
            (b"11 mtime=1\n11 mtime=2\n", "`mtime` twice"),
            (b"11 size=-1\n", "size"),
            (b"29 size=18446744073709551616\n", "size"),
            (b"24 GNU.sparse.major=1.0\n", "sparse"),
            (b"14 linkpath=a\n", "link"),
        ];
        for (body, reason) in cases {
            let refusal = parse(body).unwrap_err();
            assert!(refusal.contains(reason), "{}: {refusal}", body.escape_ascii());
        }
    }
}
