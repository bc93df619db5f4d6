//! An open unit: one transaction on a connection of its own.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::plan::{Action, Step};
use crate::sql::reach::{self, Owners, Reach};
use crate::target::definition::{
    Index, Membership, Orphans, Permission, Principal, PrincipalSummary, Routine, Summary, TableDefinition, Token,
};
use crate::target::{Counts, Scope, Unit, Work};

use super::copy::Copying;
use super::part::Part;
use super::placement::{Placement, hangs, quoted};
use super::pool::Lease;
use super::shared::Shared;
use super::statement::Statements;
use super::store::{Phase, insert_deferred, insert_unit};
use super::{documents, exchange, failure, principals, routines, tables, views};

/// A unit of a step. Dropping it takes everything back.
pub(crate) struct PostgresWork {
    /// The COPY that is being fed, and what earlier ones counted. Given up before the connection is.
    pub(crate) copy: Option<Copying>,
    /// In a transaction.
    pub(crate) connection: Lease,
    pub(crate) step: Step,
    pub(crate) unit: Unit,
    pub(crate) placement: Arc<Placement>,
    /// What the bytes of a COPY are encoded in, when the plugin has said it: an option of COPY, for the session stays in UTF-8.
    pub(crate) encoding: Option<String>,
    /// Something of the object has been kept as a document in this unit.
    pub(crate) documented: bool,
    pub(crate) shared: Arc<Shared>,
}

/// When and where statements run.
enum When {
    /// Now, where the job's objects are staged.
    Staged,
    /// Now, in the live database; what takes them back is kept.
    AtOnce,
    /// In the switch.
    Later(Phase),
}

impl PostgresWork {
    /// Opens a unit of a step on a connection of its own.
    pub(crate) fn open(shared: &Arc<Shared>, step: &Step, unit: Unit) -> Result<Self> {
        let mut connection = shared.pool.lease()?;
        connection.begin();
        let mut work = Self {
            copy: None,
            connection,
            step: step.clone(),
            unit,
            placement: Arc::clone(&shared.placement),
            encoding: None,
            documented: false,
            shared: Arc::clone(shared),
        };
        if step.action == Action::Fill && step.into.schema.is_some() && matches!(unit, Unit::Begin | Unit::Whole) {
            work.create_like_live()?;
        }
        Ok(work)
    }

    /// Runs statements that are ours; `doing` is what they do, as `Could not …`.
    pub(crate) fn batch(&mut self, statements: &str, doing: &str) -> Result<()> {
        self.connection.batch(statements).map_err(|fault| failure::failed(&fault, doing))
    }

    /// Keeps statements for the switch, in the target's names, and what takes them back. Commits with the unit.
    pub(crate) fn defer(&mut self, statements: &str, undo: Option<&str>) -> Result<()> {
        let phase = match self.step.into.kind.as_str() {
            "user" | "role" => Phase::Roles,
            "schema" => Phase::Schemas,
            _ => Phase::Last,
        };
        self.keep(phase, statements, undo)
    }

    /// Keeps statements for the end of the switch, when the objects are where they will be.
    pub(crate) fn defer_last(&mut self, statements: &str, undo: Option<&str>) -> Result<()> {
        self.keep(Phase::Last, statements, undo)
    }

    /// Whether rows that are copied may be frozen at once: the server takes it, the table is plain, nobody else has seen it, and this
    /// transaction has created it or may truncate it before it copies.
    pub(crate) fn may_freeze(&self) -> bool {
        let alone = match self.unit {
            Unit::Whole => true,
            Unit::Part(_) => self.step.parts == 1,
            Unit::Begin | Unit::End | Unit::Verify => false,
        };
        let schema = self.placement.schema_of(&self.step.into);
        alone
            && !hangs(&self.step.into)
            && !self.shared.is_partitioned(&schema, &self.step.into.name)
            && self.shared.abilities().freeze
    }

    /// Whether COPY takes binary rows.
    pub(crate) fn may_binary(&self) -> bool {
        self.shared.abilities().binary
    }

    /// The job's number in the bookkeeping.
    pub(crate) fn job(&self) -> i64 {
        self.shared.seq
    }

