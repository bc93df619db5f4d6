//! Planning: from what the archive holds, what the target holds and what was asked for to steps in their order.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Object};
use crate::facts::Facts;

use super::access;
use super::closure;
use super::decide::{Decision, Rules, decide, fill, renamed_objects_schema};
use super::identity::Identity;
use super::kinds::Kinds;
use super::left;
use super::links::{Links, links};
use super::names::{Present, mapped};
use super::order::Order;
use super::referrers::{dropped, referrers};
use super::rows;
use super::share::{Share, holds_rows};
use super::stage::stage;
use super::{
    Action, Finding, Options, Outlook, Plan, PlannedArchive, PlannedTarget, PluginDescription, PluginIdentity,
    StageKind, Step, Totals,
};

/// Everything that planning looks at.
pub struct Input<'a> {
    /// The archive.
    pub archive: PlannedArchive,
    /// What it holds.
    pub catalog: &'a Catalog,
    /// Positions of the selected objects in `catalog.objects`, as [`super::select`] gives them.
    pub selected: &'a [usize],
    /// What the plugins say of each selected object; `None` where no plugin restores its kind.
    pub outlooks: &'a [Option<Outlook>],
    /// What the target holds.
    pub facts: &'a Facts,
    /// What can restore it.
    pub plugins: &'a [PluginDescription],
    /// What was asked for.
    pub options: &'a Options,
    /// What was found before: of [`super::limit_rights`].
    pub findings: &'a [Finding],
}

impl<'a> Input<'a> {
    /// The selected objects, numbered among themselves, with what the plugins say of them.
    pub(super) fn objects(&self) -> impl Iterator<Item = (usize, &'a Object, Option<&'a Outlook>)> + use<'a> {
        let outlooks = self.outlooks.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let catalog = self.catalog;
        let selected = self.selected.iter().zip(outlooks).enumerate();
        selected.map(move |(at, (object, outlook))| (at, &catalog.objects[*object], outlook))
    }
}

/// Plans a restore. Its findings are those of the plugins, and of dependencies that nothing brings; all others come from
/// [`crate::check::run`], which looks at any plan in the same way, also at one that was edited.
pub fn build(input: Input<'_>) -> Plan {
    let present = Present::new(input.facts);
    let Links { needs, findings: missing } = links(&input, &present);
    let mut findings = plugin_findings(&input);
    findings.extend_from_slice(input.findings);
    findings.extend(missing);
    findings.extend(left::findings(&input));
    findings.extend(closure::findings(&input));
    let staging = stage(&input, &Kinds::new(input.plugins, input.catalog.layout.as_deref()));
    findings.extend(staging.findings);
    let mut steps = arrange(draft(&input, &present, staging.kind), &needs);
    if input.options.cascade_foreign_keys && staging.kind == StageKind::Beside {
        let found = referrers(&steps, input.catalog, input.facts, input.options, true);
        steps.extend(dropped(&steps, &found, input.facts));
    }
    steps.extend(access::grant(&steps, input.facts, input.options));
    Plan {
        version: super::json::VERSION,
        target: PlannedTarget {
            location: input.facts.location.clone(),
            kind: input.facts.info.kind.clone(),
            version: input.facts.info.version.clone(),
        },
        plugins: used_plugins(&steps, input.plugins),
        stage: staging.kind,
        schemas: schemas_to_create(&steps, &present, &input, staging.kind),
        totals: Totals::of(&steps),
        archive: input.archive,
        options: input.options.clone(),
        steps,
        findings,
    }
}

/// A plugin speaks of the object it was asked about and of no other.
fn plugin_findings(input: &Input<'_>) -> Vec<Finding> {
    let said = input.objects().filter_map(|(_, object, outlook)| Some((object, outlook?)));
    said.flat_map(|(object, outlook)| outlook.findings.iter().map(|finding| finding.clone().about(&object.name)))
        .collect()
}

/// The steps in the archive's order, without numbers and edges.
fn draft(input: &Input<'_>, present: &Present<'_>, stage: StageKind) -> Vec<Step> {
    let kinds = Kinds::new(input.plugins, input.catalog.layout.as_deref());
    let options = input.options;
    let schemas: BTreeSet<&str> = input.objects().filter_map(|(_, object, _)| object.name.schema.as_deref()).collect();
    let used = schemas.iter().map(|schema| options.target_schema_map.get(*schema).map_or(*schema, String::as_str));
    let renamed = renamed_objects_schema(options, &input.archive.digest, present, used);
    let rules = Rules {
        options,
        stage,
        renamed_objects_schema: &renamed,
        is_foreign: input.catalog.layout.is_some(),
        identity: Identity::of(input.facts, options),
    };
    let step = |(_, object, outlook): (usize, &Object, Option<&Outlook>)| {
        let Some((plugin, outlook)) = kinds.plugin(&object.name.kind).zip(outlook) else {
            return skipped(object, options);
        };
        let into = mapped(&object.name, &options.target_schema_map);
        let in_schema = kinds.in_schema(&object.name.kind).unwrap_or(false);
        let share = options.share(object);
        let Decision { action, aside, existing, reason } = match share {
            Share::Rows => fill(&into, present),
            _ => decide(&into, present, &rules, in_schema),
        };
        let reason = match rows::way(object, share, options, &input.facts.info, rules.is_foreign) {
            Some(way) if action.restores() => format!("{reason}; {way}"),
            _ => reason,
        };
        let (parts, read_bytes) = payload(object, share);
        Step {
            action,
            into,
            aside,
            existing,
            reason,
            plugin: plugin.identity.name.clone(),
            parts,
            read_bytes,
            rows: outlook.rows,
            bytes: outlook.bytes,
            tables: outlook.tables.clone(),
            locks: outlook.locks.iter().map(|name| mapped(name, &options.target_schema_map)).collect(),
            principals: outlook.principals.clone(),
            ..skipped(object, options)
        }
    };
    input.objects().map(step).collect()
}

