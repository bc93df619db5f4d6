//! The rows of `sqlite_schema` that an object consists of, under their names when it is live and when it is not.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalog::ObjectName;
use crate::error::{Error, Result};

use super::contents::{Contents, Statement};
use super::name::{fold, physical, qualify, staged, unqualify};
use super::rewrite::{self, References};
use super::snapshot::{Clash, Named, SchemaRow, Snapshot};

/// One row, live and off.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Part {
    /// `table`, `index`, `view` or `trigger`.
    pub(crate) kind: String,
    /// When the object is live.
    pub(crate) live: Named,
    /// When it is not; absent for what is not there then (triggers, hidden views).
    pub(crate) off: Option<Named>,
}

/// Where an object goes that gives way.
pub(crate) enum Off<'a> {
    /// Out of sight, its `n`th table under the name that this gives.
    Hidden(&'a dyn Fn(usize) -> String),
    /// To another name, visible; with folded old and new names of all tables that move along.
    Aside(&'a ObjectName, &'a HashMap<String, String>),
}

/// Why an object cannot be moved, in the words of a message.
pub(crate) type Failure = String;

/// The parts of an object that is there, by the suffixes of its tables.
pub(crate) fn capture(
    snapshot: &Snapshot,
    object: &ObjectName,
    suffixes: &[String],
    off: &Off<'_>,
) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for (place, suffix) in suffixes.iter().enumerate() {
        let table = physical(object, suffix);
        let target = match off {
            Off::Hidden(name) => name(place),
            Off::Aside(aside, _) => physical(aside, suffix),
        };
        if snapshot.find(&table).is_none() {
            return Err(format!("`{table}` is not there any more"));
        }
        for (number, row) in snapshot.of_table(&table).enumerate() {
            let off = off_row(row, number, object, &target, off)
                .map_err(|why| format!("`{}` cannot be moved: {why}", row.named.name))?;
            parts.push(Part { kind: row.kind.clone(), live: row.named.clone(), off });
        }
    }
    Ok(parts)
}

fn off_row(
    row: &SchemaRow,
    number: usize,
    object: &ObjectName,
    target: &str,
    off: &Off<'_>,
) -> Result<Option<Named>, Failure> {
    let references = match off {
        Off::Hidden(_) => References::Drop,
        Off::Aside(_, moved) => References::Follow(moved),
    };
    let named = |name: String, sql| Ok(Some(Named { name, table: target.to_owned(), sql }));
    match (row.kind.as_str(), row.named.sql.as_deref()) {
        ("table", Some(sql)) => named(target.to_owned(), Some(rewrite::table(sql, target, &references)?)),
        ("index", None) => named(automatic_index(&row.named, target)?, None),
        ("index", Some(sql)) => {
            let name = match off {
                Off::Hidden(_) => format!("{target}_{number}"),
                Off::Aside(aside, _) => {
                    qualify(aside.schema.as_deref(), unqualify(object.schema.as_deref(), &row.named.name))
                }
            };
            let sql = rewrite::index(sql, &name, target)?;
            named(name, Some(sql))
        }
        ("view", Some(sql)) => match off {
            Off::Hidden(_) => Ok(None),
            Off::Aside(..) => named(target.to_owned(), Some(rewrite::view(sql, target)?)),
        },
        ("trigger", _) => Ok(None),
        (kind, _) => Err(format!("it is a {kind} of a kind that SQLite does not document")),
    }
}

/// The name of a key's index, which SQLite makes from the table's name and a number.
fn automatic_index(index: &Named, table: &str) -> Result<String, Failure> {
    let number = index.name.rsplit('_').next().filter(|number| number.bytes().all(|b| b.is_ascii_digit()));
    let number = number.ok_or_else(|| format!("index `{}` has an unknown name", index.name))?;
    Ok(format!("sqlite_autoindex_{table}_{number}"))
}

