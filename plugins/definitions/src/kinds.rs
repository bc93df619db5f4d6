//! The kinds, whether they live in schemas, and the published schema of each.

/// A kind of definitions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Definition {
    pub(crate) kind: &'static str,
    pub(crate) in_schema: bool,
    /// Its JSON Schema, draft 2020-12.
    pub(crate) schema: &'static str,
}

macro_rules! definition {
    ($kind:literal, $in_schema:literal) => {
        Definition { kind: $kind, in_schema: $in_schema, schema: include_str!(concat!("../schemas/", $kind, ".json")) }
    };
}

/// Every kind.
pub(crate) const KINDS: [Definition; 9] = [
    definition!("catalog", false),
    definition!("context", true),
    definition!("credential", true),
    definition!("datasink", true),
    definition!("datasource", true),
    definition!("directory", false),
    definition!("monitor", true),
    definition!("resource_group", false),
    definition!("schema", false),
];

/// Whether objects of the kind live in a schema: definitions, tables and views do, users do not.
pub(crate) fn lives_in_schema(kind: &str) -> bool {
    let known = KINDS.iter().find(|definition| definition.kind == kind);
    known.map_or(kind != "user", |definition| definition.in_schema)
}
