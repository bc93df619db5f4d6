//! A saved plan, perhaps edited, held against what planning gives now.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::catalog::ObjectName;
use crate::error::{Error, Result};

use super::{Plan, PluginIdentity, StageKind, Step, Totals};
use crate::text::{capital, escape, list, quote};

/// The fresh plan with the saved one's steps in the saved one's order.
///
/// `fresh` is what [`super::build`] gives now for the saved plan's options. Steps may have been dropped when nothing that
/// is kept needs them or the target already has what they bring, and put in any order that brings first what others
/// need. Fails with `plan.archive_changed`, `plan.plugins_changed`, `plan.target_changed`, `plan.bad_step` or `plan.order`.
pub fn adopt(saved: Plan, fresh: &Plan) -> Result<Plan> {
    hold(&saved, fresh).map_err(|error| {
        let (archive, target) = (quote(&fresh.archive.location), quote(&fresh.target.location));
        error.state("The target is unchanged").next(format!("reinstate plan {archive} --into {target} -o PLAN"))
    })
}

fn hold(saved: &Plan, fresh: &Plan) -> Result<Plan> {
    same_ground(saved, fresh)?;
    let edit = Edit::new(saved, fresh)?;
    edit.check()?;
    if fresh.stage == StageKind::Database {
        edit.check_nothing_is_lost()?;
    }
    let steps = edit.steps();
    let dropped: HashSet<&ObjectName> = edit.dropped().map(|step| &step.object).collect();
    let of_kept = |object: &Option<ObjectName>| object.as_ref().is_none_or(|object| !dropped.contains(object));
    Ok(Plan {
        version: fresh.version,
        archive: fresh.archive.clone(),
        target: fresh.target.clone(),
        plugins: fresh.plugins.clone(),
        options: fresh.options.clone(),
        stage: fresh.stage,
        schemas: schemas(saved, fresh, &steps)?,
        totals: Totals::of(&steps),
        findings: fresh.findings.iter().filter(|finding| of_kept(&finding.object)).cloned().collect(),
        steps,
    })
}

fn same_ground(saved: &Plan, fresh: &Plan) -> Result<()> {
    if saved.version != fresh.version {
        let message = format!("The plan is of version {}; this program reads version {}", saved.version, fresh.version);
        return Err(Error::new("plan.invalid", message));
    }
    if saved.archive.digest != fresh.archive.digest {
        let message = format!(
            "The plan is for the backup {} with digest {}; {} holds {} with digest {}",
            escape(&saved.archive.backup.name),
            saved.archive.digest,
            escape(&fresh.archive.location),
            escape(&fresh.archive.backup.name),
            fresh.archive.digest,
        );
        return Err(Error::new("plan.archive_changed", message));
    }
    same_plugins(&saved.plugins, &fresh.plugins)?;
    for (what, saved, fresh) in [
        ("target", &saved.target.location, &fresh.target.location),
        ("kind of target", &saved.target.kind, &fresh.target.kind),
        ("target's version", &saved.target.version, &fresh.target.version),
    ] {
        if saved != fresh {
            let message = format!("The plan's {what} is {}; now it is {}", escape(saved), escape(fresh));
            return Err(Error::new("plan.target_changed", message));
        }
    }
    if saved.stage != fresh.stage {
        let [was, is] = [saved.stage, fresh.stage].map(|stage| match stage {
            StageKind::Beside => "beside the live objects",
            StageKind::Database => "in a database of its own",
        });
        return Err(Error::new("plan.target_changed", format!("The plan stages {was}; planning now stages {is}")));
    }
    if saved.options != fresh.options {
        return Err(Error::new("plan.invalid", "The plan's options are not those of the planning it is held against"));
    }
    Ok(())
}

fn same_plugins(saved: &[PluginIdentity], fresh: &[PluginIdentity]) -> Result<()> {
    let name = |plugin: &PluginIdentity| format!("{} {}", escape(&plugin.name), escape(&plugin.version));
    let gone = saved.iter().find(|plugin| !fresh.contains(plugin));
    let new = fresh.iter().find(|plugin| !saved.contains(plugin));
    let message = match (gone, new) {
        (None, None) => return Ok(()),
        (Some(gone), Some(new)) if gone.name == new.name => format!(
            "The plan was made by plugin {} with digest {}; now it is {} with digest {}",
            name(gone),
            gone.digest,
            name(new),
            new.digest
        ),
        (Some(gone), _) => format!("The plan was made by plugin {}, which planning does not use now", name(gone)),
        (None, Some(new)) => format!("Planning now uses plugin {}, which did not make the plan", name(new)),
    };
    Err(Error::new("plan.plugins_changed", message))
}

/// The saved steps beside the fresh ones.
struct Edit<'a> {
    saved: &'a [Step],
    fresh: HashMap<u32, &'a Step>,
    /// Where each kept step stands.
    places: HashMap<u32, usize>,
}

impl<'a> Edit<'a> {
    fn new(saved: &'a Plan, fresh: &'a Plan) -> Result<Self> {
        let mut places = HashMap::with_capacity(saved.steps.len());
        for (place, step) in saved.steps.iter().enumerate() {
            if places.insert(step.id, place).is_some() {
                return Err(bad_step(step, format!("Step {} is there twice", step.id)));
            }
        }
        let fresh = fresh.steps.iter().map(|step| (step.id, step)).collect();
        Ok(Self { saved: &saved.steps, fresh, places })
    }

