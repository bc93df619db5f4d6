//! Crash points and random chains, over a store in memory.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use object_store::memory::InMemory;
use object_store::path::Path;
use serde_json::json;

use crate::cancel::Cancel;

use super::store::Store;
use super::writer::Sums;
use super::*;

type State = BTreeMap<String, Vec<u8>>;

fn repository() -> Repository {
    let store = Store::over(Arc::new(InMemory::new()), Path::from("some/prefix"), "r", None, false).unwrap();
    Repository { store }
}

fn create(repository: &Repository, wanted: &NewSnapshot, state: &State) -> Result<Stored> {
    let mut writer = repository.begin("shop", wanted)?;
    let mut entries = Vec::new();
    for (path, bytes) in state {
        writer.start();
        bytes.chunks(1000).try_for_each(|piece| writer.write(piece))?;
        let (length, _) = writer.end(path)?;
        entries.push(json!({"path": path, "bytes": length}));
    }
    let backup = json!({"name": "shop", "id": writer.id().to_string()});
    let objects = json!([{"kind": "table", "schema": "main", "name": "t", "entries": entries}]);
    let manifest = json!({"format": "f", "version": 1, "backup": backup, "objects": objects, "totals": {}}).to_string();
    let sums = Sums { objects: 1, records: 0, bytes: 0, files: state.len() as u64 };
    writer.finish(manifest.as_bytes(), "2026-01-01T00:00:00Z", sums)
}

fn read(repository: &Repository, id: u64) -> State {
    let snapshot = Snapshot::open(repository, "shop", Some(id), manifest::LIMIT).unwrap();
    let read = |(path, length): (String, u64)| {
        let mut bytes = Vec::new();
        snapshot.read(&path, 0).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, length);
        (path, bytes)
    };
    snapshot.payloads().unwrap().into_iter().map(read).collect()
}

fn new(backup_type: BackupType) -> NewSnapshot {
    NewSnapshot { backup_type, ..NewSnapshot::default() }
}

/// What anybody sees: ids and contents.
fn visible(repository: &Repository) -> BTreeMap<u64, State> {
    let backups = repository.backups("*").unwrap();
    let ids = backups.iter().flat_map(|backup| &backup.snapshots).map(|summary| summary.id);
    ids.map(|id| (id, read(repository, id))).collect()
}

/// The locks of those who died are stale one day.
fn wait_for_locks(repository: &Repository) {
    let files = repository.store.list("").unwrap();
    let locks = files.into_iter().map(|(path, _)| path).filter(|path| path.contains("locks/")).collect();
    repository.store.remove(locks).unwrap();
}

fn no_orphans(repository: &Repository) {
    let document = repository.read("shop").unwrap().map(|(document, _)| document);
    assert_eq!(sweep::orphans(&repository.store, "shop", document.as_ref()).unwrap(), []);
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    /// Some payloads change, come and go.
    fn change(&mut self, state: &mut State) {
        for _ in 0..self.below(4) {
            let path = format!("data/{}", self.below(8));
            let length = self.below(3000);
            match self.below(4) {
                0 => drop(state.remove(&path)),
                // The same bytes in another place are stored once, too.
                1 => drop(state.insert(path, vec![7; 1500])),
                _ => drop(state.insert(path, self.bytes(length))),
            }
        }
    }
}

/// The rules once more, as simple as they can be said.
#[derive(Default)]
struct Model {
    snapshots: Vec<(u64, BackupType, State)>,
    next: u64,
    keep: Option<usize>,
}

impl Model {
    fn push(&mut self, sort: BackupType, state: &State) {
        self.next += 1;
        self.snapshots.push((self.next, sort, state.clone()));
        self.trim();
    }

    fn trim(&mut self) {
        let Some(keep) = self.keep else { return };
        while self.snapshots.iter().filter(|(_, sort, _)| *sort == BackupType::Incremental).count() > keep {
            let oldest = self.snapshots.iter().position(|(_, sort, _)| *sort == BackupType::Incremental).unwrap();
            self.snapshots.remove(oldest);
        }
    }

    fn states(&self) -> BTreeMap<u64, State> {
        self.snapshots.iter().map(|(id, _, state)| (*id, state.clone())).collect()
    }
}

