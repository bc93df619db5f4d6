//! Patterns of selectors: `*` is any run of characters, `?` is one.

/// Whether the whole of `text` fits. Goes back at most to the last `*`, so time grows with the text's length
/// times the length of a piece between two stars, whatever pattern and text are.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                star = Some((p, t));
            }
            Some(b'?') => {
                p += 1;
                t += width(text[t]);
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                let from = from + width(text[from]);
                star = Some((after, from));
                (p, t) = (after, from);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Bytes of the UTF-8 character that starts with this byte.
fn width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "A", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abcbc", true),
            ("a*d", "abcbc", false),
            ("*b*", "abc", true),
            ("**", "abc", true),
            ("?", "ä", true),
            ("?", "", false),
            ("??", "ä", false),
            ("*表?", "x表格", true),
            ("a?c", "abc", true),
            ("*?", "表", true),
            ("main.*", "main.actor", true),
            ("*.a.b", "main.a.b", true),
            ("[a]", "a", false),
            ("*ab", "aab", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_do_not_explode() {
        let pattern = "*a".repeat(500) + "b";
        assert!(!fits(&pattern, &"a".repeat(100_000)));
    }
}
