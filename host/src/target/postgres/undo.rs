//! Exchanges what a job's switch exchanged again: back when it had succeeded, forth when that was undone.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::target::{JobStatus, Switched};

use super::catalog::{self, Item};
use super::connection::Connection;
use super::documents;
use super::exchange::{self, Exchange, Move, attempt};
use super::failure::failed;
use super::placement::{kept_schema, quoted, stage_schema};
use super::removal::numbers;
use super::retry::transaction;
use super::statement::Statements;
use super::store::{self, Deferred, Exchanged, Phase, Record};

/// States of the server in which it refuses to drop or to create and nothing is wrong.
const STILL_USED: [&str; 1] = ["2BP01"];
const IS_THERE: [&str; 2] = ["42710", "42P06"];

/// Undoes the job's switch, or does it again.
pub(crate) fn undo(connection: &mut Connection, record: &Record) -> Result<Switched> {
    let mut pause = Instant::now();
    let mut attempts = 1;
    transaction(connection, |connection, attempt| {
        attempts = attempt;
        pause = Undo::read(connection, record)?.perform(connection)?;
        failpoint::hit("postgres.undo.record");
        let status = if record.job.status == JobStatus::Succeeded { JobStatus::Undone } else { JobStatus::Succeeded };
        store::set_status(connection, record.seq, status)
    })?;
    failpoint::hit("postgres.undo.done");
    Ok(Switched { pause: pause.elapsed(), attempts })
}

/// Everything that was read of a switch.
struct Undo<'a> {
    record: &'a Record,
    back: bool,
    exchanged: Vec<Exchanged>,
    numbers: BTreeMap<String, u32>,
    items: HashMap<(String, i64), Item>,
    deferred: Vec<Deferred>,
}

impl<'a> Undo<'a> {
    fn read(connection: &mut Connection, record: &'a Record) -> Result<Self> {
        let exchanged = store::exchanges(connection, record.seq)?;
        if let Some(rows) = exchanged.iter().find(|one| one.class == "rows") {
            let message = format!("Job {} cannot be undone: it added rows to `{}`", record.job.job, rows.live.1);
            return Err(Error::new("job.not_possible", message).state("The target is unchanged"));
        }
        let listed: Vec<(String, i64)> = exchanged
            .iter()
            .filter(|one| one.class.starts_with("pg_"))
            .map(|one| (one.class.clone(), one.object))
            .collect();
        let items = catalog::these(connection, &listed)?;
        Ok(Self {
            record,
            back: record.job.status == JobStatus::Succeeded,
            numbers: numbers(connection, record.seq)?,
            items: items.into_iter().map(|item| ((item.class.clone(), item.oid), item)).collect(),
            deferred: store::deferred(connection, record.seq)?,
            exchanged,
        })
    }

    fn perform(&self, connection: &mut Connection) -> Result<Instant> {
        let exchange = self.exchange()?;
        self.check_documents(connection)?;
        if !self.back {
            self.prepare(connection)?;
        }
        let moves = exchange.leaving.iter().chain(&exchange.arriving);
        let schemas = self.schemas().filter(|_| !self.back);
        exchange::create_schemas(connection, moves.map(|one| one.to.as_str()).chain(schemas))?;
        let pause = Instant::now();
        exchange::lock(connection, &exchange, &[])?;
        if self.back {
            self.take_back(connection)?;
        }
        exchange::perform(connection, self.record.seq, &exchange, "job.superseded")?;
        documents::undo(connection, self.record.seq)?;
        if self.back {
            self.tidy(connection)?;
        } else {
            self.run_again(connection)?;
        }
        let from = exchange.arriving.iter().map(|one| one.item.schema.as_str()).filter(|schema| store::is_ours(schema));
        let emptied: std::collections::BTreeSet<&str> = from.collect();
        for schema in emptied {
            let statement = format!("DROP SCHEMA {}", quoted(schema));
            attempt(connection, &statement, &STILL_USED, "Could not drop an empty schema")?;
        }
        Ok(pause)
    }

    /// Whether an object leaves now.
    fn leaves(&self, one: &Exchanged) -> bool {
        one.incoming == self.back
    }

    /// Where an object is while it is out of sight, or aside.
    fn hidden(&self, one: &Exchanged) -> (String, Option<String>) {
        if let Some((schema, name)) = &one.aside {
            return (schema.clone().unwrap_or_default(), Some(name.clone()));
        }
        let number = one.live.0.as_ref().and_then(|schema| self.numbers.get(schema)).copied().unwrap_or_default();
        let job = &self.record.job.job;
        (if one.incoming { stage_schema(job, number) } else { kept_schema(job, number) }, None)
    }

    fn exchange(&self) -> Result<Exchange> {
        let mut exchange = Exchange::default();
        for one in self.exchanged.iter().filter(|one| one.class.starts_with("pg_")) {
            let live = (one.live.0.clone().unwrap_or_default(), one.live.1.clone());
            let (schema, name) = self.hidden(one);
            let hidden = (schema, name.unwrap_or_else(|| live.1.clone()));
            let (from, to) = if self.leaves(one) { (live, hidden) } else { (hidden, live) };
            let item = self.items.get(&(one.class.clone(), one.object));
            let item = item.filter(|item| (&item.schema, &item.name) == (&from.0, &from.1));
            let Some(item) = item.cloned() else { return Err(self.superseded(one, "is not where the job left it")) };
            let renamed = (to.1 != item.name).then_some(to.1);
            let moved = Move { item, to: to.0, name: renamed };
            if self.leaves(one) { exchange.leaving.push(moved) } else { exchange.arriving.push(moved) }
        }
        exchange.leaving.sort_by_key(|one| one.item.rank());
        exchange.arriving.sort_by_key(|one| one.item.rank());
        Ok(exchange)
    }

