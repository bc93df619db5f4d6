//! The library in someone else's program: a plugin, a target and rules that are not ours; cancellation at any await.

#![allow(unreachable_pub, reason = "The example's modules are a program's")]

mod support;
#[path = "support/target_suite.rs"]
mod target_suite;

// The example's own modules, so that what embedders copy is what is tested.
#[path = "../host/examples/platform/archive.rs"]
mod archive;
#[path = "../host/examples/platform/stage.rs"]
mod stage;
#[path = "../host/examples/platform/state.rs"]
mod state;
#[path = "../host/examples/platform/target.rs"]
#[allow(dead_code, reason = "The example uses the rest")]
mod target;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use reinstate::archive::{Archive, OpenOptions};
use reinstate::check::{Precondition, Situation};
use reinstate::pack::{PackOptions, pack};
use reinstate::plan::{Finding, Options, Plan, Severity};
use reinstate::plugin::PluginOptions;
use reinstate::restore::{Event, Host, Report, Restore, Status, Watch};
use reinstate::source::Location;
use reinstate::target::JobStatus;
use reinstate::target::sqlite::SqliteTarget;
use serde_json::Value;
use support::{Sandbox, logical_content, small_folder};
use target::Platform;

#[test]
fn our_target_passes_the_suite() {
    target_suite::run(&|folder| Arc::new(SqliteTarget::new(&folder.join("target.sqlite")).expect("a target")));
}

#[test]
fn the_examples_target_passes_the_suite() {
    target_suite::run(&|folder| Arc::new(Platform::new(&folder.join("platform"))));
}

/// A cargo that knows nothing of the one that runs this test.
fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(folder).arg("--quiet");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if (text.starts_with("CARGO") && text != "CARGO_HOME") || text.starts_with("RUST") && text.contains("FLAGS") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// A folder with the component of `plugins/dashboards`, built once by the command that the README names.
fn plugins() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboards");
        let status = cargo(&root().join("plugins/dashboards"))
            .args(["build", "--release", "--target", "wasm32-unknown-unknown", "--target-dir"])
            .arg(&built)
            .status()
            .expect("cargo starts");
        assert!(status.success());
        built.join("wasm32-unknown-unknown/release")
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn a_plugin_of_a_folder_restores_what_it_was_granted() {
    let sandbox = Sandbox::new();
    let folder = plugins().to_str().expect("UTF-8");
    let file = plugins().join("dashboards.wasm");

    let inspected = sandbox.json(&["plugin", "inspect", file.to_str().expect("UTF-8")]).expect(0).json();
    assert_eq!((&inspected["name"], &inspected["version"]), (&"dashboards".into(), &"1.0.0".into()));
    assert_eq!(inspected["kinds"][0]["name"], "dashboard");
    let imports: Vec<(&str, bool)> = inspected["imports"]
        .as_array()
        .expect("imports")
        .iter()
        .map(|import| (import["interface"].as_str().expect("a name"), import["granted"].as_bool().expect("granted")))
        .collect();
    assert_eq!(
        imports,
        [("entries", true), ("log", true), ("definitions", false)],
        "It imports what it uses and no more"
    );
    assert_eq!(inspected["missing_grants"], serde_json::json!(["definitions"]));
    let listed = sandbox.json(&["plugin", "list", "--plugins", folder]).expect(0).json();
    let names: Vec<&str> = listed.as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["dashboards", "definitions", "docspace", "functions", "graphs", "pgdump", "tables", "users"]);

    archive::write(&sandbox.path("monday.tar")).expect("an archive");
    let into = sandbox.target("target.sqlite");
    let restore = ["restore", "monday.tar", "--into", &into, "--plugins", folder];
    let nobody = sandbox.json(&restore[..4]).expect(3);
    assert_eq!(nobody.json()["findings"][0]["code"], "plugin.missing_kind", "{nobody:#?}");
    let refused = sandbox.json(&restore).expect(3);
    assert_eq!(refused.code(), "plugin.not_granted", "{refused:#?}");
    assert!(refused.json()["findings"][0]["fix"].as_str().is_some_and(|fix| fix.contains("--grant definitions")));
    assert!(!sandbox.path("target.sqlite").exists());

    let granted = [&restore[..], &["--grant", "definitions"]].concat();
    let report = sandbox.json(&granted).expect(0).json();
    assert_eq!(report["restored_objects"]["main.sales"], "dashboard", "{report:#}");
    let title =
        "SELECT definition ->> '$.document.title' FROM reinstate_objects WHERE name = 'sales' AND state = 'live'";
    assert_eq!(sandbox.query("target.sqlite", title), "Text(\"Sales by region\")");

    sandbox.json(&["backup", "create", "--from", &into, "-o", "again.tar"]).expect(0);
    let other = sandbox.target("other.sqlite");
    let again = ["restore", "again.tar", "--into", &other, "--plugins", folder, "--grant", "definitions"];
    sandbox.run(&again).expect(0);
    let content = logical_content(&sandbox.path("other.sqlite"));
    assert!(content.contains("Sales by region"), "{content}");
    assert_eq!(content, logical_content(&sandbox.path("target.sqlite")));
}

