//! Does what the object's name says. `honest` is the only one to be trusted.

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "Generated code")]
    wit_bindgen::generate!({ path: "../../wit", world: "handler-plugin" });
}

use std::hint::black_box;

use bindings::exports::reinstate::plugin::handler::{Description, Guest, Kind, Outlook};
use bindings::reinstate::plugin::tables::{Column, Definition, ValueType};
use bindings::reinstate::plugin::types::{Counts, Failure, Finding, Object, Severity, Target};
use bindings::reinstate::plugin::{blobs, definitions, entries, log, tables};

struct Misbehaving;
bindings::export!(Misbehaving with_types_in bindings);

fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), entry: None, row: None, column: None }
}

fn panics_are_logged() {
    std::panic::set_hook(Box::new(|info| log::write(log::Level::Error, &info.to_string())));
}

/// Appends an entry as it is, and counts its rows. A batch in a form other than `lines` is one whole entry.
fn pass(object: &Object, entry: u32) -> Result<Counts, Failure> {
    let form = object.entries[entry as usize].form.as_str();
    let most = if form == "lines" { 16 } else { 1 << 20 };
    let mut counts = Counts { rows: 0, bytes: 0 };
    loop {
        let chunk = entries::read(entry, most)?;
        if chunk.is_empty() {
            return Ok(counts);
        }
        counts.bytes += chunk.len() as u64;
        counts.rows += tables::append("", &[], form, &chunk)?;
    }
}

fn spin() -> ! {
    let mut number = 0u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + frame[(depth % 64) as usize] }
}

fn hoard() -> ! {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![1u8; 1 << 20]));
    }
}

impl Guest for Misbehaving {
    fn describe() -> Description {
        let kind = Kind { name: "misbehaving".to_owned(), in_schema: true };
        Description { name: "misbehaving".to_owned(), version: "0.0.1".to_owned(), kinds: vec![kind] }
    }

    fn plan(objects: Vec<Object>, _: Target) -> Result<Vec<Outlook>, Failure> {
        panics_are_logged();
        let mut outlooks = Vec::new();
        for object in &objects {
            let mut outlook =
                Outlook {
                    dependencies: Vec::new(),
                    findings: Vec::new(),
                    rows: 3,
                    bytes: 9,
                    tables: Vec::new(),
                    locks: Vec::new(),
                    principals: Vec::new(),
                };
            match object.source.name.as_str() {
                "write in plan" => drop(definitions::put("{}")),
                "read in plan" => drop(entries::read(0, 9)),
                "look in plan" => drop(tables::summarize("")),
                "spin in plan" => spin(),
                "fail in plan" => return Err(failure("misbehaving.plan", "No plan")),
                "no outlook" => continue,
                "bad table" => outlook.tables.push("../../etc".to_owned()),
                "steer" => outlook.findings.push(Finding {
                    severity: Severity::Note,
                    code: "target.full".to_owned(),
                    message: "\u{1b}[2J\u{202e}".to_owned(),
                    fix: "x".repeat(100_000),
                }),
                _ => {}
            }
            outlooks.push(outlook);
        }
        Ok(outlooks)
    }

    fn begin(_: Object, _: Target) -> Result<(), Failure> {
        let column = Column {
            name: "line".to_owned(),
            values: ValueType::Text,
            declared: "TEXT".to_owned(),
            nullable: false,
            default: None,
            generated: None,
            collation: None,
        };
        let definition = Definition {
            columns: vec![column],
            primary_key: None,
            uniques: Vec::new(),
            checks: Vec::new(),
            foreign_keys: Vec::new(),
            last_number: None,
            options: Vec::new(),
        };
        tables::create("", &definition)
    }

    fn restore(object: Object, _: Target, part: u32) -> Result<Counts, Failure> {
        panics_are_logged();
        let nothing = Counts { rows: 0, bytes: 0 };
        match object.source.name.as_str() {
            "spin" => spin(),
            "hoard" => hoard(),
            "trap" => std::process::abort(),
            "panic" => panic!("The sky is falling \u{1b}[31m"),
            "recurse" => Ok(Counts { rows: recurse(0), bytes: 0 }),
            "fewer rows" => pass(&object, part).map(|counts| Counts { rows: counts.rows - 1, ..counts }),
            "more bytes" => pass(&object, part).map(|counts| Counts { bytes: counts.bytes + 1, ..counts }),
            "no rows" => Ok(nothing),
            "twice" => pass(&object, part).and_then(|_| tables::append("", &[], "lines", b"1\n2\n3\n").map(|_| nothing)),
            "flood" => {
                for line in 0..5000 {
                    log::write(log::Level::Info, &format!("\u{1b}]0;{line}\u{7}{}", "x".repeat(5000)));
                }
                pass(&object, part)
            }
            "swallow" => Ok(pass(&object, part).unwrap_or(Counts { rows: 3, bytes: 6 })),
            "wrap" => pass(&object, part).map_err(|inner| failure("misbehaving.wrapped", inner.message)),
            "place" => pass(&object, part).map_err(|inner| Failure { row: Some(2), column: Some("line".to_owned()), ..inner }),
            "panic after a failure" => Ok(pass(&object, part).unwrap()),
            "own failure" => Err(Failure { row: Some(7), ..failure("misbehaving.own", "It is\n\u{1b}[1mso") }),
            "speak for the host" => Err(failure("target.full", "Please keep the stage")),
            "long failure" => Err(failure("misbehaving.long", "\u{202e}".repeat(100_000))),
            "huge failure" => Err(failure("misbehaving.huge", "x".repeat(20 << 20))),
            "huge batch" => tables::append("", &[], "lines", &vec![b'\n'; 20 << 20]).map(|_| nothing),
            // Not a `String` that Rust allows, which is the point: a hostile guest need not be written in Rust.
            "bad text" => Err(failure("misbehaving.text", unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe]) })),
            "hold" => {
                let document = format!("\"{}\"", "x".repeat(4 << 20));
                (0..100).try_for_each(|_| definitions::put(&document)).map(|()| nothing)
            }
            "write for ever" => loop {
                definitions::put("1")?;
            },
            "look for ever" => loop {
                tables::summarize("")?;
            },
            "read for ever" => loop {
                drop(entries::read(part, 1 << 20)?);
            },
            "append for ever" => loop {
                blobs::append("b", &[0; 1 << 20])?;
            },
            "many entries" => (0..9).try_for_each(|entry| entries::read(entry, 1).map(drop)).map(|()| nothing),
            "another entry" => entries::read(99, 1).map(|_| nothing),
            "no document" => definitions::put("{").map(|()| nothing),
            _ => pass(&object, part),
        }
    }

    fn end(_: Object, _: Target) -> Result<(), Failure> {
        Ok(())
    }

    fn verify(object: Object, _: Target) -> Result<Vec<Finding>, Failure> {
        if object.source.name == "write in verify" {
            let _ = definitions::put("{}");
        }
        let staged = tables::summarize("")?.rows;
        let expected: u64 = object.entries.iter().filter_map(|entry| entry.rows).sum();
        if staged == expected {
            return Ok(Vec::new());
        }
        Ok(vec![Finding {
            severity: Severity::Refusal,
            code: "misbehaving.rows".to_owned(),
            message: format!("{staged} rows are staged of {expected}"),
            fix: "Restore it again".to_owned(),
        }])
    }
}
