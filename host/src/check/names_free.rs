//! Every name that a step takes is free under the policy, or what holds it can give way; and no two steps take one name.

use std::collections::HashMap;

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::kinds::Kinds;
use crate::plan::names::{Key, Present, further_table};
use crate::plan::{Action, Finding, StageKind, Step};
use crate::target::Existing;
use crate::text::{capital, quote, selector};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let present = Present::new(situation.facts);
    let kinds = Kinds::new(situation.plugins, situation.catalog.layout.as_deref());
    let acting = || situation.plan.steps.iter().filter(|step| step.action != Action::Skip);
    let mut findings = clashes(acting(), &present);
    for step in acting() {
        let in_schema = kinds.in_schema(&step.into.kind).unwrap_or(false);
        findings.extend(own_name(step, &present, in_schema).filter(|_| !exchanged(situation, step)));
        findings.extend(tables(step, &present));
        findings.extend(aside(step, &present));
    }
    findings
}

/// Whatever a database holds gives way with it.
fn exchanged(situation: &Situation<'_>, step: &Step) -> bool {
    situation.plan.stage == StageKind::Database && step.action == Action::Replace
}

/// The object's own name.
fn own_name(step: &Step, present: &Present<'_>, in_schema: bool) -> Option<Finding> {
    let (holder, existing) = present.holder(&step.into)?;
    if *holder != step.into {
        return Some(other_holder(step, holder));
    }
    let subject = capital(&step.into.to_string());
    let exclude = format!("--exclude {}", selector(&step.object));
    let (code, message, fix) = match (step.action, &existing.fixed) {
        (Action::Drop, Some(why)) => {
            let fix = "Leave out --cascade-foreign-keys, or drop it by hand before".to_owned();
            ("plan.cannot_replace", format!("{subject} refers to what gives way and cannot be put aside: {why}"), fix)
        }
        (Action::Replace, Some(why)) => {
            ("plan.cannot_replace", format!("{subject} exists and cannot be replaced: {why}"), exclude)
        }
        (Action::Rename, _) if step.aside.is_none() => cannot_rename(&subject, existing, in_schema, exclude),
        (Action::Create, None) if in_schema => (
            "target.object_exists",
            format!("{subject} exists in the target"),
            "--restore-policy replace or --restore-policy rename".to_owned(),
        ),
        (Action::Create, None) => {
            ("target.object_exists", format!("{subject} exists in the target"), "--restore-policy replace".to_owned())
        }
        (Action::Create, Some(why)) => {
            ("target.object_exists", format!("{subject} exists in the target and cannot give way: {why}"), exclude)
        }
        _ => return None,
    };
    Some(Finding::refusal(code, message, fix).about(&step.object))
}

fn cannot_rename(
    subject: &str,
    existing: &Existing,
    in_schema: bool,
    exclude: String,
) -> (&'static str, String, String) {
    let (why, fix) = match &existing.fixed {
        Some(why) => (why.as_str(), exclude),
        None if in_schema => ("the plan names no place for it", exclude),
        None => ("only objects in a schema can", format!("--restore-policy replace or {exclude}")),
    };
    ("plan.cannot_rename", format!("{subject} exists and cannot be moved aside: {why}"), fix)
}

/// Something else has a name that the target takes for the same: no policy lets one become the other.
fn other_holder(step: &Step, holder: &ObjectName) -> Finding {
    let message =
        format!("{} cannot stand beside {holder}, which exists in the target", capital(&step.into.to_string()));
    Finding::refusal("target.object_exists", message, elsewhere(step)).about(&step.object)
}

/// The object's further tables. Those of an existing object of its name are that object's own and give way with it.
fn tables(step: &Step, present: &Present<'_>) -> Vec<Finding> {
    if step.existing.is_some() {
        return Vec::new();
    }
    let taken = step.tables.iter().filter_map(|suffix| present.table(&step.into, suffix));
    let finding = |holder: &ObjectName| {
        let message = format!(
            "{} exists in the target, and {} brings a table of that name",
            capital(&holder.to_string()),
            step.into
        );
        Finding::refusal("target.object_exists", message, elsewhere(step)).about(&step.object)
    };
    taken.map(finding).collect()
}

