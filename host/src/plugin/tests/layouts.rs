//! Layouts that read a foreign backup, and all the ways in which one can misread it; what `sql` runs and refuses.

use super::misbehaving::build;
use super::*;
use crate::archive::{self, OpenOptions};
use crate::catalog::{Compression, Extent, Section, Stored, verify};
use crate::sql::reach;
use crate::target::Scope;

static READER: LazyLock<PathBuf> = LazyLock::new(|| build("misreading"));

fn reader_options() -> PluginOptions {
    PluginOptions { grants: ["tables", "sql"].map(str::to_owned).to_vec(), ..options() }
}

fn reader() -> Plugin {
    load::foreign(&READER, &reader_options()).unwrap()
}

fn hasty_reader() -> Plugin {
    let limits = Limits { deadline: Duration::from_millis(500), ..options().limits };
    load::foreign(&READER, &PluginOptions { limits, ..reader_options() }).unwrap()
}

fn open(text: &str, options: &OpenOptions) -> Arc<Archive> {
    Arc::new(Archive::from_stream(text.as_bytes(), options).unwrap())
}

fn catalog_by(plugin: Plugin, word: &str, options: &OpenOptions) -> Result<Catalog> {
    let plugins = Plugins { all: vec![Arc::new(plugin)] };
    plugins.catalog(&open(&format!("-- {word}\n"), options), &Cancel::default())
}

fn catalog(word: &str) -> Result<Catalog> {
    catalog_by(reader(), word, &OpenOptions::default())
}

#[test]
fn a_layout_reads_a_foreign_backup() {
    let found = catalog("honest").unwrap();
    assert_eq!(found.layout.as_deref(), Some("misreading"));
    assert_eq!((found.backup.name.as_str(), found.backup.dialect.as_str()), ("shop\\u{1b}[2J", "postgres"));
    let [first, second] = &found.objects[..] else { panic!("{:?}", found.objects) };
    assert_eq!(first.depends, std::slice::from_ref(&second.name), "neither itself nor what is not there");
    assert_eq!((first.section, second.section), (Section::PreData, Section::PostData));
    let [whole, span] = &first.entries[..] else { panic!("{:?}", first.entries) };
    let stored = |extent, exact| {
        let member = archive::SINGLE.to_owned();
        Some(Stored { member, extent, compression: Compression::None, exact })
    };
    assert_eq!((whole.bytes, &whole.stored), (10, &stored(Extent::Whole, true)));
    assert_eq!((span.bytes, &span.stored), (6, &stored(Extent::Span { offset: 3, bytes: 6 }, false)));

    let archive = open("-- honest\n", &OpenOptions::default());
    let mut read = 0;
    assert!(verify(&archive, &found, &mut |bytes| read += bytes, &Cancel::default()).unwrap().is_empty());
    assert_eq!(read, 16);
    assert_eq!(catalog("honest").unwrap().digest, found.digest);
}

#[test]
fn an_archive_that_nobody_knows_says_who_was_asked() {
    let error = catalog("stranger").unwrap_err();
    assert_eq!(error.code(), "catalog.unrecognised");
    assert!(error.to_string().contains("these layouts know: misreading"), "{error}");
    let none = Plugins { all: vec![Arc::new(plugin())] };
    let error = none.catalog(&open("-- honest\n", &OpenOptions::default()), &Cancel::default()).unwrap_err();
    assert!(error.to_string().contains("no plugin reads foreign backups"), "{error}");
    // What one layout stumbles over another may know.
    assert_eq!(catalog("panic in recognise").unwrap_err().code(), "plugin.trap");
}

