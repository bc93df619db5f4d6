//! What was read of a target: values that planning and checking decide on, with no handle that can write.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::ObjectName;
use crate::finding::Finding;

/// What plugins may know of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetInfo {
    /// `sqlite`, `postgres`, or a platform's own word.
    pub kind: String,
    /// Its version.
    pub version: String,
    /// The SQL dialect it takes expressions in; empty when none.
    pub dialect: String,
    /// Forms that [`Work::append`] takes; `arrow` is always among them.
    pub forms: Vec<String>,
}

/// An object that is there already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Existing {
    /// Changes when its definition changes.
    pub fingerprint: String,
    /// Why it cannot be moved aside or replaced, where it cannot (a virtual table, say).
    pub fixed: Option<String>,
    /// Objects that are built on it and would stay behind, on what was replaced, unless they are restored, too. What is a part of it (an
    /// index, a trigger) is none.
    pub dependents: Vec<ObjectName>,
    /// Tables whose foreign keys refer to it.
    pub referrers: Vec<ObjectName>,
}

/// What a target can say of its health; rules turn what is wrong into findings. The default is that all is well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// `None` when it can be written, else why not.
    pub not_writable: Option<String>,
    /// `None` when this identity may restore here, else what right is missing.
    pub missing_right: Option<String>,
    /// Free space in bytes, where it can be known.
    pub free_bytes: Option<u64>,
    /// Nodes that are not ready, by name.
    pub nodes_not_ready: Vec<String>,
    /// Changes that are not stored on every node yet, in the target's own words.
    pub uncommitted: Option<String>,
    /// The job that is restoring into it right now, in another process.
    pub busy: Option<String>,
    /// Jobs that were interrupted and wait for `resume` or `abort`.
    pub interrupted: Vec<String>,
    /// Why this version cannot be restored into, where it cannot.
    pub unsupported_version: Option<String>,
    /// Connections that are free for the restore, where the target counts them.
    pub free_connections: Option<u64>,
}

/// What was read of a target; planning and checking see nothing else of it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Where it is, as an operator writes it: `sqlite:PATH`, `postgres://…`. Never with a password.
    pub location: String,
    /// What plugins may know.
    pub info: TargetInfo,
    /// Every object there is, the target's own bookkeeping left out.
    pub objects: BTreeMap<ObjectName, Existing>,
    /// Every schema there is.
    pub schemas: BTreeSet<String>,
    /// Those of them in which we may not create anything.
    pub closed_schemas: BTreeSet<String>,
    /// Users and roles, whatever their kind.
    pub principals: BTreeSet<String>,
    /// The user or role that restores, where the target knows one: it is never changed.
    pub identity: Option<String>,
    /// Roles that may do no more than the one that restores: what runs with their rights reaches no further. None that is a superuser is
    /// among them, for what runs with its rights may do everything, whoever calls it.
    pub plain_roles: BTreeSet<String>,
    /// Roles that each user or role is a member of, where being replaced would take rights from the members.
    pub memberships: BTreeMap<String, BTreeSet<String>>,
    /// Whether the switch can give a user access to what is restored; where whoever makes an object owns it,
    /// there is no need to.
    pub grants_access: bool,
    /// Whether it gives permissions itself, so that there can be none on what is not there; where it only keeps them as they are written, anything
    /// may be named.
    pub real_permissions: bool,
    /// The longest name it takes, in bytes, where there is a limit.
    pub name_bytes: Option<usize>,
    /// The encoding of its texts, in its own word: `UTF8`; `None` where it is not known or can be chosen.
    pub encoding: Option<String>,
    /// Extensions and languages that can be had, as `extension:NAME` and `language:NAME`; `None` where the target has no such thing.
    pub available: Option<BTreeSet<String>>,
    /// Why the work cannot be done in a database of its own; `None` where it can.
    pub no_stage_database: Option<String>,
    /// Why rows cannot be added to objects that are there already; `None` where they can.
    pub no_fill: Option<String>,
    /// What the target itself has to say before a restore (encodings that differ, say); shown as it is.
    pub warnings: Vec<Finding>,
    /// How it is.
    pub health: Health,
}
