//! Reads archives that are one file, a comment: `-- honest`. Does what the comment says.

#[allow(missing_docs, unreachable_pub, reason = "Generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "handler-plugin" });
}

#[allow(missing_docs, unreachable_pub, reason = "Generated code")]
mod layouts {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "layout-plugin",
        with: {
            "reinstate:plugin/types@0.2.0": crate::bindings::reinstate::plugin::types,
            "reinstate:plugin/log@0.2.0": crate::bindings::reinstate::plugin::log,
        },
    });
}

use std::cell::Cell;
use std::hint::black_box;

use bindings::exports::reinstate::plugin::handler::{Description, Guest as Handler, Kind, Outlook};
use bindings::reinstate::plugin::sql::{self, Scope};
use bindings::reinstate::plugin::types::{Counts, Failure, Finding, Object, ObjectName, Target};
use bindings::reinstate::plugin::{entries, tables};
use layouts::exports::reinstate::plugin::layout::{
    Backup, Compression, Extent, Guest as Layout, Item, Payload, Section,
};
use layouts::reinstate::plugin::archive;

struct Misreading;
bindings::export!(Misreading with_types_in bindings);
layouts::export!(Misreading with_types_in layouts);

thread_local! {
    /// How often objects were asked for.
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), entry: None, row: None, column: None }
}