fn step(repository: &Repository, random: &mut Random, model: &mut Model, state: &mut State) {
    use BackupType::{Differential, Full, Incremental};
    random.change(state);
    let is_empty = model.snapshots.is_empty();
    match random.below(10) {
        0 => {
            let wanted = NewSnapshot { recreate: true, ..new(Full) };
            create(repository, &wanted, state).unwrap();
            model.snapshots.clear();
            model.keep = None;
            model.push(Full, state);
        }
        1..=4 => {
            let made = create(repository, &new(Incremental), state);
            assert_eq!(made.is_err(), is_empty);
            if !is_empty {
                model.push(Incremental, state);
            }
        }
        5 | 6 => {
            let full = model.snapshots.iter().rposition(|(_, sort, _)| *sort == Full);
            let delete = random.below(2) == 0;
            let wanted = NewSnapshot { delete_intermediate_backups: delete, ..new(Differential) };
            let made = create(repository, &wanted, state);
            assert_eq!(made.is_err(), full.is_none());
            if let Some(full) = full {
                let mut at = 0;
                model.snapshots.retain(|(_, sort, _)| {
                    at += 1;
                    !(delete && at > full && *sort == Incremental)
                });
                model.push(Differential, state);
            }
        }
        7 if !is_empty => {
            let at = random.below(model.snapshots.len() as u64) as usize;
            let (id, ..) = model.snapshots.remove(at);
            assert_eq!(repository.purge("shop", id, false).unwrap().removed, [id]);
        }
        8 if !is_empty => {
            let newest = model.snapshots.pop().unwrap();
            model.snapshots.clear();
            repository.merge("shop", "", false, &Cancel::default()).unwrap();
            model.push(Full, &newest.2);
        }
        9 => {
            let keep = random.below(5) as i64 - 1;
            let change = Alteration { max_incremental_backups_to_keep: Some(keep), ..Alteration::default() };
            repository.alter("shop", &change, false).unwrap();
            model.keep = usize::try_from(keep).ok();
            model.trim();
        }
        _ => {}
    }
}

#[test]
fn random_chains_keep_what_the_model_keeps() {
    for seed in 0..25 {
        let (repository, mut random, mut model) = (repository(), Random(seed), Model::default());
        let mut state = State::new();
        create(&repository, &new(BackupType::Full), &state).unwrap();
        model.push(BackupType::Full, &state);
        for number in 0..30 {
            step(&repository, &mut random, &mut model, &mut state);
            assert_eq!(visible(&repository), model.states(), "seed {seed}, step {number}");
            no_orphans(&repository);
        }
        if !model.snapshots.is_empty() {
            let verified = repository.verify("shop", None, &Cancel::default()).unwrap();
            assert!(verified.snapshots.iter().all(|snapshot| snapshot.errors.is_empty()), "{verified:?}");
        }
    }
}

/// A chain of three, and the state after it.
fn chain() -> (Repository, State) {
    let (repository, mut random, mut state) = (repository(), Random(42), State::new());
    for number in 0..6 {
        state.insert(format!("data/{number}"), random.bytes(2500));
    }
    create(&repository, &new(BackupType::Full), &state).unwrap();
    for number in [0, 3] {
        state.insert(format!("data/{number}"), random.bytes(2500));
        create(&repository, &new(BackupType::Incremental), &state).unwrap();
    }
    state.insert("data/5".to_owned(), random.bytes(9000));
    (repository, state)
}

type Operation = fn(&Repository, &State) -> Result<()>;

const OPERATIONS: [(&str, Operation); 8] = [
    ("incremental", |repository, state| create(repository, &new(BackupType::Incremental), state).map(drop)),
    ("keep", |repository, state| {
        let wanted = NewSnapshot { max_incremental_backups_to_keep: Some(1), ..new(BackupType::Incremental) };
        create(repository, &wanted, state).map(drop)
    }),
    ("differential", |repository, state| {
        let wanted = NewSnapshot { delete_intermediate_backups: true, ..new(BackupType::Differential) };
        create(repository, &wanted, state).map(drop)
    }),
    ("recreate", |repository, state| {
        create(repository, &NewSnapshot { recreate: true, ..new(BackupType::Full) }, state).map(drop)
    }),
    ("purge", |repository, _| repository.purge("shop", 1, false).map(drop)),
    ("merge", |repository, _| repository.merge("shop", "", false, &Cancel::default()).map(drop)),
    ("drop", |repository, _| repository.drop_backups("shop", false, false, false).map(drop)),
    ("checked", |repository, state| {
        let wanted = NewSnapshot { checksum: Some(true), ..new(BackupType::Incremental) };
        create(repository, &wanted, state).map(drop)
    }),
];

