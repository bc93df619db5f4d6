//! Restores the objects of dumps: as they were into PostgreSQL, as tables and what else is portable anywhere else.

use reinstate_plugin::{
    Counts, Description, Failure, Finding, Handler, Kind, LeaveOut, Object, ObjectName, Outlook, Target, description,
    sql,
};

use crate::attributes::Attributes;
use crate::kinds::{self, Home};

mod foreign;
mod native;
mod privileges;
mod reader;
mod roles;
mod rows;

/// The handler of every kind that dumps hold.
#[derive(Debug)]
pub struct PgDumpHandler;

impl Handler for PgDumpHandler {
    fn describe() -> Description {
        Description { kinds: all_kinds(), ..description!(Kind::in_schema(kinds::TABLE)) }
    }

    fn plan(object: &Object, target: &Target) -> Result<Outlook, Failure> {
        if roles::is_role(object) {
            return roles::plan(object, target, sql::examine);
        }
        let entry = Attributes::of(object)?;
        if is_postgresql(target) {
            native::plan(object, &entry, target, sql::examine)
        } else {
            foreign::plan(object, &entry, target)
        }
    }

    fn begin(object: &Object, target: &Target) -> Result<(), Failure> {
        if roles::is_role(object) {
            return roles::begin(object);
        }
        let entry = Attributes::of(object)?;
        if is_postgresql(target) {
            native::begin(object, &entry, target)
        } else {
            foreign::begin(object, &entry, target)
        }
    }

    fn restore(object: &Object, target: &Target, part: u32) -> Result<Counts, Failure> {
        let entry = Attributes::of(object)?;
        let restored = if is_postgresql(target) {
            native::restore(object, &entry, part)
        } else {
            foreign::restore(object, &entry, target, part)
        };
        restored.map_err(|failure| failure.in_part(object, part))
    }

    fn end(object: &Object, target: &Target) -> Result<(), Failure> {
        if roles::is_role(object) {
            return roles::end(object);
        }
        if is_postgresql(target) { Ok(()) } else { foreign::end(object, &Attributes::of(object)?, target) }
    }

    fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure> {
        if roles::is_role(object) {
            return roles::verify(object);
        }
        // PostgreSQL has taken the statements themselves, and the host compares the rows.
        if is_postgresql(target) { Ok(Vec::new()) } else { foreign::verify(object, &Attributes::of(object)?, target) }
    }
}

/// Whether the target understands the dump's statements.
fn is_postgresql(target: &Target) -> bool {
    target.dialect == "postgresql"
}

impl Attributes {
    /// The object's attributes. Fails with `pgdump.bad_attributes`.
    fn of(object: &Object) -> Result<Self, Failure> {
        object.parse_attributes_as("pgdump.bad_attributes")
    }
}

/// Every kind once. What can be either is said to live in a schema: most do.
fn all_kinds() -> Vec<Kind> {
    let mut kinds: Vec<Kind> =
        vec![Kind::global(kinds::USER), Kind::global(kinds::ROLE), Kind::in_schema(kinds::TABLE_ROWS)];
    for kind in kinds::KINDS {
        if !kinds.iter().any(|known| known.name == kind.name) {
            let in_schema = kind.home != Home::Database;
            kinds.push(Kind { name: kind.name.to_owned(), in_schema });
        }
    }
    kinds
}

/// Whether the operator does not want this.
fn leaves_out(object: &Object, what: LeaveOut) -> bool {
    object.leave_out & what == what
}

/// The name as the target has it: in the schema that the operator chose for the archive's.
fn in_target(name: &ObjectName, target: &Target) -> ObjectName {
    let schema = name.schema.as_deref().map(|schema| target.schema(schema).to_owned());
    ObjectName { schema, ..name.clone() }
}

/// What is wrong with a dump whose statements cannot be read as they stand, or whose rows are in another encoding.
fn unreadable(object: &Object, entry: &Attributes) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |code: &str, message: String, fix: &str| findings.push(Finding::refusal(code, message, fix));
    if !object.entries.is_empty() && !is_utf8(&entry.encoding) && holds_text(object) {
        let message = format!("The rows of {} are in the encoding {}, not UTF-8", object.source, entry.encoding);
        refuse("pgdump.encoding", message, "Take the dump with `pg_dump --encoding=UTF8`");
    }
    if !entry.std_strings && (entry.definition.contains('\\') || entry.row_statements) {
        let message = format!("In the statements of {} a backslash begins an escape in every constant", object.source);
        let fix = "Set standard_conforming_strings to on at the source and take the dump again";
        refuse("pgdump.escape_strings", message, fix);
    }
    findings
}

fn is_utf8(encoding: &str) -> bool {
    // Nobody knows what SQL_ASCII is; what is not UTF-8 is found row by row.
    matches!(encoding, "" | "UTF8" | "UTF-8" | "UNICODE" | "SQL_ASCII")
}

/// Large objects are bytes in any encoding.
fn holds_text(object: &Object) -> bool {
    object.entries.iter().any(|entry| entry.form != crate::attributes::BYTES)
}

/// The failure of a part that the object should not have.
fn no_such_part(object: &Object) -> Failure {
    Failure::new("pgdump.no_such_part", format!("{} has no rows of its own", object.source))
}

#[cfg(test)]
mod tests;
