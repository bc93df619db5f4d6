//! What restores cost, as ratios and figures of one run: `cargo bench -p reinstate [-- CASE…]`.
//!
//! Runs that are compared alternate, and the median of each counts, so that a busy machine hurts both sides. A missed goal
//! is shown and never fails the run. `REINSTATE_BENCH_ROUNDS` (3) says how often, `REINSTATE_BENCH_LARGE=1` adds an
//! archive of 5 GB, which needs 40 GB of disk.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "Printing is what this program is for")]

mod binary;
mod data;
mod figure;
mod native;
mod postgres;
mod repository;
mod status;

use std::path::Path;

use binary::Binary;
use data::Table;
use figure::{Goal, line, median, note, ratio, seconds};
use native::Library;

const ROWS: u64 = 3_000_000;

type Case = fn(&Bench);

const CASES: [(&str, Case); 10] = [
    ("import", import),
    ("sandbox", sandbox),
    ("small", small),
    ("memory", memory),
    ("large", large),
    ("start", start),
    ("plan", plan),
    ("repository", repository::repository),
    ("status", status::status),
    ("postgres", |bench| postgres::postgres(bench.rounds)),
];

struct Bench {
    folder: tempfile::TempDir,
    binary: Binary,
    rounds: usize,
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let binary = Binary::new(folder.path());
    let rounds = std::env::var("REINSTATE_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let bench = Bench { folder, binary, rounds };
    for (name, case) in CASES {
        if chosen.is_empty() || chosen.iter().any(|one| one == name) {
            case(&bench);
        }
    }
}

impl Bench {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The large table, as a folder with its CSV file and as an archive; made once.
    fn table(&self) -> Table {
        Table::packed(self.folder.path(), ROWS)
    }

    fn restore(&self, archive: &Path) -> binary::Run {
        let target = self.path("restored.sqlite");
        data::remove(&target);
        self.binary.restore(archive, &target)
    }
}

/// A table of some millions of rows against `.import` of the same CSV into a table of the same definition.
fn import(bench: &Bench) {
    let table = bench.table();
    bench.restore(&table.archive);
    let definition = data::definition(&bench.path("restored.sqlite"), data::TABLE);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        ours.push(bench.restore(&table.archive).seconds);
        match binary::sqlite_import(&bench.path("imported.sqlite"), &definition, &table.csv) {
            Some(seconds) => theirs.push(seconds),
            None => return note("import", "left out: there is no sqlite3 here"),
        }
    }
    let restored = data::count(&bench.path("restored.sqlite"), data::TABLE);
    let imported = data::count(&bench.path("imported.sqlite"), data::TABLE);
    assert_eq!((restored, imported), (ROWS as i64, ROWS as i64));
    let (ours, theirs) = (median(ours), median(theirs));
    line(
        "import",
        &format!("{} rows: restore {}, sqlite3 .import {}", ROWS, seconds(ours), seconds(theirs)),
        ratio(theirs / ours),
        Goal::AtLeast(1.5).of(theirs / ours, "×"),
    );
}

/// The same archive through the plugin in its sandbox, and through the plugin's code called natively.
fn sandbox(bench: &Bench) {
    let table = bench.table();
    let library = Library::new(bench.folder.path(), &table.archive);
    for width in [0, 1] {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds {
            inside.push(library.sandboxed(width));
            outside.push(library.native(width));
        }
        let (inside, outside) = (median(inside), median(outside));
        let cost = (inside / outside - 1.0) * 100.0;
        let width = if width == 0 { "as wide as the machine".to_owned() } else { format!("width {width}") };
        line(
            "sandbox",
            &format!("{width}: in the sandbox {}, natively {}", seconds(inside), seconds(outside)),
            format!("{cost:+.1} %"),
            Goal::AtMost(10.0).of(cost, " %"),
        );
    }
}

/// Many objects of few bytes.
fn small(bench: &Bench) {
    const OBJECTS: u64 = 20_000;
    let archive = bench.path("small.tar");
    data::objects(&archive, OBJECTS, true);
    let (mut times, mut plans) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        times.push(bench.restore(&archive).seconds);
        let target = bench.path("never.sqlite");
        plans.push(bench.binary.plan(&archive, &target).seconds);
    }
    let (time, planned) = (median(times), median(plans));
    let rate = OBJECTS as f64 / time;
    line(
        "small",
        &format!("{OBJECTS} objects in {} ({} of it to plan)", seconds(time), seconds(planned)),
        format!("{rate:.0} objects/s"),
        Goal::AtLeast(10_000.0).of(rate, " objects/s"),
    );
}

fn memory(bench: &Bench) {
    let table = bench.table();
    peak(bench, &table.archive);
}

/// An archive of 5 GB, only when asked for.
fn large(bench: &Bench) {
    if std::env::var_os("REINSTATE_BENCH_LARGE").is_none_or(|value| value.is_empty()) {
        return note("large", "left out: REINSTATE_BENCH_LARGE=1 measures an archive of 5 GB");
    }
    let archive = bench.path("large.tar");
    data::large(&archive, 5_000_000_000);
    peak(bench, &archive);
    data::remove(&bench.path("restored.sqlite"));
    data::remove(&archive);
}

fn peak(bench: &Bench, archive: &Path) {
    let megabytes = std::fs::metadata(archive).unwrap().len() as f64 / 1e6;
    let run = bench.restore(archive);
    let mebibytes = run.peak_bytes as f64 / f64::from(1 << 20);
    line(
        "memory",
        &format!("an archive of {megabytes:.0} MB in {}", seconds(run.seconds)),
        format!("{mebibytes:.0} MiB"),
        Goal::AtMost(256.0).of(mebibytes, " MiB"),
    );
}

/// The whole life of a process that restores one row: its first row is committed somewhat earlier.
fn start(bench: &Bench) {
    let archive = bench.path("one.tar");
    data::one_row(&archive);
    bench.restore(&archive);
    let time = median((0..15 * bench.rounds).map(|_| bench.restore(&archive).seconds * 1e3).collect());
    line(
        "start",
        "one row restored, the process from start to end",
        format!("{time:.1} ms"),
        Goal::AtMost(50.0).of(time, " ms"),
    );
}

/// Many objects planned, none restored.
fn plan(bench: &Bench) {
    const OBJECTS: u64 = 100_000;
    let archive = bench.path("many.tar");
    data::objects(&archive, OBJECTS, false);
    let target = bench.path("never.sqlite");
    let time = median((0..bench.rounds).map(|_| bench.binary.plan(&archive, &target).seconds).collect());
    line(
        "plan",
        &format!("{OBJECTS} objects, the process from start to end"),
        seconds(time),
        Goal::AtMost(2.0).of(time, " s"),
    );
}