fn skipped(object: &Object, options: &Options) -> Step {
    let into = mapped(&object.name, &options.target_schema_map);
    Step { reason: "No plugin restores this kind".to_owned(), ..Step::idle(object.name.clone(), into) }
}

/// An object's parts and their bytes. Without its rows an object has no parts; payloads that are no rows (an environment's
/// packages, say) belong to the definition and stay.
fn payload(object: &Object, share: Share) -> (u32, u64) {
    if share == Share::Definition && object.entries.iter().any(holds_rows) {
        return (0, 0);
    }
    let bytes = object.entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes));
    (u32::try_from(object.entries.len()).unwrap_or(u32::MAX), bytes)
}

/// Puts the steps in order, numbers them from 1 and ties them together. Steps of a cycle are each begun and loaded on
/// their own and finished once the others are loaded.
fn arrange(drafts: Vec<Step>, needs: &[Vec<usize>]) -> Vec<Step> {
    let order = Order::of(needs);
    let mut ids = vec![0; drafts.len()];
    for (id, at) in (1..).zip(&order.sequence) {
        ids[*at] = id;
    }
    let mut drafts: Vec<Option<Step>> = drafts.into_iter().map(Some).collect();
    let numbered = |at: &usize| {
        let mut step = drafts[*at].take()?;
        step.id = ids[*at];
        let (cycle, others): (Vec<usize>, Vec<usize>) =
            needs[*at].iter().partition(|other| order.is_cycle(*at, **other));
        step.needs = sorted_ids(&others, &ids);
        step.needs_loaded = sorted_ids(&cycle, &ids);
        Some(step)
    };
    order.sequence.iter().filter_map(numbered).collect()
}

fn sorted_ids(steps: &[usize], ids: &[u32]) -> Vec<u32> {
    let mut found: Vec<u32> = steps.iter().map(|step| ids[*step]).collect();
    found.sort_unstable();
    found
}

fn used_plugins(steps: &[Step], plugins: &[PluginDescription]) -> Vec<PluginIdentity> {
    let used: BTreeSet<&str> = steps.iter().map(|step| step.plugin.as_str()).collect();
    let mut identities: Vec<PluginIdentity> =
        plugins.iter().map(|plugin| &plugin.identity).filter(|plugin| used.contains(&*plugin.name)).cloned().collect();
    identities.sort_by(|one, other| one.name.cmp(&other.name));
    identities
}

/// Schemas that the steps need and the target lacks, as far as they may be created. The one that existing objects are
/// moved to may always be: asking for the policy `rename` asks for it. A database of its own is given again what the live one has;
/// a foreign backup brings these itself.
fn schemas_to_create(steps: &[Step], present: &Present<'_>, input: &Input<'_>, stage: StageKind) -> Vec<String> {
    let anew = stage == StageKind::Database && input.catalog.layout.is_none();
    let lacks = |schema: &str| anew || !present.has_schema(schema);
    let allowed = |schema: &str| input.options.create_schema_if_not_exist || present.has_schema(schema);
    let acting = steps.iter().filter(|step| step.action != Action::Skip);
    let objects: BTreeSet<&str> =
        acting.clone().filter(|step| step.into.kind == "schema").map(|step| step.into.name.as_str()).collect();
    // The plugin of a foreign backup makes its schemas itself.
    let (brought, made) =
        if input.catalog.layout.is_some() { (objects, BTreeSet::new()) } else { (BTreeSet::new(), objects) };
    let restored = acting.clone().filter_map(|step| step.into.schema.as_deref()).filter(|schema| allowed(schema));
    let moved = acting.filter_map(|step| step.aside.as_ref()?.schema.as_deref());
    let mut folded = BTreeSet::new();
    let lacking: BTreeSet<&str> =
        restored.chain(moved).chain(made).filter(|schema| lacks(schema) && !brought.contains(schema)).collect();
    lacking.into_iter().filter(|schema| folded.insert(present.naming().fold(*schema))).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
