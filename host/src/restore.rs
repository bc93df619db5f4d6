//! Planning against a real archive and target, and carrying a checked plan out: stage, verify, switch, report.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::archive::Archive;
use crate::cancel::Cancel;
use crate::catalog::{Catalog, Object};
use crate::check::{self, CheckedPlan, Precondition};
use crate::error::{Error, Result};
use crate::plan::kinds::Kinds;
use crate::plan::{self, Options, Outlook, Plan, PlannedArchive, PluginDescription};
use crate::plugin::{ObjectView, PluginOptions, Plugins, Surroundings};
use crate::target::{Facts, Target, TargetInfo};

mod advice;
mod event;
mod executor;
mod graph;
mod job;
mod locks;
mod object;
mod report;
mod response;
mod urgency;
mod width;

pub use advice::before_start as advise_before_start;
pub use event::{Event, Watch};
pub use job::{find as find_job, name as new_job_name};
pub use report::{Report, ReportedFinding, Status};
pub use response::Response;

/// Objects that a plugin plans in one call: enough to make the call's cost vanish, few enough to stay in memory limits.
const PLANNED_AT_ONCE: usize = 1000;

/// What restores are made with: plugins and preconditions. One host serves many restores.
pub struct Host {
    /// The plugins.
    pub plugins: Plugins,
    /// Rules beside our own.
    pub preconditions: Vec<Arc<dyn Precondition>>,
    settings: Settings,
}

/// What a later process needs to resume a job with the same plugins; kept with the job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The folder of plugins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<std::path::PathBuf>,
    /// What they were granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
}

impl Host {
    /// Loads the plugins.
    pub fn new(options: &PluginOptions) -> Result<Self> {
        Ok(Self {
            plugins: Plugins::load(options)?,
            preconditions: Vec::new(),
            settings: Settings { folder: options.folder.clone(), grants: options.grants.clone() },
        })
    }
}

/// One archive that is restored into one target.
#[derive(Clone)]
pub struct Restore {
    /// Plugins and rules.
    pub host: Arc<Host>,
    /// Where the backup is read from.
    pub archive: Arc<Archive>,
    /// A second archive, of what belongs to the whole server (a script of roles): its objects come first.
    pub globals: Option<Arc<Archive>>,
    /// What is restored into.
    pub target: Arc<dyn Target>,
}

/// Says what a restore would do. Writes nothing; every failed precondition is among the plan's findings.
///
/// Fails when archive or target cannot be read, or a plugin cannot plan.
pub async fn plan(restore: &Restore, options: &Options) -> Result<Plan> {
    let (restore, options) = (restore.clone(), options.clone());
    blocking(move || {
        let prepared = Prepared::read(&restore, &options, None)?;
        let fresh = prepared.plan.clone();
        Ok(match prepared.check(&restore, fresh) {
            Ok(checked) => checked.plan().clone(),
            Err(refused) => *refused,
        })
    })
    .await
}

/// Carries a plan out, or refuses because a precondition does not hold, or because archive, plugins or target have
/// changed since it was made. Dropping the future stops the job at the next safe place and leaves it to [`resume`].
pub async fn apply(restore: &Restore, plan: &Plan, watch: &Watch) -> Report {
    let given_up = Cancel::default();
    let _guard = CancelOnDrop(given_up.clone());
    let started = {
        let (restore, plan, watch) = (restore.clone(), plan.clone(), watch.clone());
        blocking(move || start(&restore, plan, watch.job, &[given_up, watch.cancel])).await
    };
    run(restore, started, watch).await
}

/// Tells threads that work for a future that the caller has dropped it.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Goes on with an interrupted job; ends in the same state as an undisturbed run.
pub async fn resume(restore: &Restore, job: &str, watch: &Watch) -> Report {
    let started = {
        let (restore, job) = (restore.clone(), job.to_owned());
        blocking(move || reopen(&restore, &job)).await
    };
    run(restore, started, watch).await
}

