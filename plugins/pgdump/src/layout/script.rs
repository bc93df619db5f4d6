//! Scripts that `pg_dumpall --globals-only` wrote: roles, and what else belongs to no database.

use reinstate_plugin::{ArchiveReader, Backup, Failure, Item, Member};

use super::encoding::Encoding;
use super::fault::{damaged, too_large, unsupported};
use super::{DIALECT, NO_TIME};

mod globals;
mod role;
mod statement;

/// The longest script that is read.
const LONGEST: u64 = 32 << 20;

/// Reads the whole script.
pub(super) fn open(archive: &dyn ArchiveReader, member: &Member) -> Result<(Vec<Item>, Backup), Failure> {
    if member.size > LONGEST {
        let message =
            format!("The script {} is larger than {} MiB; it holds more than roles", member.path, LONGEST >> 20);
        return Err(too_large(message));
    }
    let bytes = archive.head(&member.path, member.size as u32)?;
    if bytes.contains(&0) {
        return Err(damaged(format!("The script {} holds a NUL", member.path)));
    }
    let id = format!("{:016x}", digest(&bytes));
    let encoding = Encoding::named(&statement::encoding(&bytes).unwrap_or_else(|| "UTF8".to_owned()));
    let text = encoding.decode(bytes).ok_or_else(|| {
        unsupported(format!(
            "The script {} holds text that is not {}; write it with --encoding=UTF8",
            member.path, encoding.name
        ))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let items = globals::read(text, &encoding.name)?;
    let backup = Backup {
        name: "globals".to_owned(),
        id,
        created: NO_TIME.to_owned(),
        position: None,
        source: "postgres".to_owned(),
        dialect: DIALECT.to_owned(),
    };
    Ok((items, backup))
}

/// A number that tells scripts apart, for they say no time: FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
