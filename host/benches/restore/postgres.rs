//! pg_restore and this program on the same archives, servers and settings.
//!
//! Needs PostgreSQL's binaries, found like the tests find them: `REINSTATE_PG_BIN`, or the newest below `/usr/lib/postgresql`.
//! `REINSTATE_BENCH_SCALE` (10) is pgbench's scale; 40 makes the 0.64 GB that published figures are about.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::figure::{Goal, line, median, note, ratio, seconds};

/// pgbench's tables, a narrow one and a wide one; rows for each unit of the scale.
const TABLES: &str = "
create table narrow (a int not null, b int);
insert into narrow select g, (g*7919::bigint % 1000003)::int from generate_series(1, SCALE * 150000) g;
create table wide (id bigint not null, u uuid, ts timestamptz, d date, n1 numeric(12,2), n2 numeric, f1 float8, i1 int,
    i2 int, i3 bigint, b bool, t1 text, t2 text, t3 varchar(40), j jsonb, arr int[], ip inet, t4 text);
insert into wide select g, md5(g::text)::uuid, timestamptz '2020-01-01 00:00+00' + g * interval '37.123456 sec',
    date '2000-01-01' + g % 9000, (g * 97 % 10000000) / 100.0, (g::numeric * 1234567.891) / 7, sqrt(g), g * 3 % 100000,
    g % 7, g::bigint * 1000003, g % 2 = 0, md5((g + 1)::text) || ' ' || md5((g + 2)::text), 'status ' || (g % 12),
    'user' || (g % 50000) || '@example.org', jsonb_build_object('id', g, 'name', 'n' || g), array[g, g + 1],
    ('10.' || (g % 250) || '.' || (g % 199) || '.7')::inet, repeat('lorem ipsum ', 3 + g % 5)
    from generate_series(1, SCALE * 9000) g;
alter table narrow add primary key (a);
alter table wide add primary key (id);
create index on wide (ts);
create index on wide (t3, i2);";

/// A server of our own in a temporary folder.
pub(crate) struct Server {
    bin: PathBuf,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts one; `None` where there is no PostgreSQL.
    pub(crate) fn start() -> Option<Self> {
        let bin = bin()?;
        let folder = tempfile::Builder::new().prefix("reinstate-bench").tempdir_in("/tmp").unwrap();
        let server = Self { bin, folder };
        run(Command::new("chown").arg("postgres").arg(server.folder.path()));
        let data = server.folder.path().join("data");
        run(server
            .tool("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
            .arg(&data));
        let socket = server.folder.path().display();
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={socket} -c shared_buffers=1GB -c max_wal_size=16GB \
             -c min_wal_size=4GB -c checkpoint_timeout=60min -c autovacuum=off -c maintenance_work_mem=512MB"
        );
        let log = server.folder.path().join("log");
        run(server.tool("pg_ctl").args(["-w", "-D"]).arg(&data).arg("-l").arg(log).args(["-o", &options, "start"]));
        Some(server)
    }

    /// A program of PostgreSQL's, as a user that it runs for.
    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(self.bin.join(name));
        command.env("PGHOST", self.folder.path()).env("PGUSER", "postgres").env("HOME", self.folder.path());
        command
    }

    fn sql(&self, database: &str, statements: &str) {
        run(self.tool("psql").args(["-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statements]));
    }

    fn value(&self, database: &str, query: &str) -> f64 {
        let mut command = self.tool("psql");
        let said = command.args(["-q", "-X", "-A", "-t", "-d", database, "-c", query]).output().unwrap();
        String::from_utf8(said.stdout).unwrap().trim().parse().unwrap()
    }

    /// The database gone and made again, and what was written so far on disk, so that each run begins alike.
    fn fresh(&self, database: &str) {
        run(self.tool("dropdb").args(["--if-exists", "--force", database]).stderr(Stdio::null()));
        run(self.tool("createdb").arg(database));
        self.sql("postgres", "checkpoint");
    }

    fn dump(&self, database: &str, format: &str, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        run(self.tool("pg_dump").args(["-F", format, "-f"]).arg(&path).arg(database));
        path
    }

    fn pg_restore(&self, archive: &Path, jobs: bool) -> f64 {
        self.fresh("theirs");
        let mut command = self.tool("pg_restore");
        command.args(["-d", "theirs"]).args(jobs.then_some("-j2")).arg(archive);
        let started = Instant::now();
        run(&mut command);
        started.elapsed().as_secs_f64()
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@/{database}?host={}", self.folder.path().display())
    }

    fn restore(&self, archive: &Path) -> f64 {
        self.fresh("ours");
        let started = Instant::now();
        run(self
            .reinstate()
            .args(["restore", "--no-analyze", "--allow", "all", "--into"])
            .arg(self.url("ours"))
            .arg(archive));
        started.elapsed().as_secs_f64()
    }

    fn reinstate(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reinstate"));
        command.env("HOME", self.folder.path()).env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        run(self.tool("pg_ctl").args(["-w", "-m", "immediate", "-D"]).arg(data).arg("stop"));
    }
}

fn bin() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("REINSTATE_PG_BIN") {
        return Some(named.into());
    }
    let mut found: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    found.retain(|bin| bin.join("initdb").is_file());
    found.sort();
    found.pop()
}

fn run(command: &mut Command) {
    let said = command.stdin(Stdio::null()).output().unwrap();
    assert!(said.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said.stderr));
}

