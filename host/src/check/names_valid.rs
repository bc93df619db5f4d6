//! Names are names: not empty, without NUL, not longer than the target takes, with a schema exactly where the kind has one. An archive can hold anything.

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::kinds::Kinds;
use crate::plan::names::further_table;
use crate::plan::{Action, Finding, Step};
use crate::text::{capital, escape, selector};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let kinds = Kinds::new(situation.plugins, situation.catalog.layout.as_deref());
    let acting = situation.plan.steps.iter().filter(|step| step.action != Action::Skip);
    // A foreign backup's comments and privileges belong to things in schemas and to things outside them.
    let of_layout = situation.catalog.layout.is_some();
    let in_schema = |step: &Step| kinds.in_schema(&step.into.kind).filter(|_| !of_layout || step.into.schema.is_some());
    let longest = situation.facts.name_bytes.unwrap_or(usize::MAX);
    acting.filter_map(|step| finding(step, in_schema(step), longest)).collect()
}

/// Kinds that a target with a limit has as things of its own: others are documents, whose names are texts.
const REAL: [&str; 10] = [
    "aggregate",
    "materialized_view",
    "role",
    "schema",
    "sequence",
    "stored_procedure",
    "table",
    "user",
    "user_defined_function",
    "view",
];

fn finding(step: &Step, in_schema: Option<bool>, longest: usize) -> Option<Finding> {
    let names = || [Some(&step.into), step.aside.as_ref()].into_iter().flatten();
    let too_long = || names().find_map(|name| too_long(name, &step.tables, longest));
    let problem = names().find_map(|name| problem(name, in_schema)).or_else(too_long)?;
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

/// The target would cut the name off, or refuse it once everything is staged. Arguments are no part of a routine's name.
fn too_long(name: &ObjectName, tables: &[String], longest: usize) -> Option<String> {
    let own = match name.kind.as_str() {
        kind if !REAL.contains(&kind) => "",
        "aggregate" | "stored_procedure" | "user_defined_function" => name.name.split('(').next().unwrap_or_default(),
        _ => &name.name,
    };
    let own = std::iter::once(own.to_owned()).filter(|_| tables.is_empty());
    let further =
        tables.iter().map(|suffix| if suffix.is_empty() { name.name.clone() } else { further_table(name, suffix) });
    let mut names = name.schema.iter().cloned().chain(own).chain(further);
    let long = names.find(|text| text.len() > longest)?;
    Some(format!("`{}` is {} bytes long, and the target takes {longest}", escape(&long), long.len()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::plan::KindDescription;
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
    fn names_that_the_target_does_not_take_are_refused() {
        let (long, most) = ("é".repeat(32), "n".repeat(63));
        for (object, tables, expected) in [
            (
                format!("table main.{long}"),
                &[][..],
                &["Refusal plan.bad_name … `éé … is 64 bytes long, and the target takes 63"][..],
            ),
            (format!("table {long}.a"), &[], &["is 64 bytes long"]),
            (format!("user {long}"), &[], &["is 64 bytes long"]),
            (format!("graph main.{}", "n".repeat(60)), &["nodes", "edges"], &["n_nodes` is 66 bytes long"]),
            (format!("graph main.{}", "n".repeat(57)), &["nodes", "edges"], &[]),
            (format!("dashboard main.{long}"), &[], &[]),
            (format!("user_defined_function main.f({long})"), &[], &[]),
            (format!("table main.{most}"), &[], &[]),
        ] {
            let mut sample = Sample::of(&[&object]);
            sample.plugins[0].kinds.extend(
                ["dashboard", "user_defined_function"]
                    .map(|kind| KindDescription { name: kind.to_owned(), in_schema: true }),
            );
            sample.outlook(&object).tables = tables.iter().map(|table| (*table).to_owned()).collect();
            sample.finds(&[]);
            sample.facts.name_bytes = Some(63);
            sample.finds(expected);
        }
        let mut sample = Sample::of(&["table main.a"]);
        sample.facts.name_bytes = Some(63);
        sample.options.target_schema_map = BTreeMap::from([("main".to_owned(), long)]);
        sample.finds(&["Refusal plan.bad_name … is 64 bytes long"]);
    }

    #[test]
    fn a_mapping_to_nothing_is_no_name() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.options.target_schema_map = BTreeMap::from([("main".to_owned(), String::new())]);
        sample.options.create_schema_if_not_exist = true;
        sample.finds(&["Refusal plan.bad_name table main.a"]);
    }
}
