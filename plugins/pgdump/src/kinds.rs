//! The kinds of objects that a dump holds: what the archive's words for them become.

/// What a sort of entry becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The entry's word in the dump.
    pub desc: &'static str,
    /// The object's kind.
    pub name: &'static str,
    /// Whether its objects live in a schema.
    pub home: Home,
}

/// Where objects of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In a schema.
    Schema,
    /// Outside schemas.
    Database,
    /// Where the object lives that they hang on.
    Either,
}

const fn kind(desc: &'static str, name: &'static str, home: Home) -> Kind {
    Kind { desc, name, home }
}

/// Rows that go through the root of a partitioned table, or into a foreign table.
pub const TABLE_ROWS: &str = "table_rows";
/// Tables, with their rows.
pub const TABLE: &str = "table";
/// Large objects.
pub const LARGE_OBJECT: &str = "large_object";
/// Roles that may sign in.
pub const USER: &str = "user";
/// Roles that may not.
pub const ROLE: &str = "role";
/// Tablespaces.
pub const TABLESPACE: &str = "tablespace";
/// What was granted on an object.
pub const PRIVILEGES: &str = "privileges";
/// A comment.
pub const COMMENT: &str = "comment";
/// A security label.
pub const SECURITY_LABEL: &str = "security_label";

/// Every sort of entry that pg_dump 9.0 to 18 and pg_dumpall write; what is not here is called like its word in snake case.
pub const KINDS: &[Kind] = &[
    kind("ACCESS METHOD", "access_method", Home::Database),
    kind("ACL", PRIVILEGES, Home::Either),
    kind("AGGREGATE", "aggregate", Home::Schema),
    kind("BLOB", LARGE_OBJECT, Home::Database),
    kind("BLOB METADATA", LARGE_OBJECT, Home::Database),
    kind("BLOBS", LARGE_OBJECT, Home::Database),
    kind("CAST", "cast", Home::Database),
    kind("CHECK CONSTRAINT", "check_constraint", Home::Schema),
    kind("COLLATION", "collation", Home::Schema),
    kind("COMMENT", COMMENT, Home::Either),
    kind("CONSTRAINT", "constraint", Home::Schema),
    kind("CONVERSION", "conversion", Home::Schema),
    kind("DATABASE", "database", Home::Database),
    kind("DATABASE PROPERTIES", "database_properties", Home::Database),
    kind("DEFAULT", "default", Home::Schema),
    kind("DEFAULT ACL", "default_privileges", Home::Either),
    kind("DOMAIN", "domain", Home::Schema),
    kind("EVENT TRIGGER", "event_trigger", Home::Database),
    kind("EXTENSION", "extension", Home::Database),
    kind("FK CONSTRAINT", "foreign_key", Home::Schema),
    kind("FOREIGN DATA WRAPPER", "foreign_data_wrapper", Home::Database),
    kind("FOREIGN TABLE", "foreign_table", Home::Schema),
    kind("FUNCTION", "user_defined_function", Home::Schema),
    kind("INDEX", "index", Home::Schema),
    kind("INDEX ATTACH", "index_attach", Home::Schema),
    kind("MATERIALIZED VIEW", "materialized_view", Home::Schema),
    kind("MATERIALIZED VIEW DATA", "materialized_view_rows", Home::Schema),
    kind("OPERATOR", "operator", Home::Schema),
    kind("OPERATOR CLASS", "operator_class", Home::Schema),
    kind("OPERATOR FAMILY", "operator_family", Home::Schema),
    kind("POLICY", "policy", Home::Schema),
    kind("PROCEDURAL LANGUAGE", "procedural_language", Home::Database),
    kind("PROCEDURE", "stored_procedure", Home::Schema),
    kind("PUBLICATION", "publication", Home::Database),
    kind("PUBLICATION TABLE", "publication_table", Home::Schema),
    kind("PUBLICATION TABLES IN SCHEMA", "publication_tables_in_schema", Home::Schema),
    kind("ROW SECURITY", "row_security", Home::Schema),
    kind("RULE", "rule", Home::Schema),
    kind("SCHEMA", "schema", Home::Database),
    kind("SECURITY LABEL", SECURITY_LABEL, Home::Either),
    kind("SEQUENCE", "sequence", Home::Schema),
    kind("SEQUENCE OWNED BY", "sequence_owned_by", Home::Schema),
    kind("SEQUENCE SET", "sequence_value", Home::Schema),
    kind("SERVER", "server", Home::Database),
    kind("SHELL TYPE", "shell_type", Home::Schema),
    kind("STATISTICS", "statistics", Home::Schema),
    kind("STATISTICS DATA", "statistics_data", Home::Schema),
    kind("SUBSCRIPTION", "subscription", Home::Database),
    kind("SUBSCRIPTION TABLE", "subscription_table", Home::Schema),
    kind("TABLE", TABLE, Home::Schema),
    kind("TABLE ATTACH", "table_attach", Home::Schema),
    kind("TABLE DATA", TABLE, Home::Schema),
    kind("TABLESPACE", TABLESPACE, Home::Database),
    kind("TEXT SEARCH CONFIGURATION", "text_search_configuration", Home::Schema),
    kind("TEXT SEARCH DICTIONARY", "text_search_dictionary", Home::Schema),
    kind("TEXT SEARCH PARSER", "text_search_parser", Home::Schema),
    kind("TEXT SEARCH TEMPLATE", "text_search_template", Home::Schema),
    kind("TRANSFORM", "transform", Home::Database),
    kind("TRIGGER", "trigger", Home::Schema),
    kind("TYPE", "type", Home::Schema),
    kind("USER MAPPING", "user_mapping", Home::Database),
    kind("VIEW", "view", Home::Schema),
];

/// Longest name of a kind in bytes.
const LONGEST: usize = 64;

/// The kind of an entry: from the table above, else its word in snake case, for an archive can hold any.
pub fn of(desc: &str) -> String {
    if let Ok(at) = KINDS.binary_search_by(|kind| kind.desc.cmp(desc)) {
        return KINDS[at].name.to_owned();
    }
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let name: String = desc.chars().take(LONGEST).map(plain).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(KINDS.is_sorted_by(|one, other| one.desc < other.desc));
    }

    #[test]
    fn every_word_has_a_kind() {
        for (desc, kind) in [
            ("TABLE DATA", "table"),
            ("FK CONSTRAINT", "foreign_key"),
            ("ACL", "privileges"),
            ("MATERIALIZED VIEW DATA", "materialized_view_rows"),
            ("PROPERTY GRAPH", "property_graph"),
            ("a\nb/é", "a_b__"),
            ("", "unknown"),
        ] {
            assert_eq!(of(desc), kind);
        }
        assert_eq!(of(&"x".repeat(100)).len(), 64);
    }
}
