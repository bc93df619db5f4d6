//! Where archives are.

use std::fmt;
use std::path::PathBuf;

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
