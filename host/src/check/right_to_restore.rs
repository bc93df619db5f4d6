//! This identity may restore into the target, and the target can be written.

use super::Situation;
use crate::plan::Finding;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let health = &situation.facts.health;
    let location = &situation.facts.location;
    let right = health.missing_right.as_ref().map(|right| {
        let message = format!("The right to restore into {location} is missing: {right}");
        Finding::refusal("target.no_right", message, "--into with an identity that has this right")
    });
    let writable = health.not_writable.as_ref().map(|why| {
        let message = format!("{location} cannot be written: {why}");
        Finding::refusal("target.read_only", message, "Make it writable, or --into another target")
    });
    right.into_iter().chain(writable).collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn what_is_missing_is_said() {
        for (right, writable, expected) in [
            (None, None, &[][..]),
            (Some("restore admin"), None, &["Refusal target.no_right … is missing: restore admin"]),
            (None, Some("read-only file system"), &["Refusal target.read_only … read-only file system"]),
            (Some("a"), Some("b"), &["target.no_right", "target.read_only"]),
        ] {
            let mut sample = Sample::of(&["table main.a"]);
            sample.facts.health.missing_right = right.map(str::to_owned);
            sample.facts.health.not_writable = writable.map(str::to_owned);
            sample.finds(expected);
        }
    }
}
