//! What a restore will do, decided before anything is written: a value that is saved, read, edited and applied.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::{Backup, Digest, ObjectName};

pub use crate::finding::{Finding, Severity};
pub use crate::selector::Selector;

mod access;
mod adopt;
mod build;
mod closure;
pub(crate) mod decide;
#[cfg(test)]
pub(crate) mod fixture;
mod flags;
pub(crate) mod identity;
mod json;
pub(crate) mod kinds;
mod left;
mod links;
pub(crate) mod names;
mod options;
mod order;
pub mod request;
pub(crate) mod referrers;
mod render;
mod rights;
mod rows;
mod select;
mod share;
mod stage;
mod suggest;

pub use adopt::adopt;
pub use build::{Input, build};
pub(crate) use flags::flags;
pub use names::mapped;
pub use options::{Options, PolicyChoice, schema_pairs};
pub use render::render;
pub use rights::limit_rights;
pub use select::select;
pub use share::Share;

/// What happens when an object of that name exists in the target. The words are Kinetica's `restore_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The restore is refused.
    #[default]
    None,
    /// The restored object takes its place; the existing one is kept until `discard`.
    Replace,
    /// The existing object is moved to another schema.
    Rename,
}

impl Policy {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Replace => "replace",
            Self::Rename => "rename",
        }
    }
}

impl std::str::FromStr for Policy {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::None, Self::Replace, Self::Rename];
        all.into_iter()
            .find(|policy| policy.word() == word)
            .ok_or_else(|| format!("`{}` is no policy: none, replace or rename", word.escape_debug()))
    }
}

/// What becomes of tables' subscriptions to data sources. The words are Kinetica's `restore_subscriptions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Subscriptions {
    /// They go on as they were at the source.
    #[default]
    Resume,
    /// All of them come back paused.
    Pause,
    /// None of them comes back.
    Cancel,
}

/// What an operator can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeaveOut {
    /// Objects belong to the role that runs the restore.
    Owners,
    /// Nobody is given privileges.
    Privileges,
    /// Objects have no comments.
    Comments,
}

/// What an operator asks for of [`StageKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageChoice {
    /// A database of its own where the restore brings everything that the target's holds, else beside the live objects.
    #[default]
    Auto,
    /// Always beside the live objects.
    Beside,
    /// Always a database of its own; refused where it would drop objects that the restore does not bring.
    Database,
}

/// Where a job works until its switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageKind {
    /// Beside the live objects; the switch exchanges them one by one in one transaction.
    #[default]
    Beside,
    /// In a database of its own, which takes the live one's name in the switch.
    Database,
}

impl StageKind {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Beside => "beside",
            Self::Database => "database",
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The name is free: the object is created.
    Create,
    /// The existing object gives way and is kept until `discard`.
    Replace,
    /// The existing object is moved to [`Step::aside`] first.
    Rename,
    /// Rows are added to the existing object in the switch; the policy has no say, and it cannot be undone.
    Fill,
    /// Nothing is restored: the existing table, whose foreign keys refer to one that gives way, is put out of sight in the switch and
    /// kept until `discard`.
    Drop,
    /// Nothing is restored: the user who runs the restore is given access to what is.
    Grant,
    /// Nothing is done; the reason says why.
    Skip,
}

impl Action {
    /// Whether something of the archive is restored.
    pub fn restores(self) -> bool {
        !matches!(self, Self::Skip | Self::Drop | Self::Grant)
    }
}

/// One object's place in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The step's number; edges name steps by it, and reordering does not change it.
    pub id: u32,
    /// What it does.
    pub action: Action,
    /// The object in the archive.
    pub object: ObjectName,
    /// Its name in the target.
    pub into: ObjectName,
    /// Where the existing object goes ([`Action::Rename`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<ObjectName>,
    /// Why the action is what it is.
    pub reason: String,
    /// The plugin that restores it, by name.
    pub plugin: String,
    /// Number of parts.
    pub parts: u32,
    /// Predicted rows.
    pub rows: u64,
    /// Predicted bytes in the target.
    pub bytes: u64,
    /// Bytes its parts read from the archive, uncompressed.
    pub read_bytes: u64,
    /// Further tables the object brings, by suffix (`nodes` of graph `g` is the table `g_nodes`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Steps that must be finished before this one begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<u32>,
    /// Steps of a reference cycle that must be loaded before this one is finished (its constraints come last).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_loaded: Vec<u32>,
    /// Objects, by their names in the target, that it locks while it is restored: no two steps that share one run at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<ObjectName>,
    /// Users and roles that must exist by the time of the switch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
    /// Fingerprint of the existing object's definition; `apply` refuses when it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<String>,
}

