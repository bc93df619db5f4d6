//! What a step does with a name that is taken: the policies.

use crate::catalog::{Digest, ObjectName};
use crate::facts::Existing;

use super::names::Present;
use super::{Action, Options, Policy};

/// A step's action, and why.
pub(super) struct Decision {
    pub(super) action: Action,
    pub(super) aside: Option<ObjectName>,
    pub(super) existing: Option<String>,
    pub(super) reason: String,
}

/// Decides for the object that will be called `into`. What cannot be done is decided as asked for and refused by the check.
pub(super) fn decide(
    into: &ObjectName,
    present: &Present<'_>,
    policy: Policy,
    in_schema: bool,
    renamed_schema: &str,
) -> Decision {
    let Some((holder, existing)) = present.holder(into) else {
        return Decision { action: Action::Create, aside: None, existing: None, reason: "The name is free".to_owned() };
    };
    if holder != into {
        let reason = format!("The name is taken by {holder}");
        return Decision { action: Action::Create, aside: None, existing: None, reason };
    }
    let kind = &into.kind;
    let (action, aside, reason) = match policy {
        Policy::None => (Action::Create, None, format!("The name is taken by the existing {kind}")),
        Policy::Replace => {
            (Action::Replace, None, format!("Replaces the existing {kind}, which is kept until discard"))
        }
        Policy::Rename => rename(into, existing, in_schema, renamed_schema),
    };
    Decision { action, aside, existing: Some(existing.fingerprint.clone()), reason }
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
pub(super) fn renamed_schema<'a>(
    options: &Options,
    digest: &Digest,
    present: &Present<'_>,
    used: impl Iterator<Item = &'a str> + Clone,
) -> String {
    if let Some(schema) = &options.renamed_schema {
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
