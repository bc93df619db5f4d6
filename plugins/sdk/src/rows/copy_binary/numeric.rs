//! Numbers of any length: digits of base 10,000, printed as PostgreSQL does.

/// What the bytes of a `numeric` are printed as; `None` when they are damaged.
pub(super) fn print(bytes: &[u8]) -> Option<String> {
    let (words, []) = bytes.as_chunks::<2>() else {
        return None;
    };
    let [count, weight, sign, scale, digits @ ..] = words else {
        return None;
    };
    match u16::from_be_bytes(*sign) {
        0xc000 => return Some("NaN".to_owned()),
        0xd000 => return Some("Infinity".to_owned()),
        0xf000 => return Some("-Infinity".to_owned()),
        0 | 0x4000 => {}
        _ => return None,
    }
    let digits: Vec<u16> = digits.iter().map(|digit| u16::from_be_bytes(*digit)).collect();
    let scale = u16::from_be_bytes(*scale);
    if usize::from(u16::from_be_bytes(*count)) != digits.len()
        || digits.iter().any(|digit| *digit > 9999)
        || scale > 0x3fff
    {
        return None;
    }
    let weight = i32::from(i16::from_be_bytes(*weight));
    let mut text = String::new();
    if u16::from_be_bytes(*sign) == 0x4000 {
        text.push('-');
    }
    whole(&digits, weight, &mut text);
    fraction(&digits, weight, usize::from(scale), &mut text);
    Some(text)
}

/// The digit that stands for 10,000 to the power of `power`.
fn digit(digits: &[u16], weight: i32, power: i32) -> u16 {
    usize::try_from(weight - power).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0)
}

fn whole(digits: &[u16], weight: i32, text: &mut String) {
    if weight < 0 {
        text.push('0');
        return;
    }
    text.push_str(&digit(digits, weight, weight).to_string());
    for power in (0..weight).rev() {
        text.push_str(&format!("{:04}", digit(digits, weight, power)));
    }
}

fn fraction(digits: &[u16], weight: i32, scale: usize, text: &mut String) {
    if scale == 0 {
        return;
    }
    text.push('.');
    let end = text.len() + scale;
    let mut power = -1;
    while text.len() < end {
        text.push_str(&format!("{:04}", digit(digits, weight, power)));
        power -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_postgresql_does() {
        let bytes = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
        for (words, expected) in [
            (&[0, 0, 0, 0][..], Some("0")),
            (&[0, 0, 0, 2], Some("0.00")),
            (&[1, 0, 0, 0, 42], Some("42")),
            (&[2, 1, 0x4000, 0, 1, 2], Some("-10002")),
            (&[1, 1, 0, 0, 7], Some("70000")),
            (&[1, 0xffff, 0, 1, 5000], Some("0.5")),
            (&[1, 0xfffe, 0x4000, 10, 12], Some("-0.0000001200")),
            (&[2, 0, 0, 2, 4, 9900], Some("4.99")),
            (&[0, 0, 0xc000, 0], Some("NaN")),
            (&[0, 0, 0xd000, 0], Some("Infinity")),
            (&[0, 0, 0xf000, 0], Some("-Infinity")),
            (&[1, 0, 0, 0], None),
            (&[1, 0, 0, 0, 10000], None),
            (&[0, 0, 1, 0], None),
            (&[0, 0, 0, 0xffff], None),
            (&[0, 0, 0], None),
        ] {
            assert_eq!(print(&bytes(words)).as_deref(), expected, "{words:?}");
        }
        assert_eq!(print(&[0; 7]), None);
        assert_eq!(print(&bytes(&[0, 0x7fff, 0, 0])).map(|text| text.len()), Some(4 * 0x7fff + 1));
    }
}
