//! Stages, switches and their undoing on a real server, looked at from outside.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::catalog::{Backup, Digest, ObjectName};
use crate::error::Result;
use crate::plan::{Action, Options, Plan, PlannedArchive, PlannedTarget, StageKind, Step, Totals};
use crate::target::{Counts, Job, JobStatus, Scope, Stage, Target, Unit, Work};

use super::PostgresTarget;
use super::connection::Connection;
use super::local_server::LocalServer;

mod apart;
mod back;
mod beside;
mod kill;
mod live;
mod typed;
mod typed_objects;
mod typed_tables;

/// One server for all tests that run at a time.
fn server() -> Arc<LocalServer> {
    static SERVER: Mutex<Weak<LocalServer>> = Mutex::new(Weak::new());
    let mut shared = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return server;
    }
    let server = Arc::new(LocalServer::start("max_connections = 200"));
    *shared = Arc::downgrade(&server);
    server
}

/// A database of a test's own.
struct Place {
    server: Arc<LocalServer>,
    database: String,
}

impl Place {
    /// A database with what these statements make.
    fn with(statements: &str) -> Self {
        let place = Self::missing();
        place.server.sql("postgres", &format!("CREATE DATABASE {}", place.database));
        place.sql(statements);
        place
    }

    /// A name that no database has.
    fn missing() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { server: server(), database: format!("d{}_{number}", std::process::id()) }
    }

    /// A new handle, as another process has it.
    fn target(&self) -> PostgresTarget {
        PostgresTarget::new(self.server.settings("postgres", &self.database))
    }

    fn connect(&self) -> Connection {
        self.server.connect(&self.database)
    }

    fn sql(&self, statements: &str) {
        self.server.sql(&self.database, statements);
    }

    /// The rows of a query, their columns joined.
    fn rows(&self, query: &str) -> Vec<String> {
        rows(&mut self.connect(), query)
    }

    fn status(&self, job: &str) -> Option<JobStatus> {
        self.target().jobs().unwrap().into_iter().find(|known| known.job == job).map(|known| known.status)
    }

    /// Names of schemas that are not the server's own.
    fn schemas(&self) -> Vec<String> {
        self.rows("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' ORDER BY 1")
    }
}

fn rows(connection: &mut Connection, query: &str) -> Vec<String> {
    let text = |column: Option<String>| column.unwrap_or_else(|| "NULL".to_owned());
    let rows = connection.texts(query).unwrap_or_else(|fault| panic!("{fault:?}: {query}"));
    rows.into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
}

fn name(kind: &str, qualified: &str) -> ObjectName {
    match qualified.split_once('.') {
        Some((schema, name)) => ObjectName::new(kind, Some(schema), name),
        None => ObjectName::new(kind, None, qualified),
    }
}

fn step(id: u32, action: Action, object: ObjectName, needs: &[u32]) -> Step {
    Step {
        id,
        action,
        plugin: "pgdump".to_owned(),
        parts: 1,
        needs: needs.to_vec(),
        ..Step::idle(object.clone(), object)
    }
}

fn plan(stage: StageKind, steps: &[Step], map: &[(&str, &str)]) -> Plan {
    let digest: Digest = serde_json::from_value(serde_json::json!("0".repeat(64))).unwrap();
    let backup = Backup {
        name: "backup".to_owned(),
        id: "1".to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        position: None,
        source: "postgres".to_owned(),
        dialect: "postgresql".to_owned(),
    };
    Plan {
        version: 1,
        archive: PlannedArchive { location: "backup.tar".to_owned(), digest, backup },
        target: PlannedTarget { location: String::new(), kind: "postgres".to_owned(), version: String::new() },
        plugins: Vec::new(),
        options: Options {
            target_schema_map: map.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
            ..Options::default()
        },
        stage,
        schemas: Vec::new(),
        steps: steps.to_vec(),
        totals: Totals::default(),
        findings: Vec::new(),
    }
}

fn job(job: &str, plan: &Plan) -> Job {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let second = NEXT.fetch_add(1, Ordering::Relaxed);
    Job {
        job: job.to_owned(),
        status: JobStatus::Running,
        started: format!("2026-01-01T00:00:00.{second:06}Z"),
        ended: None,
        backup_name: "backup".to_owned(),
        backup_id: "1".to_owned(),
        archive: "backup.tar".to_owned(),
        plan: plan.to_json(),
        settings: "{}".to_owned(),
        report: None,
    }
}

/// What a step runs: its statements, their scope, what takes them back.
type Script<'a> = (u32, &'a str, Scope, Option<&'a str>);

/// Does what the journal does not have yet.
fn work(stage: &dyn Stage, steps: &[Step], scripts: &[Script<'_>]) -> Result<()> {
    let journal = stage.journal()?;
    for step in steps.iter().filter(|step| !journal.contains_key(&(step.id, Unit::Whole))) {
        let mut unit = stage.open(step, Unit::Whole)?;
        for (_, statements, scope, undo) in scripts.iter().filter(|(id, ..)| *id == step.id) {
            unit.execute(statements, scope, *undo)?;
        }
        unit.commit(Counts { rows: 1, bytes: 1 })?;
    }
    Ok(())
}

/// A whole job.
fn restore(place: &Place, plan: &Plan, named: &str, scripts: &[Script<'_>]) -> Result<()> {
    let stage = place.target().begin(&job(named, plan))?;
    work(&*stage, &plan.steps, scripts)?;
    finish(&*stage, &plan.steps)
}

/// The end of a job.
fn finish(stage: &dyn Stage, steps: &[Step]) -> Result<()> {
    assert_eq!(stage.rehearse(steps)?, []);
    stage.switch(steps, &|switched| format!("attempts {}", switched.attempts)).map(drop)
}

fn code<T>(result: Result<T>) -> String {
    result.err().map(|error| error.code().to_owned()).unwrap_or_default()
}
