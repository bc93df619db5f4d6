//! What the target itself has to say: encodings that differ, settings that come in the way.

use super::Situation;
use crate::plan::Finding;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    situation.facts.warnings.clone()
}

#[cfg(test)]
mod tests {
    use crate::plan::Finding;
    use crate::plan::fixture::Sample;

    #[test]
    fn its_words_are_passed_on() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.facts.warnings = vec![
            Finding::warning("target.odd", "The encoding is LATIN1", "Restore into another database"),
            Finding::refusal("target.odder", "It is in recovery", "Promote it"),
        ];
        sample.finds(&["Refusal target.odder -: It is in recovery [Promote it]", "Warning target.odd"]);
    }
}
