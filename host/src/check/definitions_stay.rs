//! Definitions of our own archives that the server will run reach nothing outside, unless that was allowed: the layouts of foreign backups
//! say it of theirs.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::Situation;
use crate::catalog::{Object, ObjectName};
use crate::plan::{Action, Finding, Severity, Step};
use crate::sql::reach::{Owners, Reach, examine_owned};

/// Allows every code.
const ALL: &str = "all";

/// What such an object says of itself.
#[derive(Deserialize)]
struct Defined {
    #[serde(default)]
    definition: String,
    #[serde(default)]
    attributes: BTreeMap<String, serde_json::Value>,
}

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let Situation { plan, catalog, facts, .. } = situation;
    if catalog.layout.is_some() || facts.info.dialect != "postgresql" {
        return Vec::new();
    }
    let objects: HashMap<&ObjectName, &Object> = catalog.objects.iter().map(|object| (&object.name, object)).collect();
    let owners = Owners::new(facts.identity.as_deref(), &facts.plain_roles);
    let acting = plan.steps.iter().filter(|step| step.action != Action::Skip);
    let defined =
        acting.filter_map(|step| Some((step, definition(objects.get(&step.object)?, &catalog.backup.dialect)?)));
    defined
        .flat_map(|(step, definition)| examine_owned(&definition, &owners).into_iter().map(move |reach| (step, reach)))
        .map(|(step, reach)| finding(situation, step, reach))
        .collect()
}

/// What the server is given to run for the object; nothing where it keeps it as a document.
fn definition(object: &Object, dialect: &str) -> Option<String> {
    const KINDS: [&str; 8] = [
        "aggregate",
        "domain",
        "extension",
        "materialized_view",
        "sequence",
        "stored_procedure",
        "type",
        "user_defined_function",
    ];
    if !KINDS.contains(&object.name.kind.as_str()) {
        return None;
    }
    // What cannot be read is for its plugin to say.
    let defined: Defined = serde_json::from_str(object.attributes.get()).ok()?;
    let dialect = defined.attributes.get("dialect").and_then(serde_json::Value::as_str).unwrap_or(dialect);
    let creates = defined.definition.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("create"));
    (matches!(dialect, "postgresql" | "postgres") && creates).then_some(defined.definition)
}

fn finding(situation: &Situation<'_>, step: &Step, Reach { code, message }: Reach) -> Finding {
    let allow = &situation.plan.options.allow;
    let (severity, fix) = match allow.contains(code) || allow.contains(ALL) {
        true => (Severity::Note, String::new()),
        false => (Severity::Refusal, format!("Allow it with --allow {code}, or leave the object out")),
    };
    Finding::new(severity, code, message, fix).about(&step.object)
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    const DEFINER: &str = "CREATE FUNCTION main.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'";

    #[test]
    fn a_definition_that_reaches_further_is_refused_until_it_is_allowed() {
        let refused = "Refusal sql.security_definer sequence main.f: Statement … [Allow it with --allow";
        let noted = "Note sql.security_definer sequence main.f: Statement";
        for (target, plain, allow, expected) in [
            ("postgresql", "", "", &[refused][..]),
            ("postgresql", "ana", "", &[]),
            ("postgresql", "bob", "", &[refused]),
            ("postgresql", "", "sql.security_definer", &[noted]),
            ("sqlite", "", "", &[]),
        ] {
            let mut sample = Sample::of(&["sequence main.f"]);
            sample.knows_dumps();
            let attributes = serde_json::json!({ "language": "sql", "definition": DEFINER }).to_string();
            sample.catalog.objects[0].attributes = serde_json::value::RawValue::from_string(attributes).unwrap();
            sample.catalog.backup.dialect = "postgresql".to_owned();
            sample.facts.info.dialect = target.to_owned();
            sample.facts.identity = Some("ana".to_owned());
            sample.facts.plain_roles.extend([plain.to_owned()]);
            sample.options.allow.extend([allow.to_owned()]);
            sample.finds(expected);
        }
    }
}
