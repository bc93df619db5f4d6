//! Text from plugins, made harmless before anyone reads it.

use std::fmt::Write as _;

/// One line of at most `limit` bytes, in which nothing steers a terminal or turns the reading order.
pub(super) fn harmless(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for letter in text.trim_end().chars() {
        let before = out.len();
        push(&mut out, letter);
        if out.len() > limit {
            out.truncate(before);
            out.push('…');
            break;
        }
    }
    out
}

fn push(out: &mut String, letter: char) {
    match letter {
        '\n' => out.push_str("\\n"),
        '\t' => out.push(' '),
        letter if steers(letter) => {
            // Writing to memory cannot fail.
            let _ = write!(out, "{}", letter.escape_unicode());
        }
        letter => out.push(letter),
    }
}

/// Control characters, marks that change the reading order, line separators, and what is invisible.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether `text` can be a stable code: dotted, lower case.
pub(super) fn is_code(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.len() <= 64 && text.contains('.') && text.split('.').all(word)
}

/// Whether `text` can be the name of a plugin, a kind or a table of an object.
pub(super) fn is_word(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_that_steers_it() {
        let cases = [
            ("plain text, ümläut 漢字", "plain text, ümläut 漢字"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("two\nlines\n", "two\\nlines"),
            ("nul\0 bell\u{7} csi\u{9b}", "nul\\u{0} bell\\u{7} csi\\u{9b}"),
            ("a\u{202e}txt.exe", "a\\u{202e}txt.exe"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("over\rwritten", "over\\u{d}written"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ];
        for (text, expected) in cases {
            assert_eq!(harmless(text, 4096), expected);
        }
    }

    #[test]
    fn long_text_is_cut_between_letters() {
        assert_eq!(harmless("ääää", 5), "ää…");
        assert_eq!(harmless("abc", 3), "abc");
        assert_eq!(harmless("ab\u{1b}", 4), "ab…");
        assert!(harmless(&"x".repeat(1 << 20), 4096).len() <= 4096 + '…'.len_utf8());
    }

    #[test]
    fn codes_and_words() {
        for good in ["table.bad_value", "a.b.c2"] {
            assert!(is_code(good), "{good}");
        }
        for bad in ["", "table", "Table.bad", "table.", ".x", "a b.c", "a..b", "a.\u{1b}"] {
            assert!(!is_code(bad), "{bad}");
        }
        assert!(is_word("user_defined_function") && !is_word("") && !is_word("a b") && !is_word("a/../b"));
    }
}
