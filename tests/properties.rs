//! Generated databases, restored under generated options into targets that people have worked on, and compared with a model.
//!
//! `REINSTATE_SEED=n` runs one case, `REINSTATE_CASES=n` as many as that.

mod support;

#[allow(unreachable_pub, reason = "The modules are this file's own")]
mod properties {
    pub mod across;
    pub mod case;
    pub mod change;
    pub mod database;
    pub mod kinds;
    pub mod known;
    pub mod model;
    pub mod names;
    pub mod options;
    pub mod random;
    pub mod reader;
    pub mod rights;
}

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use properties::across::{difference, hash, logical};
use properties::case::{Case, Tally};
use properties::database::Database;
use properties::known::{self, Known};
use properties::random::Random;
use reinstate::plugin::PluginOptions;
use reinstate::restore::Host;
use support::Sandbox;
use support::postgres::Server;

fn host() -> &'static Arc<Host> {
    static HOST: OnceLock<Arc<Host>> = OnceLock::new();
    HOST.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache/reinstate");
        let options = PluginOptions { cache: Some(cache), ..PluginOptions::default() };
        Arc::new(Host::new(&options).expect("our plugins load"))
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Runs one case; says everything about it when it fails.
fn run(seed: u64, runtime: &tokio::runtime::Runtime) -> Result<Tally, String> {
    let case = Case::generate(seed);
    case.run(host(), runtime).map_err(|first| {
        let (smallest, difference) = case.shrunk(host(), runtime, first.clone());
        format!("REINSTATE_SEED={seed}\nat first {first}\nsmallest {difference}\n{}", smallest.describe())
    })
}

#[test]
fn a_restore_does_what_the_model_says() {
    let (first, cases) = match number("REINSTATE_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("REINSTATE_CASES").unwrap_or(1000)),
    };
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                let runtime = runtime();
                let mut own = Tally::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + cases || failures.lock().expect("no panic").len() >= 5 {
                        break;
                    }
                    match run(seed, &runtime) {
                        Ok(tally) => own.add(tally),
                        Err(failure) => failures.lock().expect("no panic").push(failure),
                    }
                }
                tally.lock().expect("no panic").add(own);
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let tally = tally.into_inner().expect("no panic");
    // Cases that are all refused would prove nothing.
    let enough = |what: usize, percent: usize| cases < 500 || what * 100 >= tally.restores * percent;
    assert!(enough(tally.refused, 5) && enough(tally.stopped, 3) && enough(tally.undone, 3), "{tally:?}");
    assert!(enough(tally.restores - tally.refused - tally.failed, 40) && enough(tally.failed, 1), "{tally:?}");
    assert!(enough(tally.kept, 5) && enough(tally.dropped, 1) && enough(tally.granted, 1), "{tally:?}");
}

#[test]
fn what_was_wrong_once_stays_right() {
    let runtime = runtime();
    for Known { what, case, refused } in known::all() {
        match case.run(host(), &runtime) {
            Ok(tally) => assert_eq!((tally.refused, tally.failed), (refused, 0), "{what}"),
            Err(failure) => panic!("{what}: {failure}\n{}", case.describe()),
        }
    }
}

/// Database 6 has a circle of three tables, one of whose references PostgreSQL was never given.
#[test]
fn sqlite_and_postgresql_hold_the_same() {
    let server = Server::start();
    let mut failures = Vec::new();
    let (first, databases) = match number("REINSTATE_SEED") {
        Some(seed) => (seed, 1),
        None => (0, 24),
    };
    for seed in first..first + databases {
        let mut random = Random::new(seed ^ 0x7067);
        let archive = Database::generate(&mut random, 6).for_every_target();
        if let Err(failure) = same_everywhere(&archive, &server) {
            failures.push(format!("database {seed}: {failure}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Restores into both, backs both up, and compares what the two backups hold.
fn same_everywhere(database: &Database, server: &Server) -> Result<(), String> {
    let (sandbox, name) = (Sandbox::new(), server.database());
    let archive = sandbox.text("archive.tar");
    database.write(Path::new(&archive));
    let restore = |archive: &str, into: &str| {
        let arguments = ["restore", archive, "--into", into, "--create-schema-if-not-exist", "--stage", "beside"];
        let outcome = sandbox.json(&arguments);
        if outcome.status == Some(0) { Ok(()) } else { Err(format!("{into}: {}", outcome.stdout)) }
    };
    let mut found = Vec::new();
    for (number, target) in [sandbox.target("first.sqlite"), server.target(&name)].into_iter().enumerate() {
        restore(&archive, &target)?;
        let (again, copy) = (sandbox.text(&format!("{number}.tar")), format!("{number}.sqlite"));
        let outcome = sandbox.json(&["backup", "create", "--from", &target, "-o", &again]);
        if outcome.status != Some(0) {
            return Err(format!("{target}: {}", outcome.stdout));
        }
        restore(&again, &sandbox.target(&copy))?;
        found.push(logical(&sandbox.path(&copy)));
    }
    let roles = "SELECT rolname FROM pg_roles WHERE rolname !~ '^(postgres|pg_)'";
    server.sql("postgres", &format!("DROP DATABASE {name}"));
    for role in server.query("postgres", roles) {
        let role = role[0].clone().unwrap_or_default();
        server.sql("postgres", &format!("DROP ROLE \"{}\"", role.replace('"', "\"\"")));
    }
    match hash(&found[0]) == hash(&found[1]) && !found[0].is_empty() {
        true => Ok(()),
        false => Err(difference(&found[0], &found[1])),
    }
}
