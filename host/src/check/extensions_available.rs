//! Every extension and language that is restored can be had in the target.

use super::Situation;
use crate::plan::{Action, Finding, Step};
use crate::text::{capital, selector};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(available) = &situation.facts.available else { return Vec::new() };
    let lacking = |step: &&Step| word(step).is_some_and(|word| !available.contains(&word));
    let acting = situation.plan.steps.iter().filter(|step| step.action != Action::Skip);
    acting.filter(lacking).map(finding).collect()
}

/// The step's object as the facts call it.
fn word(step: &Step) -> Option<String> {
    match step.into.kind.as_str() {
        "extension" => Some(format!("extension:{}", step.into.name)),
        "procedural_language" => Some(format!("language:{}", step.into.name)),
        _ => None,
    }
}

fn finding(step: &Step) -> Finding {
    let message =
        format!("{} cannot be had in the target: its server has no files of it", capital(&step.into.to_string()));
    let fix = format!("Install it on the target's server, or --exclude {}", selector(&step.object));
    Finding::refusal("target.extension_missing", message, fix).about(&step.object)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::plan::fixture::Sample;

    #[test]
    fn what_the_server_lacks_is_named() {
        let some = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>());
        for (available, expected) in [
            (None, &[][..]),
            (some(&["extension:hstore", "language:plperl"]), &[]),
            (
                some(&["language:hstore", "language:plperl"]),
                &[
                    "Refusal target.extension_missing extension hstore: Extension hstore cannot … --exclude extension:hstore]",
                ],
            ),
            (some(&["extension:hstore"]), &["target.extension_missing procedural_language plperl"]),
        ] {
            let mut sample = Sample::of(&["extension hstore", "procedural_language plperl", "table main.a"]);
            sample.knows_dumps();
            sample.facts.available = available;
            sample.finds(expected);
        }
    }

    #[test]
    fn what_is_there_need_not_be_had_again() {
        let mut sample = Sample::of(&["extension hstore"]);
        sample.knows_dumps();
        sample.facts.available = Some(BTreeSet::new());
        sample.exists(&["extension hstore"]);
        sample.finds(&[]);
    }
}