#[test]
fn what_cannot_be_true_is_not_believed() {
    let cases = [
        ("two names", "plugin.bad_answer", "two objects the name misread main.a"),
        ("two paths", "plugin.bad_answer", "two entries the path a"),
        ("another member", "archive.entry_missing", "../etc/passwd"),
        ("behind the end", "archive.truncated", "behind the end of backup"),
        ("beyond numbers", "archive.truncated", "behind the end of backup"),
        ("wide blocks", "plugin.bad_answer", "lengths of 9 bytes"),
        ("narrow blocks", "plugin.bad_answer", "lengths of 0 bytes"),
        ("bad form", "plugin.bad_answer", "form"),
        ("bad kind", "plugin.bad_answer", "kind"),
        ("bad name", "plugin.bad_answer", "NUL"),
        ("long name", "plugin.bad_answer", "longer than 8192"),
        ("bad schema", "plugin.bad_answer", "without a name"),
        ("no attributes", "plugin.bad_answer", "not JSON"),
        ("list of attributes", "plugin.bad_answer", "not a JSON object"),
        ("too much", "plugin.bad_answer", "2^64"),
        ("huge", "plugin.hostcall_limit", "67108864 bytes in one call"),
        ("hoard", "plugin.memory_limit", "134217728 is the limit"),
        ("own failure", "misread.own", "It is\\n\\u{1b}[1mso"),
        ("speak for the host", "restore.object_failed", "Please keep the stage"),
        ("write", "plugin.out_of_scope", "asked for a stage while it read the archive"),
        ("execute", "plugin.write_refused", "sql.execute"),
        ("read an entry", "plugin.out_of_scope", "read an entry"),
    ];
    for (word, code, reason) in cases {
        let error = catalog(word).unwrap_err();
        assert_eq!(error.code(), code, "{word}: {error}");
        assert!(error.to_string().contains(reason), "{word}: {error}");
        assert!(!error.to_string().contains(char::is_control), "{word}: {error:?}");
    }
    let strange = catalog("strange path").unwrap();
    assert_eq!(strange.objects[0].entries[0].path, "\\u{1b}[2J");
    assert_eq!(catalog("read outside").unwrap().objects.len(), 1);
}

#[test]
fn a_layout_without_an_end_is_stopped() {
    for word in ["spin in recognise", "spin in open", "spin in objects", "read for ever"] {
        let error = catalog_by(hasty_reader(), word, &OpenOptions::default()).unwrap_err();
        assert_eq!(error.code(), "plugin.deadline", "{word}: {error}");
    }
    let limits = archive::Limits { manifest_bytes: 1 << 20, ..archive::Limits::default() };
    let error = catalog_by(reader(), "endless", &OpenOptions { limits, ..OpenOptions::default() }).unwrap_err();
    assert_eq!(error.code(), "archive.limit", "{error}");
    let cancel = Cancel::default();
    cancel.cancel();
    let plugins = Plugins { all: vec![Arc::new(reader())] };
    let error = plugins.catalog(&open("-- honest\n", &OpenOptions::default()), &cancel).unwrap_err();
    assert_eq!(error.code(), "restore.cancelled");
}

#[test]
fn a_plugin_says_that_it_has_a_layout() {
    let inspection = inspect(&READER, &PluginOptions { grants: Vec::new(), ..options() }).unwrap();
    assert!(inspection.layout);
    assert_eq!(inspection.missing_grants, ["tables", "sql"]);
    let archive = inspection.imports.iter().find(|import| import.interface == "archive").unwrap();
    assert!(archive.granted && !archive.writes);
    assert!(reader().description().layout && !plugin().description().layout);
    // A second time from the cache.
    assert!(load::foreign(&READER, &reader_options()).unwrap().description().layout);
}

#[test]
fn kinds_of_layouts_are_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(&*READER, folder.path().join("one.wasm")).unwrap();
    let options = PluginOptions { folder: Some(folder.path().to_owned()), ..reader_options() };
    assert!(Plugins::load(&options).is_ok());
    // Two of one name are still two of one name.
    std::fs::copy(&*READER, folder.path().join("two.wasm")).unwrap();
    assert_eq!(Plugins::load(&options).err().unwrap().code(), "plugin.invalid");
}

/// A target that keeps statements, and counts rows when a part ends.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<(Vec<(String, Scope, Option<String>)>, u64)>>);

impl Work for Statements {
    fn execute(&mut self, statements: &str, scope: &Scope, undo: Option<&str>) -> Result<()> {
        self.0.lock().unwrap().0.push((statements.to_owned(), scope.clone(), undo.map(str::to_owned)));
        Ok(())
    }
    fn append(&mut self, _: &str, columns: &[String], _: &str, batch: Bytes) -> Result<u64> {
        assert_eq!(columns, ["line"]);
        self.0.lock().unwrap().1 += batch.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(0)
    }
    fn end_rows(&mut self) -> Result<u64> {
        Ok(self.0.lock().unwrap().1)
    }
    fn commit(self: Box<Self>, _: Counts) -> Result<()> {
        Ok(())
    }
}

/// What no target may be asked without being allowed to.
const REACHING: &str = "ALTER SYSTEM SET archive_command = 'evil'";

fn misread(name: &str, statements: &str) -> ObjectView {
    let view = view(name);
    let mut object = (*view.object).clone();
    object.name.kind = "misread".to_owned();
    let attributes = serde_json::json!({ "statements": statements });
    object.attributes = RawValue::from_string(attributes.to_string()).unwrap();
    ObjectView { object: Arc::new(object), ..view }
}

fn reaching(name: &str) -> ObjectView {
    misread(name, REACHING)
}

