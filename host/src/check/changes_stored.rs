//! Committed changes are stored on every node of the target.

use super::Situation;
use crate::plan::Finding;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let finding = |what| {
        let message = format!("The target has committed changes that are not stored on every node yet: {what}");
        Finding::refusal("target.changes_not_stored", message, "Wait until they are, then run the same command again")
    };
    situation.facts.health.uncommitted.as_ref().map(finding).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn the_targets_words_are_passed_on() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.facts.health.uncommitted = Some("12 transactions on rank2".to_owned());
        sample.finds(&["Refusal target.changes_not_stored … yet: 12 transactions on rank2"]);
    }
}
