//! What is there: every object, schema and job, read without leaving a trace.
//!
//! Tables and views are listed by the names they have in the file, whoever made them, with the schemas they were restored into, if they were; other kinds from `reinstate_objects`. A table that
//! belongs to an object of another kind (the nodes of a graph, say) is listed too, because its name is taken, and cannot be
//! replaced by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::catalog::ObjectName;
use crate::error::Result;
use crate::target::{Existing, Facts, Health, Job, JobStatus, TargetInfo};

use super::connection::reader;
use super::contents::Contents;
use super::failure::failed;
use super::lock::{Holder, holder};
use super::name::{MAIN, fold, is_own, is_reserved, physical};
use super::parts::fingerprint_there;
use super::rehearse::parents;
use super::snapshot::{SchemaRow, Snapshot};
use super::store::{self, Bookkeeping, ObjectRow};

/// Whether objects of the kind are tables or views of the file itself.
pub(crate) fn is_relation(kind: &str) -> bool {
    matches!(kind, "table" | "view")
}

/// Whether nothing in the file itself is the object: a view in a dialect that is not ours, say.
pub(crate) fn is_document(row: &ObjectRow) -> bool {
    row.tables.is_empty()
}

/// Folded names of tables that belong to objects of other kinds.
pub(crate) fn owners(live: &[ObjectRow]) -> HashMap<String, ObjectName> {
    let others = live.iter().filter(|row| !is_relation(&row.name.kind));
    others
        .flat_map(|row| row.tables.iter().map(|suffix| (fold(&physical(&row.name, suffix)), row.name.clone())))
        .collect()
}