/// Every format of pg_dump, many small tables, our own archive, and the first reader afterwards.
pub(crate) fn postgres(rounds: usize) {
    let Some(server) = Server::start() else {
        return note("postgres", "left out: there is no PostgreSQL here");
    };
    let scale: u32 = std::env::var("REINSTATE_BENCH_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    run(server.tool("createdb").arg("source"));
    run(server.tool("pgbench").args(["-q", "-i", "-I", "dtg", "-s", &scale.to_string(), "source"]));
    server.sql("source", &TABLES.replace("SCALE", &scale.to_string()));
    run(server.tool("pgbench").args(["-q", "-i", "-I", "pf", "-s", &scale.to_string(), "source"]));
    run(server.tool("createdb").arg("many"));
    let many: String = (1..=2000)
        .map(|n| {
            let other = if n > 1 { n - 1 } else { 1 };
            format!(
                "create table t{n} (id int primary key, a text, b int references t{other}); \
                 insert into t{n} select g, md5(g::text), null from generate_series(1, 20) g; create index on t{n} (a);"
            )
        })
        .collect();
    for hundred in many.split_inclusive(';').collect::<Vec<_>>().chunks(300) {
        server.sql("many", &hundred.concat());
    }

    let directory = server.dump("source", "d", "source.dir");
    compare(&server, rounds, "tar", &server.dump("source", "t", "source.tar"), false, 1.35);
    compare(&server, rounds, "dir", &directory, true, 1.1);
    compare(&server, rounds, "custom", &server.dump("source", "c", "source.dump"), true, 1.1);
    compare(&server, rounds, "many", &server.dump("many", "d", "many.dir"), true, 3.0);
    own(&server, rounds, &directory);
    first_scan(&server, &directory);
}

/// One archive, through both programs, in turn.
fn compare(server: &Server, rounds: usize, case: &str, archive: &Path, jobs: bool, goal: f64) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        theirs.push(server.pg_restore(archive, jobs));
        ours.push(server.restore(archive));
    }
    show(case, median(ours), median(theirs), goal);
}

/// The same rows in an archive of our own against pg_restore of a directory.
fn own(server: &Server, rounds: usize, directory: &Path) {
    let archive = server.folder.path().join("source.reinstate.tar");
    run(server.reinstate().args(["backup", "create", "--from"]).arg(server.url("source")).arg("-o").arg(&archive));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        theirs.push(server.pg_restore(directory, true));
        ours.push(server.restore(&archive));
    }
    show("own", median(ours), median(theirs), 1.5);
}

fn show(case: &str, ours: f64, theirs: f64, goal: f64) {
    let what = format!("restore {}, pg_restore {}", seconds(ours), seconds(theirs));
    line(&format!("pg {case}"), &what, ratio(theirs / ours), Goal::AtLeast(goal).of(theirs / ours, "×"));
}

/// What the first reader of every row writes: nothing, when rows came frozen.
fn first_scan(server: &Server, archive: &Path) {
    let position = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')";
    let written = |database: &str| {
        // Only pages that a checkpoint has written since are logged whole when a reader sets their hints.
        server.sql(database, "checkpoint");
        let before = server.value(database, position);
        for table in ["pgbench_accounts", "narrow", "wide"] {
            server.sql(database, &format!("select count(*) from {table}"));
        }
        (server.value(database, position) - before) / 1e6
    };
    server.pg_restore(archive, true);
    server.restore(archive);
    let (ours, theirs) = (written("ours"), written("theirs"));
    line(
        "pg scan",
        &format!("log written by the first scan; after pg_restore {theirs:.1} MB (checksums or wal_log_hints matter)"),
        format!("{ours:.1} MB"),
        Goal::AtMost(1.0).of(ours, " MB"),
    );
}
