//! One open unit: what a plugin writes is kept in memory until the unit commits, or until it is too much to keep.
//!
//! Only then does the unit take the one connection that writes, when it is its turn, so that plugins decode side by side while another one's
//! rows go in.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::plan::Step;
use crate::target::definition::{
    Index, Membership, Orphans, Permission, Principal, PrincipalSummary, Routine, Summary, TableDefinition, Token,
};
use crate::target::{Counts, Unit, Work};

use super::contents::{Contents, PrincipalContents, RoutineContents, Statement, TableContents, ViewContents};
use super::ddl::{self, Naming, Typed};
use super::failure::{failed, is_constraint, refused, text};
use super::insert::{self, Place};
use super::jail::Trial;
use super::lease::{Lease, internal};
use super::name::{self, physical, qualify, quote, staged};
use super::parts::{place, staged_index};
use super::rewrite;
use super::rows::{Rows, decode};
use super::stage::Shared;
use super::store::{self, ObjectRow, state};

/// Something to be done when the unit writes.
enum Operation {
    /// `numbered` is the staged table and the last number that its automatic key has given.
    Create {
        sql: String,
        live: String,
        numbered: Option<(String, i64)>,
    },
    Index {
        sql: String,
        live: String,
        table: String,
    },
    Rows {
        table: String,
        live: String,
        before: u64,
        rows: Rows,
    },
    Blob {
        name: String,
        bytes: bytes::Bytes,
    },
}

/// A unit of a step.
pub(crate) struct SqliteWork {
    shared: Arc<Shared>,
    step: Step,
    unit: Unit,
    /// What the object consists of, once it was asked for.
    contents: Option<Arc<Contents>>,
    /// Whether this unit changed it.
    changed: bool,
    pending: Vec<Operation>,
    pending_bytes: usize,
    /// Rows that this unit appended, by table.
    appended: HashMap<String, u64>,
    /// Once it writes.
    lease: Option<Lease>,
    committed: bool,
}

fn bad(message: impl Into<String>) -> Error {
    Error::new("target.bad_definition", message)
}

impl SqliteWork {
    /// Opens a unit.
    pub(crate) fn new(shared: Arc<Shared>, step: Step, unit: Unit) -> Self {
        let contents = matches!(unit, Unit::Begin | Unit::Whole).then(Arc::default);
        Self {
            shared,
            step,
            unit,
            contents,
            changed: matches!(unit, Unit::Begin | Unit::Whole),
            pending: Vec::new(),
            pending_bytes: 0,
            appended: HashMap::new(),
            lease: None,
            committed: false,
        }
    }

    fn id(&self) -> i64 {
        store::staged_id(self.shared.job, self.step.id)
    }

    fn contents(&mut self) -> Result<&Arc<Contents>> {
        let contents = match self.contents.take() {
            Some(contents) => contents,
            None => self.shared.contents(self.step.id, self.lease.as_ref())?,
        };
        if matches!(self.unit, Unit::Part(_)) {
            self.shared.keep(self.step.id, &contents);
        }
        Ok(self.contents.insert(contents))
    }

    /// To be changed; written when the unit commits.
    fn contents_mut(&mut self) -> Result<&mut Contents> {
        self.writes()?;
        self.contents()?;
        self.changed = true;
        Ok(Arc::make_mut(self.contents.get_or_insert_default()))
    }

    fn writes(&self) -> Result<()> {
        if self.unit == Unit::Verify {
            return Err(Error::new("plugin.write_refused", "Nothing can be written while the stage is read back"));
        }
        Ok(())
    }

    fn suffix(&self, table: &str) -> Result<()> {
        if table.is_empty() || self.step.tables.iter().any(|known| known == table) {
            return Ok(());
        }
        Err(bad(format!("The plan gives {} no table `{}`", self.step.into, table.escape_debug())))
    }

    fn staged(&self, table: &str) -> String {
        staged(self.shared.job, self.step.id, place(&self.step.tables, table))
    }

    fn live(&self, table: &str) -> String {
        physical(&self.step.into, table)
    }

    fn table(&mut self, table: &str) -> Result<(Arc<Contents>, String)> {
        let live = self.live(table);
        let contents = Arc::clone(self.contents()?);
        if !contents.tables.contains_key(table) {
            return Err(bad(format!("Table `{}` was not created", live.escape_debug())));
        }
        Ok((contents, live))
    }

