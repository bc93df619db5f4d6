//! Owners, given as pg_restore gives them (`_printTocEntry` and `_getObjectDescription` in pg_backup_archiver.c).

use crate::attributes::Attributes;
use crate::layout::sql::quote;

/// `ALTER … OWNER TO …;`, where the object has an owner of its own.
pub(super) fn statement(entry: &Attributes, schema: Option<&str>) -> Option<String> {
    let owner = entry.owner.as_deref().filter(|owner| !owner.is_empty())?;
    // What has no statement that drops it has no owner either: it is a part of something else.
    if entry.drop.trim().is_empty() {
        return None;
    }
    Some(format!("ALTER {} OWNER TO {};", described(entry, schema)?, quote(owner)))
}

fn described(entry: &Attributes, schema: Option<&str>) -> Option<String> {
    let desc = entry.desc.as_str();
    let tag = quote(&entry.tag);
    match desc {
        "COLLATION"
        | "CONVERSION"
        | "DOMAIN"
        | "FOREIGN TABLE"
        | "MATERIALIZED VIEW"
        | "SEQUENCE"
        | "STATISTICS"
        | "TABLE"
        | "TEXT SEARCH DICTIONARY"
        | "TEXT SEARCH CONFIGURATION"
        | "TYPE"
        | "VIEW" => {
            Some(schema.map_or_else(|| format!("{desc} {tag}"), |schema| format!("{desc} {}.{tag}", quote(schema))))
        }
        "PROCEDURAL LANGUAGE"
        | "SCHEMA"
        | "EVENT TRIGGER"
        | "FOREIGN DATA WRAPPER"
        | "SERVER"
        | "PUBLICATION"
        | "SUBSCRIPTION" => Some(format!("{desc} {tag}")),
        // Their description is whatever their DROP statement says.
        "AGGREGATE" | "FUNCTION" | "OPERATOR" | "OPERATOR CLASS" | "OPERATOR FAMILY" | "PROCEDURE" => {
            let described = entry.drop.trim().strip_prefix("DROP ")?;
            Some(described.trim_end_matches([';', '\n']).to_owned())
        }
        _ => None,
    }
}