#[test]
fn a_death_at_any_write_shows_the_old_or_the_new_and_never_half() {
    for (name, operation) in OPERATIONS {
        let (old, after) = chain();
        let before = visible(&old);
        operation(&old, &after).unwrap();
        let new_state = visible(&old);
        assert_ne!(before, new_state, "{name}");
        let mut deaths = 0;
        for left in 0.. {
            let (repository, state) = chain();
            repository.store.left.store(left, Ordering::SeqCst);
            let outcome = operation(&repository, &state);
            repository.store.left.store(i64::MAX, Ordering::SeqCst);
            let seen = visible(&repository);
            assert!(seen == before || seen == new_state, "{name} after {left} writes: {:?}", seen.keys());
            assert!(outcome.is_err() || seen == new_state, "{name} after {left} writes");
            wait_for_locks(&repository);
            // The next one works, and what was left is gone.
            let next = NewSnapshot { recreate: true, ..new(BackupType::Full) };
            create(&repository, &next, &state).unwrap();
            assert_eq!(visible(&repository).into_values().collect::<Vec<_>>(), [state]);
            no_orphans(&repository);
            if outcome.is_ok() {
                break;
            }
            deaths += 1;
        }
        assert!(deaths >= 2, "{name}: {deaths}");
    }
}

#[test]
fn the_rules_are_kineticas() {
    use BackupType::{Differential, Full, Incremental};
    let repository = repository();
    let state = State::from([("data/1".to_owned(), b"one".to_vec())]);
    let refused = |wanted: &NewSnapshot| create(&repository, wanted, &state).unwrap_err().code().to_owned();
    assert_eq!(refused(&new(Incremental)), "repository.not_found");
    assert_eq!(repository.begin("a/b", &new(Full)).err().unwrap().code(), "repository.bad_name");
    create(&repository, &NewSnapshot { objects: vec!["table:*".into()], ddl_only: true, ..new(Full) }, &state).unwrap();
    assert_eq!(refused(&new(Full)), "repository.backup_exists");
    let objects = vec!["table:*".to_owned()];
    assert_eq!(refused(&NewSnapshot { objects, ..new(Incremental) }), "usage");
    assert_eq!(refused(&NewSnapshot { ddl_only: true, ..new(Differential) }), "usage");
    assert_eq!(refused(&NewSnapshot { recreate: true, ..new(Incremental) }), "usage");
    assert_eq!(refused(&NewSnapshot { delete_intermediate_backups: true, ..new(Incremental) }), "usage");
    let writer = repository.begin("shop", &new(Incremental)).unwrap();
    assert_eq!((writer.id(), writer.backup().options.ddl_only), (2, true));
    // It is held: another one is told how long it may take.
    let busy = repository.purge("shop", 1, false).unwrap_err();
    assert_eq!(busy.code(), "repository.busy");
    assert!(busy.to_string().contains("seconds"), "{busy}");
    drop(writer);
    create(&repository, &new(Incremental), &state).unwrap();
    repository.purge("shop", 1, false).unwrap();
    assert_eq!(refused(&new(Differential)), "repository.no_base");
    assert_eq!(repository.purge("shop", 1, false).unwrap_err().code(), "repository.not_found");
    assert_eq!(repository.backup("shop").unwrap().deleted, [1]);
    assert_eq!(repository.drop_backups("s*", false, false, false).unwrap_err().code(), "repository.not_allowed");
    assert_eq!(repository.drop_backups("x*", true, true, false).unwrap().len(), 0);
    assert_eq!(repository.drop_backups("x", false, false, false).unwrap_err().code(), "repository.not_found");
    assert_eq!(repository.drop_backups("s*", true, false, false).unwrap().len(), 1);
    assert!(repository.store.list("").unwrap().iter().all(|(path, _)| path == "repository.json"));
}

