//! Objects may be created in every schema that is restored into.

use std::collections::BTreeMap;

use super::Situation;
use crate::plan::{Action, Finding, StageKind};
use crate::text::{counted, quote};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    // A database that takes the live one's place brings schemas of its own.
    if situation.plan.stage == StageKind::Database {
        return Vec::new();
    }
    let mut steps: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    for step in situation.plan.steps.iter().filter(|step| step.action != Action::Skip) {
        let Some(schema) = step.into.schema.as_deref() else { continue };
        if situation.facts.closed_schemas.contains(schema) {
            let source = step.object.schema.as_deref().unwrap_or(schema);
            steps.entry(schema).or_insert((0, source)).0 += 1;
        }
    }
    let identity = situation.facts.identity.as_deref().unwrap_or("this identity");
    steps
        .into_iter()
        .map(|(schema, (count, source))| {
            let objects = counted(count, "object");
            let message = format!(
                "The right to create objects in schema {schema} is missing: {identity} would restore {objects} into it"
            );
            let fix =
                format!("--into with an identity that has this right, or --target-schema-map {}=SCHEMA", quote(source));
            Finding::refusal("target.no_right", message, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::plan::fixture::Sample;

    #[test]
    fn only_schemas_that_are_restored_into_must_be_open() {
        for (closed, map, expected) in [
            (&[][..], "main", &[][..]),
            (&["elsewhere"], "main", &[]),
            (
                &["main"],
                "main",
                &[
                    "Refusal target.no_right -: … in schema main is missing: ana would restore 2 objects into it [--into with an identity that has this right, or --target-schema-map sales=SCHEMA]",
                ],
            ),
            (&["sales"], "main", &[]),
        ] {
            let mut sample = Sample::of(&["table sales.a", "view sales.b", "user bob"]);
            sample.options.target_schema_map = BTreeMap::from([("sales".to_owned(), map.to_owned())]);
            sample.facts.identity = Some("ana".to_owned());
            sample.facts.closed_schemas = closed.iter().map(|name| (*name).to_owned()).collect();
            sample.finds(expected);
        }
    }
}