    /// The SQL dialect of the archive.
    pub(crate) fn dialect(&self) -> &str {
        &self.shared.dialect
    }

    /// Whether the role of that name may be changed although it runs the restore.
    pub(super) fn may_change(&self, name: &str) -> bool {
        self.shared.allow.contains(&crate::plan::identity::allowance(name))
    }

    /// Refuses statements that would reach outside the stage and were not allowed to.
    pub(crate) fn permit(&mut self, statements: &str) -> Result<()> {
        let query = "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = current_user AND NOT rolsuper";
        let plain =
            self.connection.texts(query).map_err(|fault| failure::failed(&fault, "Could not read who we are"))?;
        let owners = Owners::only_unowned(!plain.is_empty());
        let allowed = |code: &str| self.shared.allow.contains(code) || self.shared.allow.contains("all");
        match reach::examine_owned(statements, &owners).into_iter().find(|one| !allowed(one.code)) {
            Some(Reach { code, message }) => {
                let message = format!("{message}, which --allow {code} does not allow");
                Err(Error::new("sql.not_allowed", message).object(&self.step.object))
            }
            None => Ok(()),
        }
    }

    fn keep(&mut self, phase: Phase, statements: &str, undo: Option<&str>) -> Result<()> {
        let phase = match phase {
            Phase::Roles if Statements::of(statements).gives() => Phase::Memberships,
            phase => phase,
        };
        let statement = insert_deferred(self.shared.seq, self.step.id, phase, statements, undo);
        self.batch(&statement, "Could not keep statements for the switch")
    }

    /// An empty table with the columns of the live one, to which the switch adds the rows.
    fn create_like_live(&mut self) -> Result<()> {
        let into = &self.step.into;
        let (name, live) = (quoted(&into.name), quoted(into.schema.as_deref().unwrap_or_default()));
        let stage = quoted(&self.placement.schema_of(into));
        let statement =
            format!("CREATE TABLE {stage}.{name} (LIKE {live}.{name} INCLUDING DEFAULTS INCLUDING GENERATED)");
        let doing = format!("Could not stage rows for {into}");
        self.batch(&statement, &doing)
    }

    fn when(&self, statements: &Statements<'_>, scope: &Scope) -> Result<When> {
        let apart = self.placement.is_apart();
        Ok(match (self.step.into.kind.as_str(), scope) {
            ("user" | "role", _) => When::Later(Phase::Roles),
            // A schema that others are made in.
            ("schema", _) if apart => When::Staged,
            ("schema", _) => When::Later(Phase::Schemas),
            (_, Scope::Foundation) if apart => When::Staged,
            (_, Scope::Foundation) => When::AtOnce,
            // They are in no schema, and too large to wait: nobody knows their numbers yet.
            ("large_object", Scope::Itself | Scope::PartOf(_)) if apart => When::Staged,
            ("large_object", Scope::Itself | Scope::PartOf(_)) => When::AtOnce,
            (_, Scope::Itself) if apart || self.step.into.schema.is_some() => self.unless_live(statements)?,
            (_, Scope::PartOf(object)) if self.placement.is_staged(object) => self.unless_live(statements)?,
            (_, Scope::PartOf(object)) if apart && object.schema.is_some() => When::Staged,
            _ => When::Later(Phase::Last),
        })
    }

    /// Statements that would tie a staged object to a live one wait: until the switch nobody may notice the stage.
    fn unless_live(&self, statements: &Statements<'_>) -> Result<When> {
        let live = |(schema, name): &(String, String)| self.placement.is_live(schema, name);
        let Some((schema, name)) = statements.ties().into_iter().find(live) else { return Ok(When::Staged) };
        if !statements.creates_table() {
            return Ok(When::Later(Phase::Last));
        }
        let message = format!(
            "{} is built on table {schema}.{name}, which is not restored with it; select that, too",
            crate::text::capital(&self.step.object.to_string())
        );
        Err(Error::new("target.unsupported", message))
    }

