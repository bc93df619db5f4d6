//! The switch and its undoing: objects that give way and objects that take their places, all in one pass over the schema.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::plan::{Action, Finding, Severity, Step};
use crate::target::JobStatus;

use super::access;
use super::contents::Contents;
use super::facts;
use super::failure::refused;
use super::name::{self, MAIN, fold, physical, quote};
use super::parts::{self, Off, Part};
use super::snapshot::{Clash, Snapshot};
use super::store::{self, Exchange, ObjectRow, state};

/// Why an object cannot be exchanged.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The object, by its name in the target.
    pub(crate) object: ObjectName,
    /// What the switch's error would have.
    pub(crate) code: &'static str,
    /// Starts with a capital, no final full stop.
    pub(crate) message: String,
    /// What the operator can do.
    pub(crate) fix: &'static str,
}

impl Trouble {
    /// As a refusal.
    pub(crate) fn into_finding(self) -> Finding {
        let Self { object, code, message, fix } = self;
        Finding {
            severity: Severity::Refusal,
            code: code.to_owned(),
            object: Some(object),
            message,
            fix: fix.to_owned(),
        }
    }

    /// As the error of a job that cannot go on.
    pub(crate) fn into_error(self) -> Error {
        Error::new(self.code, self.message).object(&self.object)
    }
}

/// One side of an exchange, while it is prepared.
struct Side {
    row: ObjectRow,
    exchange: Exchange,
    parts: Vec<Part>,
}

