//! The same restore twice in one process: through the plugin in its sandbox, and through the plugin's code called natively.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use bytes::Bytes;
use reinstate::archive::{Archive, OpenOptions};
use reinstate::catalog::payload::Payload;
use reinstate::catalog::{Catalog, Object};
use reinstate::plan::{Options, Plan, Step};
use reinstate::plugin::PluginOptions;
use reinstate::restore::{self, Host, Restore, Status, Watch};
use reinstate::source::Location;
use reinstate::target::definition::ValueType;
use reinstate::target::sqlite::SqliteTarget;
use reinstate::target::{Counts, Job, JobStatus, Stage, Switched, Target, Unit};
use reinstate_plugin::Failure;
use reinstate_plugin::rows::{Field, Presence, decode_csv};
use reinstate_plugin::tables;

use super::data;

pub(crate) struct Library {
    archive: Arc<Archive>,
    catalog: Catalog,
    host: Arc<Host>,
    target: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Library {
    pub(crate) fn new(folder: &Path, archive: &Path) -> Self {
        let archive = Archive::open(&Location::Path(archive.to_owned()), &OpenOptions::default()).unwrap();
        let catalog = Catalog::read(&archive).unwrap();
        let host = Host::new(&PluginOptions { cache: Some(folder.join("cache")), ..PluginOptions::default() }).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let target = folder.join("library.sqlite");
        Self { archive: Arc::new(archive), catalog, host: Arc::new(host), target, runtime }
    }

    /// A plan for a file that does not exist yet.
    fn planned(&self, width: u32) -> (Restore, Plan) {
        data::remove(&self.target);
        let target: Arc<dyn Target> = Arc::new(SqliteTarget::new(&self.target).unwrap());
        let restore =
            Restore { host: Arc::clone(&self.host), archive: Arc::clone(&self.archive), globals: None, target };
        let options = Options { width, ..Options::default() };
        let plan = self.runtime.block_on(restore::plan(&restore, &options)).unwrap();
        (restore, plan)
    }

    /// Seconds that the executor takes, with the plugin in its sandbox.
    pub(crate) fn sandboxed(&self, width: u32) -> f64 {
        let (restore, plan) = self.planned(width);
        let started = Instant::now();
        let report = self.runtime.block_on(restore::apply(&restore, &plan, &Watch::default()));
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!(report.status, Status::Succeeded, "{:?}", report.error);
        seconds
    }

    /// Seconds that the same units take on as many threads, with the plugin's code called directly.
    pub(crate) fn native(&self, width: u32) -> f64 {
        let (restore, plan) = self.planned(width);
        let started = Instant::now();
        let stage = restore.target.begin(&job(&plan)).unwrap();
        let (step, object) = (&plan.steps[0], &self.catalog.objects[0]);
        let mut begin = stage.open(step, Unit::Begin).unwrap();
        begin.create_table("", data::table_definition()).unwrap();
        begin.commit(Counts::default()).unwrap();
        self.parts(stage.as_ref(), step, object, threads(width));
        let mut end = stage.open(step, Unit::End).unwrap();
        let rows: u64 = object.entries.iter().filter_map(|entry| entry.rows).sum();
        assert_eq!(end.summarize("").unwrap().rows, rows);
        end.commit(Counts::default()).unwrap();
        assert!(stage.rehearse(&plan.steps).unwrap().is_empty());
        stage.switch(&plan.steps, &|_: Switched| "{}".to_owned()).unwrap();
        drop(stage);
        started.elapsed().as_secs_f64()
    }

    fn parts(&self, stage: &dyn Stage, step: &Step, object: &Object, threads: usize) {
        let next = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let part = next.fetch_add(1, Ordering::Relaxed);
                        if part >= step.parts {
                            return;
                        }
                        self.part(stage, step, object, part);
                    }
                });
            }
        });
    }

    fn part(&self, stage: &dyn Stage, step: &Step, object: &Object, part: u32) {
        let mut work = stage.open(step, Unit::Part(part)).unwrap();
        let mut payload = Payload::open(&self.archive, &object.entries[part as usize], true).unwrap();
        let read = |max: u32| payload.next(max as usize).map(Vec::from).map_err(|error| failure(&error));
        let append = |batch: &[u8], _| {
            work.append("", &[], "arrow", Bytes::copy_from_slice(batch)).map(|_| ()).map_err(|error| failure(&error))
        };
        let counts = decode_csv(&fields(), read, append).map_err(|failure| failure.message).unwrap();
        work.commit(Counts { rows: counts.rows, bytes: counts.bytes }).unwrap();
    }
}

fn failure(error: &reinstate::Error) -> Failure {
    Failure::new(error.code(), error.to_string())
}

fn fields() -> Vec<Field> {
    let values = |values| match values {
        ValueType::Integer => tables::ValueType::Integer,
        ValueType::Real => tables::ValueType::Real,
        _ => tables::ValueType::Text,
    };
    let columns = data::table_definition().columns.into_iter();
    columns
        .map(|column| Field {
            name: column.name,
            values: values(column.values),
            declared: String::new(),
            presence: Presence::Required,
        })
        .collect()
}

fn threads(width: u32) -> usize {
    match width {
        0 => std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        width => width as usize,
    }
}

fn job(plan: &Plan) -> Job {
    Job {
        job: "r-native".to_owned(),
        status: JobStatus::Running,
        started: "2024-01-01T00:00:00Z".to_owned(),
        ended: None,
        backup_name: plan.archive.backup.name.clone(),
        backup_id: plan.archive.backup.id.clone(),
        archive: plan.archive.location.clone(),
        plan: plan.to_json(),
        settings: "{}".to_owned(),
        report: None,
    }
}
