//! Where the statements of an object belong.

use reinstate_plugin::sql::Scope;
use reinstate_plugin::{Object, Target};

use super::hangs_on;
use crate::attributes::Attributes;

/// The scope of what makes the object.
pub(super) fn of(object: &Object, entry: &Attributes, target: &Target) -> Scope {
    match entry.desc.as_str() {
        // Others are built on them, and nothing of them can be seen in another schema.
        "EXTENSION" | "SCHEMA" | "PROCEDURAL LANGUAGE" | "FOREIGN DATA WRAPPER" | "SERVER" | "ACCESS METHOD" => {
            Scope::Foundation
        }
        "PUBLICATION"
        | "PUBLICATION TABLE"
        | "PUBLICATION TABLES IN SCHEMA"
        | "SUBSCRIPTION"
        | "SUBSCRIPTION TABLE"
        | "EVENT TRIGGER"
        | "DEFAULT ACL"
        | "CAST"
        | "TRANSFORM"
        | "USER MAPPING" => Scope::Database,
        "COMMENT" | "ACL" | "SECURITY LABEL" => of_another(entry, target).unwrap_or(Scope::Database),
        // The sequence of an identity column is made by a statement about its table.
        "SEQUENCE" if entry.definition.trim_start().starts_with("ALTER TABLE ") => {
            of_another(entry, target).unwrap_or(Scope::Itself)
        }
        "TABLE ATTACH" => parent(entry, target).unwrap_or(Scope::Itself),
        "CHECK CONSTRAINT"
        | "CONSTRAINT"
        | "DEFAULT"
        | "FK CONSTRAINT"
        | "INDEX"
        | "INDEX ATTACH"
        | "MATERIALIZED VIEW DATA"
        | "POLICY"
        | "ROW SECURITY"
        | "RULE"
        | "SEQUENCE OWNED BY"
        | "SEQUENCE SET"
        | "STATISTICS"
        | "STATISTICS DATA"
        | "TRIGGER" => of_another(entry, target).unwrap_or(Scope::Itself),
        _ if object.source.schema.is_some() => Scope::Itself,
        // Large objects live outside schemas, but their bytes are far too many to be kept for the switch: they are written at
        // once, in the unit's transaction, and nobody knows their numbers before the rows that hold them can be seen.
        "BLOB" | "BLOB METADATA" | "BLOBS" => Scope::Itself,
        _ => Scope::Database,
    }
}

/// A part of what it hangs on; of something outside schemas: the database's.
fn of_another(entry: &Attributes, target: &Target) -> Option<Scope> {
    let of = hangs_on(entry, target)?;
    Some(match (&of.schema, of.kind.as_str()) {
        (Some(_), _) => Scope::PartOf(of),
        (None, crate::kinds::LARGE_OBJECT) => Scope::PartOf(of),
        (None, _) => Scope::Database,
    })
}

/// A partition that is staged can only be attached where its parent is: with the switch when that is not of this job.
fn parent(entry: &Attributes, target: &Target) -> Option<Scope> {
    let (schema, name) = super::statements::attached(&entry.definition)?.swap_remove(0);
    let child = entry.of.as_ref()?;
    let parent = reinstate_plugin::ObjectName {
        kind: crate::kinds::TABLE.to_owned(),
        schema: schema.or_else(|| child.schema.clone()),
        name,
    };
    Some(Scope::PartOf(super::in_target(&parent, target)))
}
