//! A server, a folder, and the binary that restores into one from the other.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::support::postgres::golden::{self, Content};
use crate::support::postgres::{Rows, Server, major_version};
use crate::support::{Outcome, Sandbox, data, finish, shared};

pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) server: Server,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { sandbox: Sandbox::new(), server: Server::start() }
    }

    /// With a server that keeps what it has committed, whatever happens to it.
    pub(crate) fn durable() -> Self {
        Self { sandbox: Sandbox::new(), server: Server::configured("max_connections = 50") }
    }

    pub(crate) fn restore(&self, database: &str, archive: &Path, options: &[&str]) -> Outcome {
        self.restore_to(&self.server.target(database), archive, options)
    }

    pub(crate) fn restore_to(&self, target: &str, archive: &Path, options: &[&str]) -> Outcome {
        self.sandbox.json(&arguments(target, archive, options))
    }

    /// The same, killed where fail points say so.
    pub(crate) fn restore_failing(&self, points: &str, database: &str, archive: &Path, options: &[&str]) -> Outcome {
        self.sandbox.run_with_failpoints(points, &arguments(&self.server.target(database), archive, options))
    }

    /// The archive comes through a pipe.
    pub(crate) fn restore_stream(&self, database: &str, archive: &Path, options: &[&str]) -> Outcome {
        let target = self.server.target(database);
        let mut command =
            self.sandbox.command(&[&arguments(&target, Path::new("-"), options)[..], &["--json"]].concat());
        let mut cat =
            std::process::Command::new("cat").arg(archive).stdout(Stdio::piped()).spawn().expect("cat starts");
        command.stdin(cat.stdout.take().expect("a pipe"));
        let outcome = finish(command.spawn().expect("the binary starts"));
        cat.wait().expect("cat ends");
        outcome
    }

    /// `undo`, `discard`, `resume`, `abort`.
    pub(crate) fn command(&self, command: &str, job: &str, database: &str) -> Outcome {
        self.sandbox.json(&[command, job, "--into", &self.server.target(database)])
    }

    /// The only interrupted job of a database.
    pub(crate) fn interrupted_job(&self, database: &str) -> Option<String> {
        let jobs = self.sandbox.json(&["jobs", "--into", &self.server.target(database)]).expect(0).json();
        let job = jobs.as_array().expect("a list").iter().find(|job| job["status"] == "interrupted")?;
        Some(job["job"].as_str().expect("a name").to_owned())
    }

    pub(crate) fn content(&self, database: &str) -> Content {
        golden::content(&self.server, database)
    }

    /// What jobs leave for good: stages, and databases beside the known ones.
    #[track_caller]
    pub(crate) fn nothing_is_left(&self, database: &str, databases: &Rows) {
        let stages = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^reinstate_stage'";
        assert_eq!(self.server.query(database, stages), Rows::new());
        assert_eq!(self.databases(), *databases);
    }

    pub(crate) fn databases(&self) -> Rows {
        self.server.query("postgres", "SELECT datname FROM pg_database ORDER BY 1")
    }

    /// An archive of what these statements make, by the system's own pg_dump.
    pub(crate) fn dump(&self, name: &str, statements: &str, options: &[&str]) -> PathBuf {
        let source = self.server.database();
        self.server.sql(&source, statements);
        let folder = self.server.own_folder("dumps");
        let path = folder.join(name);
        let mut dump = self.server.tool("pg_dump");
        dump.args(["-Fc", "-d", &source, "-f"]).arg(&path).args(options);
        assert!(dump.status().expect("pg_dump starts").success(), "{name}");
        path
    }
}

fn arguments<'a>(target: &'a str, archive: &'a Path, options: &[&'a str]) -> Vec<&'a str> {
    [&["restore", archive.to_str().expect("UTF-8"), "--into", target][..], options].concat()
}

/// The job of a report.
#[track_caller]
pub(crate) fn job(report: &Value) -> String {
    report["job"].as_str().unwrap_or_else(|| panic!("no job: {report:#}")).to_owned()
}

/// An archive of pg_dump.
#[derive(Debug)]
pub(crate) struct Dump {
    pub(crate) path: PathBuf,
    /// `torture`
    pub(crate) database: String,
    /// Of the pg_dump that wrote it.
    pub(crate) version: u32,
    /// `gzip.dump`, `data-only.tar`
    pub(crate) how: String,
}

impl Dump {
    fn of(path: PathBuf) -> Option<Self> {
        let (database, rest) = path.file_name()?.to_str()?.split_once(".pg")?;
        let (version, how) = rest.split_once('.')?;
        let (database, how, version) = (database.to_owned(), how.to_owned(), version.parse().ok()?);
        Some(Self { path, database, version, how })
    }

    /// The script of roles that goes with it.
    pub(crate) fn globals(&self) -> Option<String> {
        let name = format!("globals.pg{}.sql", self.version);
        let found = [shared(&format!("pg/archives/{name}")), Some(data("pg/globals.pg18.sql"))];
        let path = found.into_iter().flatten().find(|path| path.exists())?;
        (self.database == "torture").then(|| path.to_str().expect("UTF-8").to_owned())
    }

    /// What the source held, where that is known.
    pub(crate) fn golden(&self) -> Option<Content> {
        let of = |version: u32| shared(&format!("pg/golden/{}.pg{version}.json", self.database));
        of(self.version).map(|path| golden::read(&path))
    }

    /// It holds definitions and rows.
    pub(crate) fn is_whole(&self) -> bool {
        !self.how.contains("only")
    }

    /// Whether the server here knows every word of its statements.
    pub(crate) fn is_of_this_server(&self) -> bool {
        self.version <= major_version()
    }
}

/// Every archive there is: those of the checkout, and of a larger collection beside it where there is one.
pub(crate) fn dumps() -> Vec<Dump> {
    let mut folders = vec![data("pg")];
    let collection = shared("pg/archives").and_then(|path| std::fs::read_dir(path).ok());
    folders.extend(collection.into_iter().flatten().flatten().map(|folder| folder.path()));
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut dumps: Vec<Dump> =
        entries.map(|entry| entry.path()).filter_map(Dump::of).filter(|dump| is_archive(&dump.how)).collect();
    dumps.sort_by(|one, other| one.path.file_name().cmp(&other.path.file_name()));
    dumps.dedup_by(|one, other| one.path.file_name() == other.path.file_name());
    dumps
}

fn is_archive(how: &str) -> bool {
    ["dump", "dir", "tar"].iter().any(|form| how.ends_with(form))
}

/// The folder of tables that every checkout has.
pub(crate) fn northwind() -> PathBuf {
    data("pg/northwind.pg15.gzip.dir")
}
