//! A server of the test's own, in a temporary folder, reached through a socket.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::super::connection::Connection;
use super::super::documents;
use super::super::placement::Placement;
use super::super::settings::{Settings, Tls};
use super::super::work::PostgresWork;
use crate::catalog::ObjectName;
use crate::plan::{Action, Step};
use crate::target::Unit;

pub(super) struct Server {
    process: Child,
    folder: tempfile::TempDir,
}

/// The newest server that is installed; `None` where there is none.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin")).collect();
    found.retain(|folder| folder.join("postgres").exists());
    found.sort();
    found.pop()
}

/// A command that does not run as root, which a server refuses.
fn command(program: &PathBuf) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

impl Server {
    /// Starts one; `None` where no server is installed.
    pub(super) fn start() -> Option<Self> {
        let binaries = binaries()?;
        let folder =
            tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o777)).tempdir_in("/tmp").unwrap();
        // The umask may have taken the permission to write.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = folder.path().join("data");
        let made = command(&binaries.join("initdb"))
            .args(["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let process = command(&binaries.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, folder };
        while Connection::open(&server.settings("postgres")).is_err() {
            std::thread::yield_now();
        }
        Some(server)
    }

    pub(super) fn settings(&self, database: &str) -> Settings {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.folder.path()).user("postgres").dbname(database);
        Settings { config, tls: Tls::Off, role: None, location: format!("postgres://{database}") }
    }

    /// Where its socket is.
    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn connect(&self, database: &str) -> Connection {
        Connection::open(&self.settings(database)).unwrap()
    }

    /// A database with the bookkeeping's tables.
    pub(super) fn database(&self, name: &str) {
        self.connect("postgres").batch(&format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
        let mut connection = self.connect(name);
        documents::ensure(&mut connection).unwrap();
        connection
            .batch(
                "CREATE TABLE reinstate.deferred(id bigint GENERATED ALWAYS AS IDENTITY, statements text, undo text)",
            )
            .unwrap();
    }

    /// An open unit of a step.
    pub(super) fn work(&self, database: &str, step: &Step, unit: Unit, dialect: &str) -> Box<PostgresWork> {
        let mut connection = self.connect(database);
        connection.batch("BEGIN").unwrap();
        Box::new(PostgresWork {
            connection,
            step: step.clone(),
            unit,
            placement: Arc::new(Placement {}),
            copy: None,
            encoding: None,
            job: 1,
            dialect: dialect.to_owned(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT: fast shutdown, which removes shared memory.
        let process = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(process, rustix::process::Signal::INT);
        let _ = self.process.wait();
    }
}

/// A step that makes an object under its own name.
pub(super) fn step(id: u32, kind: &str, schema: Option<&str>, name: &str) -> Step {
    let name = ObjectName::new(kind, schema, name);
    let json = serde_json::json!({
        "id": id, "action": "create", "object": name, "into": name, "reason": "", "plugin": "p",
        "parts": 1, "rows": 0, "bytes": 0, "read_bytes": 0,
    });
    let step: Step = serde_json::from_value(json).unwrap();
    assert_eq!(step.action, Action::Create);
    step
}

/// The rows of a query as text, columns joined by `|`.
pub(super) fn rows(connection: &mut Connection, query: &str) -> Vec<String> {
    let rows = connection.texts(query).unwrap();
    let text = |value: Option<String>| value.unwrap_or_else(|| "∅".to_owned());
    rows.into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
}
