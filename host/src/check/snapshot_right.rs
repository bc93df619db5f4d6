//! The archive holds the snapshot that was asked for.

use super::Situation;
use crate::plan::Finding;
use crate::text::quote;

pub(super) fn check(situation: &Situation<'_>) -> Option<Finding> {
    let asked = situation.plan.options.backup_id.as_deref()?;
    let backup = &situation.catalog.backup;
    if backup.id == asked {
        return None;
    }
    let message = format!("The archive holds snapshot {} of backup {}, not {asked}", backup.id, backup.name);
    let fix = format!("--backup-id {}, or the archive of that snapshot", quote(&backup.id));
    Some(Finding::refusal("plan.other_snapshot", message, fix))
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn another_snapshot_is_refused() {
        let refusal =
            "Refusal plan.other_snapshot -: The archive holds snapshot s1 of backup shop, not s2 [--backup-id s1, or";
        for (asked, expected) in
            [(None, &[][..]), (Some("s1"), &[]), (Some("s2"), &[refusal]), (Some("S1"), &["not S1"])]
        {
            let mut sample = Sample::of(&["table main.a"]);
            sample.options.backup_id = asked.map(str::to_owned);
            sample.finds(expected);
        }
    }
}
