//! The switch of a job that is staged beside the live objects, in one transaction; the rehearsal is the same without its end.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::plan::{Action, Step};
use crate::target::{JobStatus, Switched};

use super::catalog::{self, Item};
use super::connection::Connection;
use super::exchange::{self, Exchange, Move};
use super::failure::failed;
use super::placement::{Placement, bare, kept_schema, quoted, stage_schema};
use super::store::{self, Deferred, Exchanged, Phase};
use super::{documents, ties};

/// What is exchanged, and how it is recorded.
struct Board {
    exchange: Exchange,
    records: Vec<Exchanged>,
    /// Stage tables with the live ones that their rows are added to.
    filled: Vec<(String, Item)>,
}

/// What a switch is done with.
pub(crate) struct Switch<'a> {
    pub(crate) job: &'a str,
    pub(crate) seq: i64,
    pub(crate) placement: &'a Placement,
    pub(crate) steps: &'a [Step],
}

impl Switch<'_> {
    /// Does everything but the commit in the open transaction. Returns when others had to begin to wait.
    pub(crate) fn perform(&self, connection: &mut Connection, run: Run) -> Result<Instant> {
        let before = catalog::schemas(connection)?;
        let waiting = Waiting::read(connection, self.seq, self.steps)?;
        waiting.run(connection, Phase::Roles, run)?;
        waiting.run(connection, Phase::Memberships, run)?;
        waiting.run(connection, Phase::Schemas, run)?;
        let board = self.survey(connection)?;
        self.create_schemas(connection, &board)?;
        failpoint::hit("postgres.switch.prepared");
        let pause = Instant::now();
        let filled: Vec<String> = board.filled.iter().map(|(_, live)| live.identity.clone()).collect();
        exchange::lock(connection, &board.exchange, &filled)?;
        failpoint::hit("postgres.switch.locked");
        exchange::perform(connection, self.seq, &board.exchange, "plan.target_changed")?;
        documents::switch(connection, self.seq, self.steps)?;
        self.fill(connection, &board)?;
        failpoint::hit("postgres.switch.moved");
        waiting.run(connection, Phase::Last, run)?;
        self.record(connection, &before, &board)?;
        Ok(pause)
    }

    /// Records the job as succeeded, in the transaction.
    pub(crate) fn finish(
        &self,
        connection: &mut Connection,
        pause: Instant,
        attempts: u32,
        report: &dyn Fn(Switched) -> String,
    ) -> Result<()> {
        store::clear_journal(connection, self.seq)?;
        failpoint::hit("postgres.switch.record");
        let report = report(Switched { pause: pause.elapsed(), attempts });
        store::end_job(connection, self.seq, JobStatus::Succeeded, &report)
    }

    fn survey(&self, connection: &mut Connection) -> Result<Board> {
        let stages = self.placement.stages();
        let hidden: Vec<(String, String)> =
            stages.iter().map(|(live, number)| (stage_schema(self.job, *number), live.clone())).collect();
        let staged = catalog::in_schemas(connection, hidden.iter().map(|(stage, _)| stage.as_str()))?;
        let live = catalog::in_schemas(connection, stages.keys().map(String::as_str))?;
        let owned = documents::tables(connection)?;
        let existing = documents::existing(connection)?;
        let mut survey = Survey::new(self, hidden, live);
        for item in staged {
            survey.bring(item)?;
        }
        survey.give_way_with(owned)?;
        survey.drop_tables()?;
        if let Some(step) =
            self.steps.iter().find(|step| step.action == Action::Create && existing.contains_key(&step.into))
        {
            return Err(created_meanwhile(step));
        }
        survey.follow(connection)?;
        Ok(survey.board)
    }

    /// Creates schemas that objects are moved to: those the plan names, where existing objects go aside, where they are kept.
    fn create_schemas(&self, connection: &mut Connection, board: &Board) -> Result<()> {
        let moves = board.exchange.leaving.iter().chain(&board.exchange.arriving);
        exchange::create_schemas(connection, moves.map(|one| one.to.as_str()))?;
        let known = self.placement.stages();
        for (live, number) in known {
            store::run(
                connection,
                &format!(
                    "INSERT INTO reinstate.stage(job, number, live) VALUES ({}, {number}, {}) ON CONFLICT DO NOTHING",
                    self.seq,
                    super::placement::literal(&live)
                ),
            )?;
        }
        Ok(())
    }

    /// Adds staged rows to live tables. Rows that refer to others which are not there yet come behind them: whoever fails on that is
    /// tried again as long as another table gets its rows.
    fn fill(&self, connection: &mut Connection, board: &Board) -> Result<()> {
        let mut waiting: Vec<&(String, Item)> = board.filled.iter().collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut left = Vec::new();
            for filled in waiting {
                if !self.fill_one(connection, filled, &["23503"])? {
                    left.push(filled);
                }
            }
            if left.len() == before {
                // None of them can be first: the server says why.
                self.fill_one(connection, left[0], &[])?;
            }
            waiting = left;
        }
        Ok(())
    }

    /// Adds the rows of one table; `false` when it failed for one of the reasons that are tolerated.
    fn fill_one(
        &self,
        connection: &mut Connection,
        (staged, live): &(String, Item),
        tolerated: &[&str],
    ) -> Result<bool> {
        let statement = format!(
            "SELECT pg_catalog.string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute \
             WHERE attrelid = {}::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
            live.oid
        );
        let columns = store::ask(connection, &statement)?.into_iter().flatten().flatten().next().unwrap_or_default();
        let listed = if columns.is_empty() { String::new() } else { format!("({columns}) OVERRIDING SYSTEM VALUE ") };
        let statement = format!("INSERT INTO {} {listed}SELECT {columns} FROM {staged}", live.identity);
        exchange::attempt(connection, &statement, tolerated, &format!("Could not add rows to {}", live.identity))
    }

    /// Writes down what was exchanged and drops the stage.
    fn record(&self, connection: &mut Connection, before: &BTreeSet<String>, board: &Board) -> Result<()> {
        let stages = self.placement.stages();
        let mut records = board.records.clone();
        let rows = |(_, live): &(String, Item)| Exchanged {
            step: None,
            incoming: true,
            class: "rows".to_owned(),
            object: live.oid,
            live: (Some(live.schema.clone()), live.name.clone()),
            aside: None,
        };
        records.extend(board.filled.iter().map(rows));
        records.extend(documents::live(connection, self.seq)?.into_iter().map(|(step, name)| Exchanged {
            step: Some(step),
            incoming: true,
            class: "document".to_owned(),
            object: i64::from(step),
            live: (name.schema, name.name),
            aside: None,
        }));
        let there = catalog::schemas(connection)?;
        let created = there.difference(before).filter(|schema| !store::is_ours(schema));
        records.extend(created.map(|schema| Exchanged {
            step: None,
            incoming: true,
            class: "schema".to_owned(),
            object: 0,
            live: (None, schema.clone()),
            aside: None,
        }));
        store::record(connection, self.seq, &records)?;
        let drop: Vec<String> = stages
            .values()
            .map(|number| format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(&stage_schema(self.job, *number))))
            .collect();
        if drop.is_empty() {
            return Ok(());
        }
        connection.batch(&drop.join(";\n")).map_err(|fault| failed(&fault, "Could not drop the stage"))
    }
}

