//! The kinds of objects that are generated. A further kind is one file with a `Kind`, and its line in `ALL`.

use reinstate::catalog::ObjectName;

use super::database::{Body, Database};
use super::random::Random;

pub mod definition;
pub mod document;
pub mod graph;
pub mod principal;
pub mod routine;
pub mod table;
pub mod view;

/// How objects of a kind are generated.
pub struct Kind {
    pub name: &'static str,
    pub in_schema: bool,
    /// At most about as many of ten objects.
    pub weight: usize,
    /// What the object of that name consists of, and what it needs of the objects before it.
    pub make: fn(&mut Random, &Database, &ObjectName) -> Option<(Vec<ObjectName>, Body)>,
    /// What is done once all objects of the kind are there.
    pub finish: fn(&mut Random, &mut Database),
}

/// In the order of generation: later ones refer to earlier ones.
pub const ALL: &[Kind] = &[
    definition::CREDENTIAL,
    definition::DATASOURCE,
    definition::DATASINK,
    definition::RESOURCE_GROUP,
    table::KIND,
    view::KIND,
    graph::KIND,
    routine::ENVIRONMENT,
    routine::FUNCTION,
    routine::PROCEDURE,
    principal::ROLE,
    principal::USER,
    definition::MONITOR,
    definition::CONTEXT,
    definition::CATALOG,
    definition::DIRECTORY,
    definition::SCHEMA,
];

/// Whether objects of the kind are one document that says itself what it refers to.
pub fn is_definition(kind: &str) -> bool {
    let kinds = ["context", "credential", "datasource", "datasink", "monitor"];
    kinds.contains(&kind) || ["catalog", "directory", "resource_group", "schema"].contains(&kind)
}

/// Nothing more is to be done.
pub fn finished(_: &mut Random, _: &mut Database) {}

/// What something of that schema is called in a file.
pub fn physical(schema: Option<&str>, name: &str) -> String {
    match schema {
        None | Some("main") => name.to_owned(),
        Some(schema) => format!("{schema}.{name}"),
    }
}

/// The name in double quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Everything that an object's name takes, as the target compares names.
pub fn places(name: &ObjectName) -> Vec<String> {
    let table = |suffix: &str| {
        let physical = physical(name.schema.as_deref(), &format!("{}{suffix}", name.name));
        format!("relation {}", physical.to_ascii_lowercase())
    };
    match name.kind.as_str() {
        "table" | "view" => vec![table("")],
        "graph" => vec![format!("graph {}", name.qualified()), table("_nodes"), table("_edges")],
        kind => vec![format!("{kind} {}", name.qualified())],
    }
}
