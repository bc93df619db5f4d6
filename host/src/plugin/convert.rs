//! The edge between generated types and the host's own; nothing else names both.

use std::collections::BTreeSet;

use super::bindings::exports::reinstate::plugin::handler as guest;
use super::bindings::reinstate::plugin::{principals, routines, sql, tables, types};
use super::{ObjectView, Surroundings};
use crate::catalog::ObjectName;
use crate::error::Error;
use crate::plan::{KindDescription, LeaveOut, Severity, Subscriptions};
use crate::target::Scope;
use crate::target::definition as host;

pub(super) fn failure(error: &Error) -> types::Failure {
    let details = error.details();
    types::Failure {
        code: details.code.clone().into_owned(),
        message: details.message.clone(),
        entry: details.entry.clone(),
        row: details.row,
        column: details.column.clone(),
    }
}

pub(super) fn object(view: &ObjectView, surroundings: &Surroundings) -> types::Object {
    let entry = |entry: &crate::catalog::Entry| types::Entry {
        path: entry.path.clone(),
        form: entry.form.clone(),
        bytes: entry.bytes,
        exact: entry.stored.as_ref().is_none_or(|stored| stored.exact),
        rows: entry.rows,
    };
    types::Object {
        source: object_name(&view.object.name),
        into: object_name(&view.into),
        attributes: view.object.attributes.get().to_owned(),
        dialect: surroundings.dialect.clone(),
        entries: view.object.entries.iter().map(entry).collect(),
        definitions_only: view.definitions_only,
        rows_only: view.rows_only,
        leave_out: leave_out(&view.leave_out),
        subscriptions: match surroundings.restore_subscriptions {
            Subscriptions::Resume => types::Subscriptions::Resume,
            Subscriptions::Pause => types::Subscriptions::Pause,
            Subscriptions::Cancel => types::Subscriptions::Cancel,
        },
    }
}

pub(super) fn target(surroundings: &Surroundings) -> types::Target {
    let info = &surroundings.target;
    types::Target {
        kind: info.kind.clone(),
        version: info.version.clone(),
        dialect: info.dialect.clone(),
        forms: info.forms.clone(),
        schema_map: surroundings.schema_map.clone(),
    }
}

fn leave_out(words: &BTreeSet<LeaveOut>) -> types::LeaveOut {
    words.iter().fold(types::LeaveOut::empty(), |flags, word| {
        flags
            | match word {
                LeaveOut::Owners => types::LeaveOut::OWNERS,
                LeaveOut::Privileges => types::LeaveOut::PRIVILEGES,
                LeaveOut::Comments => types::LeaveOut::COMMENTS,
            }
    })
}

fn object_name(name: &ObjectName) -> types::ObjectName {
    types::ObjectName { kind: name.kind.clone(), schema: name.schema.clone(), name: name.name.clone() }
}

pub(super) fn host_name(name: types::ObjectName) -> ObjectName {
    ObjectName { kind: name.kind, schema: name.schema, name: name.name }
}

pub(super) fn kind(kind: guest::Kind) -> KindDescription {
    KindDescription { name: kind.name, in_schema: kind.in_schema }
}

pub(super) fn severity(severity: types::Severity) -> Severity {
    match severity {
        types::Severity::Note => Severity::Note,
        types::Severity::Warning => Severity::Warning,
        types::Severity::Refusal => Severity::Refusal,
    }
}

pub(super) fn scope(scope: sql::Scope) -> Scope {
    match scope {
        sql::Scope::Itself => Scope::Itself,
        sql::Scope::PartOf(name) => Scope::PartOf(host_name(name)),
        sql::Scope::Database => Scope::Database,
        sql::Scope::Foundation => Scope::Foundation,
    }
}

fn all<T, U: From<T>>(list: Vec<T>) -> Vec<U> {
    list.into_iter().map(U::from).collect()
}

impl From<tables::ValueType> for host::ValueType {
    fn from(values: tables::ValueType) -> Self {
        match values {
            tables::ValueType::Boolean => Self::Boolean,
            tables::ValueType::Integer => Self::Integer,
            tables::ValueType::Real => Self::Real,
            tables::ValueType::Text => Self::Text,
            tables::ValueType::Bytes => Self::Bytes,
            tables::ValueType::Any => Self::Any,
        }
    }
}

