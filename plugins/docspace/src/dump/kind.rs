//! Types of MySQL, as targets keep them.

use reinstate_plugin::tables::ValueType;

/// A type as it is declared.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// `int`, in lower case.
    pub(super) word: String,
    /// What stands in parentheses.
    pub(super) arguments: Vec<String>,
    pub(super) is_unsigned: bool,
}

impl Declared {
    /// The values' type and PostgreSQL's word for it. What has none stays text.
    pub(super) fn values(&self) -> (ValueType, String) {
        let (values, word) = match (self.word.as_str(), self.is_unsigned) {
            ("tinyint", _) if self.arguments == ["1"] => (ValueType::Boolean, "boolean"),
            ("bool" | "boolean", _) => (ValueType::Boolean, "boolean"),
            ("tinyint", _) | ("smallint", false) | ("year", _) => (ValueType::Integer, "smallint"),
            ("smallint" | "mediumint", _) | ("int" | "integer", false) => (ValueType::Integer, "integer"),
            ("int" | "integer", true) | ("bigint", false) => (ValueType::Integer, "bigint"),
            ("bigint", true) => (ValueType::Text, "numeric"),
            ("decimal" | "numeric" | "dec" | "fixed", _) => return (ValueType::Text, self.with_numbers("numeric")),
            ("float", _) => (ValueType::Real, "real"),
            ("double" | "real", _) => (ValueType::Real, "double precision"),
            ("varchar" | "char", _) => return (ValueType::Text, self.with_numbers("character varying")),
            ("datetime" | "timestamp", _) => (ValueType::Text, "timestamp without time zone"),
            ("date", _) => (ValueType::Text, "date"),
            ("json", _) => (ValueType::Text, "json"),
            ("binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob", _) => {
                (ValueType::Bytes, "bytea")
            }
            _ => (ValueType::Text, "text"),
        };
        (values, word.to_owned())
    }

    fn with_numbers(&self, word: &str) -> String {
        let are_numbers = self.arguments.iter().all(|argument| argument.parse::<u16>().is_ok());
        if self.arguments.is_empty() || !are_numbers {
            word.to_owned()
        } else {
            format!("{word}({})", self.arguments.join(","))
        }
    }
}