#[test]
fn the_example_runs() {
    // Tests of the whole workspace build it beside the binary; building it from here would choose other features and
    // compile every dependency once more.
    let binary = Path::new(env!("CARGO_BIN_EXE_reinstate")).with_file_name("examples").join("platform");
    assert!(binary.exists(), "Run `cargo build --workspace --examples` with the same features first");
    let output = Command::new(binary).arg(plugins()).output().expect("the example starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let expected = [
        "platform.no_window",
        "Refused",
        "now there: dashboard main.sales Sales (broken)",
        "restore.cancelled",
        "now there: dashboard main.sales Sales (broken)",
        "staged dashboard main.sales",
        "switching",
        "Succeeded",
        "now there: dashboard main.sales Sales by region",
        "now there: user ann",
        "== Undone",
        "now there: dashboard main.sales Sales (broken)",
    ];
    let mut rest = text.as_str();
    for part in expected {
        let at = rest.find(part).unwrap_or_else(|| panic!("`{part}` does not follow:\n{text}"));
        rest = &rest[at + part.len()..];
    }
    assert!(!rest.contains("now there"), "What the undone restore brought is gone:\n{text}");
}

fn options() -> PluginOptions {
    PluginOptions {
        cache: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache/reinstate")),
        ..PluginOptions::default()
    }
}

fn host() -> Arc<Host> {
    static HOST: OnceLock<Arc<Host>> = OnceLock::new();
    Arc::clone(HOST.get_or_init(|| Arc::new(Host::new(&options()).expect("our plugins load"))))
}

/// A restore of an archive into a database of the sandbox.
fn restore(host: Arc<Host>, archive: &Path, target: &Path) -> Restore {
    let archive = Archive::open(&Location::Path(archive.to_owned()), &OpenOptions::default()).expect("an archive");
    let target = SqliteTarget::new(target).expect("a target");
    Restore { host, archive: Arc::new(archive), globals: None, target: Arc::new(target) }
}