/// How statements are run that have waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// In one round trip.
    Together,
    /// One after another, so that an error names its object.
    OneByOne,
}

/// Statements that have waited.
struct Waiting<'a> {
    steps: &'a [Step],
    /// In the order of the plan, and of each step as they were kept.
    deferred: Vec<Deferred>,
}

impl<'a> Waiting<'a> {
    fn read(connection: &mut Connection, job: i64, steps: &'a [Step]) -> Result<Self> {
        let places: HashMap<u32, usize> = steps.iter().enumerate().map(|(at, step)| (step.id, at)).collect();
        let mut deferred = store::deferred(connection, job)?;
        deferred.retain(|one| places.contains_key(&one.step));
        deferred.sort_by_key(|one| places.get(&one.step).copied());
        Ok(Self { steps, deferred })
    }

    fn run(&self, connection: &mut Connection, phase: Phase, run: Run) -> Result<()> {
        let deferred: Vec<&Deferred> = self.deferred.iter().filter(|one| one.phase == phase).collect();
        match run {
            Run::Together => run_together(connection, &deferred),
            Run::OneByOne => deferred.into_iter().try_for_each(|one| {
                let step = self.steps.iter().find(|step| step.id == one.step);
                run_together(connection, &[one]).map_err(|error| match step {
                    Some(step) => error.object(&step.into),
                    None => error,
                })
            }),
        }
    }
}