/// Makes what the steps staged live and puts aside what it replaces. Writes nothing when there is trouble. The caller has a transaction open.
pub(crate) fn switch(connection: &Connection, job: i64, steps: &[Step]) -> Result<Vec<Trouble>> {
    let mut board = Board::read(connection)?;
    let steps: Vec<&Step> = steps.iter().filter(|step| step.action != Action::Skip).collect();
    let staged = store::objects(connection, "job = ?1 AND state = 'staged'", [job])?;
    let granted = steps.iter().filter(|step| step.action == Action::Grant);
    let granted = granted.map(|step| access::stage(connection, job, step, board.known(&step.into), &steps));
    let granted = granted.collect::<Result<Vec<ObjectRow>>>()?;
    let staged: HashMap<i64, ObjectRow> = staged.into_iter().chain(granted).map(|row| (row.id, row)).collect();
    let moved = moved_aside(&steps, &board);
    let (mut outgoing, mut incoming, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps {
        match board.outgoing(connection, job, step, &moved)? {
            Ok(side) => outgoing.extend(side),
            Err(trouble) => troubles.push(trouble),
        }
        if step.action == Action::Drop {
            continue;
        }
        match board.incoming(connection, job, step, staged.get(&store::staged_id(job, step.id)))? {
            Ok(side) => incoming.push(side),
            Err(trouble) => troubles.push(trouble),
        }
    }
    if troubles.is_empty() {
        let taken = |name: &str| {
            (
                "plan.target_changed",
                format!("The name `{name}` is taken in the target"),
                "Plan again, or remove what has the name",
            )
        };
        troubles = board.exchange(&outgoing, &incoming, taken);
    }
    if troubles.is_empty() {
        board.forget_dropped(connection, &outgoing, &incoming)?;
        record_switch(connection, job, &outgoing, &incoming)?;
        board.snapshot.write(connection)?;
        try_tables(connection, &incoming)?;
    }
    Ok(troubles)
}

/// Folded names of all tables that move aside, with their new names: references between them follow.
fn moved_aside(steps: &[&Step], board: &Board) -> HashMap<String, String> {
    let mut moved = HashMap::new();
    for step in steps {
        if let (Action::Rename, Some(aside)) = (step.action, &step.aside) {
            let suffixes = board.known(&step.into).map_or_else(|| vec![String::new()], |row| row.tables.clone());
            moved.extend(suffixes.iter().map(|suffix| (fold(&physical(&step.into, suffix)), physical(aside, suffix))));
        }
    }
    moved
}

fn record_switch(connection: &Connection, job: i64, outgoing: &[Side], incoming: &[Side]) -> Result<()> {
    failpoint::hit("sqlite.switch.record");
    for side in outgoing.iter().chain(incoming) {
        store::put_object(connection, &side.row, None)?;
        store::put_exchange(connection, job, &side.exchange)?;
        if let Some(schema) = side.row.name.schema.as_deref().filter(|schema| *schema != MAIN) {
            store::add_schema(connection, job, schema)?;
        }
    }
    Ok(())
}

/// SQLite must be able to read every restored table under its name.
fn try_tables(connection: &Connection, incoming: &[Side]) -> Result<()> {
    for part in incoming.iter().flat_map(|side| &side.parts).filter(|part| part.kind == "table") {
        let sql = format!("SELECT 1 FROM {} LIMIT 0", quote(&part.live.name));
        connection
            .prepare(&sql)
            .map_err(|error| refused(error, &format!("Table `{}` cannot be read", part.live.name)))?;
    }
    Ok(())
}

/// The schema and the objects that live in it.
struct Board {
    snapshot: Snapshot,
    live: HashMap<ObjectName, ObjectRow>,
    owners: HashMap<String, ObjectName>,
}

/// Tables of schema `main` may be written without it.
fn normal(name: &ObjectName) -> ObjectName {
    let schema = if facts::is_relation(&name.kind) {
        Some(name.schema.as_deref().unwrap_or(MAIN))
    } else {
        name.schema.as_deref()
    };
    ObjectName::new(&name.kind, schema, &name.name)
}

impl Board {
    fn read(connection: &Connection) -> Result<Self> {
        let live = store::objects(connection, "state = 'live'", [])?;
        let owners = facts::owners(&live);
        let live = live.into_iter().map(|row| (normal(&row.name), row)).collect();
        Ok(Self { snapshot: Snapshot::read(connection)?, live, owners })
    }

    fn known(&self, name: &ObjectName) -> Option<&ObjectRow> {
        self.live.get(&normal(name))
    }

    /// Tables that were restored and then dropped by hand leave a row; it goes when something else takes their name.
    fn forget_dropped(&self, connection: &Connection, outgoing: &[Side], incoming: &[Side]) -> Result<()> {
        let known = incoming.iter().filter_map(|side| self.known(&side.row.name));
        let gone = known.filter(|row| outgoing.iter().all(|side| side.row.id != row.id));
        gone.into_iter().try_for_each(|row| store::delete_object(connection, row.id))
    }

    /// The object that has the step's name now, if there is one.
    fn existing(&self, job: i64, step: &Step) -> Result<Option<ObjectRow>, String> {
        let known = self.known(&step.into).cloned();
        if !facts::is_relation(&step.into.kind) {
            return Ok(known);
        }
        let table = physical(&step.into, "");
        let Some(row) = self.snapshot.find(&table) else { return Ok(known.filter(facts::is_document)) };
        if row.kind != step.into.kind {
            return Err(format!("The name `{table}` belongs to {} there", article(&row.kind)));
        }
        if let Some(owner) = self.owners.get(&fold(&table)) {
            return Err(format!("`{table}` belongs to {owner}; restore that object instead"));
        }
        let fresh = || ObjectRow {
            id: store::replaced_id(job, step.id),
            name: normal(&step.into),
            state: String::new(),
            job,
            tables: vec![String::new()],
        };
        Ok(Some(known.filter(|row| !facts::is_document(row)).unwrap_or_else(fresh)))
    }

    /// What gives way to the step's object.
    fn outgoing(
        &self,
        connection: &Connection,
        job: i64,
        step: &Step,
        moved: &HashMap<String, String>,
    ) -> Result<Result<Option<Side>, Trouble>> {
        let trouble = |message: String| {
            let fix = "Plan again: the target is not as it was when this was planned";
            Ok(Err(Trouble { object: step.into.clone(), code: "plan.target_changed", message, fix }))
        };
        let mut row = match (self.existing(job, step), step.action) {
            (Err(message), _) => return trouble(message),
            (Ok(None), Action::Create) => return Ok(Ok(None)),
            (Ok(None), Action::Grant) if step.existing.is_none() => return Ok(Ok(None)),
            (Ok(Some(_)), Action::Create) => return trouble(format!("A {} has been created meanwhile", step.into)),
            (Ok(None), _) => return trouble(format!("The {} that gives way has been dropped meanwhile", step.into)),
            (Ok(Some(row)), _) => row,
        };
        let now = facts::fingerprint(connection, &self.snapshot, &row)?;
        if step.existing.as_ref().is_some_and(|planned| *planned != now) {
            return trouble(format!("The {} that gives way has been changed meanwhile", step.into));
        }
        let hidden = |place| name::kept(job, step.id, place);
        let off = match (&step.aside, step.action) {
            (Some(aside), Action::Rename) => Off::Aside(aside, moved),
            _ => Off::Hidden(&hidden),
        };
        let parts = match parts::capture(&self.snapshot, &row.name, &row.tables, &off) {
            Ok(parts) => parts,
            Err(message) => return trouble(format!("The existing {} cannot give way: {message}", step.into)),
        };
        let aside = step.aside.clone().filter(|_| step.action == Action::Rename);
        let fingerprint = if aside.is_some() { parts::fingerprint_aside(&parts) } else { String::new() };
        let exchange = Exchange {
            step: step.id,
            incoming: false,
            object: row.id,
            aside: aside.clone(),
            parts: json(&parts)?,
            fingerprint,
        };
        leave(&mut row, job, aside.as_ref());
        Ok(Ok(Some(Side { row, exchange, parts })))
    }

    /// What the step staged.
    fn incoming(
        &self,
        connection: &Connection,
        job: i64,
        step: &Step,
        staged: Option<&ObjectRow>,
    ) -> Result<Result<Side, Trouble>> {
        let trouble = |message: String| {
            Ok(Err(Trouble {
                object: step.into.clone(),
                code: "target.bad_definition",
                message,
                fix: "Use another plugin, or leave the object out",
            }))
        };
        let Some(staged) = staged else { return trouble(format!("Nothing was staged for {}", step.into)) };
        let contents = match store::definition(connection, staged.id)? {
            Some(json) => Contents::read(&json)?,
            None => Contents::default(),
        };
        let complete = match step.into.kind.as_str() {
            // Tables of other databases may have no columns: what is known of such a one is kept as a document.
            "table" => contents.tables.contains_key("") || contents.document.is_some(),
            // A view in a dialect that is not ours is kept as a document.
            "view" => contents.view.is_some() || contents.document.is_some(),
            _ => true,
        };
        if !complete {
            return trouble(format!("The plugin staged nothing that is a {}", step.into.kind));
        }
        let parts = parts::of_stage(&self.snapshot, &contents, &step.into, job, step.id, &step.tables)?;
        let exchange = Exchange {
            step: step.id,
            incoming: true,
            object: staged.id,
            aside: None,
            fingerprint: parts::fingerprint_live(&parts),
            parts: json(&parts)?,
        };
        let mut row = staged.clone();
        row.state = state::LIVE.to_owned();
        Ok(Ok(Side { row, exchange, parts }))
    }

    /// Moves everything in memory. What cannot be moved is in the answer.
    fn exchange(
        &mut self,
        leaving: &[Side],
        arriving: &[Side],
        taken: impl Fn(&str) -> (&'static str, String, &'static str),
    ) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        let mut note = |side: &Side, clash: Clash| {
            let (code, message, fix) = match clash {
                Clash::Taken(name) => taken(&name),
                Clash::Gone(name) => ("plan.target_changed", format!("`{name}` is not there any more"), "Plan again"),
            };
            troubles.push(Trouble { object: side.row.name.clone(), code, message, fix });
        };
        for side in leaving {
            parts::take_off(&mut self.snapshot, &side.parts).unwrap_or_else(|clash| note(side, clash));
        }
        for side in arriving {
            parts::put_on(&mut self.snapshot, &side.parts).unwrap_or_else(|clash| note(side, clash));
        }
        troubles
    }
}