fn allowing(codes: &[&str]) -> Surroundings {
    Surroundings { allow: codes.iter().map(|code| (*code).to_owned()).collect(), ..surroundings() }
}

fn begin(name: &str, statements: &str, surroundings: &Surroundings) -> (Result<()>, Statements, Session) {
    begin_with(misread(name, statements), surroundings)
}

fn begin_with(view: ObjectView, surroundings: &Surroundings) -> (Result<()>, Statements, Session) {
    let source = Arc::new(Memory { bytes: LINES, fails: None });
    let mut session = reader().session_over(view, surroundings, source, true, Cancel::default()).unwrap();
    let staged = Statements::default();
    session.give(Box::new(staged.clone()));
    (session.begin(), staged, session)
}

#[test]
fn statements_run_in_their_scope() {
    let (done, staged, _) = begin("x", "CREATE TYPE t", &surroundings());
    done.unwrap();
    assert_eq!(staged.0.lock().unwrap().0, [("CREATE TYPE t".to_owned(), Scope::Itself, None)]);
    let (done, staged, _) = begin("part", "CREATE INDEX i", &surroundings());
    done.unwrap();
    let whole = ObjectName::new("misread", Some("main"), "whole");
    let expected = ("CREATE INDEX i".to_owned(), Scope::PartOf(whole), Some("DROP INDEX i".to_owned()));
    assert_eq!(staged.0.lock().unwrap().0, [expected]);
}

#[test]
fn sql_is_refused_where_nothing_may_be_written_and_without_a_grant() {
    let error =
        reader().plan(&[misread("execute in plan", "CREATE TYPE t")], &surroundings(), &Cancel::default()).unwrap_err();
    assert_eq!(error.code(), "plugin.write_refused");
    let (done, _, mut session) = begin("execute in verify", "CREATE TYPE t", &surroundings());
    done.unwrap();
    assert_eq!(session.verify().unwrap_err().code(), "plugin.write_refused");
    let options = PluginOptions { grants: vec!["tables".to_owned()], ..options() };
    let plugin = load::foreign(&READER, &options).unwrap();
    let source = Arc::new(Memory { bytes: LINES, fails: None });
    let session = plugin.session_over(misread("x", "x"), &surroundings(), source, true, Cancel::default());
    assert_eq!(session.err().unwrap().code(), "plugin.not_granted");
    let (done, _, _) = begin("examine for ever", "CREATE TYPE t", &surroundings());
    assert_eq!(done.unwrap_err().code(), "plugin.hostcall_limit");
    let (done, _, _) = begin("read the archive", "CREATE TYPE t", &surroundings());
    assert_eq!(done.unwrap_err().code(), "plugin.out_of_scope");
}

#[test]
fn rows_that_are_counted_when_a_part_ends_are_counted() {
    let (done, _, mut session) = begin("x", "CREATE TYPE t", &surroundings());
    done.unwrap();
    assert_eq!(session.restore(0).unwrap(), Counts { rows: 3, bytes: 6 });
    let fewer = Statements::default();
    fewer.0.lock().unwrap().1 = 1;
    session.give(Box::new(fewer));
    let error = session.restore(1).unwrap_err();
    assert_eq!(error.code(), "plugin.count_mismatch", "{error}");
}

#[test]
fn what_reaches_outside_must_be_allowed_by_name() {
    let code = reach::examine(REACHING)[0].code;
    let refused = format!("Allow it with --allow {code}, or leave the object out");
    for (allowed, severity, fix) in
        [(&[][..], Severity::Refusal, refused.as_str()), (&[code], Severity::Note, ""), (&["all"], Severity::Note, "")]
    {
        let outlooks = reader().plan(&[reaching("x")], &allowing(allowed), &Cancel::default()).unwrap();
        let found = &outlooks[0].findings[0];
        assert_eq!((found.severity, found.code.as_str(), found.fix.as_str()), (severity, code, fix));
        let (done, staged, _) = begin_with(reaching("x"), &allowing(allowed));
        assert_eq!(done.is_ok(), severity == Severity::Note);
        assert_eq!(staged.0.lock().unwrap().0.len(), usize::from(done.is_ok()));
    }
    // Neither may what takes it back.
    for name in ["x", "undo"] {
        let (done, staged, _) = begin_with(reaching(name), &allowing(&["sql.something_else"]));
        let error = done.unwrap_err();
        assert_eq!(error.code(), "sql.not_allowed", "{error}");
        assert!(error.to_string().contains(code) && error.to_string().contains("ALTER SYSTEM"), "{error}");
        assert!(staged.0.lock().unwrap().0.is_empty());
    }
}
