//! Names of members: which are accepted, how twins are told, how they are shown in messages.

use std::cmp::Ordering;

use unicode_normalization::UnicodeNormalization as _;

/// Longest name of one folder or file on every common file system, in bytes.
const COMPONENT: usize = 255;

/// A relative path that stays where it is unpacked, or why the name is not one.
///
/// One leading `./` is left out (`tar -C FOLDER .` writes it); otherwise a path has one spelling only.
pub(super) fn check(raw: &[u8], limit: usize) -> Result<&str, String> {
    let raw = raw.strip_prefix(b"./").unwrap_or(raw);
    if raw.is_empty() {
        return Err("its name is empty".into());
    }
    if raw.len() > limit {
        return Err(format!("its name has {} bytes and the limit is {limit}", raw.len()));
    }
    // Some readers cut a name at its NUL: they would see another file.
    if raw.contains(&0) {
        return Err("its name contains NUL".into());
    }
    let path = std::str::from_utf8(raw).map_err(|_| "its name is not UTF-8")?;
    if path.chars().any(char::is_control) {
        return Err("its name contains control characters".into());
    }
    // A separator on some systems, a letter on others.
    if path.contains('\\') {
        return Err("its name contains a backslash".into());
    }
    if path.starts_with('/') {
        return Err("its name is an absolute path".into());
    }
    if matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return Err("its name begins with a drive letter".into());
    }
    path.split('/').try_for_each(check_component)?;
    Ok(path)
}

fn check_component(component: &str) -> Result<(), String> {
    match component {
        ".." => Err("its name contains `..`".into()),
        "." | "" => Err("its name contains an empty or `.` component".into()),
        _ if component.len() > COMPONENT => Err(format!("a component of its name is longer than {COMPONENT} bytes")),
        _ => Ok(()),
    }
}

/// Orders paths so that those which some file system takes for one and the same are equal (case, composition of
/// letters), and what lies in a folder follows directly on the folder's name.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        a.bytes().map(fold_ascii).cmp(b.bytes().map(fold_ascii))
    } else {
        fold(a).cmp(&fold(b))
    }
}

/// Whether `inner` lies in a folder that some file system takes for `outer`.
pub(super) fn is_inside(inner: &str, outer: &str) -> bool {
    if inner.is_ascii() && outer.is_ascii() {
        // Without folding both names of every pair in an archive.
        let (inner, outer) = (inner.as_bytes(), outer.as_bytes());
        return inner.get(outer.len()) == Some(&b'/') && inner[..outer.len()].eq_ignore_ascii_case(outer);
    }
    let (inner, mut outer) = (fold(inner), fold(outer));
    outer.push(fold_ascii(b'/'));
    inner.starts_with(&outer)
}

/// NUL, which no path contains, comes before every letter.
fn fold_ascii(byte: u8) -> u8 {
    if byte == b'/' { 0 } else { byte.to_ascii_lowercase() }
}

fn fold(path: &str) -> Vec<u8> {
    // Upper case first: it is what makes one of `ß` and `ss`, `ς` and `σ`.
    let folded: String = path.nfd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfd().collect();
    folded.bytes().map(|byte| if byte == b'/' { 0 } else { byte }).collect()
}

/// A name for a message: escaped, so that it cannot steer a terminal, and cut.
pub(super) fn shown(raw: &[u8]) -> String {
    const LONGEST: usize = 120;
    let text = String::from_utf8_lossy(&raw[..raw.len().min(LONGEST)]);
    let mut shown = text.escape_debug().to_string();
    if raw.len() > LONGEST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_stay_inside_are_accepted() {
        for good in ["a", "manifest.json", "data/000001-actor/000000.csv.zst", "...", "a..b/c.", "größe/表", "a b"] {
            assert_eq!(check(good.as_bytes(), 1024), Ok(good));
        }
        assert_eq!(check(b"./a/b", 1024), Ok("a/b"));
    }

    #[test]
    fn everything_else_is_refused() {
        let long = "x".repeat(256);
        let cases: [(&[u8], &str); 20] = [
            (b"", "empty"),
            (b"./", "empty"),
            (b"..", "`..`"),
            (b"../a", "`..`"),
            (b"a/../../b", "`..`"),
            (b"a/..", "`..`"),
            (b"././a", "`.` component"),
            (b"a/./b", "`.` component"),
            (b"a//b", "empty or"),
            (b"a/", "empty or"),
            (b".", "`.` component"),
            (b"/etc/passwd", "absolute"),
            (b".//etc/passwd", "absolute"),
            (b"C:/a", "drive"),
            (b"c:a", "drive"),
            (b"a\\b", "backslash"),
            (b"a\0b", "NUL"),
            (b"a\nb", "control"),
            (b"\xff", "UTF-8"),
            (long.as_bytes(), "component"),
        ];
        for (name, reason) in cases {
            let refusal = check(name, 1024).unwrap_err();
            assert!(refusal.contains(reason), "{}: {refusal}", shown(name));
        }
        assert!(check(&b"a/".repeat(2048), 1024).unwrap_err().contains("limit"));
    }

    #[test]
    fn twins_are_equal_and_folders_come_before_what_they_hold() {
        let twins = [
            ("a/B", "A/b"),
            ("\u{e9}", "e\u{301}"),
            ("É", "e\u{301}"),
            ("straße", "STRASSE"),
            ("k", "\u{212a}"),
            ("ς", "Σ"),
        ];
        for (a, b) in twins {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
        for (a, b) in [("a", "b"), ("e", "é"), ("a", "a/b"), ("a/b", "a b"), ("a/b", "a!"), ("a/é", "a é")] {
            assert_eq!(compare(a, b), Ordering::Less, "{a} {b}");
        }
        assert!(is_inside("A/b", "a") && is_inside("É/b", "é") && !is_inside("ab", "a") && !is_inside("a", "a"));
    }

    #[test]
    fn shown_names_cannot_steer_a_terminal() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}\0".as_bytes()), "a\\u{1b}[31m\\u{202e}\\0");
        assert!(shown(&[b'x'; 5000]).len() < 200);
        assert!(!shown(&[0xff, b'a']).is_empty());
    }
}
