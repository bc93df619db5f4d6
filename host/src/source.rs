//! Where archives are.

use std::fmt;
use std::path::PathBuf;

/// The place of an archive: a path, or `-` for standard input (a file of that name is `./-`).
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
}