/// What was found out before a job starts, or why it does not.
enum Start {
    Ready(Box<executor::Execution>),
    Refused(Box<Plan>),
}

async fn run(restore: &Restore, started: Result<Start>, watch: &Watch) -> Report {
    match started {
        Ok(Start::Ready(execution)) => executor::run(*execution, watch).await,
        Ok(Start::Refused(plan)) => Report::refused(&plan),
        Err(error) => {
            Report::not_started(advice::before_start(error, &restore.archive.location(), &restore.target.location()))
        }
    }
}

/// Opens a stage, unless one of the flags says before that nobody wants it any more.
fn start(restore: &Restore, saved: Plan, job: Option<String>, stops: &[Cancel]) -> Result<Start> {
    let prepared = Prepared::read(restore, &saved.options, None)?;
    let adopted = plan::adopt(saved, &prepared.plan)?;
    let views = prepared.views(&adopted);
    let surroundings = prepared.surroundings();
    let connections = prepared.facts.health.free_connections;
    let checked = match prepared.check(restore, adopted) {
        Ok(checked) => checked,
        Err(refused) => return Ok(Start::Refused(refused)),
    };
    let name = job.map_or_else(job::name, Ok)?;
    let record = job::record(name, &checked, &restore.archive.location(), &restore.host.settings)?;
    stops.iter().try_for_each(Cancel::check)?;
    let stage = restore.target.begin(&record)?;
    Ok(Start::Ready(Box::new(executor::Execution::new(restore, checked, views, surroundings, stage, connections)?)))
}

fn reopen(restore: &Restore, job: &str) -> Result<Start> {
    let record = job::find(restore.target.as_ref(), job)?;
    let saved = Plan::from_json(&record.plan)?;
    let prepared = Prepared::read(restore, &saved.options, Some(job))?;
    let adopted = plan::adopt(saved, &prepared.plan)
        .map_err(|error| advice::cannot_resume(&error, job, &restore.target.location()))?;
    let views = prepared.views(&adopted);
    let surroundings = prepared.surroundings();
    let connections = prepared.facts.health.free_connections;
    let checked = match prepared.check(restore, adopted) {
        Ok(checked) => checked,
        Err(refused) => return Ok(Start::Refused(refused)),
    };
    let stage = restore.target.resume(job)?;
    Ok(Start::Ready(Box::new(executor::Execution::new(restore, checked, views, surroundings, stage, connections)?)))
}

/// Everything that was read for a plan, and the plan.
struct Prepared {
    catalog: Catalog,
    facts: Facts,
    plugins: Vec<PluginDescription>,
    plan: Plan,
}

impl Prepared {
    /// Reads catalog and facts, asks the plugins, plans. `own_job` is the interrupted job that is being resumed: it does
    /// not stand in its own way.
    fn read(restore: &Restore, options: &Options, own_job: Option<&str>) -> Result<Self> {
        let mut catalog = catalog(restore)?;
        let mut facts = restore.target.inspect()?;
        facts.health.interrupted.retain(|job| Some(job.as_str()) != own_job);
        if own_job.is_some() {
            // What it has staged has its space already, and is part of the prediction once more.
            facts.health.free_bytes = None;
        }
        let plugins = restore.host.plugins.descriptions();
        let selected = plan::select(&catalog, options)?;
        let findings = plan::limit_rights(&mut catalog, &selected, &facts, options);
        let outlooks = outlooks(restore, &catalog, &selected, &facts, options, &plugins)?;
        let archive = PlannedArchive {
            location: restore.archive.location(),
            digest: catalog.digest,
            backup: catalog.backup.clone(),
        };
        let plan = plan::build(plan::Input {
            archive,
            catalog: &catalog,
            selected: &selected,
            outlooks: &outlooks,
            facts: &facts,
            plugins: &plugins,
            options,
            findings: &findings,
        });
        Ok(Self { catalog, facts, plugins, plan })
    }

