//! Which repositories the user has named, and which snapshot a word of the command line means.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::repository::{check_name, check_url};
use crate::source::{Credentials, Location, Place, SnapshotAt};
use crate::text::quote;

use super::args::RepositoryArgs;
use super::environment::{self, absolute};

/// The file that names repositories.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    /// Places by name.
    pub(super) repositories: BTreeMap<String, String>,
}

/// A backup, or several, as they are written: `REPOSITORY[/NAME[@ID]]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) repository: &'a str,
    /// A name, or a pattern of names; empty where there is none.
    pub(super) backup: &'a str,
    /// What follows `@`.
    pub(super) id: Option<&'a str>,
}

impl<'a> From<&'a str> for Named<'a> {
    fn from(text: &'a str) -> Self {
        let (repository, rest) = text.split_once('/').unwrap_or((text, ""));
        let (backup, id) = rest.split_once('@').map_or((rest, None), |(backup, id)| (backup, Some(id)));
        Self { repository, backup, id }
    }
}

impl Named<'_> {
    /// The id; none for the newest.
    pub(super) fn id(&self) -> Result<Option<u64>> {
        match self.id {
            None | Some("") => Ok(None),
            Some(id) => id.parse().map(Some).map_err(|_| {
                let message = format!("`{id}` is no id of a snapshot, which is a number: REPOSITORY/NAME@3");
                Error::new("usage", message).next("reinstate help backup show")
            }),
        }
    }

    /// The name of one backup.
    pub(super) fn one(&self) -> Result<&str> {
        if self.backup.is_empty() {
            let message = format!("Name a backup of the repository: {}/NAME", self.repository.escape_debug());
            return Err(Error::new("usage", message).next("reinstate help backup"));
        }
        check_name(self.backup)?;
        Ok(self.backup)
    }

    /// A backup without an id.
    pub(super) fn whole(&self) -> Result<&str> {
        match self.id {
            None => self.one(),
            Some(_) => Err(Error::new("usage", "That is done with a whole backup: write REPOSITORY/NAME without @ID")),
        }
    }
}

/// A repository's backup is no archive by itself: its chunks are shared.
fn inside(path: &Path) -> Result<()> {
    let (Some(root), Some(backup)) = (path.parent(), path.file_name()) else { return Ok(()) };
    if !path.join("backup.json").is_file() || !root.join("repository.json").is_file() {
        return Ok(());
    }
    let (backup, root) = (backup.to_string_lossy(), std::path::absolute(root).unwrap_or_else(|_| root.to_owned()));
    let message =
        format!("{} is a backup in a repository: name the repository, and restore NAME/{backup}", path.display());
    Err(Error::new("usage", message).next(format!("reinstate repository add NAME {}", quote(&root.to_string_lossy()))))
}

impl RepositoryArgs {
    /// The archive that a word of the command line means: a path that is there wins over a repository's name. `id` is the snapshot where
    /// the word names none.
    pub(super) fn location(&self, text: &str, id: Option<&str>) -> Result<Location> {
        let named = Named::from(text);
        let named = Named { id: named.id.or(id), ..named };
        inside(Path::new(text))?;
        if text == "-" || named.backup.is_empty() || check_name(named.repository).is_err() || Path::new(text).exists() {
            return Ok(Location::from(text));
        }
        let Some(url) = self.known()?.repositories.remove(named.repository) else {
            return Ok(Location::from(text));
        };
        let repository = self.place_at(named.repository, url)?;
        let at = SnapshotAt { repository, backup: named.one()?.to_owned(), id: named.id()? };
        Ok(Location::Snapshot(Box::new(at)))
    }

    /// Where the repository of that name is.
    pub(super) fn place(&self, name: &str) -> Result<Place> {
        let mut known = self.known()?;
        let unknown = || {
            let names: Vec<&str> = known.repositories.keys().map(String::as_str).collect();
            let names =
                if names.is_empty() { "none is known".to_owned() } else { format!("known: {}", names.join(", ")) };
            let name = name.escape_debug();
            Error::new("repository.not_found", format!("There is no repository called {name} ({names})"))
                .next("reinstate repository list")
        };
        if !known.repositories.contains_key(name) {
            return Err(unknown());
        }
        self.place_at(name, known.repositories.remove(name).unwrap_or_default())
    }

    fn place_at(&self, name: &str, url: String) -> Result<Place> {
        Ok(Place { name: name.to_owned(), url, credentials: self.credentials()? })
    }

    /// What the environment says of stores, or the file in its place.
    fn credentials(&self) -> Result<Credentials> {
        match &self.credentials {
            Some(path) => Credentials::read(path),
            None => Ok(environment::credentials()),
        }
    }

    /// The repositories that the user has named.
    pub(super) fn known(&self) -> Result<Known> {
        let Some(path) = self.file() else { return Ok(Known::default()) };
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Known::default()),
            other => other.map_err(|error| unreadable(&path, &error))?,
        };
        serde_json::from_str(&text).map_err(|error| unreadable(&path, &error))
    }

    /// Changes the names, all at once.
    pub(super) fn change(&self, change: impl FnOnce(&mut Known) -> Result<()>) -> Result<()> {
        let path = self
            .file()
            .ok_or_else(|| Error::new("usage", "There is no folder for settings; name a file with --config"))?;
        let mut known = self.known()?;
        change(&mut known)?;
        let text = serde_json::to_string_pretty(&known).map_err(|error| unreadable(&path, &error))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || {
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            writeln!(file, "{text}")?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error: std::io::Error| {
            Error::new("host.io", format!("{} cannot be written: {error}", path.display()))
        })
    }

    fn file(&self) -> Option<PathBuf> {
        let folder = || absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
        self.config.clone().or_else(|| Some(folder()?.join("reinstate/repositories.json")))
    }
}

/// Adds a place; its folder, where it is one, by its absolute path.
pub(super) fn add(name: &str, url: &str, repositories: &RepositoryArgs) -> Result<String> {
    check_name(name)?;
    check_url(url)?;
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        let path =
            std::path::absolute(url).map_err(|error| Error::new("usage", format!("{url} is no path: {error}")))?;
        path.to_str().map(str::to_owned).ok_or_else(|| Error::new("usage", "The folder's path is not UTF-8"))?
    };
    repositories.change(|known| {
        if let Some(other) = known.repositories.get(name).filter(|other| **other != url) {
            let message = format!("The name {name} is taken by {other}; choose another, or remove that one first");
            return Err(
                Error::new("repository.not_allowed", message).next(format!("reinstate repository remove {name}"))
            );
        }
        known.repositories.insert(name.to_owned(), url.clone());
        Ok(())
    })?;
    Ok(url)
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new("usage", format!("The file of repositories {} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_repositories_backups_and_snapshots() {
        for (text, repository, backup, id) in [
            ("r", "r", "", None),
            ("r/shop", "r", "shop", None),
            ("r/shop@3", "r", "shop", Some("3")),
            ("r/shop@", "r", "shop", Some("")),
            ("r/sh*", "r", "sh*", None),
        ] {
            assert_eq!(Named::from(text), Named { repository, backup, id }, "{text}");
        }
        assert_eq!(Named::from("r/shop@3").id().unwrap(), Some(3));
        assert_eq!(Named::from("r/shop@").id().unwrap(), None);
        assert_eq!(Named::from("r/shop@x").id().unwrap_err().code(), "usage");
        assert!(Named::from("r/shop@1").whole().is_err() && Named::from("r/a/b").one().is_err());
        assert!(Named::from("r").one().unwrap_err().to_string().ends_with("r/NAME"));
    }
}