impl From<tables::Generated> for host::Generated {
    fn from(generated: tables::Generated) -> Self {
        Self { expression: generated.expression, stored: generated.stored }
    }
}

impl From<tables::Column> for host::Column {
    fn from(column: tables::Column) -> Self {
        Self {
            name: column.name,
            values: column.values.into(),
            declared: column.declared,
            nullable: column.nullable,
            default: column.default,
            generated: column.generated.map(Into::into),
            collation: column.collation,
        }
    }
}

impl From<tables::Key> for host::Key {
    fn from(key: tables::Key) -> Self {
        Self { name: key.name, columns: key.columns, automatic: key.automatic }
    }
}

impl From<tables::ForeignKey> for host::ForeignKey {
    fn from(key: tables::ForeignKey) -> Self {
        Self {
            name: key.name,
            columns: key.columns,
            schema: key.schema,
            table: key.table,
            references: key.references,
            on_update: key.on_update,
            on_delete: key.on_delete,
            deferred: key.deferred,
        }
    }
}

impl From<tables::Check> for host::Check {
    fn from(check: tables::Check) -> Self {
        Self { name: check.name, expression: check.expression }
    }
}

impl From<tables::Definition> for host::TableDefinition {
    fn from(definition: tables::Definition) -> Self {
        Self {
            columns: all(definition.columns),
            primary_key: definition.primary_key.map(Into::into),
            uniques: all(definition.uniques),
            checks: all(definition.checks),
            foreign_keys: all(definition.foreign_keys),
            last_number: definition.last_number,
            options: definition.options,
        }
    }
}

impl From<tables::IndexColumn> for host::IndexColumn {
    fn from(column: tables::IndexColumn) -> Self {
        Self {
            term: column.term,
            expression: column.expression,
            descending: column.descending,
            collation: column.collation,
        }
    }
}

impl From<tables::Index> for host::Index {
    fn from(index: tables::Index) -> Self {
        Self { name: index.name, columns: all(index.columns), unique: index.unique, condition: index.condition }
    }
}

impl From<host::Summary> for tables::Summary {
    fn from(summary: host::Summary) -> Self {
        Self { columns: summary.columns, rows: summary.rows }
    }
}

impl From<host::Orphans> for tables::Orphans {
    fn from(orphans: host::Orphans) -> Self {
        Self { rows: orphans.rows, example: orphans.example }
    }
}

impl From<principals::Principal> for host::Principal {
    fn from(principal: principals::Principal) -> Self {
        Self {
            login: principal.login,
            password_hash: principal.password_hash,
            valid_until: principal.valid_until,
            attributes: principal.attributes,
        }
    }
}

impl From<principals::Membership> for host::Membership {
    fn from(membership: principals::Membership) -> Self {
        Self { role: membership.role, admin: membership.admin }
    }
}

impl From<principals::Permission> for host::Permission {
    fn from(permission: principals::Permission) -> Self {
        Self { privilege: permission.privilege, on: permission.on.map(host_name), grantable: permission.grantable }
    }
}

impl From<principals::Token> for host::Token {
    fn from(token: principals::Token) -> Self {
        Self { id: token.id, hash: token.hash, description: token.description, expires: token.expires }
    }
}

impl From<host::PrincipalSummary> for principals::Summary {
    fn from(summary: host::PrincipalSummary) -> Self {
        Self { memberships: summary.memberships, permissions: summary.permissions, tokens: summary.tokens }
    }
}

impl From<routines::Routine> for host::Routine {
    fn from(routine: routines::Routine) -> Self {
        Self {
            language: routine.language,
            definition: routine.definition,
            environment: routine.environment,
            attributes: routine.attributes,
        }
    }
}

impl From<host::Routine> for routines::Routine {
    fn from(routine: host::Routine) -> Self {
        Self {
            language: routine.language,
            definition: routine.definition,
            environment: routine.environment,
            attributes: routine.attributes,
        }
    }
}