    /// Runs statements where the job's objects are staged; what gives something to a role that the job makes waits for it.
    fn run_staged(&mut self, statements: &Statements<'_>) -> Result<()> {
        self.note(statements);
        let (now, later) = self.shared.newcomers.divide(&statements.tolerant(&self.step.into.kind));
        let placed = self.placement.place(&now)?;
        self.run(statements, &placed)?;
        if later.is_empty() {
            return Ok(());
        }
        let mapped = self.placement.map(&later)?;
        self.keep(Phase::Last, &mapped, None)
    }

    /// Runs statements in the live database, with what takes them back.
    fn run_at_once(&mut self, statements: &Statements<'_>, text: &str, undo: Option<&str>) -> Result<()> {
        self.batch("SET LOCAL lock_timeout = '10s'", "Could not set a limit")?;
        self.make_schemas(statements)?;
        // What was there before is not ours to drop.
        let undo = if self.is_there()? { None } else { undo };
        let undo = undo.map(|undo| self.placement.map(undo)).transpose()?;
        let (now, later) = self.shared.newcomers.divide(text);
        let mapped = self.placement.map(&now)?;
        self.run(statements, &mapped)?;
        if !later.is_empty() {
            let mapped = self.placement.map(&later)?;
            self.keep(Phase::Last, &mapped, None)?;
        }
        match undo {
            Some(undo) => self.keep(Phase::Foundation, "", Some(&undo)),
            None => Ok(()),
        }
    }

    /// Whether the database has what others are built on already, whoever made it since the plan.
    fn is_there(&mut self) -> Result<bool> {
        let (catalog, column) = match self.step.into.kind.as_str() {
            "extension" => ("pg_extension", "extname"),
            "procedural_language" => ("pg_language", "lanname"),
            "schema" => ("pg_namespace", "nspname"),
            _ => return Ok(false),
        };
        let query = format!(
            "SELECT 1 FROM pg_catalog.{catalog} WHERE {column} = {}",
            super::placement::literal(&self.step.into.name)
        );
        let doing = format!("Could not look for {}", self.step.into);
        let rows = self.connection.texts(&query).map_err(|fault| failure::failed(&fault, &doing))?;
        Ok(!rows.is_empty())
    }

    /// Makes schemas that statements name and that would be made in the switch: what runs at once may need them.
    fn make_schemas(&mut self, statements: &Statements<'_>) -> Result<()> {
        let schemas = self.shared.schemas.iter().filter(|(archive, _)| statements.name(archive));
        let schemas: Vec<String> = schemas.map(|(_, target)| target.clone()).collect();
        for schema in exchange::create_schemas(&mut self.connection, schemas.iter().map(String::as_str))? {
            self.keep(Phase::Foundation, "", Some(&format!("DROP SCHEMA {}", quoted(&schema))))?;
        }
        Ok(())
    }

    /// Keeps statements for the switch. A part of a live object takes the place of the one that is there, and is taken away by an undo.
    fn run_later(&mut self, phase: Phase, text: &str, scope: &Scope, undo: Option<&str>) -> Result<()> {
        let undo = undo.map(|undo| self.placement.map(undo)).transpose()?;
        let mapped = self.placement.map(text)?;
        let part = match scope {
            Scope::PartOf(owner) if undo.is_none() => Part::of(&self.step.into, owner),
            _ => None,
        };
        let Some(part) = part else { return self.keep(phase, &mapped, undo.as_deref()) };
        let doing = format!("Could not look at {}", self.step.into);
        let there = match part.there {
            Some(query) => self.connection.texts(&query).map_err(|fault| failure::failed(&fault, &doing))?,
            None => Vec::new(),
        };
        if let Some(there) = there.into_iter().flatten().flatten().next() {
            self.keep(phase, &part.drop, Some(&there))?;
        }
        self.keep(phase, &mapped, Some(&part.drop))
    }

    fn run(&mut self, statements: &Statements<'_>, text: &str) -> Result<()> {
        if statements.set_something() {
            self.connection.mark_changed();
        }
        let doing = format!("PostgreSQL does not take a statement of {}", self.step.object);
        self.batch(text, &doing)
    }

