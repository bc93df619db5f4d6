//! Every schema that is restored into exists, will be created, or is restored itself.

use std::collections::BTreeMap;

use super::Situation;
use crate::plan::names::Present;
use crate::plan::{Action, Finding, Step};
use crate::text::{counted, quote};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let present = Present::new(situation.facts);
    let naming = present.naming();
    let created = |schema: &str| situation.plan.schemas.iter().any(|other| naming.fold(other) == naming.fold(schema));
    let restored = |schema: &str| {
        let mut schemas = situation.plan.steps.iter().map(|step| &step.into).filter(|name| name.kind == "schema");
        schemas.any(|name| naming.fold(&name.name) == naming.fold(schema))
    };
    let mut steps: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in situation.plan.steps.iter().filter(|step| step.action != Action::Skip) {
        if let Some(schema) = step.into.schema.as_deref() {
            steps.entry(schema).or_default().push(step);
        }
    }
    steps.retain(|schema, _| !present.has_schema(schema) && !created(schema) && !restored(schema));
    steps.into_iter().map(|(schema, steps)| finding(schema, &steps)).collect()
}

fn finding(schema: &str, steps: &[&Step]) -> Finding {
    let message = format!(
        "The target has no schema {schema}, which {} would be restored into",
        counted(steps.len() as u64, "object")
    );
    let source = steps.first().and_then(|step| step.object.schema.as_deref()).unwrap_or(schema);
    let fix = format!("Leave out --create-schema-if-not-exist=false, or --target-schema-map {}=SCHEMA", quote(source));
    Finding::refusal("plan.schema_missing", message, fix)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::plan::fixture::Sample;

    #[test]
    fn a_schema_may_be_an_object_itself() {
        let mut sample = Sample::of(&["schema sales", "table sales.a", "table other.b"]);
        sample.knows_dumps();
        sample.options.create_schema_if_not_exist = false;
        sample.finds(&["Refusal plan.schema_missing … no schema other"]);
    }

    #[test]
    fn a_missing_schema_is_named_once() {
        for (map, create, expected) in [
            (
                "other",
                false,
                &[
                    "Refusal plan.schema_missing -: The target has no schema other, which 2 objects would be restored into [Leave out --create-schema-if-not-exist=false, or --target-schema-map sales=SCHEMA]",
                ][..],
            ),
            ("other", true, &[]),
            ("main", false, &[]),
            ("MAIN", false, &[]),
        ] {
            let mut sample = Sample::of(&["table sales.a", "view sales.b", "user ana"]);
            sample.options.target_schema_map = BTreeMap::from([("sales".to_owned(), map.to_owned())]);
            sample.options.create_schema_if_not_exist = create;
            sample.finds(expected);
        }
    }
}