/// The place that the existing object is moved to.
fn aside(step: &Step, present: &Present<'_>) -> Option<Finding> {
    let aside = step.aside.as_ref()?;
    let naming = present.naming();
    if naming.key(aside) == naming.key(&step.into) {
        let message =
            format!("{} cannot be moved aside: it is in that schema already", capital(&step.into.to_string()));
        let fix = "--renamed-objects-schema with another schema, or none";
        return Some(Finding::refusal("plan.cannot_rename", message, fix).about(&step.object));
    }
    let tables = step.tables.iter().filter_map(|suffix| present.table(aside, suffix));
    let holder = present.holder(aside).map(|(holder, _)| holder).into_iter().chain(tables).next()?;
    let message = format!("{} cannot be moved aside: {holder} exists there", capital(&step.into.to_string()));
    let fix = "--renamed-objects-schema with another schema, or none";
    Some(Finding::refusal("target.object_exists", message, fix).about(&step.object))
}

fn elsewhere(step: &Step) -> String {
    let exclude = format!("--exclude {}", selector(&step.object));
    match &step.object.schema {
        Some(schema) => {
            format!("--target-schema-map {}=SCHEMA or {exclude}", quote(schema))
        }
        None => exclude,
    }
}

/// A name that a step takes: of an object, or of one of its further tables.
#[derive(Clone, Copy)]
struct Claim<'a> {
    step: &'a Step,
    object: &'a ObjectName,
    suffix: Option<&'a str>,
}

impl<'a> Claim<'a> {
    fn of(step: &'a Step) -> impl Iterator<Item = Self> {
        let objects = [Some(&step.into), step.aside.as_ref()];
        let suffixes = || std::iter::once(None).chain(step.tables.iter().map(|suffix| Some(suffix.as_str())));
        objects
            .into_iter()
            .flatten()
            .flat_map(move |object| suffixes().map(move |suffix| Self { step, object, suffix }))
    }

