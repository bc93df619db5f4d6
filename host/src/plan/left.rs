//! What a selection leaves behind: indexes, constraints and the like that hang on what was chosen by name.

use std::collections::{BTreeMap, HashMap};

use crate::catalog::{Catalog, Object, ObjectName, Section};

use super::build::Input;
use super::names::mapped;
use super::{Finding, Policy, Severity, Share};
use crate::text::{capital, list, selector};

/// Kinds that come along with what they are about, as they do with `pg_restore --table`.
const COMES_ALONG: [&str; 3] = ["comment", "privileges", "security_label"];
/// Selectors in one line of advice.
const ADVISED: usize = 5;

/// Objects of the catalog by name.
struct Names<'a>(HashMap<&'a ObjectName, usize>);

impl<'a> Names<'a> {
    fn of(catalog: &'a Catalog) -> Self {
        Self(catalog.objects.iter().enumerate().map(|(at, object)| (&object.name, at)).collect())
    }

    /// The first of the objects it hangs on, when all of them are chosen and there are any.
    fn holder(&self, object: &Object, chosen: &[bool]) -> Option<usize> {
        let places: Option<Vec<usize>> = object.depends.iter().map(|name| self.0.get(name).copied()).collect();
        let places = places?;
        places.iter().all(|at| chosen[*at]).then(|| places.first().copied())?
    }

    /// The chosen table that the object is a part of, whatever else it needs: a foreign key needs another table, too.
    fn table(&self, object: &Object, catalog: &Catalog, chosen: &[bool]) -> Option<usize> {
        let is_part = |table: &ObjectName| {
            let rest = object.name.name.strip_prefix(table.name.as_str());
            object.name.schema == table.schema && rest.is_some_and(|rest| rest.starts_with(' '))
        };
        let places = object.depends.iter().filter_map(|name| self.0.get(name).copied());
        places.filter(|at| chosen[*at]).find(|at| is_part(&catalog.objects[*at].name))
    }
}

/// Chooses comments and privileges of what was chosen. What they are about stands before them in any archive.
pub(super) fn bring_along(catalog: &Catalog, chosen: &mut [bool]) {
    let names = Names::of(catalog);
    for (at, object) in catalog.objects.iter().enumerate() {
        if !chosen[at] && COMES_ALONG.contains(&object.name.kind.as_str()) {
            chosen[at] = names.holder(object, chosen).is_some();
        }
    }
}

/// Notes on what hangs on selected objects and is not restored with them: only what was selected by name is restored.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    if input.options.select.is_empty() {
        return Vec::new();
    }
    let mut chosen = vec![false; input.catalog.objects.len()];
    input.selected.iter().for_each(|at| chosen[*at] = true);
    let names = Names::of(input.catalog);
    let mut left: BTreeMap<usize, Vec<&ObjectName>> = BTreeMap::new();
    for (at, object) in input.catalog.objects.iter().enumerate() {
        if chosen[at] || !is_missed(object, input) {
            continue;
        }
        if let Some(holder) = names.holder(object, &chosen).or_else(|| names.table(object, input.catalog, &chosen)) {
            left.entry(holder).or_default().push(&object.name);
        }
    }
    left.into_iter().map(|(holder, left)| finding(input, &input.catalog.objects[holder].name, &left)).collect()
}

/// What the operator left out on purpose is not missed.
fn is_missed(object: &Object, input: &Input<'_>) -> bool {
    object.section != Section::PreData
        && input.options.share(object) != Share::Nothing
        && !input.options.exclude.iter().any(|exclude| exclude.selects(&object.name))
}

fn finding(input: &Input<'_>, holder: &ObjectName, left: &[&ObjectName]) -> Finding {
    let mut message =
        format!("{} is restored without {}, which is not selected", capital(&holder.to_string()), list(left));
    // Whoever replaces a live table wants it to be as whole as it was.
    let live = input.facts.objects.contains_key(&mapped(holder, &input.options.target_schema_map));
    let replaces = live && input.options.policy(&holder.kind) == Policy::Replace;
    if replaces {
        message += "; what it replaces loses it, where it has it";
    }
    let fix: Vec<String> = left.iter().take(ADVISED).map(|name| format!("--select {}", selector(name))).collect();
    let severity = if replaces { Severity::Warning } else { Severity::Note };
    Finding::new(severity, "plan.left_out", message, fix.join(" ")).about(holder)
}
