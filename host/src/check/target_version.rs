//! The target's version can be restored into.

use super::Situation;
use crate::plan::Finding;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let info = &situation.facts.info;
    let finding = |why| {
        let message = format!("{} {} cannot be restored into: {why}", info.kind, info.version);
        Finding::refusal("target.unsupported_version", message, "--into a target of another version")
    };
    situation.facts.health.unsupported_version.as_ref().map(finding).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn the_reason_is_given() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.facts.health.unsupported_version = Some("it is older than 3.35".to_owned());
        sample.finds(&[
            "Refusal target.unsupported_version … sqlite 3.51.0 cannot be restored into: it is older than 3.35",
        ]);
    }
}