    fn key(&self, present: &Present<'_>) -> Key<'a> {
        match self.suffix {
            Some(suffix) => present.naming().table(self.object, suffix),
            None => present.naming().key(self.object),
        }
    }

    fn label(&self) -> String {
        match self.suffix {
            Some(suffix) => {
                ObjectName::new("table", self.object.schema.as_deref(), further_table(self.object, suffix)).to_string()
            }
            None => self.object.to_string(),
        }
    }
}

fn clashes<'a>(steps: impl Iterator<Item = &'a Step>, present: &Present<'_>) -> Vec<Finding> {
    let mut claims: HashMap<Key<'a>, Claim<'a>> = HashMap::with_capacity(steps.size_hint().1.unwrap_or(0));
    let mut findings = Vec::new();
    for claim in steps.flat_map(Claim::of) {
        if let Some(first) = claims.insert(claim.key(present), claim) {
            let (step, other) = (claim.step, first.step);
            let message = format!(
                "{} and {} would both take the name of {}",
                capital(&other.object.to_string()),
                step.object,
                claim.label()
            );
            findings.push(Finding::refusal("plan.name_clash", message, elsewhere(step)).about(&step.object));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::plan::fixture::{Sample, name};
    use crate::plan::{Options, Policy};
    use crate::target::Existing;

    #[test]
    fn names_under_each_policy() {
        use Policy::{None, Rename, Replace};
        let same = "target.object_exists";
        for (policy, object, exists, expected) in [
            (None, "table main.a", "table main.b", &[][..]),
            (
                None,
                "table main.a",
                "table main.a",
                &[
                    "Refusal target.object_exists table main.a: Table main.a exists in the target [--restore-policy replace or --restore-policy rename]",
                ],
            ),
            (None, "user ana", "user ana", &["target.object_exists user ana … [--restore-policy replace]"]),
            (Replace, "table main.a", "table main.a", &[]),
            (Replace, "user ana", "user ana", &[]),
            (Rename, "table main.a", "table main.a", &[]),
            (
                Rename,
                "user ana",
                "user ana",
                &[
                    "Refusal plan.cannot_rename user ana … only objects in a schema can [--restore-policy replace or --exclude user:ana]",
                ],
            ),
            (
                Replace,
                "table main.a",
                "view main.a",
                &[
                    "Table main.a cannot stand beside view main.a … --target-schema-map main=SCHEMA or --exclude table:main.a",
                ],
            ),
            (Rename, "table main.a", "table MAIN.A", &[same]),
        ] {
            let mut sample = Sample::of(&[object]);
            sample.options.restore_policy = policy;
            sample.exists(&[exists]);
            sample.finds(expected);
        }
    }

    #[test]
    fn what_is_fixed_refuses_every_policy() {
        for (policy, expected) in [
            (Policy::None, "target.object_exists … cannot give way: it is a virtual table [--exclude table:main.a]"),
            (Policy::Replace, "plan.cannot_replace … virtual"),
            (Policy::Rename, "plan.cannot_rename … virtual"),
        ] {
            let mut sample = Sample::of(&["table main.a"]);
            sample.options.restore_policy = policy;
            let fixed = Existing {
                fingerprint: "f".to_owned(),
                fixed: Some("it is a virtual table".to_owned()),
                ..Existing::default()
            };
            sample.facts.objects.insert(name("table main.a"), fixed);
            sample.finds(&[expected]);
        }
    }

    #[test]
    fn what_is_fixed_gives_way_with_its_database() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.options.restore_policy = Policy::Replace;
        sample.facts.no_stage_database = None;
        let fixed = Existing { fixed: Some("it belongs to an extension".to_owned()), ..Existing::default() };
        sample.facts.objects.insert(name("table main.a"), fixed);
        assert!(sample.check().is_ok());
    }

    #[test]
    fn further_tables_belong_to_their_object() {
        for (policy, exists, expected) in [
            (Policy::None, &["table main.g_other"][..], &[][..]),
            (
                Policy::Replace,
                &["table main.g_nodes", "view main.G_EDGES"],
                &[
                    "Table main.g_nodes exists in the target, and graph main.g brings a table of that name",
                    "View main.G_EDGES",
                ],
            ),
            (Policy::Replace, &["graph main.g", "table main.g_nodes"], &[]),
            (Policy::Rename, &["graph main.g", "table main.g_nodes"], &[]),
            (
                Policy::Rename,
                &["graph main.g", "table old.g_edges"],
                &["Graph main.g cannot be moved aside: table old.g_edges exists there"],
            ),
            (
                Policy::None,
                &["graph main.g", "table main.g_nodes"],
                &["Graph main.g exists in the target [--restore-policy"],
            ),
        ] {
            let mut sample = Sample::of(&["graph main.g"]);
            sample.outlook("graph main.g").tables = vec!["nodes".to_owned(), "edges".to_owned()];
            let renamed_objects_schema = (policy == Policy::Rename).then(|| "old".to_owned());
            sample.options = Options { restore_policy: policy, renamed_objects_schema, ..Options::default() };
            sample.exists(exists);
            sample.finds(expected);
        }
    }

    #[test]
    fn the_place_aside_must_be_another_and_free() {
        for (schema, expected) in [
            ("old", &["Table main.a cannot be moved aside: view OLD.A exists there [--renamed-objects-schema"][..]),
            ("main", &["plan.cannot_rename … it is in that schema already", "plan.name_clash"]),
            ("older", &[]),
        ] {
            let mut sample = Sample::of(&["table main.a"]);
            sample.options = Options {
                restore_policy: Policy::Rename,
                renamed_objects_schema: Some(schema.to_owned()),
                ..Options::default()
            };
            sample.exists(&["table main.a", "view OLD.A"]);
            sample.finds(expected);
        }
    }

    #[test]
    fn two_steps_never_take_one_name() {
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        for (objects, map, expected) in [
            (&["table a.x", "table b.x"][..], map(&[]), &[][..]),
            (
                &["table a.x", "table b.x"],
                map(&[("a", "b")]),
                &["Refusal plan.name_clash table b.x: Table a.x and table b.x would both take the name of table b.x"],
            ),
            (&["table a.x", "table b.x"], map(&[("a", "b"), ("b", "a")]), &[]),
            (&["table a.x", "view a.X"], map(&[]), &["plan.name_clash view a.X"]),
            (&["table a.x", "table a.x"], map(&[]), &["plan.name_clash table a.x"]),
            (
                &["graph a.g", "table a.g_nodes"],
                map(&[]),
                &["plan.name_clash table a.g_nodes: Graph a.g and table a.g_nodes"],
            ),
            (
                &["table a.g_nodes", "graph a.g"],
                map(&[]),
                &["plan.name_clash graph a.g … take the name of table a.g_nodes"],
            ),
            (&["user x", "role x"], map(&[]), &[]),
        ] {
            let map: BTreeMap<String, String> = map;
            let mut sample = Sample::of(objects);
            sample.options.target_schema_map = map;
            sample.facts.schemas.extend(["a".to_owned(), "b".to_owned()]);
            if objects.contains(&"graph a.g") {
                sample.outlook("graph a.g").tables = vec!["nodes".to_owned()];
            }
            sample.finds(expected);
        }
    }
}
