//! What comes along with a selection because it is a part of what was selected: a role's members, recursively, and the tables that a graph is
//! made of.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Deserialize;

use crate::catalog::{Catalog, Object, ObjectName};

use super::build::Input;
use super::{Finding, Severity};
use crate::text::{capital, list, selector};

/// Selectors in one line of advice.
const ADVISED: usize = 5;

/// What the attributes of roles, users and graphs say of others; what is written otherwise is for their plugins to judge.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    memberships: Vec<Membership>,
    #[serde(default)]
    source_tables: Vec<TableName>,
}

#[derive(Deserialize)]
struct Membership {
    role: String,
}

#[derive(Deserialize)]
struct TableName {
    schema: Option<String>,
    name: String,
}

/// An object that came along, and the one that brought it: positions in the catalog.
struct Brought {
    by: usize,
    object: usize,
}

/// Chooses what comes along with what is chosen.
pub(super) fn bring(catalog: &Catalog, chosen: &mut [bool]) {
    brought(catalog, chosen);
}

/// Notes on what came along, and why.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let options = input.options;
    if options.select.is_empty() {
        return Vec::new();
    }
    let objects = &input.catalog.objects;
    let named = |object: &Object| options.select.iter().any(|select| select.selects(&object.name));
    let mut chosen: Vec<bool> = objects.iter().map(|object| named(object) || options.asks_for(object)).collect();
    let mut groups: BTreeMap<usize, Vec<&ObjectName>> = BTreeMap::new();
    for Brought { by, object } in brought(input.catalog, &mut chosen) {
        if input.selected.binary_search(&object).is_ok() {
            groups.entry(by).or_default().push(&objects[object].name);
        }
    }
    groups.into_iter().map(|(by, brought)| finding(&objects[by].name, &brought)).collect()
}

fn finding(by: &ObjectName, brought: &[&ObjectName]) -> Finding {
    let what = if by.kind == "graph" { "the tables it is made of" } else { "its members" };
    let message = format!("{} brings {what} along: {}", capital(&by.to_string()), list(brought));
    let fix: Vec<String> = brought.iter().take(ADVISED).map(|name| format!("--exclude {}", selector(name))).collect();
    let fix = format!("Nothing to do, or leave them out: {}", fix.join(" "));
    Finding::new(Severity::Note, "plan.brought_along", message, fix).about(by)
}

/// Chooses, and says what was not chosen before. Members of members come, too; a circle of roles ends where it began.
fn brought(catalog: &Catalog, chosen: &mut [bool]) -> Vec<Brought> {
    let brings = |(at, chosen): (usize, &bool)| (*chosen && is_bringer(&catalog.objects[at])).then_some(at);
    let mut waiting: VecDeque<usize> = chosen.iter().enumerate().filter_map(brings).collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    let links = links(catalog);
    let mut found = Vec::new();
    while let Some(by) = waiting.pop_front() {
        for &object in links.get(&by).into_iter().flatten() {
            if !chosen[object] {
                chosen[object] = true;
                found.push(Brought { by, object });
                waiting.push_back(object);
            }
        }
    }
    found
}

fn is_bringer(object: &Object) -> bool {
    matches!(object.name.kind.as_str(), "role" | "graph")
}

/// What each object brings: positions in the catalog, ascending.
fn links(catalog: &Catalog) -> HashMap<usize, Vec<usize>> {
    let names: HashMap<&ObjectName, usize> =
        catalog.objects.iter().enumerate().map(|(at, object)| (&object.name, at)).collect();
    let mut links: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, object) in catalog.objects.iter().enumerate() {
        match object.name.kind.as_str() {
            "user" | "role" => {
                for membership in said(object).memberships {
                    if let Some(role) = names.get(&ObjectName::new("role", None, membership.role)) {
                        links.entry(*role).or_default().push(at);
                    }
                }
            }
            "graph" => {
                let own = object.name.schema.as_deref();
                let written = said(object).source_tables.into_iter().map(|table| {
                    let schema = table.schema.as_deref().or(own);
                    ObjectName::new("table", schema, table.name)
                });
                let depends = object.depends.iter().filter(|name| matches!(name.kind.as_str(), "table" | "view"));
                let mut tables: Vec<usize> =
                    written.chain(depends.cloned()).filter_map(|name| names.get(&name).copied()).collect();
                tables.sort_unstable();
                tables.dedup();
                links.insert(at, tables);
            }
            _ => {}
        }
    }
    links
}

fn said(object: &Object) -> Said {
    serde_json::from_str(object.attributes.get()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use crate::plan::Options;
    use crate::plan::fixture::{Sample, selectors};

    fn sample(select: &[&str], exclude: &[&str]) -> Sample {
        let mut sample = Sample::of(&[
            "role readers",
            "role writers",
            "user ann",
            "user bob",
            "user eve",
            "table main.people",
            "table main.likes",
            "table main.other",
            "graph main.g > table main.people",
        ]);
        for (at, attributes) in [
            (0, r#"{"memberships": [{"role": "writers"}]}"#),
            (1, r#"{"memberships": [{"role": "readers", "admin": true}]}"#),
            (2, r#"{"memberships": [{"role": "writers"}]}"#),
            (3, r#"{"memberships": [{"role": "readers"}, {"role": "nobody"}]}"#),
            (4, r#"{"memberships": "?"}"#),
            (8, r#"{"source_tables": [{"schema": null, "name": "people"}, {"name": "likes"}]}"#),
        ] {
            sample.catalog.objects[at].attributes = RawValue::from_string(attributes.to_owned()).unwrap();
        }
        sample.options = Options { select: selectors(select), exclude: selectors(exclude), ..Options::default() };
        sample
    }

    #[test]
    fn roles_bring_their_members_and_graphs_their_tables() {
        for (select, exclude, expected) in [
            (&["role:writers"][..], &[][..], &[0, 1, 2, 3][..]),
            (&["role:readers"], &[], &[0, 1, 2, 3]),
            (&["role:writers"], &["user:bob", "role:readers"], &[1, 2]),
            (&["user:ann"], &[], &[2]),
            (&["graph"], &[], &[5, 6, 8]),
            (&["graph"], &["table:likes"], &[5, 8]),
            (&["table:people"], &[], &[5]),
            (&[], &["user"], &[0, 1, 5, 6, 7, 8]),
        ] {
            let sample = sample(select, exclude);
            assert_eq!(crate::plan::select(&sample.catalog, &sample.options).unwrap(), expected, "{select:?}");
        }
    }

    #[test]
    fn the_plan_says_what_came_along_and_why() {
        for (select, exclude, expected) in [
            (
                &["role:writers"][..],
                &["user:bob"][..],
                &[
                    "Note plan.brought_along role writers: Role writers brings its members along: role readers, user ann [Nothing to do, or leave them out: --exclude role:readers --exclude user:ann]",
                ][..],
            ),
            (
                &["graph"],
                &[],
                &[
                    "graph main.g: Graph main.g brings the tables it is made of along: table main.people, table main.likes",
                ],
            ),
            (&["graph", "table", "user", "role"], &[], &[]),
            (&[], &[], &[]),
        ] {
            let found: Vec<String> = sample(select, exclude)
                .findings()
                .into_iter()
                .filter(|finding| finding.contains("plan.brought_along"))
                .collect();
            crate::plan::fixture::assert_findings(&found, expected);
        }
    }
}