fn packed(sandbox: &Sandbox, rows: u32) -> PathBuf {
    small_folder(&sandbox.path("folder"), rows);
    let archive = sandbox.path("archive.tar");
    let options = PackOptions { id: Some("1".to_owned()), ..PackOptions::default() };
    pack(&sandbox.path("folder"), &archive, &options).expect("packed");
    archive
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

struct NotNow;

impl Precondition for NotNow {
    fn check(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let message = format!("There are {} objects to restore, and it is not the time", situation.plan.steps.len());
        vec![Finding::refusal("office.closed", message, "Come back tomorrow")]
    }
}

#[test]
fn a_rule_of_ones_own_refuses() {
    let sandbox = Sandbox::new();
    let archive = packed(&sandbox, 10);
    let target = sandbox.path("target.sqlite");
    runtime().block_on(async {
        let open = restore(host(), &archive, &target);
        let fine = reinstate::plan(&open, &Options::default()).await.expect("a plan");
        assert!(fine.findings.iter().all(|finding| finding.severity == Severity::Note), "{:?}", fine.findings);

        let mut strict = Host::new(&options()).expect("our plugins load");
        strict.preconditions.push(Arc::new(NotNow));
        let closed = restore(Arc::new(strict), &archive, &target);
        let plan = reinstate::plan(&closed, &Options::default()).await.expect("a plan");
        let refusals = plan.findings.iter().filter(|finding| finding.severity == Severity::Refusal);
        assert_eq!(refusals.map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["office.closed"]);
        // A plan that was fine elsewhere is checked again.
        for plan in [plan, fine] {
            let report = reinstate::apply(&closed, &plan, &Watch::default()).await;
            assert_eq!((report.status, report.exit_status()), (Status::Refused, 3));
            assert_eq!(report.findings.iter().filter(|finding| finding.code == "office.closed").count(), 1);
            assert_eq!(report.error.as_ref().map(|error| error.code()), Some("restore.refused"));
            assert!(report.job.is_none());
        }
        assert!(!target.exists());
    });
}

#[test]
fn events_are_complete_and_in_order() {
    let sandbox = Sandbox::new();
    let archive = packed(&sandbox, 200_000);
    let (report, events) = runtime().block_on(async {
        let restore = restore(host(), &archive, &sandbox.path("target.sqlite"));
        let plan = reinstate::plan(&restore, &Options::default()).await.expect("a plan");
        let (watch, mut receiver) = Watch::channel();
        let report = reinstate::apply(&restore, &plan, &watch).await;
        drop(watch);
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            events.push(event);
        }
        (report, events)
    });
    assert_eq!(report.status, Status::Succeeded, "{report:?}");
    let [Event::Started { job, objects, rows, bytes, done }, middle @ .., Event::Rehearsing, Event::Switching] =
        &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((report.job.as_ref(), done.rows, done.bytes), (Some(job), 0, 0));
    assert_eq!((*rows, *bytes), (report.restored_records, report.restored_bytes));

    let mut committed = BTreeMap::new();
    let mut staged = 0;
    for event in middle {
        match event {
            Event::ObjectStarted { object } => {
                let seen = committed.insert(object, Some((0, 0)));
                assert!(seen.is_none(), "{object} starts twice");
            }
            Event::Committed { object, counts } => {
                let sum = committed.get_mut(object).and_then(Option::as_mut).expect("started, and not staged yet");
                *sum = (sum.0 + counts.rows, sum.1 + counts.bytes);
            }
            Event::ObjectStaged { object, counts, .. } => {
                let sum = committed.get_mut(object).and_then(Option::take).expect("started, and staged once");
                assert_eq!(sum, (counts.rows, counts.bytes), "{object}");
                staged += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((staged, committed.len() as u64), (*objects, *objects));
    assert_eq!(staged as usize, report.restored_objects.len());
}

#[test]
fn library_and_command_line_give_the_same_report() {
    let sandbox = Sandbox::new();
    let archive = packed(&sandbox, 100);
    let text = archive.to_str().expect("UTF-8");
    let cases =
        [(Options::default(), None), (Options { keep_going: true, ..Options::default() }, Some("--keep-going"))];
    for (options, flag) in cases {
        // The second restore of each pair is refused, the first one succeeds.
        for database in ["first.sqlite", "first.sqlite"] {
            let arguments = ["restore", text, "--into", &sandbox.target(&format!("cli-{database}"))];
            let told = sandbox.json(&[&arguments, flag.as_slice()].concat()).json();
            let report = runtime().block_on(async {
                let restore = restore(host(), &archive, &sandbox.path(&format!("library-{database}")));
                let plan = reinstate::plan(&restore, &options).await.expect("a plan");
                reinstate::apply(&restore, &plan, &Watch::default()).await
            });
            let own = serde_json::to_value(&report).expect("JSON");
            assert_eq!(comparable(told), comparable(own));
        }
        for name in ["cli-first.sqlite", "library-first.sqlite"] {
            std::fs::remove_file(sandbox.path(name)).expect("removed");
        }
    }
}

/// Without what no two runs have in common.
fn comparable(mut report: Value) -> Value {
    let succeeded = report["job"].is_string();
    assert_eq!(succeeded, report["switch_microseconds"].is_u64(), "{report:#}");
    report["job"] = Value::Null;
    report["info"]["job"] = Value::Null;
    report["switch_microseconds"] = Value::Null;
    let text = report.to_string();
    serde_json::from_str(&text.replace("cli-first", "DATABASE").replace("library-first", "DATABASE")).expect("JSON")
}

/// The future's output, unless it needs to be polled more often than that; it is dropped then.
async fn polled<F: Future>(future: F, mut times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if times == 0 => Poll::Ready(None),
        Poll::Pending => {
            times -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Applies a plan, or goes on with the interrupted job where there is one.
async fn go_on(restore: &Restore, plan: &Plan) -> Report {
    let jobs = restore.target.jobs().expect("jobs");
    assert!(jobs.iter().all(|job| job.status != JobStatus::Running), "Somebody still works: {jobs:?}");
    match jobs.iter().find(|job| job.status == JobStatus::Interrupted) {
        Some(job) => reinstate::resume(restore, &job.job, &Watch::default()).await,
        None => reinstate::apply(restore, plan, &Watch::default()).await,
    }
}

/// An undisturbed restore's content, and the plan and target of one that will be disturbed.
struct Disturbed {
    sandbox: Sandbox,
    archive: PathBuf,
    expected: String,
}

impl Disturbed {
    fn new(rows: u32) -> Self {
        let sandbox = Sandbox::new();
        let archive = packed(&sandbox, rows);
        runtime().block_on(async {
            let restore = restore(host(), &archive, &sandbox.path("expected.sqlite"));
            let plan = reinstate::plan(&restore, &Options::default()).await.expect("a plan");
            let report = reinstate::apply(&restore, &plan, &Watch::default()).await;
            assert_eq!(report.status, Status::Succeeded, "{report:?}");
        });
        let expected = logical_content(&sandbox.path("expected.sqlite"));
        Self { sandbox, archive, expected }
    }

    /// Disturbs a restore and goes on; says whether it came to its end undisturbed.
    fn run<Fut: Future<Output = Option<Report>>>(
        &self,
        round: usize,
        disturb: impl FnOnce(Restore, Plan) -> Fut,
    ) -> bool {
        let path = self.sandbox.path(&format!("target-{round}.sqlite"));
        let restore = restore(host(), &self.archive, &path);
        let first = runtime();
        let (plan, report) = first.block_on(async {
            let plan = reinstate::plan(&restore, &Options::default()).await.expect("a plan");
            let report = disturb(restore.clone(), plan.clone()).await;
            (plan, report)
        });
        // Waits for the threads that were at work when the future was dropped.
        drop(first);
        let content = logical_content(&path);
        assert!(content.is_empty() || content == self.expected, "round {round}: a mixture is visible:\n{content}");
        if content != self.expected {
            let report = runtime().block_on(go_on(&restore, &plan));
            assert_eq!(report.status, Status::Succeeded, "round {round}: {report:?}");
        }
        assert_eq!(logical_content(&path), self.expected, "round {round}");
        report.is_some()
    }
}

#[test]
fn a_dropped_restore_goes_on_wherever_it_was_dropped() {
    let disturbed = Disturbed::new(30_000);
    let done = (0..1000).find(|&polls| {
        disturbed.run(polls, move |restore, plan| async move {
            polled(reinstate::apply(&restore, &plan, &Watch::default()), polls).await
        })
    });
    assert!(done.is_some_and(|polls| polls > 3), "{done:?}");
}

#[test]
fn a_restore_is_dropped_at_any_time() {
    let disturbed = Disturbed::new(100_000);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..12 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let patience = std::time::Duration::from_micros(random % 400_000);
        disturbed.run(round, move |restore, plan| async move {
            tokio::time::timeout(patience, reinstate::apply(&restore, &plan, &Watch::default())).await.ok()
        });
    }
}

#[test]
fn a_cancelled_restore_goes_on() {
    let disturbed = Disturbed::new(30_000);
    disturbed.run(0, |restore, plan| async move {
        let (watch, mut events) = Watch::channel();
        let cancel = watch.cancel.clone();
        let stop = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if matches!(event, Event::Committed { .. }) {
                    cancel.cancel();
                }
            }
        });
        let report = reinstate::apply(&restore, &plan, &watch).await;
        drop(watch);
        stop.await.expect("the listener ends");
        if report.status == Status::Failed {
            let error = report.error.as_ref().expect("an error");
            assert_eq!((error.code(), report.exit_status()), ("restore.cancelled", 130));
            assert_eq!(restore.target.jobs().expect("jobs")[0].status, JobStatus::Interrupted);
        }
        None
    });
}
