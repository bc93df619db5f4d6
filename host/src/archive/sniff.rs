//! Tells by its first bytes whether a file is a backup by itself, without a container around it.

use super::header::{self, Block};

/// Bytes that are looked at.
pub(super) const HEAD: usize = 4096;

/// What pg_dump's custom format begins with.
const CUSTOM: &[u8] = b"PGDMP";

/// Whether what begins like this is one file that a layout may know. A tar file is none, whatever its first member is called.
pub(super) fn is_single(head: &[u8]) -> bool {
    let is_tar = head.first_chunk().is_some_and(|block: &Block| header::is_tar(block));
    !is_tar && (head.starts_with(CUSTOM) || is_script(head))
}

/// A script of SQL that begins with a comment, as every program that writes such scripts begins it.
fn is_script(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let Some(rest) = text.trim_ascii_start().strip_prefix(b"--") else { return false };
    matches!(rest.first(), Some(b'\n' | b'\r' | b' ')) && !text.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::build::Build;

    #[test]
    fn dumps_and_scripts_are_told_from_everything_else() {
        let single: [&[u8]; 4] = [
            b"PGDMP\x01\x0e\x00\x04\x08",
            b"--\n-- PostgreSQL database cluster dump\n--\n\nSET default_transaction_read_only = off;\n",
            b"\xEF\xBB\xBF-- A comment",
            b"\r\n--\r\n",
        ];
        for head in single {
            assert!(is_single(head), "{}", head.escape_ascii());
        }
        let tar = Build::default().file("-- a", b"").file("PGDMP", b"").end();
        let other: [&[u8]; 8] =
            [b"", b"PGDM", b"--", b"---\n", b"--x", b"-- a\0b", b"name,age\n", &tar[..tar.len().min(HEAD)]];
        for head in other {
            assert!(!is_single(head), "{}", head.escape_ascii());
        }
        assert!(!is_single(&Build::default().file("PGDMP", b"").end()));
    }
}
