//! Names are names: not empty, without NUL, with a schema exactly where the kind has one. An archive can hold anything.

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::kinds::Kinds;
use crate::plan::{Action, Finding, Step};
use crate::text::{capital, selector};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let kinds = Kinds::new(situation.plugins, situation.catalog.layout.as_deref());
    let acting = situation.plan.steps.iter().filter(|step| step.action != Action::Skip);
    // A foreign backup's comments and privileges belong to things in schemas and to things outside them.
    let of_layout = situation.catalog.layout.is_some();
    let in_schema = |step: &Step| kinds.in_schema(&step.into.kind).filter(|_| !of_layout || step.into.schema.is_some());
    acting.filter_map(|step| finding(step, in_schema(step))).collect()
}

fn finding(step: &Step, in_schema: Option<bool>) -> Option<Finding> {
    let names = [Some(&step.into), step.aside.as_ref()];
    let problem = names.into_iter().flatten().find_map(|name| problem(name, in_schema))?;
    let message = format!("{} cannot be restored under that name: {problem}", capital(&step.into.to_string()));
    Some(
        Finding::refusal("plan.bad_name", message, format!("--exclude {}", selector(&step.object))).about(&step.object),
    )
}

fn problem(name: &ObjectName, in_schema: Option<bool>) -> Option<String> {
    let texts = || std::iter::once(&name.name).chain(&name.schema);
    if texts().any(String::is_empty) {
        return Some("a part of it is empty".to_owned());
    }
    if texts().any(|text| text.contains('\0')) {
        return Some("it holds a NUL".to_owned());
    }
    match (in_schema?, &name.schema) {
        (true, None) => Some(format!("the kind {} lives in a schema, and it names none", name.kind)),
        (false, Some(_)) => Some(format!("the kind {} lives outside schemas, and it names one", name.kind)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::plan::fixture::Sample;

    #[test]
    fn odd_names_are_refused_and_unusual_ones_are_not() {
        for (object, expected) in [
            ("table main.", &["Refusal plan.bad_name … a part of it is empty"][..]),
            ("table a\0b", &["plan.bad_name … NUL"]),
            ("table bare", &["plan.bad_name … lives in a schema, and it names none [--exclude table:bare]"]),
            ("user main.ana", &["plan.bad_name … lives outside schemas"]),
            ("table main.with space and \"quotes\" and \u{1b}", &[]),
            ("table main.表", &[]),
        ] {
            let mut sample = Sample::of(&[object]);
            sample.facts.schemas.insert(String::new());
            sample.finds(expected);
        }
    }

    #[test]
    fn a_mapping_to_nothing_is_no_name() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.options.target_schema_map = BTreeMap::from([("main".to_owned(), String::new())]);
        sample.options.create_schema_if_not_exist = true;
        sample.finds(&["Refusal plan.bad_name table main.a"]);
    }
}