    fn push(&mut self, operation: Operation, bytes: usize) -> Result<()> {
        self.pending.push(operation);
        self.pending_bytes += bytes;
        if self.lease.is_some() || self.pending_bytes > self.shared.spill { self.flush().map(|_| ()) } else { Ok(()) }
    }

    /// Takes the connection, when it is this unit's turn, and writes what is pending.
    fn flush(&mut self) -> Result<&Lease> {
        if self.lease.is_none() {
            if let Unit::Part(part) = self.unit {
                self.shared.turns.wait(self.step.id, part)?;
            }
            let lease = self.shared.pool.lease();
            if self.unit != Unit::Verify {
                lease.begin()?;
            }
            self.lease = Some(lease);
        }
        self.pending_bytes = 0;
        let id = self.id();
        let lease = self.lease.as_ref().ok_or_else(|| internal("The connection is gone"))?;
        for operation in self.pending.drain(..) {
            carry_out(lease, id, &operation)?;
        }
        Ok(lease)
    }

    /// The connection for reading back. A unit that only reads gives it back at once.
    fn read<T>(&mut self, read: impl FnOnce(&Lease) -> Result<T>) -> Result<T> {
        let value = read(self.flush()?);
        if self.unit == Unit::Verify {
            self.lease = None;
        }
        value
    }

    fn principal(&mut self) -> Result<&mut PrincipalContents> {
        let object = self.step.into.clone();
        self.contents_mut()?.principal.as_mut().ok_or_else(|| bad(format!("The {object} was not created yet")))
    }

    fn write_contents(&mut self) -> Result<()> {
        let contents = Arc::clone(self.contents()?);
        let mut tables: Vec<String> = contents.tables.keys().cloned().collect();
        if contents.view.is_some() {
            tables.push(String::new());
        }
        let (name, job) = (self.step.into.clone(), self.shared.job);
        let row = ObjectRow { id: self.id(), name, state: state::STAGED.to_owned(), job, tables };
        let json = contents.write()?;
        store::put_object(self.flush()?, &row, Some(&json))
    }