/// Runs what has waited where nothing is exchanged.
pub(crate) fn run_phases(connection: &mut Connection, job: i64, steps: &[Step], run: Run) -> Result<()> {
    let waiting = Waiting::read(connection, job, steps)?;
    let phases = [Phase::Roles, Phase::Memberships, Phase::Schemas, Phase::Last];
    phases.into_iter().try_for_each(|phase| waiting.run(connection, phase, run))
}

fn run_together(connection: &mut Connection, deferred: &[&Deferred]) -> Result<()> {
    if deferred.is_empty() {
        return Ok(());
    }
    let statements: Vec<&str> = deferred.iter().map(|one| one.statements.as_str()).collect();
    // A statement may end in a comment.
    connection.batch(&statements.join("\n;\n")).map_err(|fault| failed(&fault, "A statement of the switch failed"))
}

/// Finds out what gives way to what.
struct Survey<'a> {
    switch: &'a Switch<'a>,
    /// Stage schemas with the live ones that they stand for.
    hidden: Vec<(String, String)>,
    /// What is live, by what nothing else can be called there.
    live: HashMap<(String, String), Item>,
    /// Steps by schema and name of their objects; routines of one name have several.
    owners: HashMap<(String, String), Vec<&'a Step>>,
    leaving: HashSet<(String, i64)>,
    board: Board,
}

impl<'a> Survey<'a> {
    fn new(switch: &'a Switch<'a>, hidden: Vec<(String, String)>, live: Vec<Item>) -> Self {
        let mut owners: HashMap<_, Vec<&Step>> = HashMap::new();
        for step in switch.steps.iter().filter(|step| step.action != Action::Skip) {
            for place in super::placement::places(step) {
                owners.entry(place).or_default().push(step);
            }
        }
        Self {
            switch,
            hidden,
            live: live.into_iter().map(|item| (item.key(&[]), item)).collect(),
            owners,
            leaving: HashSet::new(),
            board: Board { exchange: Exchange::default(), records: Vec::new(), filled: Vec::new() },
        }
    }

