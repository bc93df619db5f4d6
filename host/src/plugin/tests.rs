//! Real plugins in the real sandbox: one that can be trusted, and all the ways in which one cannot.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::capability::entries::{Chunks, Source};
use super::*;
use crate::catalog::{Digest, Entry};
use crate::plan::Severity;
use crate::target::definition::{Summary, TableDefinition};
use crate::target::{Counts, Work};

mod bundled;
mod hostile;
mod layouts;
mod loading;

#[path = "../../../tests/support/misbehaving.rs"]
mod misbehaving;
use misbehaving::COMPONENT;

/// Compiled once for all tests; the cache is the only thing they share.
static CACHE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fn options() -> PluginOptions {
    PluginOptions {
        grants: ["tables", "definitions", "blobs"].map(str::to_owned).to_vec(),
        cache: Some(CACHE.path().to_owned()),
        limits: Limits { memory_bytes: 64 << 20, ..Limits::default() },
        ..PluginOptions::default()
    }
}

fn plugin() -> Plugin {
    load::foreign(&COMPONENT, &options()).unwrap()
}

/// The same plugin with little time; what else it does must not depend on how busy the machine is.
fn hasty() -> Plugin {
    let limits = Limits { deadline: Duration::from_millis(500), ..options().limits };
    load::foreign(&COMPONENT, &PluginOptions { limits, ..options() }).unwrap()
}

/// Entries in memory.
struct Memory {
    bytes: &'static [u8],
    /// What reading ends in, instead of the end.
    fails: Option<&'static str>,
}

struct Reader {
    bytes: Bytes,
    fails: Option<&'static str>,
}

impl Source for Memory {
    fn open(&self, _: &Entry, _: bool) -> Result<Box<dyn Chunks>> {
        Ok(Box::new(Reader { bytes: Bytes::from_static(self.bytes), fails: self.fails }))
    }
}

impl Chunks for Reader {
    fn next(&mut self, max: usize) -> Result<Bytes> {
        let chunk = self.bytes.split_to(max.min(self.bytes.len()));
        match self.fails {
            Some(code) if chunk.is_empty() => Err(Error::new(code, "The entry is not what it was")),
            _ => Ok(chunk),
        }
    }
}

/// A small target that keeps lines and documents.
#[derive(Default)]
struct Staged {
    tables: BTreeMap<String, u64>,
    document: Option<String>,
    blobs: BTreeMap<String, u64>,
    /// What appending ends in.
    full: bool,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Staged>>);

impl Work for Lines {
    fn create_table(&mut self, table: &str, definition: TableDefinition) -> Result<()> {
        assert_eq!(definition.columns.len(), 1);
        self.0.lock().unwrap().tables.insert(table.to_owned(), 0);
        Ok(())
    }
    fn append(&mut self, table: &str, _columns: &[String], form: &str, batch: Bytes) -> Result<u64> {
        assert_eq!(form, "lines");
        let mut staged = self.0.lock().unwrap();
        if staged.full {
            return Err(Error::new("target.full", "The disk is full"));
        }
        let rows = batch.iter().filter(|byte| **byte == b'\n').count() as u64;
        *staged.tables.get_mut(table).unwrap() += rows;
        Ok(rows)
    }
    fn summarize(&mut self, table: &str) -> Result<Summary> {
        Ok(Summary { columns: vec!["line".to_owned()], rows: self.0.lock().unwrap().tables[table] })
    }
    fn put_document(&mut self, document: &str) -> Result<()> {
        self.0.lock().unwrap().document = Some(document.to_owned());
        Ok(())
    }
    fn append_blob(&mut self, name: &str, bytes: Bytes) -> Result<()> {
        *self.0.lock().unwrap().blobs.entry(name.to_owned()).or_default() += bytes.len() as u64;
        Ok(())
    }
    fn commit(self: Box<Self>, _: Counts) -> Result<()> {
        Ok(())
    }
}

/// Three lines in six bytes, in each of nine entries.
const LINES: &[u8] = b"a\nb\nc\n";

fn view(name: &str) -> ObjectView {
    let entry = |number: u32| Entry {
        path: format!("data/{number}.txt"),
        form: "lines".to_owned(),
        bytes: LINES.len() as u64,
        rows: Some(3),
        sha256: Some(Digest([0; 32])),
        stored: None,
    };
    let name = ObjectName::new("misbehaving", Some("main"), name);
    let object = Object {
        name: name.clone(),
        attributes: RawValue::from_string("{}".to_owned()).unwrap(),
        depends: Vec::new(),
        entries: (0..9).map(entry).collect(),
        section: crate::catalog::Section::PreData,
    };
    ObjectView {
        object: Arc::new(object),
        into: name,
        definitions_only: false,
        rows_only: false,
        leave_out: Default::default(),
    }
}

