//! What a step does with a name that is taken: the policies.

use crate::catalog::{Digest, ObjectName};
use crate::facts::Existing;

use super::identity::Identity;
use super::names::Present;
use super::{Action, Options, Policy, StageKind};

/// Kinds that many objects are built on: what the target has of them is not exchanged under these objects.
const SHARED: [&str; 3] = ["schema", "extension", "procedural_language"];

/// Whether what the target has of that kind stays as it is.
pub(crate) fn is_shared(kind: &str) -> bool {
    SHARED.contains(&kind)
}

/// What decides for every object alike.
pub(super) struct Rules<'a> {
    pub(super) options: &'a Options,
    pub(super) stage: StageKind,
    pub(super) renamed_objects_schema: &'a str,
    /// Who restores.
    pub(super) identity: Identity<'a>,
    /// The backup is a foreign one: its roles are those of a whole server.
    pub(super) is_foreign: bool,
}

/// A step's action, and why.
pub(super) struct Decision {
    pub(super) action: Action,
    pub(super) aside: Option<ObjectName>,
    pub(super) existing: Option<String>,
    pub(super) reason: String,
}

/// Decides for the object that will be called `into`. What cannot be done is decided as asked for and refused by the check.
pub(super) fn decide(into: &ObjectName, present: &Present<'_>, rules: &Rules<'_>, in_schema: bool) -> Decision {
    let kind = &into.kind;
    if let Some(why) = stays(into, rules) {
        let existing = present.holder(into).filter(|(holder, _)| *holder == into);
        let existing = existing.map(|(_, existing)| existing.fingerprint.clone());
        return Decision { action: Action::Skip, aside: None, existing, reason: why.to_owned() };
    }
    let Some((holder, existing)) = present.holder(into) else {
        let reason = if kind == "schema" && present.has_schema(&into.name) {
            "The target has the schema, and what is said of it is kept with it"
        } else {
            "The name is free"
        };
        return Decision { action: Action::Create, aside: None, existing: None, reason: reason.to_owned() };
    };
    if holder != into {
        let reason = format!("The name is taken by {holder}");
        return Decision { action: Action::Create, aside: None, existing: None, reason };
    }
    let (action, aside, reason) = match rules.options.policy(kind) {
        _ if is_shared(kind) && rules.stage == StageKind::Beside => {
            (Action::Skip, None, format!("The target has the {kind}, which stays as it is"))
        }
        _ if is_shared(kind) => {
            (Action::Replace, None, "Made anew in the database that takes the live one's name".to_owned())
        }
        // Other databases of the server rely on them.
        Policy::None if rules.is_foreign && matches!(kind.as_str(), "user" | "role") => (
            Action::Skip,
            None,
            format!("The server has the {kind}, which stays as it is; --restore-policy replace changes it"),
        ),
        Policy::None => (Action::Create, None, format!("The name is taken by the existing {kind}")),
        Policy::Replace => {
            (Action::Replace, None, format!("Replaces the existing {kind}, which is kept until discard"))
        }
        Policy::Rename => rename(into, existing, in_schema, rules.renamed_objects_schema),
    };
    Decision { action, aside, existing: Some(existing.fingerprint.clone()), reason }
}

/// Decides for an object whose rows are added to what the target has; that there is something is for the check to say.
pub(super) fn fill(into: &ObjectName, present: &Present<'_>) -> Decision {
    let existing = present.holder(into).filter(|(holder, _)| *holder == into);
    let reason = match existing {
        Some(_) => format!("Rows are added to the existing {} in the switch", into.kind),
        None => format!("There is no such {} to add rows to", into.kind),
    };
    let existing = existing.map(|(_, existing)| existing.fingerprint.clone());
    Decision { action: Action::Fill, aside: None, existing, reason }
}

/// Why a user or role is not restored, whatever the policy.
fn stays(into: &ObjectName, rules: &Rules<'_>) -> Option<&'static str> {
    let taken = rules.options.take_access && into.kind == "user";
    rules.identity.keeps(into).or_else(|| taken.then_some("--take-access restores no users"))
}

fn rename(
    into: &ObjectName,
    existing: &Existing,
    in_schema: bool,
    schema: &str,
) -> (Action, Option<ObjectName>, String) {
    if !in_schema || existing.fixed.is_some() {
        return (Action::Rename, None, format!("The existing {} cannot be moved aside", into.kind));
    }
    let aside = ObjectName { schema: Some(schema.to_owned()), ..into.clone() };
    let reason = format!("The existing {} is moved to {}", into.kind, aside.qualified());
    (Action::Rename, Some(aside), reason)
}

/// Where the policy `rename` moves objects: the schema that was asked for, or one that is named after the archive and
/// is used neither in the target nor by the restore, so that the same archive and target give the same plan.
pub(super) fn renamed_objects_schema<'a>(
    options: &Options,
    digest: &Digest,
    present: &Present<'_>,
    used: impl Iterator<Item = &'a str> + Clone,
) -> String {
    if let Some(schema) = &options.renamed_objects_schema {
        return schema.clone();
    }
    let first = format!("before_{}", &digest.to_string()[..8]);
    let is_free = |schema: &String| {
        !present.has_schema(schema) && used.clone().all(|used| present.naming().fold(used) != schema.as_str())
    };
    // The numbers do not end, and names that are taken do.
    let numbered = (2_u32..).map(|number| format!("{first}_{number}"));
    std::iter::once(first.clone()).chain(numbered).find(is_free).unwrap_or(first)
}