impl Step {
    /// A step that does nothing yet.
    pub(crate) fn idle(object: ObjectName, into: ObjectName) -> Self {
        Self {
            id: 0,
            action: Action::Skip,
            object,
            into,
            aside: None,
            reason: String::new(),
            plugin: String::new(),
            parts: 0,
            rows: 0,
            bytes: 0,
            read_bytes: 0,
            tables: Vec::new(),
            needs: Vec::new(),
            needs_loaded: Vec::new(),
            locks: Vec::new(),
            principals: Vec::new(),
            existing: None,
        }
    }
}

/// The archive that was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedArchive {
    /// Where it was.
    pub location: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// Which backup it holds.
    pub backup: Backup,
}

/// The target that was planned for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedTarget {
    /// Where it is: `sqlite:PATH`.
    pub location: String,
    /// `sqlite`, or an embedding program's own word.
    pub kind: String,
    /// Its version then; another one needs another plan.
    pub version: String,
}

/// A plugin that planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginIdentity {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its component.
    pub digest: Digest,
}

/// What the steps add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Steps that restore something.
    pub objects: u64,
    /// Their parts.
    pub parts: u64,
    /// Rows, as predicted.
    pub rows: u64,
    /// Bytes read from the archive, uncompressed.
    pub read_bytes: u64,
    /// Bytes the target will need.
    pub target_bytes: u64,
}

impl Totals {
    /// Adds up the steps that do something. Figures come from archives and plugins, so sums stop at the largest number.
    pub fn of(steps: &[Step]) -> Self {
        steps.iter().filter(|step| step.action.restores()).fold(Self::default(), |sum, step| Self {
            objects: sum.objects + 1,
            parts: sum.parts.saturating_add(step.parts.into()),
            rows: sum.rows.saturating_add(step.rows),
            read_bytes: sum.read_bytes.saturating_add(step.read_bytes),
            target_bytes: sum.target_bytes.saturating_add(step.bytes),
        })
    }
}

/// A whole plan. Not a promise yet: only the check makes a [`crate::check::CheckedPlan`] of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of this document: 1.
    pub version: u32,
    /// The archive.
    pub archive: PlannedArchive,
    /// The target.
    pub target: PlannedTarget,
    /// The plugins, by name.
    pub plugins: Vec<PluginIdentity>,
    /// What was asked for.
    pub options: Options,
    /// Where the work is done until the switch.
    #[serde(default)]
    pub stage: StageKind,
    /// Schemas that will be created.
    pub schemas: Vec<String>,
    /// In the order in which they will be done.
    pub steps: Vec<Step>,
    /// What they add up to.
    pub totals: Totals,
    /// What preconditions and plugins found.
    pub findings: Vec<Finding>,
}

/// A kind of objects, as the plugin that restores it describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindDescription {
    /// The kind.
    pub name: String,
    /// Whether its objects live in a schema.
    pub in_schema: bool,
}

/// What the planner and the check know of a plugin: no handle, only what it said and what it was granted.
#[derive(Debug, Clone)]
pub struct PluginDescription {
    /// Which plugin.
    pub identity: PluginIdentity,
    /// What it restores.
    pub kinds: Vec<KindDescription>,
    /// Interfaces it imports and was not granted.
    pub missing_grants: Vec<String>,
    /// It understands a foreign backup, and restores objects of those archives only.
    pub layout: bool,
}

/// What a plugin says of one object before anything is written.
#[derive(Debug, Clone, Default)]
pub struct Outlook {
    /// Objects that must be there first, by the archive's names.
    pub dependencies: Vec<ObjectName>,
    /// Findings about the object.
    pub findings: Vec<Finding>,
    /// Predicted rows.
    pub rows: u64,
    /// Predicted bytes in the target.
    pub bytes: u64,
    /// Suffixes of the further tables it will create.
    pub tables: Vec<String>,
    /// Objects it locks while it is restored, by the archive's names.
    pub locks: Vec<ObjectName>,
    /// Users and roles that must exist by the time of the switch.
    pub principals: Vec<String>,
}