/// The fingerprint of an object that is there: of its tables and views, and of its definition where that is what it consists of.
pub(crate) fn fingerprint(connection: &Connection, snapshot: &Snapshot, row: &ObjectRow) -> Result<String> {
    let tables = fingerprint_there(snapshot, &row.name, &row.tables);
    if is_relation(&row.name.kind) && !is_document(row) {
        return Ok(tables);
    }
    let definition = store::definition(connection, row.id)?.unwrap_or_default();
    let digest = Sha256::digest(format!("{tables}\n{definition}"));
    Ok(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// Reads the facts of the file at `path`, which need not exist.
pub(crate) fn inspect(path: &Path) -> Result<Facts> {
    let mut facts = Facts {
        location: format!("sqlite:{}", path.display()),
        info: info(),
        objects: BTreeMap::new(),
        schemas: BTreeSet::from([MAIN.to_owned()]),
        principals: Default::default(),
        available: None,
        identity: None,
        memberships: Default::default(),
        grants_access: true,
        real_permissions: false,
        name_bytes: None,
        encoding: None,
        closed_schemas: Default::default(),
        no_stage_database: Some("An SQLite file has one database".to_owned()),
        plain_roles: Default::default(),
        no_fill: Some("SQLite's tables are replaced whole".to_owned()),
        warnings: Vec::new(),
        health: health(path),
    };
    let Some(connection) = reader(path)? else { return Ok(facts) };
    // One transaction: the facts are those of one moment.
    connection.execute_batch("BEGIN").map_err(|error| failed(error, "Could not read the target"))?;
    let snapshot = Snapshot::read(&connection)?;
    let present = store::bookkeeping(&connection)?;
    let live =
        if present == Bookkeeping::Present { store::objects(&connection, "state = 'live'", [])? } else { Vec::new() };
    add_relations(&mut facts, &connection, &snapshot, &live)?;
    for row in live.iter().filter(|row| !is_relation(&row.name.kind) || is_document(row)) {
        let fingerprint = fingerprint(&connection, &snapshot, row)?;
        if matches!(row.name.kind.as_str(), "user" | "role") {
            let roles = memberships(&connection, row)?;
            facts.memberships.entry(row.name.name.clone()).or_default().extend(roles);
        }
        // A view that was made by hand since takes the place of its document.
        facts.objects.entry(row.name.clone()).or_insert(Existing { fingerprint, ..Existing::default() });
    }
    let schema = |name: &ObjectName| match name.kind.as_str() {
        "schema" => Some(name.name.clone()),
        _ => name.schema.clone(),
    };
    facts.schemas.extend(facts.objects.keys().filter_map(schema));
    match present {
        Bookkeeping::Absent => {}
        Bookkeeping::Foreign => facts.health.unsupported_version = Some(store::foreign().to_string()),
        Bookkeeping::Present => {
            facts.schemas.extend(store::schemas(&connection)?);
            let jobs = known_jobs(&connection, path)?;
            facts.health.interrupted =
                jobs.into_iter().filter(|job| job.status == JobStatus::Interrupted).map(|job| job.job).collect();
        }
    }
    Ok(facts)
}

/// Roles that a user or role is a member of.
fn memberships(connection: &Connection, row: &ObjectRow) -> Result<Vec<String>> {
    let Some(definition) = store::definition(connection, row.id)? else { return Ok(Vec::new()) };
    let principal = Contents::read(&definition)?.principal;
    let memberships = principal.into_iter().flat_map(|principal| principal.memberships);
    Ok(memberships.map(|membership| membership.role).collect())
}

fn info() -> TargetInfo {
    TargetInfo {
        kind: "sqlite".into(),
        version: rusqlite::version().into(),
        dialect: "sqlite".into(),
        forms: vec!["arrow".into()],
    }
}

fn add_relations(facts: &mut Facts, connection: &Connection, snapshot: &Snapshot, live: &[ObjectRow]) -> Result<()> {
    let owners = owners(live);
    let dotted = store::dotted(live);
    let shadows = shadows(connection)?;
    let mut referrers = Referrers::default();
    let shown = |row: &&SchemaRow| is_relation(&row.kind) && !is_own(&row.named.name) && !is_reserved(&row.named.name);
    for row in snapshot.rows().iter().filter(shown) {
        let (schema, name) = dotted.split(&row.named.name);
        let object = ObjectName::new(&row.kind, Some(schema), name);
        let fixed = fixed(row, &owners, &shadows);
        let suffixes = [String::new()];
        if row.kind == "table" {
            referrers.add(connection, &row.named.name, &object)?;
        }
        facts.objects.insert(
            object.clone(),
            Existing { fingerprint: fingerprint_there(snapshot, &object, &suffixes), fixed, ..Existing::default() },
        );
    }
    referrers.give(facts);
    Ok(())
}

/// Tables by what their foreign keys refer to.
#[derive(Default)]
struct Referrers(BTreeMap<String, BTreeSet<ObjectName>>);

impl Referrers {
    fn add(&mut self, connection: &Connection, table: &str, object: &ObjectName) -> Result<()> {
        for parent in parents(connection, table)? {
            if fold(&parent) != fold(table) {
                self.0.entry(fold(&parent)).or_default().insert(object.clone());
            }
        }
        Ok(())
    }

    fn give(mut self, facts: &mut Facts) {
        let tables = facts.objects.iter_mut().filter(|(name, _)| name.kind == "table");
        for (name, existing) in tables {
            existing.referrers = self.0.remove(&fold(&physical(name, ""))).into_iter().flatten().collect();
        }
    }
}

fn fixed(row: &SchemaRow, owners: &HashMap<String, ObjectName>, shadows: &BTreeSet<String>) -> Option<String> {
    let name = &row.named.name;
    let virtual_table = |sql: &String| sql.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("CREATE VIRTUAL"));
    if let Some(owner) = owners.get(&fold(name)) {
        return Some(format!("It belongs to {owner}"));
    }
    if row.named.sql.as_ref().is_some_and(virtual_table) {
        return Some("It is a virtual table, which only the program that made it can move".to_owned());
    }
    if shadows.contains(name) {
        return Some("It holds the data of a virtual table".to_owned());
    }
    name.contains('\u{fffd}').then(|| "Its name is not UTF-8".to_owned())
}

fn shadows(connection: &Connection) -> Result<BTreeSet<String>> {
    let list = || {
        let any: bool = connection.query_row(
            "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE rootpage = 0 AND type = 'table')",
            [],
            |row| row.get(0),
        )?;
        if !any {
            return Ok(BTreeSet::new());
        }
        connection
            .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")?
            .query_map([], |row| row.get(0))?
            .collect()
    };
    list().map_err(|error| failed(error, "Could not read the tables"))
}

fn health(path: &Path) -> Health {
    Health {
        not_writable: not_writable(path),
        missing_right: None,
        free_bytes: free_bytes(path),
        nodes_not_ready: Vec::new(),
        uncommitted: None,
        busy: match holder(path) {
            Holder::Nobody => None,
            Holder::Job(job) => Some(job),
            Holder::Unknown => Some("another restore".to_owned()),
        },
        interrupted: Vec::new(),
        unsupported_version: None,
        free_connections: None,
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// SQLite writes its log, and we our lock, beside the file.
fn not_writable(path: &Path) -> Option<String> {
    use rustix::fs::{Access, access};
    let folder = folder(path);
    if !folder.is_dir() {
        return Some(format!("The folder `{}` does not exist", folder.display()));
    }
    let denied = |path: &Path, how| {
        access(path, how).err().map(|error| format!("`{}` cannot be written: {error}", path.display()))
    };
    let of_file = if path.exists() { denied(path, Access::READ_OK | Access::WRITE_OK) } else { None };
    of_file.or_else(|| denied(folder, Access::WRITE_OK | Access::EXEC_OK))
}

fn free_bytes(path: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(folder(path)).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Every job of the file at `path`; those that are not over are `Running` when their process holds the lock.
pub(crate) fn jobs(path: &Path) -> Result<Vec<Job>> {
    match reader(path)? {
        Some(connection) if store::bookkeeping(&connection)? == Bookkeeping::Present => known_jobs(&connection, path),
        _ => Ok(Vec::new()),
    }
}

fn known_jobs(connection: &Connection, path: &Path) -> Result<Vec<Job>> {
    let holder = holder(path);
    let mut jobs: Vec<Job> = store::jobs(connection)?.into_iter().map(|record| record.job).collect();
    let last = jobs.last().map(|job| job.job.clone());
    let works = |job: &str| match &holder {
        Holder::Nobody => false,
        Holder::Job(holder) => holder == job,
        Holder::Unknown => last.as_deref() == Some(job),
    };
    for job in &mut jobs {
        if job.status == JobStatus::Interrupted && works(&job.job) {
            job.status = JobStatus::Running;
        }
    }
    Ok(jobs)
}
