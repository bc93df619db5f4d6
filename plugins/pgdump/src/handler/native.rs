//! PostgreSQL: the dump's own statements, each where it belongs.

use reinstate_plugin::{Counts, Failure, Finding, LeaveOut, Object, ObjectName, Outlook, Target, declared_rows, sql};

use super::{in_target, leaves_out, no_such_part, privileges, rows, unreadable};
use crate::attributes::Attributes;
use crate::kinds;

mod large_objects;
mod options;
mod owner;
mod scope;
mod statements;

use statements::Statements;

/// Bytes a row takes beside its text, roughly.
const ROW_BYTES: u64 = 24;

/// What the operator should know, and what the schedule needs. `examine` says what would reach outside the stage.
pub(super) fn plan(
    object: &Object,
    entry: &Attributes,
    target: &Target,
    examine: impl Fn(&str) -> Vec<Finding>,
) -> Result<Outlook, Failure> {
    let mut outlook = Outlook { findings: unreadable(object, entry), ..Outlook::new() };
    outlook.findings.extend(worth_knowing(object, entry));
    let work = statements::of(object, entry, target)?;
    for Statements { text, .. } in &work {
        outlook.findings.extend(examine(text));
    }
    outlook.locks = locks(object, entry);
    outlook.principals = principals(object, entry, &work);
    if !object.definitions_only {
        outlook.rows = declared_rows(&object.entries).unwrap_or(0);
        outlook.bytes = object.entry_bytes().saturating_add(outlook.rows.saturating_mul(ROW_BYTES));
    }
    Ok(outlook)
}

/// Makes the object, unless only its rows are wanted.
pub(super) fn begin(object: &Object, entry: &Attributes, target: &Target) -> Result<(), Failure> {
    for Statements { text, scope, undo } in statements::of(object, entry, target)? {
        sql::execute(&text, &scope, undo.as_deref())?;
    }
    Ok(())
}

/// What is executed for the object, in the order of its making.
#[cfg(test)]
pub(super) fn statements(
    object: &Object,
    entry: &Attributes,
    target: &Target,
) -> Result<Vec<(String, sql::Scope, Option<String>)>, Failure> {
    let all = statements::of(object, entry, target)?;
    Ok(all.into_iter().map(|Statements { text, scope, undo }| (text, scope, undo)).collect())
}

/// Restores the bytes of one entry.
pub(super) fn restore(object: &Object, entry: &Attributes, part: u32) -> Result<Counts, Failure> {
    object.part(part)?;
    match object.source.kind.as_str() {
        kinds::TABLE | kinds::TABLE_ROWS => rows::into_postgresql(object, entry, part),
        kinds::LARGE_OBJECT => large_objects::restore(object, entry, part),
        _ => Err(no_such_part(object)),
    }
}

fn worth_knowing(object: &Object, entry: &Attributes) -> Vec<Finding> {
    let mut findings = Vec::new();
    let source = &object.source;
    if !statements::is_known(entry) {
        findings.push(Finding::refusal(
            "pgdump.unknown_entry",
            format!("{source} is an entry of the kind `{}`, which is not known", entry.desc),
            "Exclude the object, or use a newer version",
        ));
    }
    if entry.search_path.as_deref().is_some_and(|path| !path.trim().is_empty()) && !entry.definition.is_empty() {
        findings.push(Finding::refusal(
            "pgdump.search_path",
            format!("The statements of {source} name objects without their schemas"),
            "Take the dump with pg_dump 10.3 or later",
        ));
    }
    if source.kind == kinds::TABLE && entry.definition.is_empty() && !object.rows_only {
        findings.push(Finding::refusal(
            "pgdump.no_definition",
            format!("The dump holds the rows of {source} and not its definition"),
            "Restore data only, into a table that is there",
        ));
    }
    if entry.row_statements && !object.definitions_only {
        findings.push(Finding::note(
            "pgdump.row_statements",
            format!("The rows of {source} are INSERT statements, which takes several times as long as COPY"),
            "Take the next dump without --inserts",
        ));
    }
    if statements::is_of_the_database(entry) {
        findings.push(Finding::note(
            "pgdump.database",
            format!("{source} belongs to the database itself, which is the target's own, and is left as it is"),
            "Set it by hand where it is wanted",
        ));
    }
    if source.kind == kinds::TABLESPACE {
        findings.push(Finding::warning(
            "pgdump.tablespace",
            format!("{source} needs a folder of the server and is not created"),
            "Create it before the restore where objects are stored in it",
        ));
    }
    if let Some(option) = options::foreign(&entry.definition).filter(|_| !object.rows_only) {
        findings.push(Finding::note(
            "pgdump.foreign_option",
            format!(
                "{source} was on a server that knows the column option `{option}`, which no other takes; it is left out"
            ),
            "Nothing to do",
        ));
    }
    if let Some(tablespace) = entry.tablespace.as_deref().filter(|name| !name.is_empty() && !object.rows_only) {
        findings.push(Finding::note(
            "pgdump.in_tablespace",
            format!("{source} is stored in the tablespace `{tablespace}`"),
            "Create the tablespace before the restore",
        ));
    }
    findings
}

/// Sorts of entries that lock the table they hang on against each other. Indexes do not: several are built at once.
const LOCKING: [&str; 8] =
    ["CHECK CONSTRAINT", "CONSTRAINT", "DEFAULT", "FK CONSTRAINT", "POLICY", "ROW SECURITY", "RULE", "TRIGGER"];

/// Tables that the statements lock beside the object's own.
fn locks(object: &Object, entry: &Attributes) -> Vec<ObjectName> {
    if object.rows_only {
        return Vec::new();
    }
    let table = |(schema, name): (Option<String>, String)| ObjectName {
        kind: kinds::TABLE.to_owned(),
        schema: schema.or_else(|| object.source.schema.clone()),
        name,
    };
    let named = match entry.desc.as_str() {
        "FK CONSTRAINT" => statements::tables_of_foreign_key(&entry.definition),
        // An index becomes valid with its last partition's, which the server sees only when no two are attached at once.
        "INDEX ATTACH" => {
            return vec![ObjectName { kind: "index_attach".to_owned(), schema: None, name: "*".to_owned() }];
        }
        "TABLE ATTACH" => statements::attached(&entry.definition).unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut locked: Vec<ObjectName> = named.into_iter().map(table).collect();
    let of = entry.of.as_ref().filter(|of| LOCKING.contains(&entry.desc.as_str()) && !locked.contains(of));
    locked.extend(of.cloned());
    locked
}

/// Users and roles that the statements name.
fn principals(object: &Object, entry: &Attributes, work: &[Statements]) -> Vec<String> {
    let names_roles = matches!(entry.desc.as_str(), "ACL" | "DEFAULT ACL" | "POLICY" | "USER MAPPING");
    let mut names = Vec::new();
    if names_roles && !work.is_empty() {
        names = privileges::named(&entry.definition);
    }
    let owned = work.iter().any(|statements| statements.text.contains(" OWNER TO "));
    let owner = entry.owner.as_ref().filter(|_| owned && !leaves_out(object, LeaveOut::OWNERS));
    if let Some(owner) = owner.filter(|owner| !names.contains(owner)) {
        names.push(owner.clone());
    }
    names
}

/// The name of what the object hangs on, as the target has it.
fn hangs_on(entry: &Attributes, target: &Target) -> Option<ObjectName> {
    entry.of.as_ref().map(|of| in_target(of, target))
}