/// The parts of what a step staged.
pub(crate) fn of_stage(
    snapshot: &Snapshot,
    contents: &Contents,
    into: &ObjectName,
    job: i64,
    step: u32,
    suffixes: &[String],
) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let own = |name: String, sql: Option<String>| Named { table: name.clone(), name, sql };
    for (suffix, table) in &contents.tables {
        let (off, live) = (staged(job, step, place(suffixes, suffix)), physical(into, suffix));
        parts.push(Part {
            kind: "table".into(),
            live: own(live.clone(), Some(table.sql.clone())),
            off: Some(own(off.clone(), None)),
        });
        let row =
            |name: &str, sql: Option<&String>| Named { name: name.to_owned(), table: live.clone(), sql: sql.cloned() };
        for index in snapshot.of_table(&off).filter(|row| row.kind == "index" && row.named.sql.is_none()) {
            let name = automatic_index(&index.named, &live).map_err(|why| Error::new("target.damaged", why))?;
            parts.push(Part { kind: "index".into(), live: row(&name, None), off: Some(index.named.clone()) });
        }
        for (number, index) in table.indexes.iter().enumerate() {
            let off = Named { name: staged_index(&off, number), table: off.clone(), sql: None };
            parts.push(Part { kind: "index".into(), live: row(&index.name, Some(&index.sql)), off: Some(off) });
        }
        parts.extend(triggers(&table.triggers, &live));
    }
    if let Some(view) = &contents.view {
        let live = physical(into, "");
        parts.push(Part { kind: "view".into(), live: own(live.clone(), Some(view.sql.clone())), off: None });
        parts.extend(triggers(&view.triggers, &live));
    }
    Ok(parts)
}

fn triggers(triggers: &[Statement<String>], table: &str) -> impl Iterator<Item = Part> {
    let part = |trigger: &Statement<String>| Part {
        kind: "trigger".into(),
        live: Named { name: trigger.name.clone(), table: table.to_owned(), sql: Some(trigger.sql.clone()) },
        off: None,
    };
    triggers.iter().map(part)
}

/// The name of a staged table's `number`th index.
pub(crate) fn staged_index(table: &str, number: usize) -> String {
    format!("{table}_{number}")
}

/// The place of a table in the names of its step: 0 for the object's own, then in the plan's order.
pub(crate) fn place(suffixes: &[String], suffix: &str) -> usize {
    if suffix.is_empty() { 0 } else { suffixes.iter().position(|known| known == suffix).map_or(0, |place| place + 1) }
}

/// Takes the parts out of sight, or aside.
pub(crate) fn take_off(snapshot: &mut Snapshot, parts: &[Part]) -> Result<(), Clash> {
    parts.iter().try_for_each(|part| match &part.off {
        Some(off) => snapshot.rename(&part.kind, &part.live.name, off.clone()),
        None => snapshot.remove(&part.kind, &part.live.name),
    })
}

/// Makes the parts live.
pub(crate) fn put_on(snapshot: &mut Snapshot, parts: &[Part]) -> Result<(), Clash> {
    parts.iter().try_for_each(|part| match &part.off {
        Some(off) => snapshot.rename(&part.kind, &off.name, part.live.clone()),
        None => snapshot.insert(&part.kind, part.live.clone()),
    })
}

/// Changes when a statement, a name or the number of them does.
pub(crate) fn fingerprint<'a>(rows: impl IntoIterator<Item = (&'a str, &'a Named)>) -> String {
    let mut lines: Vec<_> = rows
        .into_iter()
        .map(|(kind, named)| (kind, fold(&named.name), named.sql.as_deref().unwrap_or_default()))
        .collect();
    lines.sort_unstable();
    let mut digest = Sha256::new();
    for (kind, name, sql) in lines {
        for text in [kind, &name, sql] {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        }
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The fingerprint of tables and views that are there.
pub(crate) fn fingerprint_there(snapshot: &Snapshot, object: &ObjectName, suffixes: &[String]) -> String {
    let tables: Vec<String> = suffixes.iter().map(|suffix| physical(object, suffix)).collect();
    fingerprint(tables.iter().flat_map(|table| snapshot.of_table(table)).map(|row| (row.kind.as_str(), &row.named)))
}

/// The fingerprint of parts when they are live.
pub(crate) fn fingerprint_live(parts: &[Part]) -> String {
    fingerprint(parts.iter().map(|part| (part.kind.as_str(), &part.live)))
}

/// The fingerprint of parts that were put aside.
pub(crate) fn fingerprint_aside(parts: &[Part]) -> String {
    fingerprint(parts.iter().filter_map(|part| Some((part.kind.as_str(), part.off.as_ref()?))))
}
