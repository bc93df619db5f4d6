//! The packed folder: lists it, opens its files without following links, reads its JSON.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Documents are read as a whole; no honest one is larger.
const JSON_BYTES: u64 = 256 << 20;

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, a device, a pipe or a socket: never opened.
    Other,
}

/// A name in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    root: PathBuf,
}

/// The error for input that breaks the conventions; `place` is the file as the folder names it.
pub(crate) fn bad(place: &str, message: impl std::fmt::Display) -> Error {
    Error::new("pack.bad_input", format!("{place}: {message}")).entry(place)
}

impl Input {
    /// The folder at that path, which may be a link to one.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        match std::fs::metadata(root) {
            Ok(found) if found.is_dir() => Ok(Self { root: root.to_owned() }),
            Ok(_) => Err(bad(&root.display().to_string(), "This is no folder; give the folder that holds `tables`")),
            Err(error) => Err(bad(&root.display().to_string(), format!("The folder could not be opened: {error}"))),
        }
    }

    /// What is in a folder (the empty text is the packed folder itself), sorted by name.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<Item>> {
        let failed = |error: std::io::Error| io(folder, &error);
        let mut items = Vec::new();
        for item in std::fs::read_dir(self.root.join(folder)).map_err(failed)? {
            let item = item.map_err(failed)?;
            let found = item.file_type().map_err(failed)?;
            let kind = match (found.is_file(), found.is_dir()) {
                (true, _) => Kind::File,
                (_, true) => Kind::Folder,
                _ => Kind::Other,
            };
            let name = item.file_name().into_string().map_err(|name| {
                bad(&join(folder, &name.to_string_lossy()), "The name is not UTF-8; give the file another")
            })?;
            items.push(Item { name, kind });
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(items)
    }

    /// Opens a regular file.
    pub(crate) fn open(&self, path: &str) -> Result<File> {
        // Neither a link nor a pipe that took the file's place since it was listed is followed or waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(self.root.join(path));
        let file = file.map_err(|error| io(path, &error))?;
        match file.metadata().map_err(|error| io(path, &error))?.is_file() {
            true => Ok(file),
            false => Err(bad(path, "This is no regular file; put the file itself in its place")),
        }
    }

    /// Reads a JSON document.
    pub(crate) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let mut text = Vec::new();
        self.open(path)?.take(JSON_BYTES + 1).read_to_end(&mut text).map_err(|error| io(path, &error))?;
        if text.len() as u64 > JSON_BYTES {
            return Err(bad(path, format!("It is larger than {} MiB", JSON_BYTES >> 20)));
        }
        serde_json::from_slice(&text).map_err(|error| bad(path, error))
    }
}

/// `folder/name`.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The error for a file that cannot be read.
pub(crate) fn io(path: &str, error: &std::io::Error) -> Error {
    Error::new("host.io", format!("{path} could not be read: {error}")).entry(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_pipes_are_seen_and_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b.csv"), "a\n").unwrap();
        std::fs::create_dir(folder.path().join("c")).unwrap();
        std::os::unix::fs::symlink("b.csv", folder.path().join("a.csv")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("d")).unwrap();
        let input = Input::new(folder.path()).unwrap();
        let found: Vec<_> = input.list("").unwrap().into_iter().map(|item| (item.name, item.kind)).collect();
        let expected = [("a.csv", Kind::Other), ("b.csv", Kind::File), ("c", Kind::Folder), ("d", Kind::Other)];
        assert_eq!(found, expected.map(|(name, kind)| (name.to_owned(), kind)));
        assert!(input.open("b.csv").is_ok());
        for path in ["a.csv", "c", "d", "missing"] {
            assert!(input.open(path).is_err(), "{path}");
        }
        assert!(Input::new(&folder.path().join("b.csv")).is_err());
    }
}
