//! A plugin restores each kind.

use std::collections::BTreeMap;

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::Finding;
use crate::plan::kinds::Kinds;
use crate::text::{counted, quote};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let kinds = Kinds::new(situation.plugins, situation.catalog.layout.as_deref());
    let mut missing: BTreeMap<&str, Vec<&ObjectName>> = BTreeMap::new();
    for step in situation.plan.steps.iter().filter(|step| kinds.plugin(&step.object.kind).is_none()) {
        missing.entry(&step.object.kind).or_default().push(&step.object);
    }
    let finding = |(kind, objects): (&str, Vec<&ObjectName>)| {
        let message = format!("No plugin restores the kind {kind} ({})", counted(objects.len() as u64, "object"));
        let finding =
            Finding::refusal("plugin.missing_kind", message, format!("--plugins DIR or --exclude {}", quote(kind)));
        objects.first().map_or(finding.clone(), |object| finding.about(object))
    };
    missing.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn a_kind_is_named_once() {
        Sample::of(&["widget main.b", "widget main.c", "table main.a", "odd kind"]).finds(&[
            "Refusal plugin.missing_kind odd kind … (1 object) [--plugins DIR or --exclude odd]",
            "Refusal plugin.missing_kind widget main.b: No plugin restores the kind widget (2 objects)",
        ]);
    }
}
