//! Taking access: who runs the restore is given what it restores, where the target keeps users as objects.

use crate::catalog::ObjectName;
use crate::facts::Facts;

use super::{Action, Options, Step};

/// The step that gives the named user access to what the other steps restore; `None` where nobody takes access, or where whoever makes an
/// object owns it.
pub(super) fn grant(steps: &[Step], facts: &Facts, options: &Options) -> Option<Step> {
    let name = options.identity.as_deref().filter(|_| options.take_access && facts.grants_access)?;
    let kinds = ["user", "role"].map(|kind| ObjectName::new(kind, None, name));
    let known = kinds.iter().find_map(|kind| facts.objects.get_key_value(kind));
    let user = known.map_or(&kinds[0], |(name, _)| name);
    let last = steps.iter().map(|step| step.id).max().unwrap_or(0);
    let restored = steps.iter().filter(|step| step.action.restores()).count();
    (restored > 0).then(|| Step {
        id: last.saturating_add(1),
        action: Action::Grant,
        existing: known.map(|(_, existing)| existing.fingerprint.clone()),
        reason: format!("It runs this restore and is given full access to {}", counted(restored)),
        ..Step::idle(user.clone(), user.clone())
    })
}

fn counted(restored: usize) -> String {
    crate::text::counted(restored as u64, "restored object")
}

#[cfg(test)]
mod tests {
    use crate::plan::Action;
    use crate::plan::fixture::Sample;

    #[test]
    fn access_is_taken_by_who_is_named() {
        for (identity, take, grants, exists, expected) in [
            (
                Some("ana"),
                true,
                true,
                Some("user ana"),
                "1 create table main.a, 2 create role r, 3 skip user bob, 4 grant user ana",
            ),
            (
                Some("ana"),
                true,
                true,
                Some("role ana"),
                "1 create table main.a, 2 create role r, 3 skip user bob, 4 grant role ana",
            ),
            (
                Some("ana"),
                true,
                true,
                None,
                "1 create table main.a, 2 create role r, 3 skip user bob, 4 grant user ana",
            ),
            (Some("ana"), true, false, None, "1 create table main.a, 2 create role r, 3 skip user bob"),
            (None, true, true, None, "1 create table main.a, 2 create role r, 3 skip user bob"),
            (Some("ana"), false, true, None, "1 create table main.a, 2 create role r, 3 create user bob"),
        ] {
            let mut sample = Sample::of(&["table main.a", "role r", "user bob > role r"]);
            (sample.options.identity, sample.options.take_access) = (identity.map(str::to_owned), take);
            sample.facts.grants_access = grants;
            sample.exists(exists.as_slice());
            let plan = sample.plan();
            let told = |step: &crate::plan::Step| format!("{} {:?} {}", step.id, step.action, step.into);
            let told = plan.steps.iter().map(told).collect::<Vec<_>>().join(", ").replace("Create", "create");
            assert_eq!(told.replace("Skip", "skip").replace("Grant", "grant"), expected, "{identity:?} {exists:?}");
            let known = plan
                .steps
                .iter()
                .all(|step| step.action != Action::Grant || step.existing.is_some() == exists.is_some());
            assert!(known);
            let warned = sample.findings().iter().any(|finding| finding.contains("plan.no_access"));
            assert_eq!(warned, take && (identity.is_none() || !grants), "{identity:?}");
        }
    }
}