fn article(kind: &str) -> String {
    if kind.starts_with('i') { format!("an {kind}") } else { format!("a {kind}") }
}

/// An object that gives way is kept out of sight for the job, or lives on under another name.
fn leave(row: &mut ObjectRow, job: i64, aside: Option<&ObjectName>) {
    row.job = job;
    match aside {
        Some(aside) => {
            (row.name, row.state) =
                (ObjectName::new(&row.name.kind, aside.schema.as_deref(), &aside.name), state::LIVE.to_owned())
        }
        None => row.state = state::KEPT.to_owned(),
    }
}

fn json(parts: &[Part]) -> Result<String> {
    serde_json::to_string(parts)
        .map_err(|error| Error::new("host.internal", format!("An object's parts cannot be written: {error}")))
}

/// Exchanges a job's objects again: back when it had succeeded, forth when that was undone. Returns the job's new status. The caller has a
/// transaction open.
pub(crate) fn undo(connection: &Connection, job: i64, status: JobStatus) -> Result<JobStatus> {
    let back = status == JobStatus::Succeeded;
    let mut board = Board::read(connection)?;
    let rows = store::objects(connection, "id IN (SELECT object FROM reinstate_exchanges WHERE job = ?1)", [job])?;
    let rows: HashMap<i64, ObjectRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let exchanges = store::exchanges(connection, job)?;
    let places: HashMap<u32, ObjectName> = exchanges
        .iter()
        // Nothing came in the place of a table that was dropped: it kept its name.
        .filter(|side| side.incoming || !exchanges.iter().any(|other| other.incoming && other.step == side.step))
        .filter_map(|side| Some((side.step, rows.get(&side.object)?.name.clone())))
        .collect();
    let moved = moved_again(&exchanges, &rows, &places);
    let (mut leaving, mut arriving) = (Vec::new(), Vec::new());
    for exchange in exchanges {
        let gone = || {
            Error::new("job.superseded", "Objects of the job have been dropped or replaced since")
                .state("The target is unchanged")
        };
        let (row, place) = (rows.get(&exchange.object).ok_or_else(gone)?, places.get(&exchange.step).ok_or_else(gone)?);
        match exchange.incoming == back {
            true => leaving.push(board.leaving(job, row, place, exchange, &moved)?),
            false => arriving.push(board.arriving(job, &rows, row, place, exchange)?),
        }
    }
    let taken = |name: &str| ("job.superseded", format!("The name `{name}` has been taken since"), "");
    if let Some(trouble) = board.exchange(&leaving, &arriving, taken).into_iter().next() {
        return Err(superseded(&trouble.object, &trouble.message));
    }
    failpoint::hit("sqlite.undo.record");
    for side in leaving.iter().chain(&arriving) {
        store::put_object(connection, &side.row, None)?;
        store::put_exchange(connection, job, &side.exchange)?;
    }
    record_schemas(connection, job, &leaving, &arriving, back)?;
    board.snapshot.write(connection)?;
    Ok(if back { JobStatus::Undone } else { JobStatus::Succeeded })
}

