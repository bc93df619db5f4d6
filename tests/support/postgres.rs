//! A PostgreSQL server of a test's own, in a temporary folder that goes with it, and its programs and clients.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_postgres::{NoTls, SimpleQueryMessage};

pub mod golden;
pub mod readers;

/// A running server; stopped when dropped, also by a panic. Its superuser is `postgres`, who needs no password.
pub struct Server {
    folder: tempfile::TempDir,
    data: PathBuf,
    port: u16,
}

/// What a query gives: rows of texts.
pub type Rows = Vec<Vec<Option<String>>>;

impl Server {
    /// A server whose commits may be lost with the machine, but not with the server.
    pub fn start() -> Self {
        Self::configured("fsync = off")
    }

    /// A server with these lines in its configuration.
    pub fn configured(configuration: &str) -> Self {
        let folder = Self::folder();
        Self::create(folder, configuration)
    }

    fn folder() -> tempfile::TempDir {
        // A socket's path may not be long.
        let folder = tempfile::Builder::new().prefix("reinstate-pg").tempdir_in("/tmp").expect("a folder");
        give(folder.path());
        folder
    }

    fn create(folder: tempfile::TempDir, configuration: &str) -> Self {
        let data = folder.path().join("data");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port").port();
        let server = Self { folder, data, port };
        let mut initdb = server.tool("initdb");
        run(initdb
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D"])
            .arg(&server.data));
        let file = server.data.join("postgresql.conf");
        let own = format!(
            "\nunix_socket_directories = '{}'\nport = {port}\nlisten_addresses = '127.0.0.1'\nshared_buffers = 32MB\n{configuration}\n",
            server.socket()
        );
        let earlier = std::fs::read_to_string(&file).expect("a configuration");
        std::fs::write(&file, earlier + &own).expect("a configuration");
        server.run_again();
        server
    }

    /// Starts it after it was stopped.
    pub fn run_again(&self) {
        let log = self.folder.path().join("log");
        run(self.tool("pg_ctl").args(["-w", "-t", "60", "-D"]).arg(&self.data).arg("-l").arg(log).arg("start"));
    }

    /// Stops it: `fast`, or `immediate`, as a crash would.
    pub fn stop(&self, mode: &str) {
        run(self.tool("pg_ctl").args(["-w", "-m", mode, "-D"]).arg(&self.data).arg("stop"));
    }

    /// A crash, and the start that recovers from it.
    pub fn crash(&self) {
        self.stop("immediate");
        self.run_again();
    }

    /// The folder of its socket.
    pub fn socket(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// A folder that the server may write to.
    pub fn own_folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        give(&path);
        path
    }

    /// A target, as the superuser.
    pub fn target(&self, database: &str) -> String {
        self.target_as("postgres", database)
    }

    /// A target, as another role.
    pub fn target_as(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@/{database}?host={}&port={}", self.socket(), self.port)
    }

    /// An empty database with a name of its own.
    pub fn database(&self) -> String {
        self.database_with("")
    }