    /// The step that brings the item; of several routines of the name one that says what becomes of the live one.
    fn owner(&self, schema: &str, item: &Item, replaces: bool) -> Option<&'a Step> {
        let steps = self.owners.get(&(schema.to_owned(), item.name.clone()))?;
        let fits = |step: &&&Step| (step.action != Action::Create) == replaces;
        steps.iter().find(fits).or_else(|| steps.first()).copied()
    }

    /// Decides on something that is staged.
    fn bring(&mut self, item: Item) -> Result<()> {
        let to = self.hidden.iter().find(|(stage, _)| *stage == item.schema).map(|(_, live)| live.clone());
        let Some(to) = to else { return Ok(()) };
        let there = self.live.get(&item.key(&self.hidden)).cloned();
        let step = self.owner(&to, &item, there.is_some());
        let object = ObjectName::new("table", Some(&to), item.name.as_str());
        if step.is_none() && self.switch.placement.is_staged(&object) {
            // Staged by a step that is left out of the switch; it goes with the stage.
            return Ok(());
        }
        if step.is_some_and(|step| step.action == Action::Fill) && item.is_table() {
            let live = there.ok_or_else(|| gone(step, &item))?;
            self.board.filled.push((item.identity.clone(), live));
            return Ok(());
        }
        match (there, step) {
            (None, Some(step)) if step.action != Action::Create && names(step, &item) => {
                return Err(gone(Some(step), &item));
            }
            (None, _) => {}
            (Some(there), step) => self.give_way(there, step)?,
        }
        self.board.records.push(Exchanged {
            step: step.map(|step| step.id),
            incoming: true,
            class: item.class.clone(),
            object: item.oid,
            live: (Some(to.clone()), item.name.clone()),
            aside: None,
        });
        self.board.exchange.arriving.push(Move { item, to, name: None });
        Ok(())
    }

    /// Puts a live object out of the way, as its step says.
    fn give_way(&mut self, item: Item, step: Option<&Step>) -> Result<()> {
        if !self.leaving.insert((item.class.clone(), item.oid)) {
            return Ok(());
        }
        let aside = match step {
            Some(step) if step.action == Action::Create => return Err(created_meanwhile(step)),
            Some(step) if step.action == Action::Rename => step.aside.as_ref(),
            _ => None,
        };
        let aside = aside.map(|aside| {
            let schema = aside.schema.clone().unwrap_or_else(|| item.schema.clone());
            let own = step.is_none_or(|step| names(step, &item));
            (schema, if own { bare(&aside.kind, &aside.name) } else { item.name.clone() })
        });
        let (to, name) = match &aside {
            Some((schema, name)) => (schema.clone(), Some(name.clone())),
            None => (self.kept(&item.schema), None),
        };
        self.board.records.push(Exchanged {
            step: step.map(|step| step.id),
            incoming: false,
            class: item.class.clone(),
            object: item.oid,
            live: (Some(item.schema.clone()), item.name.clone()),
            aside: aside.map(|(schema, name)| (Some(schema), name)),
        });
        self.board.exchange.leaving.push(Move { item, to, name });
        Ok(())
    }

    fn kept(&self, schema: &str) -> String {
        let number = self.switch.placement.number(schema).map_or(0, |(number, _)| number);
        kept_schema(self.switch.job, number)
    }

    /// Puts tables of objects out of the way that are documents and tables, a graph say, when another object comes in their place.
    fn give_way_with(&mut self, owned: Vec<(ObjectName, String)>) -> Result<()> {
        for (object, table) in owned {
            let step = self.switch.steps.iter().find(|step| step.into == object && step.action != Action::Skip);
            let key =
                ("pg_class".to_owned(), catalog::quoted_name(object.schema.as_deref().unwrap_or_default(), &table));
            if let (Some(step), Some(item)) = (step, self.live.get(&key).cloned()) {
                self.give_way(item, Some(step))?;
            }
        }
        Ok(())
    }

    /// Puts tables out of the way that refer to others that leave, and in whose place nothing comes.
    fn drop_tables(&mut self) -> Result<()> {
        for step in self.switch.steps.iter().filter(|step| step.action == Action::Drop) {
            let schema = step.into.schema.as_deref().unwrap_or_default();
            let key = ("pg_class".to_owned(), catalog::quoted_name(schema, &step.into.name));
            let Some(item) = self.live.get(&key).cloned() else {
                let message =
                    format!("{} has been dropped meanwhile; plan again", crate::text::capital(&step.into.to_string()));
                return Err(Error::new("plan.target_changed", message).object(&step.into));
            };
            self.give_way(item, Some(step))?;
        }
        Ok(())
    }

    /// Partitions and statistics go where their tables go.
    fn follow(&mut self, connection: &mut Connection) -> Result<()> {
        let leaving: Vec<Item> = self.board.exchange.leaving.iter().map(|one| one.item.clone()).collect();
        for item in ties::following(connection, &leaving)? {
            self.give_way(item, None)?;
        }
        self.board.exchange.leaving.sort_by_key(|one| one.item.rank());
        self.board.exchange.arriving.sort_by_key(|one| one.item.rank());
        Ok(())
    }
}

/// Whether the item is the step's object itself and not what it brings along.
fn names(step: &Step, item: &Item) -> bool {
    bare(&step.into.kind, &step.into.name) == item.name
}

fn gone(step: Option<&Step>, item: &Item) -> Error {
    let message = format!("The {} `{}` of the target has been dropped meanwhile; plan again", item.word, item.name);
    let error = Error::new("plan.target_changed", message);
    match step {
        Some(step) => error.object(&step.into),
        None => error,
    }
}

fn created_meanwhile(step: &Step) -> Error {
    let message = format!("{} has been created meanwhile; plan again", crate::text::capital(&step.into.to_string()));
    Error::new("plan.target_changed", message).object(&step.into)
}