    /// Knows what statements create beside the object that they are for.
    fn note(&self, statements: &Statements<'_>) {
        let object = &self.step.into;
        if let Some((_, name)) = statements.multirange() {
            self.placement.add(object.schema.as_deref().unwrap_or_default(), &name);
        }
        if object.kind == "table" && statements.is_partitioned() {
            self.shared.add_partitioned(&self.placement.schema_of(object), &object.name);
        }
    }
}

impl Work for PostgresWork {
    fn create_table(&mut self, table: &str, definition: TableDefinition) -> Result<()> {
        tables::create(self, table, definition)
    }
    fn append(&mut self, table: &str, columns: &[String], form: &str, batch: bytes::Bytes) -> Result<u64> {
        tables::append(self, table, columns, form, batch)
    }
    fn end_rows(&mut self) -> Result<u64> {
        tables::end_rows(self)
    }
    fn create_indexes(&mut self, table: &str, indexes: Vec<Index>) -> Result<()> {
        tables::create_indexes(self, table, indexes)
    }
    fn create_trigger(&mut self, table: &str, name: &str, statement: &str) -> Result<()> {
        tables::create_trigger(self, table, name, statement)
    }
    fn create_view(&mut self, columns: &[String], query: &str) -> Result<()> {
        views::create(self, columns, query)
    }
    fn summarize(&mut self, table: &str) -> Result<Summary> {
        tables::summarize(self, table)
    }
    fn find_orphans(
        &mut self,
        table: &str,
        columns: &[String],
        parent: &str,
        references: &[String],
    ) -> Result<Option<Orphans>> {
        tables::find_orphans(self, table, columns, parent, references)
    }
    fn put_document(&mut self, document: &str) -> Result<()> {
        documents::put(self, document)
    }
    fn document(&mut self) -> Result<Option<String>> {
        documents::get(self)
    }
    fn create_principal(&mut self, principal: Principal) -> Result<()> {
        principals::create(self, principal)
    }
    fn add_memberships(&mut self, memberships: Vec<Membership>) -> Result<()> {
        principals::add_memberships(self, memberships)
    }
    fn add_permissions(&mut self, permissions: Vec<Permission>) -> Result<()> {
        principals::add_permissions(self, permissions)
    }
    fn add_tokens(&mut self, tokens: Vec<Token>) -> Result<()> {
        principals::add_tokens(self, tokens)
    }
    fn principal_summary(&mut self) -> Result<Option<PrincipalSummary>> {
        principals::summarize(self)
    }
    fn create_routine(&mut self, routine: Routine) -> Result<()> {
        routines::create(self, routine)
    }
    fn routine(&mut self) -> Result<Option<Routine>> {
        routines::get(self)
    }
    fn append_blob(&mut self, name: &str, bytes: bytes::Bytes) -> Result<()> {
        documents::append_blob(self, name, bytes)
    }
    fn blob_size(&mut self, name: &str) -> Result<Option<u64>> {
        documents::blob_size(self, name)
    }
    fn execute(&mut self, statements: &str, scope: &Scope, undo: Option<&str>) -> Result<()> {
        let cut = Statements::of(statements);
        if let Some(encoding) = cut.encoding() {
            self.encoding = Some(encoding);
            return Ok(());
        }
        match self.when(&cut, scope)? {
            When::Staged => self.run_staged(&cut),
            When::AtOnce => self.run_at_once(&cut, statements, undo),
            When::Later(phase) => self.run_later(phase, &cut.tolerant(&self.step.into.kind), scope, undo),
        }
    }
    fn commit(mut self: Box<Self>, counts: Counts) -> Result<()> {
        tables::end_rows(&mut self)?;
        if matches!(self.unit, Unit::End | Unit::Whole) {
            tables::finish(&mut self)?;
        }
        failpoint::hit("postgres.unit.before");
        let record = insert_unit(self.shared.seq, self.step.id, self.unit, counts);
        let doing = format!("Could not commit {}", self.step.into);
        self.connection.commit(&record, &doing)?;
        failpoint::hit("postgres.unit.after");
        Ok(())
    }
}
