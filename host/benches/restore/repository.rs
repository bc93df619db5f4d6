//! Repositories: a list of many snapshots, and a plan of many objects that reads no payload.

use std::path::Path;
use std::time::Instant;

use reinstate::backup::Writer;
use reinstate::catalog::Backup;
use reinstate::repository::{NewSnapshot, Repository};
use reinstate::source::{Credentials, Place};
use serde_json::{Value, json};

use super::figure::{Goal, line, median, seconds};
use super::{Bench, data};

const SNAPSHOTS: u64 = 10_000;
const OBJECTS: u64 = 100_000;

pub(crate) fn repository(bench: &Bench) {
    list(bench);
    plan(bench);
}

fn place(folder: &Path) -> Place {
    Place { name: "r".to_owned(), url: folder.display().to_string(), credentials: Credentials::default() }
}

fn snapshot(repository: &Repository, objects: u64, rows: u64) {
    let writer = repository.begin("many", &NewSnapshot::default()).unwrap();
    let mut writer = Writer::into_snapshot(writer);
    data::write_objects(&mut writer, objects, rows);
    let backup = Backup {
        name: "many".to_owned(),
        id: "1".to_owned(),
        created: "2024-01-01T00:00:00Z".to_owned(),
        position: None,
        source: "directory".to_owned(),
        dialect: String::new(),
    };
    writer.finish(backup).unwrap();
}

/// A backup with many snapshots: its document says the first one again and again.
fn list(bench: &Bench) {
    let folder = bench.path("listed");
    let repository = Repository::create(&place(&folder)).unwrap();
    snapshot(&repository, 3, 5);
    let path = folder.join("many/backup.json");
    let mut document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let first = document["snapshots"][0].clone();
    let again = |id| {
        let mut one = first.clone();
        one["id"] = json!(id);
        one
    };
    document["snapshots"] = (1..=SNAPSHOTS).map(again).collect();
    document["next_id"] = json!(SNAPSHOTS + 1);
    std::fs::write(&path, document.to_string()).unwrap();
    let once = |_| {
        let started = Instant::now();
        assert_eq!(repository.backups("*").unwrap()[0].snapshots.len() as u64, SNAPSHOTS);
        started.elapsed().as_secs_f64()
    };
    let time = median((0..bench.rounds).map(once).collect());
    let what = format!("{SNAPSHOTS} snapshots of a backup");
    line("list", &what, seconds(time), Goal::AtMost(1.0).of(time, " s"));
}

/// The packs are taken away before: what a plan does not read it does not miss.
fn plan(bench: &Bench) {
    let folder = bench.path("planned");
    let repository = Repository::create(&place(&folder)).unwrap();
    snapshot(&repository, OBJECTS, 400);
    let stored = repository.backup("many").unwrap().snapshots[0].stored_bytes;
    let snapshot = folder.join("many/1");
    for file in std::fs::read_dir(&snapshot).unwrap().flatten() {
        if file.file_name() != "manifest.json.zst" {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let length = |path: &Path| std::fs::metadata(path).unwrap().len();
    let read = length(&snapshot.join("manifest.json.zst")) + length(&folder.join("many/backup.json"));
    let config = bench.path(".config/reinstate");
    std::fs::create_dir_all(&config).unwrap();
    let known = json!({ "repositories": { "r": folder } });
    std::fs::write(config.join("repositories.json"), known.to_string()).unwrap();
    let target = bench.path("never.sqlite");
    let once = |_| bench.binary.plan(Path::new("r/many"), &target).seconds;
    let time = median((0..bench.rounds).map(once).collect());
    let what = format!("{OBJECTS} objects of a snapshot, the process from start to end");
    line("plan", &what, seconds(time), Goal::AtMost(2.0).of(time, " s"));
    let share = read as f64 / stored as f64 * 100.0;
    let what = format!("{read} of {stored} stored bytes read to plan it");
    line("plan", &what, format!("{share:.2} %"), Goal::AtMost(1.0).of(share, " %"));
}