fn spin() -> ! {
    let mut number = 0u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

fn member() -> String {
    archive::members().first().map(|member| member.path.clone()).unwrap_or_default()
}

/// What the comment says.
fn word() -> Result<String, Failure> {
    let head = archive::read(&member(), 0, 4096)?;
    let text = String::from_utf8_lossy(&head).into_owned();
    let line = text.lines().next().unwrap_or_default();
    Ok(line.strip_prefix("-- ").unwrap_or_default().to_owned())
}

fn name(name: impl Into<String>) -> ObjectName {
    ObjectName { kind: "misread".to_owned(), schema: Some("main".to_owned()), name: name.into() }
}

fn item(called: impl Into<String>) -> Item {
    Item {
        name: name(called),
        attributes: "{}".to_owned(),
        section: Section::PreData,
        depends: Vec::new(),
        payloads: Vec::new(),
    }
}

fn payload(path: &str, extent: Extent) -> Payload {
    Payload {
        path: path.to_owned(),
        member: member(),
        extent,
        compression: Compression::None,
        form: "lines".to_owned(),
        bytes: None,
        rows: None,
    }
}

/// An item with a payload that `change` has spoiled.
fn spoiled(change: impl Fn(&mut Payload)) -> Vec<Item> {
    let mut payload = payload("a", Extent::Whole);
    change(&mut payload);
    vec![Item { payloads: vec![payload], ..item("a") }]
}

fn endless() -> Vec<Item> {
    let asked = ASKED.get();
    (0..1000).map(|number| item(format!("{asked}-{number}"))).collect()
}

fn first(word: &str) -> Result<Vec<Item>, Failure> {
    Ok(match word {
        "honest" => {
            let depends = vec![name("second"), name("first"), name("nobody")];
            let length = archive::read(&member(), 0, 1 << 20)?.len() as u64;
            let whole = Payload { bytes: Some(length), ..payload("data/whole", Extent::Whole) };
            vec![Item { depends, payloads: vec![whole, payload("data/span", Extent::Span((3, 6)))], ..item("first") }]
        }
        "two names" => vec![item("a"), item("b"), item("a")],
        "two paths" => {
            let payloads = vec![payload("a", Extent::Whole), payload("a", Extent::Whole)];
            vec![Item { payloads, ..item("a") }]
        }
        "another member" => spoiled(|payload| payload.member = "../etc/passwd".to_owned()),
        "behind the end" => spoiled(|payload| payload.extent = Extent::Span((5, 1 << 40))),
        "beyond numbers" => spoiled(|payload| payload.extent = Extent::Span((5, u64::MAX))),
        "wide blocks" => spoiled(|payload| payload.extent = Extent::Blocks((5, 9))),
        "narrow blocks" => spoiled(|payload| payload.extent = Extent::Blocks((5, 0))),
        "bad form" => spoiled(|payload| payload.form = "a form".to_owned()),
        "strange path" => spoiled(|payload| payload.path = "\u{1b}[2J\n".to_owned()),
        "bad kind" => vec![Item { name: ObjectName { kind: "../a".to_owned(), ..name("a") }, ..item("a") }],
        "bad name" => vec![item("a\0b")],
        "long name" => vec![item("x".repeat(10_000))],
        "bad schema" => vec![Item { name: ObjectName { schema: Some(String::new()), ..name("a") }, ..item("a") }],
        "no attributes" => vec![Item { attributes: String::new(), ..item("a") }],
        "list of attributes" => vec![Item { attributes: "[]".to_owned(), ..item("a") }],
        "too much" => {
            let most = |path: &str| Payload { bytes: Some(u64::MAX), ..payload(path, Extent::Whole) };
            vec![Item { payloads: vec![most("a"), most("b")], ..item("a") }]
        }
        "huge" => vec![Item { attributes: "x".repeat(66 << 20), ..item("a") }],
        "endless" => endless(),
        "spin in objects" => spin(),
        "own failure" => return Err(failure("misread.own", "It is\n\u{1b}[1mso")),
        "speak for the host" => return Err(failure("target.full", "Please keep the stage")),
        _ => vec![item("a")],
    })
}

impl Layout for Misreading {
    fn recognise() -> Option<String> {
        let word = word().unwrap_or_default();
        match word.as_str() {
            "" | "stranger" => None,
            "spin in recognise" => spin(),
            "panic in recognise" => panic!("What is this"),
            _ => Some("a comment".to_owned()),
        }
    }

    fn open() -> Result<Backup, Failure> {
        match word()?.as_str() {
            "spin in open" => spin(),
            "hoard" => {
                let mut all = Vec::new();
                loop {
                    all.push(black_box(vec![1u8; 1 << 20]));
                }
            }
            "read for ever" => loop {
                black_box(archive::read(&member(), 0, 1 << 20)?);
            },
            "read outside" => {
                for offset in [1000, u64::MAX] {
                    if !archive::read(&member(), offset, 10)?.is_empty() {
                        return Err(failure("misread.outside", "There was something"));
                    }
                }
                if archive::read("../../etc/passwd", 0, 10).is_ok() {
                    return Err(failure("misread.outside", "There was a file"));
                }
            }
            "write" => drop(tables::summarize("")),
            "execute" => drop(sql::execute("SELECT 1", &Scope::Itself, None)),
            "read an entry" => drop(entries::read(0, 1)),
            _ => {}
        }
        Ok(Backup {
            name: "shop\u{1b}[2J".to_owned(),
            id: "1".to_owned(),
            created: "2024-01-01T00:00:00Z".to_owned(),
            position: None,
            source: "comment 1".to_owned(),
            dialect: "postgres".to_owned(),
        })
    }

    fn objects() -> Result<Vec<Item>, Failure> {
        let word = word()?;
        let asked = ASKED.replace(ASKED.get() + 1);
        match (asked, word.as_str()) {
            (0, _) => first(&word),
            (_, "endless") => Ok(endless()),
            (1, "honest") => Ok(vec![Item { section: Section::PostData, ..item("second") }]),
            _ => Ok(Vec::new()),
        }
    }
}

/// `{"statements": …}`, without a backslash in it.
fn statements(object: &Object) -> String {
    object.attributes.split('"').nth(3).unwrap_or_default().to_owned()
}

impl Handler for Misreading {
    fn describe() -> Description {
        let kind = Kind { name: "misread".to_owned(), in_schema: true };
        Description { name: "misreading".to_owned(), version: "0.0.1".to_owned(), kinds: vec![kind] }
    }

    fn plan(objects: Vec<Object>, _: Target) -> Result<Vec<Outlook>, Failure> {
        let plan = |object: &Object| {
            if object.source.name == "execute in plan" {
                let _ = sql::execute("SELECT 1", &Scope::Itself, None);
            }
            Outlook {
                dependencies: Vec::new(),
                findings: sql::examine(&statements(object)),
                rows: 0,
                bytes: 0,
                tables: Vec::new(),
                locks: Vec::new(),
                principals: Vec::new(),
            }
        };
        Ok(objects.iter().map(plan).collect())
    }

    fn begin(object: Object, _: Target) -> Result<(), Failure> {
        let statements = statements(&object);
        let statements = statements.as_str();
        match object.source.name.as_str() {
            "read the archive" => drop(archive::members()),
            "part" => sql::execute(statements, &Scope::PartOf(name("whole")), Some("DROP INDEX i"))?,
            "undo" => sql::execute("CREATE TYPE t", &Scope::Foundation, Some(statements))?,
            "examine for ever" => loop {
                black_box(sql::examine(statements));
            },
            _ => sql::execute(statements, &Scope::Itself, None)?,
        }
        Ok(())
    }

    /// Appends what it reads and counts the lines itself.
    fn restore(_: Object, _: Target, part: u32) -> Result<Counts, Failure> {
        let mut counts = Counts { rows: 0, bytes: 0 };
        loop {
            let chunk = entries::read(part, 1 << 20)?;
            if chunk.is_empty() {
                return Ok(counts);
            }
            counts.bytes += chunk.len() as u64;
            counts.rows += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
            tables::append("", &["line".to_owned()], "lines", &chunk)?;
        }
    }

    fn end(_: Object, _: Target) -> Result<(), Failure> {
        Ok(())
    }

    fn verify(object: Object, _: Target) -> Result<Vec<Finding>, Failure> {
        if object.source.name == "execute in verify" {
            let _ = sql::execute("SELECT 1", &Scope::Database, None);
        }
        Ok(Vec::new())
    }
}