fn surroundings() -> Surroundings {
    let forms = vec!["arrow".to_owned(), "lines".to_owned()];
    let target = TargetInfo { kind: "lines".to_owned(), version: "1".to_owned(), dialect: String::new(), forms };
    Surroundings {
        dialect: String::new(),
        target,
        schema_map: vec![("main".to_owned(), "other".to_owned())],
        allow: Default::default(),
        plain_roles: Default::default(),
        identity: None,
        restore_subscriptions: Default::default(),
    }
}

fn session_of(plugin: &Plugin, name: &str, fails: Option<&'static str>, cancel: &Cancel) -> Result<Session> {
    let source = Arc::new(Memory { bytes: LINES, fails });
    plugin.session_over(view(name), &surroundings(), source, true, cancel.clone())
}

/// A session whose object was begun in an empty target.
fn begun(name: &str, fails: Option<&'static str>) -> (Session, Lines) {
    begun_by(&plugin(), name, fails)
}

fn begun_by(plugin: &Plugin, name: &str, fails: Option<&'static str>) -> (Session, Lines) {
    let mut session = session_of(plugin, name, fails, &Cancel::default()).unwrap();
    let staged = Lines::default();
    session.give(Box::new(staged.clone()));
    session.begin().unwrap();
    (session, staged)
}

fn restore_error(plugin: &Plugin, name: &str) -> Error {
    let (mut session, _) = begun_by(plugin, name, None);
    let error = session.restore(0).unwrap_err();
    assert!(session.take().is_some(), "The open unit comes back, whatever happened: {name}");
    assert_eq!(error.details().object.as_ref().unwrap().name, name);
    assert_eq!(error.details().entry.as_deref(), Some("data/0.txt"));
    error
}

#[test]
fn an_honest_plugin_restores_an_object() {
    let (mut session, staged) = begun("honest", None);
    for part in 0..9 {
        assert_eq!(session.restore(part).unwrap(), Counts { rows: 3, bytes: 6 });
    }
    session.end().unwrap();
    assert_eq!(session.verify().unwrap(), []);
    assert_eq!(staged.0.lock().unwrap().tables[""], 27);
    assert!(session.take().is_some() && session.take().is_none());
    assert!(session.log().is_empty());
}

#[test]
fn verifying_finds_what_is_missing() {
    let (mut session, _) = begun("honest", None);
    session.restore(0).unwrap();
    let findings = session.verify().unwrap();
    assert_eq!((findings[0].severity, findings[0].code.as_str()), (Severity::Refusal, "misbehaving.rows"));
    assert_eq!(findings[0].object.as_ref().unwrap().name, "honest");
}

#[test]
fn every_object_is_planned_in_order() {
    let views: Vec<_> = (0..2500).map(|number| view(&format!("honest {number}"))).collect();
    let outlooks = plugin().plan(&views, &surroundings(), &Cancel::default()).unwrap();
    assert_eq!(outlooks.len(), 2500);
    assert!(outlooks.iter().all(|outlook| (outlook.rows, outlook.bytes) == (3, 9)));
    assert!(plugin().plan(&[], &surroundings(), &Cancel::default()).unwrap().is_empty());
}

#[test]
fn a_stopped_job_stops_its_plugins() {
    let cancel = Cancel::default();
    let mut session = session_of(&plugin(), "spin", None, &cancel).unwrap();
    session.give(Box::new(Lines::default()));
    session.begin().unwrap();
    cancel.cancel();
    assert_eq!(session.restore(0).unwrap_err().code(), "restore.cancelled");
    assert_eq!(plugin().plan(&[view("honest")], &surroundings(), &cancel).unwrap_err().code(), "restore.cancelled");
}

#[test]
fn a_running_plugin_is_stopped_too() {
    let cancel = Cancel::default();
    let plugin = plugin();
    let mut session = session_of(&plugin, "spin", None, &cancel).unwrap();
    session.give(Box::new(Lines::default()));
    session.begin().unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| session.restore(0).unwrap_err());
        cancel.cancel();
        assert_eq!(running.join().unwrap().code(), "restore.cancelled");
    });
}