    fn check(&self, restore: &Restore, plan: Plan) -> Result<CheckedPlan, Box<Plan>> {
        check::run(plan, &self.catalog, &self.facts, &self.plugins, &restore.host.preconditions)
    }

    fn surroundings(&self) -> Surroundings {
        surroundings(&self.catalog, &self.facts, &self.plan.options)
    }

    /// The steps' objects as plugins see them, by step.
    fn views(&self, plan: &Plan) -> BTreeMap<u32, ObjectView> {
        let objects: std::collections::HashMap<_, &Object> =
            self.catalog.objects.iter().map(|object| (&object.name, object)).collect();
        plan.steps
            .iter()
            .filter_map(|step| {
                let object = objects.get(&step.object)?;
                let view = ObjectView {
                    object: Arc::new((*object).clone()),
                    into: step.into.clone(),
                    definitions_only: plan.options.without_rows(),
                    rows_only: plan.options.share(object) == plan::Share::Rows,
                    leave_out: plan.options.left_out(),
                };
                Some((step.id, view))
            })
            .collect()
    }
}

/// What is in the archive, and in the one beside it.
fn catalog(restore: &Restore) -> Result<Catalog> {
    let read = |archive| restore.host.plugins.catalog(archive, &Cancel::default());
    let catalog = read(&restore.archive)?;
    match &restore.globals {
        Some(globals) => catalog.merge(read(globals)?),
        None => Ok(catalog),
    }
}

fn surroundings(catalog: &Catalog, facts: &Facts, options: &Options) -> Surroundings {
    Surroundings {
        dialect: catalog.backup.dialect.clone(),
        target: TargetInfo { forms: options.forms(&facts.info), ..facts.info.clone() },
        schema_map: options.target_schema_map.iter().map(|(from, to)| (from.clone(), to.clone())).collect(),
        allow: options.allow.clone(),
        plain_roles: facts.plain_roles.clone(),
        identity: facts.identity.clone(),
        restore_subscriptions: options.restore_subscriptions,
    }
}

/// Asks each object's plugin what it says of it, many objects at a time and the plugins side by side.
fn outlooks(
    restore: &Restore,
    catalog: &Catalog,
    selected: &[usize],
    facts: &Facts,
    options: &Options,
    plugins: &[PluginDescription],
) -> Result<Vec<Option<Outlook>>> {
    let surroundings = surroundings(catalog, facts, options);
    let kinds = Kinds::new(plugins, catalog.layout.as_deref());
    let mut answers = vec![None; selected.len()];
    // A plugin that lacks grants plans too: without an outlook its objects would not even be missed.
    for description in plugins {
        let Some(plugin) = restore.host.plugins.get(&description.identity.name) else { continue };
        let mine: Vec<usize> = (0..selected.len())
            .filter(|&at| {
                let handler = kinds.plugin(&catalog.objects[selected[at]].name.kind);
                handler.is_some_and(|handler| handler.identity == description.identity)
            })
            .collect();
        for group in mine.chunks(PLANNED_AT_ONCE) {
            let views: Vec<ObjectView> = group
                .iter()
                .map(|&at| {
                    let object = &catalog.objects[selected[at]];
                    ObjectView {
                        object: Arc::new(object.clone()),
                        into: plan::mapped(&object.name, &options.target_schema_map),
                        definitions_only: options.without_rows(),
                        rows_only: options.share(object) == plan::Share::Rows,
                        leave_out: options.left_out(),
                    }
                })
                .collect();
            let outlooks = plugin.plan(&views, &surroundings, &Cancel::default())?;
            for (&at, outlook) in group.iter().zip(outlooks) {
                answers[at] = Some(outlook);
            }
        }
    }
    Ok(answers)
}

/// Runs blocking work on a thread that may block; a panic there becomes an error.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(fault) => Err(internal(fault)),
    }
}

fn internal(fault: tokio::task::JoinError) -> Error {
    Error::new("host.internal", format!("The host itself failed: {fault}"))
}
