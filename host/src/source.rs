//! Where archives are.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The place of an archive: a path, `-` for standard input (a file of that name is `./-`), or a snapshot in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file, or a folder that holds an unpacked archive.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// A snapshot in a repository.
    Snapshot(Box<SnapshotAt>),
}

/// Which snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotAt {
    /// Where the repository is.
    pub repository: Place,
    /// The backup's name.
    pub backup: String,
    /// The snapshot's id; the newest when absent.
    pub id: Option<u64>,
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What the operator calls it; part of the locations of its snapshots.
    pub name: String,
    /// A path, or `file:`, `s3:`, `gs:`, `az:`, `http:` or `https:`; never with a password.
    pub url: String,
    /// What opens it.
    pub credentials: Credentials,
}

/// Settings of a store's client by their names in the environment (`AWS_ACCESS_KEY_ID`, …). They are never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credentials(pub Vec<(String, String)>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} hidden)", self.0.len())
    }
}

/// What the settings of stores' clients begin with.
const PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

impl Credentials {
    /// Those of these variables that are about stores.
    pub fn among(variables: impl Iterator<Item = (String, String)>) -> Self {
        Self(variables.filter(|(name, _)| is_setting(name)).collect())
    }

    /// Reads a file of lines `KEY=VALUE` that nobody else can read. Fails with `usage`.
    pub fn read(path: &Path) -> Result<Self> {
        let mut pairs = Vec::new();
        for (number, line) in secret(path)?.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let pair = line.split_once('=').filter(|(name, _)| is_setting(name.trim()));
            let Some((name, value)) = pair else {
                // What is in the line may be a secret.
                let message = format!(
                    "Line {} of {} is not KEY=VALUE with a key that begins with AWS_, GOOGLE_ or AZURE_",
                    number + 1,
                    path.display()
                );
                return Err(Error::new("usage", message));
            };
            pairs.push((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()));
        }
        Ok(Self(pairs))
    }
}

fn is_setting(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The text of a file that others must not read. Fails with `usage`.
pub fn secret(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| Error::new("usage", format!("{} cannot be read: {error}", path.display()));
    let about = std::fs::metadata(path).map_err(failed)?;
    if about.mode() & 0o077 != 0 {
        let shown = path.display();
        let message = format!("{shown} can be read by others, and holds secrets; `chmod 600 {shown}` mends that");
        return Err(Error::new("usage", message));
    }
    std::fs::read_to_string(path).map_err(failed)
}

impl From<&str> for Location {
    fn from(text: &str) -> Self {
        if text == "-" { Self::Stdin } else { Self::Path(text.into()) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("-"),
            Self::Snapshot(at) => at.fmt(f),
        }
    }
}

impl fmt::Display for SnapshotAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.repository.name, self.backup)?;
        self.id.map_or(Ok(()), |id| write!(f, "@{id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_they_are_read() {
        assert_eq!(Location::from("-"), Location::Stdin);
        assert_eq!(Location::from("./-"), Location::Path("./-".into()));
        for place in ["-", "a.tar", "/b/c.tar.gz", "./-"] {
            assert_eq!(Location::from(place).to_string(), place);
        }
    }

    #[test]
    fn credentials_are_never_shown() {
        let credentials = Credentials(vec![("AWS_SECRET_ACCESS_KEY".into(), "hush".into())]);
        let repository = Place { name: "r".into(), url: "s3://b".into(), credentials };
        let at = Location::Snapshot(Box::new(SnapshotAt { repository, backup: "shop".into(), id: Some(7) }));
        assert_eq!(at.to_string(), "r/shop@7");
        assert!(!format!("{at:?}").contains("hush"));
    }
}
