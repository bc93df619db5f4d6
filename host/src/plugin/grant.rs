//! Which interfaces there are, and what a plugin may use: imported and granted.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::{Error, Result};

/// An interface of `reinstate:plugin` that a plugin can import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Interface {
    Types,
    Entries,
    Log,
    Tables,
    Definitions,
    Principals,
    Routines,
    Blobs,
    Sql,
    Archive,
}

use Interface::{Archive, Blobs, Definitions, Entries, Log, Principals, Routines, Sql, Tables, Types};

impl Interface {
    pub(super) const ALL: [Self; 10] =
        [Types, Entries, Log, Tables, Definitions, Principals, Routines, Blobs, Sql, Archive];

    pub(super) fn name(self) -> &'static str {
        match self {
            Types => "types",
            Entries => "entries",
            Log => "log",
            Tables => "tables",
            Definitions => "definitions",
            Principals => "principals",
            Routines => "routines",
            Blobs => "blobs",
            Sql => "sql",
            Archive => "archive",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interface| interface.name() == name)
    }

    /// The rest read the one object, or the one archive, or talk to the operator, and are there for every plugin.
    pub(super) fn writes(self) -> bool {
        !matches!(self, Types | Entries | Log | Archive)
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an operator allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grants {
    /// Whatever is imported: for our own plugins.
    Imported,
    /// These.
    Named(BTreeSet<Interface>),
}

impl Grants {
    /// Reads the operator's words; fails with `usage` for one that names no interface.
    pub(super) fn parse(names: &[String]) -> Result<Self> {
        names.iter().map(|name| parse_one(name)).collect::<Result<_>>().map(Self::Named)
    }
}

fn parse_one(name: &str) -> Result<Interface> {
    Interface::named(name).filter(|interface| *interface != Types).ok_or_else(|| {
        let known: Vec<_> = Interface::ALL.into_iter().filter(|one| one.writes()).map(Interface::name).collect();
        let message = match name {
            "wasi" => "This host offers plugins no WASI, so `wasi` cannot be granted".to_owned(),
            _ => format!("There is no interface `{name}` to grant; there are {}", known.join(", ")),
        };
        Error::new("usage", message)
    })
}

/// What a plugin gets and what it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) granted: BTreeSet<Interface>,
    pub(super) missing: BTreeSet<Interface>,
}

/// Imported and granted; what writes nothing needs no grant.
pub(super) fn decide(imports: &BTreeSet<Interface>, grants: &Grants) -> Decision {
    let allowed = |interface: &Interface| match grants {
        Grants::Imported => true,
        Grants::Named(named) => !interface.writes() || named.contains(interface),
    };
    let (granted, missing) = imports.iter().copied().partition(allowed);
    Decision { granted, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Grants {
        Grants::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_plugin_gets_what_it_imports_and_is_granted() {
        let imports = BTreeSet::from([Types, Entries, Log, Archive, Tables, Blobs, Sql]);
        let cases = [
            (Grants::Imported, vec![]),
            (named(&[]), vec![Tables, Blobs, Sql]),
            (named(&["tables", "sql"]), vec![Blobs]),
            (named(&["tables", "blobs", "principals"]), vec![Sql]),
        ];
        for (grants, missing) in cases {
            let decision = decide(&imports, &grants);
            assert_eq!(decision.missing, missing.into_iter().collect(), "{grants:?}");
            assert_eq!(&decision.granted | &decision.missing, imports);
            assert!(!decision.granted.contains(&Interface::Principals), "What is not imported is not granted");
        }
    }

    #[test]
    fn grants_name_interfaces() {
        for wrong in ["tabels", "", "wasi", "types", "Tables"] {
            assert_eq!(Grants::parse(&[wrong.to_owned()]).unwrap_err().code(), "usage", "{wrong}");
        }
        assert_eq!(named(&["log", "entries"]), Grants::Named(BTreeSet::from([Log, Entries])));
    }
}
