//! Every plugin that the plan uses was granted what it imports.

use std::collections::BTreeSet;

use super::Situation;
use crate::plan::{Finding, PluginDescription};
use crate::text::{list, quote};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let used: BTreeSet<&str> = situation.plan.steps.iter().map(|step| step.plugin.as_str()).collect();
    let lacking =
        |plugin: &&PluginDescription| used.contains(plugin.identity.name.as_str()) && !plugin.missing_grants.is_empty();
    situation.plugins.iter().filter(lacking).map(finding).collect()
}

fn finding(plugin: &PluginDescription) -> Finding {
    let grants = &plugin.missing_grants;
    let message = format!("Plugin {} imports what it was not granted: {}", plugin.identity.name, list(grants));
    let fix: Vec<String> = grants.iter().map(|grant| format!("--grant {}", quote(grant))).collect();
    Finding::refusal("plugin.not_granted", message, fix.join(" "))
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn only_plugins_that_are_used_need_their_grants() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.plugins[1].missing_grants = vec!["sql".to_owned()];
        sample.finds(&[]);
        sample.plugins[0].missing_grants = vec!["http".to_owned(), "wasi".to_owned()];
        sample.finds(&["Refusal plugin.not_granted -: Plugin tables imports … http, wasi [--grant http --grant wasi]"]);
    }
}
