//! Where archives are.

use std::fmt;
use std::path::PathBuf;

/// The place of an archive: a path, or `-` for standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file, or a folder that holds an unpacked archive.
    Path(PathBuf),
    /// Standard input.
    Stdin,
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
        }
    }
}