fn record_schemas(connection: &Connection, job: i64, leaving: &[Side], arriving: &[Side], back: bool) -> Result<()> {
    if back {
        return store::remove_schemas(connection, job);
    }
    let sides = leaving.iter().filter(|side| side.exchange.aside.is_some()).chain(arriving);
    let schemas = sides.filter_map(|side| side.row.name.schema.as_deref()).filter(|schema| *schema != MAIN);
    schemas.into_iter().try_for_each(|schema| store::add_schema(connection, job, schema))
}

fn moved_again(
    exchanges: &[Exchange],
    rows: &HashMap<i64, ObjectRow>,
    places: &HashMap<u32, ObjectName>,
) -> HashMap<String, String> {
    let mut moved = HashMap::new();
    for exchange in exchanges {
        if let (Some(aside), Some(row), Some(place)) =
            (&exchange.aside, rows.get(&exchange.object), places.get(&exchange.step))
        {
            moved.extend(row.tables.iter().map(|suffix| (fold(&physical(place, suffix)), physical(aside, suffix))));
        }
    }
    moved
}

fn superseded(object: &ObjectName, why: &str) -> Error {
    let message = format!("The job's {object} is not as the job left it: {why}; later jobs have to be undone first");
    Error::new("job.superseded", message).object(object).state("The target is unchanged")
}

impl Board {
    /// A side that is live and gives way again.
    fn leaving(
        &self,
        job: i64,
        row: &ObjectRow,
        place: &ObjectName,
        mut exchange: Exchange,
        moved: &HashMap<String, String>,
    ) -> Result<Side> {
        if row.state != state::LIVE || normal(&row.name) != normal(place) {
            return Err(superseded(place, "another job has put it aside"));
        }
        if parts::fingerprint_there(&self.snapshot, place, &row.tables) != exchange.fingerprint {
            return Err(superseded(place, "its definition has been changed since"));
        }
        let step = exchange.step;
        let hidden =
            |place| if exchange.incoming { name::undone(job, step, place) } else { name::kept(job, step, place) };
        let off = exchange.aside.as_ref().map_or(Off::Hidden(&hidden), |aside| Off::Aside(aside, moved));
        let parts = parts::capture(&self.snapshot, place, &row.tables, &off).map_err(|why| superseded(place, &why))?;
        exchange.fingerprint = if exchange.aside.is_some() { parts::fingerprint_aside(&parts) } else { String::new() };
        exchange.parts = json(&parts)?;
        let mut row = row.clone();
        leave(&mut row, job, exchange.aside.as_ref());
        Ok(Side { row, exchange, parts })
    }

    /// A side that gave way and comes back. `rows` are all objects that the job exchanges.
    fn arriving(
        &self,
        job: i64,
        rows: &HashMap<i64, ObjectRow>,
        row: &ObjectRow,
        place: &ObjectName,
        mut exchange: Exchange,
    ) -> Result<Side> {
        let waiting = match &exchange.aside {
            None => row.state == state::KEPT && row.job == job,
            Some(aside) => {
                let at = ObjectName::new(&row.name.kind, aside.schema.as_deref(), &aside.name);
                let same = parts::fingerprint_there(&self.snapshot, &at, &row.tables) == exchange.fingerprint;
                row.state == state::LIVE && normal(&row.name) == normal(&at) && same
            }
        };
        if !waiting {
            return Err(superseded(&row.name, "what it replaced is not where it was put aside"));
        }
        if self.known(place).is_some_and(|now| !rows.contains_key(&now.id)) {
            return Err(superseded(place, "something else has its name now"));
        }
        let parts: Vec<Part> = serde_json::from_str(&exchange.parts)
            .map_err(|error| Error::new("target.damaged", format!("An object's parts cannot be read: {error}")))?;
        exchange.fingerprint = parts::fingerprint_live(&parts);
        let mut row = row.clone();
        (row.state, row.job) = (state::LIVE.to_owned(), job);
        row.name = ObjectName::new(&row.name.kind, place.schema.as_deref(), &place.name);
        Ok(Side { row, exchange, parts })
    }
}
