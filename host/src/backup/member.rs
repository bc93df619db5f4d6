//! How members of our archives are spelled: ustar headers that are the same for the same content.

use std::io;

use tar::{EntryType, Header};

/// The unit of a tar file, in bytes.
pub(super) const BLOCK: u64 = 512;

/// Zeros: the rest of a member's last block, and the two blocks that end the archive.
pub(super) const ZEROS: [u8; 1024] = [0; 1024];

/// The header of a regular file. Times, owners and modes are fixed: equal content gives equal bytes.
/// Sizes from 8 GiB on are written in base 256, as every tar of today reads them.
pub(super) fn header(path: &str, size: u64) -> io::Result<[u8; BLOCK as usize]> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// What fills a member's last block.
pub(super) fn padding(size: u64) -> &'static [u8] {
    &ZEROS[..(size.next_multiple_of(BLOCK) - size) as usize]
}

/// `data/000001-actor/000000.csv.zst`: safe on every file system, and under 100 bytes, all that a plain header holds.
pub(super) fn path(object: usize, name: &str, entry: usize, form: &str) -> String {
    plain_path(object, name, entry, form) + ".zst"
}

/// The same for what is not compressed by itself.
pub(super) fn plain_path(object: usize, name: &str, entry: usize, form: &str) -> String {
    let name = plain(name, 32);
    let dash = if name.is_empty() { "" } else { "-" };
    let form = plain(form, 16);
    // The one ending that has a meaning.
    let form = if form.ends_with(".zst") { form.replace('.', "_") } else { form };
    format!("data/{object:06}{dash}{name}/{entry:06}.{form}")
}

/// The text's letters and digits; everything else is one `_`.
fn plain(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        let letter = if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
        if letter != '_' || !out.ends_with('_') {
            out.push(letter);
        }
        if out.len() >= limit {
            break;
        }
    }
    out.trim_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe_paths() {
        let cases = [
            ("actor", "csv", "data/000001-actor/000002.csv.zst"),
            ("../../etc/passwd", "csv", "data/000001-etc_passwd/000002.csv.zst"),
            ("Größe\0 x", "arrow", "data/000001-Gr_e_x/000002.arrow.zst"),
            ("表", "json", "data/000001/000002.json.zst"),
            ("", "a.b", "data/000001/000002.a_b.zst"),
            ("_-x-_", "bytes", "data/000001-x/000002.bytes.zst"),
        ];
        for (name, form, expected) in cases {
            assert_eq!(path(1, name, 2, form), expected);
        }
        assert!(path(usize::MAX, &"n".repeat(500), usize::MAX, &"f".repeat(64)).len() <= 120);
        assert!(header(&path(10_000_000, &"n".repeat(500), 10_000_000, &"f".repeat(64)), 1).is_ok());
    }

    #[test]
    fn large_sizes_fit() {
        for size in [0, 1, (1 << 33) - 1, 1 << 33, 1 << 50] {
            let bytes = header("a", size).unwrap();
            assert_eq!(Header::from_byte_slice(&bytes).entry_size().unwrap(), size);
        }
    }
}