    /// Tries a table with everything on it as it will be when it is live.
    fn try_live(&self, trials: &[Trial<'_>], typed: Option<&Typed<'_>>) -> Result<()> {
        self.shared.jail.lock().unwrap_or_else(PoisonError::into_inner).try_all(trials, typed)
    }
}

fn carry_out(lease: &Lease, object: i64, operation: &Operation) -> Result<()> {
    match operation {
        Operation::Create { sql, live, numbered } => {
            let made = lease.execute_batch(sql).and_then(|()| match numbered {
                Some((table, last)) => {
                    let sql = "INSERT INTO sqlite_sequence(name, seq) VALUES (?1, ?2)";
                    lease.execute(sql, rusqlite::params![table, last]).map(drop)
                }
                None => Ok(()),
            });
            made.map_err(|error| refused(error, &format!("SQLite does not take table `{live}`")))
        }
        Operation::Index { sql, live, table } => {
            lease.execute_batch(sql).map_err(|error| match is_constraint(&error) {
                true => Error::new(
                    "target.constraint",
                    format!("Rows of table `{table}` break unique index `{live}`: {}", unstaged(&text(&error), table)),
                ),
                false => refused(error, &format!("SQLite does not take index `{live}`")),
            })
        }
        Operation::Rows { table, live, before, rows } => {
            failpoint::hit("sqlite.rows");
            insert::insert(lease, &Place { table, live, before: *before }, rows)
        }
        Operation::Blob { name, bytes } => store::append_blob(lease, object, name, bytes),
    }
}

/// SQLite's message with the table's real name.
fn unstaged(message: &str, live: &str) -> String {
    match message.split_once("reinstate_stage_") {
        Some((before, rest)) => {
            format!("{before}{live}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_'))
        }
        None => message.to_owned(),
    }
}

impl Work for SqliteWork {
    fn create_table(&mut self, table: &str, definition: TableDefinition) -> Result<()> {
        self.suffix(table)?;
        let (live, staged) = (self.live(table), self.staged(table));
        name::check_plain(&live)?;
        if self.contents()?.tables.contains_key(table) {
            return Err(bad(format!("Table `{live}` was created already")));
        }
        let typed = Typed::new(&definition, self.shared.exact)?;
        let schema = self.step.into.schema.as_deref();
        let own = unqualified(&self.step.into.name, table);
        let aliases = [own.as_str(), self.step.object.name.as_str(), live.as_str()];
        let sql = typed.create(&Naming { table: &live, aliases: &aliases, schema }, true)?;
        if !typed.is_plain() {
            self.try_live(&[Trial { kind: "table", name: &live, sql: &sql }], Some(&typed))?;
        }
        let create = typed.create(&Naming { table: &staged, aliases: &aliases, schema }, false)?;
        let automatic = definition.primary_key.as_ref().is_some_and(|key| key.automatic);
        let numbered = definition.last_number.filter(|_| automatic).map(|last| (staged, last));
        let contents = TableContents { definition, sql, indexes: Vec::new(), triggers: Vec::new() };
        self.contents_mut()?.tables.insert(table.to_owned(), contents);
        self.push(Operation::Create { sql: create, live, numbered }, 0)
    }

    fn append(&mut self, table: &str, _columns: &[String], form: &str, batch: bytes::Bytes) -> Result<u64> {
        self.writes()?;
        if form != "arrow" {
            return Err(Error::new(
                "target.unsupported",
                format!("Rows in the form `{}` cannot be taken; use `arrow`", form.escape_debug()),
            ));
        }
        let (contents, live) = self.table(table)?;
        let staged = self.staged(table);
        let start = self.appended.get(table).copied().unwrap_or_default();
        let mut before = start;
        let mut bytes = batch.len();
        for rows in decode(batch, start)? {
            insert::check(&rows, &contents.tables[table].definition, &live)?;
            let first = before;
            before += rows.rows as u64;
            self.push(
                Operation::Rows { table: staged.clone(), live: live.clone(), before: first, rows },
                std::mem::take(&mut bytes),
            )?;
        }
        self.appended.insert(table.to_owned(), before);
        Ok(before - start)
    }

    fn create_indexes(&mut self, table: &str, indexes: Vec<Index>) -> Result<()> {
        let (contents, live) = self.table(table)?;
        let staged = self.staged(table);
        let schema = self.step.into.schema.clone();
        let known = &contents.tables[table];
        let columns: Vec<String> = known.definition.columns.iter().map(|column| column.name.clone()).collect();
        let own = unqualified(&self.step.into.name, table);
        let aliases = [own.as_str(), self.step.object.name.as_str(), live.as_str()];
        let naming = |table| Naming { table, aliases: &aliases, schema: schema.as_deref() };
        let (mut made, mut operations) = (Vec::new(), Vec::new());
        for (number, index) in (known.indexes.len()..).zip(indexes) {
            let name = qualify(schema.as_deref(), &index.name);
            ddl::check_name(&name)?;
            let sql = ddl::create_index(&index, &name, &naming(&live), &columns)?;
            let create = ddl::create_index(&index, &staged_index(&staged, number), &naming(&staged), &columns)?;
            operations.push(Operation::Index { sql: create, live: name.clone(), table: live.clone() });
            made.push(Statement { given: index, name, sql });
        }
        let mut trials = vec![Trial { kind: "table", name: &live, sql: &known.sql }];
        trials.extend(made.iter().map(|index| Trial { kind: "index", name: &index.name, sql: &index.sql }));
        self.try_live(&trials, None)?;
        if let Some(contents) = self.contents_mut()?.tables.get_mut(table) {
            contents.indexes.extend(made);
        }
        operations.into_iter().try_for_each(|operation| self.push(operation, 0))
    }

    fn create_trigger(&mut self, table: &str, name: &str, statement: &str) -> Result<()> {
        let live = self.live(table);
        let called = qualify(self.step.into.schema.as_deref(), name);
        ddl::check_name(&called)?;
        let contents = Arc::clone(self.contents()?);
        let (kind, base) = match (contents.tables.get(table), &contents.view) {
            (Some(table), _) => ("table", &table.sql),
            (None, Some(view)) if table.is_empty() => ("view", &view.sql),
            _ => return Err(bad(format!("Table `{live}` of trigger `{name}` was not created"))),
        };
        let (own, source) = (unqualified(&self.step.into.name, table), unqualified(&self.step.object.name, table));
        let sql = rewrite::trigger(statement, name, &[&own, &source, &live], &called, &live);
        let sql = sql.map_err(|why| bad(format!("Trigger `{}` cannot be used: {why}", name.escape_debug())))?;
        let base = Trial { kind, name: &live, sql: base };
        self.try_live(&[base, Trial { kind: "trigger", name: &called, sql: &sql }], None)?;
        let trigger = Statement { given: name.to_owned(), name: called, sql };
        let contents = self.contents_mut()?;
        match (contents.tables.get_mut(table), &mut contents.view) {
            (Some(table), _) => table.triggers.push(trigger),
            (None, Some(view)) => view.triggers.push(trigger),
            (None, None) => {}
        }
        Ok(())
    }

    fn create_view(&mut self, columns: &[String], query: &str) -> Result<()> {
        let live = self.live("");
        let sql = ddl::create_view(&live, columns, query)?;
        self.try_live(&[Trial { kind: "view", name: &live, sql: &sql }], None)?;
        let contents = self.contents_mut()?;
        if contents.view.is_some() || contents.tables.contains_key("") {
            return Err(bad(format!("`{live}` was created already")));
        }
        contents.view =
            Some(ViewContents { columns: columns.to_vec(), query: query.to_owned(), sql, triggers: Vec::new() });
        Ok(())
    }

    fn summarize(&mut self, table: &str) -> Result<Summary> {
        if let (true, Some(view)) = (table.is_empty(), &self.contents()?.view) {
            return Ok(Summary { columns: view.columns.clone(), rows: 0 });
        }
        let (contents, live) = self.table(table)?;
        let columns = contents.tables[table].definition.columns.iter().map(|column| column.name.clone()).collect();
        let sql = format!("SELECT count(*) FROM {}", quote(&self.staged(table)));
        let rows = self.read(|lease| {
            let count = lease.query_row(&sql, [], |row| row.get::<_, i64>(0));
            count.map_err(|error| failed(error, &format!("Could not read table `{live}` back")))
        })?;
        Ok(Summary { columns, rows: rows.unsigned_abs() })
    }

    fn find_orphans(
        &mut self,
        table: &str,
        columns: &[String],
        parent: &str,
        references: &[String],
    ) -> Result<Option<Orphans>> {
        let (contents, live) = self.table(table)?;
        self.table(parent)?;
        let (child, parent_definition) = (&contents.tables[table].definition, &contents.tables[parent].definition);
        let key = parent_definition.primary_key.iter().flat_map(|key| key.columns.iter().cloned()).collect::<Vec<_>>();
        let references = if references.is_empty() { &key[..] } else { references };
        for (columns, definition) in [(columns, child), (references, parent_definition)] {
            if let Some(unknown) =
                columns.iter().find(|name| definition.columns.iter().all(|column| column.name != **name))
            {
                return Err(bad(format!(
                    "The tables of {} have no column `{}`",
                    self.step.into,
                    unknown.escape_debug()
                )));
            }
        }
        if columns.is_empty() || columns.len() != references.len() {
            return Err(bad(format!("{} columns cannot refer to {}", columns.len(), references.len())));
        }
        let sql = orphans_sql(&self.staged(table), columns, &self.staged(parent), references);
        self.read(|lease| {
            let found = lease.query_row(&sql, [], |row| {
                let values = (0..columns.len())
                    .map(|at| row.get::<_, Option<String>>(at + 1))
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), values))
            });
            let (rows, values) =
                found.map_err(|error| failed(error, &format!("Could not compare the rows of table `{live}`")))?;
            let pair = |(column, value): (&String, Option<String>)| {
                format!("{column} = {}", value.unwrap_or_default().chars().take(80).collect::<String>())
            };
            let example = columns.iter().zip(values).map(pair).collect::<Vec<_>>().join(", ");
            Ok((rows > 0).then_some(Orphans { rows, example }))
        })
    }

    fn put_document(&mut self, document: &str) -> Result<()> {
        let document = RawValue::from_string(document.to_owned())
            .map_err(|error| bad(format!("The document of {} is not JSON: {error}", self.step.into)))?;
        self.contents_mut()?.document = Some(document);
        Ok(())
    }

    fn document(&mut self) -> Result<Option<String>> {
        Ok(self.contents()?.document.as_ref().map(|document| document.get().to_owned()))
    }

    fn create_principal(&mut self, principal: Principal) -> Result<()> {
        self.contents_mut()?.principal = Some(PrincipalContents::new(principal)?);
        Ok(())
    }

    fn add_memberships(&mut self, memberships: Vec<Membership>) -> Result<()> {
        self.principal()?.memberships.extend(memberships);
        Ok(())
    }

    fn add_permissions(&mut self, permissions: Vec<Permission>) -> Result<()> {
        self.principal()?.permissions.extend(permissions);
        Ok(())
    }

    fn add_tokens(&mut self, tokens: Vec<Token>) -> Result<()> {
        self.principal()?.tokens.extend(tokens);
        Ok(())
    }

    fn principal_summary(&mut self) -> Result<Option<PrincipalSummary>> {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let summary = |principal: &PrincipalContents| PrincipalSummary {
            memberships: count(principal.memberships.len()),
            permissions: count(principal.permissions.len()),
            tokens: count(principal.tokens.len()),
        };
        Ok(self.contents()?.principal.as_ref().map(summary))
    }

    fn create_routine(&mut self, routine: Routine) -> Result<()> {
        self.contents_mut()?.routine = Some(RoutineContents::new(routine)?);
        Ok(())
    }

    fn routine(&mut self) -> Result<Option<Routine>> {
        Ok(self.contents()?.routine.as_ref().map(RoutineContents::to_routine))
    }

    fn append_blob(&mut self, name: &str, bytes: bytes::Bytes) -> Result<()> {
        self.writes()?;
        let length = bytes.len();
        self.push(Operation::Blob { name: name.to_owned(), bytes }, length)
    }

    fn blob_size(&mut self, name: &str) -> Result<Option<u64>> {
        let id = self.id();
        self.read(|lease| store::blob_size(lease, id, name))
    }

    fn commit(mut self: Box<Self>, counts: Counts) -> Result<()> {
        if self.unit == Unit::Verify {
            return Err(internal("Reading back is not committed"));
        }
        self.flush()?;
        if self.changed {
            self.write_contents()?;
        }
        let (job, step, unit) = (self.shared.job, self.step.id, self.unit);
        let lease = self.flush()?;
        store::write_journal(lease, job, step, unit, counts)?;
        lease.commit()?;
        self.committed = true;
        match (unit, self.contents.take()) {
            (Unit::Begin, Some(contents)) => self.shared.keep(step, &contents),
            (Unit::End, _) => self.shared.release(step),
            _ => {}
        }
        Ok(())
    }
}

