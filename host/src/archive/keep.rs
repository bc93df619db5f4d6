//! Keeps a spool that would otherwise vanish.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, linkat};

/// Puts the file without a name at `place`: by a link where the system can, else by a copy.
pub(super) fn keep(spool: &File, place: &Path) -> io::Result<()> {
    spool.sync_all()?;
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unnamed = format!("/proc/self/fd/{}", spool.as_raw_fd());
    if linkat(CWD, unnamed, CWD, place, AtFlags::SYMLINK_FOLLOW).is_err() {
        copy(spool, folder, place)?;
    }
    File::open(folder)?.sync_all()
}

fn copy(spool: &File, folder: &Path, place: &Path) -> io::Result<()> {
    let copy = tempfile::Builder::new().prefix(".reinstate-").tempfile_in(folder)?;
    let mut from = spool;
    io::Seek::rewind(&mut from)?;
    io::copy(&mut from, &mut copy.as_file())?;
    copy.as_file().sync_all()?;
    copy.persist(place)?;
    Ok(())
}