    fn check(&self) -> Result<()> {
        for (place, saved) in self.saved.iter().enumerate() {
            let Some(fresh) = self.fresh.get(&saved.id) else {
                return Err(bad_step(saved, format!("Planning gives no step {}, {}", saved.id, told(&saved.object))));
            };
            self.same_step(saved, fresh)?;
            for needed in &fresh.needs {
                self.check_order(fresh, place, *needed, true)?;
            }
            for needed in &fresh.needs_loaded {
                self.check_order(fresh, place, *needed, false)?;
            }
        }
        Ok(())
    }

    /// Edges to steps that were dropped may have been dropped with them.
    fn same_step(&self, saved: &Step, fresh: &Step) -> Result<()> {
        if saved == fresh {
            return Ok(());
        }
        let (saved, fresh) = (self.without_dropped(saved), self.without_dropped(fresh));
        if saved == fresh {
            return Ok(());
        }
        if saved.object == fresh.object && saved.existing != fresh.existing {
            let what = match (&saved.existing, &fresh.existing) {
                (None, _) => "is in the target now",
                (_, None) => "is no longer in the target",
                _ => "has changed in the target",
            };
            let message = format!("{} {what}, since the plan was made", capital(&told(&fresh.into)));
            return Err(Error::new("plan.target_changed", message).object(&fresh.object));
        }
        let (member, was, is) = difference(&saved, &fresh);
        Err(bad_step(
            &fresh,
            format!("Step {}, {}: `{member}` is {was}, but planning gives {is}", fresh.id, told(&fresh.object)),
        ))
    }

    fn without_dropped(&self, step: &Step) -> Step {
        let kept = |ids: &[u32]| {
            let mut kept: Vec<u32> = ids.iter().copied().filter(|id| self.is_kept_or_unknown(*id)).collect();
            kept.sort_unstable();
            kept.dedup();
            kept
        };
        Step { needs: kept(&step.needs), needs_loaded: kept(&step.needs_loaded), ..step.clone() }
    }

    /// An edge to a step that planning does not give is no dropped one but a wrong one.
    fn is_kept_or_unknown(&self, id: u32) -> bool {
        self.places.contains_key(&id) || !self.fresh.contains_key(&id)
    }

    /// `first`: the needed step has to come before, not just to be there.
    fn check_order(&self, step: &Step, place: usize, needed: u32, first: bool) -> Result<()> {
        let Some(other) = self.fresh.get(&needed) else { return Ok(()) };
        let problem = match self.places.get(&needed) {
            Some(at) if first && *at > place => "comes before",
            Some(_) => return Ok(()),
            None if other.existing.is_some() => return Ok(()),
            None => "is kept without",
        };
        let (id, object) = (step.id, told(&step.object));
        let message =
            format!("Step {id}, {object}, {problem} step {}, {}, which it needs", other.id, told(&other.object));
        Err(Error::new("plan.order", message).object(&step.object))
    }

    fn dropped(&self) -> impl Iterator<Item = &'a Step> {
        self.fresh.values().copied().filter(|step| !self.places.contains_key(&step.id))
    }

    /// A database that takes the live one's place brings everything that the live one holds.
    fn check_nothing_is_lost(&self) -> Result<()> {
        let Some(lost) = self.dropped().filter(|step| step.existing.is_some()).min_by_key(|step| step.id) else {
            return Ok(());
        };
        let (id, object) = (lost.id, told(&lost.into));
        let message = format!(
            "Step {id} is dropped, but the plan exchanges the whole database, and {object} would be missing then; plan \
             with --stage beside"
        );
        Err(bad_step(lost, message))
    }

    fn steps(&self) -> Vec<Step> {
        let fresh = self.saved.iter().filter_map(|saved| self.fresh.get(&saved.id));
        fresh.map(|step| self.without_dropped(step)).collect()
    }
}

/// The schemas to create are those of planning, or of them those that the kept steps need.
fn schemas(saved: &Plan, fresh: &Plan, steps: &[Step]) -> Result<Vec<String>> {
    let used = steps.iter().flat_map(|step| [&step.into.schema, &step.aside.as_ref().unwrap_or(&step.into).schema]);
    let used: HashSet<&String> = used.flatten().collect();
    let needed: Vec<String> = fresh.schemas.iter().filter(|schema| used.contains(schema)).cloned().collect();
    if saved.schemas != fresh.schemas && saved.schemas != needed {
        let [was, is] = [&saved.schemas, &needed].map(|schemas| escape(&list(schemas)).into_owned());
        let message = format!("The plan creates the schemas [{was}], but planning gives [{is}]");
        return Err(Error::new("plan.bad_step", message));
    }
    Ok(needed)
}

fn bad_step(step: &Step, message: String) -> Error {
    Error::new("plan.bad_step", message).object(&step.object)
}

fn told(name: &ObjectName) -> String {
    escape(&name.to_string()).into_owned()
}

/// The first member that differs, and both values as they stand in the document.
fn difference(saved: &Step, fresh: &Step) -> (String, String, String) {
    let members = |step: &Step| match serde_json::to_value(step) {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let (saved, fresh) = (members(saved), members(fresh));
    let names: BTreeSet<&String> = saved.keys().chain(fresh.keys()).collect();
    let text = |value: Option<&Value>| {
        value.map_or_else(|| "absent".to_owned(), |value| escape(&value.to_string()).into_owned())
    };
    let differs = names.into_iter().find(|name| saved.get(*name) != fresh.get(*name));
    let name = differs.cloned().unwrap_or_default();
    let (was, is) = (text(saved.get(&name)), text(fresh.get(&name)));
    (name, was, is)
}

#[cfg(test)]
mod tests;