    /// Fails when a document is not where the job left it, or another has the name of one that comes back.
    fn check_documents(&self, connection: &mut Connection) -> Result<()> {
        let state = if self.back { "live" } else { "undone" };
        let there = documents::in_state(connection, self.record.seq, state)?;
        let brought = self.exchanged.iter().filter(|one| one.class == "document");
        for one in brought {
            let same = |(step, name): &(u32, ObjectName)| {
                i64::from(*step) == one.object && (&name.schema, &name.name) == (&one.live.0, &one.live.1)
            };
            if !there.iter().any(same) {
                return Err(self.superseded(one, "is not where the job left it"));
            }
        }
        match documents::obstacle(connection, self.record.seq, self.back)? {
            Some(name) => {
                let message = format!(
                    "{} is not as job {} left it",
                    crate::text::capital(&name.to_string()),
                    self.record.job.job
                );
                let message = format!("{message}; jobs that changed it since have to be undone first");
                Err(Error::new("job.superseded", message).state("The target is unchanged"))
            }
            None => Ok(()),
        }
    }

    fn superseded(&self, one: &Exchanged, why: &str) -> Error {
        let name = one.live.0.as_ref().map_or_else(|| one.live.1.clone(), |schema| format!("{schema}.{}", one.live.1));
        let message = format!(
            "`{name}`, which job {} exchanged, {why}; jobs that changed it since have to be undone first",
            self.record.job.job
        );
        Error::new("job.superseded", message).state("The target is unchanged")
    }

    /// Schemas that the switch created.
    fn schemas(&self) -> impl Iterator<Item = &str> {
        self.exchanged.iter().filter(|one| one.class == "schema").map(|one| one.live.1.as_str())
    }

    fn of(&self, phase: Phase) -> impl DoubleEndedIterator<Item = &Deferred> {
        self.deferred.iter().filter(move |one| one.phase == phase)
    }

    /// Roles and schemas, before objects are moved to them again. What an undoing could not drop is still there.
    fn prepare(&self, connection: &mut Connection) -> Result<()> {
        let first = [Phase::Roles, Phase::Memberships, Phase::Schemas].into_iter().flat_map(|phase| self.of(phase));
        first.into_iter().try_for_each(|one| again(connection, one))
    }

    /// Takes back what statements of the switch did to objects that stay, the last one first.
    fn take_back(&self, connection: &mut Connection) -> Result<()> {
        let undos = self.of(Phase::Memberships).chain(self.of(Phase::Last)).rev();
        let undos: Vec<&str> = undos.filter_map(|one| one.undo.as_deref()).collect();
        run(connection, &undos, "A statement that takes back a part of the switch failed")
    }

    /// Does to objects that stay what the switch did, and gives what was lost with its roles.
    fn run_again(&self, connection: &mut Connection) -> Result<()> {
        let lost = |one: &&Deferred| one.undo.is_some() || Statements::of(&one.statements).can_be_repeated();
        self.of(Phase::Last).filter(lost).try_for_each(|one| again(connection, one))
    }

    /// Drops schemas and roles that the switch created, unless something uses them.
    fn tidy(&self, connection: &mut Connection) -> Result<()> {
        for schema in self.schemas() {
            let statement = format!("DROP SCHEMA IF EXISTS {}", quoted(schema));
            attempt(connection, &statement, &STILL_USED, "Could not drop a schema")?;
        }
        drop_roles(connection, &self.deferred)
    }
}

/// Runs a statement of the switch again; what it made may still be there.
fn again(connection: &mut Connection, one: &Deferred) -> Result<()> {
    attempt(connection, &one.statements, &IS_THERE, "A statement of the switch failed").map(drop)
}

/// Makes roles again that the switch had made, and what they are given of each other.
pub(crate) fn make_roles(connection: &mut Connection, deferred: &[Deferred]) -> Result<()> {
    let of = |phase: Phase| deferred.iter().filter(move |one| one.phase == phase);
    store::write(connection, |connection| {
        of(Phase::Roles).chain(of(Phase::Memberships)).try_for_each(|one| again(connection, one))
    })
}

/// Drops roles that the switch created, unless something is theirs.
pub(crate) fn drop_roles(connection: &mut Connection, deferred: &[Deferred]) -> Result<()> {
    let undos = deferred.iter().rev().filter(|one| one.phase == Phase::Roles).filter_map(|one| one.undo.as_deref());
    for undo in undos {
        attempt(connection, undo, &[STILL_USED[0], "42704"], "Could not drop a role")?;
    }
    Ok(())
}

fn run(connection: &mut Connection, statements: &[&str], doing: &str) -> Result<()> {
    if statements.is_empty() {
        return Ok(());
    }
    connection.batch(&statements.join("\n;\n")).map_err(|fault| failed(&fault, doing))
}