    /// The same with these options of `CREATE DATABASE`.
    pub fn database_with(&self, options: &str) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let name = format!("db{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} {options}"));
        name
    }

    /// A connection, as the superuser.
    pub fn connect(&self, database: &str) -> Client {
        Client::open(self, "postgres", database).unwrap_or_else(|error| panic!("{database}: {error}"))
    }

    /// Runs statements.
    #[track_caller]
    pub fn sql(&self, database: &str, statements: &str) {
        self.connect(database).query(statements);
    }

    /// The rows of a query.
    #[track_caller]
    pub fn query(&self, database: &str, query: &str) -> Rows {
        self.connect(database).query(query)
    }

    /// The one value of a query; empty for null.
    #[track_caller]
    pub fn value(&self, database: &str, query: &str) -> String {
        let rows = self.query(database, query);
        let [row] = &rows[..] else { panic!("{query}: {rows:?}") };
        row[0].clone().unwrap_or_default()
    }

    /// Restores an archive with PostgreSQL's own program.
    pub fn pg_restore(&self, database: &str, archive: &Path, options: &[&str]) {
        run(self.tool("pg_restore").args(["-d", database]).args(options).arg(archive));
    }

    /// Runs a script, leaving what exists.
    pub fn script(&self, database: &str, script: &Path) {
        let mut psql = self.tool("psql");
        psql.args(["-X", "-q", "-d", database, "-f"]).arg(script).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(psql.status().expect("psql starts").success(), "{}", script.display());
    }

    /// The definitions of a database, ours left out, as `pg_dump` writes them, without comments and psql's commands.
    pub fn definitions(&self, database: &str, options: &[&str]) -> String {
        let dump = run(self.tool("pg_dump").args(["--schema-only", "-N", "reinstate*", "-d", database]).args(options));
        let kept = |line: &&str| !line.starts_with("--") && !line.starts_with('\\') && !line.is_empty();
        dump.lines().filter(kept).map(|line| format!("{line}\n")).collect()
    }

    /// Whether every reader of the server finds its data sound.
    pub fn integrity(&self, database: &str) {
        run(self.tool("pg_dump").args(["-f", "/dev/null", "-d", database]));
    }

    /// A program of PostgreSQL, as a user that it runs for, which is a client of this server.
    pub fn tool(&self, name: &str) -> Command {
        let program = programs().join(name);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command
            .env("PGHOST", self.folder.path())
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .env("HOME", self.folder.path())
            .env("LC_ALL", "C")
            .current_dir(self.folder.path());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut stop = self.tool("pg_ctl");
        stop.args(["-w", "-m", "immediate", "stop", "-D"]).arg(&self.data);
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// One connection, for calls that wait.
pub struct Client {
    runtime: tokio::runtime::Runtime,
    client: tokio_postgres::Client,
}

impl Client {
    /// Connects as that role.
    pub fn open(server: &Server, role: &str, database: &str) -> Result<Self, tokio_postgres::Error> {
        Self::at(server.folder.path(), server.port, role, database)
    }

    fn at(socket: &Path, port: u16, role: &str, database: &str) -> Result<Self, tokio_postgres::Error> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let mut config = tokio_postgres::Config::new();
        config.host_path(socket).port(port).user(role).dbname(database);
        let (client, connection) = runtime.block_on(config.connect(NoTls))?;
        runtime.spawn(connection);
        Ok(Self { runtime, client })
    }

    /// Runs statements; the rows of all of them.
    #[track_caller]
    pub fn query(&self, statements: &str) -> Rows {
        self.try_query(statements).unwrap_or_else(|error| panic!("{}: {statements}", describe(&error)))
    }

    /// The same where the server may refuse.
    pub fn try_query(&self, statements: &str) -> Result<Rows, tokio_postgres::Error> {
        let messages = self.runtime.block_on(self.client.simple_query(statements))?;
        let row = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()),
            _ => None,
        };
        Ok(messages.iter().filter_map(row).collect())
    }

    /// The bytes of `COPY … TO STDOUT`.
    pub fn copy_out(&self, statement: &str) -> Vec<u8> {
        use futures_util::StreamExt as _;
        self.runtime.block_on(async {
            let stream = self
                .client
                .copy_out(statement)
                .await
                .unwrap_or_else(|error| panic!("{}: {statement}", describe(&error)));
            let mut stream = std::pin::pin!(stream);
            let mut bytes = Vec::new();
            while let Some(piece) = stream.next().await {
                bytes.extend_from_slice(&piece.expect("rows"));
            }
            bytes
        })
    }
}

/// The server's own words.
fn describe(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| format!("{} ({})", error.message(), error.code().code()))
}

/// Where PostgreSQL's programs are: what `REINSTATE_PG_BIN` says, the newest of the system's, or where a shell finds them.
fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("REINSTATE_PG_BIN") {
        return folder.into();
    }
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = versions.filter(|path| version(path).is_some()).max_by_key(version).map(|path| path.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = newest.into_iter().chain(std::env::split_paths(&path));
    let found = folders.find(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL's server is missing: install it (tests/run does), or name the folder of its programs in REINSTATE_PG_BIN")
}

/// The major version of these programs.
pub fn major_version() -> u32 {
    let said = Command::new(programs().join("postgres")).arg("--version").output().expect("a version");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let major = number.and_then(|number| number.split(['.', 'b', 'r', 'd']).next()?.parse().ok());
    major.unwrap_or_else(|| panic!("{text}"))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Gives a folder to the user that the server runs as.
pub fn give(path: &Path) {
    if is_root() {
        run(Command::new("chown").arg("postgres:postgres").arg(path));
    }
}

/// Runs a command that must succeed; what it said.
fn run(command: &mut Command) -> String {
    // A server keeps what it inherits open: with pipes, nobody would see the end of its output.
    let (output, errors) = (tempfile::tempfile().expect("a file"), tempfile::tempfile().expect("a file"));
    let status = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a file"))
        .stderr(errors.try_clone().expect("a file"))
        .status();
    let said = text_of(output);
    assert!(status.expect("the program starts").success(), "{command:?}: {said}{}", text_of(errors));
    said
}

fn text_of(mut file: std::fs::File) -> String {
    use std::io::{Read as _, Seek as _};
    let mut text = Vec::new();
    file.rewind().expect("a file");
    file.read_to_end(&mut text).expect("a file");
    String::from_utf8_lossy(&text).into_owned()
}
