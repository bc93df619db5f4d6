//! Reads every entry of an archive to its end and lists all that are not what the manifest says.

use crate::archive::Archive;
use crate::cancel::Cancel;
use crate::error::{Error, Result};

use super::payload::Payload;
use super::{Catalog, Entry};

const CHUNK: usize = 256 << 10;

/// One error for every bad entry, with its object; empty when the archive is whole. `on_progress` is told how many more
/// bytes (uncompressed) were checked. Fails only when it is cancelled.
pub fn verify(
    archive: &Archive,
    catalog: &Catalog,
    on_progress: &mut dyn FnMut(u64),
    cancel: &Cancel,
) -> Result<Vec<Error>> {
    let mut bad = Vec::new();
    for object in &catalog.objects {
        for entry in &object.entries {
            cancel.check()?;
            match check(archive, entry, on_progress, cancel) {
                Err(error) if !cancel.is_cancelled() => bad.push(error.object(&object.name)),
                other => other?,
            }
        }
    }
    Ok(bad)
}

fn check(archive: &Archive, entry: &Entry, on_progress: &mut dyn FnMut(u64), cancel: &Cancel) -> Result<()> {
    let mut payload = Payload::open(archive, entry, true)?;
    loop {
        cancel.check()?;
        let bytes = payload.next(CHUNK)?;
        if bytes.is_empty() {
            return Ok(());
        }
        on_progress(bytes.len() as u64);
    }
}
