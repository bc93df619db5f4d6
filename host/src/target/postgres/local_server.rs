//! A server of the tests' own, in a temporary folder that goes with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Environment;
use super::connection::Connection;
use super::settings::Settings;

/// A running server; stopped when dropped. Its superuser is `postgres`, who needs no password.
pub(super) struct LocalServer {
    folder: tempfile::TempDir,
    /// Where it listens besides its socket.
    pub(super) port: u16,
}

impl LocalServer {
    /// Starts one with these lines in its configuration.
    pub(super) fn start(configuration: &str) -> Self {
        let server = Self::new();
        run(server
            .tool("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D"])
            .arg(server.data()));
        server.go(configuration);
        server
    }

    /// Starts one that follows `primary` under a name.
    pub(super) fn follow(primary: &Self, name: &str) -> Self {
        let server = Self::new();
        let connection =
            format!("host={} port={} user=postgres application_name={name}", primary.socket(), primary.port);
        run(server
            .tool("pg_basebackup")
            .args(["-c", "fast", "-N", "-R", "-C", "-S", name, "-d", &connection, "-D"])
            .arg(server.data()));
        server.go("");
        server
    }

    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("reinstate-pg").tempdir_in("/tmp").unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        // Whoever takes the number before the server does makes the test fail, which has not been seen yet.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port }
    }

    fn go(&self, configuration: &str) {
        let own = format!(
            "\nunix_socket_directories = '{}'\nport = {}\nlisten_addresses = '127.0.0.1'\nfsync = off\nshared_buffers = 16MB\n{configuration}\n",
            self.socket(),
            self.port
        );
        let file = self.data().join("postgresql.conf");
        let earlier = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, earlier + &own).unwrap();
        self.control("start");
    }

    /// `pg_ctl start`, `reload`, …
    pub(super) fn control(&self, what: &str) {
        let log = self.folder.path().join("log");
        run(self.tool("pg_ctl").args(["-w", "-D"]).arg(self.data()).arg("-l").arg(log).arg(what));
    }

    /// `pg_ctl -m immediate …`: the server has no time to write what it holds.
    pub(super) fn control_now(&self, what: &str) {
        let log = self.folder.path().join("log");
        run(self.tool("pg_ctl").args(["-w", "-m", "immediate", "-D"]).arg(self.data()).arg("-l").arg(log).arg(what));
    }

    /// The folder of its data.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder of its socket.
    pub(super) fn socket(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// Whom the server's files must belong to.
    pub(super) fn own(&self, file: &Path) {
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(file));
        }
    }

    /// Settings for a database, by the server's socket.
    pub(super) fn settings(&self, user: &str, database: &str) -> Settings {
        let url = format!("postgres://{user}@/{database}?host={}&port={}", self.socket(), self.port);
        Settings::resolve(&url, &Environment::default()).unwrap()
    }

    /// A connection to a database.
    pub(super) fn connect(&self, database: &str) -> Connection {
        Connection::open(&self.settings("postgres", database)).unwrap()
    }

    /// Runs statements in a database.
    pub(super) fn sql(&self, database: &str, statements: &str) {
        if let Err(fault) = self.connect(database).batch(statements) {
            panic!("{}: {statements}", super::failure::failed(&fault, "Could not prepare"));
        }
    }

    /// A program of PostgreSQL's, as a user that it runs for and a client of this server.
    pub(super) fn tool(&self, name: &str) -> Command {
        let program = programs().join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.env("PGHOST", self.folder.path()).env("PGPORT", self.port.to_string());
        command.env("PGUSER", "postgres").env("HOME", self.folder.path()).current_dir(self.folder.path());
        command
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        let mut stop = self.tool("pg_ctl");
        stop.args(["-w", "-m", "immediate", "stop", "-D"]).arg(self.data());
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Where PostgreSQL's programs are: what `REINSTATE_PG_BIN` says, else the newest of the system's.
fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("REINSTATE_PG_BIN") {
        return PathBuf::from(folder);
    }
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL's server, or its folder in REINSTATE_PG_BIN");
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| version(path).is_some())
        .max_by_key(version);
    newest.expect("PostgreSQL's server, or its folder in REINSTATE_PG_BIN").join("bin")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command that must succeed.
pub(super) fn run(command: &mut Command) -> String {
    // A server keeps what it inherits open: its output goes to a file, or nobody would see the end of it.
    let output = tempfile::tempfile().unwrap();
    let status =
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output.try_clone().unwrap()).status();
    let said = {
        use std::io::{Read, Seek};
        let (mut said, mut output) = (Vec::new(), output);
        output.rewind().unwrap();
        output.read_to_end(&mut said).unwrap();
        String::from_utf8_lossy(&said).into_owned()
    };
    assert!(status.unwrap().success(), "{command:?}: {said}");
    said
}