fn unqualified(object: &str, table: &str) -> String {
    if table.is_empty() { object.to_owned() } else { format!("{object}_{table}") }
}

/// One row: how many rows of `child` find nothing in `parent`, and the columns of one of them.
fn orphans_sql(child: &str, columns: &[String], parent: &str, references: &[String]) -> String {
    let pair = |(column, reference): (&String, &String)| format!("p.{} = c.{}", quote(reference), quote(column));
    let matches: Vec<String> = columns.iter().zip(references).map(pair).collect();
    let given: Vec<String> = columns.iter().map(|column| format!("c.{} IS NOT NULL", quote(column))).collect();
    let examples: Vec<String> = columns.iter().map(|column| format!("quote(c.{})", quote(column))).collect();
    format!(
        "SELECT count(*), {} FROM {} AS c LEFT JOIN {} AS p ON {} WHERE p.{} IS NULL AND {}",
        examples.join(", "),
        quote(child),
        quote(parent),
        matches.join(" AND "),
        quote(&references[0]),
        given.join(" AND ")
    )
}

impl Drop for SqliteWork {
    fn drop(&mut self) {
        // The transaction ends before anybody who waits for this part goes on.
        self.lease = None;
        if let Unit::Part(part) = self.unit {
            self.shared.turns.close(self.step.id, part, self.committed);
        }
    }
}