#[test]
fn dry_runs_write_nothing() {
    let (repository, state) = chain();
    let files = || {
        let files = repository.store.list("").unwrap();
        files.into_iter().map(|(path, meta)| (path, meta.last_modified, meta.e_tag)).collect::<Vec<_>>()
    };
    let before = files();
    repository.store.left.store(0, Ordering::SeqCst);
    let wanted = NewSnapshot { dry_run: true, ..new(BackupType::Incremental) };
    let stored = create(&repository, &wanted, &state).unwrap();
    assert!((9000..12_000).contains(&stored.snapshot.stored_bytes), "{stored:?}");
    create(&repository, &NewSnapshot { recreate: true, dry_run: true, ..new(BackupType::Full) }, &state).unwrap();
    assert_eq!(repository.merge("shop", "", true, &Cancel::default()).unwrap().removed, [1, 2, 3]);
    assert_eq!(repository.purge("shop", 3, true).unwrap().removed, [3]);
    assert_eq!(repository.drop_backups("shop", false, false, true).unwrap().len(), 1);
    let change = Alteration { max_incremental_backups_to_keep: Some(0), ..Alteration::default() };
    assert_eq!(repository.alter("shop", &change, true).unwrap().removed, [2, 3]);
    assert_eq!(files(), before);
}

#[test]
fn what_is_cancelled_leaves_the_backup_as_it_was() {
    let (repository, _) = chain();
    let before = serde_json::to_value(repository.backup("shop").unwrap()).unwrap();
    let cancel = Cancel::default();
    cancel.cancel();
    assert_eq!(repository.verify("shop", None, &cancel).unwrap_err().code(), "restore.cancelled");
    assert_eq!(repository.merge("shop", "", false, &cancel).unwrap_err().code(), "restore.cancelled");
    assert_eq!(serde_json::to_value(repository.backup("shop").unwrap()).unwrap(), before);
    let verified = repository.verify("shop", None, &Cancel::default()).unwrap();
    assert!(verified.snapshots.iter().all(|snapshot| snapshot.errors.is_empty()), "{verified:?}");
    repository.merge("shop", "", false, &Cancel::default()).unwrap();
}

#[test]
fn damage_is_found_and_named() {
    let (repository, _) = chain();
    let path = "shop/1/pack-000002";
    let (bytes, _) = repository.store.get(path, 1 << 30).unwrap().unwrap();
    let mut bytes = bytes.to_vec();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    repository.store.put(path, bytes).unwrap();
    let verified = repository.verify("shop", None, &Cancel::default()).unwrap();
    let damaged =
        |at: usize| verified.snapshots[at].errors.iter().any(|error| error.to_string().contains("1/pack-000002"));
    assert!(damaged(0), "{verified:?}");
    let shared: usize = (0..3).filter(|at| damaged(*at)).count();
    assert!(shared >= 2, "those that share it are damaged, too: {verified:?}");
    repository.store.remove(vec!["shop/2/chunks.json.zst".to_owned()]).unwrap();
    let verified = repository.verify("shop", Some(Some(2)), &Cancel::default()).unwrap();
    assert!(verified.snapshots[0].errors[0].to_string().contains("2/chunks.json.zst"), "{verified:?}");
}

#[test]
fn a_payload_is_read_from_any_place() {
    let repository = repository();
    let bytes = Random(3).bytes(12_000_000);
    let state = State::from([("data/1".to_owned(), bytes.clone()), ("data/2".to_owned(), Vec::new())]);
    create(&repository, &new(BackupType::Full), &state).unwrap();
    let snapshot = Snapshot::open(&repository, "shop", None, manifest::LIMIT).unwrap();
    for offset in [0, 1, 300_000, 6_000_000, 11_999_999, 12_000_000] {
        let mut found = Vec::new();
        snapshot.read("data/1", offset).unwrap().read_to_end(&mut found).unwrap();
        assert!(found == bytes[offset as usize..], "{offset}");
    }
    let mut found = Vec::new();
    snapshot.read("data/2", 0).unwrap().read_to_end(&mut found).unwrap();
    assert!(found.is_empty());
    assert_eq!(snapshot.read("data/3", 0).unwrap_err().code(), "archive.entry_missing");
    // An inserted byte costs a chunk or two.
    let mut longer = state.clone();
    longer.insert("data/1".to_owned(), [&bytes[..5_000_000], b"x", &bytes[5_000_000..]].concat());
    let stored = create(&repository, &new(BackupType::Incremental), &longer).unwrap();
    assert!(stored.snapshot.stored_bytes < 6_000_000, "{stored:?}");
}
