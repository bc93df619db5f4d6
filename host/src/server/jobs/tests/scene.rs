//! A folder with a store, a database, a repository, and a target that waits where a test wants it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::archive::OpenOptions;
use crate::backup::Writer;
use crate::error::Result;
use crate::plugin::PluginOptions;
use crate::repository::BackupType;
use crate::restore::Host;
use crate::source::{Credentials, Place};
use crate::target::sqlite::SqliteTarget;
use crate::target::{Facts, Job as Record, Stage, Switched, Target};

use super::super::*;

/// Where work waits while the gate is closed.
#[derive(Default)]
pub(super) struct Gate {
    /// Whether it is closed, and how many wait.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    pub(super) fn close(&self) {
        self.state.lock().unwrap().0 = true;
    }

    pub(super) fn open(&self) {
        self.state.lock().unwrap().0 = false;
        self.changed.notify_all();
    }

    /// Blocks until somebody waits at it.
    pub(super) async fn reached(self: &Arc<Self>) {
        let gate = Arc::clone(self);
        let reached = move || drop(gate.changed.wait_while(gate.state.lock().unwrap(), |(_, waiting)| *waiting == 0));
        tokio::task::spawn_blocking(reached).await.unwrap();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        state = self.changed.wait_while(state, |(closed, _)| *closed).unwrap();
        state.1 -= 1;
    }
}

/// A SQLite file behind a gate.
struct Gated {
    inner: SqliteTarget,
    gate: Arc<Gate>,
}

impl Target for Gated {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn inspect(&self) -> Result<Facts> {
        self.inner.inspect()
    }
    fn export(&self, writer: &mut Writer) -> Result<Option<String>> {
        self.gate.pass();
        self.inner.export(writer)
    }
    fn begin(&self, job: &Record) -> Result<Box<dyn Stage>> {
        self.inner.begin(job)
    }
    fn resume(&self, job: &str) -> Result<Box<dyn Stage>> {
        self.inner.resume(job)
    }
    fn jobs(&self) -> Result<Vec<Record>> {
        self.gate.pass();
        self.inner.jobs()
    }
    fn abort(&self, job: &str) -> Result<()> {
        self.inner.abort(job)
    }
    fn undo(&self, job: &str) -> Result<Switched> {
        self.inner.undo(job)
    }
    fn discard(&self, job: &str) -> Result<()> {
        self.inner.discard(job)
    }
}

pub(super) type Told = Arc<Mutex<Vec<(String, Moment, State)>>>;

pub(super) struct Scene {
    folder: TempDir,
    pub(super) gate: Arc<Gate>,
    /// What listeners heard.
    pub(super) told: Told,
}

impl Scene {
    /// The database `shop` with a table of three rows, open gates, an empty repository.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Connection::open(folder.path().join("shop.sqlite")).unwrap();
        database.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)").unwrap();
        for name in ["uploads", "box", "plugins"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, gate: Arc::default(), told: Told::default() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn store(&self) -> Arc<Store> {
        Arc::new(Store::open(&self.path("jobs.sqlite")).unwrap())
    }

    fn places(&self) -> Places {
        let target = |file: &str| -> Arc<dyn Target> {
            Arc::new(Gated { inner: SqliteTarget::new(&self.path(file)).unwrap(), gate: Arc::clone(&self.gate) })
        };
        let targets =
            BTreeMap::from([("shop".to_owned(), target("shop.sqlite")), ("live".to_owned(), target("live.sqlite"))]);
        let url = self.path("box").to_string_lossy().into_owned();
        let place = Place { name: "box".to_owned(), url, credentials: Credentials::default() };
        Places {
            host: host(),
            targets,
            repositories: BTreeMap::from([("box".to_owned(), place)]),
            uploads: self.path("uploads"),
            may_restore: Box::new(|_, _| Ok(())),
            open: OpenOptions::default(),
        }
    }

    /// A process: what it does ends with the value that it gives, the store stays.
    pub(super) fn start(&self, width: usize) -> Arc<Jobs> {
        let told = Arc::clone(&self.told);
        let listener: Listener =
            Arc::new(move |job, moment| told.lock().unwrap().push((job.id.clone(), moment, job.state)));
        Jobs::start(self.store(), Arc::new(self.places()), width, 1 << 30, vec![listener]).unwrap()
    }

    /// A backup of `shop` into a file.
    pub(super) fn backup(&self, name: &str) -> Task {
        let to = BackupAt::File { file: self.path(name).to_string_lossy().into_owned() };
        Task::Backup(BackupTask {
            target: "shop".to_owned(),
            to,
            objects: Vec::new(),
            ddl_only: false,
            comment: String::new(),
        })
    }

    /// A snapshot of `shop` in the repository.
    pub(super) fn snapshot(&self) -> Task {
        self.snapshot_of(BackupType::Full)
    }

    pub(super) fn snapshot_of(&self, backup_type: BackupType) -> Task {
        let to = BackupAt::Snapshot {
            repository: "box".to_owned(),
            backup: "shop".to_owned(),
            backup_type,
            recreate: false,
            checksum: None,
            max_incremental_backups_to_keep: None,
            delete_intermediate_backups: false,
        };
        Task::Backup(BackupTask {
            target: "shop".to_owned(),
            to,
            objects: Vec::new(),
            ddl_only: false,
            comment: String::new(),
        })
    }

    /// A restore of a backup that `name` has become, into a file that is not there yet.
    pub(super) fn restore(&self, name: &str) -> Task {
        Task::Restore(RestoreTask {
            archive: ArchiveAt::File { file: self.path(name).to_string_lossy().into_owned(), dump: None },
            target: "live".to_owned(),
            options: Box::default(),
            plan: None,
        })
    }

    /// Makes the file that is restored.
    pub(super) async fn packed(&self, jobs: &Arc<Jobs>) {
        let job = submit(jobs, self.backup("shop.tar")).await;
        assert_eq!(jobs.wait(&job.id).await.unwrap().state, State::Succeeded);
    }

    /// Waits until all that ended has left the table and was told of.
    pub(super) async fn settled(&self, jobs: &Arc<Jobs>) {
        let settled = async {
            while jobs.load() != (0, 0) || !jobs.inner().open.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), settled).await.expect("no place is held for ever");
    }

    pub(super) fn told_of(&self, id: &str) -> Vec<(Moment, State)> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(job, ..)| job == id).map(|(_, moment, state)| (*moment, *state)).collect()
    }
}

impl Drop for Scene {
    /// A test that fails must not wait for work that waits for it.
    fn drop(&mut self) {
        self.gate.open();
    }
}

/// Plugins are compiled once, where the program has them at all: these tests need none.
fn host() -> Arc<Host> {
    static HOST: OnceLock<(Arc<Host>, TempDir)> = OnceLock::new();
    let made = HOST.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = PluginOptions { folder: Some(folder.path().to_owned()), ..PluginOptions::default() };
        (Arc::new(Host::new(&options).unwrap()), folder)
    });
    Arc::clone(&made.0)
}

pub(super) fn asked(key: Option<(&str, &str)>) -> Asked {
    let key = key.map(|(key, request)| StartKey { key: key.to_owned(), request: request.to_owned() });
    Asked { operator: "ana".to_owned(), key, ..Asked::default() }
}

pub(super) async fn submit(jobs: &Arc<Jobs>, task: Task) -> Arc<Job> {
    jobs.submit(task, asked(None)).await.unwrap().job
}

pub(super) fn code<T>(result: Result<T>) -> String {
    result.err().map_or_else(|| "none".to_owned(), |error| error.code().to_owned())
}
