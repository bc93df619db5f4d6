//! An unpacked archive, or a foreign backup that is a folder: its files are the members. Every step down refuses links, so nothing outside is read.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

use crate::error::{Error, Result};

use super::{Limits, MANIFEST, Member, path};

/// The file that a folder of pg_dump has.
const CONTENTS: &str = "toc.dat";

/// The folder, held open: renaming it or putting another in its place changes nothing.
#[derive(Debug)]
pub(super) struct Folder {
    root: OwnedFd,
}

impl Folder {
    pub(super) fn open(place: &Path) -> io::Result<Self> {
        let root = openat(CWD, place, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root })
    }

    /// Its files, sorted. None when it has neither a manifest nor a table of contents: then it is some other folder, and may be
    /// any size.
    pub(super) fn members(&self, limits: &Limits) -> Result<Vec<Member>> {
        let mut members = Vec::new();
        if ![MANIFEST, CONTENTS].into_iter().any(|name| statat(&self.root, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()) {
            return Ok(members);
        }
        let mut left = limits.members;
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            self.list(&folder, limits, &mut left, &mut folders, &mut members)?;
        }
        members.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(members)
    }

    fn list(
        &self,
        folder: &str,
        limits: &Limits,
        left: &mut u64,
        folders: &mut Vec<String>,
        members: &mut Vec<Member>,
    ) -> Result<()> {
        let unreadable = |error: rustix::io::Errno| {
            Error::new(
                "archive.io",
                format!("The folder `{}` of the archive cannot be read: {error}", path::shown(folder.as_bytes())),
            )
        };
        let handle = self.step_down(folder).map_err(unreadable)?;
        for found in Dir::read_from(&handle).map_err(unreadable)? {
            let found = found.map_err(unreadable)?;
            let name = found.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            *left = left.checked_sub(1).ok_or_else(|| {
                Error::new("archive.limit", format!("The archive has more than {} entries", limits.members))
            })?;
            let place = join(folder, name.to_bytes(), limits)?;
            let stat = statat(&handle, name, AtFlags::SYMLINK_NOFOLLOW).map_err(unreadable)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => folders.push(place),
                FileType::RegularFile => {
                    members.push(Member { path: place, size: u64::try_from(stat.st_size).unwrap_or(0), offset: 0 });
                }
                FileType::Symlink => return Err(refused(place.as_bytes(), "it is a symbolic link")),
                _ => return Err(refused(place.as_bytes(), "it is neither a regular file nor a folder")),
            }
        }
        Ok(())
    }

    /// Opens a member, one folder after the other, following no link.
    pub(super) fn file(&self, member: &Member) -> io::Result<File> {
        let (folder, name) = member.path.rsplit_once('/').unwrap_or(("", &member.path));
        let folder = self.step_down(folder)?;
        // Without NONBLOCK, a FIFO that was put in the file's place would hold us for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&folder, name, flags, Mode::empty())?);
        let found = file.metadata()?;
        if !found.is_file() || found.len() != member.size {
            return Err(io::Error::other("the file has changed since the archive was opened"));
        }
        Ok(file)
    }

    fn step_down(&self, folder: &str) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut handle = openat(&self.root, ".", flags, Mode::empty())?;
        for component in folder.split('/').filter(|component| !component.is_empty()) {
            handle = openat(&handle, component, flags, Mode::empty())?;
        }
        Ok(handle)
    }
}

fn join(folder: &str, name: &[u8], limits: &Limits) -> Result<String> {
    let mut place = folder.as_bytes().to_vec();
    if !place.is_empty() {
        place.push(b'/');
    }
    place.extend_from_slice(name);
    match path::check(&place, limits.name_bytes) {
        Ok(path) => Ok(path.to_owned()),
        Err(reason) => Err(refused(&place, &reason)),
    }
}

fn refused(place: &[u8], reason: &str) -> Error {
    let place = path::shown(place);
    Error::new("archive.bad_entry", format!("Entry `{place}` is refused: {reason}")).entry(place)
}
