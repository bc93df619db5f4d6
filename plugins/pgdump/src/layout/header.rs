//! The header of an archive: the beginning of a custom file, or of `toc.dat`.

use reinstate_plugin::Failure;

use super::fault::{damaged, unsupported};
use super::input::Input;

/// What every archive of pg_dump begins with.
pub(super) const MAGIC: &[u8] = b"PGDMP";
/// Bytes up to the format.
pub(super) const SHORTEST: u32 = 11;

/// Versions of the archive format that are read: servers 9.0 to 18.
const OLDEST: (u8, u8) = (1, 12);
const NEWEST: (u8, u8) = (1, 16);

/// What is inside a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One file that holds everything.
    Custom,
    /// A table of contents with data in files beside it: a directory's or a tar's.
    Files,
}

/// How data are compressed in a custom file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Zlib,
    Lz4,
    Zstd,
}

/// The header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) version: (u8, u8),
    pub(super) format: Format,
    pub(super) codec: Codec,
    /// The dumping machine's clock: the zone is not told.
    pub(super) created: Option<String>,
    pub(super) database: Vec<u8>,
    /// `17.11 (Debian 17.11-0+deb13u1)`.
    pub(super) server: String,
}

/// Version and format in the first bytes; nothing when they are another file's.
pub(super) fn sniff(head: &[u8]) -> Option<((u8, u8), Option<Format>)> {
    let rest = head.strip_prefix(MAGIC)?;
    let [major, minor, _, _, _, format, ..] = rest else { return None };
    Some(((*major, *minor), Format::from_byte(*format)))
}

impl Format {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Custom),
            // A directory's says 3, which is tar's, in every version; 5 is its number in pg_dump's own list.
            3 | 5 => Some(Self::Files),
            _ => None,
        }
    }
}

impl Header {
    /// Reads it and leaves the input behind it.
    pub(super) fn read(input: &mut Input<'_>) -> Result<Self, Failure> {
        for expected in MAGIC {
            if input.byte()? != *expected {
                return Err(damaged(format!("{} is not an archive of pg_dump", input.member())));
            }
        }
        let version = (input.byte()?, input.byte()?);
        let _revision = input.byte()?;
        check_version(version)?;
        input.int_size = size(input)?;
        input.offset_size = size(input)?;
        let byte = input.byte()?;
        let format = Format::from_byte(byte).ok_or_else(|| {
            unsupported(format!("The archive has the format {byte}, which no pg_dump writes to files"))
        })?;
        let codec = codec(input, version)?;
        let created = created(input)?;
        let database = input.string()?.unwrap_or_default();
        let server = text(input.string()?);
        let _dumper = input.string()?;
        Ok(Self { version, format, codec, created, database, server })
    }
}

fn check_version(version: (u8, u8)) -> Result<(), Failure> {
    if (OLDEST..=NEWEST).contains(&version) {
        return Ok(());
    }
    let (major, minor) = version;
    let fix =
        if version > NEWEST { "take the dump with pg_dump 18 or older" } else { "take the dump with a newer pg_dump" };
    Err(unsupported(format!(
        "The archive has version {major}.{minor}; those from {}.{} to {}.{} are read: {fix}",
        OLDEST.0, OLDEST.1, NEWEST.0, NEWEST.1
    )))
}

fn size(input: &mut Input<'_>) -> Result<u8, Failure> {
    match input.byte()? {
        size @ 1..=8 => Ok(size),
        size => Err(unsupported(format!("The archive has numbers of {size} bytes; 1 to 8 are read"))),
    }
}

fn codec(input: &mut Input<'_>, version: (u8, u8)) -> Result<Codec, Failure> {
    if version < (1, 15) {
        return Ok(if input.int()? == 0 { Codec::None } else { Codec::Zlib });
    }
    match input.byte()? {
        0 => Ok(Codec::None),
        1 => Ok(Codec::Zlib),
        2 => Ok(Codec::Lz4),
        3 => Ok(Codec::Zstd),
        other => Err(unsupported(format!("The archive is compressed by the unknown method {other}"))),
    }
}

/// RFC 3339, where it is a time at all.
fn created(input: &mut Input<'_>) -> Result<Option<String>, Failure> {
    let mut parts = [0; 7];
    for part in &mut parts {
        *part = input.int()?;
    }
    let [second, minute, hour, day, month, year, _] = parts;
    let valid = (0..=60).contains(&second)
        && (0..60).contains(&minute)
        && (0..24).contains(&hour)
        && (0..12).contains(&month)
        && (0..8100).contains(&year)
        && (1..=days(year + 1900, month + 1)).contains(&day);
    let (year, month, second) = (year.saturating_add(1900), month.saturating_add(1), second.min(59));
    Ok(valid.then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")))
}

fn days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn text(bytes: Option<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::MemoryArchive;

    use super::*;

    fn header(version: (u8, u8), sizes: (u8, u8), format: u8, year: u8) -> Result<Header, Failure> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version.0, version.1, 0, sizes.0, sizes.1, format]);
        bytes.extend(if version < (1, 15) { vec![1, 1, 0, 0, 0] } else { vec![3] });
        for part in [48, 48, 1, 29, 1, year, 0] {
            bytes.extend([0, part, 0, 0, 0]);
        }
        for text in ["shop", "15.20 (Debian)", "15.20"] {
            bytes.extend([0, text.len() as u8, 0, 0, 0]);
            bytes.extend(text.as_bytes());
        }
        let archive = MemoryArchive(vec![("a".into(), bytes.clone())]);
        Header::read(&mut Input::new(&archive, "a", bytes.len() as u64))
    }

    #[test]
    fn versions_sizes_and_formats_are_checked() {
        assert_eq!(header((1, 16), (4, 8), 1, 126).unwrap().codec, Codec::Zstd);
        assert_eq!(header((1, 12), (4, 8), 3, 126).unwrap().codec, Codec::Zlib);
        for (version, sizes, format) in [
            ((1, 17), (4, 8), 1),
            ((1, 11), (4, 8), 1),
            ((2, 0), (4, 8), 1),
            ((1, 16), (9, 8), 1),
            ((1, 16), (4, 8), 4),
        ] {
            assert_eq!(header(version, sizes, format, 126).unwrap_err().code, "pgdump.unsupported");
        }
    }

    #[test]
    fn a_time_that_is_none_is_left_out() {
        assert_eq!(header((1, 16), (4, 8), 1, 124).unwrap().created.as_deref(), Some("2024-02-29T01:48:48Z"));
        assert_eq!(header((1, 16), (4, 8), 1, 123).unwrap().created, None);
    }
}
