//! What the layout writes down of a table and the handler reads: the attributes, as JSON.

use reinstate_plugin::portable::TableAttributes;
use reinstate_plugin::tables::{Column, ValueType};
use reinstate_plugin::{Failure, Object};
use serde::{Deserialize, Serialize};

/// Form of a portal's table: XML with its schema.
pub(crate) const XML: &str = "docspace-xml";
/// Form of a table's rows in a dump: statements of MySQL.
pub(crate) const SQL: &str = "docspace-sql";
/// The dialect of defaults: both sorts of tables are described in PostgreSQL's words, for which every target has a use.
pub(crate) const DIALECT: &str = "postgresql";

/// Columns of a table, beyond which no target has room.
pub(crate) const MOST_COLUMNS: usize = 1600;

/// What the backup says of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attributes {
    /// The table, in the words of our own archives.
    pub(crate) table: TableAttributes,
    /// What the source has of it and no target is given, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<String>,
}

impl Attributes {
    /// The object's attributes. Fails with `docspace.bad_attributes`.
    pub(crate) fn of(object: &Object) -> Result<Self, Failure> {
        object.parse_attributes_as("docspace.bad_attributes")
    }

    /// The names of the columns, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.table.columns.iter().map(|column| column.name.clone()).collect()
    }
}

/// A column of that type without anything else.
pub(crate) fn column(name: String, (values, declared): (ValueType, &str), nullable: bool) -> Column {
    let declared = declared.to_owned();
    Column { name, values, declared, nullable, default: None, generated: None, collation: None }
}
