//! One header block of a tar file, read by the letter: what other readers would see differently is refused.

use tar::Header as Raw;

/// The unit of a tar file, in bytes.
pub(super) const BLOCK: u64 = 512;

/// A header block.
pub(super) type Block = [u8; BLOCK as usize];

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A regular file.
    File,
    /// A folder: holds nothing by itself.
    Folder,
    /// PAX records for the next member.
    Extension,
    /// GNU's name for the next member, where it is too long for a header.
    LongName,
}

/// A header block, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sort: Sort,
    /// Raw: not checked as a path.
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
}

/// Whether the block says that it is a tar header at all.
pub(super) fn is_tar(block: &Block) -> bool {
    let raw = Raw::from_byte_slice(block);
    raw.as_ustar().is_some() || raw.as_gnu().is_some()
}

/// The name as far as it can be told, for messages about a block that is refused.
pub(super) fn rough_name(block: &Block) -> Vec<u8> {
    Raw::from_byte_slice(block).path_bytes().into_owned()
}

/// Understands a block, or says why not.
pub(super) fn parse(block: &Block) -> Result<Header, String> {
    let raw = Raw::from_byte_slice(block);
    if !is_tar(block) {
        return Err("its header is not a ustar header".into());
    }
    check_sum(block, raw)?;
    let sort = sort(raw)?;
    let size = number(&raw.as_old().size).ok_or("its size is not a number")?;
    if sort == Sort::Folder && size != 0 {
        return Err("it is a folder with a size".into());
    }
    Ok(Header { sort, name: name(raw)?, size })
}

fn check_sum(block: &Block, raw: &Raw) -> Result<(), String> {
    const FIELD: std::ops::Range<usize> = 148..156;
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    let found = sum(&block[..FIELD.start]) + sum(&block[FIELD.end..]) + 8 * u64::from(b' ');
    if number(&raw.as_old().cksum) != Some(found) {
        return Err("its header's checksum is wrong".into());
    }
    Ok(())
}

fn sort(raw: &Raw) -> Result<Sort, String> {
    let what = match raw.entry_type().as_byte() {
        b'0' | 0 => return Ok(Sort::File),
        b'5' => return Ok(Sort::Folder),
        b'x' => return Ok(Sort::Extension),
        b'L' => return Ok(Sort::LongName),
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' => "a character device",
        b'4' => "a block device",
        b'6' => "a FIFO",
        b'7' => "a contiguous file",
        // Some readers apply it to all that follows, some to nothing.
        b'g' => "a global PAX header",
        b'K' => "a link with a long name",
        b'S' => "a sparse file",
        other => return Err(format!("it is of the unknown type {}", char::from(other).escape_debug())),
    };
    Err(format!("it is {what}; only regular files and folders are accepted"))
}

fn name(raw: &Raw) -> Result<Vec<u8>, String> {
    let mut name = Vec::new();
    if let Some(ustar) = raw.as_ustar() {
        name.extend_from_slice(text(&ustar.prefix)?);
        if !name.is_empty() {
            name.push(b'/');
        }
    }
    name.extend_from_slice(text(&raw.as_old().name)?);
    Ok(name)
}

/// A field up to its first NUL, behind which there may be nothing else.
fn text(field: &[u8]) -> Result<&[u8], String> {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    if field[end..].iter().any(|&byte| byte != 0) {
        return Err("its name contains NUL".into());
    }
    Ok(&field[..end])
}

/// Octal digits between spaces and NULs, or GNU's base 256 for what is larger than these can say.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, digits @ ..] = field {
        let (high, low) = digits.split_at(digits.len().checked_sub(8)?);
        return high.iter().all(|&byte| byte == 0).then(|| u64::from_be_bytes(low.try_into().unwrap_or([0xff; 8])));
    }
    let start = field.iter().position(|&byte| byte != b' ')?;
    let field = &field[start..];
    let end = field.iter().position(|byte| !matches!(byte, b'0'..=b'7')).unwrap_or(field.len());
    if end == 0 || field[end..].iter().any(|&byte| !matches!(byte, 0 | b' ')) {
        return None;
    }
    // At most twelve digits: 36 bits.
    Some(field[..end].iter().fold(0, |number, digit| number * 8 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_the_letter() {
        let cases: [(&[u8], Option<u64>); 16] = [
            (b"00000000012\0", Some(10)),
            (b"          7 ", Some(7)),
            (b"777777777777", Some((1 << 36) - 1)),
            (b"0          \0", Some(0)),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", None),
            (b"            ", None),
            (b"00000000019\0", None),
            (b"-0000000001\0", None),
            (b"+0000000001\0", None),
            (b"0x000000001\0", None),
            (b"00000\x0000000\0", None),
            (b"1\0\0\0\0\0\0\0\0\0\x007", None),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(1 << 33)),
            (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", Some(u64::MAX)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ];
        for (field, expected) in cases {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    #[test]
    fn prefix_and_name_are_joined() {
        let mut raw = Raw::new_ustar();
        raw.set_path(format!("{}/{}", "p".repeat(120), "n".repeat(90))).unwrap();
        raw.set_size(5);
        raw.set_cksum();
        let header = parse(raw.as_bytes()).unwrap();
        assert_eq!(header.name, raw.path_bytes().into_owned());
        assert_eq!((header.sort, header.size), (Sort::File, 5));
    }

    #[test]
    fn what_others_would_read_differently_is_refused() {
        type Change = fn(&mut Raw);
        let cases: [(Change, &str); 6] = [
            (|raw| raw.as_old_mut().name[50] = b'x', "NUL"),
            (|raw| raw.as_old_mut().size = *b"-0000000001\0", "size"),
            (|raw| raw.set_entry_type(tar::EntryType::Symlink), "symbolic link"),
            (|raw| raw.set_entry_type(tar::EntryType::new(b'V')), "unknown type V"),
            (|raw| raw.as_ustar_mut().unwrap().magic = *b"other\0", "ustar"),
            (|raw| (raw.set_entry_type(tar::EntryType::Directory), raw.set_size(1)).1, "folder with a size"),
        ];
        for (change, reason) in cases {
            let mut raw = Raw::new_ustar();
            raw.set_path("a").unwrap();
            raw.set_size(0);
            change(&mut raw);
            raw.set_cksum();
            let refusal = parse(raw.as_bytes()).unwrap_err();
            assert!(refusal.contains(reason), "{refusal}");
        }
    }
}
